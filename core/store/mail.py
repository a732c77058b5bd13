"""What goes back to agents: messages they are to be told, and answers to what they asked.

Both are stored first, then given to the agent, then marked. A crash in between gives them again;
the agent's side knows them by their ids.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from pydantic import TypeAdapter

from core.model import Decision, Question, Request
from core.store.database import Transaction
from core.store.tasks import Rows, moment

_REQUEST = TypeAdapter(Request)
WITHDRAWN = "withdrawn"  # in the place of who answered


@dataclass(frozen=True, slots=True)
class Message:
    id: str
    task_id: str
    text: str
    sender: str


@dataclass(frozen=True, slots=True)
class Asked:
    """One request of a run, and what was decided about it."""

    run_id: str
    request: Request
    expires_at: datetime
    decision: Decision | None = None
    text: str = ""
    by: str | None = None

    @property
    def question(self) -> Question:
        request = self.request
        return Question(
            request_id=request.request_id,
            text=request.title,
            options=request.options,
            expires_at=self.expires_at,
            detail=request.detail or request.command or "",
            command=request.command,
            kind=request.kind.value if request.kind else None,
        )


# --- messages ------------------------------------------------------------------------------------


async def put_message(tx: Transaction, message: Message, at: datetime) -> bool:
    """False when a message with this id is there already."""
    cursor = await tx.execute(
        "INSERT INTO messages (id, task_id, text, sender, at) VALUES (?, ?, ?, ?, ?)"
        " ON CONFLICT DO NOTHING",
        (message.id, message.task_id, message.text, message.sender, at.timestamp()),
    )
    return cursor.rowcount == 1


async def message(rows: Rows, message_id: str) -> Message | None:
    found = await rows("SELECT * FROM messages WHERE id = ?", (message_id,))
    return _message(found[0]) if found else None


async def untold_messages(rows: Rows, task_id: str) -> Sequence[Message]:
    found = await rows(
        "SELECT * FROM messages WHERE task_id = ? AND told_at IS NULL ORDER BY at, rowid",
        (task_id,),
    )
    return [_message(row) for row in found]


async def mark_message_told(tx: Transaction, message_id: str, at: datetime) -> None:
    await tx.execute("UPDATE messages SET told_at = ? WHERE id = ?", (at.timestamp(), message_id))


async def mark_messages_untold(tx: Transaction, message_ids: Sequence[str]) -> None:
    """They may be told again."""
    await tx.execute_many(
        "UPDATE messages SET told_at = NULL WHERE id = ?", [(one,) for one in message_ids]
    )


def _message(row: sqlite3.Row) -> Message:
    return Message(row["id"], row["task_id"], row["text"], row["sender"])


# --- questions -----------------------------------------------------------------------------------


async def put_question(tx: Transaction, task_id: str, asked: Asked, number: int) -> None:
    """An id that the same run used before is asked anew."""
    await tx.execute(
        "INSERT OR REPLACE INTO questions"
        " (task_id, run_id, request_id, number, request, expires_at, decision, text, answered_by)"
        " VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)",
        (
            task_id,
            asked.run_id,
            asked.request.request_id,
            number,
            _REQUEST.dump_json(asked.request).decode(),
            asked.expires_at.timestamp(),
            asked.decision.value if asked.decision else None,
            asked.text,
            asked.by,
        ),
    )


async def question(rows: Rows, task_id: str, run_id: str, request_id: str) -> Asked | None:
    found = await rows(
        "SELECT * FROM questions WHERE task_id = ? AND run_id = ? AND request_id = ?",
        (task_id, run_id, request_id),
    )
    return _asked(found[0]) if found else None


async def open_questions(rows: Rows, task_id: str) -> Sequence[Asked]:
    found = await rows(
        "SELECT * FROM questions WHERE task_id = ? AND decision IS NULL ORDER BY number",
        (task_id,),
    )
    return [_asked(row) for row in found]


async def untold_answers(rows: Rows, task_id: str) -> Sequence[Asked]:
    """Of the present run alone: the end of a run withdraws what it asked."""
    found = await rows(
        "SELECT * FROM questions WHERE task_id = ? AND told = 0 AND decision IS NOT NULL"
        " ORDER BY number",
        (task_id,),
    )
    return [_asked(row) for row in found]


async def decide(tx: Transaction, task_id: str, asked: Asked) -> None:
    assert asked.decision is not None
    await tx.execute(
        "UPDATE questions SET decision = ?, text = ?, answered_by = ?"
        " WHERE task_id = ? AND run_id = ? AND request_id = ?",
        (
            asked.decision.value,
            asked.text,
            asked.by,
            task_id,
            asked.run_id,
            asked.request.request_id,
        ),
    )


async def mark_answer_told(tx: Transaction, task_id: str, asked: Asked) -> None:
    await tx.execute(
        "UPDATE questions SET told = 1 WHERE task_id = ? AND run_id = ? AND request_id = ?",
        (task_id, asked.run_id, asked.request.request_id),
    )


async def withdraw(tx: Transaction, task_id: str, request_id: str | None = None) -> None:
    """The agent no longer waits for this (or for anything)."""
    await tx.execute(
        "UPDATE questions SET told = 1, answered_by = COALESCE(answered_by, ?1),"
        " decision = COALESCE(decision, 'deny')"
        " WHERE task_id = ?2 AND told = 0 AND (request_id = ?3 OR ?3 IS NULL)",
        (WITHDRAWN, task_id, request_id),
    )


def _asked(row: sqlite3.Row) -> Asked:
    return Asked(
        row["run_id"],
        _REQUEST.validate_json(row["request"]),
        moment(row["expires_at"]),
        Decision(row["decision"]) if row["decision"] else None,
        row["text"],
        row["answered_by"],
    )
