"""Gofer's own bare clone of a project, and its notebook for each task.

No agent can write here, and no object file shares an inode with the owner's repository. What the
references mean:

    refs/heads/gofer/*       the branches of tasks; these are the truth
    refs/owner/*             what the owner has, as of the last refresh
    refs/gofer/published/*   where we last put a branch in the owner's repository
    refs/gofer/kept/*        tips of discarded branches
    refs/gofer/landed/*      commits on their way into a branch of the owner's
"""

from __future__ import annotations

import fcntl
import json
import os
import re
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from hashlib import sha256
from pathlib import Path
from typing import Any
from urllib.parse import quote

from core.errors import GitError, UserError
from git_ops import lfs
from git_ops.git import Git, ours, sayable
from git_ops.owner import Owner, Seen

SEEN = "gofer-seen"  # what the owner had at the last refresh
TASK_ID = re.compile(r"[0-9a-z][0-9a-z-]{0,63}")


@dataclass(frozen=True, slots=True)
class Origin:
    """Where a task's branch started; fixed when its workspace is made."""

    branch: str
    base: str
    target: str | None  # the owner's branch that it goes back to; None: whatever is checked out
    snapshot: bool = False  # the base holds uncommitted changes, which do not land with the task


@dataclass(frozen=True, slots=True)
class Record:
    """The notebook of one task, beside the clone. Files are replaced whole or appended to."""

    folder: Path

    @property
    def task_id(self) -> str:
        return self.folder.name

    @property
    def index(self) -> Path:
        """What we know of the work tree; the agent has a copy of its own."""
        return self.folder / "index"

    @property
    def exclude(self) -> Path:
        return self.folder / "exclude"

    @contextmanager
    def lock(self) -> Iterator[None]:
        """One operation at a time on a task's files. Taken before the clone's lock, never after."""
        with locked(self.folder / "lock"):
            yield

    def origin(self) -> Origin | None:
        """None where the branch was never made."""
        found = self.read("origin")
        return Origin(**found) if found else None

    def read(self, name: str) -> dict[str, Any] | None:
        try:
            return dict(json.loads((self.folder / f"{name}.json").read_bytes()))
        except FileNotFoundError:
            return None

    def write(self, name: str, values: dict[str, object]) -> None:
        """Durable when this returns, and never seen half-written."""
        replace_file(self.folder / f"{name}.json", json.dumps(values).encode())

    def forget(self, name: str) -> None:
        (self.folder / f"{name}.json").unlink(missing_ok=True)

    def start(self, origin: Origin) -> None:
        self.write("origin", asdict(origin))

    def note(self, commit: str, text: str) -> None:
        """Something about this commit that the review should say."""
        with (self.folder / "notes").open("a", encoding="utf-8", errors="replace") as notes:
            notes.write(f"{commit} {' '.join(text.split())}\n")

    def notes(self, commits: Sequence[str]) -> list[str]:
        """What was noted about these commits, each thing once."""
        try:
            lines = (self.folder / "notes").read_text("utf-8").splitlines()
        except FileNotFoundError:
            return []
        split = (line.partition(" ") for line in lines)
        return list(dict.fromkeys(text for commit, _, text in split if commit in set(commits)))


