"""The owner's repository, as the owner set it up: read here, moved only by `git_ops.landing`."""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from io import BytesIO
from pathlib import Path

from core.errors import UserError
from core.model import TrackedFile
from git_ops.git import Git, fields, owners, shown

HEADS = "refs/heads/"
LISTED = "--format=%(HEAD)%(objectname) %(refname)"  # a star or a space comes first
SETTINGS = r"^(user\.(name|email)|core\.excludesfile)$"
LATELY = 30  # commits that count as the last ones
MOST_CHANGED = 300  # files of them


def filters(git: Git) -> set[str]:
    """Names of the filter drivers that the owner has configured."""
    listed = git.maybe("config", "--name-only", "--get-regexp", r"^filter\.") or ""
    return {line.split(".", 1)[1].rsplit(".", 1)[0] for line in listed.splitlines()}


def unfiltered(git: Git) -> Git:
    """Without the owner's filter programs: a change could decide what they run, and on what."""
    keys = ("smudge=", "clean=", "process=", "required=false")
    return git.configured(*(f"filter.{name}.{key}" for name in filters(git) for key in keys))


def _is_plain(path: Path) -> bool:
    """Whether it is an ordinary repository of ours for certain. False: git has to say."""
    git_dir = path / ".git"
    try:
        theirs = any(place.lstat().st_uid != os.geteuid() for place in (path, git_dir))
    except OSError:
        return False
    parts = (
        (git_dir / "HEAD").is_file(),
        (git_dir / "objects").is_dir(),
        (git_dir / "refs").is_dir(),
    )
    return all(parts) and not theirs and not git_dir.is_symlink()


@dataclass(frozen=True, slots=True)
class Checkout:
    """A folder of the owner's in which a branch is checked out."""

    path: Path
    branch: str | None


@dataclass(frozen=True, slots=True)
class Seen:
    """The owner's branches at one moment."""

    listing: bytes  # of branches and tags; the same one means that nothing has moved
    tips: Mapping[str, str]
    current: str | None  # the branch that is checked out; None for a detached head


