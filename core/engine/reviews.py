"""What the owner decides about a finished branch: merge, pull request, undo, discard and back.

Each decision is stored as an intent before git is asked and struck out in the transaction that
records its result. A hub that dies in between leaves the intent; the next one finishes it
(`finish_intents`). One decision at a time per task.
"""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from core.engine.change import Change, change, clean, writing
from core.engine.parts import Parts
from core.engine.work import words
from core.errors import GoferError, Refused
from core.faults import fault
from core.model import ENDED, EventType, Project, Review, ReviewState, Task, Workspace
from core.store import decisions, tasks
from core.store.decisions import Intent
from core.store.tasks import Stored

log = logging.getLogger(__name__)

Args = Mapping[str, Any]

UNDONE = (
    "The owner has set your branch and files from commit {before} to commit {after} ({subject}). "
    "That is how they should be: go on from there, and do not bring back what is gone."
)
PUT_BACK = (
    "The owner has put these files back to what they were before your change: {files}. "
    "Leave them so unless you are asked for it."
)
CHANGED = "You changed the branch since."  # so its pull request does not have it


@dataclass(frozen=True, slots=True)
class Result:
    """What a decision made of the task."""

    review: Review
    workspace: Workspace | None
    worktree: bool = True
    notice: str | None = None  # what the agent has to know of it


@dataclass(frozen=True, slots=True)
class Operation:
    """`act` does it in git; `states` are the review states in which it may be asked for."""

    act: Callable[[Parts, Project, Task, Args], Awaitable[Result]]
    states: frozenset[ReviewState]
    repeatable: bool  # asked again after a crash it finishes, or finds itself done


# --- in git --------------------------------------------------------------------------------------


async def _merge(parts: Parts, project: Project, task: Task, args: Args) -> Result:
    workspace, review = _branch(task)
    commit, target = await parts.repositories.merge(
        project,
        workspace,
        expected_head=args["expected_head"],
        how=args["how"],
        message=f"{task.title}\n\nGofer-Task: {task.id}",
    )
    merged = replace(review, state=ReviewState.MERGED, merged_commit=commit, target=target)
    return Result(merged, workspace)


async def _undo_merge(parts: Parts, project: Project, task: Task, args: Args) -> Result:
    workspace, review = _branch(task)
    assert review.merged_commit is not None
    await parts.repositories.undo_merge(project, workspace, review.merged_commit)
    state = ReviewState.PULL_REQUEST if review.pushed else ReviewState.OPEN
    return Result(replace(review, state=state, merged_commit=None), workspace)


async def _open_pull_request(parts: Parts, project: Project, task: Task, args: Args) -> Result:
    workspace, review = _branch(task)
    url = await parts.repositories.open_pull_request(
        project,
        workspace,
        expected_head=args["expected_head"],
        title=task.title,
        body=_body(task, review),
    )
    opened = replace(
        review, state=ReviewState.PULL_REQUEST, url=url, pushed=workspace.head, waits=None
    )
    return Result(opened, workspace)


def _body(task: Task, review: Review) -> str:
    """What others are told of the change. Notes are for the owner alone: they name local paths."""
    count = len(review.files)
    size = f"{count} file{'s' * (count != 1)}, +{review.added} −{review.removed}."
    before = f" (before: {review.check_before})" if review.check_before else ""
    check = f" Check: {review.check}{before}." if review.check else ""
    by = f"Made by {task.agent}, from the task: {task.title}"
    return "\n\n".join(filter(None, (task.answer, by, f"{size}{check}")))


async def _discard(parts: Parts, project: Project, task: Task, args: Args) -> Result:
    if task.workspace is not None:
        await parts.repositories.discard(project, task.workspace)
    review = task.review or Review(ReviewState.OPEN)
    gone = replace(review, state=ReviewState.DISCARDED, pushed=None, waits=None)
    return Result(gone, task.workspace, worktree=False)


