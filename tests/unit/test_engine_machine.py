"""Any sequence of wishes, crashes and restarts keeps the record in order.

A crash is a hub that is left in the middle of whatever it does, with nothing told to it.
"""

from __future__ import annotations

import asyncio
import contextlib
import shutil
import tempfile
from collections.abc import Coroutine
from pathlib import Path
from typing import Any, TypeVar

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import Bundle, RuleBasedStateMachine, invariant, multiple, rule

from core.errors import GoferError
from core.model import (
    TRANSITIONS,
    Decision,
    EventType,
    Outcome,
    Request,
    Status,
    Submission,
    Text,
    ToolKind,
)
from tests.fakes.agents import Agent
from tests.fakes.hall import Hall

T = TypeVar("T")


async def obeys(agent: Agent) -> None:
    """Does what its prompt says, then what it is told."""
    order: str | None = agent.spec.prompt
    while order is not None:
        await agent.says(Text(order))
        if "ask" in order:
            await agent.asks(Request("r1", "Go on?", ToolKind.EXECUTE, command="make"))
        if "write" in order:
            await agent.writes("file.txt", order)
        if "fail" in order:
            await agent.ends_turn("could not", Outcome.FAILED)
        elif "die" in order:
            return
        else:
            await agent.ends_turn("done")
        order = await agent.hears()


ORDERS = st.sampled_from(["write", "answer", "ask write", "fail", "die", "ask fail"])


class Life(RuleBasedStateMachine):
    tasks: Bundle[str] = Bundle("tasks")

    def __init__(self) -> None:
        super().__init__()
        self.folder = Path(tempfile.mkdtemp(prefix="gofer-machine-"))
        self.runner = asyncio.Runner()
        self.hall = Hall(self.folder / "home", {"max_concurrent_tasks": 2})
        self.hall.agents.scripts = {"claude": obeys}
        self.keys = 0
        self.run(self.hall.open())

    def run(self, work: Coroutine[Any, Any, T]) -> T:
        return self.runner.run(work)

    def wish(self, work: Coroutine[Any, Any, object]) -> None:
        """It may be refused; it may not break anything."""

        async def wished() -> None:
            with contextlib.suppress(GoferError):
                await work

        self.run(wished())

    @rule(target=tasks, order=ORDERS)
    def submit(self, order: str) -> Any:
        self.keys += 1
        key = f"key {self.keys}"
        [task] = self.run(self.hall.engine.submit(Submission(order, key=key)))
        [again] = self.run(self.hall.engine.submit(Submission(order, key=key)))
        assert again.id == task.id
        return multiple(task.id)

    @rule(task=tasks, order=ORDERS)
    def steer(self, task: str, order: str) -> None:
        self.wish(self.hall.engine.steer(task, order, by="ann"))

    @rule(task=tasks, decision=st.sampled_from(Decision))
    def answer(self, task: str, decision: Decision) -> None:
        self.wish(self.hall.engine.answer(task, "r1", decision, by="ann"))

    @rule(task=tasks)
    def cancel(self, task: str) -> None:
        ended = self.run(self.hall.engine.cancel(task, by="ann"))
        assert ended.status in (Status.COMPLETED, Status.FAILED, Status.CANCELLED)

    @rule(task=tasks)
    def retry(self, task: str) -> None:
        self.wish(self.hall.engine.retry(task, by="ann"))

    @rule(task=tasks)
    def merge(self, task: str) -> None:
        head = self.run(self.hall.engine.task(task)).head or ""
        self.wish(self.hall.engine.merge(task, expected_head=head, by="ann"))

    @rule(task=tasks)
    def discard(self, task: str) -> None:
        self.wish(self.hall.engine.discard(task, expected_head=None, by="ann"))

    @rule(steps=st.integers(0, 60))
    def pass_time(self, steps: int) -> None:
        async def idle() -> None:
            for _ in range(steps):
                await asyncio.sleep(0)

        self.run(idle())

    @rule(drain=st.booleans())
    def restart(self, drain: bool) -> None:
        self.run(self.hall.leave(drain=drain))
        self.run(self.hall.open())

    @rule()
    def crash(self) -> None:
        async def die() -> None:
            await self.hall.crash()
            await self.hall.open()

        self.run(die())

    @invariant()
    def every_record_is_in_order(self) -> None:
        for task in self.run(self.hall.engine.tasks()):
            events = self.run(self.hall.engine.events(task.id))
            assert [event.seq for event in events] == list(range(1, len(events) + 1))
            statuses = [
                Status(e.payload["status"]) for e in events if e.payload["kind"] == "status"
            ]
            for was, now in zip([Status.CREATED, *statuses], statuses, strict=False):
                assert now in TRANSITIONS[was]
            ended = [event.run_id for event in events if event.type is EventType.COMPLETED]
            assert len(ended) == len(set(ended))
            assert (task.status is Status.WAITING) == (task.question is not None)

    def teardown(self) -> None:
        try:
            self.run(self.everything_ends())
        finally:
            self.run(self.hall.close())
            self.runner.close()
            shutil.rmtree(self.folder)

    async def everything_ends(self) -> None:
        """Whatever happened: each task comes to an end, each run to exactly one `completed`."""
        for task in await self.hall.engine.tasks():
            await self.hall.engine.cancel(task.id, by="ann")
        for task in await self.hall.engine.tasks():
            events = await self.hall.engine.events(task.id)
            ended = [event.run_id for event in events if event.type is EventType.COMPLETED]
            assert ended == [run.id for run in task.runs]
            assert all(run.outcome is not None for run in task.runs)


TestLife = Life.TestCase
TestLife.settings = settings(
    max_examples=15,
    stateful_step_count=15,
    deadline=None,
    suppress_health_check=list(HealthCheck),
)
