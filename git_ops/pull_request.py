"""Sending a task's branch to the remote and asking for it to be pulled.

Pushes with the owner's own credentials and configuration, without hooks, one branch of ours and
nothing else. A remote branch that moved by another hand is refused, never overwritten.
"""

from __future__ import annotations

import re
import shutil
from dataclasses import dataclass
from urllib.parse import quote

from core.errors import GitError, Refused, UserError
from git_ops.clone import Clone, Origin, Record
from git_ops.git import NETWORK_TIMEOUT_S, Result, execute, sayable
from git_ops.landing import send
from git_ops.merge import require_head
from git_ops.owner import Owner

# host, path of the repository -> page that compares two branches
COMPARE = {
    "github": "https://{host}/{path}/compare/{target}...{branch}?expand=1",
    "gitlab": (
        "https://{host}/{path}/-/merge_requests/new"
        "?merge_request[source_branch]={branch}&merge_request[target_branch]={target}"
    ),
    "bitbucket": "https://{host}/{path}/pull-requests/new?source={branch}&dest={target}",
    "gitea": "https://{host}/{path}/compare/{target}...{branch}",
}
TITLED = {"github": "&title={}", "gitlab": "&merge_request[title]={}"}  # where the page takes one
ADDRESS = re.compile(
    r"(?:(?:https?|ssh|git)://(?:[^/@]*@)?(?P<host>[^/:]+)(?::\d+)?/|(?:[^/@:]+@)?(?P<scp>[^/:]+):)"
    r"(?P<path>[^:].*?)(?:\.git)?/?"
)
REFUSED_LOGIN = re.compile(
    rb"Authentication failed|could not read (Username|Password)|Permission denied|error: 403"
)
LOG_IN = (
    " It does not accept the login that git has here. Push once at your desk, "
    "so that git keeps the right one, then try again."
)
LATER = (
    "Later turns of this task are pushed to it as well, unless the check fails or there is "
    "something in them for you to look at first."
)
OPENED = re.compile(r"https?://\S+/(?:pull|merge_requests)/\d+")


@dataclass(frozen=True, slots=True)
class Remote:
    """Where the branch goes. `url` is where pushes go, without any password."""

    name: str
    url: str
    target: str  # branch over there that the change is meant for

    @property
    def host(self) -> str | None:
        found = ADDRESS.fullmatch(self.url)
        return (found["host"] or found["scp"]) if found else None

    @property
    def path(self) -> str | None:
        found = ADDRESS.fullmatch(self.url)
        return found["path"] if found else None

    def compare_link(self, branch: str, title: str = "") -> str | None:
        """The web page that opens a pull request; None for a host of an unknown kind."""
        if self.host is None or self.path is None:
            return None
        kind = _kind(self.host)
        if kind is None:
            return None
        safe = "/" if kind in ("github", "gitea") else ""
        titled = TITLED.get(kind, "").format(quote(title, safe="")) if title else ""
        link = COMPARE[kind].format(
            host=self.host,
            path=quote(self.path),
            target=quote(self.target, safe=safe),
            branch=quote(branch, safe=safe),
        )
        return link + titled


def _kind(host: str) -> str | None:
    names = {"codeberg.org": "gitea", "forgejo": "gitea"}
    for word in (*names, *COMPARE):
        if word in host:
            return names.get(word, word)
    return None


def remote_of(owner: Owner, origin: Origin) -> Remote:
    """The target's own remote, else `origin`, else the only one. Raises UserError without one."""
    names = owner.git.text("remote").splitlines()
    target = origin.target or owner.current_branch() or "main"
    configured = owner.git.maybe("config", "--get", f"branch.{target}.remote")
    name = next((n for n in (configured, "origin", *names[:1]) if n in names), None)
    if name is None:
        raise UserError(
            f"{owner.path.name} has no remote to push to. "
            "Add one (git remote add origin URL), or merge here instead."
        )
    merges = owner.git.maybe("config", "--get", f"branch.{target}.merge") or target
    address = owner.git.text("remote", "get-url", "--push", "--", name)
    bare = re.sub(r"(?<=://)[^/@]*@", "", address)
    return Remote(name, bare, merges.removeprefix("refs/heads/"))


def plan(owner: Owner, clone: Clone, record: Record, origin: Origin) -> str:
    """What `open_` would push and open, in words."""
    remote = remote_of(owner, origin)
    tip = clone.tip_of(origin.branch)
    commits = _counted(clone.git.text("rev-list", "--count", tip, f"^{origin.base}"))
    others = carried(owner, clone, record, origin, remote)
    more = f", and {_counted(others)} of yours that {remote.name} has not got" if others else ""
    how = _program(owner, remote)
    link = "give you the link that opens one" if remote.compare_link("x") else "say so"
    then = f"open a pull request with {how}" if how else link
    return (
        f"Push {origin.branch} ({commits}, up to {tip[:10]}{more}) to {remote.name} "
        f"({remote.url}), then {then}, into {remote.target}. Nothing else is pushed now. {LATER}"
    )


def _counted(count: int | str) -> str:
    return "1 commit" if int(count) == 1 else f"{count} commits"


