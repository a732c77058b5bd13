"""Files made ahead for the next task: taken once, always right, gone when not wanted."""

from __future__ import annotations

import asyncio
import shutil
from pathlib import Path

import pytest

from git_ops.clone import Clone, locked
from git_ops.git import ours
from git_ops.repositories import Repositories
from git_ops.spare import Spare
from tests.fakes.checkout import Checkout, git
from tests.unit.git_room.steps import prepared, turn


@pytest.fixture
def owner(tmp_path: Path) -> Checkout:
    checkout = Checkout.make(tmp_path / "owner" / "app")
    checkout.put("app.py", "one\n")
    checkout.put("gone/soon.txt")
    checkout.put("run.sh").chmod(0o755)
    (checkout.path / "link").symlink_to("app.py")
    checkout.commit("Start")
    return checkout


@pytest.fixture
async def repositories(home: Path, owner: Checkout) -> Repositories:
    """With a spare of the project's."""
    repositories = Repositories(home)
    await prepared(repositories, owner, "before")
    await repositories.keep_spares([owner.project])
    return repositories


def files(home: Path) -> Path:
    return Spare.of(home, "app").files


def found(folder: Path) -> dict[str, str]:
    paths = (path for path in folder.rglob("*") if path.is_file() and ".git" not in path.parts)
    return {str(path.relative_to(folder)): path.read_text() for path in paths}


async def test_next_task_takes_it(repositories: Repositories, owner: Checkout, home: Path) -> None:
    made = (files(home) / "app.py").stat().st_ino
    workspace = await prepared(repositories, owner)
    assert (workspace.path / "app.py").stat().st_ino == made
    assert not files(home).exists()
    assert git(workspace.path, "status", "--porcelain") == ""
    assert git(workspace.path, "rev-parse", "HEAD") == owner.head()
    (workspace.path / "app.py").write_text("two\n")
    after = await turn(repositories, owner, workspace)
    changed, notes = await repositories.changes(after)
    assert ([file.path for file in changed], notes) == (["app.py"], ())
    again = await prepared(repositories, owner, "later")
    assert found(again.path) == found(owner.path)


@pytest.mark.parametrize("renewed", [False, True])
async def test_what_the_owner_did_since_is_in_it(
    repositories: Repositories, owner: Checkout, home: Path, renewed: bool
) -> None:
    kept = (files(home) / "run.sh").stat().st_ino
    shutil.rmtree(owner.path / "gone")
    owner.put("gone", "a file now\n")
    owner.put("app.py", "two\n")
    owner.put("new/file.txt")
    (owner.path / "link").unlink()
    (owner.path / "link").symlink_to("new")
    owner.commit("Much")
    if renewed:
        await repositories.keep_spares([owner.project])
    workspace = await prepared(repositories, owner)
    assert found(workspace.path) == found(owner.path)
    assert (workspace.path / "link").readlink() == Path("new")
    assert (workspace.path / "run.sh").stat().st_ino == kept
    assert git(workspace.path, "status", "--porcelain") == ""


async def test_any_base_can_start_from_it(repositories: Repositories, owner: Checkout) -> None:
    first = owner.head()
    owner.put("later.txt")
    owner.commit("Later")
    await repositories.keep_spares([owner.project])
    owner.put("app.py", "not committed\n")
    unsaved = await repositories.prepare(
        owner.project, "unsaved", "x", base=None, include_uncommitted=True
    )
    assert found(unsaved.path) == found(owner.path)
    await repositories.keep_spares([owner.project])
    workspace = await prepared(repositories, owner, base=first)
    assert "later.txt" not in found(workspace.path)
    assert git(workspace.path, "status", "--porcelain") == ""


async def test_one_of_many_takes_it(
    repositories: Repositories, owner: Checkout, home: Path
) -> None:
    made = (files(home) / "app.py").stat().st_ino
    workspaces = await asyncio.gather(
        *(prepared(repositories, owner, f"task{number}") for number in range(5)),
        repositories.keep_spares([owner.project]),
    )
    made_ready = [workspace for workspace in workspaces if workspace is not None]
    assert [(w.path / "app.py").stat().st_ino for w in made_ready].count(made) == 1
    assert all(found(workspace.path) == found(owner.path) for workspace in made_ready)


async def test_nobody_waits_for_one_that_is_being_made(
    repositories: Repositories, owner: Checkout, home: Path
) -> None:
    with locked(Spare.of(home, "app").record.folder / "lock"):
        workspace = await prepared(repositories, owner)
        assert found(workspace.path) == found(owner.path)
        await repositories.keep_spares([])
    assert files(home).exists()


async def test_none_outlives_a_restart(
    repositories: Repositories, owner: Checkout, home: Path
) -> None:
    done = await repositories.reconcile({"before": None})
    assert done == []
    assert not files(home).exists()
    assert found((await prepared(repositories, owner)).path) == found(owner.path)


async def test_one_that_was_cut_off_is_made_anew(
    repositories: Repositories, owner: Checkout, home: Path
) -> None:
    place = Spare.of(home, "app")
    place.record.forget("ready")
    (place.files / "half.txt").write_text("half\n")
    (place.files / "app.py").write_text("half\n")
    await repositories.keep_spares([owner.project])
    assert found((await prepared(repositories, owner)).path) == found(owner.path)


async def test_goes_when_its_project_is_no_longer_wanted(
    repositories: Repositories, owner: Checkout, home: Path
) -> None:
    await repositories.keep_spares([])
    assert not files(home).exists()
    await repositories.keep_spares([owner.project])
    shutil.move(owner.path, owner.path.with_name("elsewhere"))
    await repositories.keep_spares([owner.project])  # and no word: its next task will say it


async def test_is_no_work_of_anybodys(
    repositories: Repositories, owner: Checkout, home: Path
) -> None:
    refs = git(Clone.of(home, "app").path, "for-each-ref", "--format=%(refname)").splitlines()
    assert refs == ["refs/heads/gofer/before-x", "refs/owner/heads/main"]
    assert owner.git("for-each-ref", "--format=%(refname)") == "refs/heads/main"


async def test_none_is_made_for_a_project_that_never_had_a_task(
    home: Path, owner: Checkout
) -> None:
    await Repositories(home).keep_spares([owner.project])
    assert not home.exists()


async def test_none_where_files_depend_on_more_than_the_commit(
    repositories: Repositories, owner: Checkout, home: Path, tmp_path: Path
) -> None:
    """Files of submodules and large files come from what the owner has at the time."""
    library = Checkout.make(tmp_path / "library")
    library.put("lib.py")
    library.commit()
    owner.git("-c", "protocol.file.allow=always", "submodule", "add", str(library.path), "lib")
    owner.commit("A submodule")
    owner.git("branch", "before", "HEAD~1")
    workspace = await prepared(repositories, owner)  # from a spare that had none
    assert (workspace.path / "lib/lib.py").read_text() == "content\n"
    await repositories.keep_spares([owner.project])
    assert not files(home).exists()
    owner.git("checkout", "--quiet", "before")
    await repositories.keep_spares([owner.project])
    assert files(home).exists()
    owner.put(".git/lfs/objects/x")
    owner.put("app.py", "moved on\n")
    owner.git("commit", "--quiet", "--all", "--message", "On")
    await repositories.keep_spares([owner.project])
    assert not files(home).exists()


def test_making_it_gives_way_to_everything(tmp_path: Path) -> None:
    asked = ("-c", "alias.how-nice=!nice", "how-nice")
    assert ours(tmp_path).gently().text(*asked) == "19"
    assert Spare.of(tmp_path, "app").clone.git == ours(tmp_path / "repos/app.git").gently()
