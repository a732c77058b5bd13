"""Submodules and filters, where the owner's own settings would let a change run programs."""

from __future__ import annotations

from pathlib import Path

import pytest

from git_ops.clone import Record
from git_ops.landing import Place, _claim
from git_ops.repositories import Repositories
from tests.fakes.checkout import Checkout, git
from tests.unit.git_room.crowd import put_in_order, site
from tests.unit.git_room.steps import merged, prepared, turn


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
