"""What the owner decides about a branch."""

from __future__ import annotations

import asyncio
import json
import sqlite3
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from core.errors import MergeConflict, NotFound, Refused, UserError
from core.model import ReviewState, Status, Submission, Task, Tokens, Usage
from tests.fakes.agents import Agent
from tests.fakes.hall import Hall

ENDED = (Status.COMPLETED, Status.FAILED, Status.CANCELLED)


@pytest.fixture
async def hall(tmp_path: Path) -> AsyncIterator[Hall]:
    hall = Hall(tmp_path / "home")
    await hall.open()
    yield hall
    await hall.close()


@pytest.fixture
async def task(hall: Hall) -> Task:
    [task] = await hall.engine.submit(Submission("Fix the bug."))
    return await hall.until(task.id, *ENDED)


def state(task: Task) -> ReviewState:
    assert task.review is not None
    return task.review.state


def head(task: Task) -> str:
    assert task.head is not None
    return task.head


async def test_merge_and_back(hall: Hall, task: Task) -> None:
    with pytest.raises(Refused, match="has moved"):
        await hall.engine.merge(task.id, expected_head="f" * 40, by="ann")
    task = await hall.engine.merge(task.id, expected_head=head(task), by="ann")
    assert task.review is not None
    assert (state(task), task.review.target) == (ReviewState.MERGED, "main")
    with pytest.raises(Refused, match="is merged"):
        await hall.engine.merge(task.id, expected_head=head(task), by="ben")
    with pytest.raises(Refused, match="is merged"):
        await hall.engine.steer(task.id, "More.", by="ann")
    task = await hall.engine.undo_merge(task.id, by="ann")
    assert (state(task), hall.repositories.merged["app"]) == (ReviewState.OPEN, [])


async def test_the_agent_resolves_a_conflict_in_a_new_run(hall: Hall, task: Task) -> None:
    hall.repositories.conflicts = ("work.txt",)
    again = await hall.engine.resolve(task.id, by="owner", key="one")
    assert len(again.runs) == 2
    assert "conflict markers" in again.runs[-1].prompt
    assert again.head != task.head


async def test_a_conflict_leaves_the_review_open(hall: Hall, task: Task) -> None:
    hall.repositories.conflicts = ("work.txt",)
    with pytest.raises(MergeConflict, match=r"work\.txt"):
        await hall.engine.merge(task.id, expected_head=head(task), by="ann")
    assert state(await hall.engine.task(task.id)) is ReviewState.OPEN
    hall.repositories.conflicts = ()
    assert state(await hall.engine.merge(task.id, expected_head=head(task), by="ann")) == "merged"


async def test_of_two_merges_at_once_one_wins(hall: Hall, task: Task) -> None:
    results = await asyncio.gather(
        *(hall.engine.merge(task.id, expected_head=head(task), by=who) for who in ("ann", "ben")),
        return_exceptions=True,
    )
    assert sorted(type(result).__name__ for result in results) == ["Refused", "Task"]


async def test_a_merge_goes_through_when_whoever_asked_has_left(hall: Hall, task: Task) -> None:
    asking = asyncio.create_task(hall.engine.merge(task.id, expected_head=head(task), by="ann"))
    await hall.repositories.merging.wait()
    asking.cancel()
    async with asyncio.timeout(30):
        async for event in hall.engine.follow(since=0):
            if event.payload["kind"] == "review":
                break
    assert state(await hall.engine.task(task.id)) is ReviewState.MERGED


async def test_discard_and_restore(hall: Hall, task: Task) -> None:
    task = await hall.engine.discard(task.id, expected_head=head(task), by="ann")
    assert (state(task), hall.repositories.kept) == (ReviewState.DISCARDED, [head(task)])
    task = await hall.engine.restore(task.id, by="ann")
    assert state(task) is ReviewState.OPEN
    assert await hall.engine.diff(task.id)


async def test_undo_goes_back_one_checkpoint(hall: Hall, task: Task) -> None:
    await hall.engine.steer(task.id, "More.", by="ann")
    await hall.until(task.id, Status.QUEUED, Status.EXECUTING, Status.STREAMING)
    later = await hall.until(task.id, *ENDED)
    undone = await hall.engine.undo(task.id, by="ann")
    assert undone.head == task.head != later.head
    assert (await hall.engine.undo(task.id, later.head, by="ann")).head == later.head
    assert len(await hall.engine.checkpoints(task.id)) == 3


