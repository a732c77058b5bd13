"""What the hall asks of its workshops. `cli/app.py` wires the real ones; tests bring fakes.

Every method may raise the errors named beside it; anything else is a defect of the implementer.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Iterable, Mapping, Sequence
from contextlib import AbstractAsyncContextManager
from pathlib import Path
from typing import Protocol

from core.hearing import Heard
from core.model import (
    AgentInfo,
    Batch,
    CheckResult,
    Decision,
    FileChange,
    Project,
    RunSpec,
    SandboxInfo,
    TrackedFile,
    Workspace,
)


class AgentRun(Protocol):
    """One live (or just ended) agent process, seen through its bridge."""

    def batches(self) -> AsyncIterator[Batch]:
        """What it reports, in order, from the position asked for; ends behind `ProcessEnded`."""
        ...

    async def tell(self, message_id: str, text: str) -> None:
        """Steer the running turn, or start the next one after `TurnEnded`.

        `Told` reports where it came in. Idempotent per `message_id` (the transcript remembers).
        An agent that takes no second turn in the same process gets a new one over the same folder.
        Raises AgentGone when the process ended and cannot take it.
        """
        ...

    async def answer(self, request_id: str, decision: Decision, text: str = "") -> None:
        """Answer a `Request`. `text` is a note with a denial, or the answer to a question."""
        ...

    async def interrupt(self) -> None:
        """Ask it to break off its turn; a `TurnEnded` with CANCELLED follows."""
        ...

    async def rest(self, resting: bool) -> None:
        """While resting (the owner is asked, a check runs) the idle limit does not count."""
        ...

    async def finish(self) -> None:
        """No more turns: let the process end by itself, kill what remains after a grace.

        Returns when nothing of it is left.
        """
        ...

    async def stop(self, grace_s: float = 5.0) -> None:
        """Kill the whole tree. Returns when nothing of it is left."""
        ...

    async def detach(self) -> None:
        """The hub leaves; the agent goes on under its bridge."""
        ...


class Agents(Protocol):
    """Implemented by `agents.runner.Runner`."""

    async def available(self) -> Sequence[AgentInfo]:
        """Every configured agent, installed or not. Cached for a minute."""
        ...

    async def require(self, name: str) -> AgentInfo:
        """Raises NotInstalled (lists those that are), or AgentError when it may not run here."""
        ...

    def default_mode(self, name: str) -> str | None:
        """The agent's own permission mode, where its definition names one."""
        ...

    async def sandbox(self) -> SandboxInfo: ...

    async def start(self, spec: RunSpec) -> AgentRun:
        """Spawn the bridge and open the turn. Raises AgentError; nothing is left running then.

        A folder that has a transcript already is appended to (a retry of the same run).
        """
        ...

    async def attach(self, spec: RunSpec, position: int) -> AgentRun:
        """Find the bridge again; reports start behind `position`.

        A run that ended meanwhile reports the rest and `ProcessEnded` from its exit record.
        Raises AgentGone where there is neither a live bridge nor an exit record.
        """
        ...

    async def execute(
        self, command: str, workspace: Workspace, *, timeout_s: float = 900
    ) -> CheckResult:
        """Run a project's set-up or check command in the sandbox, in the workspace."""
        ...

    async def sweep(self, live_runs: Iterable[str]) -> Sequence[str]:
        """Kill bridges and marked processes of all other runs. Returns what was killed."""
        ...


