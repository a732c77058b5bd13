"""Pushing to real servers on loopback, and pull requests through `gh` or a link."""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import pytest

from core.errors import GitError, Refused, UserError
from core.model import Workspace
from git_ops import pull_request
from git_ops.landing import send
from git_ops.pull_request import Remote
from git_ops.repositories import Repositories
from tests.fakes.checkout import Checkout, git
from tests.fakes.git_server import http_backend, origin_of
from tests.unit.git_room.crowd import crash_at, site
from tests.unit.git_room.steps import saved


@pytest.fixture
def repositories(tmp_path: Path) -> Repositories:
    return Repositories(tmp_path / "home")


@pytest.fixture
def served(tmp_path: Path, owner: Checkout) -> Iterator[Path]:
    """A bare repository behind `git daemon`, set as the owner's `origin`."""
    with origin_of(owner, tmp_path / "served") as served:
        yield served


async def sent(repositories: Repositories, owner: Checkout, workspace: Workspace) -> str:
    return await repositories.open_pull_request(
        owner.project, workspace, expected_head=workspace.head, title="Title", body="Body"
    )


async def test_branch_alone_is_pushed_and_follow_ups_update_it(
    repositories: Repositories, owner: Checkout, served: Path
) -> None:
    owner.git("branch", "private")
    first = await saved(repositories, owner)
    plan = await repositories.pull_request_plan(owner.project, first)
    assert f"Push {first.branch} (1 commit, up to {first.head[:10]}) to origin" in plan
    assert "into main" in plan
    assert first.branch in await sent(repositories, owner, first)
    listed = git(served, "for-each-ref", "--format=%(refname)").splitlines()
    assert listed == [f"refs/heads/{first.branch}", "refs/heads/main"]
    second = await saved(repositories, owner, "2\n")
    await sent(repositories, owner, second)
    assert git(served, "rev-parse", second.branch) == second.head
    back = await repositories.undo(owner.project, second, None)
    await sent(repositories, owner, back)
    assert git(served, "rev-parse", second.branch) == back.head == first.head


async def test_branch_that_someone_else_moved_is_left_alone(
    repositories: Repositories, owner: Checkout, served: Path
) -> None:
    first = await saved(repositories, owner)
    await sent(repositories, owner, first)
    git(served, "update-ref", f"refs/heads/{first.branch}", first.base)
    second = await saved(repositories, owner, "2\n")
    with pytest.raises(Refused, match="changed by someone else"):
        await sent(repositories, owner, second)
    assert git(served, "rev-parse", first.branch) == first.base


async def test_branch_that_was_there_before_is_left_alone(
    repositories: Repositories, owner: Checkout, served: Path
) -> None:
    first = await saved(repositories, owner)
    git(served, "branch", first.branch, "main")
    with pytest.raises(Refused, match="changed by someone else"):
        await sent(repositories, owner, first)


@pytest.mark.filterwarnings("ignore:.*fork:DeprecationWarning")
async def test_push_that_gofer_did_not_live_to_record_is_known_as_its_own(
    repositories: Repositories, owner: Checkout, served: Path, tmp_path: Path
) -> None:
    """Killed at one place after another, with more work after each; then somebody else pushes."""

    here = site(owner, tmp_path / "home")
    remote = Remote("origin", "", "main")

    def crash(line: int | None, tip: str) -> int:
        send(here.owner, here.clone, tip)
        push = partial(pull_request.push, here.owner, here.record, remote, branch, tip)
        return crash_at(line, push, within="/pull_request.py")

    head = await saved(repositories, owner, "0\n")
    branch, unheard = head.branch, 0
    for line in range(1, crash(None, head.head) + 1):
        head = await saved(repositories, owner, f"{line}\n")
        crash(line, head.head)
        known = here.record.read("pushed") or {}
        unheard += git(served, "rev-parse", branch) == head.head != known["origin"]
    assert unheard
    head = await saved(repositories, owner, "last\n")
    await sent(repositories, owner, head)
    assert git(served, "rev-parse", head.branch) == head.head
    git(served, "update-ref", f"refs/heads/{head.branch}", head.base)
    with pytest.raises(Refused, match="changed by someone else"):
        await sent(repositories, owner, head)


