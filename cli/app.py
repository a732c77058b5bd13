"""The composition root: the one module that knows every room, and puts them together.

Owns which class stands behind which port, and the order in which they are opened and closed. It
holds no behaviour of its own.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

from agents.runner import Runner
from core.config import Settings
from core.engine import Engine
from core.model import Task
from core.notify import SCHEME, Pushes
from core.outbox import Outbox
from core.ports import Hearing
from core.projects import Projects
from core.store.database import Database
from core.templates import BUILTIN, Templates
from git_ops.repositories import Repositories
from voice.transcriber import Transcriber


@dataclass(frozen=True, slots=True)
class House:
    settings: Settings
    database: Database
    engine: Engine
    outbox: Outbox
    projects: Projects
    templates: Templates
    agents: Runner
    hearing: Hearing


def voice_folder(settings: Settings) -> Path:
    """Models that were downloaded, and the owner's corrections."""
    return settings.home / "voice"


def make_templates(settings: Settings) -> Templates:
    return Templates([BUILTIN, settings.home / "templates"])


@asynccontextmanager
async def open_house(settings: Settings) -> AsyncIterator[House]:
    """Everything but the doors. The engine is made, and started by whoever opens the house."""
    settings.home.mkdir(parents=True, exist_ok=True, mode=0o700)
    ...
