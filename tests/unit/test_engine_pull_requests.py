"""A follow-up's work goes to the open pull request: real git, a real server, the real engine."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest

from core.model import ENDED, Outcome, ReviewState, Status, Task
from git_ops.repositories import Repositories
from tests.fakes.agents import Agent, Script
from tests.fakes.checkout import Checkout, git
from tests.fakes.git_server import origin_of
from tests.fakes.hall import DEADLINE_S, Hall, submit, until
from tests.unit.test_engine_on_git import run_it

CHECK = "! grep -q bad work.txt"


@pytest.fixture
def owner(tmp_path: Path) -> Checkout:
    checkout = Checkout.make(tmp_path / "projects" / "app")
    checkout.put("app.py", "one\n")
    checkout.commit("Start")
    return checkout


@pytest.fixture
def served(tmp_path: Path, owner: Checkout) -> Iterator[Path]:
    with origin_of(owner, tmp_path / "served") as served:
        yield served


@pytest.fixture
async def hall(tmp_path: Path, served: Path) -> AsyncIterator[Hall]:
    toml = f"[projects.app]\ncheck = '{CHECK}'\n"
    hall = Hall(tmp_path / "home", {"fix_turns": 0}, projects_toml=toml)
    hall.repositories = Repositories(tmp_path / "home")  # type: ignore[assignment]
    hall.agents.check = run_it
    await hall.open()
    yield hall
    await hall.close()


def writes(content: str, name: str = "work.txt", outcome: Outcome = Outcome.SUCCEEDED) -> Script:
    async def script(agent: Agent) -> None:
        await agent.writes(name, content)
        await agent.ends_turn(f"wrote {content}", outcome)

    return script


async def opened(hall: Hall) -> Task:
    hall.agents.scripts = {"claude": writes("one\n")}
    task = await hall.until((await submit(hall)).id, *ENDED)
    task = await hall.engine.open_pull_request(task.id, expected_head=task.head or "", by="ann")
    assert task.review is not None
    assert (task.review.state, task.review.pushed) == (ReviewState.PULL_REQUEST, task.head)
    return task


async def followed_up(hall: Hall, task: Task, script: Script) -> Task:
    hall.agents.scripts = {"claude": script}
    await hall.engine.steer(task.id, "Go on.", by="ann")
    return await hall.until(task.id, *ENDED)


async def settled(hall: Hall, task: Task) -> Task:
    """Once its newest work was sent, or waits."""
    async with asyncio.timeout(DEADLINE_S):
        while True:
            review = (task := await hall.engine.task(task.id)).review
            assert review is not None
            if review.waits or (task.status in ENDED and review.pushed == task.head):
                return task
            await asyncio.sleep(0.01)


async def notes(hall: Hall, task: Task) -> list[str]:
    events = [event.payload for event in await hall.engine.events(task.id)]
    return [event["text"] for event in events if event["kind"] == "note"]


async def test_a_follow_up_moves_the_remote_branch_by_itself(hall: Hall, served: Path) -> None:
    task = await opened(hall)
    first = task.head
    for content in ("two\n", "three\n"):
        task = await settled(hall, await followed_up(hall, task, writes(content)))
        assert task.head != first
        assert git(served, "rev-parse", str(task.branch)) == task.head
        assert task.review is not None
        assert (task.review.state, task.review.waits) == (ReviewState.PULL_REQUEST, None)
    assert [note for note in await notes(hall, task) if "Sent to the pull request" in note] == [
        f"Sent to the pull request: {task.branch} on origin is at {head[:10]}."
        for head in git(served, "rev-list", "--reverse", f"{first}..{task.branch}").split()
    ]
    last = (await hall.engine.events(task.id))[-1].payload
    assert (last["kind"], last["what"], last["by"]) == ("review", "update_pull_request", "gofer")


async def test_a_red_check_waits_and_goes_on_a_tap(hall: Hall, served: Path) -> None:
    task = await opened(hall)
    first = task.head
    task = await settled(hall, await followed_up(hall, task, writes("bad\n")))
    assert task.review is not None
    assert (task.status, task.review.state) == (Status.COMPLETED, ReviewState.PULL_REQUEST)
    assert task.review.waits == "The check failed."
    assert "Not sent to the pull request: The check failed." in await notes(hall, task)
    assert git(served, "rev-parse", str(task.branch)) == first
    task = await hall.engine.open_pull_request(task.id, expected_head=task.head or "", by="ann")
    assert git(served, "rev-parse", str(task.branch)) == task.head
    assert task.review is not None
    assert task.review.waits is None


async def test_a_run_that_broke_off_waits(hall: Hall, served: Path) -> None:
    task = await opened(hall)
    first = task.head
    script = writes("half\n", outcome=Outcome.FAILED)
    task = await settled(hall, await followed_up(hall, task, script))
    assert task.head != first
    assert task.review is not None
    assert (task.status, task.review.state) == (Status.FAILED, ReviewState.PULL_REQUEST)
    assert task.review.waits == "The last run did not end well."
    assert git(served, "rev-parse", str(task.branch)) == first
    task = await settled(hall, await followed_up(hall, task, writes("whole\n")))
    assert git(served, "rev-parse", str(task.branch)) == task.head


async def test_what_the_owner_has_to_see_waits(hall: Hall, served: Path) -> None:
    task = await opened(hall)
    first = task.head
    task = await settled(hall, await followed_up(hall, task, writes("{}\n", ".mcp.json")))
    assert task.review is not None
    assert task.review.waits == "Makes tools run code: .mcp.json."
    assert (task.status, git(served, "rev-parse", str(task.branch))) == (Status.COMPLETED, first)


async def test_someone_elses_commit_is_not_overwritten(hall: Hall, served: Path) -> None:
    task = await opened(hall)
    bo = ("-c", "user.name=Bo", "-c", "user.email=bo@example.com")
    tree = git(served, "rev-parse", f"{task.head}^{{tree}}")
    theirs = git(served, *bo, "commit-tree", tree, "-p", str(task.head), "-m", "Bo's")
    git(served, "update-ref", f"refs/heads/{task.branch}", theirs)
    task = await settled(hall, await followed_up(hall, task, writes("two\n")))
    assert task.status is Status.COMPLETED
    assert task.review is not None
    assert "was changed by someone else" in str(task.review.waits)
    assert git(served, "rev-parse", str(task.branch)) == theirs


async def test_a_remote_that_is_away_fails_no_task(
    hall: Hall, owner: Checkout, served: Path
) -> None:
    task = await opened(hall)
    served.rename(served.with_name("away"))
    task = await settled(hall, await followed_up(hall, task, writes("two\n")))
    assert task.status is Status.COMPLETED
    assert task.review is not None
    assert "The push to origin failed" in str(task.review.waits)
    served.with_name("away").rename(served)
    task = await settled(hall, await followed_up(hall, task, writes("three\n")))
    assert git(served, "rev-parse", str(task.branch)) == task.head


async def test_an_answer_without_a_change_sends_nothing(hall: Hall, served: Path) -> None:
    task = await opened(hall)
    said = await followed_up(hall, task, writes("one\n"))
    assert said.review is not None
    assert (said.review.state, said.review.waits) == (ReviewState.PULL_REQUEST, None)
    assert said.review.pushed == said.head == task.head


async def test_what_the_owner_undid_waits_for_a_tap(hall: Hall, served: Path) -> None:
    task = await opened(hall)
    task = await settled(hall, await followed_up(hall, task, writes("two\n")))
    sent = task.head
    task = await hall.engine.undo(task.id, by="ann")
    assert task.review is not None
    assert (task.review.state, task.review.waits) == (
        ReviewState.PULL_REQUEST,
        "You changed the branch since.",
    )
    assert git(served, "rev-parse", str(task.branch)) == sent
    task = await hall.engine.open_pull_request(task.id, expected_head=task.head or "", by="ann")
    assert git(served, "rev-parse", str(task.branch)) == task.head


async def test_single_files_are_decided_about_while_it_is_open(hall: Hall, served: Path) -> None:
    task = await opened(hall)
    task = await settled(hall, await followed_up(hall, task, writes("more\n", "more.txt")))
    sent, head = task.head, task.head or ""
    await hall.engine.accept_files(task.id, ["work.txt"], expected_head=head, by="ann")
    task = await hall.engine.revert_files(task.id, ["more.txt"], expected_head=head, by="ann")
    assert task.review is not None
    assert [(file.path, file.accepted) for file in task.review.files] == [("work.txt", True)]
    assert (task.review.state, task.review.waits) == (
        ReviewState.PULL_REQUEST,
        "You changed the branch since.",
    )
    assert git(served, "rev-parse", str(task.branch)) == sent
    task = await settled(hall, await followed_up(hall, task, writes("two\n")))
    assert git(served, "rev-parse", str(task.branch)) == task.head


async def test_a_merge_that_is_undone_leaves_it_open(hall: Hall, served: Path) -> None:
    task = await opened(hall)
    task = await hall.engine.merge(task.id, expected_head=task.head or "", by="ann")
    task = await hall.engine.undo_merge(task.id, by="ann")
    task = await settled(hall, await followed_up(hall, task, writes("two\n")))
    assert git(served, "rev-parse", str(task.branch)) == task.head
    task = await hall.engine.discard(task.id, expected_head=task.head, by="ann")
    task = await hall.engine.restore(task.id, by="ann")
    last = task.head
    task = await followed_up(hall, task, writes("three\n"))  # it is no longer what was agreed to
    assert task.review is not None
    assert task.review.state is ReviewState.OPEN
    assert git(served, "rev-parse", str(task.branch)) == last


async def test_no_pull_request_no_push(hall: Hall, served: Path) -> None:
    hall.agents.scripts = {"claude": writes("one\n")}
    task = await hall.until((await submit(hall)).id, *ENDED)
    task = await followed_up(hall, task, writes("two\n"))
    assert task.review is not None
    assert (task.review.state, task.review.waits) == (ReviewState.OPEN, None)
    assert task.branch not in git(served, "for-each-ref", "--format=%(refname:short)").split()


async def test_a_hub_that_died_while_sending_is_followed_by_one_that_sends(
    hall: Hall, served: Path, tmp_path: Path
) -> None:
    task = await opened(hall)
    asked, gate = tmp_path / "asked", tmp_path / "gate"
    hook = served / "hooks" / "pre-receive"
    hook.parent.mkdir(exist_ok=True)
    wait = f"touch {asked}; for i in $(seq 600); do test -e {gate} && exit 0; sleep 0.05; done"
    hook.write_text(f"#!/bin/sh\n{wait}\nexit 1\n")
    hook.chmod(0o755)
    task = await followed_up(hall, task, writes("two\n"))
    await until(asked.exists)
    await hall.crash()
    hook.unlink()
    hall.repositories = Repositories(tmp_path / "home")  # type: ignore[assignment]
    await hall.open()
    task = await settled(hall, task)
    gate.touch()  # the first push, which may come to its end only now
    assert task.review is not None
    assert task.review.waits is None
    assert git(served, "rev-parse", str(task.branch)) == task.head
    assert task.review.pushed == task.head
    third = await settled(hall, await followed_up(hall, task, writes("three\n")))
    assert git(served, "rev-parse", str(task.branch)) == third.head
