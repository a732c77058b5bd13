"""Other packages that follow the event log, found by the entry point group `gofer.subscribers`.

Each entry point names an `async def subscriber(event: Event) -> None`. What always holds: it gets
every event of every task, in order, at least once, from the moment it was first seen; its place
is kept on disk; when it is slow or fails it is tried again, and nobody else notices.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from importlib.metadata import entry_points

from core.model import Event
from core.store import events, subscriptions
from core.store.database import Database

GROUP = "gofer.subscribers"
KEEP_EVERY = 100  # events between two notes of the place
BACKOFF_S = (1.0, 300.0)

Subscriber = Callable[[Event], Awaitable[None]]
Follow = Callable[[int], AsyncIterator[Event]]

log = logging.getLogger(__name__)


def installed() -> Mapping[str, Subscriber]:
    """Those that can be loaded; the others are logged and left out."""
    found: dict[str, Subscriber] = {}
    for entry in entry_points(group=GROUP):
        try:
            found[entry.name] = entry.load()
        except Exception:
            log.exception("the subscriber %s cannot be loaded", entry.name)
    return found


async def serve(name: str, subscriber: Subscriber, database: Database, follow: Follow) -> None:
    """Hand every event to one subscriber, for ever."""
    kept = await subscriptions.position(database, name)
    async for event in follow(kept):
        await _hand_over(name, subscriber, event)
        if event.id - kept >= KEEP_EVERY or event.id == await events.newest_id(database.read):
            await subscriptions.keep(database, name, event.id)
            kept = event.id


async def _hand_over(name: str, subscriber: Subscriber, event: Event) -> None:
    pause, longest = BACKOFF_S
    while True:
        try:
            return await subscriber(event)
        except Exception as error:
            log.warning("the subscriber %s failed and is tried again", name, exc_info=error)
        await asyncio.sleep(pause)
        pause = min(pause * 2, longest)