async def test_hooks_do_not_run_on_a_push(
    repositories: Repositories, owner: Checkout, served: Path, tmp_path: Path
) -> None:
    hook = owner.put(".git/hooks/pre-push", f"#!/bin/sh\ntouch {tmp_path}/canary\n")
    hook.chmod(0o755)
    await sent(repositories, owner, await saved(repositories, owner))
    assert not (tmp_path / "canary").exists()


async def test_decision_is_bound_to_the_commit_seen(
    repositories: Repositories, owner: Checkout, served: Path
) -> None:
    first = await saved(repositories, owner)
    with pytest.raises(Refused, match="moved"):
        await repositories.open_pull_request(
            owner.project, first, expected_head=first.base, title="x", body=""
        )


async def test_push_over_http_with_a_password(
    repositories: Repositories, owner: Checkout, tmp_path: Path
) -> None:
    """Against git's own http-backend; the password comes from where the owner keeps it."""
    folder = tmp_path / "served"
    git(tmp_path, "clone", "--quiet", "--bare", str(owner.path), str(folder / "app.git"))
    git(folder / "app.git", "config", "http.receivepack", "true")
    first = await saved(repositories, owner)
    with http_backend(folder, password="right") as port:
        owner.git("remote", "add", "origin", f"http://ada@127.0.0.1:{port}/app.git")
        owner.git("config", "credential.helper", "!f() { echo password=wrong; }; f")
        with pytest.raises(GitError, match=r"(?i)authentication failed.*at your desk"):
            await sent(repositories, owner, first)
        owner.git("config", "credential.helper", "")
        with pytest.raises(GitError, match=r"could not read Password.*Push once at your desk"):
            await sent(repositories, owner, first)
        owner.git("config", "--add", "credential.helper", "!f() { echo password=right; }; f")
        told = await sent(repositories, owner, first)
    assert "ada@" not in told
    assert git(folder / "app.git", "rev-parse", first.branch) == first.head


async def test_no_remote_is_said(repositories: Repositories, owner: Checkout) -> None:
    first = await saved(repositories, owner)
    with pytest.raises(UserError, match="no remote"):
        await repositories.pull_request_plan(owner.project, first)


@dataclass(frozen=True, slots=True)
class Program:
    """A stand-in for `gh` or `glab` on the PATH that notes what it is asked."""

    path: Path

    @classmethod
    def install(cls, folder: Path, name: str, body: str) -> Program:
        folder.mkdir()
        (folder / name).write_text(
            f'#!/bin/sh\nprintf "%s\\n" "$@" "--" >>{folder}/asked\n{body}\n'
        )
        (folder / name).chmod(0o755)
        return cls(folder / name)

    @property
    def asked(self) -> list[list[str]]:
        whole = self.path.with_name("asked").read_text().split("--\n")
        return [call.splitlines() for call in whole[:-1]]


def posing_as(owner: Checkout, served: Path, address: str, folder: Path) -> None:
    """The remote has this address; what the owner set up as ssh leads to a folder here."""
    owner.git("remote", "set-url", "origin", address)
    ssh = folder / "ssh"
    ssh.write_text(f"#!/bin/sh\nexec git receive-pack '{served}'\n")
    ssh.chmod(0o755)
    owner.git("config", "core.sshCommand", str(ssh))
    owner.git("config", "ssh.variant", "simple")


GH = [
    "pr", "create", "--repo", "github.com/ada/app", "--head", "gofer/abcd1234-x", "--base", "main",
    "--title", "Title", "--body", "Body",
]  # fmt: skip
GLAB = [
    "mr", "create", "--repo", "https://gitlab.com/group/sub/app", "--source-branch",
    "gofer/abcd1234-x", "--target-branch", "main", "--title", "Title", "--description", "Body",
    "--yes",
]  # fmt: skip


