"""What a chat remembers across restarts: updates, drafts, cards, buttons.

What always holds: an update that was put is handed out until it is finished, and never again
after that; a button's token means the same for as long as it is known; one key has one message.
"""

from __future__ import annotations

import json
import sqlite3
import time
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from enum import StrEnum
from hashlib import blake2b
from typing import Any

from core.hearing import Replacement
from core.store import events
from core.store.database import Database, Transaction

DAY_S = 86_400.0
# The messenger repeats what it was not told of for a day; buttons and drafts outlive a holiday.
KEEP_UPDATES_S = 3 * DAY_S
KEEP_REST_S = 90 * DAY_S


class DraftState(StrEnum):
    HEARING = "hearing"
    OPEN = "open"
    SENT = "sent"
    DROPPED = "dropped"


@dataclass(frozen=True, slots=True)
class Draft:
    """What will be submitted once its owner says so. `id` is the update it came from."""

    id: int
    chat_id: int
    state: DraftState = DraftState.OPEN
    message_id: int | None = None
    spoken: bool = False
    forwarded: bool = False
    text: str = ""
    raw_text: str = ""
    replacements: tuple[Replacement, ...] = ()
    notice: str | None = None
    project: str | None = None
    template: str | None = None
    arguments: Mapping[str, Any] = field(default_factory=dict)
    agents: tuple[str, ...] = ()
    look_only: bool = False
    asking: str | None = None  # the argument that is being asked for
    picking: str | None = None  # project | agent
    start: int = 0  # of the projects to pick from, the first that is shown
    rest_until: float = 0.0  # Unix time; the next text, if sent before, is the rest of this one
    last_part: int = 0  # the update that brought the last such rest
    said_in: int = 0  # the message it came from


@dataclass(frozen=True, slots=True)
class Waiting:
    """What the next message in a chat will be taken for."""

    kind: str  # edit | argument | follow_up | answer
    subject: str  # id of a draft or task
    request: str = ""  # with `answer`
    until: float = 0.0  # Unix time

    @classmethod
    def for_(cls, kind: str, subject: str, request: str = "", seconds: float = 3600) -> Waiting:
        return cls(kind, subject, request, time.time() + seconds)


@dataclass(frozen=True, slots=True)
class Route:
    """What an update was taken for."""

    kind: str  # draft | rest | answer | follow_up | order | edit | argument
    subject: str = ""  # id of a task or draft
    detail: str = ""  # the request, order or argument
    words: str = ""  # what was said


@dataclass(frozen=True, slots=True)
class Chat:
    id: int
    project: str | None = None
    task: str | None = None
    waiting: Waiting | None = None


@dataclass(frozen=True, slots=True)
class CardRow:
    chat_id: int
    key: str
    message_id: int
    task_id: str
    kind: str  # working | question | ended | page
    live: bool = False


@dataclass(frozen=True, slots=True)
class ButtonRow:
    chat_id: int
    action: str
    subject: str = ""
    args: Mapping[str, str] = field(default_factory=dict)

    @property
    def token(self) -> str:
        """The same button has the same token, so showing a card again adds no rows."""
        said = json.dumps([self.chat_id, self.action, self.subject, self.args], sort_keys=True)
        return blake2b(said.encode(), digest_size=12).hexdigest()


