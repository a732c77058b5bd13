"""A hub that ends, in whatever way, and the next one on the same home."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from core.engine.change import writing
from core.errors import UserError
from core.model import Decision, Request, ReviewState, Status, Submission, Task, Text, ToolKind
from core.store import decisions
from core.store.decisions import Intent
from tests.fakes.agents import Agent
from tests.fakes.hall import Hall, until

ENDED = (Status.COMPLETED, Status.FAILED, Status.CANCELLED)


@pytest.fixture
async def hall(tmp_path: Path) -> AsyncIterator[Hall]:
    hall = Hall(tmp_path / "home")
    await hall.open()
    yield hall
    await hall.close()


async def submit(hall: Hall, text: str = "Fix the bug.") -> Task:
    [task] = await hall.engine.submit(Submission(text))
    return task


async def texts(hall: Hall, task: Task) -> list[str]:
    events = await hall.engine.events(task.id)
    assert [event.seq for event in events] == list(range(1, len(events) + 1))
    return [
        line
        for event in events
        if event.payload["kind"] == "text"
        for line in event.payload["text"].splitlines()
    ]


async def test_an_agent_goes_on_while_no_hub_runs_and_nothing_is_lost_or_doubled(
    hall: Hall,
) -> None:
    left = asyncio.Event()

    async def counts(agent: Agent) -> None:
        await agent.says(Text("1"))
        await left.wait()
        await agent.says(Text("2"))
        await agent.ends_turn("done")

    hall.agents.scripts = {"claude": counts}
    task = await hall.until((await submit(hall)).id, Status.STREAMING)
    await hall.leave()
    left.set()
    [agent] = hall.agents.processes.values()
    await until(lambda: agent.over)
    await hall.open()
    task = await hall.until(task.id, *ENDED)
    assert (task.status, await texts(hall, task)) == (Status.COMPLETED, ["1", "2"])
    assert len(hall.agents.started) == 1


async def test_a_question_and_what_was_said_meanwhile_outlive_the_hub(hall: Hall) -> None:
    async def asks(agent: Agent) -> None:
        decision, _ = await agent.asks(Request("r1", "Go?", ToolKind.EXECUTE, command="make"))
        await agent.ends_turn(f"{decision.value}, {await agent.hears()}")

    hall.agents.scripts = {"claude": asks}
    task = await hall.until((await submit(hall)).id, Status.WAITING)
    await hall.leave()
    await hall.open()
    assert (await hall.engine.task(task.id)).status is Status.WAITING
    await hall.engine.steer(task.id, "be quick", by="ann")
    await hall.engine.answer(task.id, "r1", Decision.ALLOW, by="ann")
    assert (await hall.until(task.id, *ENDED)).answer == "allow, be quick"


async def test_twenty_live_runs_go_on_and_what_has_ended_is_left_alone(tmp_path: Path) -> None:
    go = asyncio.Event()

    async def waits(agent: Agent) -> None:
        await agent.says(Text("before"))
        await go.wait()
        await agent.says(Text("after"))
        await agent.ends_turn("done")

    hall = Hall(tmp_path / "home", {"max_concurrent_tasks": 20})
    await hall.open()
    old = [await hall.until((await submit(hall)).id, *ENDED) for _ in range(5)]
    hall.agents.scripts = {"claude": waits}
    live = [await submit(hall) for _ in range(20)]
    for task in live:
        await hall.logged(task.id, "text")
    await hall.leave()
    attached = len(hall.agents.runs)
    await hall.open()
    await until(lambda: len(hall.agents.runs) == attached + len(live))
    go.set()
    for task in live:
        assert (await hall.until(task.id, *ENDED)).status is Status.COMPLETED
        assert await texts(hall, task) == ["before", "after"]
    assert [await hall.engine.task(task.id) for task in old] == old
    assert len(hall.agents.started) == len(old) + len(live)
    await hall.close()


async def test_an_agent_that_is_gone_fails_its_task_with_the_reason(hall: Hall) -> None:
    hall.agents.scripts = {"claude": _at_work}
    task = await hall.until((await submit(hall)).id, Status.STREAMING)
    await hall.leave()
    await hall.agents.close()
    hall.agents.processes.clear()
    await hall.open()
    task = await hall.until(task.id, *ENDED)
    assert task.status is Status.FAILED
    assert task.error is not None
    assert (task.error.recoverable, "gone" in task.error.message) == (True, True)


async def _at_work(agent: Agent) -> None:
    await agent.says(Text("at work"))
    await asyncio.Event().wait()


async def test_draining_ends_the_agents_and_the_next_hub_takes_them_up(hall: Hall) -> None:
    hall.agents.scripts = {"claude": _at_work}
    task = await hall.until((await submit(hall)).id, Status.STREAMING)
    await hall.leave(drain=True)
    assert hall.agents.alive == []

    async def goes_on(agent: Agent) -> None:
        await agent.ends_turn("went on" if agent.spec.resume else "began anew")

    hall.agents.scripts = {"claude": goes_on}
    await hall.open()
    assert (await hall.until(task.id, *ENDED)).answer == "went on"


async def test_orphans_and_stray_work_trees_are_removed(hall: Hall) -> None:
    hall.agents.scripts = {"claude": _at_work}
    task = await hall.until((await submit(hall)).id, Status.STREAMING)
    await hall.leave()
    stray = hall.repositories.folder / "stray123"
    stray.mkdir()
    [agent] = hall.agents.processes.values()
    orphan = hall.agents.processes["unknown-1"] = Agent(agent.spec)
    orphan.task = asyncio.create_task(orphan.play(_at_work))
    await hall.open()
    assert hall.agents.alive == [task.runs[-1].id]
    assert not stray.exists()
    assert task.workspace is not None
    assert task.workspace.path.exists()


async def test_the_tree_of_a_task_that_is_queued_again_stays(hall: Hall) -> None:
    task = await hall.until((await submit(hall)).id, *ENDED)
    tree = hall.repositories.folder / task.id
    async with writing(hall.engine._parts) as tx:  # as it is when two hubs died at its beginning
        await tx.execute("UPDATE tasks SET status = 'CREATED', after = id, worktree = 0")
    await hall.leave()
    await hall.open()
    assert tree.is_dir()


async def test_a_cancellation_that_was_cut_off_is_carried_out(hall: Hall) -> None:
    hall.agents.scripts = {"claude": _at_work}
    task = await hall.until((await submit(hall)).id, Status.STREAMING)
    from core.engine.change import change

    parts = hall.engine._parts
    async with change(parts, task.id) as made:
        made.set_state(cancel_by="ann")
    await hall.leave()
    await hall.open()
    assert (await hall.engine.task(task.id)).status is Status.CANCELLED
    assert hall.agents.alive == []


@pytest.mark.parametrize("landed", [True, False], ids=["landed", "not landed"])
async def test_a_merge_that_was_cut_off_is_finished(hall: Hall, landed: bool) -> None:
    task = await hall.until((await submit(hall)).id, *ENDED)
    assert task.head is not None
    args = {"expected_head": task.head, "how": "merge", "by": "ann"}
    async with writing(hall.engine._parts) as tx:
        await decisions.put_intent(tx, Intent(task.id, "merge", args), task.created_at)
    if landed:
        hall.repositories.merged["app"] = [task.head]
    await hall.leave()
    await hall.open()
    task = await hall.engine.task(task.id)
    assert task.review is not None
    assert (task.review.state, task.review.merged_commit) == (ReviewState.MERGED, task.head)
    assert hall.repositories.merged["app"] == [task.head]


async def test_a_merge_that_was_cut_off_and_cannot_be_finished_says_so(hall: Hall) -> None:
    task = await hall.until((await submit(hall)).id, *ENDED)
    args = {"expected_head": task.head, "how": "merge", "by": "ann"}
    async with writing(hall.engine._parts) as tx:
        await decisions.put_intent(tx, Intent(task.id, "merge", args), task.created_at)
    hall.repositories.conflicts = ("work.txt",)
    await hall.leave()
    await hall.open()
    task = await hall.engine.task(task.id)
    assert task.review is not None
    assert task.review.state is ReviewState.OPEN
    last = (await hall.engine.events(task.id))[-1]
    assert "work.txt" in last.payload["text"]
    hall.repositories.conflicts = ()
    assert task.head is not None
    await hall.engine.merge(task.id, expected_head=task.head, by="ann")


async def test_a_second_hub_is_refused(hall: Hall) -> None:
    other = Hall(hall.home)
    with pytest.raises(UserError, match="already running"):
        await other.open()


async def test_starting_and_stopping_leaks_nothing(hall: Hall) -> None:
    await leaks_nothing(hall, 10)


@pytest.mark.chaos
async def test_starting_and_stopping_often_leaks_nothing(hall: Hall) -> None:
    await leaks_nothing(hall, 200)


async def leaks_nothing(hall: Hall, times: int) -> None:
    import threading

    import psutil

    process = psutil.Process()
    await hall.leave()
    await hall.open()
    before = process.num_fds(), threading.active_count(), len(asyncio.all_tasks())
    for _ in range(times):
        await hall.leave()
        await hall.open()
    assert (process.num_fds(), threading.active_count(), len(asyncio.all_tasks())) == before