@pytest.mark.parametrize(
    ("name", "address", "opened", "asked"),
    [
        ("gh", "git@github.com:ada/app.git", "https://github.com/ada/app/pull/7", GH),
        (
            "glab",
            "ssh://git@gitlab.com/group/sub/app.git",
            "https://gitlab.com/group/sub/app/-/merge_requests/7",
            GLAB,
        ),
    ],
)
async def test_program_opens_it_where_it_is_installed(
    repositories: Repositories,
    owner: Checkout,
    served: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    name: str,
    address: str,
    opened: str,
    asked: list[str],
) -> None:
    posing_as(owner, served, address, tmp_path)
    program = Program.install(tmp_path / "bin", name, f"echo Done: {opened}")
    monkeypatch.setenv("PATH", str(program.path.parent), prepend=os.pathsep)
    first = await saved(repositories, owner)
    assert f"with {name}" in await repositories.pull_request_plan(owner.project, first)
    assert await sent(repositories, owner, first) == opened
    assert git(served, "rev-parse", first.branch) == first.head
    host = asked[3].removeprefix("https://").partition("/")[0]
    assert program.asked == [*[["auth", "status", "--hostname", host]] * 2, asked]


@pytest.mark.parametrize(("name", "host"), [("gh", "github.com"), ("glab", "gitlab.com")])
@pytest.mark.parametrize("trouble", ["not logged in", "exists", "fails"])
async def test_program_that_opens_none(
    repositories: Repositories,
    owner: Checkout,
    served: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    name: str,
    host: str,
    trouble: str,
) -> None:
    """The address of the one that is there already, else the link that opens one by hand."""
    there = f"https://{host}/ada/app/{'pull' if name == 'gh' else '-/merge_requests'}/3"
    bodies = {
        "not logged in": "exit 1",
        "exists": f"test $1 = auth || {{ echo 'exists already: {there}' >&2; exit 1; }}",
        "fails": "test $1 = auth || { echo 'no such thing' >&2; exit 1; }",
    }
    posing_as(owner, served, f"git@{host}:ada/app.git", tmp_path)
    program = Program.install(tmp_path / "bin", name, bodies[trouble])
    monkeypatch.setenv("PATH", str(program.path.parent), prepend=os.pathsep)
    first = await saved(repositories, owner)
    told = await sent(repositories, owner, first)
    assert git(served, "rev-parse", first.branch) == first.head
    assert told == there if trouble == "exists" else told.startswith(f"https://{host}/ada/app/")


async def test_words_that_no_command_line_holds_are_sent_without_it(
    repositories: Repositories,
    owner: Checkout,
    served: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    posing_as(owner, served, "git@github.com:ada/app.git", tmp_path)
    program = Program.install(tmp_path / "bin", "gh", "echo https://github.com/ada/app/pull/7")
    monkeypatch.setenv("PATH", str(program.path.parent), prepend=os.pathsep)
    first = await saved(repositories, owner)
    await repositories.open_pull_request(
        owner.project, first, expected_head=first.head, title="a\0b", body="half \ud800 of it"
    )
    assert program.asked[-1][-3:] == [
        "a\N{REPLACEMENT CHARACTER}b",
        "--body",
        "half \N{REPLACEMENT CHARACTER} of it",
    ]


@pytest.mark.parametrize(
    ("address", "link"),
    [
        (
            "git@github.com:ada/app.git",
            "https://github.com/ada/app/compare/main...gofer/x?expand=1",
        ),
        (
            "https://github.com/ada/app",
            "https://github.com/ada/app/compare/main...gofer/x?expand=1",
        ),
        (
            "ssh://git@gitlab.com:22/group/sub/app.git",
            "https://gitlab.com/group/sub/app/-/merge_requests/new?merge_request[source_branch]="
            "gofer%2Fx&merge_request[target_branch]=main",
        ),
        (
            "https://bitbucket.org/ada/app.git",
            "https://bitbucket.org/ada/app/pull-requests/new?source=gofer%2Fx&dest=main",
        ),
        (
            "https://codeberg.org/ada/app.git",
            "https://codeberg.org/ada/app/compare/main...gofer/x",
        ),
        ("/srv/git/app.git", None),
        ("ssh://example.org/app.git", None),
    ],
)
def test_compare_links(address: str, link: str | None) -> None:
    assert Remote("origin", address, "main").compare_link("gofer/x") == link


def test_the_page_has_the_title_where_it_takes_one() -> None:
    def link(host: str) -> str:
        remote = Remote("origin", f"https://{host}/ada/app.git", "main")
        return (remote.compare_link("gofer/x", "A & b?") or "").partition("main")[2]

    assert link("github.com") == "...gofer/x?expand=1&title=A%20%26%20b%3F"
    assert link("gitlab.com") == "&merge_request[title]=A%20%26%20b%3F"
    assert link("codeberg.org") == "...gofer/x"
