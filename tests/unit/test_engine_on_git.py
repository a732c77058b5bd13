"""Checks, fixing turns, undo and redo: a real repository under the real engine."""

from __future__ import annotations

import subprocess
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from core.model import CheckResult, Run, Status, Task, Workspace
from git_ops.repositories import Repositories
from tests.fakes.agents import Agent, Script
from tests.fakes.checkout import Checkout
from tests.fakes.hall import Hall, opened, submit

ENDED = (Status.COMPLETED, Status.FAILED, Status.CANCELLED)
CHECK = "grep -q good work.txt || { echo work.txt is not good; exit 7; }"


def run_it(command: str, workspace: Workspace) -> CheckResult:
    done = subprocess.run(
        ["sh", "-c", command], cwd=workspace.path, capture_output=True, text=True, check=False
    )
    return CheckResult(command, done.returncode, done.stdout + done.stderr, 0.1)


@pytest.fixture
def owner(tmp_path: Path) -> Checkout:
    checkout = Checkout.make(tmp_path / "projects" / "app")
    checkout.put("app.py", "one\n")
    checkout.commit("Start")
    return checkout


@pytest.fixture
async def hall(tmp_path: Path, owner: Checkout) -> AsyncIterator[Hall]:
    hall = Hall(tmp_path / "home", projects_toml=f"[projects.app]\ncheck = '{CHECK}'\n")
    hall.repositories = Repositories(tmp_path / "home")  # type: ignore[assignment]
    hall.agents.check = run_it
    await hall.open()
    yield hall
    await hall.close()


def path_of(task: Task) -> Path:
    assert task.workspace is not None
    return task.workspace.path


async def finished(hall: Hall, task: Task) -> Task:
    return await hall.until(task.id, *ENDED)


async def followed_up(hall: Hall, task: Task, text: str) -> tuple[Task, str]:
    """The task after one more run, and what its agent was told first."""
    runs = len(task.runs)
    await hall.engine.steer(task.id, text, by="ann")
    task = await finished(hall, task)
    assert len(task.runs) == runs + 1
    return task, hall.agents.started[-1].prompt


def writes(*contents: str) -> Script:
    """An agent that writes `work.txt` anew in each of its turns."""

    async def script(agent: Agent) -> None:
        for number, content in enumerate(contents):
            if number:
                await agent.hears()
            await agent.writes("work.txt", content)
            await agent.ends_turn(f"wrote {content}")

    return script


async def test_a_red_check_is_told_and_mended_in_turns(hall: Hall, owner: Checkout) -> None:
    heard: list[list[str]] = []

    async def script(agent: Agent) -> None:
        await writes("bad\n", "worse\n", "good\n")(agent)
        heard.append(list(agent.told.values()))

    hall.agents.scripts = {"claude": script}
    task = await finished(hall, await submit(hall))
    assert (task.status, task.review and task.review.check) == (Status.COMPLETED, "passed")
    assert task.review is not None
    assert task.review.check_before == "failed"
    events = [event.payload for event in await hall.engine.events(task.id)]
    checks = [event for event in events if event["kind"] == "check"]
    red = [(check["when"], "work.txt is not good" in check["tail"]) for check in checks[:-1]]
    assert red == [("before", True), ("after", True), ("after", True)]
    assert [check["exit_code"] for check in checks] == [7, 7, 7, 0]
    assert [(e["attempt"], e["of"]) for e in events if e["kind"] == "fix"] == [(1, 2), (2, 2)]
    told = [text for texts in heard for text in texts]
    assert len(told) == 2
    assert all("(exit code 7)" in text and "work.txt is not good" in text for text in told)
    turns = [owner.show(f"{task.branch}~{back}:work.txt") for back in (2, 1, 0)]
    assert turns == ["bad", "worse", "good"]
    log = owner.git("log", "-1", "--format=%an%n%B", str(task.branch)).splitlines()
    assert log[0] == "Ada Owner"
    assert log[-2:] == [f"Gofer-Task: {task.id}", "Gofer-Agent: claude"]


async def test_the_review_says_that_the_check_stayed_red(hall: Hall) -> None:
    hall.agents.scripts = {"claude": writes("bad\n", "worse\n", "worst\n", "good\n")}
    task = await finished(hall, await submit(hall))
    assert task.status is Status.COMPLETED
    assert task.review is not None
    assert (task.review.check, "not good" in task.review.check_tail) == ("failed", True)
    assert (path_of(task) / "work.txt").read_text() == "worst\n"  # the third turn is the last


async def test_the_agent_is_told_what_was_undone_and_redone(hall: Hall, owner: Checkout) -> None:
    hall.agents.scripts = {"claude": writes("good 1\n")}
    first = await finished(hall, await submit(hall))
    hall.agents.scripts = {"claude": writes("good 2\n")}
    second, prompt = await followed_up(hall, first, "Once more.")
    assert prompt == "Once more."

    undone = await hall.engine.undo(first.id, by="ann")
    assert (undone.head, (path_of(undone) / "work.txt").read_text()) == (first.head, "good 1\n")
    hall.agents.scripts = {"claude": writes("good 3\n")}
    third, prompt = await followed_up(hall, undone, "Now otherwise.")
    assert second.head is not None
    assert first.head is not None
    assert f"from commit {second.head[:10]} to commit {first.head[:10]}" in prompt
    assert prompt.endswith("\n\nNow otherwise.")
    assert third.runs[-1].prompt == "Now otherwise."
    assert owner.show(f"{third.branch}:work.txt") == "good 3"

    redone = await hall.engine.undo(first.id, second.head, by="ann")
    assert (path_of(redone) / "work.txt").read_text() == "good 2\n"
    hall.agents.scripts = {"claude": writes("good 4\n")}
    fourth, prompt = await followed_up(hall, redone, "Go on.")
    assert f"to commit {second.head[:10]}" in prompt
    again, prompt = await followed_up(hall, fourth, "And on.")
    assert prompt == "And on."
    assert isinstance(again.runs[-1], Run)


async def test_the_agent_is_told_of_files_that_were_put_back(hall: Hall) -> None:
    hall.agents.scripts = {"claude": writes("good\n")}
    task = await finished(hall, await submit(hall))
    assert task.head is not None
    task = await hall.engine.revert_files(task.id, ["work.txt"], expected_head=task.head, by="ann")
    assert not (path_of(task) / "work.txt").exists()
    _, prompt = await followed_up(hall, task, "Go on.")
    assert "before your change: work.txt." in prompt
    assert prompt.endswith("\n\nGo on.")


async def test_what_the_check_leaves_is_not_in_the_branch(tmp_path: Path, owner: Checkout) -> None:
    """Of no turn: before the first one, after each, and in the follow-up's commit."""
    check = "date +%N > report.xml; mkdir -p dist && date +%N > dist/app.js"
    toml = f"[projects.app]\nsetup = 'touch built'\ncheck = '{check}'\n"
    hall = Hall(tmp_path / "home", projects_toml=toml)
    hall.repositories = Repositories(tmp_path / "home")  # type: ignore[assignment]
    hall.agents.check = run_it
    async with opened(hall):
        hall.agents.scripts = {"claude": writes("one\n")}
        task = await finished(hall, await submit(hall))
        hall.agents.scripts = {"claude": writes("two\n")}
        task, _ = await followed_up(hall, task, "Once more.")
        assert (path_of(task) / "dist" / "app.js").is_file()
    listed = owner.git("ls-tree", "-r", "--name-only", str(task.branch)).split()
    assert listed == ["app.py", "work.txt"]
    assert owner.show(f"{task.branch}:work.txt") == "two"
