"""Fetches what Telegram has for the bot, for as long as the bot runs.

What always holds: the offset moves on only behind updates that were taken, so one that was not is
fetched again, unless nobody could ever take it; whatever goes wrong is told.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable

from telegram import Bot, Update
from telegram.error import InvalidToken, RetryAfter, TelegramError

from bot.sender import seconds_of

log = logging.getLogger(__name__)

POLL_S = 30
LONGEST_BACKOFF_S = 30.0
UPDATES = [Update.MESSAGE, Update.EDITED_MESSAGE, Update.CALLBACK_QUERY]


async def poll(
    bot: Bot,
    take: Callable[[Update], Awaitable[None]],
    told: Callable[[TelegramError | None], None],
    backoff_s: float,
) -> None:
    """`told` hears of every failure, and None when all is well. Ends when the token is refused."""
    offset: int | None = None
    pause = backoff_s
    while True:
        try:
            updates = await bot.get_updates(offset, timeout=POLL_S, allowed_updates=UPDATES)
            for update in updates:
                await _take(update, take)
                offset = update.update_id + 1
        except RetryAfter as error:
            await asyncio.sleep(seconds_of(error))
        except TelegramError as error:
            told(error)
            if isinstance(error, InvalidToken):
                return
            await asyncio.sleep(pause)
            pause = min(2 * pause, LONGEST_BACKOFF_S)
        else:
            told(None)
            pause = backoff_s


async def _take(update: Update, take: Callable[[Update], Awaitable[None]]) -> None:
    """The boundary of taking one update: what is wrong with it stops no other."""
    try:
        await take(update)
    except TelegramError:
        raise
    except Exception:
        log.exception("Update %d cannot be taken; it is left out.", update.update_id)
