"""Who may talk to this bot: the numeric ids in GOFER_ALLOWED_USERS, and nobody else.

What always holds: an empty list means nobody; a stranger gets at most one short refusal an hour,
in a private chat, and causes nothing else: nothing is stored, fetched or started.
"""

from __future__ import annotations

import time
from collections.abc import Iterable

from telegram import Update
from telegram.constants import ChatType

AGAIN_S = 3600.0
REMEMBERED = 1000  # strangers; further ones get no answer


class Access:
    def __init__(self, allowed: Iterable[int]) -> None:
        self._allowed = frozenset(allowed)
        self._refused: dict[int, float] = {}

    def allows(self, update: Update) -> bool:
        user = update.effective_user
        return user is not None and not user.is_bot and user.id in self._allowed

    def refusal(self, update: Update) -> str | None:
        """What to tell this stranger, if anything; it names the id that the owner could add."""
        user, chat = update.effective_user, update.effective_chat
        if user is None or user.is_bot or chat is None or chat.type != ChatType.PRIVATE:
            return None
        now = time.monotonic()
        self._refused = {who: at for who, at in self._refused.items() if at > now - AGAIN_S}
        if user.id in self._refused or len(self._refused) >= REMEMBERED:
            return None
        self._refused[user.id] = now
        return (
            "This Gofer works for its owner only.\n"
            f"If that is you: add your Telegram id {user.id} to GOFER_ALLOWED_USERS "
            "and start Gofer again."
        )
