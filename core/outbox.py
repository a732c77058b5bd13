"""Delivers what people are to be told: in order per destination, at least once, never dropped.

Rows are written by whoever changes the state that they report, in the same transaction. Each
destination has a worker of its own while it has rows, so a slow one delays no other. A passing
failure holds the destination back (order is kept); any other failure rests that row alone for
long, so that one message that cannot be sent does not silence the rest.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable

from core.errors import TransientError
from core.faults import fault
from core.redact import redact
from core.store import outbox as rows
from core.store.database import Database
from core.store.outbox import Delivery

__all__ = ["Delivery", "Outbox"]

Deliver = Callable[[Delivery], Awaitable[None]]

SEND_TIMEOUT_S = 300.0
SHORT_BACKOFF_S = (1.0, 300.0)  # first, longest
LONG_BACKOFF_S = (60.0, 6 * 3600.0)

log = logging.getLogger(__name__)


class Outbox:
    def __init__(self, database: Database) -> None:
        self._database = database
        self._deliver: dict[str, Deliver] = {}
        self._workers: dict[str, asyncio.Task[None]] = {}
        self._cue = asyncio.Event()
        self._task: asyncio.Task[None] | None = None

    def register(self, scheme: str, deliver: Deliver) -> None:
        """From now on `deliver` gets what goes to `scheme:…`; rows may wait for it already.

        It raises TransientError for a passing failure.
        """
        self._deliver[scheme] = deliver
        self.ring()

    def ring(self) -> None:
        """There may be new rows."""
        self._cue.set()

    def start(self) -> None:
        self._task = asyncio.create_task(self._watch())
        self.ring()

    async def stop(self) -> None:
        """What is being sent is broken off and will be sent again."""
        running = [task for task in (self._task, *self._workers.values()) if task]
        for task in running:
            task.cancel()
        await asyncio.gather(*running, return_exceptions=True)
        self._task = None
        self._workers.clear()

    async def _watch(self) -> None:
        while True:
            await self._cue.wait()
            self._cue.clear()
            now = time.time()
            for destination in await rows.destinations(self._database.read):
                if destination in self._workers or _scheme(destination) not in self._deliver:
                    continue
                if await self._due(destination):
                    self._workers[destination] = asyncio.create_task(self._serve(destination))
                elif at := await rows.next_time(self._database.read, destination):
                    asyncio.get_running_loop().call_later(max(at - now, 1), self.ring)

    async def _due(self, destination: str) -> Delivery | None:
        now = time.time()
        return await rows.next_due(self._database.read, destination, now, now + LONG_BACKOFF_S[1])

    async def _serve(self, destination: str) -> None:
        """Until nothing is due for this destination."""
        failures = 0
        try:
            while delivery := await self._due(destination):
                pause = await self._send(delivery, failures)
                failures = failures + 1 if pause else 0
                await asyncio.sleep(pause)
        finally:
            del self._workers[destination]
            self.ring()  # a row may have come just now, or rests

    async def _send(self, delivery: Delivery, failures: int) -> float:
        """Try one delivery. How long its destination is to be left alone behind it."""
        try:
            fault("send.before")
            async with asyncio.timeout(SEND_TIMEOUT_S):
                await self._deliver[delivery.scheme](delivery)
            fault("send.after")
        except (TransientError, TimeoutError) as error:
            log.info("%s waits: %s", delivery.scheme, redact(str(error)))
            wanted = getattr(error, "retry_after_s", None)
            return float(wanted) if wanted else _backoff(SHORT_BACKOFF_S, failures)
        except Exception as error:  # noqa: BLE001 - the boundary of delivery: rested and recorded
            log.warning("a message to %s was not taken: %s", delivery.scheme, redact(str(error)))
            until = time.time() + _backoff(LONG_BACKOFF_S, delivery.attempts)
            async with self._database.transaction() as tx:
                await rows.postpone(tx, delivery.id, until, redact(str(error))[:500])
            return 0
        async with self._database.transaction(durable=False) as tx:
            await rows.delete(tx, delivery.id)
        return 0


def _scheme(destination: str) -> str:
    return destination.partition(":")[0]


def _backoff(first_and_longest: tuple[float, float], failures: int) -> float:
    first, longest = first_and_longest
    return min(first * 2.0 ** min(failures, 30), longest)