@dataclass(frozen=True, slots=True)
class Clone:
    path: Path
    git: Git

    @classmethod
    def of(cls, home: Path, project: str) -> Clone:
        path = home / "repos" / f"{folder_name(project)}.git"
        return cls(path, ours(path))

    @contextmanager
    def lock(self) -> Iterator[None]:
        """One at a time, over threads and processes. Never held while talking to a network."""
        with locked(self.path.with_suffix(".lock")):
            yield

    def record(self, task_id: str) -> Record:
        if not TASK_ID.fullmatch(task_id):
            raise UserError(f"{task_id!r} is not the id of a task.")
        return Record(self.path / "gofer" / task_id)

    def records(self) -> list[Record]:
        folder = self.path / "gofer"
        return [Record(path) for path in sorted(folder.iterdir())] if folder.is_dir() else []

    def refresh(self, owner: Owner) -> Seen:
        """Fetch what the owner has, creating the clone the first time. Hold the lock.

        Where nothing has moved since the last time there is nothing to fetch.
        """
        ready, last = self.path / "gofer-ready", self.path / SEEN
        if not ready.exists():
            self.path.mkdir(parents=True, exist_ok=True)
            form = owner.git.text("rev-parse", "--show-object-format")
            self.git.run("init", "--quiet", "--bare", "--template=", f"--object-format={form}")
            ready.touch()
        lfs.share_store(self.path, owner.file("lfs"))
        seen = owner.look()
        if not last.exists() or last.read_bytes() != seen.listing:
            self.take(owner, "+refs/heads/*:refs/owner/heads/*", "+refs/tags/*:refs/owner/tags/*")
            replace_file(last, seen.listing)
        return seen

    def starting_point(self, owner: Owner, base: str | None) -> tuple[str, str | None]:
        """The commit of a base (None: what is checked out), which is here then, and its branch.

        Refreshes; hold the lock. Raises UserError.
        """
        seen = self.refresh(owner)
        branch = seen.current if base in (None, "HEAD") else base
        if branch is not None and branch in seen.tips:
            return seen.tips[branch], branch
        commit = owner.resolve(base or "HEAD")
        if self.tip(commit) is None:
            self.take(owner, commit)
        return commit, None

    def take(self, owner: Owner, *what: str) -> None:
        """Fetch refspecs or commit ids from the owner's repository."""
        options = ("--quiet", "--prune", "--no-tags", "--no-write-fetch-head", "--update-shallow")
        # under the owner's configuration: it says whose repositories may be read
        git = owner.git.using(GIT_DIR=self.path)
        git.run("fetch", *options, "--", owner.path, *what)

    def tip(self, ref: str) -> str | None:
        return self.git.maybe("rev-parse", "--verify", "--quiet", f"{ref}^{{commit}}")

    def tip_of(self, branch: str) -> str:
        tip = self.tip(f"refs/heads/{branch}")
        if tip is None:
            raise GitError(f"The branch {branch} is gone; it may have been discarded.")
        return tip

    def tree(self, commit: str) -> str:
        return self.git.text("rev-parse", "--verify", f"{commit}^{{tree}}")

    def is_ancestor(self, older: str, newer: str) -> bool:
        return self.git.succeeds("merge-base", "--is-ancestor", older, newer)

    def commit(
        self, tree: str, parents: Sequence[str], message: str, identity: dict[str, str]
    ) -> str:
        options = [part for parent in parents for part in ("-p", parent)]
        text = os.fsencode(sayable(message.strip()) + "\n")
        return self.git.using(**identity).text("commit-tree", tree, *options, stdin=text)

    def move(self, ref: str, new: str, old: str | None) -> None:
        """Compare and swap; `old` None: it must not exist yet."""
        self.git.run("update-ref", ref, new, old or "")


@contextmanager
def locked(path: Path) -> Iterator[None]:
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("a") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield


@contextmanager
def locked_unless_busy(path: Path) -> Iterator[bool]:
    """Yields False, without waiting, where somebody else holds the lock."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("a") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            yield False
        else:
            yield True


def folder_name(project: str) -> str:
    """A file name for any project's name, different for different names."""
    name = quote(project, safe=" ")
    if name.startswith((".", "-")):
        name = f"%{ord(name[0]):02X}{name[1:]}"
    if len(name) > 150:
        name = f"{name[:100]}-{sha256(os.fsencode(project)).hexdigest()[:16]}"
    return name


def replace_file(path: Path, content: bytes) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    fresh = path.with_name(f"{path.name}.new")
    with fresh.open("wb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())
    fresh.replace(path)
