"""Later work goes to the pull request by itself, unless the owner has to look at it first."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from core.errors import Refused, UserError
from core.model import Workspace
from git_ops.repositories import Repositories
from tests.fakes.checkout import Checkout, git
from tests.fakes.git_server import origin_of
from tests.unit.git_room.crowd import site
from tests.unit.git_room.steps import confined, merged, saved, turn

TOKEN = "ghp_" + "a" * 36


@pytest.fixture
def repositories(home: Path) -> Repositories:
    return Repositories(home)


@pytest.fixture
def served(tmp_path: Path, owner: Checkout) -> Iterator[Path]:
    """A bare repository behind `git daemon`, set as the owner's `origin` and fetched once."""
    with origin_of(owner, tmp_path / "served") as served:
        owner.git("fetch", "--quiet", "origin")
        yield served


async def opened(repositories: Repositories, owner: Checkout) -> Workspace:
    """A task whose first turn the owner has sent."""
    first = await saved(repositories, owner)
    await repositories.open_pull_request(
        owner.project, first, expected_head=first.head, title="Title", body="Body"
    )
    return first


async def updated(repositories: Repositories, owner: Checkout, workspace: Workspace) -> str:
    return await repositories.update_pull_request(
        owner.project, workspace, expected_head=workspace.head
    )


async def test_later_work_is_pushed_on_top_as_the_plan_said(
    repositories: Repositories, owner: Checkout, served: Path
) -> None:
    plan = await repositories.pull_request_plan(owner.project, await saved(repositories, owner))
    assert "Later turns of this task are pushed to it as well, unless the check fails" in plan
    first = await opened(repositories, owner)
    second = await saved(repositories, owner, "2\n")
    assert second.head[:10] in await updated(repositories, owner, second)
    assert git(served, "rev-parse", first.branch) == second.head
    await updated(repositories, owner, second)  # repeated after a crash
    assert git(served, "rev-parse", first.branch) == second.head
    listed = git(served, "for-each-ref", "--format=%(refname)").splitlines()
    assert listed == [f"refs/heads/{first.branch}", "refs/heads/main"]


async def test_the_plan_counts_the_owners_commits_that_would_go_along(
    repositories: Repositories, owner: Checkout, served: Path
) -> None:
    owner.put("mine.txt", "mine\n")
    owner.commit("Not pushed yet")
    first = await saved(repositories, owner)
    plan = await repositories.pull_request_plan(owner.project, first)
    assert "(1 commit, up to" in plan
    assert "and 1 commit of yours that origin has not got)" in plan


@pytest.mark.parametrize(
    ("name", "content", "why"),
    [
        ("settings.py", f"x = '{TOKEN}'\n", "Adds what looks like a secret: settings.py"),
        (".env", "X=1\n", "Looks like a secret: .env"),
        (".mcp.json", "{}\n", "Makes tools run code: .mcp.json"),
        (".github/workflows/ci.yml", "on: push\n", "Changes what CI does: .github/workflows"),
        ("package.json", "{}\n", "Changes dependencies: package.json"),
    ],
)
async def test_what_does_harm_by_being_pushed_waits_for_the_owner(
    repositories: Repositories, owner: Checkout, served: Path, name: str, content: str, why: str
) -> None:
    first = await opened(repositories, owner)
    second = await saved(repositories, owner, content, name)
    with pytest.raises(Refused, match=why):
        await updated(repositories, owner, second)
    assert git(served, "rev-parse", first.branch) == first.head
    # once the owner has seen it and sent it, it holds up nothing that comes later
    await repositories.open_pull_request(
        owner.project, second, expected_head=second.head, title="Title", body="Body"
    )
    third = await saved(repositories, owner, "3\n")
    await updated(repositories, owner, third)
    assert git(served, "rev-parse", first.branch) == third.head


async def test_a_secret_that_is_gone_again_is_in_the_history_all_the_same(
    repositories: Repositories, owner: Checkout, served: Path
) -> None:
    first = await opened(repositories, owner)
    await saved(repositories, owner, f"x = '{TOKEN}'\n", "settings.py")
    third = await saved(repositories, owner, "x = 1\n", "settings.py")
    with pytest.raises(Refused, match=r"secret is in an earlier commit: settings\.py"):
        await updated(repositories, owner, third)
    assert git(served, "rev-parse", first.branch) == first.head
    _, notes = await repositories.changes(third)
    assert "What looks like a secret is in an earlier commit: settings.py." in notes


async def test_what_the_agents_own_commits_did_on_the_way_counts(
    home: Path, owner: Checkout, served: Path
) -> None:
    repositories = confined(home)
    first = await opened(repositories, owner)
    odd = "\u00fc\n.mcp.json"
    for name in (".github/workflows/ci.yml", odd, "M"):
        (first.path / name).parent.mkdir(parents=True, exist_ok=True)
        (first.path / name).write_text("on: push\n")
        git(first.path, "add", "--all")
        git(first.path, "commit", "--quiet", "--message", "There")
    git(first.path, "rm", "--quiet", "-r", ".github", odd)
    git(first.path, "commit", "--quiet", "--message", "And gone")
    second = await turn(repositories, owner, first)
    assert [file.path for file in (await repositories.changes(second))[0]] == ["M", "work.txt"]
    with pytest.raises(Refused, match=r"Changes what CI does: \.github/workflows/ci\.yml\."):
        await updated(repositories, owner, second)
    assert git(served, "rev-parse", first.branch) == first.head


