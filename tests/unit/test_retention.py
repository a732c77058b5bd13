"""What retention takes away from a real repository: trees and rows, never an unmerged commit."""

from __future__ import annotations

from pathlib import Path

import pytest

from core.errors import NotFound
from core.model import ENDED, ReviewState, Status, Submission, Task
from git_ops.repositories import Repositories
from tests.fakes.agents import Agent
from tests.fakes.checkout import Checkout
from tests.fakes.hall import Hall, opened

NOTHING_IS_KEPT = {"keep_worktrees_days": 0, "keep_transcripts_days": 0, "keep_tasks_days": 0}


@pytest.fixture
def owner(tmp_path: Path) -> Checkout:
    made = Checkout.make(tmp_path / "shop")
    made.put("README", "hello\n")
    made.commit("first")
    return made


async def writes(agent: Agent) -> None:
    await agent.writes(f"{agent.spec.prompt}.txt", "written\n")
    await agent.ends_turn("done")


async def worked(hall: Hall, text: str) -> Task:
    [task] = await hall.engine.submit(Submission(text, agents=("claude",)))
    task = await hall.until(task.id, *ENDED)
    assert task.status is Status.COMPLETED, task.error
    return task


async def test_no_commit_that_is_not_merged_goes(tmp_path: Path, owner: Checkout) -> None:
    hall = Hall(tmp_path / "home", {**NOTHING_IS_KEPT, "projects": (owner.path,)})
    hall.repositories = Repositories(hall.home)  # type: ignore[assignment]
    hall.agents.scripts = {"claude": writes}
    async with opened(hall):
        discarded, merged, open_ = [await worked(hall, name) for name in "abc"]
        await hall.engine.discard(discarded.id, expected_head=discarded.head, by="ann")
        assert merged.head is not None
        await hall.engine.merge(merged.id, expected_head=merged.head, by="ann")
        await worked(hall, "d")  # the task last heard of stays
        for _ in range(2):  # first the trees, then the rows of those without one
            await hall.engine.clean()
        assert open_.workspace is not None
        assert not open_.workspace.path.exists()
        for gone in (discarded, merged):
            with pytest.raises(NotFound):
                await hall.engine.task(gone.id)
        assert owner.head(open_.branch or "") == open_.head
        kept = Checkout(hall.home / "repos" / "shop.git")
        for task in (discarded, open_):
            assert task.head in kept.git("rev-list", "--all").split()
        task = await hall.engine.merge(open_.id, expected_head=open_.head or "", by="ann")
        assert task.review is not None
        assert task.review.state is ReviewState.MERGED
        assert owner.show("main:c.txt") == "written"
