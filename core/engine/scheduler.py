"""Which task runs when: oldest first, at most so many at once, in all and in each project.

What always holds: a task that is EXECUTING, STREAMING or WAITING has exactly one `Life` here
while the hub is up.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass

from core.engine import turns
from core.engine.change import Change, change
from core.engine.life import Life
from core.engine.parts import Parts
from core.errors import GoferError
from core.health import look
from core.model import EventType, Failure, Outcome, Status
from core.store import tasks
from core.store.tasks import Queued, Stored

DRAIN_GRACE_S = 2.0  # for agents to end by themselves: the whole hub has ten seconds
LOOK_AGAIN_S = 5.0  # while there is no room, or the store cannot be written

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
        self.idle = asyncio.Event()  # nothing runs, nothing could; whoever heeds it clears it

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
        self._spawn(stored.task.id, stored.task.project, attach=True)

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
                one.life.stop_on_leaving(DRAIN_GRACE_S)
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
        most = self._parts.settings.max_concurrent_tasks
        if len(self._running) >= most:
            return None
        now = time.time()
        queued = await tasks.queued(self._parts.database.read)
        due = [task for task in queued if _is_due(task, now)]
        self.shortage = look(self._parts.settings.home).shortage(self._parts.settings)
        if self.shortage or not (queued or self._running):
            self.idle.set()
        if due and self.shortage:
            log.warning("%d tasks wait: %s", len(due), self.shortage)
            return LOOK_AGAIN_S
        limits = {project.name: project.max_concurrent for project in self._parts.projects.all()}
        for task in due:
            if len(self._running) >= most:
                break
            if task.id not in self._running and self._has_turn(task.project, limits):
                await self._claim(task)
        later = [task.not_before - now for task in queued if not _is_due(task, now)]
        return max(min(later), 0.05) if later else None

    def _has_turn(self, project: str, limits: Mapping[str, int | None]) -> bool:
        limit = limits.get(project)
        at_work = Counter(running.project for running in self._running.values())
        return limit is None or at_work[project] < limit

    async def _claim(self, task: Queued) -> None:
        async with change(self._parts, task.id, durable=False) as made:
            claimed = made.task.status is Status.QUEUED
            if claimed:
                made.move(Status.EXECUTING)
        if claimed:
            self._spawn(task.id, task.project, attach=False)

    async def _release(self) -> None:
        """Queue the tasks whose predecessor has ended, or end them with it."""
        for task_id, before, status in await tasks.released(self._parts.database.read):
            async with change(self._parts, task_id) as made:
                _follow(made, before, status)

    # --- lives -----------------------------------------------------------------------------------

    def _spawn(self, task_id: str, project: str, *, attach: bool) -> None:
        life = Life(self._parts, task_id)
        work = asyncio.create_task(life.run(attach=attach), name=f"task {task_id}")
        self._running[task_id] = Running(life, project, work)
        work.add_done_callback(lambda done: self._ended(task_id, project, done))

    def _ended(self, task_id: str, project: str, done: asyncio.Task[None]) -> None:
        del self._running[task_id]
        self.wake()
        if done.cancelled() or done.exception() is None:
            return
        log.error("the run of task %s broke", task_id, exc_info=done.exception())
        if not self._leaving:
            loop = asyncio.get_running_loop()
            loop.call_later(LOOK_AGAIN_S, self._attach_again, task_id, project)

    def _attach_again(self, task_id: str, project: str) -> None:
        if not self._leaving and task_id not in self._running:
            self._spawn(task_id, project, attach=True)


def _is_due(task: Queued, now: float) -> bool:
    """A time further off than any pause was set by a clock that has been put back since."""
    return not now < task.not_before <= now + turns.RETRY_S[1]


def _follow(made: Change, before: str, status: Status) -> None:
    if made.task.status is not Status.CREATED:
        return
    if status is Status.COMPLETED:
        made.log(EventType.PROGRESS, "note", text=f"Task {before} has ended; this one is next.")
        made.move(Status.QUEUED)
    else:
        message = f"Task {before}, which this one waited for, ended as {status}."
        made.end(Outcome.FAILED, error=Failure(message, recoverable=True))
