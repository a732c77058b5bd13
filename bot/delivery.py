"""What the outbox sends to a chat: results and questions. These ring; nothing else does.

What always holds: what was delivered once is known by its key, so a repetition after a crash
shows nothing twice, but for the moment between Telegram's yes and our note of it.
"""

from __future__ import annotations

import logging

from telegram.error import BadRequest, ChatMigrated, TelegramError

from bot.cards import Card, note
from bot.desk import Desk
from bot.handlers import showing
from bot.task_cards import answer_is_cut, question_card, state_card
from core.errors import GoferError, NotFound
from core.model import ENDED, Task
from core.outbox import Delivery
from core.store.conversation import CardRow

log = logging.getLogger(__name__)


class Undeliverable(GoferError):
    """Telegram does not take this message."""


async def deliver(desk: Desk, delivery: Delivery) -> None:
    """Raises TransientError (try again, when it says so), Undeliverable."""
    chat_id = int(delivery.destination.partition(":")[2])
    try:
        try:
            await _show(desk, chat_id, delivery)
        except ChatMigrated as moved:  # the group got a new id
            await _show(desk, moved.new_chat_id, delivery)
    except TelegramError as error:
        raise Undeliverable(f"Telegram does not take this message: {error.message}.") from None


async def _show(desk: Desk, chat_id: int, delivery: Delivery) -> None:
    match delivery.kind:
        case "finished":
            await _finished(desk, chat_id, delivery)
        case "question":
            await _question(desk, chat_id, delivery)
        case _:
            text = str(delivery.payload.get("text", ""))
            await desk.sender.send(chat_id, note(text), patient=False)


async def _finished(desk: Desk, chat_id: int, delivery: Delivery) -> None:
    task = await _task(desk, delivery)
    key = f"ended:{task.id}:{delivery.id}" if task else ""
    if task is None or await desk.conversation.card(chat_id, key) is not None:
        return
    if answer_is_cut(task):
        try:
            await showing.send_answer(desk, chat_id, task, key=str(delivery.id))
        except BadRequest as error:  # the result below is still worth having
            log.warning("Telegram does not take an answer: %s", error.message)
    message_id = await desk.sender.send(chat_id, state_card(task), patient=False)
    ended = task.status in ENDED  # else it was set going again meanwhile
    kind = "ended" if ended else "working"
    await desk.progress.add(CardRow(chat_id, key, message_id, task.id, kind, live=not ended))
    await desk.conversation.set_task(chat_id, task.id)


async def _question(desk: Desk, chat_id: int, delivery: Delivery) -> None:
    task = await _task(desk, delivery)
    asked = str(delivery.payload["question"]["request_id"])
    if task is None or task.question is None or task.question.request_id != asked:
        return  # answered meanwhile
    key = f"question:{task.id}:{asked}"
    if await desk.conversation.card(chat_id, key) is not None:
        return
    card: Card = question_card(task, task.question)
    message_id = await desk.sender.send(chat_id, card, patient=False)
    await desk.progress.add(CardRow(chat_id, key, message_id, task.id, "question", live=True))


async def _task(desk: Desk, delivery: Delivery) -> Task | None:
    """As it is now. None: it was cleaned away."""
    try:
        return await desk.engine.task(str(delivery.task_id))
    except NotFound:
        return None
