"""What is said to a task reaches its agent, whatever happens meanwhile."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from core.engine import turns
from core.errors import AgentError
from core.model import (
    Outcome,
    Status,
    Text,
    TurnEnded,
)
from core.store import mail
from tests.fakes.agents import Agent
from tests.fakes.hall import Hall, kinds, submit, until

ENDED = (Status.COMPLETED, Status.FAILED, Status.CANCELLED)


@pytest.fixture
async def hall(tmp_path: Path) -> AsyncIterator[Hall]:
    hall = Hall(tmp_path / "home", {"max_agents_per_task": 2})
    await hall.open()
    yield hall
    await hall.close()


async def test_steering_a_running_task_reaches_its_agent_once(hall: Hall) -> None:
    go = asyncio.Event()

    async def listens(agent: Agent) -> None:
        await agent.says(Text("ready"))
        message = await agent.hears()
        await go.wait()
        await agent.ends_turn(f"{message} {len(agent.told)}")

    hall.agents.scripts = {"claude": listens}
    task = await hall.until((await submit(hall)).id, Status.STREAMING)
    for _ in range(2):
        await hall.engine.steer(task.id, "And the docs.", by="ann", key="u1")
    go.set()
    assert (await hall.until(task.id, *ENDED)).answer == "And the docs. 1"


async def test_steering_a_queued_task_is_told_when_it_runs(tmp_path: Path) -> None:
    hold = asyncio.Event()

    async def holds(agent: Agent) -> None:
        await agent.says(Text("at work"))
        await hold.wait()
        await agent.ends_turn("done")
        while message := await agent.hears():
            await agent.ends_turn(f"did: {message}")

    hall = Hall(tmp_path / "home", {"max_concurrent_tasks": 1})
    hall.agents.scripts = {"claude": holds}
    await hall.open()
    first = await hall.until((await submit(hall)).id, Status.STREAMING)
    second = await submit(hall)
    await hall.engine.steer(second.id, "And the docs.", by="ann")
    assert (await hall.engine.task(second.id)).status is Status.QUEUED
    hold.set()
    await hall.until(first.id, *ENDED)
    assert (await hall.until(second.id, *ENDED)).answer == "did: And the docs."
    await hall.close()


async def test_a_follow_up_is_a_new_run_in_the_same_session(hall: Hall) -> None:
    task = await hall.until((await submit(hall)).id, *ENDED)
    await hall.engine.steer(task.id, "Also the docs.", by="ann")
    await until(lambda: len(hall.agents.started) == 2)
    task = await hall.until(task.id, *ENDED)
    first, second = hall.agents.started
    assert (second.resume, second.session_id) == (True, first.session_id)
    assert second.prompt == "Also the docs."
    assert [run.outcome for run in task.runs] == [Outcome.SUCCEEDED, Outcome.SUCCEEDED]
    assert (await kinds(hall, task)).count("completed") == 2


async def test_a_follow_up_begins_when_the_earlier_process_is_gone(hall: Hall) -> None:
    async def lingers(agent: Agent) -> None:
        if len(hall.agents.started) == 1:
            agent.may_end.clear()
        else:
            assert hall.agents.alive == [agent.spec.run_id]
        await agent.ends_turn("done")
        await asyncio.Event().wait()

    hall.agents.scripts = {"claude": lingers}
    task = await hall.until((await submit(hall)).id, *ENDED)
    task = await hall.engine.steer(task.id, "Also the docs.", by="ann")
    other = await hall.until((await submit(hall, agents=("codex",))).id, *ENDED)
    assert other.status is Status.COMPLETED  # rounds go on meanwhile, and leave it where it is
    assert (await hall.engine.task(task.id)).status is Status.QUEUED
    hall.agents.processes[task.runs[0].id].may_end.set()
    task = await hall.until(task.id, *ENDED)
    assert [run.outcome for run in task.runs] == [Outcome.SUCCEEDED, Outcome.SUCCEEDED]


async def test_a_message_for_a_process_that_is_over_begins_another(hall: Hall) -> None:
    async def one_turn(agent: Agent) -> None:
        await agent.says(Text("at work"))
        if len(hall.agents.started) == 1:
            agent.deaf = True
            await hall.engine.steer(agent.spec.task_id, "And the docs.", by="ann")
        await agent.ends_turn(agent.spec.prompt)
        await agent.exit(0, "exited")

    hall.agents.scripts = {"claude": one_turn}
    task = await hall.until((await submit(hall)).id, *ENDED)
    assert task.answer == "And the docs."
    assert len(task.runs) == 1


async def test_a_message_that_crosses_the_end_of_a_turn_begins_another(hall: Hall) -> None:
    async def ends_unread(agent: Agent) -> None:
        await agent.says(Text("at work"))
        agent.record.append(TurnEnded(Outcome.SUCCEEDED, "done"))
        await hall.engine.steer(agent.spec.task_id, "And the docs.", by="ann")
        message = await agent.hears()
        await hall.logged(agent.spec.task_id, "steer")
        await agent.ends_turn(f"did: {message}")

    hall.agents.scripts = {"claude": ends_unread}
    task = await hall.until((await submit(hall)).id, *ENDED)
    assert (task.answer, len(task.runs)) == ("did: And the docs.", 1)
    assert await mail.untold_messages(hall.database.read, task.id) == []


async def test_what_a_failed_agent_did_not_hear_is_told_when_the_task_goes_on(hall: Hall) -> None:
    async def fails_first(agent: Agent) -> None:
        if len(hall.agents.started) == 1:
            agent.record.append(TurnEnded(Outcome.FAILED, "no"))
            await hall.engine.steer(agent.spec.task_id, "And the docs.", by="ann")
        await agent.ends_turn(f"did: {await agent.hears()}")

    hall.agents.scripts = {"claude": fails_first}
    task = await hall.until((await submit(hall)).id, *ENDED)
    assert task.status is Status.FAILED
    await hall.engine.retry(task.id, by="ann")
    task = await hall.until(task.id, Status.COMPLETED)
    assert task.answer == "did: And the docs."


@pytest.mark.parametrize("session", [True, False], ids=["session", "no session"])
async def test_what_a_process_heard_and_died_over_is_told_to_the_next(
    hall: Hall, monkeypatch: pytest.MonkeyPatch, session: bool
) -> None:
    monkeypatch.setattr(turns, "RETRY_S", (0.01, 1.0))

    async def fails_over_it(agent: Agent) -> None:
        if not session:
            del agent.record[:]  # it never says what its session is called
        await agent.says(Text("at work"))
        message = await agent.hears()
        if len(hall.agents.started) == 1:
            await agent.ends_turn("Overloaded", Outcome.FAILED, transient=True)
            await asyncio.Event().wait()
        await agent.ends_turn(f"{agent.spec.resume} {message}")

    hall.agents.scripts = {"claude": fails_over_it}
    task = await submit(hall)
    await hall.engine.steer(task.id, "And the docs.", by="ann")
    task = await hall.until(task.id, *ENDED)
    assert (task.answer, len(task.runs)) == (f"{session} And the docs.", 1)


async def test_only_what_was_not_acted_upon_is_told_again_in_the_same_session(hall: Hall) -> None:
    async def dies_over_the_second(agent: Agent) -> None:
        await agent.says(Text("at work"))
        if len(hall.agents.started) == 1:
            first = await agent.hears()
            await agent.says(Text(f"did: {first}"))
            agent.record.append(TurnEnded(Outcome.SUCCEEDED, "done"))
            await hall.engine.steer(agent.spec.task_id, "Second.", by="ann")
            await agent.hears()
            await agent.ends_turn("no", Outcome.FAILED)
            await asyncio.Event().wait()
        await agent.ends_turn(f"did: {await agent.hears()} {len(agent.told)}")

    hall.agents.scripts = {"claude": dies_over_the_second}
    task = await submit(hall)
    await hall.engine.steer(task.id, "First.", by="ann")
    task = await hall.until(task.id, *ENDED)
    assert task.status is Status.FAILED
    await hall.engine.retry(task.id, by="ann")
    assert (await hall.until(task.id, Status.COMPLETED)).answer == "did: Second. 1"


async def test_a_drained_run_without_a_session_starts_over_with_all_that_was_said(
    hall: Hall,
) -> None:
    async def nameless(agent: Agent) -> None:
        del agent.record[:]
        await agent.says(Text("at work"))
        message = await agent.hears()
        if len(hall.agents.started) == 1:
            await asyncio.Event().wait()
        await agent.ends_turn(f"{agent.spec.prompt} {message}")

    hall.agents.scripts = {"claude": nameless}
    task = await submit(hall)
    await hall.engine.steer(task.id, "And the docs.", by="ann")
    await until(lambda: any(agent._heard for agent in hall.agents.processes.values()))
    await hall.leave(drain=True)
    await hall.open()
    assert (await hall.until(task.id, *ENDED)).answer == "Fix the bug. And the docs."


async def test_a_process_that_cannot_be_ended_harms_no_follow_up(hall: Hall) -> None:
    async def cannot_be_ended(agent: Agent) -> None:
        if len(hall.agents.started) == 1:
            agent.cannot_end = AgentError("It does not end.")
            agent.may_end.clear()
        await agent.ends_turn("done")
        await asyncio.Event().wait()

    hall.agents.scripts = {"claude": cannot_be_ended}
    task = await hall.until((await submit(hall)).id, *ENDED)
    await hall.engine.steer(task.id, "Also the docs.", by="ann")
    hall.agents.processes[task.runs[0].id].may_end.set()
    await until(lambda: len(hall.agents.started) == 2)
    task = await hall.until(task.id, *ENDED)
    assert [run.outcome for run in task.runs] == [Outcome.SUCCEEDED, Outcome.SUCCEEDED]
