"""What handlers work with: the hall, the hearing, the chat's memory and the way to write to it."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field

from telegram import Bot, Message, Update

from bot.progress import Progress
from bot.sender import Sender
from core.config import Settings
from core.engine import Engine
from core.hearing import Heard
from core.model import Project
from core.ports import Agents, Hearing
from core.projects import Projects
from core.store.conversation import Conversation
from core.templates import Templates


@dataclass(frozen=True, slots=True)
class Desk:
    settings: Settings
    engine: Engine
    hearing: Hearing
    agents: Agents
    projects: Projects
    templates: Templates
    conversation: Conversation
    bot: Bot
    sender: Sender
    progress: Progress
    # notes that are being heard, by draft: cancelling one stops the work
    hearings: dict[int, asyncio.Task[Heard]] = field(default_factory=dict)
    albums: dict[int, str] = field(default_factory=dict)  # the last one of each chat

    def project(self, name: str | None) -> Project | None:
        """The one of this name; None when there is none (it may have been removed since)."""
        return next((p for p in self.projects.all() if p.name == name), None) if name else None


@dataclass(frozen=True, slots=True)
class Incoming:
    """Something that a person sent, whatever it is. `sent_at` is Unix time."""

    update_id: int
    chat_id: int
    message_id: int
    by: str
    reply_to: int | None
    forwarded: bool
    sent_at: float

    @property
    def key(self) -> str:
        """Makes what is done for it idempotent."""
        return f"telegram:{self.update_id}"


@dataclass(frozen=True, slots=True)
class Tap:
    """A button that a person tapped, as it was meant when it was shown."""

    update_id: int
    chat_id: int
    message_id: int
    by: str
    subject: str
    args: dict[str, str]


def origin(chat_id: int) -> str:
    return f"telegram:{chat_id}"


def incoming(update: Update) -> Incoming:
    message = update.effective_message
    assert isinstance(message, Message)
    reply = message.reply_to_message
    return Incoming(
        update.update_id,
        message.chat_id,
        message.message_id,
        by(update),
        reply.message_id if reply else None,
        message.forward_origin is not None,
        message.date.timestamp(),
    )


def by(update: Update) -> str:
    """Who did it, for the record and for others to read."""
    user = update.effective_user
    assert user is not None
    return f"{user.full_name} (Telegram {user.id})"
