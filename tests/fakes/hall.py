"""A whole engine on fakes: the store, the scheduler and the rules are real."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from core.config import Settings
from core.engine import Engine
from core.model import Status, Submission, Task
from core.outbox import Outbox
from core.projects import Projects
from core.store.database import Database
from core.templates import BUILTIN, Templates
from tests.fakes.agents import ScriptedAgents
from tests.fakes.repositories import MemoryRepositories

DEADLINE_S = 30.0


@dataclass(eq=False)
class Hall:
    """One home. `open` starts a hub on it; `leave` ends that hub, `open` then starts the next."""

    home: Path
    overrides: dict[str, Any] = field(default_factory=dict)
    agents: ScriptedAgents = field(default_factory=ScriptedAgents)
    tell: Callable[[Task], Sequence[str]] = lambda task: ("log:owner",)
    projects_toml: str = ""
    engine: Engine = field(init=False)
    database: Database = field(init=False)
    outbox: Outbox = field(init=False)

    def __post_init__(self) -> None:
        self.repositories = MemoryRepositories(self.home / "worktrees")
        project = self.home.parent / "projects" / "app"
        (project / ".git").mkdir(parents=True, exist_ok=True)
        (project / ".git" / "HEAD").write_text("ref: refs/heads/main\n")
        self.home.mkdir(parents=True, exist_ok=True)
        if self.projects_toml:
            (self.home / "projects.toml").write_text(self.projects_toml)
        plenty = {"min_free_disk_mb": 0, "min_free_memory_mb": 0, "projects": (project,)}
        self.settings = Settings(
            _env_file=None,  # type: ignore[call-arg]
            **{"home": self.home, **plenty, **self.overrides},
        )

    async def open(self) -> Engine:
        self.database = await Database.open(self.settings.database)
        self.outbox = Outbox(self.database)
        self.engine = Engine(
            database=self.database,
            settings=self.settings,
            agents=self.agents,
            repositories=self.repositories,
            projects=Projects(self.settings),
            templates=Templates([BUILTIN]),
            outbox=self.outbox,
            destinations=self.tell,
        )
        try:
            await self.engine.start()
        except BaseException:
            await self.database.close()
            raise
        return self.engine

    async def leave(self, *, drain: bool = False) -> None:
        """The hub ends; agents and repositories stay."""
        await self.engine.stop(drain=drain)
        await self.database.close()

    async def crash(self) -> None:
        """The hub stops where it stands; only what is on disk and the agents go on."""
        its_own = asyncio.all_tasks() - self.agents.tasks - {asyncio.current_task()}
        for task in its_own:
            task.cancel()
        await asyncio.wait(its_own)
        self.engine._lock.release()
        await self.database.close()

    async def close(self) -> None:
        await self.leave()
        await self.agents.close()

    async def until(self, task_id: str, *statuses: Status) -> Task:
        """The task, once it has one of these statuses."""
        async with asyncio.timeout(DEADLINE_S):
            while (task := await self.engine.task(task_id)).status not in statuses:
                await self.engine.wait(task_id, timeout_s=1)
        return task

    async def logged(self, task_id: str, kind: str, times: int = 1) -> None:
        """Returns once the task's log has so many entries of this kind."""
        async with asyncio.timeout(DEADLINE_S):
            async for event in self.engine.follow(task_id=task_id):
                times -= event.payload["kind"] == kind
                if not times:
                    return


@asynccontextmanager
async def opened(hall: Hall) -> AsyncIterator[Hall]:
    """Closed again whatever happens: an open database keeps its process alive."""
    await hall.open()
    try:
        yield hall
    finally:
        await hall.close()


async def until(condition: Callable[[], bool]) -> None:
    """Wait for a condition that nothing announces, under a deadline."""
    async with asyncio.timeout(DEADLINE_S):
        while not condition():  # noqa: ASYNC110 - it has no event of its own
            await asyncio.sleep(0.01)


async def make_engine(tmp_path: Path, **overrides: Any) -> Engine:
    """An engine that is started. `overrides` are settings, or `agents`. Close it with `close`."""
    agents = overrides.pop("agents", None) or ScriptedAgents()
    hall = Hall(tmp_path / "home", overrides, agents)
    engine = await hall.open()
    _halls[engine] = hall
    return engine


async def close(engine: Engine) -> None:
    await _halls.pop(engine).close()


_halls: dict[Engine, Hall] = {}


async def submit(hall: Hall, text: str = "Fix the bug.", **fields: object) -> Task:
    """One task for the scripted agent `claude`, unless `fields` of the submission say otherwise."""
    fields.setdefault("agents", ("claude",))
    [task] = await hall.engine.submit(Submission(text, **fields))  # type: ignore[arg-type]
    return task


async def kinds(hall: Hall, task: Task) -> list[str]:
    """What its log tells, in order; a status by its name. The log has no gap."""
    events = await hall.engine.events(task.id)
    assert [event.seq for event in events] == list(range(1, len(events) + 1))
    return [
        str(
            event.payload.get("status")
            if event.payload["kind"] == "status"
            else event.payload["kind"]
        )
        for event in events
    ]
