"""The bot as one thing to start and stop.

What always holds: a wrong token or a Telegram that cannot be reached stops nothing but the bot;
the token is in no log.
"""

from __future__ import annotations

import asyncio
import logging
import time
from contextlib import suppress
from functools import partial
from typing import Any

from telegram import BotCommand, Update
from telegram.error import Conflict, InvalidToken, TelegramError
from telegram.ext import (
    Application,
    ApplicationBuilder,
    ApplicationHandlerStop,
    CallbackContext,
    CallbackQueryHandler,
    CommandHandler,
    MessageHandler,
    TypeHandler,
    filters,
)

from bot.access import Access
from bot.cards import note
from bot.delivery import deliver
from bot.desk import Desk
from bot.handlers import commands, notes, routing, taps
from bot.inbox import Inbox, Lanes
from bot.polling import poll
from bot.progress import Progress
from bot.sender import Pace, Sender
from core import redact
from core.config import Settings
from core.engine import Engine
from core.errors import GoferError
from core.outbox import Outbox
from core.ports import Agents, Hearing
from core.projects import Projects
from core.store.conversation import Conversation, DraftState
from core.templates import Templates

log = logging.getLogger(__name__)

LONGEST_BACKOFF_S = 60.0
SAY_AGAIN_S = 300.0  # the same trouble with polling is logged this often
PASSING = 2  # failures in a row; one alone is no problem yet
FORGET_EVERY_S = 3600.0

Context = CallbackContext[Any, Any, Any, Any]