class Repositories(Protocol):
    """Implemented by `git_ops.repositories.Repositories`. Errors: GitError and UserError."""

    async def require_base(self, project: Project, base: str | None) -> None:
        """Raises UserError for a folder that is no repository, has no commit, or an unknown base.

        `base` None: the checked-out branch's head.
        """
        ...

    async def prepare(
        self,
        project: Project,
        task_id: str,
        slug: str,
        *,
        base: str | None,
        include_uncommitted: bool = False,
    ) -> Workspace:
        """Branch `gofer/<task_id>-<slug>` and its work tree. Idempotent, half-made ones included.

        Raises UserError for a folder that is no repository, has no commit, or an unknown base.
        """
        ...

    async def checkpoint(
        self, project: Project, workspace: Workspace, message: str, trailers: Mapping[str, str]
    ) -> Workspace:
        """Commit whatever is uncommitted, bring the agent's own commits over, publish the branch.

        Returns the workspace with its new head (the same when nothing changed).
        Raises UnsafeRepository.
        """
        ...

    def apart(self, project: Project, workspace: Workspace) -> AbstractAsyncContextManager[None]:
        """While a command of the project's runs: the new files that it leaves are not committed.

        Unless the agent changes them later. What was there before is to be committed already.
        """
        ...

    async def changes(
        self, workspace: Workspace, words: str = ""
    ) -> tuple[tuple[FileChange, ...], tuple[str, ...]]:
        """Files changed from base to head, and notes on what deserves a look.

        `words` are the task's: changed files that have nothing to do with those it names are told.
        """
        ...

    async def diff(self, workspace: Workspace, path: str | None = None) -> str:
        """Unified diff from base to head, of all or of one file."""
        ...

    async def take_in(self, project: Project, workspace: Workspace) -> Workspace:
        """Merge what the target got meanwhile into the branch, conflict markers included.

        The change is then seen against the target as it was taken in (`base`). Raises Refused.
        """
        ...

    async def merge(
        self,
        project: Project,
        workspace: Workspace,
        *,
        expected_head: str,
        how: str,
        message: str,
    ) -> tuple[str, str]:
        """`how` is merge | squash | rebase. Returns (new commit of the target, target branch).

        Raises Refused (head moved; target checked out and dirty, naming the files),
        MergeConflict(files). Idempotent: a landing that a crash cut off is found and finished.
        """
        ...

    async def undo_merge(self, project: Project, workspace: Workspace, commit: str) -> str:
        """Take a landing back while the target still ends in it. Returns the target's head."""
        ...

    async def checkpoints(self, workspace: Workspace) -> Sequence[tuple[str, str]]:
        """(commit, subject) from newest to oldest, the base last."""
        ...

    async def undo(
        self, project: Project, workspace: Workspace, checkpoint: str | None
    ) -> Workspace:
        """Put the work tree back to a checkpoint (None: the one before the head).

        Redo: name the later one.
        """
        ...

    async def revert_files(
        self, project: Project, workspace: Workspace, paths: Sequence[str]
    ) -> Workspace:
        """Put these files back to the base, in a commit of its own."""
        ...

    async def pull_request_plan(self, project: Project, workspace: Workspace) -> str:
        """In words: what would be pushed where. Raises UserError without a remote."""
        ...

    async def open_pull_request(
        self, project: Project, workspace: Workspace, *, expected_head: str, title: str, body: str
    ) -> str:
        """Push the branch and open a pull request. Returns its address (or the compare link)."""
        ...

    async def update_pull_request(
        self, project: Project, workspace: Workspace, *, expected_head: str
    ) -> str:
        """Push what came since to the pull request that was opened. Returns where it went.

        Raises Refused, which says why, where the owner has to look first. Repeatable.
        """
        ...

    async def discard(self, project: Project, workspace: Workspace) -> None:
        """Remove branch and work tree; the tip stays under `refs/gofer/kept/<branch>`."""
        ...

    async def restore(self, project: Project, workspace: Workspace) -> Workspace:
        """Bring a discarded or cleaned workspace back at its stable path."""
        ...

    async def remove_worktree(self, project: Project, workspace: Workspace) -> None:
        """Free the disk; branch and commits stay."""
        ...

    async def reconcile(self, known: Mapping[str, Workspace | None]) -> Sequence[str]:
        """At start: remove half-made or unknown work trees. Keys of `known` are existing tasks.

        Finishes or undoes landings that a crash cut off. Returns what was done, in words.
        """
        ...

    async def keep_spares(self, projects: Sequence[Project]) -> None:
        """Make the files of these projects' next tasks ahead; free the disk of any others'.

        For when nothing else is to do: it gives way to all, and `prepare` never waits for it.
        """
        ...

    async def tracked_files(self, project: Project) -> Sequence[TrackedFile]: ...

    async def read_blobs(self, project: Project, blobs: Sequence[str]) -> Mapping[str, bytes]: ...

    async def branches(self, project: Project) -> Sequence[str]: ...

    async def recently_changed(self, project: Project) -> Sequence[str]:
        """Files that the last commits touched, the latest first."""
        ...


class Hearing(Protocol):
    """Implemented by `voice.transcriber.Transcriber`."""

    async def hear(
        self,
        audio: Path,
        *,
        project: Project | None = None,
        language: str | None = None,
        recent_files: Sequence[str] = (),
        on_progress: Callable[[float], None] | None = None,
    ) -> Heard:
        """Transcribe a note and understand it. `on_progress` gets 0..1.

        Raises UserError: no audio in it, too long, or no model (says how to get one).
        Cancelling the awaiting task stops the work.
        """
        ...

    async def understand(
        self, text: str, *, project: Project | None = None, recent_files: Sequence[str] = ()
    ) -> Heard:
        """The same for typed text: names matched to the repository, intent read."""
        ...

    async def warm(self, project: Project) -> None:
        """Read the project's vocabulary ahead, in the background."""
        ...

    async def correct(self, project: Project, heard: str, written: str) -> None:
        """Remember the owner's correction for this project."""
        ...

    async def close(self) -> None: ...
