"""The outbox: in order per destination, at least once, one destination never hurts another."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from pathlib import Path

import pytest

from core import outbox as outbox_module
from core.errors import TransientError
from core.outbox import Delivery, Outbox
from core.store import outbox as rows
from core.store.database import Database
from tests.fakes.hall import until


@pytest.fixture
async def database(tmp_path: Path) -> AsyncIterator[Database]:
    database = await Database.open(tmp_path / "gofer.db")
    yield database
    await database.close()


@pytest.fixture
async def outbox(database: Database) -> AsyncIterator[Outbox]:
    outbox = Outbox(database)
    outbox.start()
    yield outbox
    await outbox.stop()


async def put(database: Database, destination: str, *texts: str) -> None:
    async with database.transaction() as tx:
        for text in texts:
            payload = {"text": text}
            await rows.put(tx, destination, "text", payload, task_id=None, at=datetime.now(UTC))


async def left(database: Database) -> int:
    return len(await database.read("SELECT id FROM outbox"))


async def test_rows_wait_for_their_scheme_and_go_in_order(
    database: Database, outbox: Outbox
) -> None:
    got: list[str] = []

    async def deliver(delivery: Delivery) -> None:
        got.append(delivery.payload["text"])

    await put(database, "telegram:1", "a", "b", "c")
    outbox.ring()
    outbox.register("telegram", deliver)
    await until(lambda: got == ["a", "b", "c"])
    await put(database, "telegram:1", "d")
    outbox.ring()
    await until(lambda: got == ["a", "b", "c", "d"])


async def test_a_slow_destination_delays_no_other(database: Database, outbox: Outbox) -> None:
    got: list[str] = []

    async def deliver(delivery: Delivery) -> None:
        if delivery.destination == "telegram:slow":
            await asyncio.Event().wait()
        got.append(delivery.destination)

    outbox.register("telegram", deliver)
    await put(database, "telegram:slow", "a")
    await put(database, "telegram:quick", "b", "c")
    outbox.ring()
    await until(lambda: got == ["telegram:quick"] * 2)


async def test_a_passing_failure_is_tried_again_in_order(
    database: Database, outbox: Outbox
) -> None:
    got: list[str] = []
    failures = 2

    async def deliver(delivery: Delivery) -> None:
        nonlocal failures
        if failures:
            failures -= 1
            raise TransientError("flood", retry_after_s=0.01)
        got.append(delivery.payload["text"])

    outbox.register("telegram", deliver)
    await put(database, "telegram:1", "a", "b")
    outbox.ring()
    await until(lambda: got == ["a", "b"])


async def test_a_message_that_is_not_taken_rests_and_lets_others_pass(
    database: Database, outbox: Outbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(outbox_module, "LONG_BACKOFF_S", (0.05, 0.1))
    got: list[str] = []
    refused = 0

    async def deliver(delivery: Delivery) -> None:
        nonlocal refused
        if delivery.payload["text"] == "bad" and delivery.attempts < 2:
            refused += 1
            raise ValueError("bad entities")
        got.append(delivery.payload["text"])

    outbox.register("telegram", deliver)
    await put(database, "telegram:1", "bad", "good")
    outbox.ring()
    await until(lambda: got == ["good", "bad"])
    assert refused == 2


async def test_what_was_not_confirmed_is_sent_again(database: Database) -> None:
    begun: list[str] = []

    async def hangs(delivery: Delivery) -> None:
        begun.append(delivery.payload["text"])
        await asyncio.Event().wait()

    first = Outbox(database)
    first.register("telegram", hangs)
    first.start()
    await put(database, "telegram:1", "a")
    first.ring()
    await until(lambda: begun == ["a"])
    await first.stop()

    got: list[str] = []

    async def deliver(delivery: Delivery) -> None:
        got.append(delivery.payload["text"])

    second = Outbox(database)
    second.register("telegram", deliver)
    second.start()
    await until(lambda: got == ["a"])
    await second.stop()
    assert await left(database) <= 1


async def test_a_clock_that_was_put_back_holds_nothing_up(
    database: Database, outbox: Outbox
) -> None:
    await put(database, "telegram:1", "a")
    async with database.transaction() as tx:
        await tx.execute("UPDATE outbox SET not_before = not_before + 9e9")
    got: list[str] = []

    async def deliver(delivery: Delivery) -> None:
        got.append(delivery.payload["text"])

    outbox.register("telegram", deliver)
    await until(lambda: got == ["a"])
