"""Files made ahead for a project's next task, while nothing else is to do.

What always holds: only Gofer has written a spare, so it is just what git checked out; it is taken
by being moved, and by one task at most; it is no branch and holds no work, so it may be removed at
any time. None outlives a restart: a power cut may have left its files without their content.
"""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from core.errors import GitError, UserError
from core.model import Project
from git_ops import worktree
from git_ops.clone import Clone, Record, folder_name, locked_unless_busy
from git_ops.git import fields, ours
from git_ops.owner import Owner


def keep(home: Path, projects: Sequence[Project]) -> None:
    """Have a spare for each of these projects that had a task before, and for no other."""
    wanted = {folder_name(project.name): project for project in projects}
    for path in sorted((home / "repos").glob("*.git")):
        spare, project = Spare.of(home, path.stem), wanted.get(path.stem)
        if project is None:
            spare.clear()
            continue
        with suppress(GitError, UserError):  # its next task will say what is wrong
            spare.make(project)


@dataclass(frozen=True, slots=True)
class Spare:
    """Where a project's spare lies. The record's `ready` names its commit, once all is there."""

    clone: Clone
    record: Record
    files: Path

    @classmethod
    def of(cls, home: Path, folder: str) -> Spare:
        """`folder`: the project's, as of `folder_name`."""
        path = home / "repos" / f"{folder}.git"
        files = home / "worktrees" / folder / ".spare"
        return cls(Clone(path, ours(path).gently()), Record(path / "gofer-spare"), files)

    def take(self, record: Record, work_tree: Path) -> str | None:
        """Move files and index to a task's place. Returns their commit; None where none is ready.

        A crash in between leaves a task whose files are not ready, and no spare.
        """
        with locked_unless_busy(self.record.folder / "lock") as free:
            made = self.record.read("ready") if free else None
            if made is None:
                return None
            self.record.forget("ready")
            self.files.rename(work_tree)
            self.record.index.replace(record.index)
            return str(made["commit"])

    def make(self, project: Project) -> None:
        """At the head of the project's base, unless it is there."""
        owner = Owner.at(project.path)
        with self.clone.lock():
            commit, _ = self.clone.starting_point(owner, project.base)
        with locked_unless_busy(self.record.folder / "lock") as free:
            made = self.record.read("ready") if free else {"commit": commit}
            if made == {"commit": commit}:
                return
            suits = self._suits(commit)
            if made is None or not suits:
                self._remove()  # what was cut off, too
            if suits:
                self.record.forget("ready")
                self.files.mkdir(parents=True, exist_ok=True)
                worktree.check_out(self.clone, self.record, self.files, commit)
                self.record.write("ready", {"commit": commit})

    def _suits(self, commit: str) -> bool:
        """Files of submodules and large files depend on more than on the commit."""
        entries = fields(self.clone.git.run("ls-tree", "-r", "-z", "--full-tree", commit))
        links = any(entry.startswith(worktree.GITLINK) for entry in entries)
        return not links and not (self.clone.path / "lfs").exists()

    def clear(self) -> None:
        with locked_unless_busy(self.record.folder / "lock") as free:
            if free:
                self._remove()

    def _remove(self) -> None:
        self.record.forget("ready")
        worktree.remove(self.files)
        self.record.index.unlink(missing_ok=True)
