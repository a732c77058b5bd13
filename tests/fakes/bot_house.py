"""A hub with a bot: the real engine, git, runner and rehearsal agent, and Telegram on loopback.

Only Telegram's servers and the hearing are stood in for. It can be stopped and started again over
the same home, or left lying as a crash leaves it.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from agents.runner import Runner
from bot.app import Bot
from bot.sender import Pace
from core.config import Settings
from core.engine import Engine
from core.outbox import Outbox
from core.projects import Projects
from core.store.conversation import Conversation
from core.store.database import Database
from core.templates import BUILTIN, Templates
from git_ops.repositories import Repositories
from tests.fakes.checkout import Checkout
from tests.fakes.hearing import ScriptedHearing
from tests.fakes.phone import Phone
from tests.fakes.telegram import DEADLINE_S, TOKEN, FakeTelegram, Shown

OWNER = 4242
FAST = Pace(every_s=0.01, group_every_s=0.01, burst=3, backoff_s=0.05)


def script(*steps: Mapping[str, Any], words: str = "Do it.") -> str:
    """What to tell the rehearsal agent."""
    return f"{words} @@SCRIPT {json.dumps(steps)} @@"


def write(path: str, content: str) -> Mapping[str, Any]:
    return {"write": {"path": path, "content": content}}


@dataclass
class Hub:
    engine: Engine
    bot: Bot
    conversation: Conversation
    database: Database


@dataclass
class BotHouse:
    home: Path
    checkout: Checkout
    telegram: FakeTelegram
    hearing: ScriptedHearing = field(default_factory=ScriptedHearing)
    changed: dict[str, Any] = field(default_factory=dict)  # settings
    hub: Hub | None = None  # the one that ran last

    @property
    def phone(self) -> Phone:
        return Phone(self.telegram, OWNER, before_reply=self._known)

    async def _known(self, shown: Shown) -> None:
        """The bot has noted which task this message, which it has just sent, is about."""
        assert self.hub is not None
        conversation = self.hub.conversation
        async with asyncio.timeout(DEADLINE_S):
            while await conversation.card_in(shown.chat_id, shown.message_id) is None:  # noqa: ASYNC110 - it has no event
                await asyncio.sleep(0.01)

    def settings(self) -> Settings:
        values: dict[str, Any] = {
            "TELEGRAM_BOT_TOKEN": TOKEN,
            "TELEGRAM_API_BASE_URL": self.telegram.base_url,
            "allowed_users": (OWNER,),
            "home": self.home,
            "projects": (self.checkout.path,),
            "default_agent": "rehearsal",
            "sandbox": "off",
            "min_free_disk_mb": 0,
            "min_free_memory_mb": 0,
        }
        return Settings(_env_file=None, **{**values, **self.changed})  # type: ignore[call-arg]

    @asynccontextmanager
    async def running(self) -> AsyncIterator[Hub]:
        settings = self.settings()
        async with AsyncExitStack() as stack:
            database = await Database.open(settings.database)
            stack.push_async_callback(database.close)
            outbox, projects = Outbox(database), Projects(settings)
            templates = Templates([BUILTIN])
            agents = Runner(
                home=settings.home,
                runtime=settings.runtime,
                agents_file=settings.agents,
                sandbox="off",
            )
            engine = Engine(
                database=database,
                settings=settings,
                agents=agents,
                repositories=Repositories(settings.home),
                projects=projects,
                templates=templates,
                outbox=outbox,
                destinations=lambda task: (task.origin,) if ":" in task.origin else (),
            )
            conversation = Conversation(database)
            bot = Bot(
                settings=settings,
                engine=engine,
                outbox=outbox,
                hearing=self.hearing,
                agents=agents,
                projects=projects,
                templates=templates,
                conversation=conversation,
                pace=FAST,
            )
            await engine.start()
            stack.push_async_callback(engine.stop, drain=True)
            await bot.start()
            stack.push_async_callback(bot.stop)
            self.hub = Hub(engine, bot, conversation, database)
            yield self.hub


async def until_handled(hub: Hub) -> None:
    """Everything that came in is done with."""
    async with asyncio.timeout(DEADLINE_S):
        while await hub.conversation.pending_updates():  # noqa: ASYNC110 - it has no event
            await asyncio.sleep(0.01)


def make_checkout(path: Path) -> Checkout:
    checkout = Checkout.make(path)
    checkout.put("src/price.py", "PRICE = 1\n")
    checkout.git("add", "-A")
    checkout.git("commit", "--quiet", "-m", "Begin")
    return checkout
