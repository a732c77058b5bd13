"""Updates, durable before Telegram is told that they arrived, and handled once each.

What always holds: the poll offset moves on only behind updates that are committed; one that a
crash interrupted is handled again at the next start, from its beginning, so handlers are written
to be repeated. Updates of strangers pass through memory only.
"""

from __future__ import annotations

import asyncio
import json
import logging
import sqlite3
from collections.abc import AsyncIterator, Awaitable, Callable, Hashable
from contextlib import asynccontextmanager
from typing import Any

from telegram import Bot, Update
from telegram.error import NetworkError
from telegram.ext import BaseUpdateProcessor

from bot.access import Access
from core.store.conversation import Conversation

log = logging.getLogger(__name__)

ATTEMPTS = 5  # an update that brought the hub down so often is given up
AT_ONCE = 256
GRACE_S = 2.0


class Inbox(asyncio.Queue[object]):
    """The queue between `bot.polling` and python-telegram-bot's application."""

    def __init__(self, conversation: Conversation, access: Access) -> None:
        super().__init__()
        self._conversation = conversation
        self._access = access

    async def put(self, item: object) -> None:
        """Raises NetworkError when it could not be stored; it is then fetched again."""
        if isinstance(item, Update) and self._access.allows(item):
            try:
                new = await self._conversation.put_update(item.update_id, _body(item))
            except sqlite3.Error as error:
                raise NetworkError(f"An update could not be stored: {error}") from error
            if not new:
                return
        await super().put(item)

    async def restore(self, bot: Bot) -> None:
        """Hand out again what was not finished. Before polling starts."""
        for _, body in await self._conversation.pending_updates():
            await super().put(Update.de_json(json.loads(body), bot))


class Lanes(BaseUpdateProcessor):
    """Handles updates of one lane in order and lanes side by side.

    A chat has a lane for talk, one for notes to be heard (they take long), one per message tapped.
    """

    def __init__(
        self,
        conversation: Conversation,
        access: Access,
        give_up: Callable[[Update], Awaitable[None]],
    ) -> None:
        super().__init__(AT_ONCE)
        self._conversation = conversation
        self._access = access
        self._give_up = give_up
        self._locks: dict[Hashable, tuple[asyncio.Lock, int]] = {}
        self._running: set[asyncio.Task[Any]] = set()

    async def initialize(self) -> None: ...

    async def shutdown(self) -> None: ...

    async def do_process_update(self, update: object, coroutine: Awaitable[Any]) -> None:
        if not isinstance(update, Update) or not self._access.allows(update):
            await coroutine
            return
        me = asyncio.current_task()
        assert me is not None
        self._running.add(me)
        work = asyncio.ensure_future(self._once(update, coroutine))
        try:
            await work
        finally:
            self._running.discard(me)

    async def stop(self) -> None:
        """What is not done soon stays pending and is handled again at the next start."""
        if not self._running:
            return
        _, late = await asyncio.wait(self._running, timeout=GRACE_S)
        for task in late:
            task.cancel()

    async def _once(self, update: Update, coroutine: Awaitable[Any]) -> None:
        async with self._lane(_lane(update)):
            attempts = await self._conversation.begin_update(update.update_id)
            if attempts > ATTEMPTS:
                log.error("Update %d was given up after %d tries.", update.update_id, ATTEMPTS)
                asyncio.ensure_future(coroutine).cancel()
                await self._give_up(update)
            else:
                await coroutine
            await self._conversation.finish_update(update.update_id)

    @asynccontextmanager
    async def _lane(self, key: Hashable) -> AsyncIterator[None]:
        lock, users = self._locks.get(key, (asyncio.Lock(), 0))
        self._locks[key] = (lock, users + 1)
        try:
            async with lock:
                yield
        finally:
            lock, users = self._locks.pop(key)
            if users > 1:
                self._locks[key] = (lock, users - 1)


def _body(update: Update) -> str:
    """As JSON. The library leaves the date of a message that is too old to be shown as it is."""
    return json.dumps(update.to_dict(), default=lambda date: int(date.timestamp()))


def _lane(update: Update) -> Hashable:
    chat = update.effective_chat.id if update.effective_chat else 0
    if update.callback_query and update.callback_query.message:
        return ("tap", chat, update.callback_query.message.message_id)
    message = update.effective_message
    spoken = message and (message.voice or message.audio or message.video_note or message.video)
    return ("hear" if spoken else "talk", chat)
