"""The wall clock is put a day on or back: nothing hangs, nothing ends early, nothing is lost."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta, tzinfo
from pathlib import Path

import pytest

from agents.limits import Limits
from core.engine import change, turns, wishes
from core.model import ENDED, Decision, Mode, Outcome, Request, Status, ToolKind, Workspace
from core.permission import PREFIX_LASTS, Grant, Scope, Verdict, decide
from tests.fakes.agents import Agent
from tests.fakes.hall import Hall, kinds, opened, submit

DAY_S = 86_400.0
REQUEST = Request("r1", "Run it?", ToolKind.EXECUTE, command="make test")
Jump = Callable[[float], None]


@pytest.fixture
def jump(monkeypatch: pytest.MonkeyPatch) -> Jump:
    """Puts the clock on (or back) by so many seconds. The monotonic clock goes on as ever."""
    real, off = time.time, [0.0]

    class Clock(datetime):
        @classmethod
        def now(cls, tz: tzinfo | None = None) -> datetime:  # type: ignore[override]
            return datetime.fromtimestamp(time.time(), tz)

    monkeypatch.setattr(time, "time", lambda: real() + off[0])
    for module in (change, wishes):
        monkeypatch.setattr(module, "datetime", Clock)

    def jump(seconds: float) -> None:
        off[0] += seconds

    return jump


both_ways = pytest.mark.parametrize("seconds", [DAY_S, -DAY_S], ids=["on", "back"])


@both_ways
async def test_an_open_question_stays_open_and_is_answered(
    tmp_path: Path, jump: Jump, seconds: float
) -> None:
    async def asks_and_hears(agent: Agent) -> None:
        decision, _ = await agent.asks(REQUEST)
        await agent.ends_turn(f"{decision.value}, {await agent.hears()}")

    hall = Hall(tmp_path / "home", {"question_timeout_s": 3600})
    hall.agents.scripts = {"claude": asks_and_hears}
    async with opened(hall):
        task = await hall.until((await submit(hall)).id, Status.WAITING)
        jump(seconds)
        await hall.engine.steer(task.id, "Take your time.", by="ann")  # the run looks at the clock
        await hall.engine.wait(task.id, timeout_s=0.2)
        assert (await hall.engine.task(task.id)).status is Status.WAITING
        await hall.engine.answer(task.id, "r1", Decision.ALLOW, by="ann")
        assert (await hall.until(task.id, *ENDED)).answer == "allow, Take your time."


@both_ways
async def test_a_question_expires_in_its_time(tmp_path: Path, jump: Jump, seconds: float) -> None:
    hall = Hall(tmp_path / "home", {"question_timeout_s": 0.5})
    hall.agents.scripts = {"claude": asks}
    async with opened(hall):
        task = await hall.until((await submit(hall)).id, Status.WAITING)
        jump(seconds)
        assert (await hall.until(task.id, *ENDED)).answer == "deny"


async def asks(agent: Agent) -> None:
    decision, _ = await agent.asks(REQUEST)
    await agent.ends_turn(decision.value)


async def test_a_question_expires_under_a_hub_that_came_with_a_clock_put_back(
    tmp_path: Path, jump: Jump
) -> None:
    hall = Hall(tmp_path / "home", {"question_timeout_s": 0.5})
    hall.agents.scripts = {"claude": asks}
    async with opened(hall):
        task = await hall.until((await submit(hall)).id, Status.WAITING)
        await hall.leave()
        jump(-DAY_S)
        await hall.open()
        assert (await hall.until(task.id, *ENDED)).answer == "deny"


@both_ways
async def test_a_pause_before_a_retry_is_no_longer_for_it(
    tmp_path: Path, jump: Jump, seconds: float, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(turns, "RETRY_S", (0.3, 0.5))
    jumped = False

    async def overloaded_once(agent: Agent) -> None:
        nonlocal jumped
        if not jumped:
            jumped = True
            await agent.ends_turn("overloaded", Outcome.FAILED, transient=True)
            return
        await agent.ends_turn("done")

    hall = Hall(tmp_path / "home")
    hall.agents.scripts = {"claude": overloaded_once}
    async with opened(hall):
        task = await submit(hall)
        await hall.logged(task.id, "retry")
        jump(seconds)
        await submit(hall)  # the scheduler looks at the clock
        assert (await hall.until(task.id, *ENDED)).status is Status.COMPLETED
        assert len(hall.agents.started) == 3


@both_ways
async def test_a_task_behind_another_follows_it(tmp_path: Path, jump: Jump, seconds: float) -> None:
    go = asyncio.Event()

    async def waits(agent: Agent) -> None:
        await go.wait()
        await agent.ends_turn("done")

    hall = Hall(tmp_path / "home")
    hall.agents.scripts = {"claude": waits}
    async with opened(hall):
        first = await submit(hall)
        second = await submit(hall, after=first.id)
        await hall.until(first.id, Status.STREAMING)
        jump(seconds)
        go.set()
        assert (await hall.until(second.id, *ENDED)).status is Status.COMPLETED
        for task in (first, second):
            assert (await kinds(hall, task)).count("completed") == 1


@both_ways
def test_the_limits_of_a_run_do_not_look_at_the_clock(jump: Jump, seconds: float) -> None:
    keys = {"output_bytes": 9, "memory_bytes": None, "disk_bytes": None}
    limits = Limits({"wall_s": 60, "idle_s": 30, **keys}, "/")
    jump(seconds)
    assert limits.exceeded() is None
    assert 25 < limits.patience() <= 30


def test_a_grant_lasts_no_longer_for_a_clock_put_back() -> None:
    now = datetime.now(UTC)
    workspace = Workspace(Path("/w"), "app", "b", "0", "0")
    until = now + PREFIX_LASTS
    grant = Grant(1, Scope.PREFIX, None, "app", ToolKind.EXECUTE, ("make", "test"), "ann", until)
    allowed = {
        at: decide(Mode.ASK, REQUEST, workspace, [grant], now + at)
        for at in (timedelta(0), timedelta(days=1), timedelta(days=-1))
    }
    assert list(allowed.values()) == [Verdict.ALLOW, Verdict.ASK, Verdict.ASK]
