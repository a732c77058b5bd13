"""Rows of what people are still to be told. A delivered one is deleted."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from core.store.database import Transaction
from core.store.tasks import Rows, moment


@dataclass(frozen=True, slots=True)
class Delivery:
    """`kind` is `finished`, `question` or `text`; `payload` holds what goes with it."""

    id: int
    destination: str  # <scheme>:<address>, or a scheme alone
    kind: str
    task_id: str | None
    payload: Mapping[str, Any]
    created_at: datetime
    attempts: int = 0

    @property
    def scheme(self) -> str:
        return self.destination.partition(":")[0]


async def put(
    tx: Transaction,
    destination: str,
    kind: str,
    payload: Mapping[str, Any],
    *,
    task_id: str | None,
    at: datetime,
) -> None:
    await tx.execute(
        "INSERT INTO outbox (destination, kind, task_id, payload, created_at)"
        " VALUES (?, ?, ?, ?, ?)",
        (destination, kind, task_id, json.dumps(payload, ensure_ascii=False), at.timestamp()),
    )


async def destinations(rows: Rows) -> Sequence[str]:
    """Who has something to get: a skip from one to the next, however many rows each has."""
    found = await rows(
        "WITH RECURSIVE d(name) AS (SELECT MIN(destination) FROM outbox UNION ALL"
        " SELECT (SELECT MIN(destination) FROM outbox WHERE destination > d.name) FROM d"
        " WHERE d.name IS NOT NULL) SELECT name FROM d WHERE name IS NOT NULL",
        (),
    )
    return [row["name"] for row in found]


async def next_due(rows: Rows, destination: str, now: float, horizon: float) -> Delivery | None:
    """The oldest that may be tried now. Beyond `horizon` only a moved clock can have put one."""
    found = await rows(
        "SELECT * FROM outbox WHERE destination = ? AND (not_before <= ? OR not_before > ?)"
        " ORDER BY id LIMIT 1",
        (destination, now, horizon),
    )
    return _delivery(found[0]) if found else None


async def next_time(rows: Rows, destination: str) -> float | None:
    """When the earliest of those that rest may be tried; None when there are none."""
    [row] = await rows(
        "SELECT MIN(not_before) AS at FROM outbox WHERE destination = ?", (destination,)
    )
    return None if row["at"] is None else float(row["at"])


async def delete(tx: Transaction, delivery_id: int) -> None:
    await tx.execute("DELETE FROM outbox WHERE id = ?", (delivery_id,))


async def postpone(tx: Transaction, delivery_id: int, not_before: float, problem: str) -> None:
    await tx.execute(
        "UPDATE outbox SET attempts = attempts + 1, not_before = ?, problem = ? WHERE id = ?",
        (not_before, problem, delivery_id),
    )


def _delivery(row: sqlite3.Row) -> Delivery:
    return Delivery(
        row["id"],
        row["destination"],
        row["kind"],
        row["task_id"],
        json.loads(row["payload"]),
        moment(row["created_at"]),
        row["attempts"],
    )
