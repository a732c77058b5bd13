"""What the owner decided and still holds: grants, and decisions that git has yet to carry out."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from core.model import ToolKind
from core.permission import Grant, Scope
from core.store.database import Transaction
from core.store.tasks import Rows, moment


@dataclass(frozen=True, slots=True)
class Intent:
    """`kind` names an operation on the task's branch, `args` are its own."""

    task_id: str
    kind: str
    args: Mapping[str, Any]


async def put_intent(tx: Transaction, intent: Intent, at: datetime) -> None:
    await tx.execute(
        "INSERT OR REPLACE INTO intents (task_id, kind, args, at) VALUES (?, ?, ?, ?)",
        (intent.task_id, intent.kind, json.dumps(intent.args), at.timestamp()),
    )


async def intents(rows: Rows) -> Sequence[Intent]:
    found = await rows("SELECT * FROM intents ORDER BY at", ())
    return [Intent(row["task_id"], row["kind"], json.loads(row["args"])) for row in found]


async def delete_intent(tx: Transaction, task_id: str) -> None:
    await tx.execute("DELETE FROM intents WHERE task_id = ?", (task_id,))


async def put_grant(tx: Transaction, grant: Grant) -> None:
    await tx.execute(
        "INSERT INTO grants (scope, task_id, project, kind, prefix, granted_by, expires_at)"
        " VALUES (?, ?, ?, ?, ?, ?, ?)",
        (
            grant.scope.value,
            grant.task_id,
            grant.project,
            grant.kind.value,
            json.dumps(grant.prefix),
            grant.by,
            grant.expires_at.timestamp() if grant.expires_at else None,
        ),
    )


async def grants(rows: Rows, now: datetime) -> Sequence[Grant]:
    """Those in force, newest first."""
    found = await rows(
        "SELECT * FROM grants WHERE expires_at IS NULL OR expires_at > ? ORDER BY id DESC",
        (now.timestamp(),),
    )
    return [_grant(row) for row in found]


async def grants_for(rows: Rows, task_id: str, project: str) -> Sequence[Grant]:
    found = await rows(
        "SELECT * FROM grants WHERE task_id = ? OR (task_id IS NULL AND project = ?)",
        (task_id, project),
    )
    return [_grant(row) for row in found]


async def delete_grant(tx: Transaction, grant_id: int) -> bool:
    return (await tx.execute("DELETE FROM grants WHERE id = ?", (grant_id,))).rowcount == 1


async def delete_expired_grants(tx: Transaction, now: datetime) -> None:
    await tx.execute("DELETE FROM grants WHERE expires_at <= ?", (now.timestamp(),))


def _grant(row: sqlite3.Row) -> Grant:
    return Grant(
        row["id"],
        Scope(row["scope"]),
        row["task_id"],
        row["project"],
        ToolKind(row["kind"]),
        tuple(json.loads(row["prefix"])),
        row["granted_by"],
        moment(row["expires_at"]) if row["expires_at"] is not None else None,
    )
