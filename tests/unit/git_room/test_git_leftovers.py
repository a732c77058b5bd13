"""What the project's commands and everybody's tools leave is not the agent's work."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from core.errors import GitError, UnsafeRepository
from git_ops import leftovers
from git_ops.repositories import Repositories
from tests.fakes.checkout import Checkout
from tests.unit.git_room.crowd import site
from tests.unit.git_room.steps import prepared, turn


def files(owner: Checkout, commit: str) -> list[str]:
    return owner.git("ls-tree", "-r", "--name-only", commit).splitlines()


async def test_what_a_command_left_is_not_committed_until_it_is_changed(
    repositories: Repositories, owner: Checkout
) -> None:
    workspace = await prepared(repositories, owner)
    async with repositories.apart(owner.project, workspace):
        (workspace.path / "dist").mkdir()
        (workspace.path / "dist" / "a.js").write_text("built")
        (workspace.path / "caf\xe9 report.xml").write_text("1")
        (workspace.path / os.fsdecode(b"\xff.bin")).write_text("1")
    (workspace.path / "work.txt").write_text("work")
    first = await turn(repositories, owner, workspace)
    assert files(owner, first.head) == ["app.py", "work.txt"]
    _, notes = await repositories.changes(first)
    [note] = [note for note in notes if note.startswith("Left by set-up or check")]
    assert "dist/a.js" in note
    assert "caf\xe9 report.xml" in note

    async with repositories.apart(owner.project, first):
        (first.path / "dist" / "a.js").write_text("built again")
        (first.path / "dist" / "b.js").write_text("built")
    (first.path / "dist" / "a.js").write_text("by hand")
    (first.path / "dist" / "mine.js").write_text("the agent's")
    second = await turn(repositories, owner, first)
    assert files(owner, second.head) == ["app.py", "dist/a.js", "dist/mine.js", "work.txt"]
    _, notes = await repositories.changes(second)
    [note] = [note for note in notes if note.startswith("Left by set-up or check")]
    assert "dist/b.js" in note
    assert "dist/a.js" not in note
    assert (second.path / "dist" / "b.js").is_file()


async def test_a_tracked_file_that_a_command_changes_is_seen(
    repositories: Repositories, owner: Checkout
) -> None:
    workspace = await prepared(repositories, owner)
    async with repositories.apart(owner.project, workspace):
        (workspace.path / "app.py").write_text("formatted\n")
    first = await turn(repositories, owner, workspace)
    assert owner.show(f"{first.head}:app.py") == "formatted"


async def test_a_hub_that_died_during_the_command_knows_it_all_the_same(
    repositories: Repositories, owner: Checkout, home: Path
) -> None:
    workspace = await prepared(repositories, owner)
    (workspace.path / "work.txt").write_text("work")
    first = await turn(repositories, owner, workspace)
    leftovers.begin(site(owner, home).record)
    (first.path / "report.xml").write_text("1")
    again = await turn(repositories, owner, first)  # the next hub looks at the turn once more
    assert again.head == first.head
    (first.path / "report.xml").write_text("changed by the agent")
    second = await turn(repositories, owner, first)
    assert files(owner, second.head) == ["app.py", "report.xml", "work.txt"]


async def test_a_command_that_leaves_what_git_would_wait_for_is_refused(
    repositories: Repositories, owner: Checkout
) -> None:
    workspace = await prepared(repositories, owner)
    with pytest.raises(UnsafeRepository, match="not a plain file"):
        async with repositories.apart(owner.project, workspace):
            os.mkfifo(workspace.path / ".gitignore")


@pytest.mark.parametrize("where", ["configured", "from home", "default", "local"])
async def test_what_the_owner_ignores_everywhere_is_not_committed(
    repositories: Repositories,
    owner: Checkout,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    where: str,
) -> None:
    person = tmp_path / "person"
    ignore = person / (".config/git/ignore" if where == "default" else "my ignores")
    ignore.parent.mkdir(parents=True)
    ignore.write_text("*.swp\n/scratch/")
    monkeypatch.setenv("HOME", str(person))
    monkeypatch.delenv("XDG_CONFIG_HOME", raising=False)
    said = {"configured": str(ignore), "from home": "~/my ignores"}.get(where)
    if said:
        (person / ".gitconfig").write_text(f"[core]\n\texcludesFile = {said}\n")
    if where == "local":
        owner.git("config", "core.excludesFile", str(ignore))
    workspace = await prepared(repositories, owner)
    (workspace.path / "scratch").mkdir()
    for name in ("a.swp", "scratch/b.txt", "work.txt"):
        (workspace.path / name).write_text("1")
    first = await turn(repositories, owner, workspace)
    assert files(owner, first.head) == ["app.py", "work.txt"]


async def test_a_configuration_that_git_cannot_read_is_named(
    repositories: Repositories, owner: Checkout
) -> None:
    owner.git("config", "core.excludesFile", "~nobody-here/ignore")
    with pytest.raises(GitError, match="nobody-here"):
        await prepared(repositories, owner)


@pytest.mark.parametrize("said", ["/nowhere/at/all", "/"])
async def test_an_ignore_file_that_is_not_there_is_none(
    repositories: Repositories, owner: Checkout, said: str
) -> None:
    owner.git("config", "core.excludesFile", said)
    workspace = await prepared(repositories, owner)
    (workspace.path / "work.txt").write_text("1")
    first = await turn(repositories, owner, workspace)
    assert files(owner, first.head) == ["app.py", "work.txt"]


async def test_what_test_tools_leave_is_not_committed(
    repositories: Repositories, owner: Checkout
) -> None:
    workspace = await prepared(repositories, owner)
    left = [".coverage", ".coverage.host.1", "coverage.xml", "htmlcov/i.html", "a.pyc"]
    caches = [f"{name}/x" for name in ("__pycache__", ".pytest_cache", ".mypy_cache", ".tox")]
    for name in (*left, *caches, ".coveragerc", "coverage.py"):
        (workspace.path / name).parent.mkdir(exist_ok=True)
        (workspace.path / name).write_text("1")
    first = await turn(repositories, owner, workspace)
    assert files(owner, first.head) == [".coveragerc", "app.py", "coverage.py"]
