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
from core.store.tasks import NUMBER, Rows, moment, run_id


@dataclass(frozen=True, slots=True)
class NewEvent:
    seq: int
    run: int  # its number
    type: EventType
    payload: Mapping[str, Any]
    at: datetime


_EVENTS = "SELECT events.*, tasks.id AS task_id FROM events JOIN tasks ON tasks.number = task"


async def append(tx: Transaction, task_id: str, events: Sequence[NewEvent]) -> None:
    await tx.execute_many(
        f"INSERT INTO events (task, seq, run, type, payload, at) VALUES ({NUMBER}, ?, ?, ?, ?, ?)",  # noqa: S608 - ours
        [
            (
                task_id,
                event.seq,
                event.run,
                event.type.value,
                json.dumps(event.payload, ensure_ascii=False, separators=(",", ":")),
                event.at.timestamp(),
            )
            for event in events
        ],
    )


async def of_task(rows: Rows, task_id: str, since: int, limit: int) -> list[Event]:
    found = await rows(
        f"{_EVENTS} WHERE task = {NUMBER} AND seq > ? ORDER BY seq LIMIT ?",
        (task_id, since, limit),
    )
    return [_event(row) for row in found]


async def of_all(rows: Rows, since: int, limit: int) -> list[Event]:
    found = await rows(f"{_EVENTS} WHERE events.id > ? ORDER BY events.id LIMIT ?", (since, limit))
    return [_event(row) for row in found]


async def last_errors(rows: Rows, limit: int) -> list[Event]:
    found = await rows(f"{_EVENTS} WHERE type = 'error' ORDER BY events.id DESC LIMIT ?", (limit,))
    return [_event(row) for row in found]


async def newest_id(rows: Rows) -> int:
    [row] = await rows("SELECT COALESCE(MAX(id), 0) AS id FROM events", ())
    return int(row["id"])


async def turning_point(rows: Rows, task_id: str, since: int) -> bool:
    """Whether status or question changed behind `since`."""
    found = await rows(
        f"SELECT 1 FROM events WHERE task = {NUMBER} AND seq > ?"  # noqa: S608 - ours
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
        run_id(row["task_id"], row["run"]),
        EventType(row["type"]),
        json.loads(row["payload"]),
        moment(row["at"]),
    )
