"""The life of a task, on a real store and scheduler with scripted agents."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path

import pytest

from core.engine import life, scheduler, turns
from core.errors import Refused, UserError
from core.health import Room, look
from core.model import (
    CheckResult,
    Command,
    EventType,
    Outcome,
    ProcessEnded,
    ReviewState,
    Status,
    Submission,
    Text,
    Tokens,
    ToolCall,
    ToolKind,
    Trouble,
    Usage,
    Workspace,
)
from tests.fakes.agents import Agent
from tests.fakes.hall import Hall, kinds, submit, until

ENDED = (Status.COMPLETED, Status.FAILED, Status.CANCELLED)


@pytest.fixture
async def hall(tmp_path: Path) -> AsyncIterator[Hall]:
    hall = Hall(tmp_path / "home", {"max_agents_per_task": 2})
    await hall.open()
    yield hall
    await hall.close()


async def test_a_task_goes_from_submission_to_a_review(hall: Hall) -> None:
    task = await submit(hall, "Fix the bug in the parser. Preserve the tests.")
    assert (task.status, task.title, len(task.id)) == (
        Status.QUEUED,
        "Fix the bug in the parser",
        8,
    )
    task = await hall.until(task.id, *ENDED)
    assert task.status is Status.COMPLETED
    assert task.review is not None
    assert (task.review.state, [file.path for file in task.review.files]) == (
        ReviewState.OPEN,
        ["work.txt"],
    )
    assert task.answer == "done"
    assert await kinds(hall, task) == [
        "submitted", "QUEUED", "EXECUTING", "workspace", "run", "STREAMING", "text",
        "checkpoint", "COMPLETED", "completed",
    ]  # fmt: skip
    await until(lambda: not hall.agents.alive)


async def test_the_same_key_makes_one_task(hall: Hall) -> None:
    first, second = await asyncio.gather(submit(hall, key="k"), submit(hall, key="k"))
    assert first.id == second.id
    assert len(await hall.engine.tasks()) == 1


async def test_a_key_that_was_used_for_something_else_is_refused(hall: Hall) -> None:
    first = await submit(hall, "Fix the cart.", key="k")
    with pytest.raises(Refused, match=first.id):
        await submit(hall, "Fix the login.", key="k")
    assert len(await hall.engine.tasks()) == 1


async def test_a_turn_that_changes_nothing_is_no_change(hall: Hall) -> None:
    async def answers(agent: Agent) -> None:
        await agent.ends_turn("42")

    hall.agents.scripts = {"claude": answers}
    task = await hall.until((await submit(hall, "What is it?")).id, *ENDED)
    assert task.review is not None
    assert (task.review.state, task.answer) == (ReviewState.NO_CHANGE, "42")


async def test_a_failed_check_gives_fixing_turns(hall: Hall) -> None:
    def check(command: str, workspace: Workspace) -> CheckResult:
        good = (workspace.path / "more.txt").exists()
        return CheckResult(command, 0 if good else 1, "1 failed", 0.1)

    await hall.leave()
    hall.agents.check = check
    (hall.home / "projects.toml").write_text('[projects.app]\ncheck = "make test"\n')
    await hall.open()
    task = await hall.until((await submit(hall)).id, *ENDED)
    assert task.review is not None
    assert (task.review.check_before, task.review.check) == ("failed", "passed")
    assert "more.txt" in [file.path for file in task.review.files]
    assert (await kinds(hall, task)).count("fix") == 1


async def test_a_check_that_stays_red_is_completed_and_says_so(hall: Hall) -> None:
    await hall.leave()
    hall.agents.check = lambda command, workspace: CheckResult(command, 1, "red", 0.1)
    (hall.home / "projects.toml").write_text('[projects.app]\ncheck = "make test"\n')
    await hall.open()
    task = await hall.until((await submit(hall)).id, *ENDED)
    assert task.review is not None
    assert (task.status, task.review.check) == (Status.COMPLETED, "failed")
    assert (await kinds(hall, task)).count("fix") == hall.settings.fix_turns


@pytest.mark.parametrize(("before", "said"), [(0, False), (1, True)])
async def test_an_agent_is_told_that_the_check_was_red_before(
    hall: Hall, before: int, said: bool
) -> None:
    codes = iter((before, 1))
    told: list[str | None] = []

    async def listens(agent: Agent) -> None:
        await agent.writes("work.txt", "work")
        await agent.ends_turn()
        told.append(await agent.hears())
        await agent.ends_turn("mended")

    await hall.leave()
    hall.agents.scripts = {"claude": listens}
    hall.agents.check = lambda command, workspace: CheckResult(command, next(codes, 0), "", 0.1)
    (hall.home / "projects.toml").write_text('[projects.app]\ncheck = "make test"\n')
    await hall.open()
    await hall.until((await submit(hall)).id, *ENDED)
    assert ["failed before your change" in (text or "") for text in told] == [said]


async def test_cancelling_ends_the_agent_first(hall: Hall) -> None:
    async def hangs(agent: Agent) -> None:
        await agent.writes("half.txt", "half")
        await agent.says(Text("at work"))
        await asyncio.Event().wait()

    hall.agents.scripts = {"claude": hangs}
    task = await hall.until((await submit(hall)).id, Status.STREAMING)
    task = await hall.engine.cancel(task.id, by="ann")
    assert (task.status, hall.agents.alive) == (Status.CANCELLED, [])
    assert task.review is not None
    assert [file.path for file in task.review.files] == ["half.txt"]
    assert (await hall.engine.cancel(task.id, by="ann")).status is Status.CANCELLED
    assert (await kinds(hall, task)).count("completed") == 1


async def test_an_agent_that_dies_fails_the_task_with_the_reason(hall: Hall) -> None:
    async def dies(agent: Agent) -> None:
        await agent.says(Text("at work"))
        await agent.exit(None, "idle", "600 s")

    hall.agents.scripts = {"claude": dies}
    task = await hall.until((await submit(hall)).id, *ENDED)
    assert task.status is Status.FAILED
    assert task.error is not None
    assert task.error.recoverable
    assert "silent for longer than it may (600 s)" in task.error.message


async def test_passing_failures_are_tried_again_and_say_so(
    hall: Hall, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(turns, "RETRY_S", (0.01, 1.0))

    async def overloaded(agent: Agent) -> None:
        await agent.says(Trouble("Overloaded", transient=True))
        if len(hall.agents.started) < 3:
            await agent.ends_turn("Overloaded", Outcome.FAILED, transient=True)
        else:
            await agent.ends_turn("done")

    hall.agents.scripts = {"claude": overloaded}
    task = await hall.until((await submit(hall)).id, *ENDED)
    assert (task.status, len(task.runs)) == (Status.COMPLETED, 1)
    assert (await kinds(hall, task)).count("retry") == 2
    assert [spec.resume for spec in hall.agents.started] == [False, True, True]
    errors = [e for e in await hall.engine.events(task.id) if e.type is EventType.ERROR]
    assert all(error.payload["recoverable"] for error in errors)


async def test_passing_failures_are_not_tried_for_ever(
    hall: Hall, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(turns, "RETRY_S", (0.001, 0.01))

    async def overloaded(agent: Agent) -> None:
        await agent.ends_turn("Overloaded", Outcome.FAILED, transient=True)

    hall.agents.scripts = {"claude": overloaded}
    task = await hall.until((await submit(hall)).id, *ENDED)
    assert task.status is Status.FAILED
    assert len(hall.agents.started) == 1 + turns.MOST_RETRIES


async def test_usage_adds_up(hall: Hall) -> None:
    async def costs(agent: Agent) -> None:
        await agent.says(Usage(Tokens(10, 5, 1), 0.25), Usage(Tokens(1, 1, 1), 0.5))
        await agent.ends_turn("done")

    hall.agents.scripts = {"claude": costs}
    [run] = (await hall.until((await submit(hall)).id, *ENDED)).runs
    assert (run.tokens, run.cost_usd) == (Tokens(11, 6, 2), 0.75)


async def test_long_texts_are_cut_and_secrets_masked(hall: Hall) -> None:
    async def prints(agent: Agent) -> None:
        await agent.says(Command("env", f"sk-{'a' * 40}" + "x" * 100_000, 0))
        await agent.ends_turn(f"the key is sk-{'a' * 40}")

    hall.agents.scripts = {"claude": prints}
    task = await hall.until((await submit(hall)).id, *ENDED)
    [event] = [e for e in await hall.engine.events(task.id) if e.payload["kind"] == "command"]
    assert len(event.payload["output_tail"]) < 33_000
    assert "sk-aaaa" not in event.payload["output_tail"] + str(task.answer)


async def test_the_queue_has_an_end(tmp_path: Path) -> None:
    hall = Hall(tmp_path / "home", {"max_concurrent_tasks": 1, "task_queue_size": 2})
    hall.agents.scripts = {"claude": _hang}
    await hall.open()
    await hall.until((await submit(hall)).id, Status.STREAMING)
    for _ in range(2):
        await submit(hall)
    with pytest.raises(Refused, match="queue is full"):
        await submit(hall)
    assert not (await hall.engine.health())["accepting"]
    await hall.close()


async def _hang(agent: Agent) -> None:
    await agent.says(Text("at work"))
    await asyncio.Event().wait()


async def test_no_work_is_taken_when_the_disk_is_short(tmp_path: Path) -> None:
    hall = Hall(tmp_path / "home", {"min_free_disk_mb": 10**9})
    await hall.open()
    with pytest.raises(Refused, match="disk"):
        await submit(hall)
    health = await hall.engine.health()
    assert not health["ok"]
    assert not health["accepting"]
    await hall.close()


async def test_what_waits_for_room_goes_on_by_itself(
    hall: Hall, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(scheduler, "LOOK_AGAIN_S", 0.05)
    plenty = look(hall.home)
    short = replace(plenty, memory_free=-1)
    looked = 0

    def first_short_then_plenty(folder: Path) -> Room:
        nonlocal looked
        looked += 1
        return short if looked < 4 else plenty

    monkeypatch.setattr(scheduler, "look", first_short_then_plenty)
    task = await submit(hall)
    assert (await hall.until(task.id, *ENDED)).status is Status.COMPLETED
    assert looked >= 4


async def test_concurrency_is_limited_per_project(tmp_path: Path) -> None:
    hall = Hall(tmp_path / "home", projects_toml="[projects.app]\nmax_concurrent = 1\n")
    hall.agents.scripts = {"claude": _hang}
    await hall.open()
    first = await hall.until((await submit(hall)).id, Status.STREAMING)
    second = await submit(hall)
    assert (await hall.engine.health())["running"] == 1
    await hall.engine.cancel(first.id, by="ann")
    await hall.until(second.id, Status.STREAMING)
    await hall.close()


async def test_a_task_that_waits_for_another_starts_from_its_result(hall: Hall) -> None:
    first = await submit(hall, "First.")
    second = await submit(hall, "Second.", after=first.id[:5])
    assert second.status is Status.CREATED
    first, second = (
        await hall.until(first.id, *ENDED),
        await hall.until(second.id, *ENDED),
    )
    assert second.workspace is not None
    assert second.workspace.base == first.head


async def test_a_task_fails_with_the_one_it_waits_for(hall: Hall) -> None:
    async def fails(agent: Agent) -> None:
        await agent.ends_turn("cannot", Outcome.FAILED)

    hall.agents.scripts = {"claude": fails}
    first = await submit(hall)
    second = await hall.until((await submit(hall, after=first.id)).id, *ENDED)
    assert second.status is Status.FAILED
    assert second.error is not None
    assert first.id in second.error.message


async def test_a_duel_keeps_the_one_that_is_merged(hall: Hall) -> None:
    made = await hall.engine.submit(Submission("Fix it.", agents=("claude", "codex")))
    assert len({task.group for task in made}) == 1
    kept, other = [await hall.until(task.id, *ENDED) for task in made]
    assert kept.head is not None
    kept = await hall.engine.merge(kept.id, expected_head=kept.head, by="ann")
    other = await hall.engine.task(other.id)
    assert kept.review is not None
    assert other.review is not None
    assert (kept.review.state, other.review.state) == (ReviewState.MERGED, ReviewState.DISCARDED)


async def test_too_many_or_unknown_agents_are_refused(hall: Hall) -> None:
    with pytest.raises(UserError, match="At most 2"):
        await hall.engine.submit(Submission("x", agents=("claude", "codex", "claude")))
    with pytest.raises(Exception, match="no agent gemini"):
        await submit(hall, agents=("gemini",))
    with pytest.raises(UserError, match="no instructions"):
        await submit(hall, "  ")


async def test_every_process_is_let_go_of_whatever_became_of_it(hall: Hall) -> None:
    async def deaf_at_first(agent: Agent) -> None:
        await agent.says(Text("at work"))
        if len(hall.agents.started) == 1:
            await hall.engine.steer(agent.spec.task_id, "And the docs.", by="ann")
            agent.over = True
        elif len(hall.agents.started) == 3:
            raise asyncio.CancelledError  # it was killed
        await agent.ends_turn("done")

    hall.agents.scripts = {"claude": deaf_at_first}
    task = await hall.until((await submit(hall)).id, *ENDED)
    assert (task.status, len(hall.agents.started)) == (Status.COMPLETED, 2)
    await hall.engine.retry(task.id, by="ann")
    await until(lambda: len(hall.agents.started) == 3)
    task = await hall.until(task.id, *ENDED)
    assert task.status is Status.FAILED
    await until(lambda: not hall.agents.held)
    assert len(hall.agents.runs) == 3


async def test_process_ended_without_a_turn_end_is_a_failure(hall: Hall) -> None:
    async def vanishes(agent: Agent) -> None:
        agent.over = True
        await agent.says(Text("x"), ProcessEnded(1, "exited", "it fell over"))

    hall.agents.scripts = {"claude": vanishes}
    task = await hall.until((await submit(hall)).id, *ENDED)
    assert task.error is not None
    assert task.error.message == "it fell over"


async def test_reports_that_cannot_be_read_fail_the_task_and_end_its_agent(hall: Hall) -> None:
    async def unreadable(agent: Agent) -> None:
        await agent.says(Text("so far so good"))
        await agent.cannot_be_read(OSError("no such transcript"))
        await agent.hears()

    hall.agents.scripts = {"claude": unreadable}
    task = await hall.until((await submit(hall)).id, *ENDED)
    assert task.status is Status.FAILED
    assert task.error is not None
    assert "no such transcript" in task.error.message
    assert "text" in await kinds(hall, task)
    assert not hall.agents.alive


async def test_a_busy_agent_costs_few_transactions(
    hall: Hall, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(life, "GATHER_S", 60.0)  # however slow the machine; the end waits for none
    many = 200

    async def busy(agent: Agent) -> None:
        for number in range(many):
            await agent.says(ToolCall(f"t{number}", ToolKind.READ, "Read a file", "done"))
            await asyncio.sleep(0.001)  # it comes bit by bit
        await agent.ends_turn("done")

    commits: list[str] = []
    await hall.database._writer.set_trace_callback(commits.append)
    hall.agents.scripts = {"claude": busy}
    task = await hall.until((await submit(hall)).id, *ENDED)
    assert (await kinds(hall, task)).count("tool") == many
    assert commits.count("COMMIT") < many / 2


def test_every_status_is_in_the_table() -> None:
    from core.model import TRANSITIONS

    assert set(TRANSITIONS) == set(Status)


async def test_what_the_agent_complained_of_is_said_once(hall: Hall) -> None:
    async def complains(agent: Agent) -> None:
        await agent.says(Trouble("No credit left.", transient=False))
        await agent.ends_turn("No credit left.", Outcome.FAILED)

    hall.agents.scripts = {"claude": complains}
    task = await hall.until((await submit(hall)).id, *ENDED)
    assert task.error is not None
    assert task.error.message == "No credit left."
    assert (await kinds(hall, task)).count("error") == 1


async def test_a_base_that_does_not_exist_is_refused_at_once(hall: Hall) -> None:
    with pytest.raises(UserError, match="nope"):
        await submit(hall, base="nope")
    assert await hall.engine.tasks() == []
