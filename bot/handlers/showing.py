"""Showing a task in a chat, so that a reply to the message is about that task."""

from __future__ import annotations

from bot.cards import Card, note
from bot.desk import Desk
from bot.task_cards import state_card, task_list
from bot.text import LIMIT, markdown, pages, pre
from core.model import ENDED, Task
from core.redact import redact
from core.store.conversation import CardRow

PAGES = 3  # a longer diff goes as a file, its beginning as text
LARGEST_FILE = 45_000_000  # bytes; Telegram takes 50 MB


async def send_task(desk: Desk, chat_id: int, task: Task) -> None:
    """Where it stands now; one that is not ended is kept up to date."""
    message_id = await desk.sender.send(chat_id, state_card(task), silent=True)
    await desk.progress.add(_row(chat_id, message_id, task))
    await desk.conversation.set_task(chat_id, task.id)


async def update_task(desk: Desk, chat_id: int, message_id: int, task: Task) -> None:
    """The same in a message that is there already, and in all others about it."""
    await desk.sender.edit(chat_id, message_id, state_card(task))
    if await desk.conversation.card_in(chat_id, message_id) is None:
        await desk.progress.add(_row(chat_id, message_id, task))
    await desk.progress.show_again(task.id)


async def send_diff(desk: Desk, chat_id: int, task: Task, *, reply_to: int) -> None:
    """As text, page by page; the whole as a patch file when that would be many."""
    text = redact(await desk.engine.diff(task.id))
    if not text.strip():
        await desk.sender.send(chat_id, note("There is no change to show."), silent=True)
        return
    split = pages(pre(text[: (PAGES + 1) * LIMIT], "diff"))
    whole = len(split) <= PAGES
    for page in split if whole else split[:1]:
        await send_page(desk, chat_id, Card(page), task.id, reply_to=reply_to)
    if not whole:
        await _send_patch(desk, chat_id, task, text.encode(), reply_to)


async def _send_patch(desk: Desk, chat_id: int, task: Task, patch: bytes, reply_to: int) -> None:
    if len(patch) > LARGEST_FILE:
        await desk.sender.send(chat_id, note(f"It goes on: gofer diff {task.id}"), silent=True)
        return
    caption = "The beginning is above; this is all of it."
    await desk.sender.document(chat_id, f"{task.id}.patch", patch, caption, reply_to=reply_to)


async def send_answer(desk: Desk, chat_id: int, task: Task) -> None:
    """The agent's last message, whole."""
    for page in pages(markdown(task.answer or "")):
        await send_page(desk, chat_id, Card(page), task.id)


async def send_page(
    desk: Desk, chat_id: int, card: Card, task_id: str, *, reply_to: int | None = None
) -> None:
    message_id = await desk.sender.send(chat_id, card, silent=True, reply_to=reply_to)
    row = CardRow(chat_id, f"page:{task_id}:{message_id}", message_id, task_id, "page")
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
