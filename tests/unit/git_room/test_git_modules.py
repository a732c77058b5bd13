"""Submodules and filters, where the owner's own settings would let a change run programs."""

from __future__ import annotations

from pathlib import Path

import pytest

from core.model import Workspace
from git_ops.clone import Record
from git_ops.landing import Place, _claim
from git_ops.repositories import Repositories
from tests.fakes.checkout import Checkout, git
from tests.unit.git_room.crowd import put_in_order, site
from tests.unit.git_room.steps import confined, merged, prepared, turn


@pytest.fixture
def canary(tmp_path: Path) -> Path:
    return tmp_path / "canary"


@pytest.fixture
def filter_program(tmp_path: Path, canary: Path) -> Path:
    program = tmp_path / "filter"
    program.write_text(f'#!/bin/sh\necho "$0 $*" >>"{canary}"\ncat\n')
    program.chmod(0o755)
    return program


def with_filter(repository: Checkout, program: Path) -> None:
    for key in ("clean", "smudge"):
        repository.git("config", f"filter.own.{key}", str(program))


def with_submodule(owner: Checkout, folder: Path) -> Checkout:
    library = Checkout.make(folder)
    library.put("lib.txt")
    library.put(".gitattributes", "*.txt filter=own\n")
    library.commit()
    owner.git("-c", "protocol.file.allow=always", "submodule", "add", str(library.path), "lib")
    owner.commit("A submodule")
    return Checkout(owner.path / "lib")


@pytest.mark.parametrize(
    "url",
    [
        "ext::sh -c 'touch {canary}'",
        "--upload-pack=touch {canary}",
        "-u./payload",
        "file://{folder}/evil",
        "../../evil",
        "ssh://-oProxyCommand=touch {canary}/x",
        "fd::17",
        "https://127.0.0.1:1/\nurl = ext::touch {canary}",
    ],
)
async def test_where_submodules_come_from_is_never_asked(
    repositories: Repositories, owner: Checkout, tmp_path: Path, canary: Path, url: str
) -> None:
    """A changed address, and a new submodule of a commit that only the other side has."""
    evil = Checkout.make(tmp_path / "evil")
    evil.put("payload", "#!/bin/sh\n")
    there = evil.commit()
    with_submodule(owner, tmp_path / "library")
    pinned = owner.git("ls-tree", "HEAD", "lib")
    workspace = await prepared(repositories, owner)
    address = url.format(canary=canary, folder=tmp_path)
    names = "".join(
        f'[submodule "{name}"]\n\tpath = {name}\n\turl = {address}\n\tupdate = !touch {canary}\n'
        for name in ("lib", "new", "../up")
    )
    (workspace.path / ".gitmodules").write_text(names)
    (workspace.path / "work.txt").write_text("work\n")
    git(workspace.path, "update-index", "--add", "--cacheinfo", f"160000,{there},new")
    git(workspace.path, "add", ".gitmodules")
    git(workspace.path, "commit", "--quiet", "--message", "Modules")
    after = await turn(repositories, owner, workspace)
    files, notes = await repositories.changes(after)
    assert {file.path for file in files} == {".gitmodules", "work.txt"}
    assert any("Makes tools run code: .gitmodules" in note for note in notes)
    await merged(repositories, owner, after)
    await repositories.discard(owner.project, after)
    await repositories.restore(owner.project, after)
    assert owner.git("ls-tree", "HEAD", "lib") == pinned
    assert owner.show("HEAD:work.txt") == "work"
    assert not (workspace.path / "new").exists()
    assert not canary.exists()


async def test_filters_of_a_submodule_do_not_run_when_its_files_are_taken(
    repositories: Repositories, owner: Checkout, tmp_path: Path, filter_program: Path, canary: Path
) -> None:
    inner = with_submodule(owner, tmp_path / "library")
    with_filter(inner, filter_program)
    workspace = await prepared(repositories, owner)
    assert (workspace.path / "lib/lib.txt").read_text() == "content\n"
    assert not canary.exists()


async def test_filters_do_not_run_when_a_half_made_move_is_undone(
    owner: Checkout, home: Path, filter_program: Path, canary: Path
) -> None:
    """The move had taken away both the attributes and the file that they are of."""
    owner.put("mine.txt")
    owner.put(".gitattributes", "*.txt filter=own\n")
    old = owner.commit("Attributes")
    (owner.path / ".gitattributes").unlink()
    owner.put("mine.txt", "changed\n")
    new = owner.commit("None")
    owner.git("reset", "--quiet", "--hard", old)
    with_filter(owner, filter_program)
    await Repositories(home).prepare(owner.project, "abcd1234", "x", base=None)
    record = site(owner, home).record
    cut_off(owner, record, old, new)
    owner.put("mine.txt", "changed\n")
    (owner.path / ".gitattributes").unlink()
    await put_in_order(home)
    assert (owner.path / "mine.txt").read_text() == "content\n"
    assert (owner.path / ".gitattributes").exists()
    assert not canary.exists()


