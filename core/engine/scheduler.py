"""Which task runs when: oldest first, at most so many at once, in all and in each project.

What always holds: a task that is EXECUTING, STREAMING or WAITING has exactly one `Life` here
while the hub is up.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections import Counter
from dataclasses import dataclass

from core.engine import turns
from core.engine.change import Change, change
from core.engine.life import Life
from core.engine.parts import Parts
from core.errors import GoferError
from core.health import look
from core.model import ENDED, EventType, Failure, Outcome, Status
from core.store import tasks
from core.store.tasks import Stored

LOOK_AGAIN_S = 5.0  # while there is no room, or the store cannot be written
QUEUED_AT_ONCE = 500  # as many are looked at in one round

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Running:
    life: Life
    project: str
    task: asyncio.Task[None]


class Scheduler:
    def __init__(self, parts: Parts) -> None:
        self._parts = parts
        self._running: dict[str, Running] = {}
        self._wake = asyncio.Event()
        self._loop: asyncio.Task[None] | None = None
        self._leaving = False
        self.shortage: str | None = None

    @property
    def running(self) -> tuple[str, ...]:
        return tuple(self._running)

    def start(self) -> None:
        self._loop = asyncio.create_task(self._rounds())
        self.wake()

    def wake(self) -> None:
        """Something may be ready to run."""
        self._wake.set()

    def nudge(self, task_id: str) -> None:
        """There may be something for this task's agent."""
        if running := self._running.get(task_id):
            running.life.nudge()

    def attach(self, stored: Stored) -> None:
        self._spawn(stored, attach=True)

    async def end_now(self, task_id: str) -> None:
        """Leave a task's run and end its agent. The caller settles the task itself."""
        if running := self._running.get(task_id):
            running.life.stop_on_leaving()
            running.task.cancel()
            await asyncio.wait([running.task])

    async def finished(self, task_id: str) -> None:
        """Returns when a task that has ended holds no process any more."""
        if running := self._running.get(task_id):
            await asyncio.wait([running.task])

    async def stop(self, *, drain: bool) -> None:
        """Leave all agents to their bridges; `drain` ends them and queues their tasks again."""
        self._leaving = True
        if self._loop is not None:
            self._loop.cancel()
            await asyncio.wait([self._loop])
        running = dict(self._running)
        for one in running.values():
            if drain:
                one.life.stop_on_leaving()
            one.task.cancel()
        if running:
            await asyncio.wait([one.task for one in running.values()])
        for task_id in running if drain else ():
            async with change(self._parts, task_id) as made:
                await turns.interrupted(made)

    # --- rounds ----------------------------------------------------------------------------------

    async def _rounds(self) -> None:
        while True:
            self._wake.clear()
            try:
                rest = await self._round()
            except GoferError as error:
                log.warning("no task can be started: %s", error)
                rest = LOOK_AGAIN_S
            except Exception:
                log.exception("a round of the scheduler failed")
                rest = LOOK_AGAIN_S
            try:
                await asyncio.wait_for(self._wake.wait(), rest)
            except TimeoutError:
                continue

    async def _round(self) -> float | None:
        """Start what can be started. How long until the next round; None: until woken."""
        await self._release()
        now = time.time()
        rows = self._parts.database.read
        queued = await tasks.select(rows, "status = 'QUEUED'", (), limit=QUEUED_AT_ONCE)
        due = [stored for stored in queued if _is_due(stored, now)]
        self.shortage = look(self._parts.settings.home).shortage(self._parts.settings)
        if due and self.shortage:
            log.warning("%d tasks wait: %s", len(due), self.shortage)
            return LOOK_AGAIN_S
        for stored in due:
            if len(self._running) >= self._parts.settings.max_concurrent_tasks:
                break
            if stored.task.id not in self._running and self._has_turn(stored.task.project):
                await self._claim(stored)
        later = [stored.not_before - now for stored in queued if not _is_due(stored, now)]
        return max(min(later), 0.05) if later else None

    def _has_turn(self, project_name: str) -> bool:
        projects = {project.name: project for project in self._parts.projects.all()}
        limit = projects[project_name].max_concurrent if project_name in projects else None
        at_work = Counter(running.project for running in self._running.values())
        return limit is None or at_work[project_name] < limit

    async def _claim(self, stored: Stored) -> None:
        async with change(self._parts, stored.task.id) as made:
            claimed = made.task.status is Status.QUEUED
            if claimed:
                made.move(Status.EXECUTING)
        if claimed:
            self._spawn(stored, attach=False)

    async def _release(self) -> None:
        """Queue the tasks whose predecessor has ended, or end them with it."""
        rows = self._parts.database.read
        for stored in await tasks.select(rows, "status = 'CREATED'", ()):
            assert stored.task.after is not None
            before = (await tasks.load(rows, stored.task.after)).task
            if before.status in ENDED:
                async with change(self._parts, stored.task.id) as made:
                    _follow(made, before.id, before.status)

    # --- lives -----------------------------------------------------------------------------------

    def _spawn(self, stored: Stored, *, attach: bool) -> None:
        life = Life(self._parts, stored.task.id)
        task = asyncio.create_task(life.run(attach=attach), name=f"task {stored.task.id}")
        self._running[stored.task.id] = Running(life, stored.task.project, task)
        task.add_done_callback(lambda done: self._ended(stored, done))

    def _ended(self, stored: Stored, done: asyncio.Task[None]) -> None:
        del self._running[stored.task.id]
        self.wake()
        if done.cancelled() or done.exception() is None:
            return
        log.error("the run of task %s broke", stored.task.id, exc_info=done.exception())
        if not self._leaving:
            asyncio.get_running_loop().call_later(LOOK_AGAIN_S, self._attach_again, stored)

    def _attach_again(self, stored: Stored) -> None:
        if not self._leaving and stored.task.id not in self._running:
            self.attach(stored)


def _is_due(stored: Stored, now: float) -> bool:
    """A time further off than any pause was set by a clock that has been put back since."""
    return not now < stored.not_before <= now + turns.RETRY_S[1]


def _follow(made: Change, before: str, status: Status) -> None:
    if made.task.status is not Status.CREATED:
        return
    if status is Status.COMPLETED:
        made.log(EventType.PROGRESS, "note", text=f"Task {before} has ended; this one is next.")
        made.move(Status.QUEUED)
    else:
        message = f"Task {before}, which this one waited for, ended as {status}."
        made.end(Outcome.FAILED, error=Failure(message, recoverable=True))
