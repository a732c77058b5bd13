"""A hub that stops at any named point is followed by one that does what was left to do.

The stop is in this process, so every point is tried; `tests/chaos` kills real hubs.
"""

from __future__ import annotations

import asyncio
import re
from collections.abc import Awaitable, Callable
from contextlib import suppress
from pathlib import Path

import pytest

import core
from core import faults
from core.engine.reviews import OPERATIONS
from core.errors import GoferError
from core.model import ENDED, Decision, EventType, Request, Status, Submission, Task, ToolKind
from core.outbox import Delivery
from tests.fakes.agents import Agent
from tests.fakes.hall import Hall, until

COMMITS = 12  # of which each is stopped at
SIMPLE = ("commit", "worktree", "spawn", "checkpoint", "send")


class PowerCut(BaseException):
    """Nobody catches it."""


async def asks_and_hears(agent: Agent) -> None:
    if agent.spec.resume:
        await agent.ends_turn("once more")
        return
    answer, _ = await agent.asks(Request("r1", "Run it?", ToolKind.EXECUTE, command="make"))
    await agent.writes("work.txt", answer.value)
    await agent.ends_turn(f"heard: {await agent.hears()}")


async def see_through(hall: Hall, decide: str) -> Task:
    """One task with a question, a message and a decision; all of it may be asked twice."""
    engine = hall.engine
    [task] = await engine.submit(Submission("Fix it.", key="one"))
    await engine.steer(task.id, "And the docs.", by="ann", key="m1")
    task = await hall.until(task.id, Status.WAITING, *ENDED)
    if task.status is Status.WAITING:
        with suppress(GoferError):  # answered before the stop
            await engine.answer(task.id, "r1", Decision.ALLOW, by="ann")
    task = await hall.until(task.id, *ENDED)
    with suppress(GoferError):  # done before the stop
        await DECISIONS[decide](hall, task)
    return await engine.task(task.id)


async def _restore(hall: Hall, task: Task) -> None:
    with suppress(GoferError):
        await hall.engine.discard(task.id, expected_head=task.head, by="ann")
    await hall.engine.restore(task.id, by="ann")


async def _undo_merge(hall: Hall, task: Task) -> None:
    with suppress(GoferError):
        await hall.engine.merge(task.id, expected_head=task.head or "", by="ann")
    await hall.engine.undo_merge(task.id, by="ann")


DECISIONS: dict[str, Callable[[Hall, Task], Awaitable[object]]] = {
    "merge": lambda hall, task: hall.engine.merge(task.id, expected_head=task.head or "", by="ann"),
    "undo_merge": _undo_merge,
    "pull_request": lambda hall, task: hall.engine.open_pull_request(
        task.id, expected_head=task.head or "", by="ann"
    ),
    "discard": lambda hall, task: hall.engine.discard(task.id, expected_head=task.head, by="ann"),
    "restore": _restore,
    "take_in": lambda hall, task: hall.engine.resolve(task.id, by="ann"),
    "undo": lambda hall, task: hall.engine.undo(task.id, by="ann"),
    "revert_files": lambda hall, task: hall.engine.revert_files(
        task.id, ["work.txt"], expected_head=task.head or "", by="ann"
    ),
}
POINTS = [
    *(
        (f"{step}.{when}", 1, "merge")
        for step in (*SIMPLE, "tell", "answer")
        for when in ("before", "after")
    ),
    *(
        (f"commit.{when}", count, "merge")
        for count in range(2, COMMITS + 1)
        for when in ("before", "after")
    ),
    *(
        (f"{decision}.{when}", 1, decision)
        for decision in DECISIONS
        for when in ("before", "after")
    ),
]


def test_every_point_there_is_is_stopped_at() -> None:
    assert set(DECISIONS) == set(OPERATIONS)
    folder = Path(core.__file__).parent
    sources = [path.read_text() for path in folder.rglob("*.py")]
    named = {name for text in sources for name in re.findall(r'fault\(f?"([^"]+)"\)', text)}
    for when in ("before", "after"):
        named.remove(f"{{intent.kind}}.{when}")
        named |= {f"{decision}.{when}" for decision in OPERATIONS}
    assert named == {name for name, _, _ in POINTS}


@pytest.mark.parametrize(("point", "count", "decision"), POINTS)
async def test_a_stop_at_a_point_loses_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, point: str, count: int, decision: str
) -> None:
    stopped = asyncio.Event()

    def stop() -> None:
        monkeypatch.setattr(faults, "_name", "")
        stopped.set()
        raise PowerCut

    hall = Hall(tmp_path / "home")
    hall.agents.scripts = {"claude": asks_and_hears}
    sent: list[str] = []

    async def deliver(delivery: Delivery) -> None:
        sent.append(delivery.kind)

    await hall.open()
    hall.outbox.register("log", deliver)
    monkeypatch.setattr(faults, "end", stop)
    monkeypatch.setattr(faults, "_left", count)
    monkeypatch.setattr(faults, "_name", point)
    whole = asyncio.create_task(see_through(hall, decision))
    waiting = asyncio.create_task(stopped.wait())
    await asyncio.wait([whole, waiting], timeout=30, return_when=asyncio.FIRST_COMPLETED)
    if point.startswith("send"):
        await asyncio.wait([waiting], timeout=30)
    assert stopped.is_set()
    whole.cancel()
    await asyncio.wait([whole])
    await hall.crash()
    await hall.open()
    hall.outbox.register("log", deliver)
    task = await see_through(hall, decision)
    assert len(await hall.engine.tasks()) == 1
    events = await hall.engine.events(task.id)
    assert [event.seq for event in events] == list(range(1, len(events) + 1))
    ended = [event.run_id for event in events if event.type is EventType.COMPLETED]
    assert ended[:1] == [task.runs[0].id]
    assert len(ended) == len(set(ended))
    assert task.runs[0].outcome is not None
    await until(lambda: "finished" in sent)
    await hall.close()