async def test_files_are_accepted_or_put_back(hall: Hall, task: Task) -> None:
    with pytest.raises(Refused, match="does not change"):
        await hall.engine.accept_files(task.id, ["x"], expected_head=head(task), by="ann")
    task = await hall.engine.accept_files(task.id, ["work.txt"], expected_head=head(task), by="ann")
    assert task.review is not None
    assert task.review.files[0].accepted
    task = await hall.engine.revert_files(task.id, ["work.txt"], expected_head=head(task), by="ann")
    assert task.review is not None
    assert (task.review.files, state(task)) == ((), ReviewState.NO_CHANGE)
    with pytest.raises(Refused, match="no change"):
        await hall.engine.merge(task.id, expected_head=head(task), by="ann")


async def test_a_report_counts_runs_in_words(hall: Hall, task: Task) -> None:
    assert "- 1 run\n" in await hall.engine.report(task.id)
    await hall.engine.retry(task.id, by="ann")
    await hall.until(task.id, Status.QUEUED, Status.EXECUTING, Status.STREAMING)
    await hall.until(task.id, *ENDED)
    assert "- 2 runs\n" in await hall.engine.report(task.id)


async def test_a_report_gives_what_an_agent_says_that_it_took(hall: Hall) -> None:
    async def counts(agent: Agent) -> None:
        await agent.says(Usage(Tokens(input=7, output=3), 0.25))
        await agent.ends_turn("done")

    hall.agents.scripts = {"claude": counts}
    [made] = await hall.engine.submit(Submission("Fix it."))
    await hall.until(made.id, *ENDED)
    assert "- 1 run, $0.25, 7 tokens in, 3 out\n" in await hall.engine.report(made.id)


async def test_a_report_says_no_figures_that_the_agent_does_not_give(hall: Hall) -> None:
    async def gives_none(agent: Agent) -> None:
        await agent.writes("a`b\n## Merge", "text")
        await agent.ends_turn("done")

    hall.agents.scripts = {"claude": gives_none}
    [made] = await hall.engine.submit(Submission("Fix it."))
    await hall.until(made.id, *ENDED)
    report = await hall.engine.report(made.id)
    assert "- 1 run\n" in report
    assert "- `` a`b�## Merge `` +" in report


async def test_a_pull_request_is_planned_then_opened(hall: Hall, task: Task) -> None:
    assert "origin" in await hall.engine.pull_request_plan(task.id)
    task = await hall.engine.open_pull_request(task.id, expected_head=head(task), by="ann")
    assert task.review is not None
    assert (state(task), task.review.url is not None) == (ReviewState.PULL_REQUEST, True)


async def test_a_pull_request_is_drafted_from_task_review_and_check(hall: Hall, task: Task) -> None:
    (hall.home / "projects.toml").write_text("[projects.app]\ncheck = 'true'\n")
    [task] = await hall.engine.submit(Submission("Fix the bug."))
    task = await hall.until(task.id, *ENDED)
    await hall.engine.open_pull_request(task.id, expected_head=head(task), by="ann")
    [draft] = hall.repositories.drafted
    title, answer, by, result = draft.split("\n\n")
    assert (title, answer) == ("Fix the bug", task.answer)
    assert by == f"Made by {task.agent}, from the task: Fix the bug"
    assert result == "1 file, +1 −0. Check: passed (before: passed)."


async def test_tasks_are_found_by_a_prefix_and_listed_newest_first(hall: Hall) -> None:
    made = [(await hall.engine.submit(Submission(f"Do {n}.", origin="mcp")))[0] for n in range(4)]
    assert (await hall.engine.task(made[0].id[:6])).id == made[0].id
    with pytest.raises(NotFound):
        await hall.engine.task(made[0].id[:3])
    listed = await hall.engine.tasks(limit=2)
    assert [task.id for task in listed] == [made[3].id, made[2].id]
    rest = await hall.engine.tasks(before=listed[-1].id, origin="mcp", project="app")
    assert [task.id for task in rest] == [made[1].id, made[0].id]
    with pytest.raises(NotFound):
        await hall.engine.tasks(before="nosuchid")
    for task in made:
        await hall.until(task.id, *ENDED)
    assert len(await hall.engine.tasks(status=Status.COMPLETED)) == 4
    assert made[0].id in await hall.engine.report()
    assert "## Answer" in await hall.engine.report(made[0].id)


