"""The files of a change, one by one: look at one, accept it, or put it back.

What always holds: a file is accepted or put back at the head that was shown, or not at all.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable

from bot.desk import Desk, Tap
from bot.handlers.reviews import as_shown
from bot.handlers.showing import send_page
from bot.task_cards import file_card, files_card
from core.errors import NotFound
from core.model import FileChange, Task
from core.redact import redact


async def listing(desk: Desk, tap: Tap) -> str | None:
    """In a message of its own; the result stays as it is."""
    task = await as_shown(desk, tap)
    card, key = files_card(task), f"files:{tap.update_id}"
    await send_page(desk, tap.chat_id, card, task.id, key=key, reply_to=tap.message_id)
    return None


async def more(desk: Desk, tap: Tap) -> str | None:
    task = await as_shown(desk, tap)
    await _edit_listing(desk, tap, task)
    return None


async def look(desk: Desk, tap: Tap) -> str | None:
    task = await as_shown(desk, tap)
    change = _change(task, tap.args["path"])
    diff = redact(await desk.engine.diff(task.id, change.path))
    card = file_card(task, change, diff, tap.args["start"])
    await desk.sender.edit(tap.chat_id, tap.message_id, card)
    return None


async def accept(desk: Desk, tap: Tap) -> str | None:
    await _decide(desk, tap, desk.engine.accept_files)
    return "Accepted."


async def revert(desk: Desk, tap: Tap) -> str | None:
    await _decide(desk, tap, desk.engine.revert_files)
    return "Put back to what it was before the task."


async def _decide(desk: Desk, tap: Tap, decision: Callable[..., Awaitable[Task]]) -> None:
    task = await as_shown(desk, tap)
    task = await decision(task.id, [tap.args["path"]], expected_head=task.head or "", by=tap.by)
    await _edit_listing(desk, tap, task)
    await desk.progress.show_again(task.id)


async def _edit_listing(desk: Desk, tap: Tap, task: Task) -> None:
    card = files_card(task, int(tap.args.get("start", "0")))
    await desk.sender.edit(tap.chat_id, tap.message_id, card)


def _change(task: Task, path: str) -> FileChange:
    for change in task.review.files if task.review else ():
        if change.path == path:
            return change
    raise NotFound(f"{path} is not among the files that {task.id} changed.")
