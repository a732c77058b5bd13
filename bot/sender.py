"""Everything that is written to a chat goes through here, at a pace Telegram allows.

What always holds: per chat, messages and decided edits leave in the order they were asked for and
none is dropped; during a penalty nothing is written to that chat, while others go on. Progress
(`refresh`) is written only when the chat is quiet, a newer one replaces a waiting one, and it is
rendered when its turn comes. A send that timed out may have arrived and is sent again: at least
once, not at most.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable
from contextlib import suppress
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import TypeVar

from telegram import (
    Bot,
    InlineKeyboardButton,
    InlineKeyboardMarkup,
    LinkPreviewOptions,
    Message,
    ReplyParameters,
)
from telegram.constants import CallbackQueryLimit, MessageLimit
from telegram.error import BadRequest, NetworkError, RetryAfter, TelegramError

from bot.cards import Card
from bot.text import MORE, Rich, fit, head
from core.errors import TransientError
from core.store.conversation import ButtonRow, Conversation

log = logging.getLogger(__name__)

T = TypeVar("T")
Render = Callable[[], Awaitable[Card | None]]
Done = Callable[[Card], Awaitable[None]]

NO_PREVIEW = LinkPreviewOptions(is_disabled=True)
CAPTION = MessageLimit.CAPTION_LENGTH.value
TOAST = CallbackQueryLimit.ANSWER_CALLBACK_QUERY_TEXT_LENGTH.value
LONGEST_BACKOFF_S = 30.0
MOST_BUTTONS = 100  # Telegram refuses a message with more


@dataclass(frozen=True, slots=True)
class Pace:
    """Telegram takes about a message a second in a chat, 20 a minute in a group; bursts pass."""

    every_s: float = 1.0
    group_every_s: float = 3.0
    burst: int = 4
    backoff_s: float = 1.0


class _Gate:
    """One chat's turns: a bucket of `burst` calls, one more each `every_s`, shut in a penalty."""

    def __init__(self, every_s: float, burst: int) -> None:
        self.lock = asyncio.Lock()  # fair: first come, first served
        self.waiting: dict[int, tuple[Render, Done | None]] = {}  # progress, by message
        self.worker: asyncio.Task[None] | None = None
        self._every_s = every_s
        self._burst = burst
        self._full_at = 0.0  # when the bucket will be full again
        self._open_at = 0.0

    def shut(self, seconds: float) -> None:
        self._open_at = max(self._open_at, time.monotonic() + seconds)

    def delay(self, *, quiet: bool = False) -> float:
        """Seconds until a call may be made; `quiet`: until nothing else was for a while."""
        now = time.monotonic()
        spare = 0 if quiet else (self._burst - 1) * self._every_s
        return max(self._open_at - now, self._full_at - spare - now, 0.0)

    async def turn(self) -> None:
        await asyncio.sleep(self.delay())
        self._full_at = max(self._full_at, time.monotonic()) + self._every_s


