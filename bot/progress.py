"""Keeps the messages of running tasks true: derived from tasks and their log, never queued.

What always holds: at the start every message that was left at work is written afresh from the
task's state, so none says "working" about a task that is not; only the newest state is written.
"""

from __future__ import annotations

import asyncio
import logging
from contextlib import aclosing, suppress
from datetime import UTC, datetime
from functools import partial

from bot.cards import Card
from bot.sender import Sender
from bot.steps import Steps
from bot.task_cards import answered_card, ended_card, working_card
from core.engine import Engine
from core.errors import NotFound
from core.model import ENDED, Event, Task
from core.store.conversation import CardRow, Conversation

log = logging.getLogger(__name__)

AGAIN_S = 5.0


class Progress:
    def __init__(self, engine: Engine, conversation: Conversation, sender: Sender) -> None:
        self._engine = engine
        self._conversation = conversation
        self._sender = sender
        self._steps: dict[str, Steps] = {}
        self._live: dict[str, list[CardRow]] = {}  # cards that still change by themselves, by task
        self._following: asyncio.Task[None] | None = None
        self._seen = 0

    async def start(self) -> None:
        self._seen = await self._conversation.newest_event()
        for card in await self._conversation.live_cards():
            self._live.setdefault(card.task_id, []).append(card)
            self._show(card)
        self._following = asyncio.create_task(self._follow(), name="telegram progress")

    async def stop(self) -> None:
        if self._following is not None:
            self._following.cancel()
            with suppress(asyncio.CancelledError):
                await self._following

    async def watch(
        self,
        task: Task,
        chat_id: int,
        key: str,
        *,
        message_id: int | None = None,
        reply_to: int | None = None,
    ) -> None:
        """Show this task at work: in that message, or in a new one unless one shows it already.

        `key` makes it idempotent.
        """
        await self._conversation.set_task(chat_id, task.id)
        if await self._conversation.card(chat_id, key) is not None:
            return
        if message_id is None and self._is_shown(task.id, chat_id):
            return
        shown = working_card(task, await self._steps_of(task.id), datetime.now(UTC))
        if message_id is None or not await self._sender.edit(chat_id, message_id, shown):
            message_id = await self._sender.send(chat_id, shown, silent=True, reply_to=reply_to)
        await self.add(CardRow(chat_id, key, message_id, task.id, "working", live=True))

    async def add(self, card: CardRow) -> None:
        """A message that shows a task from now on; a live one is kept up to date."""
        await self._conversation.save_card(card)
        if card.live:
            self._live.setdefault(card.task_id, []).append(card)
            self._show(card)  # what happened while it was being sent

    def _is_shown(self, task_id: str, chat_id: int) -> bool:
        cards = self._live.get(task_id, ())
        return any(card.chat_id == chat_id and card.kind == "working" for card in cards)

    async def show_again(self, task_id: str) -> None:
        """Something about an ended task changed: bring every message about it up to date."""
        for card in await self._conversation.ended_cards(task_id):
            self._sender.refresh(card.chat_id, card.message_id, partial(self._ended, task_id))

    async def _follow(self) -> None:
        """A background job: it goes on whatever one event brings."""
        while True:
            try:
                await self._follow_from_here()
            except Exception:  # the boundary of this job
                log.exception("Showing progress stumbled; going on in %.0f s.", AGAIN_S)
                await asyncio.sleep(AGAIN_S)

    async def _follow_from_here(self) -> None:
        async with aclosing(self._engine.follow(since=self._seen)) as events:
            async for event in events:
                await self._take(event)
                self._seen = event.id

    async def _take(self, event: Event) -> None:
        if event.payload.get("kind") == "review":
            await self.show_again(event.task_id)
        for card in self._live.get(event.task_id, ()):
            self._show(card)

    def _show(self, card: CardRow) -> None:
        """Write the newest state when the chat is quiet; settle the card when it was the last."""
        render = self._working if card.kind == "working" else self._question
        self._sender.refresh(
            card.chat_id, card.message_id, partial(render, card), partial(self._settle, card)
        )

    async def _working(self, card: CardRow) -> Card | None:
        task = await self._task(card.task_id)
        if task is None:
            return None
        if task.status not in ENDED:
            return working_card(task, await self._steps_of(task.id), datetime.now(UTC))
        # its own chat gets the result as a message that rings; another one finds it here
        at_home = task.origin == f"telegram:{card.chat_id}"
        return working_card(task, Steps()) if at_home else ended_card(task)

    async def _question(self, card: CardRow) -> Card | None:
        """None while it still waits for its answer."""
        task = await self._task(card.task_id)
        request_id = card.key.split(":", 2)[2]
        if task is None or (task.question and task.question.request_id == request_id):
            return None
        steps = await self._steps_of(task.id)
        return answered_card(task, *steps.answered(request_id))

    async def _ended(self, task_id: str) -> Card | None:
        task = await self._task(task_id)
        return ended_card(task) if task and task.status in ENDED else None

    async def _settle(self, card: CardRow, shown: Card) -> None:
        """It was written; unless it is still at work, that was its last word."""
        if shown.live:
            return
        await self._conversation.settle_card(card)
        left = [other for other in self._live.pop(card.task_id, ()) if other != card]
        if left:
            self._live[card.task_id] = left
        else:
            self._steps.pop(card.task_id, None)

    async def _steps_of(self, task_id: str) -> Steps:
        """As the log has them now."""
        steps = self._steps.setdefault(task_id, Steps())
        while events := await self._engine.events(task_id, steps.seq):
            for event in events:
                steps.take(event)
        return steps

    async def _task(self, task_id: str) -> Task | None:
        try:
            return await self._engine.task(task_id)
        except NotFound:
            return None