async def _restore(parts: Parts, project: Project, task: Task, args: Args) -> Result:
    workspace, review = _branch(task)
    return await _reviewed(
        parts, task, review, await parts.repositories.restore(project, workspace)
    )


async def _undo(parts: Parts, project: Project, task: Task, args: Args) -> Result:
    workspace, review = _branch(task)
    undone = await parts.repositories.undo(project, workspace, args["checkpoint"])
    [(commit, subject), *_] = await parts.repositories.checkpoints(undone)
    notice = UNDONE.format(before=workspace.head[:10], after=commit[:10], subject=subject)
    return replace(await _reviewed(parts, task, review, undone), notice=notice)


async def _take_in(parts: Parts, project: Project, task: Task, args: Args) -> Result:
    workspace, review = _branch(task)
    return await _reviewed(
        parts, task, review, await parts.repositories.take_in(project, workspace)
    )


async def _revert_files(parts: Parts, project: Project, task: Task, args: Args) -> Result:
    workspace, review = _branch(task)
    reverted = await parts.repositories.revert_files(project, workspace, args["files"])
    notice = PUT_BACK.format(files=", ".join(args["files"]))
    return replace(await _reviewed(parts, task, review, reverted), notice=notice)


async def _reviewed(parts: Parts, task: Task, review: Review, workspace: Workspace) -> Result:
    """The branch as it is now; what the check said of an earlier head says nothing of this one."""
    files, notes = await parts.repositories.changes(workspace, words(task))
    accepted = {file.path for file in review.files if file.accepted}
    state = ReviewState.OPEN if files else ReviewState.NO_CHANGE
    opened = review.state is ReviewState.PULL_REQUEST
    now = replace(
        review,
        state=review.state if opened else state,
        waits=CHANGED if opened and workspace.head != review.pushed else None,
        files=tuple(replace(file, accepted=file.path in accepted) for file in files),
        added=sum(file.added or 0 for file in files),
        removed=sum(file.removed or 0 for file in files),
        check=None,
        check_tail="",
        notes=notes,
    )
    return Result(now, workspace)


def _branch(task: Task) -> tuple[Workspace, Review]:
    if task.workspace is None:
        raise Refused(f"Task {task.id} has no branch yet.")
    return task.workspace, task.review or Review(ReviewState.OPEN)


_UNDECIDED = frozenset({ReviewState.OPEN, ReviewState.PULL_REQUEST})
_NOT_MERGED = _UNDECIDED | {ReviewState.NO_CHANGE}

OPERATIONS: Mapping[str, Operation] = {
    "merge": Operation(_merge, _UNDECIDED, repeatable=True),
    "undo_merge": Operation(_undo_merge, frozenset({ReviewState.MERGED}), repeatable=True),
    "pull_request": Operation(_open_pull_request, _UNDECIDED, repeatable=False),
    "discard": Operation(_discard, _NOT_MERGED, repeatable=True),
    "restore": Operation(_restore, frozenset({ReviewState.DISCARDED}), repeatable=True),
    "take_in": Operation(_take_in, _UNDECIDED, repeatable=True),
    "undo": Operation(_undo, _NOT_MERGED, repeatable=False),
    "revert_files": Operation(_revert_files, _UNDECIDED, repeatable=False),
}


# --- the decision --------------------------------------------------------------------------------


async def decide(parts: Parts, task_id: str, kind: str, *, by: str, **args: Any) -> Task:
    """Carry out one of `OPERATIONS`. Raises Refused, MergeConflict, GitError, UserError.

    `args` may hold `expected_head`: the head that was seen, which must still be the head.
    """
    intent = Intent(task_id, kind, {**args, "by": by})
    async with parts.lock(task_id):
        async with change(parts, task_id) as made:
            check_may(made.task, kind, OPERATIONS[kind].states, args.get("expected_head"))
            await decisions.put_intent(made.tx, intent, made.now)
        try:
            return await _carry_out(parts, intent)
        except GoferError:
            await _strike_out(parts, task_id)
            raise


