"""`core.ports.Repositories`, done by `git_ops`: each call runs in a thread, in full."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager
from functools import partial
from pathlib import Path
from typing import ParamSpec, TypeVar

from core.model import FileChange, Project, TrackedFile, Workspace
from git_ops import follow_up, leftovers, merge, pull_request, review, spare, sweep
from git_ops.clone import Clone
from git_ops.notes import notes_in, notes_on
from git_ops.owner import Owner
from git_ops.scope import outside_of
from git_ops.workspace import Site

THREADS = 8

P = ParamSpec("P")
T = TypeVar("T")


class Repositories:
    """`sandboxed` turns a command into one that runs in the agents' sandbox over a workspace.

    None means that no sandbox is in force: no git is then ever run in an agent's repository, and
    commits that it made itself are folded into the checkpoints.
    """

    def __init__(
        self,
        home: Path,
        sandboxed: Callable[[Sequence[str], Workspace], Sequence[str]] | None = None,
    ) -> None:
        self._home = home
        self._sandboxed = sandboxed
        # a pool of our own: waiting for a lock must not hold up name look-ups and the like
        self._threads = ThreadPoolExecutor(THREADS, thread_name_prefix="git")

    async def require_base(self, project: Project, base: str | None) -> None:
        name = base or "HEAD"
        if name != "HEAD" or not has_commit(project.path):
            await self._run(lambda: Owner.at(project.path).resolve(name))

    async def prepare(
        self,
        project: Project,
        task_id: str,
        slug: str,
        *,
        base: str | None,
        include_uncommitted: bool = False,
    ) -> Workspace:
        site = await self._site(project, task_id)
        return await self._run(site.prepare, slug, base, include_uncommitted)

    async def checkpoint(
        self, project: Project, workspace: Workspace, message: str, trailers: Mapping[str, str]
    ) -> Workspace:
        site = await self._site(project, workspace.path.name)
        return await self._run(site.checkpoint, message, trailers)

    @asynccontextmanager
    async def apart(self, project: Project, workspace: Workspace) -> AsyncIterator[None]:
        site = await self._site(project, workspace.path.name)
        await self._run(leftovers.begin, site.record)
        yield
        await self._run(site.leave_out)  # after a crash the next checkpoint does

    async def changes(
        self, workspace: Workspace, words: str = ""
    ) -> tuple[tuple[FileChange, ...], tuple[str, ...]]:
        return await self._run(self._changes, workspace, words)

    def _changes(
        self, workspace: Workspace, words: str
    ) -> tuple[tuple[FileChange, ...], tuple[str, ...]]:
        clone = Clone.of(self._home, workspace.project)
        files = review.changes(clone, workspace.base, workspace.head)
        text = review.diff(clone, workspace.base, workspace.head)
        passed = review.history(clone, workspace.head, workspace.base)
        commits = clone.git.text("rev-list", workspace.head, f"^{workspace.base}").split()
        record = clone.record(workspace.path.name)
        noted = record.notes([*commits, workspace.base])
        strange = outside_of(words, files, review.paths(clone, workspace.base)) if words else []
        return files, (
            *noted,
            *notes_on(files),
            *notes_in(text, passed),
            *strange,
            *leftovers.noted(record),
        )

    async def diff(self, workspace: Workspace, path: str | None = None) -> str:
        clone = Clone.of(self._home, workspace.project)
        return await self._run(review.diff, clone, workspace.base, workspace.head, path)

    async def checkpoints(self, workspace: Workspace) -> Sequence[tuple[str, str]]:
        clone = Clone.of(self._home, workspace.project)
        return await self._run(review.checkpoints, clone, workspace.base, workspace.head)

    async def undo(
        self, project: Project, workspace: Workspace, checkpoint: str | None
    ) -> Workspace:
        site = await self._site(project, workspace.path.name)
        return await self._run(site.undo, checkpoint)

    async def revert_files(
        self, project: Project, workspace: Workspace, paths: Sequence[str]
    ) -> Workspace:
        site = await self._site(project, workspace.path.name)
        return await self._run(site.revert_files, paths)

    async def take_in(self, project: Project, workspace: Workspace) -> Workspace:
        site = await self._site(project, workspace.path.name)
        return await self._run(site.take_in)

    async def merge(
        self,
        project: Project,
        workspace: Workspace,
        *,
        expected_head: str,
        how: str,
        message: str,
    ) -> tuple[str, str]:
        site = await self._site(project, workspace.path.name)
        land = partial(merge.land, expected_head=expected_head, how=how, message=message)
        landing = await self._run(site.locked, land)
        return landing.new, landing.target

    async def undo_merge(self, project: Project, workspace: Workspace, commit: str) -> str:
        site = await self._site(project, workspace.path.name)
        return await self._run(site.locked, partial(merge.undo, commit=commit))

    async def pull_request_plan(self, project: Project, workspace: Workspace) -> str:
        site = await self._site(project, workspace.path.name)
        plan = pull_request.plan
        return await self._run(lambda: plan(site.owner, site.clone, site.record, site.origin()))

    async def open_pull_request(
        self, project: Project, workspace: Workspace, *, expected_head: str, title: str, body: str
    ) -> str:
        site = await self._site(project, workspace.path.name)
        open_ = partial(pull_request.open_, expected_head=expected_head, title=title, body=body)
        return await self._run(lambda: open_(site.owner, site.clone, site.record, site.origin()))

    async def update_pull_request(
        self, project: Project, workspace: Workspace, *, expected_head: str
    ) -> str:
        site = await self._site(project, workspace.path.name)
        update = partial(follow_up.update, expected_head=expected_head)
        return await self._run(lambda: update(site.owner, site.clone, site.record, site.origin()))

    async def discard(self, project: Project, workspace: Workspace) -> None:
        site = await self._site(project, workspace.path.name)
        await self._run(site.discard)

    async def restore(self, project: Project, workspace: Workspace) -> Workspace:
        site = await self._site(project, workspace.path.name)
        return await self._run(site.restore)

    async def remove_worktree(self, project: Project, workspace: Workspace) -> None:
        site = await self._site(project, workspace.path.name)
        await self._run(site.remove_files)

    async def reconcile(self, known: Mapping[str, Workspace | None]) -> Sequence[str]:
        return await self._run(sweep.sweep, self._home, frozenset(known))

    async def keep_spares(self, projects: Sequence[Project]) -> None:
        await self._run(spare.keep, self._home, projects)

    async def tracked_files(self, project: Project) -> Sequence[TrackedFile]:
        return await self._run(lambda: Owner.at(project.path).tracked_files())

    async def read_blobs(self, project: Project, blobs: Sequence[str]) -> Mapping[str, bytes]:
        return await self._run(lambda: Owner.at(project.path).read_blobs(blobs))

    async def branches(self, project: Project) -> Sequence[str]:
        return await self._run(lambda: Owner.at(project.path).branches())

    async def recently_changed(self, project: Project) -> Sequence[str]:
        return await self._run(lambda: Owner.at(project.path).recently_changed())

    async def _site(self, project: Project, task_id: str) -> Site:
        return await self._run(Site.of, self._home, project, task_id, self._sandboxed)

    async def _run(self, function: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
        loop = asyncio.get_running_loop()
        return await loop.run_in_executor(self._threads, partial(function, *args, **kwargs))


def has_commit(repository: Path) -> bool:
    """Whether its branch has one for certain, told without running git. False: git has to say."""
    try:
        head = (repository / ".git" / "HEAD").read_text().strip()
    except (OSError, ValueError):
        return False
    reference = head.removeprefix("ref: ")
    return head != reference and (repository / ".git" / reference).is_file()
