"""The owner at work in the checkout while tasks land: nothing of anybody's is lost."""

from __future__ import annotations

import asyncio
import contextlib
import subprocess
from pathlib import Path

import pytest

from core.errors import Refused
from core.model import Workspace
from git_ops.repositories import Repositories
from tests.fakes.checkout import Checkout
from tests.unit.git_room.steps import merged, prepared, turn

TASKS = 6
DEADLINE_S = 60.0


@pytest.fixture
def repositories(home: Path) -> Repositories:
    return Repositories(home)


async def worked(repositories: Repositories, owner: Checkout, task: str) -> Workspace:
    workspace = await prepared(repositories, owner, task)
    (workspace.path / f"{task}.txt").write_text("work\n")
    return await turn(repositories, owner, workspace)


async def test_files_follow_when_the_owner_was_switching_to_the_branch_as_it_moved(
    repositories: Repositories, owner: Checkout, tmp_path: Path
) -> None:
    """Git reads the branch, writes files (here: until it may go on), and then says where it is."""
    owner.git("branch", "side")
    owner.put("slow.txt")
    owner.put(".gitattributes", "slow.txt filter=slow\n")
    owner.commit("Slow")
    saved = await worked(repositories, owner, "abcd1234")
    owner.git("switch", "--quiet", "side")
    started, may_go_on = tmp_path / "started", tmp_path / "may-go-on"
    wait = f"touch {started}; while test ! -e {may_go_on}; do sleep 0.02; done; cat"
    owner.git("config", "filter.slow.smudge", wait)
    before = owner.head("main")
    switching = await asyncio.create_subprocess_exec(
        "git", "switch", "--quiet", "main", cwd=owner.path
    )
    async with asyncio.timeout(DEADLINE_S):
        await until_there(started)
        landing = asyncio.create_task(merged(repositories, owner, saved))
        while owner.head("main") == before:  # noqa: ASYNC110 - nor has git
            await asyncio.sleep(0.01)
        may_go_on.touch()
        assert await switching.wait() == 0
        commit, _ = await landing
    assert owner.git("symbolic-ref", "--short", "HEAD") == "main"
    assert owner.head() == commit
    assert (owner.path / "abcd1234.txt").read_text() == "work\n"
    assert owner.status() == ""


async def until_there(path: Path) -> None:
    while not path.exists():  # noqa: ASYNC110 - the shell has no event
        await asyncio.sleep(0.01)


async def test_switching_committing_and_leaving_things_uncommitted(
    repositories: Repositories, owner: Checkout
) -> None:
    owner.put("notes.txt", "0\n")
    owner.commit("Notes")
    owner.git("branch", "side")
    saved = [await worked(repositories, owner, f"task{number}") for number in range(TASKS)]
    stop = asyncio.Event()
    working = asyncio.create_task(work_until(owner, stop))
    landed = await asyncio.gather(*(land(repositories, owner, one) for one in saved))
    stop.set()
    mine = await working
    history = owner.git("rev-list", "main", "side").split()
    assert set(mine) <= set(history)
    assert set(landed) <= set(owner.git("rev-list", "main").split())
    while_away(owner, "switch", "--quiet", "main")
    assert owner.git("status", "--porcelain") == "M notes.txt"
    assert all((owner.path / f"task{number}.txt").exists() for number in range(TASKS))
    owner.git("fsck", "--no-dangling")


async def land(repositories: Repositories, owner: Checkout, workspace: Workspace) -> str:
    async with asyncio.timeout(DEADLINE_S):
        while True:
            with contextlib.suppress(Refused):  # git was busy
                return (await merged(repositories, owner, workspace))[0]


async def work_until(owner: Checkout, stop: asyncio.Event) -> list[str]:
    """Edits that stay uncommitted, and commits on two branches, at least once on each."""
    commits: list[str] = []
    while not stop.is_set() or len(commits) < 2:
        commits += await asyncio.to_thread(work, owner, len(commits))
    return commits


def work(owner: Checkout, number: int) -> list[str]:
    commits = []
    for branch in ("side", "main"):
        edit = f"{number} {branch}\n"
        owner.put("notes.txt", edit)
        while_away(owner, "switch", "--quiet", branch)
        name = f"mine-{number}-{branch}.txt"
        owner.put(name)
        while_away(owner, "add", name)
        while_away(owner, "commit", "--quiet", "--message", name, "--", name)
        commits.append(owner.git("log", "-1", "--format=%H", "--", name))
        assert (owner.path / "notes.txt").read_text() == edit
    return commits


def while_away(owner: Checkout, *command: str) -> None:
    """Again and again while Gofer holds the index, as a person would."""
    while (
        done := subprocess.run(
            ["git", *command], cwd=owner.path, capture_output=True, text=True, check=False
        )
    ).returncode:
        assert "lock" in done.stderr, done.stderr