def check_may(
    task: Task, kind: str, states: frozenset[ReviewState], expected_head: str | None
) -> None:
    """Raises Refused that says why not now."""
    what = kind.replace("_", " ")
    if task.status not in ENDED:
        raise Refused(f"Task {task.id} is {task.status}; {what} it when it has ended.")
    state = task.review.state if task.review else ReviewState.OPEN
    if state not in states:
        raise Refused(f"Task {task.id} is {state.replace('_', ' ')}; {what} does not apply.")
    if expected_head is not None and expected_head != task.head:
        raise Refused(
            f"The branch of task {task.id} has moved to {(task.head or 'nothing')[:12]}; "
            "look at it again, then decide."
        )


async def _carry_out(parts: Parts, intent: Intent) -> Task:
    task = (await tasks.load(parts.database.read, intent.task_id)).task
    project = parts.projects.find(task.project)
    fault(f"{intent.kind}.before")
    result = await OPERATIONS[intent.kind].act(parts, project, task, intent.args)
    fault(f"{intent.kind}.after")
    async with change(parts, task.id) as made:
        made.set(review=result.review, workspace=result.workspace)
        made.stored = replace(made.stored, worktree=result.worktree and made.stored.worktree)
        if result.notice is not None:
            notices = (made.stored.state.notice, clean(result.notice))
            made.set_state(notice="\n".join(filter(None, notices)))
        made.log(
            EventType.PROGRESS,
            "review",
            what=intent.kind,
            state=result.review.state.value,
            by=intent.args["by"],
            head=made.task.head,
            commit=result.review.merged_commit,
            url=result.review.url,
        )
        await decisions.delete_intent(made.tx, task.id)
    return made.task


async def _strike_out(parts: Parts, task_id: str) -> None:
    async with writing(parts) as tx:
        await decisions.delete_intent(tx, task_id)


async def accept_files(
    parts: Parts, task_id: str, files: Sequence[str], expected_head: str, by: str
) -> Task:
    """Mark files as looked at. Nothing happens in git."""
    async with parts.lock(task_id), change(parts, task_id) as made:
        check_may(made.task, "accept", _UNDECIDED, expected_head)
        review = made.task.review
        assert review is not None
        unknown = set(files) - {file.path for file in review.files}
        if unknown:
            raise Refused(f"Task {task_id} does not change {', '.join(sorted(unknown))}.")
        marked = tuple(
            replace(file, accepted=file.accepted or file.path in files) for file in review.files
        )
        made.set(review=replace(review, files=marked))
        made.log(EventType.PROGRESS, "review", what="accept", by=by, files=list(files))
    return made.task


async def siblings(parts: Parts, task: Task) -> list[Stored]:
    """The other tasks of a duel."""
    if task.group is None:
        return []
    found = await tasks.select(parts.database.read, "sibling_of = ?", (task.group,))
    return [stored for stored in found if stored.task.id != task.id]


async def finish_intents(parts: Parts) -> None:
    """At start: finish what a dead hub had begun, or say that it has to be looked at."""
    for intent in await decisions.intents(parts.database.read):
        try:
            if OPERATIONS[intent.kind].repeatable:
                await _carry_out(parts, intent)
                continue
            problem = "Gofer stopped in the middle of it. Look at the branch, and try again."
        except GoferError as error:
            problem = str(error)
        log.warning("%s of task %s: %s", intent.kind, intent.task_id, problem)
        async with change(parts, intent.task_id) as made:
            await _give_up(made, intent, problem)


async def _give_up(made: Change, intent: Intent, problem: str) -> None:
    what = intent.kind.replace("_", " ")
    made.log(EventType.PROGRESS, "note", text=f"The {what} was not finished: {problem}")
    await decisions.delete_intent(made.tx, intent.task_id)