class Conversation:
    def __init__(self, database: Database) -> None:
        self._database = database

    # --- updates ---------------------------------------------------------------------------------

    async def put_update(self, update_id: int, body: str) -> bool:
        """Durable on return. False: it is here already (waiting, or finished)."""
        async with self._database.transaction() as transaction:
            cursor = await transaction.execute(
                "INSERT OR IGNORE INTO updates (id, body, received_at) VALUES (?, ?, ?)",
                (update_id, body, time.time()),
            )
            return cursor.rowcount == 1

    async def pending_updates(self) -> Sequence[tuple[int, str]]:
        """(id, body) in the order they came."""
        rows = await self._database.read(
            "SELECT id, body FROM updates WHERE finished_at IS NULL ORDER BY id"
        )
        return [(row["id"], row["body"]) for row in rows]

    async def begin_update(self, update_id: int) -> int:
        """Count an attempt. Returns how many there were, this one included."""
        async with self._database.transaction() as transaction:
            rows = await transaction.rows(
                "UPDATE updates SET attempts = attempts + 1 WHERE id = ? RETURNING attempts",
                (update_id,),
            )
            return int(rows[0]["attempts"]) if rows else 1

    async def route(self, update_id: int) -> Route | None:
        rows = await self._database.read("SELECT route FROM updates WHERE id = ?", (update_id,))
        return Route(**json.loads(rows[0]["route"])) if rows and rows[0]["route"] else None

    async def set_route(self, update_id: int, route: Route) -> None:
        async with self._database.transaction() as transaction:
            await transaction.execute(
                "UPDATE updates SET route = ? WHERE id = ?", (json.dumps(asdict(route)), update_id)
            )

    async def finish_update(self, update_id: int) -> None:
        async with self._database.transaction() as transaction:
            await transaction.execute(
                "UPDATE updates SET finished_at = ?, body = '', route = NULL WHERE id = ?",
                (time.time(), update_id),
            )

    # --- chats -----------------------------------------------------------------------------------

    async def chat(self, chat_id: int) -> Chat:
        rows = await self._database.read("SELECT * FROM chats WHERE id = ?", (chat_id,))
        if not rows:
            return Chat(chat_id)
        row = rows[0]
        waiting = Waiting(**json.loads(row["waiting"])) if row["waiting"] else None
        if waiting is not None and waiting.until < time.time():
            waiting = None
        return Chat(chat_id, row["project"], row["task"], waiting)

    async def set_project(self, chat_id: int, project: str) -> None:
        await self._set_chat(chat_id, "project", project)

    async def set_task(self, chat_id: int, task_id: str) -> None:
        await self._set_chat(chat_id, "task", task_id)

    async def set_waiting(self, chat_id: int, waiting: Waiting | None) -> None:
        value = json.dumps(asdict(waiting)) if waiting else None
        await self._set_chat(chat_id, "waiting", value)

    async def _set_chat(self, chat_id: int, column: str, value: str | None) -> None:
        async with self._database.transaction() as transaction:
            await transaction.execute(
                f"INSERT INTO chats (id, {column}) VALUES (?, ?) "  # noqa: S608 - ours
                f"ON CONFLICT (id) DO UPDATE SET {column} = excluded.{column}",
                (chat_id, value),
            )

    # --- drafts ----------------------------------------------------------------------------------

    async def draft(self, draft_id: int) -> Draft | None:
        rows = await self._database.read("SELECT * FROM drafts WHERE id = ?", (draft_id,))
        return _draft(rows[0]) if rows else None

    async def draft_shown_in(self, chat_id: int, message_id: int) -> Draft | None:
        rows = await self._database.read(
            "SELECT * FROM drafts WHERE chat_id = ? AND message_id = ?", (chat_id, message_id)
        )
        return _draft(rows[0]) if rows else None

    async def draft_said_in(self, chat_id: int, message_id: int) -> Draft | None:
        """The one that came from this message of a person."""
        rows = await self._database.read(
            "SELECT * FROM drafts WHERE chat_id = ? AND json_extract(body, '$.said_in') = ?",
            (chat_id, message_id),
        )
        return _draft(rows[0]) if rows else None

    async def newest_draft(self, chat_id: int) -> Draft | None:
        """By time: after a quiet week the messenger numbers its updates anew."""
        rows = await self._database.read(
            "SELECT * FROM drafts WHERE chat_id = ? ORDER BY updated_at DESC LIMIT 1", (chat_id,)
        )
        return _draft(rows[0]) if rows else None

    async def save_draft(self, draft: Draft) -> Draft:
        async with self._database.transaction() as transaction:
            await transaction.execute(
                "INSERT INTO drafts (id, chat_id, state, message_id, body, updated_at) "
                "VALUES (?, ?, ?, ?, ?, ?) ON CONFLICT (id) DO UPDATE SET state = excluded.state, "
                "message_id = excluded.message_id, body = excluded.body, "
                "updated_at = excluded.updated_at",
                (
                    draft.id,
                    draft.chat_id,
                    draft.state,
                    draft.message_id,
                    json.dumps(asdict(draft)),
                    time.time(),
                ),
            )
        return draft

    async def set_message(self, draft: Draft, message_id: int) -> None:
        """Which message shows it. Changes nothing else: it may have been tapped already."""
        async with self._database.transaction() as transaction:
            await transaction.execute(
                "UPDATE drafts SET message_id = ? WHERE id = ?", (message_id, draft.id)
            )

    # --- cards -----------------------------------------------------------------------------------

    async def save_card(self, card: CardRow) -> None:
        async with self._database.transaction() as transaction:
            await transaction.execute(
                "INSERT INTO cards (chat_id, key, message_id, task_id, kind, live, shown_at) "
                "VALUES (?, ?, ?, ?, ?, ?, ?) ON CONFLICT (chat_id, key) DO UPDATE SET "
                "message_id = excluded.message_id, live = excluded.live",
                (
                    card.chat_id,
                    card.key,
                    card.message_id,
                    card.task_id,
                    card.kind,
                    int(card.live),
                    time.time(),
                ),
            )

    async def card(self, chat_id: int, key: str) -> CardRow | None:
        return await self._card("chat_id = ? AND key = ?", chat_id, key)

    async def card_in(self, chat_id: int, message_id: int) -> CardRow | None:
        """What a message shows now: a page may have become a card that is kept up to date."""
        where = "chat_id = ? AND message_id = ? ORDER BY kind = 'page'"
        return await self._card(where, chat_id, message_id)

    async def live_cards(self) -> Sequence[CardRow]:
        rows = await self._database.read("SELECT * FROM cards WHERE live = 1")
        return [_card_row(row) for row in rows]

    async def ended_cards(self, task_id: str) -> Sequence[CardRow]:
        """Where this task's results are shown."""
        rows = await self._database.read(
            "SELECT * FROM cards WHERE task_id = ? AND kind = 'ended'", (task_id,)
        )
        return [_card_row(row) for row in rows]

    async def settle_card(self, card: CardRow) -> None:
        """It will not change by itself any more."""
        async with self._database.transaction() as transaction:
            await transaction.execute(
                "UPDATE cards SET live = 0 WHERE chat_id = ? AND key = ?", (card.chat_id, card.key)
            )

    async def _card(self, where: str, *params: Any) -> CardRow | None:
        rows = await self._database.read(f"SELECT * FROM cards WHERE {where}", params)  # noqa: S608
        return _card_row(rows[0]) if rows else None

    # --- buttons ---------------------------------------------------------------------------------

    async def save_buttons(self, buttons: Sequence[ButtonRow]) -> None:
        """Durable before the message that carries them is sent."""
        if not buttons:
            return
        async with self._database.transaction() as transaction:
            await transaction.execute_many(
                "INSERT INTO buttons (token, chat_id, action, subject, args, shown_at) "
                "VALUES (?, ?, ?, ?, ?, ?) "
                "ON CONFLICT (token) DO UPDATE SET shown_at = excluded.shown_at",
                [
                    (b.token, b.chat_id, b.action, b.subject, json.dumps(b.args), time.time())
                    for b in buttons
                ],
            )

    async def button(self, chat_id: int, token: str) -> ButtonRow | None:
        rows = await self._database.read(
            "SELECT * FROM buttons WHERE token = ? AND chat_id = ?", (token, chat_id)
        )
        if not rows:
            return None
        row = rows[0]
        return ButtonRow(chat_id, row["action"], row["subject"], json.loads(row["args"]))

    # --- the rest --------------------------------------------------------------------------------

    async def newest_event(self) -> int:
        """Id of the newest entry in the log of all tasks."""
        return await events.newest_id(self._database.read)

    async def forget_old(self) -> None:
        """Rows that nobody will ask for again."""
        now = time.time()
        async with self._database.transaction() as transaction:
            await _delete(transaction, "updates", "finished_at", now - KEEP_UPDATES_S)
            await _delete(transaction, "drafts", "updated_at", now - KEEP_REST_S)
            await _delete(transaction, "buttons", "shown_at", now - KEEP_REST_S)
            await _delete(transaction, "cards", "live = 0 AND shown_at", now - KEEP_REST_S)


async def _delete(transaction: Transaction, table: str, column: str, before: float) -> None:
    await transaction.execute(f"DELETE FROM {table} WHERE {column} < ?", (before,))  # noqa: S608


def _draft(row: sqlite3.Row) -> Draft:
    body = json.loads(row["body"])
    return Draft(
        **{
            **body,
            "state": DraftState(body["state"]),
            "message_id": row["message_id"],
            "replacements": tuple(
                Replacement(**{**change, "choices": tuple(change["choices"])})
                for change in body["replacements"]
            ),
            "agents": tuple(body["agents"]),
        }
    )


def _card_row(row: sqlite3.Row) -> CardRow:
    return CardRow(
        row["chat_id"],
        row["key"],
        row["message_id"],
        row["task_id"],
        row["kind"],
        bool(row["live"]),
    )