async def test_retention_forgets_trees_and_rows_but_nothing_unmerged(tmp_path: Path) -> None:
    keep = {"keep_worktrees_days": 0, "keep_transcripts_days": 0, "keep_tasks_days": 0}
    hall = Hall(tmp_path / "home", keep)
    await hall.open()
    made = [(await hall.engine.submit(Submission(f"Do {n}.")))[0] for n in range(2)]
    open_, merged = [await hall.until(task.id, *ENDED) for task in made]
    merged = await hall.engine.merge(merged.id, expected_head=head(merged), by="ann")
    [later] = await hall.engine.submit(Submission("Do it later."))
    await hall.until(later.id, *ENDED)
    assert open_.workspace is not None
    planned = await hall.engine.clean(dry_run=True)
    assert set(planned["worktrees"]) == {open_.id, merged.id, later.id}
    assert open_.workspace.path.exists()
    await hall.engine.clean()
    await hall.engine.clean()
    assert not open_.workspace.path.exists()
    assert [task.id for task in await hall.engine.tasks()] == [later.id, open_.id]
    await hall.engine.steer(open_.id, "More.", by="ann")
    await hall.until(open_.id, Status.QUEUED, Status.EXECUTING, Status.STREAMING)
    assert (await hall.until(open_.id, *ENDED)).status is Status.COMPLETED
    await hall.close()


async def test_the_task_last_heard_of_stays_so_that_no_event_id_is_used_twice(
    tmp_path: Path,
) -> None:
    hall = Hall(tmp_path / "home", {"keep_worktrees_days": 0, "keep_tasks_days": 0})
    await hall.open()
    first, last = [await _merged(hall) for _ in range(2)]
    await hall.engine.clean()
    await hall.engine.clean()
    assert [task.id for task in await hall.engine.tasks()] == [last.id]
    newest = (await hall.engine.events(last.id))[-1].id
    another = await _merged(hall)
    assert (await hall.engine.events(another.id))[0].id > newest
    await hall.engine.clean()
    with pytest.raises(NotFound):
        await hall.engine.task(first.id)
    await hall.close()


async def _merged(hall: Hall) -> Task:
    [task] = await hall.engine.submit(Submission("Do it."))
    task = await hall.until(task.id, *ENDED)
    return await hall.engine.merge(task.id, expected_head=head(task), by="ann")


async def test_a_backup_is_a_whole_database(hall: Hall, task: Task, tmp_path: Path) -> None:
    await hall.engine.backup(tmp_path / "copy.db")
    connection = sqlite3.connect(tmp_path / "copy.db")
    assert connection.execute("PRAGMA integrity_check").fetchone() == ("ok",)
    assert connection.execute("SELECT id FROM tasks").fetchall() == [(task.id,)]
    connection.close()
    with pytest.raises(UserError, match="exists already"):
        await hall.engine.backup(tmp_path / "copy.db")


async def test_health_says_how_everything_stands(hall: Hall, task: Task) -> None:
    health = json.loads(json.dumps(await hall.engine.health()))
    assert health["ok"]
    assert health["counts"]["COMPLETED"] == 1
    assert health["queue"] == {"length": 0, "limit": 100}
    assert {agent["name"] for agent in health["agents"]} == {"claude", "codex"}


async def test_waiting_returns_on_a_change_or_at_the_timeout(hall: Hall, task: Task) -> None:
    assert (await hall.engine.wait(task.id, timeout_s=30)).status is Status.COMPLETED
    last = (await hall.engine.events(task.id))[-1].seq
    assert (await hall.engine.wait(task.id, since=last, timeout_s=0.01)).id == task.id


async def test_following_begins_where_asked_and_ends_with_the_task(hall: Hall, task: Task) -> None:
    whole = [event.seq async for event in hall.engine.follow(task_id=task.id)]
    assert whole == list(range(1, len(whole) + 1))
    rest = [event.seq async for event in hall.engine.follow(task_id=task.id, since=3)]
    assert rest == whole[3:]
