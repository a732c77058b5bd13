"""What the engine is made of, handed to each of its modules; and the cue that something changed."""

from __future__ import annotations

import asyncio
from collections import defaultdict
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from weakref import WeakValueDictionary

from core.config import Settings
from core.model import Task
from core.outbox import Outbox
from core.ports import Agents, Repositories
from core.projects import Projects
from core.store.database import Database
from core.templates import Templates

ALL = ""  # the cue's name for every task
UNSENT = "unsent"  # and for those with something to send to their pull requests


class Cue:
    """Tells whoever waits that there may be something new in the store. It carries no data.

    Take `next` first, then read the store, then await what `next` gave: nothing is missed.
    """

    def __init__(self) -> None:
        self._waiting: defaultdict[str, asyncio.Future[None]] = defaultdict(
            lambda: asyncio.get_running_loop().create_future()
        )

    def next(self, task_id: str = ALL) -> asyncio.Future[None]:
        return self._waiting[task_id]

    def ring(self, task_id: str) -> None:
        for name in (task_id, ALL):
            waiting = self._waiting.pop(name, None)
            if waiting is not None and not waiting.done():
                waiting.set_result(None)


@dataclass(frozen=True, slots=True)
class Parts:
    database: Database
    settings: Settings
    agents: Agents
    repositories: Repositories
    projects: Projects
    templates: Templates
    outbox: Outbox
    destinations: Callable[[Task], Sequence[str]]
    cue: Cue
    _locks: WeakValueDictionary[str, asyncio.Lock] = field(default_factory=WeakValueDictionary)

    def lock(self, task_id: str) -> asyncio.Lock:
        """One decision about a task's branch at a time."""
        return self._locks.setdefault(task_id, asyncio.Lock())
