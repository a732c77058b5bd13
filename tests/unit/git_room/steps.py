"""The steps of a task, as most tests take them."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from core.model import Workspace
from git_ops.repositories import Repositories
from tests.fakes.checkout import Checkout, in_bubblewrap


def confined(home: Path) -> Repositories:
    """With agents in a sandbox. Skips the test where there is none."""
    if shutil.which("bwrap") is None:
        pytest.skip("bubblewrap is not installed")
    return Repositories(home, in_bubblewrap)


async def prepared(
    repositories: Repositories, owner: Checkout, task: str = "abcd1234", base: str | None = None
) -> Workspace:
    return await repositories.prepare(owner.project, task, "x", base=base)


async def turn(repositories: Repositories, owner: Checkout, workspace: Workspace) -> Workspace:
    """What the agent left becomes a checkpoint."""
    return await repositories.checkpoint(owner.project, workspace, "Turn", {})


async def saved(
    repositories: Repositories, owner: Checkout, content: str = "1\n", name: str = "work.txt"
) -> Workspace:
    """A turn of the task that wrote this file."""
    workspace = await prepared(repositories, owner)
    (workspace.path / name).parent.mkdir(parents=True, exist_ok=True)
    (workspace.path / name).write_text(content)
    return await turn(repositories, owner, workspace)


async def merged(
    repositories: Repositories, owner: Checkout, workspace: Workspace, how: str = "merge"
) -> tuple[str, str]:
    """The target's new commit, and its name."""
    return await repositories.merge(
        owner.project, workspace, expected_head=workspace.head, how=how, message="Land"
    )
