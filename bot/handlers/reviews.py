"""Taps on a task: stop it, answer it, and decide about its work.

What always holds: a decision is made about the head that was shown, or not at all.
"""

from __future__ import annotations

from bot.cards import Button, Card, note
from bot.desk import Desk, Tap
from bot.handlers import showing
from bot.handlers.drafts import wait_no_more
from bot.task_cards import confirm_card, conflict_card, plan_card
from bot.text import plain
from core.errors import MergeConflict, Refused
from core.model import ENDED, Decision, ReviewState, Task
from core.store.conversation import Waiting


class Moved(Refused):
    """It has changed since. This is how it stands now."""


async def stop(desk: Desk, tap: Tap) -> str | None:
    task = await desk.engine.cancel(tap.subject, by=tap.by)
    return f"Stopped {task.id}."


async def decide(desk: Desk, tap: Tap) -> str | None:
    decision = Decision(tap.args["decision"])
    await desk.engine.answer(
        tap.subject, tap.args["request"], decision, by=tap.by, grant=tap.args["grant"]
    )
    return "Allowed." if decision is Decision.ALLOW else "Denied."


async def answer(desk: Desk, tap: Tap) -> str | None:
    await desk.engine.answer(
        tap.subject, tap.args["request"], Decision.ALLOW, by=tap.by, text=tap.args["text"]
    )
    return "Passed on."


async def merge(desk: Desk, tap: Tap, how: str = "merge") -> str | None:
    task = await as_shown(desk, tap)
    try:
        task = await desk.engine.merge(task.id, expected_head=task.head or "", how=how, by=tap.by)
    except MergeConflict as conflict:
        await _ask(desk, tap, task, conflict_card(task, str(conflict)))
        return "It does not merge cleanly."
    await _show(desk, tap, task)
    return "Merged."


async def squash(desk: Desk, tap: Tap) -> str | None:
    return await merge(desk, tap, "squash")


async def undo_merge(desk: Desk, tap: Tap) -> str | None:
    task = await as_shown(desk, tap)
    await _show(desk, tap, await desk.engine.undo_merge(task.id, by=tap.by))
    return "The merge is undone."


async def resolve(desk: Desk, tap: Tap) -> str | None:
    key = f"telegram:{tap.update_id}"
    task = await desk.engine.resolve(tap.subject, by=tap.by, key=key)
    await _drop_buttons(desk, tap, "Asked the agent to resolve it.")
    await desk.progress.watch(task, tap.chat_id, f"working:{task.id}:{tap.update_id}")
    return None


async def pull_request(desk: Desk, tap: Tap) -> str | None:
    task = await as_shown(desk, tap)
    plan = await desk.engine.pull_request_plan(task.id)
    await _ask(desk, tap, task, plan_card(task, plan))
    return None


async def open_pull_request(desk: Desk, tap: Tap) -> str | None:
    task = await as_shown(desk, tap)
    head, before = task.head or "", task.review.state if task.review else None
    task = await desk.engine.open_pull_request(task.id, expected_head=head, by=tap.by)
    await _show(desk, tap, task)
    return "Sent." if before is ReviewState.PULL_REQUEST else "Opened."


async def fix(desk: Desk, tap: Tap) -> str | None:
    task = await desk.engine.task(tap.subject)
    await desk.conversation.set_waiting(tap.chat_id, Waiting.for_("follow_up", task.id))
    card = Card(
        plain(f"💬 What should {task.agent} do next? Send it as text or say it."),
        ((Button("Never mind", "never_mind", task.id),),),
    )
    await _ask(desk, tap, task, card)
    return None


async def never_mind(desk: Desk, tap: Tap) -> str | None:
    await wait_no_more(desk, tap.chat_id, tap.subject)
    await desk.sender.delete(tap.chat_id, tap.message_id)
    return None


async def diff(desk: Desk, tap: Tap) -> str | None:
    task = await desk.engine.task(tap.subject)
    key = f"diff:{tap.update_id}"
    await showing.send_diff(desk, tap.chat_id, task, key=key, reply_to=tap.message_id)
    return None


async def undo(desk: Desk, tap: Tap) -> str | None:
    task = await as_shown(desk, tap)
    await _show(desk, tap, await desk.engine.undo(task.id, by=tap.by))
    return "Its last step is undone."


async def discard(desk: Desk, tap: Tap) -> str | None:
    task = await as_shown(desk, tap)
    card = confirm_card(task, "Discard this?", "🗑 Discard", "discard_yes")
    await desk.sender.edit(tap.chat_id, tap.message_id, card)
    return None


async def discard_now(desk: Desk, tap: Tap) -> str | None:
    task = await as_shown(desk, tap)
    task = await desk.engine.discard(task.id, expected_head=task.head, by=tap.by)
    await _show(desk, tap, task)
    return "Discarded."


async def restore(desk: Desk, tap: Tap) -> str | None:
    await _show(desk, tap, await desk.engine.restore(tap.subject, by=tap.by))
    return "It is back."


async def retry(desk: Desk, tap: Tap) -> str | None:
    task = await desk.engine.task(tap.subject)
    if tap.args.get("runs") == str(len(task.runs)):
        task = await desk.engine.retry(task.id, by=tap.by)
    elif task.status in ENDED:
        await _show(desk, tap, task)
        raise Moved
    await desk.progress.watch(task, tap.chat_id, f"working:{task.id}:{tap.update_id}")
    return "Trying again."


async def keep(desk: Desk, tap: Tap) -> str | None:
    await _show(desk, tap, await desk.engine.task(tap.subject))
    return None


async def show(desk: Desk, tap: Tap) -> str | None:
    await showing.send_task(desk, tap.chat_id, await desk.engine.task(tap.subject))
    return None


async def older(desk: Desk, tap: Tap) -> str | None:
    card = await showing.newest(desk, tap.subject)
    await desk.sender.edit(tap.chat_id, tap.message_id, card)
    return None


async def as_shown(desk: Desk, tap: Tap) -> Task:
    """The task, if its head is still the one that was tapped. Else shows it as it is now."""
    task = await desk.engine.task(tap.subject)
    if tap.args.get("head", "") != (task.head or ""):
        await _show(desk, tap, task)
        raise Moved
    return task


async def _ask(desk: Desk, tap: Tap, task: Task, card: Card) -> None:
    await showing.send_page(desk, tap.chat_id, card, task.id, key=f"ask:{tap.update_id}")


async def _show(desk: Desk, tap: Tap, task: Task) -> None:
    await showing.update_task(desk, tap.chat_id, tap.message_id, task)


async def _drop_buttons(desk: Desk, tap: Tap, text: str) -> None:
    await desk.sender.edit(tap.chat_id, tap.message_id, note(text))