async def test_ordinary_work_does_not_wait(
    repositories: Repositories, owner: Checkout, served: Path
) -> None:
    """Changed tests and deleted files are what a pull request is looked at for."""
    owner.put("tests/test_app.py", "assert 1\n")
    owner.commit("A test")
    first = await opened(repositories, owner)
    (first.path / "app.py").unlink()
    second = await saved(repositories, owner, "assert 2\n", "tests/test_app.py")
    assert len((await repositories.changes(second))[1]) == 2
    await updated(repositories, owner, second)
    assert git(served, "rev-parse", first.branch) == second.head


async def test_an_agent_that_rigged_its_repository_is_looked_at_first(
    home: Path, owner: Checkout, served: Path
) -> None:
    repositories = confined(home)
    first = await opened(repositories, owner)
    config = first.path / ".git" / "config"
    config.write_text(config.read_text() + "[core]\n\tfsmonitor = /bin/evil\n")
    second = await saved(repositories, owner, "2\n")
    with pytest.raises(Refused, match="rigged its own repository"):
        await updated(repositories, owner, second)


@pytest.mark.parametrize("theirs", ["on top", "instead", "gone"])
async def test_nobody_elses_commit_is_pushed_over(
    repositories: Repositories, owner: Checkout, served: Path, theirs: str
) -> None:
    first = await opened(repositories, owner)
    ref = f"refs/heads/{first.branch}"
    if theirs == "gone":  # merged over there, and removed
        git(served, "update-ref", "-d", ref)
    else:
        parent = first.head if theirs == "on top" else first.base
        tree = git(served, "rev-parse", f"{parent}^{{tree}}")
        bo = ("-c", "user.name=Bo", "-c", "user.email=bo@example.com")
        theirs = git(served, *bo, "commit-tree", tree, "-p", parent, "-m", "Bo's")
        git(served, "update-ref", ref, theirs)
    before = git(served, "for-each-ref")
    second = await saved(repositories, owner, "2\n")
    for _ in range(2):
        with pytest.raises(Refused, match=r"changed by someone else \(or removed\)"):
            await updated(repositories, owner, second)
    assert git(served, "for-each-ref") == before


async def test_a_branch_that_was_removed_comes_back_on_the_owners_tap(
    repositories: Repositories, owner: Checkout, served: Path
) -> None:
    first = await opened(repositories, owner)
    git(served, "update-ref", "-d", f"refs/heads/{first.branch}")
    second = await saved(repositories, owner, "2\n")
    await repositories.open_pull_request(
        owner.project, second, expected_head=second.head, title="Title", body="Body"
    )
    assert git(served, "rev-parse", first.branch) == second.head


async def test_what_was_undone_is_taken_back_by_the_owner_alone(
    repositories: Repositories, owner: Checkout, served: Path
) -> None:
    first = await opened(repositories, owner)
    await repositories.undo(owner.project, first, None)
    second = await saved(repositories, owner, "2\n")
    with pytest.raises(Refused, match="sent last is no longer part of the branch"):
        await updated(repositories, owner, second)
    assert git(served, "rev-parse", first.branch) == first.head


async def test_the_owners_commits_do_not_go_along_unasked(
    repositories: Repositories, owner: Checkout, served: Path
) -> None:
    """What the target got meanwhile is taken in, and the remote does not have it."""
    first = await opened(repositories, owner)
    owner.put("mine.txt", "mine\n")
    mine = owner.commit("Not for anybody yet")
    taken = await repositories.take_in(owner.project, first)
    with pytest.raises(Refused, match=r"Commits of yours .* origin has not got"):
        await updated(repositories, owner, taken)
    assert mine not in git(served, "rev-list", "--all").split()
    owner.git("push", "--quiet", "origin", "main")
    await updated(repositories, owner, taken)
    assert git(served, "rev-parse", first.branch) == taken.head


async def test_it_goes_where_the_owner_agreed_to_and_nowhere_else(
    repositories: Repositories, owner: Checkout, served: Path, home: Path
) -> None:
    first = await opened(repositories, owner)
    second = await saved(repositories, owner, "2\n")
    elsewhere = served.with_name("other.git")
    git(served, "clone", "--quiet", "--bare", str(served), str(elsewhere))
    address = owner.git("remote", "get-url", "origin")
    owner.git("remote", "set-url", "origin", str(elsewhere))
    with pytest.raises(Refused, match="It was opened on git://"):
        await updated(repositories, owner, second)
    owner.git("remote", "remove", "origin")
    with pytest.raises(UserError, match="no remote"):
        await updated(repositories, owner, second)
    owner.git("remote", "add", "origin", address)
    site(owner, home).record.forget("opened")  # as one that an earlier version opened
    with pytest.raises(Refused, match="You were not asked"):
        await updated(repositories, owner, second)
    assert git(served, "rev-parse", first.branch) == first.head


async def test_a_head_that_was_not_meant_is_not_sent(
    repositories: Repositories, owner: Checkout, served: Path
) -> None:
    first = await opened(repositories, owner)
    await saved(repositories, owner, "2\n")
    with pytest.raises(Refused, match="moved"):
        await updated(repositories, owner, first)
    assert git(served, "rev-parse", first.branch) == first.head


async def test_merged_here_it_can_still_be_sent(
    repositories: Repositories, owner: Checkout, served: Path
) -> None:
    first = await opened(repositories, owner)
    await merged(repositories, owner, first)
    second = await saved(repositories, owner, "2\n")
    await updated(repositories, owner, second)
    assert git(served, "rev-parse", first.branch) == second.head