def cut_off(owner: Checkout, record: Record, old: str, new: str) -> None:
    """As if Gofer had been killed while it moved files of the checkout."""
    place = Place(str(owner.path), str(owner.path / ".git"), "main", old, new)
    record.write("move", {name: getattr(place, name) for name in Place.__slots__})
    place.lock.write_bytes(_claim(record))


async def moved_pin(
    repositories: Repositories, owner: Checkout, commit: str
) -> tuple[Workspace, str]:
    """The agent has the submodule be at another commit; saved, and where it was before."""
    workspace = await prepared(repositories, owner)
    git(workspace.path, "update-index", "--no-skip-worktree", "lib")
    git(workspace.path, "update-index", "--cacheinfo", f"160000,{commit},lib")
    git(workspace.path, "commit", "--quiet", "--message", "Another one")
    return await turn(repositories, owner, workspace), owner.git("-C", "lib", "rev-parse", "HEAD")


async def test_a_pin_that_moved_lands_without_touching_the_owners_submodule(
    home: Path, owner: Checkout, tmp_path: Path, filter_program: Path, canary: Path
) -> None:
    """Though the owner has git go into submodules, whose filters would run there."""
    inner = with_submodule(owner, tmp_path / "library")
    first = inner.head()
    inner.git("-c", "user.name=A", "-c", "user.email=a@b", "rm", "--quiet", "lib.txt")
    inner.git("-c", "user.name=A", "-c", "user.email=a@b", "commit", "--quiet", "-m", "Second")
    owner.commit("The second")
    with_filter(inner, filter_program)
    owner.git("config", "submodule.recurse", "true")
    repositories = confined(home)
    after, pinned = await moved_pin(repositories, owner, first)
    assert [file.path for file in (await repositories.changes(after))[0]] == ["lib"]
    await merged(repositories, owner, after)
    assert first in owner.git("ls-tree", "HEAD", "lib")
    assert inner.head() == pinned
    assert not canary.exists()


async def test_nothing_is_fetched_for_a_submodule(
    home: Path, owner: Checkout, tmp_path: Path, filter_program: Path, canary: Path
) -> None:
    """Though the owner has git do so: it would ask the submodule's remote."""
    inner = with_submodule(owner, tmp_path / "library")
    inner.git("remote", "set-url", "origin", "ssh://nowhere.example/lib")
    inner.git("config", "core.sshCommand", str(filter_program))
    owner.git("config", "fetch.recurseSubmodules", "true")
    repositories = confined(home)
    after, _ = await moved_pin(repositories, owner, "1" * 40)
    await merged(repositories, owner, after)
    assert "1" * 40 in owner.git("ls-tree", "HEAD", "lib")
    assert not canary.exists()


async def test_history_of_the_owners_need_not_be_perfect(
    repositories: Repositories,
    owner: Checkout,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    tree = owner.git("rev-parse", "HEAD^{tree}")
    odd = f"tree {tree}\nauthor A 1 +0000\ncommitter A 1 +0000\n\nfrom another age\n".encode()
    old = owner.git("hash-object", "-w", "-t", "commit", "--literally", "--stdin", stdin=odd)
    owner.git("update-ref", "HEAD", old)
    (tmp_path / ".gitconfig").write_text("[transfer]\n\tfsckObjects = true\n")
    monkeypatch.setenv("HOME", str(tmp_path))
    workspace = await prepared(repositories, owner)
    (workspace.path / "work.txt").write_text("work\n")
    await merged(repositories, owner, await turn(repositories, owner, workspace))
    assert owner.show("HEAD:work.txt") == "work"


async def test_programs_that_the_owner_has_for_all_repositories_do_not_run(
    repositories: Repositories,
    owner: Checkout,
    tmp_path: Path,
    filter_program: Path,
    canary: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """An agent could choose by attributes what they are run on."""
    (tmp_path / ".gitconfig").write_text(
        f'[filter "own"]\n\tclean = {filter_program}\n\tsmudge = {filter_program}\n'
        f'[diff "own"]\n\ttextconv = {filter_program}\n\tcommand = {filter_program}\n'
        f"[diff]\n\texternal = {filter_program}\n"
    )
    monkeypatch.setenv("HOME", str(tmp_path))
    workspace = await prepared(repositories, owner)
    (workspace.path / ".gitattributes").write_text("*.txt filter=own diff=own\n")
    (workspace.path / "work.txt").write_text("work\n")
    after = await turn(repositories, owner, workspace)
    await repositories.changes(after)
    assert "+work" in await repositories.diff(after)
    assert owner.show(f"{after.branch}:work.txt") == "work"
    assert not canary.exists()
