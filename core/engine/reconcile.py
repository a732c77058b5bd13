"""At start: make the store and the machine agree again, whatever happened while no hub ran.

Nothing that is unmerged is deleted. What is looked at is what has not ended, never all tasks.
"""

from __future__ import annotations

import logging

from core.engine import reviews
from core.engine.life import end, process_name
from core.engine.parts import Parts
from core.engine.scheduler import Scheduler
from core.errors import GoferError
from core.model import ACTIVE, ENDED, Outcome, Status, Workspace
from core.store import tasks
from core.store.tasks import Stored

log = logging.getLogger(__name__)

_GOING_ON = ", ".join(f"'{status.value}'" for status in Status if status not in ENDED)


async def reconcile(parts: Parts, scheduler: Scheduler) -> None:
    """Finish decisions, sweep orphans, tidy work trees, and take up the runs that were going on."""
    await reviews.finish_intents(parts)
    going_on = await tasks.select(parts.database.read, f"status IN ({_GOING_ON})", ())
    active = [stored for stored in going_on if stored.task.status in ACTIVE]
    unwanted = [stored for stored in active if stored.state.cancel_by is not None]
    wanted = [stored for stored in active if stored.state.cancel_by is None]
    await sweep(parts, wanted)
    await _tidy_worktrees(parts, going_on)
    for stored in unwanted:
        await end_cancelled(parts, stored.task.id)
    for stored in wanted:
        scheduler.attach(stored)


async def sweep(parts: Parts, wanted: list[Stored]) -> None:
    """End every process of ours that belongs to none of these."""
    names = [process_name(stored) for stored in wanted]
    try:
        killed = await parts.agents.sweep(names)
    except GoferError as error:
        log.warning("orphans could not be looked for: %s", error)
        return
    for line in killed:
        log.info("ended an orphan: %s", line)


async def _tidy_worktrees(parts: Parts, going_on: list[Stored]) -> None:
    # one that waits in the queue may have begun before: its branch is there, but not recorded yet
    known: dict[str, Workspace | None] = {stored.task.id: None for stored in going_on}
    for stored in await tasks.with_worktree(parts.database.read):
        known[stored.task.id] = stored.task.workspace
    try:
        done = await parts.repositories.reconcile(known)
    except GoferError as error:
        log.warning("work trees could not be tidied: %s", error)
        return
    for line in done:
        log.info("%s", line)


async def end_cancelled(parts: Parts, task_id: str) -> None:
    """Record the end of a task whose agent is gone."""
    await end(parts, task_id, Outcome.CANCELLED, None)