class Sender:
    def __init__(self, bot: Bot, conversation: Conversation, pace: Pace) -> None:
        self._bot = bot
        self._conversation = conversation
        self._pace = pace
        self._gates: dict[int, _Gate] = {}

    async def send(
        self,
        chat_id: int,
        card: Card,
        *,
        silent: bool = False,
        reply_to: int | None = None,
        patient: bool = True,
    ) -> int:
        """Returns the message's id. Impatient: raises TransientError instead of trying again."""
        markup = await self._markup(chat_id, card)

        async def call(text: Rich) -> int:
            sent = await self._bot.send_message(
                chat_id,
                text.text,
                entities=text.entities,
                reply_markup=markup,
                disable_notification=silent,
                reply_parameters=_reply(reply_to),
                link_preview_options=NO_PREVIEW,
            )
            return sent.message_id

        return await self._call(chat_id, lambda: _marked(fit(card.text), call), patient=patient)

    async def edit(
        self, chat_id: int, message_id: int, card: Card, *, patient: bool = True
    ) -> bool:
        """Show this instead, and no progress that waited. False: the message is gone."""
        self._gate(chat_id).waiting.pop(message_id, None)
        markup = await self._markup(chat_id, card)

        async def call(text: Rich) -> Message | bool:
            return await self._bot.edit_message_text(
                text.text,
                chat_id,
                message_id,
                entities=text.entities,
                reply_markup=markup,
                link_preview_options=NO_PREVIEW,
            )

        try:
            await self._call(chat_id, lambda: _marked(fit(card.text), call), patient=patient)
        except BadRequest as error:
            if "not modified" in error.message.lower():
                return True
            log.info("A message could not be edited: %s", error.message)
            return False
        return True

    def refresh(
        self, chat_id: int, message_id: int, render: Render, done: Done | None = None
    ) -> None:
        """Show progress when the chat is quiet; then `done` is called with it.

        `render` may return None: nothing to show.
        """
        gate = self._gate(chat_id)
        gate.waiting[message_id] = (render, done)
        if gate.worker is None or gate.worker.done():
            gate.worker = asyncio.create_task(self._write_progress(chat_id, gate))

    async def delete(self, chat_id: int, message_id: int) -> None:
        """Best effort: Telegram keeps what is older than two days."""
        with suppress(BadRequest):
            await self._call(chat_id, lambda: self._bot.delete_message(chat_id, message_id))

    async def document(
        self, chat_id: int, name: str, content: bytes, caption: str, *, reply_to: int | None = None
    ) -> int:
        async def call() -> int:
            sent = await self._bot.send_document(
                chat_id,
                content,
                filename=name,
                caption=head(caption, CAPTION),
                reply_parameters=_reply(reply_to),
                disable_notification=True,
            )
            return sent.message_id

        return await self._call(chat_id, call)

    async def fetch(self, file_id: str, to: Path) -> None:
        """A file that somebody sent. An outage is sat out; raises BadRequest and its like."""
        backoff = self._pace.backoff_s
        while True:
            try:
                await (await self._bot.get_file(file_id)).download_to_drive(to)
                return
            except RetryAfter as error:
                await asyncio.sleep(seconds_of(error))
            except TelegramError as error:
                if not passing(error):
                    raise
                log.info("A file could not be fetched yet: %s", error.message)
                await asyncio.sleep(backoff)
                backoff = min(backoff * 2, LONGEST_BACKOFF_S)

    async def toast(self, query_id: str, text: str = "", *, alert: bool = False) -> None:
        """Answer a tap. Goes round the gate: the phone shows a spinner until then."""
        with suppress(TelegramError):  # too old, or soon of no use
            await self._bot.answer_callback_query(query_id, head(text, TOAST), show_alert=alert)

    async def stop(self) -> None:
        workers = [gate.worker for gate in self._gates.values() if gate.worker]
        for worker in workers:
            worker.cancel()
        await asyncio.gather(*workers, return_exceptions=True)

    async def _call(
        self, chat_id: int, call: Callable[[], Awaitable[T]], *, patient: bool = True
    ) -> T:
        """Raises BadRequest, Forbidden and their like as they are: trying again would not help."""
        gate = self._gate(chat_id)
        backoff = self._pace.backoff_s
        async with gate.lock:
            while True:
                if not patient and gate.delay() > self._pace.every_s:
                    raise TransientError("Telegram asked to wait.", gate.delay())
                await gate.turn()
                try:
                    return await call()
                except RetryAfter as error:
                    seconds = seconds_of(error)
                    gate.shut(seconds)
                    log.info("Telegram asks to leave a chat alone for %.0f s.", seconds)
                    if not patient:
                        raise TransientError("Telegram asked to wait.", seconds) from None
                except TelegramError as error:
                    if not passing(error):
                        raise
                    if not patient:
                        raise TransientError(f"Telegram cannot be reached: {error}.") from None
                    gate.shut(backoff)
                    backoff = min(backoff * 2, LONGEST_BACKOFF_S)

    async def _write_progress(self, chat_id: int, gate: _Gate) -> None:
        while gate.waiting:
            if (delay := gate.delay(quiet=True)) > 0:
                await asyncio.sleep(delay)
                continue
            message_id = next(iter(gate.waiting))
            render, done = gate.waiting.pop(message_id)
            try:
                await self._show(chat_id, message_id, render, done)
            except TransientError as error:
                gate.shut(error.retry_after_s or self._pace.backoff_s)
                gate.waiting.setdefault(message_id, (render, done))
            except TelegramError as error:  # blocked, or thrown out
                log.info("A message could not be brought up to date: %s", error.message)
            except Exception:  # the boundary of this job: one message, not the others
                log.exception("A message could not be brought up to date.")

    async def _show(self, chat_id: int, message_id: int, render: Render, done: Done | None) -> None:
        card = await render()
        if card is None or message_id in self._gate(chat_id).waiting:
            return
        await self.edit(chat_id, message_id, card, patient=False)
        if done is not None:
            await done(card)

    async def _markup(self, chat_id: int, card: Card) -> InlineKeyboardMarkup | None:
        rows: list[list[InlineKeyboardButton]] = []
        kept: list[ButtonRow] = []
        left = MOST_BUTTONS
        for buttons in card.buttons:
            row: list[InlineKeyboardButton] = []
            for button in islice(buttons, left):
                label = button.label.strip() or MORE
                if button.url:
                    row.append(InlineKeyboardButton(label, url=button.url))
                    continue
                meaning = ButtonRow(chat_id, button.action, button.subject, button.args)
                kept.append(meaning)
                row.append(InlineKeyboardButton(label, callback_data=meaning.token))
            left -= len(row)
            if row:
                rows.append(row)
        await self._conversation.save_buttons(kept)
        return InlineKeyboardMarkup(rows) if rows else None

    def _gate(self, chat_id: int) -> _Gate:
        if chat_id not in self._gates:
            group = chat_id < 0
            every_s = self._pace.group_every_s if group else self._pace.every_s
            self._gates[chat_id] = _Gate(every_s, self._pace.burst)
        return self._gates[chat_id]


def passing(error: TelegramError) -> bool:
    """An outage. What a broken gateway says has no class of its own."""
    if isinstance(error, NetworkError):
        return not isinstance(error, BadRequest)
    return type(error) is TelegramError


async def _marked(text: Rich, call: Callable[[Rich], Awaitable[T]]) -> T:
    """With its marks; without them when Telegram does not like them."""
    try:
        return await call(text)
    except BadRequest as error:
        if not text.marks or "entit" not in error.message.lower():
            raise
        log.info("Telegram refused the marks of a message: %s", error.message)
        return await call(Rich(text.text))


def _reply(message_id: int | None) -> ReplyParameters | None:
    """A reply even when the message it answers was deleted."""
    return ReplyParameters(message_id, allow_sending_without_reply=True) if message_id else None


def seconds_of(error: RetryAfter) -> float:
    after = error.retry_after
    return float(after) if isinstance(after, int) else after.total_seconds()
