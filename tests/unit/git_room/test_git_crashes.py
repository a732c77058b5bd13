"""Many at once, and kill -9 anywhere: all work is still there, and the step can be repeated.

The full-size versions are in tests/chaos.
"""

from __future__ import annotations

import asyncio
import os
import subprocess
from pathlib import Path

import pytest

from git_ops.landing import Place, _claim
from git_ops.repositories import Repositories
from tests.fakes.checkout import Checkout, git
from tests.unit.git_room.crowd import (
    STEPS,
    crash_everywhere,
    do,
    lead_up_to,
    merge_at_once,
    put_in_order,
    site,
    with_two_files,
)

pytestmark = pytest.mark.filterwarnings("ignore:.*fork:DeprecationWarning")


@pytest.fixture
def owner(tmp_path: Path) -> Checkout:
    return with_two_files(tmp_path / "owner" / "app")


async def test_two_dozen_start_at_once(tmp_path: Path, owner: Checkout) -> None:
    repositories = Repositories(tmp_path / "home")
    found = await asyncio.gather(
        *(
            repositories.prepare(owner.project, f"task{number:04}", "x", base=None)
            for number in range(24)
        ),
        *(repositories.prepare(owner.project, "task0000", "x", base=None) for _ in range(3)),
    )
    assert len({workspace.path for workspace in found}) == 24
    for workspace in found:
        assert git(workspace.path, "status", "--porcelain") == ""
        assert (workspace.path / "app.py").read_text() == "one\n"


async def test_ten_land_at_once_while_the_owner_commits(tmp_path: Path, owner: Checkout) -> None:
    repositories = Repositories(tmp_path / "home")
    for number in range(2):
        await merge_at_once(repositories, owner, number)


def test_landing_overtakes_an_owner_who_commits_without_a_pause(
    tmp_path: Path, owner: Checkout
) -> None:
    home = tmp_path / "home"
    lead_up_to(owner, home, "merge")
    incessant = "while test ! -e ../stop; do git commit --quiet --allow-empty -m more; done"
    command = ["sh", "-c", incessant]
    with subprocess.Popen(command, cwd=owner.path, stderr=subprocess.DEVNULL):
        try:
            do(owner, home, "merge")
        finally:
            (owner.path.parent / "stop").touch()
    assert owner.show("main:work.txt") == "work"
    assert owner.status() == ""


@pytest.mark.parametrize("step", STEPS)
def test_step_survives_being_killed(tmp_path: Path, owner: Checkout, step: str) -> None:
    crash_everywhere(tmp_path, owner, step, points=4)


async def test_what_git_left_of_a_move_that_was_killed_is_not_in_the_way(
    tmp_path: Path, owner: Checkout
) -> None:
    """Git holds our indexes by lock files of its own, which outlive it."""
    home = tmp_path / "home"
    lead_up_to(owner, home, "merge")
    here, git_dir = site(owner, home), owner.path / ".git"
    place = Place(str(owner.path), str(git_dir), "main", owner.head(), owner.head())
    here.record.write("move", {name: getattr(place, name) for name in Place.__slots__})
    place.lock.write_bytes(_claim(here.record))
    for index in place.indexes:
        index.with_name(f"{index.name}.lock").touch()
    await put_in_order(home)
    do(owner, home, "merge")
    assert owner.show("main:work.txt") == "work"
    assert not list(git_dir.glob("*gofer*"))


def test_git_that_outlived_its_gofer_is_ended_first(tmp_path: Path, owner: Checkout) -> None:
    home = tmp_path / "home"
    lead_up_to(owner, home, "merge")
    here = site(owner, home)
    orphan = subprocess.Popen(
        ["git", "cat-file", "--batch"],
        env={"PATH": os.environ["PATH"], "GIT_DIR": str(here.clone.path)},
        stdin=subprocess.PIPE,
        stdout=subprocess.DEVNULL,
    )
    with orphan:
        bystander = subprocess.Popen(["cat"], stdin=subprocess.PIPE)
        with bystander:
            asyncio.run(put_in_order(home))
            orphan.wait(30)  # by itself it would wait for ever
            assert bystander.poll() is None


async def test_files_of_unknown_tasks_go_and_their_commits_stay(
    tmp_path: Path, owner: Checkout
) -> None:
    home = tmp_path / "home"
    repositories = Repositories(home)
    lead_up_to(owner, home, "merge")
    done = await repositories.reconcile({})
    assert any("Kept gofer/abcd1234-x" in words for words in done)
    assert not site(owner, home).path.exists()
    assert await repositories.reconcile({}) == []
