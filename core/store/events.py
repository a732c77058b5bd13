"""The log: append-only, `seq` gap-free within a task, `id` growing over all tasks."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from core.model import Event, EventType
from core.store.database import Transaction
from core.store.tasks import Rows, moment


@dataclass(frozen=True, slots=True)
class NewEvent:
    seq: int
    run_id: str | None
    type: EventType
    payload: Mapping[str, Any]
    at: datetime


async def append(tx: Transaction, task_id: str, events: Sequence[NewEvent]) -> None:
    await tx.execute_many(
        "INSERT INTO events (task_id, seq, run_id, type, payload, at) VALUES (?, ?, ?, ?, ?, ?)",
        [
            (
                task_id,
                event.seq,
                event.run_id,
                event.type.value,
                json.dumps(event.payload, ensure_ascii=False),
                event.at.timestamp(),
            )
            for event in events
        ],
    )


async def of_task(rows: Rows, task_id: str, since: int, limit: int) -> list[Event]:
    found = await rows(
        "SELECT * FROM events WHERE task_id = ? AND seq > ? ORDER BY seq LIMIT ?",
        (task_id, since, limit),
    )
    return [_event(row) for row in found]


async def of_all(rows: Rows, since: int, limit: int) -> list[Event]:
    found = await rows("SELECT * FROM events WHERE id > ? ORDER BY id LIMIT ?", (since, limit))
    return [_event(row) for row in found]


async def last_errors(rows: Rows, limit: int) -> list[Event]:
    found = await rows(
        "SELECT * FROM events WHERE type = 'error' ORDER BY id DESC LIMIT ?", (limit,)
    )
    return [_event(row) for row in found]


async def newest_id(rows: Rows) -> int:
    [row] = await rows("SELECT COALESCE(MAX(id), 0) AS id FROM events", ())
    return int(row["id"])


async def turning_point(rows: Rows, task_id: str, since: int) -> bool:
    """Whether status or question changed behind `since`."""
    found = await rows(
        "SELECT 1 FROM events WHERE task_id = ? AND seq > ?"
        " AND (type IN ('question', 'answer', 'completed')"
        " OR json_extract(payload, '$.kind') = 'status') LIMIT 1",
        (task_id, since),
    )
    return bool(found)


def _event(row: sqlite3.Row) -> Event:
    return Event(
        row["id"],
        row["task_id"],
        row["seq"],
        row["run_id"],
        EventType(row["type"]),
        json.loads(row["payload"]),
        moment(row["at"]),
    )
