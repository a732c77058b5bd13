"""Showing a task in a chat, so that a reply to the message is about that task."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

from bot.cards import Card, note
from bot.desk import Desk
from bot.task_cards import state_card, task_list
from bot.text import LIMIT, Rich, markdown, pages, pre, visible
from core.model import ENDED, Task
from core.redact import redact
from core.store.conversation import CardRow

PAGES = 3  # what is longer goes as a file, its beginning as text
LARGEST_FILE = 45_000_000  # bytes; Telegram takes 50 MB


async def send_task(desk: Desk, chat_id: int, task: Task) -> None:
    """Where it stands now; one that is not ended is kept up to date."""
    message_id = await desk.sender.send(chat_id, state_card(task), silent=True)
    await desk.progress.add(_row(chat_id, message_id, task))
    await desk.conversation.set_task(chat_id, task.id)


async def update_task(desk: Desk, chat_id: int, message_id: int, task: Task) -> None:
    """The same in a message that is there already, and in all others about it."""
    await desk.sender.edit(chat_id, message_id, state_card(task))
    row = await desk.conversation.card_in(chat_id, message_id)
    if row is None or row.kind == "page":
        await desk.progress.add(_row(chat_id, message_id, task))
    await desk.progress.show_again(task.id)


async def send_diff(desk: Desk, chat_id: int, task: Task, *, key: str, reply_to: int) -> None:
    text = redact(await desk.engine.diff(task.id))
    if not text.strip():
        await desk.sender.send(chat_id, note("There is no change to show."), silent=True)
        return
    shown = pre(visible(text[: (PAGES + 1) * LIMIT]), "diff")
    file = (f"{task.id}.patch", text)
    await _send_long(desk, chat_id, task, shown, file, key=key, reply_to=reply_to)


async def send_answer(desk: Desk, chat_id: int, task: Task, *, key: str) -> None:
    """The agent's last message, whole."""
    text = task.answer or ""
    file = (f"{task.id}.md", redact(text))
    shown = await asyncio.to_thread(markdown, text)  # some texts take seconds to be read
    await _send_long(desk, chat_id, task, shown, file, key=key)


async def _send_long(
    desk: Desk,
    chat_id: int,
    task: Task,
    shown: Rich,
    file: tuple[str, str],
    *,
    key: str,
    reply_to: int | None = None,
) -> None:
    """As text, page by page; where that would be many, its beginning and the whole as a file."""
    split, (name, text) = pages(shown), file
    few = len(split) <= PAGES
    for nth, page in enumerate(split if few else split[:1]):
        await send_page(desk, chat_id, Card(page), task.id, key=f"{key}:{nth}", reply_to=reply_to)
    if few:
        return
    content = text.encode()
    if len(content) > LARGEST_FILE:
        await desk.sender.send(chat_id, note(f"It goes on: gofer show {task.id}"), silent=True)
        return

    async def send() -> int:
        caption = "The beginning is above; this is all of it."
        return await desk.sender.document(chat_id, name, content, caption, reply_to=reply_to)

    await _once(desk, chat_id, task.id, f"{key}:file", send)


async def send_page(
    desk: Desk,
    chat_id: int,
    card: Card,
    task_id: str,
    *,
    key: str,
    reply_to: int | None = None,
) -> None:
    """Something about a task, so that a reply to it is a reply to that. Once for each `key`."""

    async def send() -> int:
        return await desk.sender.send(chat_id, card, silent=True, reply_to=reply_to)

    await _once(desk, chat_id, task_id, key, send)


async def _once(
    desk: Desk, chat_id: int, task_id: str, key: str, send: Callable[[], Awaitable[int]]
) -> None:
    key = f"page:{task_id}:{key}"
    if await desk.conversation.card(chat_id, key) is None:
        row = CardRow(chat_id, key, await send(), task_id, "page")
        await desk.conversation.save_card(row)


async def newest(desk: Desk, before: str | None = None, count: int = 8) -> Card:
    tasks = await desk.engine.tasks(limit=count + 1, before=before)
    return task_list(tasks[:count], older=tasks[count - 1].id if len(tasks) > count else None)


def _row(chat_id: int, message_id: int, task: Task) -> CardRow:
    if task.question is not None:
        key = f"question:{task.id}:{task.question.request_id}"
        return CardRow(chat_id, key, message_id, task.id, "question", live=True)
    kind = "ended" if task.status in ENDED else "working"
    key = f"{kind}:{task.id}:{message_id}"
    return CardRow(chat_id, key, message_id, task.id, kind, live=kind == "working")
