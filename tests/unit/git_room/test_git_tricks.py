"""More tricks than code that runs: what is stored, read, or shown otherwise than it looks."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import pytest

from core.errors import GitError, UnsafeRepository
from core.model import Workspace
from git_ops.repositories import Repositories
from tests.fakes.checkout import Checkout, git
from tests.unit.git_room.steps import merged, prepared, turn


async def landed(
    repositories: Repositories, owner: Checkout, workspace: Workspace
) -> tuple[Workspace, tuple[str, ...]]:
    """Save, look at everything, and land. Returns the notes too."""
    after = await turn(repositories, owner, workspace)
    _, notes = await repositories.changes(after)
    await repositories.diff(after)
    await repositories.checkpoints(after)
    await merged(repositories, owner, after)
    owner.git("fsck", "--no-dangling")
    return after, notes


def commit(tree: Path, message: str = "The agent's") -> str:
    git(tree, "add", "--all")
    git(tree, "commit", "--quiet", "--allow-empty", "--message", message)
    return git(tree, "rev-parse", "HEAD")


def replaced(tree: Path) -> None:
    """A replacement that shows another commit than the one that is named."""
    real = commit(tree)
    other = git(tree, "commit-tree", "HEAD^{tree}", stdin=b"other")
    git(tree, "replace", real, other)


def grafted(tree: Path) -> None:
    real = commit(tree)
    (tree / ".git/info/grafts").write_text(f"{real}\n")


def shallowed(tree: Path) -> None:
    """It says that the history begins here."""
    (tree / ".git/shallow").write_text(f"{commit(tree)}\n")


def elsewhere(tree: Path) -> None:
    """Its repository is said to have another folder as its work tree."""
    git(tree, "config", "core.worktree", "/etc")


def packed_refs(tree: Path) -> None:
    names = "".join(f"{'0' * 39}1 refs/heads/../../x{number}\n" for number in range(3))
    (tree / ".git/packed-refs").write_text(f"# pack-refs with: peeled fully-peeled\n{names}^zz\n")


def many_refs(tree: Path) -> None:
    head = git(tree, "rev-parse", "HEAD")
    lines = "".join(f"{head} refs/tags/t{number:06}\n" for number in range(100_000))
    with (tree / ".git/packed-refs").open("a") as refs:
        refs.write(lines)


def borrowing(tree: Path) -> None:
    (tree / ".git/objects/info/alternates").write_text("/etc\n/proc/self/fd\n../../../..\n")


def link_head(tree: Path) -> None:
    (tree / ".git/HEAD").unlink()
    (tree / ".git/HEAD").symlink_to("/etc/passwd")


STORED: tuple[Callable[[Path], None], ...] = (
    replaced, grafted, shallowed, elsewhere, packed_refs, many_refs, borrowing, link_head,
)  # fmt: skip


@pytest.mark.parametrize("trick", STORED, ids=lambda trick: trick.__name__)
async def test_repository_that_lies_about_itself(
    repositories: Repositories, owner: Checkout, trick: Callable[[Path], None]
) -> None:
    workspace = await prepared(repositories, owner)
    base = owner.head()
    (workspace.path / "app.py").write_text("two\n")
    trick(workspace.path)
    (workspace.path / "work.txt").write_text("work\n")
    after, _ = await landed(repositories, owner, workspace)
    assert owner.show("HEAD:work.txt") == "work"
    assert owner.show("HEAD:app.py") == "two"
    assert base in owner.git("rev-list", after.head).split()
    assert owner.git("for-each-ref", "refs/replace", "refs/tags") == ""


@pytest.mark.parametrize(
    "attributes",
    [
        "* ident", "* export-subst", "* text eol=crlf",
        "* filter=nothing", "* -diff", "* diff=nothing", "* merge=nothing", "[attr]binary -text",
    ],
)  # fmt: skip
async def test_attributes_change_nothing_that_cannot_be_seen(
    repositories: Repositories, owner: Checkout, attributes: str
) -> None:
    workspace = await prepared(repositories, owner)
    (workspace.path / ".gitattributes").write_text(f"{attributes}\n")
    (workspace.path / "new.txt").write_text("$Id: x$ $Format:%H$\n")
    after = await turn(repositories, owner, workspace)
    _, notes = await repositories.changes(after)
    assert any("Makes tools run code: .gitattributes" in note for note in notes)
    again = await repositories.checkpoint(owner.project, after, "Nothing", {})
    assert again.head == after.head


async def test_encoding_that_nothing_can_be_read_by_is_unsafe(
    repositories: Repositories, owner: Checkout
) -> None:
    workspace = await prepared(repositories, owner)
    (workspace.path / ".gitattributes").write_text("* working-tree-encoding=UTF-16\n")
    with pytest.raises(UnsafeRepository, match="attributes"):
        await turn(repositories, owner, workspace)


async def test_commits_with_odd_words_people_and_dates_are_kept(
    repositories: Repositories, owner: Checkout
) -> None:
    workspace = await prepared(repositories, owner)
    (workspace.path / "app.py").write_text("two\n")
    tree_id = git(workspace.path, "rev-parse", f"{commit(workspace.path)}^{{tree}}")
    parent = workspace.base
    for text in (
        b"author A <a@b> 99999999999 +0000\ncommitter A <a@b> 1 +0000\n\n\xff\xfe\x1b[31mred\n",
        b"author  <> 0 +0000\ncommitter  <> 0 +0000\nencoding utf-7\n\nx\n",
        b"author A <a@b> 1 +0000\ncommitter A <a@b> 1 +0000\n\n" + b"long " * 400_000,
    ):
        raw = f"tree {tree_id}\nparent {parent}\n".encode() + text
        parent = git(workspace.path, "hash-object", "-w", "-t", "commit", "--stdin", stdin=raw)
    git(workspace.path, "update-ref", "HEAD", parent)
    after, _ = await landed(repositories, owner, workspace)
    assert owner.show("HEAD:app.py") == "two"
    assert all("\x1b" not in subject for _, subject in await repositories.checkpoints(after))


@pytest.mark.parametrize("name", ["\x1b[2J\x1b[31mred.txt", "txt.\u202egpj.exe", "a\rb", "\x07"])
async def test_names_that_would_draw_on_a_screen_are_told(
    repositories: Repositories, owner: Checkout, name: str
) -> None:
    workspace = await prepared(repositories, owner)
    (workspace.path / name).write_text("odd\n")
    after = await turn(repositories, owner, workspace)
    _, notes = await repositories.changes(after)
    told = [note for note in notes if note.startswith("Names that look like others")]
    assert told
    assert not any(char in note for note in notes for char in "\x1b\u202e\r\x07")


@pytest.mark.parametrize(
    "name", [".git::$INDEX_ALLOCATION/config", ".git\u200c/config", ".git . /x"]
)
async def test_names_that_are_git_folders_on_other_systems(
    repositories: Repositories, owner: Checkout, name: str
) -> None:
    workspace = await prepared(repositories, owner)
    (workspace.path / name).parent.mkdir(parents=True)
    (workspace.path / name).write_text("[core]\n")
    with pytest.raises(GitError):
        await turn(repositories, owner, workspace)
    assert owner.git("branch", "--list", "gofer/*") == ""


async def test_paths_too_long_to_open_at_once(repositories: Repositories, owner: Checkout) -> None:
    workspace = await prepared(repositories, owner)
    folder = os.open(workspace.path, os.O_RDONLY)
    for _ in range(20):
        os.mkdir("d" * 250, dir_fd=folder)
        inner = os.open("d" * 250, os.O_RDONLY, dir_fd=folder)
        os.close(folder)
        folder = inner
    os.close(os.open("deep.txt", os.O_CREAT | os.O_WRONLY, dir_fd=folder))
    os.close(folder)
    (workspace.path / "work.txt").write_text("work\n")
    after, _ = await landed(repositories, owner, workspace)
    assert owner.show(f"{after.head}:work.txt") == "work"
    await repositories.discard(owner.project, after)
    assert not workspace.path.exists()
