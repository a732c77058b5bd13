"""The full-size versions of test_git_crashes.py, and kills in the middle of git itself."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from git_ops.repositories import Repositories
from tests.fakes.checkout import Checkout
from tests.unit.git_room.crowd import (
    STEPS,
    check,
    crash_everywhere,
    do,
    kill_while,
    merge_at_once,
    put_in_order,
    site,
    with_two_files,
)

pytestmark = [
    pytest.mark.chaos,
    pytest.mark.timeout(7200),
    pytest.mark.filterwarnings("ignore:.*fork:DeprecationWarning"),
]

FILES = 3000


@pytest.fixture
def owner(tmp_path: Path) -> Checkout:
    return with_two_files(tmp_path / "owner" / "app")


async def test_a_hundred_rounds_of_ten_landings(tmp_path: Path, owner: Checkout) -> None:
    repositories = Repositories(tmp_path / "home")
    for number in range(100):
        await merge_at_once(repositories, owner, number)


@pytest.mark.parametrize("step", STEPS)
def test_step_survives_being_killed_anywhere(tmp_path: Path, owner: Checkout, step: str) -> None:
    crash_everywhere(tmp_path, owner, step, points=150)


def test_landing_of_many_files_is_killed_in_the_middle(tmp_path: Path, owner: Checkout) -> None:
    """Each time a tenth later, until it gets through; the owner's own edits stay."""
    home = tmp_path / "home"
    workspace = site(owner, home).prepare("x", None, False)
    for number in range(FILES):
        (workspace.path / f"{number}.txt").write_text(f"{number}\n" * 50)
    (workspace.path / "app.py").write_text("two\n")
    (workspace.path / "work.txt").write_text("work\n")
    (workspace.path / "gone.txt").unlink()
    do(owner, home, "checkpoint")
    owner.put("mine.txt", "not committed\n")
    before, delay = owner.head(), 0.05
    while owner.head() == before:
        kill_while(lambda: do(owner, home, "merge"), delay)
        asyncio.run(put_in_order(home))
        assert owner.status() == "?? mine.txt"
        delay *= 1.1
    do(owner, home, "merge")
    check(owner, home, "merge")
