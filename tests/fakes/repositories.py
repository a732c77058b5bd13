"""Repositories in memory behind the real port: work trees are folders, commits are snapshots."""

from __future__ import annotations

import asyncio
import shutil
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from hashlib import sha1
from pathlib import Path

from core.errors import MergeConflict, Refused, UserError
from core.model import FileChange, Project, TrackedFile, Workspace

Snapshot = Mapping[str, str]
BASE = "0" * 40


@dataclass
class MemoryRepositories:
    """Implements `core.ports.Repositories`. `conflicts` makes the next merges conflict."""

    folder: Path
    commits: dict[str, Snapshot] = field(default_factory=lambda: {BASE: {}})
    parents: dict[str, str] = field(default_factory=dict)
    subjects: dict[str, str] = field(default_factory=lambda: {BASE: "base"})
    merged: dict[str, list[str]] = field(default_factory=dict)  # by project: landed heads
    kept: list[str] = field(default_factory=list)
    spares: list[tuple[str, ...]] = field(default_factory=list)  # asked for, each time
    sent: list[str] = field(default_factory=list)  # heads, to pull requests that were open
    drafted: list[str] = field(default_factory=list)  # title and body of pull requests
    unwanted: str = ""  # why none may be sent
    conflicts: tuple[str, ...] = ()
    merging: asyncio.Event = field(default_factory=asyncio.Event)  # set when one begins

    async def require_base(self, project: Project, base: str | None) -> None:
        if base is not None and base not in self.commits:
            raise UserError(f"There is no branch, tag or commit {base}.")

    async def prepare(
        self,
        project: Project,
        task_id: str,
        slug: str,
        *,
        base: str | None,
        include_uncommitted: bool = False,
    ) -> Workspace:
        path = self.folder / task_id
        path.mkdir(parents=True, exist_ok=True)
        start = base if base in self.commits else BASE
        self._write(path, self.commits[start])
        return Workspace(path, project.name, f"gofer/{task_id}-{slug}", start, start)

    async def checkpoint(
        self, project: Project, workspace: Workspace, message: str, trailers: Mapping[str, str]
    ) -> Workspace:
        return self._commit(workspace, self._read(workspace.path), message)

    @asynccontextmanager
    async def apart(self, project: Project, workspace: Workspace) -> AsyncIterator[None]:
        yield

    async def changes(
        self, workspace: Workspace, words: str = ""
    ) -> tuple[tuple[FileChange, ...], tuple[str, ...]]:
        before, after = self.commits[workspace.base], self.commits[workspace.head]
        names = sorted({*before, *after})
        return tuple(
            FileChange(
                name,
                len(after.get(name, "").splitlines()),
                len(before.get(name, "").splitlines()),
                "modified" if name in before and name in after else "added",
            )
            for name in names
            if before.get(name) != after.get(name)
        ), ()

    async def diff(self, workspace: Workspace, path: str | None = None) -> str:
        files, _ = await self.changes(workspace)
        after = self.commits[workspace.head]
        return "".join(
            f"+++ {file.path}\n+{after.get(file.path, '')}"
            for file in files
            if path in (None, file.path)
        )

    async def merge(
        self,
        project: Project,
        workspace: Workspace,
        *,
        expected_head: str,
        how: str,
        message: str,
    ) -> tuple[str, str]:
        self.merging.set()
        await asyncio.sleep(0)
        if self.conflicts:
            raise MergeConflict(self.conflicts)
        if workspace.head != expected_head:
            raise Refused("The head has moved.")
        landed = self.merged.setdefault(project.name, [])
        if workspace.head not in landed:
            landed.append(workspace.head)
        return workspace.head, "main"

    async def undo_merge(self, project: Project, workspace: Workspace, commit: str) -> str:
        landed = self.merged.get(project.name, [])
        if commit in landed:
            landed.remove(commit)
        return landed[-1] if landed else BASE

    async def checkpoints(self, workspace: Workspace) -> Sequence[tuple[str, str]]:
        result, commit = [], workspace.head
        while commit != workspace.base:
            result.append((commit, self.subjects[commit]))
            commit = self.parents[commit]
        return [*result, (workspace.base, self.subjects[workspace.base])]

    async def take_in(self, project: Project, workspace: Workspace) -> Workspace:
        files = self.commits[workspace.head]
        marked = {**files, **dict.fromkeys(self.conflicts, "<<<<<<<\n")}
        self.conflicts = ()
        self._write(workspace.path, marked)
        return self._commit(workspace, marked, "Take in main")

    async def undo(
        self, project: Project, workspace: Workspace, checkpoint: str | None
    ) -> Workspace:
        if checkpoint is None and workspace.head == workspace.base:
            raise Refused("There is nothing to undo.")
        to = checkpoint or self.parents[workspace.head]
        self._write(workspace.path, self.commits[to])
        return replace(workspace, head=to)

    async def revert_files(
        self, project: Project, workspace: Workspace, paths: Sequence[str]
    ) -> Workspace:
        before = self.commits[workspace.base]
        files = {**self.commits[workspace.head], **{p: before[p] for p in paths if p in before}}
        for path in paths:
            if path not in before:
                del files[path]
        self._write(workspace.path, files)
        return self._commit(workspace, files, f"Put back {', '.join(paths)}")

    async def pull_request_plan(self, project: Project, workspace: Workspace) -> str:
        return f"Push {workspace.branch} to origin."

    async def open_pull_request(
        self, project: Project, workspace: Workspace, *, expected_head: str, title: str, body: str
    ) -> str:
        self.drafted.append(f"{title}\n\n{body}")
        return f"https://example.com/{project.name}/compare/{workspace.branch}"

    async def update_pull_request(
        self, project: Project, workspace: Workspace, *, expected_head: str
    ) -> str:
        if self.unwanted:
            raise Refused(self.unwanted)
        self.sent.append(expected_head)
        return f"{workspace.branch} on origin."

    async def discard(self, project: Project, workspace: Workspace) -> None:
        self.kept.append(workspace.head)
        shutil.rmtree(workspace.path, ignore_errors=True)

    async def restore(self, project: Project, workspace: Workspace) -> Workspace:
        workspace.path.mkdir(parents=True, exist_ok=True)
        self._write(workspace.path, self.commits[workspace.head])
        return workspace

    async def remove_worktree(self, project: Project, workspace: Workspace) -> None:
        shutil.rmtree(workspace.path, ignore_errors=True)

    async def reconcile(self, known: Mapping[str, Workspace | None]) -> Sequence[str]:
        if not self.folder.is_dir():
            return []
        strays = [path for path in self.folder.iterdir() if path.name not in known]
        for path in strays:
            shutil.rmtree(path)
        return [f"removed {path.name}" for path in strays]

    async def keep_spares(self, projects: Sequence[Project]) -> None:
        self.spares.append(tuple(project.name for project in projects))

    async def tracked_files(self, project: Project) -> Sequence[TrackedFile]:
        return []

    async def read_blobs(self, project: Project, blobs: Sequence[str]) -> Mapping[str, bytes]:
        return {}

    async def branches(self, project: Project) -> Sequence[str]:
        return ["main"]

    async def recently_changed(self, project: Project) -> Sequence[str]:
        return []

    def _commit(self, workspace: Workspace, files: Snapshot, message: str) -> Workspace:
        if files == self.commits[workspace.head]:
            return workspace
        commit = sha1(f"{workspace.head}{sorted(files.items())}".encode()).hexdigest()
        self.commits[commit] = files
        self.parents[commit] = workspace.head
        self.subjects[commit] = message.partition("\n")[0]
        return replace(workspace, head=commit)

    def _read(self, path: Path) -> Snapshot:
        return {
            str(file.relative_to(path)): file.read_text()
            for file in sorted(path.rglob("*"))
            if file.is_file()
        }

    def _write(self, path: Path, files: Snapshot) -> None:
        for name in self._read(path).keys() - files.keys():
            (path / name).unlink()
        for name, text in files.items():
            (path / name).parent.mkdir(parents=True, exist_ok=True)
            (path / name).write_text(text)
