"""The composition root: the one module that knows every room, and puts them together.

Owns which class stands behind which port, and the order in which they are opened and closed. It
holds no behaviour of its own.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from agents.runner import Runner
from core.config import Settings, make_private
from core.engine import Engine
from core.errors import UserError
from core.model import Task
from core.notify import SCHEME, Pushes
from core.outbox import Outbox
from core.projects import Projects
from core.store import events
from core.store.database import Database
from core.templates import BUILTIN, Templates
from git_ops.repositories import Repositories
from voice.transcriber import Transcriber

if TYPE_CHECKING:
    from bot.app import Bot


@dataclass(frozen=True, slots=True)
class House:
    settings: Settings
    engine: Engine
    projects: Projects
    templates: Templates
    agents: Runner
    hearing: Transcriber
    bot: Bot | None  # None without a token
    newest_event: int  # when the house was opened


@asynccontextmanager
async def open_house(settings: Settings) -> AsyncIterator[House]:
    """Everything, wired; whoever opens it starts the engine and the doors, and stops them."""
    make_private(settings.home)
    async with AsyncExitStack() as stack:
        database = await Database.open(settings.home / "gofer.db")
        stack.push_async_callback(database.close)
        projects, templates = Projects(settings), make_templates(settings)
        agents = make_agents(settings)
        repositories = await make_repositories(settings, agents)
        hearing = make_hearing(settings, repositories)
        stack.push_async_callback(hearing.close)
        outbox, pushes = Outbox(database), Pushes(settings.notify_urls)
        outbox.register(SCHEME, pushes.deliver)
        engine = Engine(
            database=database,
            settings=settings,
            agents=agents,
            repositories=repositories,
            projects=projects,
            templates=templates,
            outbox=outbox,
            destinations=lambda task: destinations(task, settings, pushes),
        )
        bot = None
        if settings.telegram_bot_token is not None:
            bot = make_bot(settings, engine, outbox, database, hearing, agents)
        newest = await events.newest_id(database.read)
        yield House(settings, engine, projects, templates, agents, hearing, bot, newest)


def destinations(task: Task, settings: Settings, pushes: Pushes) -> Sequence[str]:
    """Who is told: the chat that the task came from, else the owner's; and every push address.

    The owner is the first of the allowed users: a private chat has its user's id.
    """
    chats: tuple[str, ...] = ()
    if task.origin.startswith("telegram:"):
        chats = (task.origin,)
    elif settings.telegram_bot_token is not None and settings.allowed_users:
        chats = (f"telegram:{settings.allowed_users[0]}",)
    return (*chats, *pushes.destinations)


def make_templates(settings: Settings) -> Templates:
    return Templates([BUILTIN, settings.home / "templates"])


def make_agents(settings: Settings) -> Runner:
    """Raises UserError when the agents file is not right."""
    return Runner(
        home=settings.home,
        runtime=settings.runtime,
        agents_file=settings.agents,
        sandbox=settings.sandbox.value,
        hidden=_hidden(settings),
    )


def _hidden(settings: Settings) -> Callable[[], Sequence[Path]]:
    """Tells what no agent may see: the owner's checkouts, and what would let it in as the owner.

    Raises UserError for a bad projects.toml.
    """
    projects = Projects(settings)
    known = projects.all()

    def hidden() -> Sequence[Path]:
        nonlocal known
        with suppress(UserError):  # somebody edits it just now
            known = projects.all()
        return [*(project.path for project in known), *settings.private]

    return hidden


async def make_repositories(settings: Settings, agents: Runner) -> Repositories:
    box = await agents.sandbox()
    if not (box.working and box.kind == "bwrap"):
        return Repositories(settings.home)
    return Repositories(settings.home, agents.confine)


def voice_folder(settings: Settings) -> Path:
    """Models that were downloaded, and the owner's corrections."""
    return settings.home / "voice"


def make_hearing(settings: Settings, repositories: Repositories) -> Transcriber:
    from agents import catalogue

    return Transcriber(
        model=settings.whisper_model,
        cache=voice_folder(settings),
        repositories=repositories,
        projects=Projects(settings).all,
        language=settings.voice_language,
        templates=[template.name for template in make_templates(settings).all()],
        agents=list(catalogue.load(settings.agents)),
        preload=settings.voice_preload,
    )


@asynccontextmanager
async def open_hearing(settings: Settings) -> AsyncIterator[Transcriber]:
    """Hearing alone, for a command that needs no hub."""
    make_private(settings.home)  # the model is kept in it
    hearing = make_hearing(settings, Repositories(settings.home))
    try:
        yield hearing
    finally:
        await hearing.close()


def make_bot(
    settings: Settings,
    engine: Engine,
    outbox: Outbox,
    database: Database,
    hearing: Transcriber,
    agents: Runner,
) -> Bot:
    from bot.app import Bot
    from core.store.conversation import Conversation

    return Bot(
        settings=settings,
        engine=engine,
        outbox=outbox,
        hearing=hearing,
        agents=agents,
        projects=Projects(settings),
        templates=make_templates(settings),
        conversation=Conversation(database),
    )
