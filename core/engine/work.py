"""The work tree around the turns: made before the first, committed and checked after each."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

from core.engine import sending
from core.engine.change import Change, clean
from core.engine.parts import Parts
from core.engine.wishes import Write
from core.errors import AgentError, GoferError
from core.faults import fault
from core.model import (
    CheckResult,
    EventType,
    FileChange,
    Outcome,
    Project,
    Review,
    ReviewState,
    Task,
    TurnEnded,
    Workspace,
)
from core.store import mail, tasks
from core.store.mail import Message
from core.store.tasks import Stored

FIX = "The project's check `{command}` failed ({how}). {wish}\n\n{tail}"
MEND_OWN = "Mend what your change broke."
MEND_OLD = "It failed before your change as well. Mend what your change broke or was to mend."
SLUG_LENGTH = 32
LONGEST_BODY = 2_000  # characters of a commit message


@dataclass(frozen=True, slots=True)
class Found:
    """What a turn left."""

    workspace: Workspace
    files: tuple[FileChange, ...]
    notes: tuple[str, ...]
    check: CheckResult | None


# --- before the first turn -----------------------------------------------------------------------


async def prepare(parts: Parts, task_id: str, write: Write) -> None:
    """Workspace, set-up and first check: each once per task, whatever crashes in between."""
    stored = await tasks.load(parts.database.read, task_id)
    project = parts.projects.find(stored.task.project)
    await parts.agents.require(stored.run.agent)
    workspace = await _workspace(parts, project, stored)
    await write(lambda made: _begin(made, workspace))
    if stored.state.prepared or not (project.setup or project.check):
        return
    if project.setup:
        result = await _executed(parts, project, workspace, project.setup)
        await write(lambda made: _log_check(made, "setup", "before", result))
        if not result.passed:
            raise AgentError(f"The set-up command failed ({_how(result)}): {result.tail[-1000:]}")
    before = None
    if project.check:
        result = await _executed(parts, project, workspace, project.check)
        await write(lambda made: _log_check(made, "check", "before", result))
        before = _verdict(result)
    await write(lambda made: made.set_state(prepared=True, check_before=before))


async def _workspace(parts: Parts, project: Project, stored: Stored) -> Workspace:
    task = stored.task
    if task.workspace is not None and stored.worktree:
        return task.workspace
    fault("worktree.before")
    if task.workspace is not None:
        workspace = await parts.repositories.restore(project, task.workspace)
    else:
        workspace = await parts.repositories.prepare(
            project,
            task.id,
            slug(task.title),
            base=await _base(parts, task),
            include_uncommitted=stored.state.include_uncommitted,
        )
    fault("worktree.after")
    return workspace


def _begin(made: Change, workspace: Workspace) -> None:
    if made.task.workspace != workspace or not made.stored.worktree:
        made.set(workspace=workspace)
        made.stored = replace(made.stored, worktree=True)
        made.log(EventType.PROGRESS, "workspace", branch=workspace.branch, base=workspace.base)
    if made.run.started_at is None:
        made.set_run(started_at=made.now)
        made.log(EventType.STARTED, "run", agent=made.run.agent, prompt=made.run.prompt)


async def _base(parts: Parts, task: Task) -> str | None:
    """A task that waited for another of the same project starts from what that one made."""
    if task.base_ref is not None or task.after is None:
        return task.base_ref
    other = (await tasks.load(parts.database.read, task.after)).task
    fresh = other.review is not None and other.review.state in (
        ReviewState.OPEN,
        ReviewState.PULL_REQUEST,
    )
    return other.head if fresh and other.project == task.project else None


# --- after a turn --------------------------------------------------------------------------------


async def look(parts: Parts, stored: Stored, write: Write) -> Found:
    """Commit what is there and run the check over it. Raises GitError, UserError."""
    project = parts.projects.find(stored.task.project)
    workspace = await commit(parts, project, stored.task)
    files, notes = await parts.repositories.changes(workspace, words(stored.task))
    check = None
    if project.check and workspace.head != workspace.base:
        await write(lambda made: keep_commit(made, workspace))
        check = await _executed(parts, project, workspace, project.check)
    return Found(workspace, files, notes, check)


async def _executed(
    parts: Parts, project: Project, workspace: Workspace, command: str
) -> CheckResult:
    async with parts.repositories.apart(project, workspace):
        return await parts.agents.execute(command, workspace)


def words(task: Task) -> str:
    """All that the owner asked for."""
    return "\n".join((task.instructions, *(run.prompt for run in task.runs)))


async def commit(parts: Parts, project: Project, task: Task) -> Workspace:
    assert task.workspace is not None
    said = (task.answer or task.instructions).strip()
    fault("checkpoint.before")
    workspace = await parts.repositories.checkpoint(
        project,
        task.workspace,
        f"{task.title}\n\n{said[:LONGEST_BODY]}",
        {"Gofer-Task": task.id, "Gofer-Agent": task.agent},
    )
    fault("checkpoint.after")
    return workspace


def keep_commit(made: Change, workspace: Workspace) -> None:
    if made.task.workspace != workspace:
        made.set(workspace=workspace)
        made.log(EventType.PROGRESS, "checkpoint", head=workspace.head)


async def conclude(parts: Parts, made: Change, turn: TurnEnded, found: Found) -> bool:
    """Decide in one transaction. True: there is more to do, another turn follows."""
    fixes = made.stored.run_state.fixes
    check = found.check
    keep_commit(made, found.workspace)
    if check is not None:
        _log_check(made, "check", "after", check)
    if check is not None and not check.passed and fixes < parts.settings.fix_turns:
        how, tail = _how(check), check.tail
        wish = MEND_OLD if made.stored.state.check_before == "failed" else MEND_OWN
        text = FIX.format(command=check.command, how=how, wish=wish, tail=tail)
        message = Message(f"{made.run.id}-fix-{fixes + 1}", made.task.id, text, "gofer")
        await mail.put_message(made.tx, message, made.now)
        made.set_run_state(fixes=fixes + 1)
        made.log(EventType.PROGRESS, "fix", attempt=fixes + 1, of=parts.settings.fix_turns)
    if await mail.untold_messages(made.tx.rows, made.task.id):
        made.set_run_state(turn=None)
        return True
    made.end(
        Outcome.SUCCEEDED,
        answer=clean(turn.text) or made.task.answer,
        review=sending.continued(made, review(made.stored, found), ended_well=True),
    )
    return False


def review(stored: Stored, found: Found) -> Review:
    old = stored.task.review
    before = stored.state.check_before
    return Review(
        state=ReviewState.OPEN if found.files else ReviewState.NO_CHANGE,
        files=found.files,
        added=sum(file.added or 0 for file in found.files),
        removed=sum(file.removed or 0 for file in found.files),
        check=_verdict(found.check) if found.check else None,
        check_before=before,
        check_tail=clean(found.check.tail) if found.check else "",
        notes=found.notes,
        url=old.url if old else None,
    )


async def salvage(parts: Parts, task_id: str) -> Callable[[Change], dict[str, Any]]:
    """Commit what a broken-off run left, as far as that can be done.

    Returns what notes it in the change that ends the run, and gives the fields to end it with.
    """
    stored = await tasks.load(parts.database.read, task_id)
    if stored.task.workspace is None or not stored.worktree:
        return lambda made: {}
    try:
        project = parts.projects.find(stored.task.project)
        workspace = await commit(parts, project, stored.task)
        files, notes = await parts.repositories.changes(workspace, words(stored.task))
    except GoferError as error:
        problem = f"What it left could not be committed: {error}"
        return lambda made: _note_problem(made, problem)

    def note(made: Change) -> dict[str, Any]:
        keep_commit(made, workspace)
        left = review(made.stored, Found(workspace, files, notes, None))
        return {"review": sending.continued(made, left, ended_well=False)}

    return note


def _note_problem(made: Change, problem: str) -> dict[str, Any]:
    made.log(EventType.PROGRESS, "note", text=problem)
    return {}


def _log_check(made: Change, kind: str, when: str, result: CheckResult) -> None:
    made.log(
        EventType.PROGRESS,
        kind,
        when=when,
        passed=result.passed,
        exit_code=result.exit_code,
        tail=result.tail,
        seconds=round(result.seconds, 3),
    )


def _verdict(result: CheckResult) -> str:
    return "passed" if result.passed else "failed"


def _how(result: CheckResult) -> str:
    return "it could not be run" if result.exit_code is None else f"exit code {result.exit_code}"


def slug(title: str) -> str:
    plain = unicodedata.normalize("NFKD", title.casefold()).encode("ascii", "ignore").decode()
    words = re.sub(r"[^a-z0-9]+", "-", plain).strip("-")
    return words[:SLUG_LENGTH].rstrip("-") or "task"