def carried(
    owner: Owner, clone: Clone, record: Record, origin: Origin, remote: Remote, *sent: str
) -> int:
    """How many commits that are not the task's a push of its branch would bring to the remote.

    The owner's, below the base or taken in with the target. 0 where the remote was never fetched:
    what it has is not known then. Their objects must be in the owner's repository.
    """
    tip = clone.tip_of(origin.branch)
    taken = (record.read("taken") or {}).items()
    below = [origin.base, *(str(target) for at, target in taken if clone.is_ancestor(at, tip))]
    if not owner.git.text("for-each-ref", "--count=1", f"refs/remotes/{remote.name}/"):
        return 0
    there = ("--not", f"--remotes={remote.name}", *sent)
    return int(owner.git.text("rev-list", "--count", *below, *there))


def open_(
    owner: Owner,
    clone: Clone,
    record: Record,
    origin: Origin,
    *,
    expected_head: str,
    title: str,
    body: str,
) -> str:
    """Push, and return the address of the pull request, else of the page that opens one."""
    tip = clone.tip_of(origin.branch)
    require_head(tip, expected_head)
    if tip == origin.base:
        raise Refused("The task changed nothing, so there is nothing to send.")
    if origin.snapshot:
        raise Refused(
            "The task started from your uncommitted changes, which a pull request would carry. "
            "Merge it here instead."
        )
    remote = remote_of(owner, origin)
    with clone.lock():
        send(owner, clone, tip)
    push(owner, record, remote, origin.branch, tip)
    record.write("opened", {"remote": remote.name, "url": remote.url})
    return _open_with_program(owner, remote, origin.branch, sayable(title), sayable(body)) or (
        remote.compare_link(origin.branch, sayable(title))
        or f"{origin.branch} is on {remote.name} ({remote.url})."
    )


def push(
    owner: Owner, record: Record, remote: Remote, branch: str, tip: str, *, anew: bool = True
) -> None:
    """Bring the remote's branch to `tip` if it is where we last put it (`anew`: or not there).

    What is about to be pushed is on record before, since a crash or a broken line may leave the
    remote there without our hearing of it.
    """
    pushed, intended = record.read("pushed") or {}, record.read("pushing") or {}
    ours = dict.fromkeys([pushed.get(remote.name, ""), *intended.get(remote.name, [])])
    ours.pop("", None)
    record.write("pushing", {**intended, remote.name: [*ours, tip]})
    for before in (*ours, "") if anew else ours:
        answer = _push_once(owner, remote, f"refs/heads/{branch}", before, tip)
        if answer.status == 0 or b"stale info" not in answer.out + answer.err:
            break
    else:
        record.write("pushing", intended)
        raise Refused(
            f"{branch} on {remote.name} was changed by someone else"
            f"{'' if anew else ' (or removed)'}, so it is left alone."
        )
    if answer.status != 0:
        hint = LOG_IN if REFUSED_LOGIN.search(answer.err) else ""
        raise GitError(f"The push to {remote.name} failed: {answer.reason}{hint}")
    record.write("pushed", {**pushed, remote.name: tip})
    record.write("pushing", {**intended, remote.name: []})


def _push_once(owner: Owner, remote: Remote, ref: str, before: str, tip: str) -> Result:
    """Refused as stale unless the remote's branch is at `before` (empty: is not there)."""
    lease = f"--force-with-lease={ref}:{before}"
    # newer git takes hooks from the configuration as well, hence --no-verify
    options = ("--no-verify", "--no-follow-tags", "--porcelain")
    target = ("--", remote.name, f"{tip}:{ref}")
    return owner.git.call("push", *options, lease, *target, timeout_s=NETWORK_TIMEOUT_S)


def _program(owner: Owner, remote: Remote) -> str | None:
    """`gh` or `glab`, where it is installed and logged in to the remote's host."""
    kind = _kind(remote.host) if remote.host else None
    name = {"github": "gh", "gitlab": "glab"}.get(kind or "")
    if name is None or shutil.which(name) is None:
        return None
    asked = _call(owner, name, "auth", "status", "--hostname", str(remote.host))
    return name if asked.status == 0 else None


def _call(owner: Owner, *command: str) -> Result:
    """A program of the owner's, with the environment that git of theirs has."""
    unset = ["env", *owner.git.forgets, "GH_PROMPT_DISABLED=1", "NO_COLOR=1"]
    return execute([*unset, *command], cwd=owner.path, stdin=b"", timeout_s=NETWORK_TIMEOUT_S)


def _open_with_program(
    owner: Owner, remote: Remote, branch: str, title: str, body: str
) -> str | None:
    """The address of the new (or existing) pull request; None where it could not be opened."""
    program = _program(owner, remote)
    into = remote.target
    repository = f"{remote.host}/{remote.path}"
    commands = {
        "gh": ["pr", "create", "--repo", repository, "--head", branch, "--base", into,
               "--title", title, "--body", body],
        "glab": ["mr", "create", "--repo", f"https://{repository}", "--source-branch", branch,
                 "--target-branch", into, "--title", title, "--description", body, "--yes"],
    }  # fmt: skip
    if program is None:
        return None
    answer = _call(owner, program, *commands[program])
    # an existing pull request is an error to both programs, and its address is in the message
    found = OPENED.findall((answer.out + b"\n" + answer.err).decode("utf-8", "replace"))
    return found[-1] if found else None
