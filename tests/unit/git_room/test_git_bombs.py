"""Little that unfolds to a lot: what is read and held stays bounded, and the work lands."""

from __future__ import annotations

import hashlib
import os
import zlib
from collections.abc import Callable
from pathlib import Path

import pytest

from core.errors import GitError
from core.model import Workspace
from git_ops import checkpoint, copying, worktree
from git_ops.repositories import Repositories
from tests.fakes.checkout import Checkout, git
from tests.unit.git_room.steps import confined, merged, prepared, turn

TEN = range(10)


@pytest.fixture
def repositories(home: Path) -> Repositories:
    return confined(home)


async def landed(
    repositories: Repositories, owner: Checkout, workspace: Workspace
) -> tuple[str, ...]:
    """Save, review, land and put away; what else the agent did is done as well."""
    (workspace.path / "work.txt").write_text("work\n")
    after = await turn(repositories, owner, workspace)
    _, notes = await repositories.changes(after)
    await repositories.diff(after)
    await merged(repositories, owner, after, "rebase")
    assert owner.show("HEAD:work.txt") == "work"
    await repositories.discard(owner.project, after)
    assert not workspace.path.exists()
    return notes


def commit_tree(work_tree: Path, tree: str) -> None:
    """A commit of a tree that no work tree ever held, and one more on top without it."""
    start = git(work_tree, "rev-parse", "HEAD")
    bomb = git(work_tree, "commit-tree", tree, "-p", start, stdin=b"boom")
    after = git(work_tree, "commit-tree", f"{start}^{{tree}}", "-p", bomb, stdin=b"innocent")
    git(work_tree, "update-ref", "HEAD", after)


def nested(work_tree: Path) -> None:
    """Ten trees that are the same one, which holds ten that are the same one: ten million files."""
    blob = git(work_tree, "hash-object", "-w", "--stdin", stdin=b"boom\n")
    lines = "".join(f"100644 blob {blob}\t{'long name' * 20}{number}\n" for number in TEN)
    tree = git(work_tree, "mktree", stdin=lines.encode())
    for _ in range(6):
        lines = "".join(f"040000 tree {tree}\t{'long name' * 20}{number}\n" for number in TEN)
        tree = git(work_tree, "mktree", stdin=lines.encode())
    commit_tree(work_tree, tree)


def deep(work_tree: Path) -> None:
    """Deeper than git's stack when it takes such a tree into an index."""
    blob = git(work_tree, "hash-object", "-w", "--stdin", stdin=b"boom\n")
    tree = loose_tree(work_tree, b"100644 file\0" + bytes.fromhex(blob))
    for _ in range(2_500):
        tree = loose_tree(work_tree, b"40000 a\0" + bytes.fromhex(tree))
    commit_tree(work_tree, tree)


def loose_tree(work_tree: Path, content: bytes) -> str:
    """As `git mktree`, without a process for each."""
    whole = b"tree %d\0%s" % (len(content), content)
    name = hashlib.sha1(whole).hexdigest()
    place = work_tree / ".git/objects" / name[:2] / name[2:]
    place.parent.mkdir(exist_ok=True)
    place.write_bytes(zlib.compress(whole, 1))
    return name


def zeros(work_tree: Path) -> None:
    """A file of a gigabyte in a pack of a megabyte, here with the limit far lower."""
    blob = git(work_tree, "hash-object", "-w", "--stdin", stdin=bytes(2_000_000))
    commit_tree(work_tree, git(work_tree, "mktree", stdin=f"100644 blob {blob}\tz\n".encode()))


def endless(work_tree: Path) -> None:
    start = head = git(work_tree, "rev-parse", "HEAD")
    for _ in range(12):
        head = git(work_tree, "commit-tree", f"{start}^{{tree}}", "-p", head, stdin=b"more")
    git(work_tree, "update-ref", "HEAD", head)


