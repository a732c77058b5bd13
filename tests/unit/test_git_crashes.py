"""Many at once, and kill -9 anywhere: all work is still there, and the step can be repeated.

The full-size versions are in tests/chaos.
"""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from git_ops.repositories import Repositories
from tests.fakes.checkout import Checkout, git
from tests.unit.git_crowd import STEPS, crash_everywhere, lead_up_to, merge_at_once, site

pytestmark = pytest.mark.filterwarnings("ignore:.*fork:DeprecationWarning")


@pytest.fixture
def owner(tmp_path: Path) -> Checkout:
    checkout = Checkout.make(tmp_path / "owner" / "app")
    checkout.put("app.py", "one\n")
    checkout.put("gone.txt")
    checkout.commit("Start")
    return checkout


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
    await merge_at_once(repositories, owner, 0)


@pytest.mark.parametrize("step", STEPS)
def test_step_survives_being_killed(tmp_path: Path, owner: Checkout, step: str) -> None:
    crash_everywhere(tmp_path, owner, step, points=4)


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
