"""Guards of which several hold the same door, each tried by itself."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import pytest

from core.errors import GitError, UserError
from git_ops import checkpoint, review
from git_ops.owner import Owner
from git_ops.repositories import Repositories
from tests.fakes.checkout import Checkout, git
from tests.unit.git_room.crowd import site
from tests.unit.git_room.steps import confined, merged, prepared, turn

COMMIT = "1" * 40


def a_link(path: Path, outside: Path) -> None:
    path.symlink_to(outside)


def a_pipe(path: Path, outside: Path) -> None:
    os.mkfifo(path)


def a_folder(path: Path, outside: Path) -> None:
    path.mkdir()


STRANGE = [a_link, a_pipe, a_folder]


@pytest.fixture
def agents(tmp_path: Path) -> Path:
    """A work tree with the agent's own repository, as far as it is read here."""
    (tmp_path / "tree" / ".git").mkdir(parents=True)
    return tmp_path / "tree"


@pytest.fixture
def outside(tmp_path: Path) -> Path:
    """A file that would be worth reading, had it been the agent's."""
    file = tmp_path / "outside"
    file.write_text(f"{COMMIT}\n")
    return file


@pytest.mark.parametrize("plant", STRANGE)
def test_a_bundle_is_a_file_of_the_agents(
    agents: Path, outside: Path, plant: Callable[[Path, Path], None]
) -> None:
    plant(agents / ".git" / checkpoint.BUNDLE, outside)
    with pytest.raises(GitError):
        checkpoint._collect(agents)
    assert outside.exists()


def test_a_bundle_is_not_looked_for_behind_a_link(agents: Path, tmp_path: Path) -> None:
    elsewhere = (agents / ".git").rename(tmp_path / "elsewhere")
    (elsewhere / checkpoint.BUNDLE).write_text("whatever")
    (agents / ".git").symlink_to(elsewhere)
    with pytest.raises(GitError, match="not a folder"):
        checkpoint._collect(agents)
    assert (elsewhere / checkpoint.BUNDLE).exists()


@pytest.mark.parametrize("plant", STRANGE)
def test_where_the_agents_branch_is_is_read_from_its_own_files(
    agents: Path, outside: Path, plant: Callable[[Path, Path], None]
) -> None:
    head = agents / ".git" / "HEAD"
    head.write_text(f"{COMMIT}\n")
    assert checkpoint.has_committed(agents, "2" * 40)
    assert not checkpoint.has_committed(agents, COMMIT)
    head.unlink()
    plant(head, outside)
    assert not checkpoint.has_committed(agents, "2" * 40)
    head.rmdir() if plant is a_folder else head.unlink()
    head.write_text("ref: refs\n")
    plant(agents / ".git" / "refs", outside)
    assert not checkpoint.has_committed(agents, "2" * 40)


@pytest.mark.parametrize(
    "base",
    [
        "--since=yesterday", "--default=HEAD", "--glob=refs/heads/*", "--all", "--not", "-n1",
        "--git-dir", "--show-toplevel", "--branches=ma*", "--upload-pack=touch x", "-", "--",
        "main --all", "main\n", "^main", "main..main", "a\0b",
    ],
)  # fmt: skip
async def test_an_option_is_no_base(repositories: Repositories, owner: Checkout, base: str) -> None:
    with pytest.raises((UserError, GitError)):
        Owner.at(owner.path).resolve(base)
    with pytest.raises((UserError, GitError)):
        await prepared(repositories, owner, base=base)


async def test_our_own_clone_shows_changes_without_programs(
    repositories: Repositories, owner: Checkout, home: Path, tmp_path: Path
) -> None:
    """Nobody else writes its configuration; were there a program in it, it would not run."""
    workspace = await prepared(repositories, owner)
    (workspace.path / "app.py").write_text("two\n")
    after = await turn(repositories, owner, workspace)
    program, canary = tmp_path / "program", tmp_path / "canary"
    program.write_text(f'#!/bin/sh\ntouch "{canary}"\ncat "$1"\n')
    program.chmod(0o755)
    clone = site(owner, home).clone
    (clone.path / "info").mkdir(exist_ok=True)
    (clone.path / "info" / "attributes").write_text("* diff=evil\n")
    for key in ("diff.external", "diff.evil.command", "diff.evil.textconv"):
        git(clone.path, "config", key, str(program))
        assert "+two" in review.diff(clone, after.base, after.head)
        assert "+two" in review.history(clone, after.head, after.base)
        [change] = review.changes(clone, after.base, after.head)
        assert (change.added, change.removed) == (1, 1)
        assert not canary.exists(), key
        git(clone.path, "config", "--unset", key)


async def test_a_landing_that_the_owner_took_back_is_made_again(
    repositories: Repositories, owner: Checkout
) -> None:
    start = owner.head()
    workspace = await prepared(repositories, owner)
    (workspace.path / "work.txt").write_text("work\n")
    after = await turn(repositories, owner, workspace)
    first, _ = await merged(repositories, owner, after)
    assert await merged(repositories, owner, after) == (first, "main")  # asked twice
    owner.git("reset", "--quiet", "--hard", start)
    second, _ = await merged(repositories, owner, after)
    assert owner.head() == second
    assert owner.show("main:work.txt") == "work"