@pytest.mark.parametrize(
    ("bomb", "reason"),
    [
        (nested, "too many files"),
        (deep, "too deep"),
        (zeros, "one file is larger than 1 MB"),
        (endless, "more than 10"),
    ],
)
async def test_commits_that_unfold_are_folded(
    repositories: Repositories,
    owner: Checkout,
    monkeypatch: pytest.MonkeyPatch,
    bomb: Callable[[Path], None],
    reason: str,
) -> None:
    monkeypatch.setattr(checkpoint, "LARGEST", 1_000_000)
    monkeypatch.setattr(checkpoint, "MOST_COMMITS", 10)
    monkeypatch.setattr(checkpoint, "LONGEST_LIST", 10_000_000)
    workspace = await prepared(repositories, owner)
    bomb(workspace.path)
    notes = await landed(repositories, owner, workspace)
    assert any("folded into one" in note and reason in note for note in notes), notes


async def test_a_pack_that_is_too_large_is_not_read(
    repositories: Repositories, owner: Checkout, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(checkpoint, "BUNDLE_LIMIT", 1_000_000)
    workspace = await prepared(repositories, owner)
    (workspace.path / "noise").write_bytes(os.urandom(2_000_000))
    git(workspace.path, "add", "noise")
    git(workspace.path, "commit", "--quiet", "--message", "Noise")
    notes = await landed(repositories, owner, workspace)
    assert any("more than 1 MB" in note for note in notes), notes
    assert (owner.path / "noise").exists()


async def test_files_of_nothing_but_holes_do_not_fill_the_disk(
    repositories: Repositories, owner: Checkout, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(copying, "MOST_COPIED", 2_500_000)
    workspace = await prepared(repositories, owner)
    for name, size in {"app.py": 10**12, "a": 1_000_000, "b": 1_000_000, "c": 1_000_000}.items():
        with (workspace.path / name).open("wb") as file:
            file.truncate(size)
    notes = await landed(repositories, owner, workspace)
    assert "Not everything could be committed: app.py, c could not be read (or held)." in notes
    assert owner.show("HEAD:app.py") == "one"
    assert owner.git("cat-file", "-s", "HEAD:b") == "1000000"


@pytest.mark.parametrize("levels", [1_100])  # more than Python calls itself
async def test_folders_deeper_than_a_stack(
    repositories: Repositories, owner: Checkout, tmp_path: Path, levels: int
) -> None:
    workspace = await prepared(repositories, owner)
    folder = os.open(workspace.path, os.O_RDONLY)
    for _ in range(levels):
        os.mkdir("a", dir_fd=folder)
        inner = os.open("a", os.O_RDONLY, dir_fd=folder)
        os.close(folder)
        folder = inner
    os.close(os.open("deep.txt", os.O_CREAT | os.O_WRONLY, dir_fd=folder))
    os.close(folder)
    try:
        await landed(repositories, owner, workspace)
        assert (owner.path / ("a/" * levels) / "deep.txt").exists()
    finally:
        worktree.remove(tmp_path)  # pytest could not


@pytest.mark.parametrize("words", ["with a \0 in it", "with half a \ud83d in it", "\0", "\x1b[2J"])
async def test_words_that_no_commit_can_hold(
    repositories: Repositories, owner: Checkout, words: str
) -> None:
    workspace = await prepared(repositories, owner)
    (workspace.path / "work.txt").write_text("work\n")
    after = await repositories.checkpoint(owner.project, workspace, words, {"Gofer-Task": words})
    await repositories.merge(
        owner.project, after, expected_head=after.head, how="squash", message=words
    )
    assert owner.show("HEAD:work.txt") == "work"


async def test_names_that_no_command_line_can_hold(
    repositories: Repositories, owner: Checkout
) -> None:
    with pytest.raises(GitError):
        await repositories.require_base(owner.project, "ma\0in")
    with pytest.raises(GitError):
        await repositories.prepare(owner.project, "abcd1234", "x", base="ma\0in")
    workspace = await repositories.prepare(owner.project, "abcd1234", "a\0b\nc", base=None)
    assert workspace.branch == "gofer/abcd1234-a-b-c"