@dataclass(frozen=True, slots=True)
class Owner:
    path: Path
    git: Git
    git_dir: Path
    _said: dict[str, str] = field(default_factory=dict)  # asked once

    @classmethod
    def at(cls, path: Path) -> Owner:
        """Raises UserError for a folder that is no repository of its own."""
        if not path.is_dir():
            raise UserError(f"There is no folder {path}. Mend the project's path, or remove it.")
        git = owners(path)
        if _is_plain(path):
            return cls(path, git, path / ".git")
        answer = git.call("rev-parse", "--git-dir")
        if answer.status == 0:
            return cls(path, git, path / os.fsdecode(answer.out).removesuffix("\n"))
        if "dubious ownership" in answer.reason:
            raise UserError(
                f"{path} belongs to another user. If you trust it: "
                f"git config --global --add safe.directory '{path}'"
            )
        if "not a git repository" not in answer.reason:
            raise UserError(f"git cannot read {path}: {answer.reason}")
        raise UserError(
            f"{path} is not a git repository. Make it one: "
            f"cd '{path}' && git init && git add . && git commit -m Start"
        )

    def resolve(self, ref: str) -> str:
        """The commit id that a branch, tag or commit names. Raises UserError."""
        commit = self.git.maybe("rev-parse", "--verify", "--quiet", f"{ref}^{{commit}}")
        if commit is not None and commit.isalnum():  # "^main" would name all but it
            return commit
        if ref == "HEAD":
            raise UserError(
                f"{self.path} has no commit yet. Make one: git add . && git commit -m Start"
            )
        known = ", ".join(self.branches()[:10])
        raise UserError(f"{self.path.name} has no branch, tag or commit {ref!r}. It has: {known}.")

    def tip(self, branch: str) -> str | None:
        return self.git.maybe("rev-parse", "--verify", "--quiet", f"refs/heads/{branch}^{{commit}}")

    def branches(self) -> list[str]:
        """Local branches, the most recently used first."""
        listing = ("for-each-ref", "--sort=-committerdate", "--format=%(refname:lstrip=2)")
        return self.git.text(*listing, "refs/heads").splitlines()

    def recently_changed(self) -> list[str]:
        """Files that the last commits touched, the latest first."""
        listing = ("log", f"-n{LATELY}", "--format=", "--name-only", "-z", "--no-renames", "HEAD")
        paths = (shown(path) for path in fields(self.git.run(*listing)))
        return list(dict.fromkeys(paths))[:MOST_CHANGED]

    def look(self) -> Seen:
        """Its branches, all in one call."""
        listing = self.git.run("for-each-ref", LISTED, "refs/heads", "refs/tags")
        tips, current = {}, None
        for line in os.fsdecode(listing).split("\n")[:-1]:
            tip, _, name = line[1:].partition(" ")
            if name.startswith(HEADS):
                tips[name.removeprefix(HEADS)] = tip
                current = name.removeprefix(HEADS) if line.startswith("*") else current
        return Seen(listing, tips, current)

    def current_branch(self) -> str | None:
        """None for a detached head."""
        return self.git.maybe("symbolic-ref", "--quiet", "--short", "HEAD")

    def identity(self) -> dict[str, str]:
        """Who commits are by, as environment variables of git."""
        values = self._settings()
        name = values.get("user.name") or "Gofer"
        email = values.get("user.email") or "gofer@localhost"
        return {
            "GIT_AUTHOR_NAME": name,
            "GIT_AUTHOR_EMAIL": email,
            "GIT_COMMITTER_NAME": name,
            "GIT_COMMITTER_EMAIL": email,
        }

    def ignore_file(self) -> Path:
        """What the owner ignores everywhere; there need not be one."""
        said = self._settings().get("core.excludesfile")
        folder = os.environ.get("XDG_CONFIG_HOME") or "~/.config"
        named = f"{folder}/git/ignore" if said is None else said
        return self.path / Path(named).expanduser()

    def _settings(self) -> dict[str, str]:
        """Of those that matter here the last ones, which count."""
        if not self._said:
            said = self.git.call("config", "-z", "--get-regexp", SETTINGS).out
            lines = (line.partition("\n") for line in os.fsdecode(said).split("\0"))
            self._said.update((name, value) for name, _, value in lines)
        return self._said

    def file(self, name: str) -> Path:
        """A file of the git directory; linked work trees share all but their index."""
        shared = self.git_dir / "commondir"
        if name == "index" or not shared.is_file():
            return self.git_dir / name
        return self.git_dir / os.fsdecode(shared.read_bytes()).rstrip("\n") / name

    def checkouts(self) -> list[Checkout]:
        """Every work tree of the repository, linked ones included."""
        found = []
        listing = self.git.run("worktree", "list", "--porcelain", "-z")
        for block in listing.split(b"\0\0"):
            about = dict(line.partition(b" ")[::2] for line in block.split(b"\0") if line)
            if b"worktree" not in about or b"bare" in about or b"prunable" in about:
                continue
            branch = about.get(b"branch", b"").decode("utf-8", "surrogateescape")
            path = Path(about[b"worktree"].decode("utf-8", "surrogateescape"))
            found.append(Checkout(path, branch.removeprefix("refs/heads/") or None))
        return found

    def busy(self) -> bool:
        """Whether git is changing files or index in one of its work trees."""
        shared = self.file("index.lock").parent
        held = (self.git_dir / "index.lock", *shared.glob("worktrees/*/index.lock"))
        return any(lock.exists() for lock in held)

    def snapshot_tree(self, objects: Path) -> str:
        """The tree of the checkout as it lies there, untracked files included.

        New objects go to `objects` (which must have those of HEAD); nothing here is written.
        """
        with tempfile.TemporaryDirectory(prefix="gofer-") as folder:
            index = Path(folder) / "index"
            if self.file("index").exists():
                shutil.copyfile(self.file("index"), index)  # so that unchanged files are not read
            git = self.git.using(GIT_INDEX_FILE=index, GIT_OBJECT_DIRECTORY=objects)
            git.run("read-tree", "--reset", "HEAD")
            git.run("add", "--all")
            return git.text("write-tree")

    def tracked_files(self) -> list[TrackedFile]:
        """Files of the checked-out commit; links and submodules are left out."""
        found = []
        for entry in fields(
            self.git.run("ls-tree", "-r", "-z", "--full-tree", self.resolve("HEAD"))
        ):
            about, _, path = entry.partition(b"\t")
            mode, _, blob = about.decode().split(" ")
            if mode.startswith("100"):
                found.append(TrackedFile(shown(path), blob))
        return found

    def read_blobs(self, blobs: Sequence[str]) -> dict[str, bytes]:
        """Contents by id; ids that are not there are left out."""
        asked = [blob for blob in dict.fromkeys(blobs) if blob.isalnum()]
        output = BytesIO(self.git.run("cat-file", "--batch", stdin="\n".join(asked).encode()))
        found = {}
        for blob in asked:
            header = output.readline()
            if not header.endswith(b" missing\n"):
                found[blob] = output.read(int(header.rsplit(b" ", 1)[1]))
                output.read(1)  # a line end behind each
        return found