async def test_a_push_takes_no_submodule_along(home: Path, owner: Checkout, tmp_path: Path) -> None:
    """Though the owner's git is set to push those, or to refuse without them."""
    shared = tmp_path / "shared.git"
    library = Checkout.make(tmp_path / "library")
    library.put("lib.txt")
    library.commit()
    git(tmp_path, "clone", "--quiet", "--bare", str(library.path), str(shared))
    allowed = ("-c", "protocol.file.allow=always")
    owner.git(*allowed, "submodule", "add", "--quiet", str(shared), "lib")
    owner.commit("A submodule")
    inner = Checkout(owner.path / "lib")
    inner.git("config", "user.name", "Ada")
    inner.git("config", "user.email", "ada@example.org")
    inner.put("mine.txt")
    mine = inner.commit("Not for anybody yet")
    owner.commit("Its newest")
    git(tmp_path, "init", "--quiet", "--bare", "served.git")
    owner.git("remote", "add", "origin", str(tmp_path / "served.git"))
    repositories = confined(home)
    workspace = await prepared(repositories, owner)
    (workspace.path / "work.txt").write_text("work\n")
    after = await turn(repositories, owner, workspace)
    for setting in ("on-demand", "check"):
        owner.git("config", "push.recurseSubmodules", setting)
        await repositories.open_pull_request(
            owner.project, after, expected_head=after.head, title="Title", body="Body"
        )
        git(tmp_path / "served.git", "update-ref", "-d", f"refs/heads/{after.branch}")
    assert mine not in git(shared, "rev-list", "--all").split()


async def test_a_submodule_whose_pin_the_agent_moved_is_still_not_looked_into(
    home: Path, owner: Checkout, tmp_path: Path
) -> None:
    """Its folder may be gone, or hold anything: the pin is what the agent committed."""
    library = Checkout.make(tmp_path / "library")
    library.put("lib.txt")
    library.commit()
    owner.git("-c", "protocol.file.allow=always", "submodule", "add", str(library.path), "lib")
    owner.commit("A submodule")
    repositories = confined(home)
    workspace = await prepared(repositories, owner)
    git(workspace.path, "update-index", "--no-skip-worktree", "lib")
    git(workspace.path, "update-index", "--cacheinfo", f"160000,{COMMIT},lib")
    git(workspace.path, "commit", "--quiet", "--message", "Another one")
    for file in (workspace.path / "lib").iterdir():
        file.unlink()
    (workspace.path / "lib").rmdir()
    after = await turn(repositories, owner, workspace)
    assert COMMIT in owner.git("ls-tree", after.head, "lib")


@pytest.mark.parametrize(
    "rewrite",
    [
        ("commit", "--quiet", "--amend", "--message", "Mine alone"),
        ("reset", "--quiet", "--soft", "HEAD~2"),
        ("update-ref", "HEAD", "orphan"),
    ],
    ids=lambda rewrite: rewrite[0],
)
async def test_an_agent_that_rewrites_the_branch_takes_nothing_away(
    home: Path, owner: Checkout, rewrite: tuple[str, ...]
) -> None:
    owner.put("second.txt")
    owner.commit("Second")
    repositories = confined(home)
    workspace = await prepared(repositories, owner)
    (workspace.path / "work.txt").write_text("one\n")
    first = await turn(repositories, owner, workspace)
    (first.path / "work.txt").write_text("two\n")
    git(first.path, "add", "--all")
    orphan = git(first.path, "commit-tree", git(first.path, "write-tree"), stdin=b"Orphan")
    git(first.path, *(orphan if part == "orphan" else part for part in rewrite))
    git(first.path, "commit", "--quiet", "--allow-empty", "--message", "On top")
    second = await turn(repositories, owner, first)
    assert first.head in owner.git("rev-list", second.head).split()
    assert owner.show(f"{second.head}:work.txt") == "two"
    _, notes = await repositories.changes(second)
    assert any("it rewrote the branch" in note for note in notes)


@pytest.mark.parametrize(
    "tips",
    ["", "{0} HEAD\n{0} HEAD", "--all HEAD", "HEAD HEAD", "{0}x HEAD", "-{0} HEAD", "{0} refs/x"],
)
async def test_a_bundle_is_for_one_commit(
    home: Path, owner: Checkout, tmp_path: Path, tips: str
) -> None:
    await prepared(Repositories(home), owner)
    clone = site(owner, home).clone
    owner.git("bundle", "create", "--quiet", str(tmp_path / "bundle"), "HEAD")
    bundle = (tmp_path / "bundle").read_bytes()
    head = owner.head()
    assert checkpoint._unpack(clone, bundle) == head
    real = f"{head} HEAD".encode()
    assert bundle.count(real) == 1
    with pytest.raises(GitError, match="made no sense"):
        checkpoint._unpack(clone, bundle.replace(real, tips.format(head).encode()))


async def test_files_that_an_agent_says_it_has_put_back_are_looked_at(
    home: Path, owner: Checkout
) -> None:
    """Its repository has git write to another folder, and all goes well there."""
    repositories = confined(home)
    workspace = await prepared(repositories, owner)
    (workspace.path / "work.txt").write_text("one\n")
    first = await turn(repositories, owner, workspace)
    (first.path / "work.txt").write_text("two\n")
    second = await turn(repositories, owner, first)
    (second.path / "elsewhere").mkdir()
    git(second.path, "config", "core.worktree", "../elsewhere")
    undone = await repositories.undo(owner.project, second, first.head)
    assert undone.head == first.head
    assert (undone.path / "work.txt").read_text() == "one\n"
