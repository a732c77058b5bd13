"""Subscribers from other packages: every event, in order, from a place that is kept."""

from __future__ import annotations

import asyncio
from importlib.metadata import EntryPoint
from pathlib import Path

import pytest

from core import subscribers
from core.engine import following
from core.model import Event, Status, Submission
from core.store import subscriptions
from tests.fakes.hall import DEADLINE_S, Hall, opened, until

ENDED = (Status.COMPLETED, Status.FAILED, Status.CANCELLED)


async def test_each_keeps_its_place_and_a_failing_one_is_tried_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(subscribers, "BACKOFF_S", (0.01, 0.01))
    hall = Hall(tmp_path / "home")
    await hall.open()
    got: list[int] = []
    broken = True

    async def fragile(event: Event) -> None:
        nonlocal broken
        if event.payload["kind"] == "run" and broken:
            broken = False
            raise ValueError("not today")
        got.append(event.id)

    def serve() -> asyncio.Task[None]:
        parts = hall.engine._parts
        return asyncio.create_task(
            subscribers.serve(
                "x", fragile, hall.database, lambda since: following.follow_all(parts, since)
            )
        )

    await subscriptions.keep(hall.database, "x", 0)
    serving = serve()
    [task] = await hall.engine.submit(Submission("Do it."))
    await hall.until(task.id, *ENDED)
    everything = [event.id for event in await hall.engine.events(task.id)]
    async with asyncio.timeout(DEADLINE_S):
        while await subscriptions.position(hall.database, "x") != everything[-1]:
            pass  # each look waits for the store
    assert got == everything
    serving.cancel()
    await asyncio.wait([serving])
    assert not broken

    serving = serve()
    [task] = await hall.engine.submit(Submission("Do it."))
    await hall.until(task.id, *ENDED)
    last = (await hall.engine.events(task.id))[-1].id
    await until(lambda: got[-1] == last)
    assert got[len(everything)] == everything[-1] + 1
    serving.cancel()
    await asyncio.wait([serving])
    await hall.close()


async def test_a_slow_or_failing_one_hurts_nobody(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    got: list[int] = []
    stuck = asyncio.Event()

    async def slow(event: Event) -> None:
        stuck.set()
        await asyncio.Event().wait()

    async def fails(event: Event) -> None:
        raise ValueError("never")

    async def quick(event: Event) -> None:
        got.append(event.id)

    theirs = {"slow": slow, "fails": fails, "quick": quick}
    monkeypatch.setattr(subscribers, "installed", lambda: theirs)
    async with opened(Hall(tmp_path / "home")) as hall:
        for name in theirs:
            await subscriptions.keep(hall.database, name, 0)
        for _ in range(2):
            [task] = await hall.engine.submit(Submission("Do it."))
            assert (await hall.until(task.id, *ENDED)).status is Status.COMPLETED
        newest = (await hall.engine.events(task.id))[-1].id
        await until(lambda: stuck.is_set() and got[-1:] == [newest])
        assert got == list(range(1, newest + 1))
        for name in ("slow", "fails"):
            assert await subscriptions.position(hall.database, name) == 0


async def test_one_that_cannot_be_loaded_is_left_out(monkeypatch: pytest.MonkeyPatch) -> None:
    def found(group: str) -> list[EntryPoint]:
        assert group == "gofer.subscribers"
        return [
            EntryPoint("missing", "no.such.module:it", group),
            EntryPoint("there", "tests.unit.test_subscribers:heard", group),
        ]

    monkeypatch.setattr(subscribers, "entry_points", found)
    assert list(subscribers.installed()) == ["there"]


async def heard(event: Event) -> None:
    """A subscriber of another package."""
