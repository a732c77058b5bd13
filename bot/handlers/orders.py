"""What is said about a task: follow-ups, answers, and orders such as "stop" or "merge it"."""

from __future__ import annotations

from bot.cards import note
from bot.desk import Desk, Incoming, origin
from bot.handlers import showing
from bot.task_cards import confirm_card, pick_task
from core.errors import Refused
from core.model import ACTIVE, ENDED, Decision, ReviewState, Status, Task

ORDERS = frozenset({"also", "stop", "status", "merge", "undo", "discard"})
WITHOUT_TASK = frozenset({"stop", "status"})
NO_TASK = "No task yet. Send me a voice note or a text, and one begins."

# how nobody begins a no, in the languages that Gofer hears
YES = frozenset(
    {"yes", "yeah", "yep", "ok", "okay", "sure", "allow", "ja", "sí", "si", "oui", "👍"}
)
OPEN = ACTIVE | {Status.CREATED, Status.QUEUED}


async def obey(desk: Desk, sent: Incoming, order: str, task_id: str | None, words: str) -> None:
    """`order` is one of ORDERS; `task_id` may be None for those WITHOUT_TASK."""
    if order == "stop":
        await stop(desk, sent, task_id)
    elif task_id is None:
        await say(desk, sent, NO_TASK)
    elif order == "also":
        await follow_up(desk, sent, task_id, words)
    elif order == "status":
        await showing.send_task(desk, sent.chat_id, await desk.engine.task(task_id))
    else:
        await confirm(desk, sent, order, task_id)


async def follow_up(desk: Desk, sent: Incoming, task_id: str, words: str) -> None:
    """Tell a running agent, or set an ended task going again."""
    before = await desk.engine.task(task_id)
    task = await desk.engine.steer(task_id, words, by=sent.by, key=sent.key)
    if before.status not in ENDED:
        await say(desk, sent, f"Passed on to {task.agent}.")
    key = f"working:{task.id}:{sent.update_id}"
    await desk.progress.watch(task, sent.chat_id, key, reply_to=sent.message_id)


async def answer(desk: Desk, sent: Incoming, task_id: str, request_id: str, words: str) -> None:
    """A question answered in the owner's own words; for a permission these mean no, with a note."""
    task = await desk.engine.task(task_id)
    question = task.question
    if question is None or question.request_id != request_id:
        raise Refused("That question is no longer open.")
    first = words.casefold().partition(" ")[0].strip(",.!")
    if question.kind is not None and first in YES:
        raise Refused("Words alone allow nothing: tap ✅ Allow, or reply why not.")
    decision = Decision.ALLOW if question.kind is None else Decision.DENY
    await desk.engine.answer(task_id, request_id, decision, by=sent.by, text=words)
    if decision is Decision.DENY:
        await say(desk, sent, f"Denied, and {task.agent} was told why.")


async def stop(desk: Desk, sent: Incoming, task_id: str | None) -> None:
    running = await running_tasks(desk, sent.chat_id, task_id)
    latest = [task for task in running if task.id == task_id]
    if latest or len(running) == 1:
        task = (latest or running)[0]
        await desk.engine.cancel(task.id, by=sent.by)
        await say(desk, sent, f"Stopped {task.id}.")
    elif running:
        card = pick_task("Which one should stop?", "stop", running)
        await desk.sender.send(sent.chat_id, card, silent=True)
    else:
        await say(desk, sent, "Nothing is running.")


async def confirm(desk: Desk, sent: Incoming, action: str, task_id: str) -> None:
    """Ask for a tap, bound to what is there now."""
    task = await desk.engine.task(task_id)
    open_ = task.review and task.review.state in {ReviewState.OPEN, ReviewState.PULL_REQUEST}
    if task.status not in ENDED or not open_:
        await showing.send_task(desk, sent.chat_id, task)
        return
    card = {
        "merge": confirm_card(task, "Merge this?", "✅ Merge", "merge"),
        "undo": confirm_card(task, "Undo its last step?", "↩️ Undo", "undo"),
        "discard": confirm_card(task, "Discard this?", "🗑 Discard", "discard_yes"),
    }[action]
    key = f"ask:{sent.update_id}"
    await showing.send_page(desk, sent.chat_id, card, task.id, key=key, reply_to=sent.message_id)


async def running_tasks(desk: Desk, chat_id: int, also: str | None) -> list[Task]:
    """Those of this chat, and the one it talked about last wherever that came from."""
    tasks = list(await desk.engine.tasks(origin=origin(chat_id)))
    if also is not None and all(task.id != also for task in tasks):
        tasks.insert(0, await desk.engine.task(also))
    return [task for task in tasks if task.status in OPEN]


async def say(desk: Desk, sent: Incoming, text: str) -> None:
    await desk.sender.send(sent.chat_id, note(text), silent=True, reply_to=sent.message_id)
