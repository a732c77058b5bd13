"""What something said is taken for: an answer, a correction, a follow-up, an order, or a new task.

What always holds: it is decided once per update and written down before anything is done, and
doing it twice is doing it once. Nothing said decides about work (merge, undo, discard) without a
tap. What was forwarded is somebody else's words, so it is only ever proposed as a task.
"""

from __future__ import annotations

import time
from dataclasses import replace

from bot.cards import Card, heard
from bot.desk import Desk, Incoming
from bot.handlers import drafts, orders
from core.errors import NotFound
from core.hearing import Heard
from core.model import ReviewState
from core.store.conversation import Draft, DraftState, Route, Waiting

NEW = Route("draft")

# Telegram's apps cut a longer text than 4,096 characters into messages that they send together.
SHORTEST_PART = 2_048  # characters; they look for a good place to cut in the second half
PARTS_WITHIN_S = 2.0  # the time of a message is in whole seconds


async def take(desk: Desk, sent: Incoming, draft: Draft, understood: Heard) -> None:
    """`draft` is the one it becomes when it is nothing else; otherwise that is closed."""
    route = await _decide(desk, sent, understood)
    if closed := await _closed(desk, route):
        route, understood = NEW, replace(understood, notice=closed)
    route = replace(route, words=understood.text.strip())
    await desk.conversation.set_route(sent.update_id, route)
    if route.kind == "draft":
        await drafts.propose(desk, draft, understood)
        return
    if draft.spoken:
        await close(desk, draft, heard(understood.text))
    await _act(desk, sent, route)


async def resumed(desk: Desk, sent: Incoming) -> bool:
    """True: it was taken for something already, before a crash, and that is done now."""
    route = await desk.conversation.route(sent.update_id)
    draft = await desk.conversation.draft(sent.update_id)
    if draft is not None and draft.state is DraftState.OPEN:
        await drafts.show(desk, draft)
    elif route is not None and route.kind != "draft":
        if draft is not None and draft.state is DraftState.HEARING:
            await close(desk, draft, heard(route.words))
        await _act(desk, sent, route)
    else:
        return draft is not None and draft.state is not DraftState.HEARING
    return True


async def close(desk: Desk, draft: Draft, card: Card) -> None:
    """It became no task; its message says what instead."""
    shown, chat_id = draft.message_id, draft.chat_id
    if shown is None or not await desk.sender.edit(chat_id, shown, card):
        await desk.sender.send(chat_id, card)
    await desk.conversation.save_draft(replace(draft, state=DraftState.DROPPED))


def rest_until(sent: Incoming, words: str) -> float:
    """Until when a text in the same chat is taken for the rest of this one; 0 for a whole one."""
    return sent.sent_at + PARTS_WITHIN_S if len(words) >= SHORTEST_PART else 0.0


async def _decide(desk: Desk, sent: Incoming, understood: Heard) -> Route:
    newest = await desk.conversation.newest_draft(sent.chat_id)
    if newest is not None and _is_rest(sent, newest):
        return Route("rest", str(newest.id))
    if sent.forwarded:
        return NEW
    action = understood.intent.action
    if sent.reply_to is not None and (route := await _replied(desk, sent, action)):
        return route
    chat = await desk.conversation.chat(sent.chat_id)
    if sent.reply_to is None and chat.waiting and (route := await _awaited(desk, chat.waiting)):
        return route
    if action in orders.ORDERS and (chat.task or action in orders.WITHOUT_TASK):
        return Route("order", chat.task or "", action)
    return NEW


async def _closed(desk: Desk, route: Route) -> str:
    """Why what was said for a task cannot go to it, so that it is proposed as a new one."""
    if route.kind != "follow_up" and route.detail != "also":
        return ""
    try:
        task = await desk.engine.task(route.subject)
    except NotFound:
        return "The task that this was for is gone, so this would be a new one."
    state = task.review.state if task.review else None
    if state not in {ReviewState.MERGED, ReviewState.DISCARDED}:
        return ""
    return f"Task {task.id} is {state}, so this would be a new one."


def _is_rest(sent: Incoming, draft: Draft) -> bool:
    return (
        draft.state is DraftState.OPEN
        and sent.reply_to is None
        and draft.forwarded == sent.forwarded
        and sent.sent_at <= draft.rest_until
    )


async def _replied(desk: Desk, sent: Incoming, action: str | None) -> Route | None:
    """A reply talks about what it replies to."""
    assert sent.reply_to is not None
    card = await desk.conversation.card_in(sent.chat_id, sent.reply_to)
    if card is not None:
        if card.kind == "question" and card.live:
            return Route("answer", card.task_id, card.key.split(":", 2)[2])
        if action in orders.ORDERS:
            return Route("order", card.task_id, action)
        return Route("follow_up", card.task_id)
    draft = await desk.conversation.draft_shown_in(sent.chat_id, sent.reply_to)
    if draft is None or draft.state is not DraftState.OPEN:
        return None
    return Route("argument" if draft.asking else "edit", str(draft.id), draft.asking or "")


async def _awaited(desk: Desk, waiting: Waiting) -> Route | None:
    """What the chat is waiting for: a correction, an argument, a follow-up."""
    if waiting.kind == "follow_up":
        return Route("follow_up", waiting.subject)
    draft = await desk.conversation.draft(int(waiting.subject))
    if draft is None or draft.state is not DraftState.OPEN:
        return None
    if waiting.kind == "edit":
        return Route("edit", waiting.subject)
    return Route("argument", waiting.subject, draft.asking) if draft.asking else None


async def _act(desk: Desk, sent: Incoming, route: Route) -> None:
    match route.kind:
        case "answer":
            await orders.answer(desk, sent, route.subject, route.detail, route.words)
        case "follow_up":
            await orders.follow_up(desk, sent, route.subject, route.words)
            await _await_rest(desk, sent, route)
        case "order":
            await orders.obey(desk, sent, route.detail, route.subject or None, route.words)
        case _:
            draft = await desk.conversation.draft(int(route.subject))
            if draft is None or draft.state is not DraftState.OPEN:
                return
            draft = replace(draft, rest_until=rest_until(sent, route.words))
            if route.kind == "argument":
                await drafts.argument_given(desk, draft, route.detail, route.words)
            elif route.kind == "rest":
                await drafts.joined(desk, draft, route.words, sent.update_id)
            else:
                await drafts.corrected(desk, draft, route.words)


async def _await_rest(desk: Desk, sent: Incoming, follow_up: Route) -> None:
    """The rest of a long follow-up is one, too."""
    seconds = rest_until(sent, follow_up.words) - time.time()
    if seconds > 0:
        waiting = Waiting.for_("follow_up", follow_up.subject, seconds=seconds)
        await desk.conversation.set_waiting(sent.chat_id, waiting)
    else:
        await drafts.wait_no_more(desk, sent.chat_id, follow_up.subject)
