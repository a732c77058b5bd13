"""What is made ready while nothing runs, and what is not."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from core.engine import ahead
from core.model import Status
from tests.fakes.agents import Agent
from tests.fakes.hall import Hall, submit, until


@pytest.fixture
async def hall(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Hall]:
    monkeypatch.setattr(ahead, "CALM_S", 0.01)
    hall = Hall(tmp_path / "home")
    await hall.open()
    yield hall
    await hall.close()


async def test_projects_in_use_are_made_ready_when_nothing_runs(hall: Hall) -> None:
    await until(lambda: hall.repositories.spares[:1] == [()])  # nobody has used any yet
    may_end = asyncio.Event()

    async def waits(agent: Agent) -> None:
        await may_end.wait()
        await agent.ends_turn("done")

    hall.agents.scripts = {"claude": waits}
    task = await submit(hall)
    await hall.until(task.id, Status.EXECUTING, Status.STREAMING)
    asked = len(hall.repositories.spares)
    hall.engine._scheduler.idle.set()  # as when it was idle a moment ago
    await until(lambda: not hall.engine._scheduler.idle.is_set())
    assert len(hall.repositories.spares) == asked
    may_end.set()
    await until(lambda: hall.repositories.spares[-1] == ("app",))


async def test_nothing_is_kept_ready_where_the_disk_is_short(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(ahead, "CALM_S", 0.01)
    hall = Hall(tmp_path / "home")
    await hall.open()
    await hall.until((await submit(hall)).id, Status.COMPLETED)
    await until(lambda: hall.repositories.spares[-1:] == [("app",)])
    await hall.leave()
    hall.settings = hall.settings.model_copy(update={"min_free_disk_mb": 10**9})
    await hall.open()
    await until(lambda: hall.repositories.spares[-1] == ())
    await hall.close()
