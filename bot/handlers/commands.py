"""Commands: the few words that start with a slash."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import Any

from telegram import Update
from telegram.ext import CallbackContext

from bot.cards import LABEL, PROJECTS, Button, Card, page, rows
from bot.desk import Desk, Incoming, Tap, incoming
from bot.handlers import orders, showing
from bot.handlers.drafts import NO_PROJECT
from bot.text import bold, code, join, plain, shorten, visible
from core.errors import UserError
from core.model import Task

HELLO = (
    "Send me a voice note or a text about your code. I show what I heard; you tap Run.\n\n"
    "An agent then works on a branch of its own. You get the result here, and merge or discard "
    "it with a tap.\n\n"
    "While it works, reply to its message to tell it more, or say “stop”."
)


@dataclass(frozen=True, slots=True)
class Command:
    name: str
    description: str
    handle: Callable[[Desk, Incoming, str | None], Awaitable[None]]


async def start(desk: Desk, sent: Incoming, _argument: str | None) -> None:
    names = [project.name for project in desk.projects.all()]
    here = f"Projects: {shorten(', '.join(names), 1000)}" if names else NO_PROJECT
    await desk.sender.send(
        sent.chat_id, Card(join([plain(HELLO), plain(here)], "\n\n")), silent=True
    )


async def help_(desk: Desk, sent: Incoming, _argument: str | None) -> None:
    lines = [plain(f"/{command.name} – {command.description}") for command in COMMANDS]
    await desk.sender.send(
        sent.chat_id, Card(join([plain(HELLO), join(lines)], "\n\n")), silent=True
    )


async def projects(desk: Desk, sent: Incoming, _argument: str | None) -> None:
    chat = await desk.conversation.chat(sent.chat_id)
    await desk.sender.send(sent.chat_id, _projects_card(desk, chat.project), silent=True)


async def this_project(desk: Desk, tap: Tap) -> str | None:
    await desk.conversation.set_project(tap.chat_id, tap.subject)
    await desk.sender.edit(tap.chat_id, tap.message_id, _projects_card(desk, tap.subject))
    return f"This chat is about {tap.subject}."


async def more_projects(desk: Desk, tap: Tap) -> str | None:
    chosen = (await desk.conversation.chat(tap.chat_id)).project
    card = _projects_card(desk, chosen, int(tap.subject))
    await desk.sender.edit(tap.chat_id, tap.message_id, card)
    return None


def _projects_card(desk: Desk, chosen: str | None, start: int = 0) -> Card:
    known = desk.projects.all()
    if not known:
        raise UserError(NO_PROJECT)
    lines = [
        plain("✓ " if project.name == chosen else "• ")
        + bold(project.name)
        + plain(f"  {project.path}")
        for project in known[start : start + PROJECTS]
    ]
    buttons = [Button(shorten(p.name, LABEL), "this_project", p.name) for p in known]

    def turn(label: str, to: int) -> Button:
        return Button(label, "projects_more", str(to))

    return Card(join(lines), page(buttons, start, PROJECTS, 2, turn) if len(known) > 1 else ())


async def tasks(desk: Desk, sent: Incoming, _argument: str | None) -> None:
    await desk.sender.send(sent.chat_id, await showing.newest(desk), silent=True)


async def status(desk: Desk, sent: Incoming, argument: str | None) -> None:
    if argument:
        await showing.send_task(desk, sent.chat_id, await desk.engine.task(argument))
        return
    health = await desk.engine.health()
    queue, counts = health["queue"], health["counts"]
    problems = [plain(f"⚠️ {problem}") for problem in health["problems"]]
    done = ", ".join(f"{n} {state.lower()}" for state, n in counts.items() if n) or "no task yet"
    running = await orders.running_tasks(desk, sent.chat_id, None)
    text = join(
        [
            join(problems) or plain("All is well."),
            plain(f"{health['running']} running, {queue['length']} waiting. In all: {done}."),
            join(
                plain("• ") + code(task.id) + f" {task.title} · {task.status.value.lower()}"
                for task in running
            ),
        ],
        "\n\n",
    )
    buttons = rows((Button(task.id, "show", task.id) for task in running), 4)
    await desk.sender.send(sent.chat_id, Card(text, buttons), silent=True)


async def cancel(desk: Desk, sent: Incoming, argument: str | None) -> None:
    if argument:
        task = await desk.engine.cancel((await desk.engine.task(argument)).id, by=sent.by)
        await orders.say(desk, sent, f"Stopped {task.id}.")
        return
    await orders.stop(desk, sent, None)


async def diff(desk: Desk, sent: Incoming, argument: str | None) -> None:
    task = await _task(desk, sent, argument)
    key = f"diff:{sent.update_id}"
    await showing.send_diff(desk, sent.chat_id, task, key=key, reply_to=sent.message_id)


async def answer(desk: Desk, sent: Incoming, argument: str | None) -> None:
    task = await _task(desk, sent, argument)
    if not task.answer:
        raise UserError("The agent has said nothing yet.")
    await showing.send_answer(desk, sent.chat_id, task, key=f"answer:{sent.update_id}")


async def merge(desk: Desk, sent: Incoming, argument: str | None) -> None:
    await orders.confirm(desk, sent, "merge", (await _task(desk, sent, argument)).id)


async def undo(desk: Desk, sent: Incoming, argument: str | None) -> None:
    await orders.confirm(desk, sent, "undo", (await _task(desk, sent, argument)).id)


async def discard(desk: Desk, sent: Incoming, argument: str | None) -> None:
    await orders.confirm(desk, sent, "discard", (await _task(desk, sent, argument)).id)


async def grants(desk: Desk, sent: Incoming, _argument: str | None) -> None:
    await desk.sender.send(sent.chat_id, await _grants_card(desk), silent=True)


async def revoke(desk: Desk, tap: Tap) -> str | None:
    await desk.engine.revoke_grant(int(tap.subject))
    await desk.sender.edit(tap.chat_id, tap.message_id, await _grants_card(desk))
    return "Taken back."


async def _grants_card(desk: Desk) -> Card:
    found = await desk.engine.grants()
    lines = [
        plain(f"{grant.id}. {visible(grant.covers())}")
        + (f", until {grant.expires_at.astimezone():%H:%M}" if grant.expires_at else "")
        + f" ({grant.by})"
        for grant in found
    ]
    buttons = [Button(f"Take back {grant.id}", "revoke", str(grant.id)) for grant in found]
    heading = "Agents may do this unasked:" if found else "Nothing is allowed for longer than once."
    return Card(join([plain(heading), *lines]), rows(buttons, 2))


async def _task(desk: Desk, sent: Incoming, argument: str | None) -> Task:
    """The one that is named, else the one that is replied to, else the chat's latest."""
    card = sent.reply_to and await desk.conversation.card_in(sent.chat_id, sent.reply_to)
    named = argument or (card.task_id if card else None)
    named = named or (await desk.conversation.chat(sent.chat_id)).task
    if named is None:
        raise UserError(orders.NO_TASK)
    return await desk.engine.task(named)


COMMANDS: Sequence[Command] = (
    Command("tasks", "the newest tasks", tasks),
    Command("status", "what is running; with an id, that task", status),
    Command("projects", "your projects; choose this chat's", projects),
    Command("cancel", "stop what is running", cancel),
    Command("diff", "the latest task's changes", diff),
    Command("answer", "the agent's last message, whole", answer),
    Command("merge", "merge the latest task", merge),
    Command("undo", "undo the latest task's last step", undo),
    Command("discard", "discard the latest task", discard),
    Command("grants", "what agents may do unasked; take it back", grants),
    Command("help", "how this works", help_),
    Command("start", "say hello", start),
)


async def handle(
    command: Command, desk: Desk, update: Update, context: CallbackContext[Any, Any, Any, Any]
) -> None:
    argument = context.args[0] if context.args else None
    await command.handle(desk, incoming(update), argument)