class Bot:
    """`problem` says why it does not serve, in one line for the owner; None while all is well."""

    def __init__(
        self,
        *,
        settings: Settings,
        engine: Engine,
        outbox: Outbox,
        hearing: Hearing,
        agents: Agents,
        projects: Projects,
        templates: Templates,
        conversation: Conversation,
        pace: Pace | None = None,
    ) -> None:
        assert settings.telegram_bot_token is not None
        self.problem: str | None = None
        self.name: str | None = None
        self._outbox = outbox
        self._conversation = conversation
        self._pace = pace or Pace()
        self._access = Access(settings.allowed_users)
        self._lanes = Lanes(conversation, self._access, self._give_up)
        self._inbox = Inbox(conversation, self._access)
        self._application = self._build(settings)
        sender = Sender(self._application.bot, conversation, self._pace)
        self._desk = Desk(
            settings=settings,
            engine=engine,
            hearing=hearing,
            agents=agents,
            projects=projects,
            templates=templates,
            conversation=conversation,
            bot=self._application.bot,
            sender=sender,
            progress=Progress(engine, conversation, sender),
        )
        self._add_handlers()
        self._serving: asyncio.Task[None] | None = None
        self._failed_polls = 0  # in a row
        self._complained: dict[str, float] = {}

    async def start(self) -> None:
        """Returns at once; connecting goes on in the background for as long as it takes."""
        self._serving = asyncio.create_task(self._serve(), name="telegram")

    async def stop(self) -> None:
        """What is not handled stays in the inbox for the next start."""
        if self._serving is not None:
            self._serving.cancel()
            with suppress(asyncio.CancelledError):
                await self._serving
        application = self._application
        await self._lanes.stop()
        if application.running:
            await application.stop()
        await self._desk.progress.stop()
        await self._desk.sender.stop()
        await application.shutdown()
        await application.bot.shutdown()

    async def _serve(self) -> None:
        """A background job: whatever ends it is told, and the rest of the hub goes on."""
        try:
            if await self._connect():
                await self._listen()
        except Exception:  # the boundary of this job
            self.problem = "The Telegram bot stopped by a mistake of its own; the log says which."
            log.exception(self.problem)

    async def _listen(self) -> None:
        application = self._application
        await self._inbox.restore(application.bot)
        await self._desk.progress.start()
        await application.start()
        self._outbox.register("telegram", partial(deliver, self._desk))
        async with asyncio.TaskGroup() as jobs:
            jobs.create_task(
                poll(application.bot, self._inbox.put, self._polled, self._pace.backoff_s)
            )
            jobs.create_task(self._show_commands())
            jobs.create_task(self._forget_old())

    async def _show_commands(self) -> None:
        with suppress(TelegramError):
            await self._application.bot.set_my_commands(
                [BotCommand(command.name, command.description) for command in commands.COMMANDS]
            )

    async def _forget_old(self) -> None:
        while True:
            await self._conversation.forget_old()
            await notes.forget_old(self._desk.settings)
            await asyncio.sleep(FORGET_EVERY_S)

    async def _connect(self) -> bool:
        backoff = self._pace.backoff_s
        while True:
            try:
                await self._application.initialize()
                await self._application.bot.delete_webhook()  # else there is nothing to poll
            except InvalidToken as error:
                self.problem = self._complain(error)
                return False
            except TelegramError as error:
                self.problem = self._complain(error)
                await asyncio.sleep(backoff)
                backoff = min(backoff * 2, LONGEST_BACKOFF_S)
            else:
                self.problem = None
                self.name = self._application.bot.username
                log.info("Telegram: @%s is listening.", self.name)
                return True

    def _polled(self, error: TelegramError | None) -> None:
        if error is None:
            self._failed_polls, self.problem = 0, None
            return
        self._failed_polls += 1
        text = self._complain(error)
        if isinstance(error, Conflict | InvalidToken) or self._failed_polls >= PASSING:
            self.problem = text

    def _complain(self, error: TelegramError) -> str:
        """What is wrong, in one line; logged once in a while."""
        text = f"Telegram cannot be reached: {error.message}. Trying again."
        if isinstance(error, Conflict):
            text = "Another program polls this bot's updates. Stop it, or use another bot."
        elif isinstance(error, InvalidToken):
            text = (
                "Telegram refuses the bot token. Get the right one from @BotFather, "
                "put it into TELEGRAM_BOT_TOKEN and start Gofer again."
            )
        now = time.monotonic()
        if now - self._complained.get(text, -SAY_AGAIN_S) >= SAY_AGAIN_S:
            self._complained[text] = now
            log.warning("%s", text)
        return text

    def _build(self, settings: Settings) -> Application[Any, Any, Any, Any, Any, Any]:
        assert settings.telegram_bot_token is not None
        token, base = settings.telegram_bot_token.get_secret_value(), settings.telegram_api_base_url
        redact.register(token)
        for name in ("httpx", "httpcore"):  # they log addresses, and the token is in these
            logging.getLogger(name).setLevel(logging.WARNING)
        # what it logs is raised, too, and told in one line
        logging.getLogger("telegram.request").setLevel(logging.CRITICAL)
        return (
            ApplicationBuilder()
            .token(token)
            .base_url(f"{base.rstrip('/')}/bot")
            .base_file_url(f"{base.rstrip('/')}/file/bot")
            .updater(None)  # bot.polling does its work
            .update_queue(self._inbox)
            .concurrent_updates(self._lanes)
            .job_queue(None)
            .build()
        )

    def _add_handlers(self) -> None:
        application, desk = self._application, self._desk
        own = ~filters.FORWARDED
        application.add_handler(TypeHandler(Update, self._admit), group=-1)
        edited = filters.UpdateType.EDITED_MESSAGE
        application.add_handler(MessageHandler(edited, partial(notes.edited, desk)))
        for command in commands.COMMANDS:
            handle = partial(commands.handle, command, desk)
            application.add_handler(CommandHandler(command.name, handle, filters=own))
        application.add_handler(CallbackQueryHandler(partial(taps.tapped, desk)))
        spoken = (
            filters.VOICE
            | filters.AUDIO
            | filters.VIDEO_NOTE
            | filters.VIDEO
            | filters.Document.AUDIO
            | filters.Document.VIDEO
        )
        application.add_handler(MessageHandler(spoken, partial(notes.voice, desk)))
        application.add_handler(
            MessageHandler(filters.COMMAND & own, partial(notes.unknown_command, desk))
        )
        application.add_handler(MessageHandler(filters.TEXT, partial(notes.text, desk)))
        other = filters.CAPTION | (filters.ChatType.PRIVATE & ~filters.StatusUpdate.ALL)
        application.add_handler(MessageHandler(other, partial(notes.other, desk)))
        application.add_error_handler(self._failed)

    async def _admit(self, update: Update, _context: Context) -> None:
        if self._access.allows(update):
            return
        with suppress(TelegramError):
            if update.callback_query is not None:
                await update.callback_query.answer("This is not yours to decide.", show_alert=True)
            elif (refusal := self._access.refusal(update)) and update.effective_chat:
                await self._application.bot.send_message(update.effective_chat.id, refusal)
        raise ApplicationHandlerStop

    async def _failed(self, update: object, context: Context) -> None:
        """The boundary of handling one update: it is told, and counts as handled."""
        error = context.error
        if isinstance(error, GoferError):
            text = str(error)
        else:
            log.error("Handling an update failed.", exc_info=error)
            text = "Something went wrong on my side; the log on your machine says what. Try again?"
        if isinstance(update, Update):
            await self._tell(update, text)

    async def _give_up(self, update: Update) -> None:
        await self._tell(update, "I tried five times and cannot handle this. Send it anew?")

    async def _tell(self, update: Update, text: str) -> None:
        """In the message that says "listening", where there is one."""
        draft = await self._conversation.draft(update.update_id)
        with suppress(TelegramError):
            if draft is not None and draft.state is DraftState.HEARING:
                await routing.close(self._desk, draft, note(text))
            elif update.effective_chat is not None:
                await self._desk.sender.send(update.effective_chat.id, note(text))
