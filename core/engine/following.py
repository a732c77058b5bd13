"""Reading along: events from the store, woken by the cue. Nothing is queued in memory."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

from core.engine.parts import ALL, Parts
from core.model import ENDED, Event, Task
from core.store import events, tasks

PAGE = 200


async def follow_task(parts: Parts, task_id: str, since: int) -> AsyncIterator[Event]:
    """From `seq` > since; ends behind the last event of a task that has ended."""
    while True:
        news = parts.cue.next(task_id)
        ended = (await tasks.load(parts.database.read, task_id)).task.status in ENDED
        page = await events.of_task(parts.database.read, task_id, since, PAGE)
        for event in page:
            yield event
            since = event.seq
        if not page:
            if ended:
                return
            await asyncio.shield(news)


async def follow_all(parts: Parts, since: int) -> AsyncIterator[Event]:
    """From event `id` > since, for ever."""
    while True:
        news = parts.cue.next(ALL)
        page = await events.of_all(parts.database.read, since, PAGE)
        for event in page:
            yield event
            since = event.id
        if not page:
            await asyncio.shield(news)


async def wait(parts: Parts, task_id: str, since: int, timeout_s: float) -> Task:
    """Until status or question are not what they were at `since` (0: now), or time is over."""
    first = (await tasks.load(parts.database.read, task_id)).task
    loop = asyncio.get_running_loop()
    deadline = loop.time() + timeout_s
    if since and await events.turning_point(parts.database.read, task_id, since):
        return first
    while True:
        news = parts.cue.next(task_id)
        task = (await tasks.load(parts.database.read, task_id)).task
        left = deadline - loop.time()
        if task.status in ENDED or _state(task) != _state(first) or left <= 0:
            return task
        await asyncio.wait([news], timeout=left)


def _state(task: Task) -> tuple[object, ...]:
    return task.status, task.question and task.question.request_id
