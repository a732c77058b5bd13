"""Later work on a task goes to the pull request that the owner opened for it.

What always holds: that it shall go is stored with the end of the run, before git is asked, and
sending it twice is harmless; so what a dead hub left is done by the next one. What has to wait for
the owner's look, or could not be sent, is words on the review and never a failed task.
"""

from __future__ import annotations

import asyncio
import logging
from dataclasses import replace

from core.engine.change import Change, change, clean
from core.engine.parts import UNSENT, Parts
from core.errors import GoferError
from core.model import ENDED, EventType, Review, ReviewState, Task
from core.store import tasks

AGAIN_S = 5.0  # when the store cannot be written
BROKEN_OFF = "The last run did not end well."
RED = "The check failed."

log = logging.getLogger(__name__)


def continued(made: Change, review: Review, *, ended_well: bool) -> Review:
    """The review of a run's work where a pull request is open; it is sent unless it has to wait."""
    before = made.task.review
    if before is None or before.state is not ReviewState.PULL_REQUEST:
        return review
    review = replace(review, state=before.state, pushed=before.pushed)
    if made.task.head == before.pushed:
        return review
    if not ended_well or review.check == "failed":
        return _waiting(made, review, RED if ended_well else BROKEN_OFF)
    made.stored = replace(made.stored, unsent=True)
    return review


def _waiting(made: Change, review: Review, reason: str) -> Review:
    made.log(EventType.PROGRESS, "note", text=f"Not sent to the pull request: {reason}")
    return replace(review, waits=clean(reason))


async def send_for_ever(parts: Parts) -> None:
    """Send what there is to send, several tasks' at once: one remote must not hold up another."""
    at_work: dict[str, asyncio.Task[None]] = {}

    def done(task: asyncio.Task[None]) -> None:
        del at_work[task.get_name()]
        parts.cue.ring(UNSENT)  # there may be more by now

    async with asyncio.TaskGroup() as group:
        while True:
            more = parts.cue.next(UNSENT)
            for task_id in await tasks.unsent(parts.database.read):
                if task_id not in at_work:
                    at_work[task_id] = group.create_task(_send(parts, task_id), name=task_id)
                    at_work[task_id].add_done_callback(done)
            await more


async def _send(parts: Parts, task_id: str) -> None:
    try:
        async with parts.lock(task_id):
            task = (await tasks.load(parts.database.read, task_id)).task
            if _is_due(task):
                await _try(parts, task)
            else:  # decided otherwise, or at work again: its end decides anew
                async with change(parts, task_id) as made:
                    made.stored = replace(made.stored, unsent=False)
    except GoferError as error:
        log.warning("what task %s has for its pull request waits: %s", task_id, error)
        await asyncio.sleep(AGAIN_S)
    except Exception:
        log.exception("sending to the pull request of task %s failed", task_id)
        await asyncio.sleep(AGAIN_S)


def _is_due(task: Task) -> bool:
    review = task.review
    return (
        task.status in ENDED
        and review is not None
        and review.state is ReviewState.PULL_REQUEST
        and task.head != review.pushed
    )


async def _try(parts: Parts, task: Task) -> None:
    assert task.workspace is not None
    problem, where = None, ""
    try:
        project = parts.projects.find(task.project)
        where = await parts.repositories.update_pull_request(
            project, task.workspace, expected_head=task.workspace.head
        )
    except GoferError as error:
        problem = str(error)
    async with change(parts, task.id) as made:
        review = made.task.review
        assert review is not None
        if problem is None:
            review = replace(review, pushed=task.head)
            made.log(EventType.PROGRESS, "note", text=f"Sent to the pull request: {where}")
        if made.task.head == task.head:  # else the next run's end has decided since
            review = _waiting(made, review, problem) if problem else replace(review, waits=None)
            made.stored = replace(made.stored, unsent=False)
        made.set(review=review)
        made.log(
            EventType.PROGRESS,
            "review",
            what="update_pull_request",
            state=review.state.value,
            by="gofer",
            head=task.head,
            url=review.url,
            waits=review.waits,
        )
