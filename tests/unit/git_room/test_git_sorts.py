"""The sorts of repositories and names that people have."""

from __future__ import annotations

import asyncio
import os
import shutil
import subprocess
import tempfile
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from core.errors import Refused, UserError
from core.model import Workspace
from git_ops.clone import folder_name
from git_ops.repositories import Repositories
from git_ops.workspace import branch_name
from tests.fakes.checkout import Checkout, git, in_bubblewrap
from tests.unit.git_room.steps import merged, prepared, turn


@pytest.fixture
def repositories(tmp_path: Path) -> Repositories:
    return Repositories(tmp_path / "home")


async def round_trip(
    repositories: Repositories, owner: Checkout, *, base: str | None = None
) -> Workspace:
    """Prepare, work, save and land; returns the workspace as it was saved."""
    workspace = await repositories.prepare(owner.project, "abcd1234", "x", base=base)
    (workspace.path / "work.txt").write_text("work\n")
    after = await turn(repositories, owner, workspace)
    await merged(repositories, owner, after)
    assert owner.show(f"{after.branch}:work.txt") == "work"
    return after


@pytest.mark.parametrize(
    "name",
    ["with space", "ünïcode", "quote'\"s", "-dash", "colon:ed", "new\nline", "pct%20", "a,b;c"],
)
async def test_folders_with_odd_names(
    repositories: Repositories, tmp_path: Path, name: str
) -> None:
    owner = Checkout.make(tmp_path / "owner" / name)
    owner.put("a.txt")
    owner.commit()
    await round_trip(repositories, owner)
    assert (owner.path / "work.txt").exists()


async def test_odd_file_names_and_kinds_survive(
    repositories: Repositories, owner: Checkout
) -> None:
    names = ("a b", "ä/ö", "README", "readme", "-x", "tab\t", "nl\n", 'q"', "b\\s", "*", "#x", "!y")
    for name in names:
        owner.put(name, name)
    Path(os.fsdecode(os.fsencode(owner.path) + b"/\xff")).write_text("bytes\n")
    (owner.path / "link").symlink_to("README")
    (owner.path / "broken").symlink_to("nowhere")
    owner.put("run.sh").chmod(0o755)
    owner.commit()
    workspace = await prepared(repositories, owner)
    assert git(workspace.path, "status", "--porcelain") == ""
    assert (workspace.path / "link").readlink() == Path("README")
    assert os.access(workspace.path / "run.sh", os.X_OK)
    for name in names:
        (workspace.path / name).write_text("changed")
    Path(os.fsdecode(os.fsencode(workspace.path) + b"/\xff")).unlink()
    (workspace.path / "run.sh").chmod(0o644)
    (workspace.path / "image.bin").write_bytes(bytes(range(256)))
    after = await turn(repositories, owner, workspace)
    files, notes = await repositories.changes(after)
    found = {file.path: file for file in files}
    assert found.keys() == {*names, "\\xff", "run.sh", "image.bin"}
    assert found["\\xff"].status == "deleted"
    assert found["run.sh"].status == "mode"
    assert (found["image.bin"].added, found["image.bin"].status) == (None, "added")
    assert "Deletes: \\xff." in notes
    assert "+changed" in await repositories.diff(after, "*")
    assert "README" not in await repositories.diff(after, "*")
    less = await repositories.revert_files(owner.project, after, ["\\xff", "nl\n"])
    assert Path(os.fsdecode(os.fsencode(workspace.path) + b"/\xff")).exists()
    assert (workspace.path / "nl\n").read_text() == "nl\n"
    await merged(repositories, owner, less)
    assert (owner.path / "*").read_text() == "changed"
    assert owner.status() == ""


async def test_shallow_clone(repositories: Repositories, owner: Checkout, tmp_path: Path) -> None:
    owner.put("second.txt")
    owner.commit("Second")
    git(tmp_path, "clone", "--quiet", "--depth=1", f"file://{owner.path}", "shallow")
    shallow = Checkout(tmp_path / "shallow")
    shallow.git("config", "user.name", "Ada")
    shallow.git("config", "user.email", "ada@example.org")
    after = await round_trip(repositories, shallow)
    assert shallow.git("rev-list", "--count", after.branch) == "2"
    assert git(after.path, "log", "--format=%s").splitlines() == ["Turn", "Second"]
    shallow.git("fsck")


async def test_detached_head_lands_on_the_branch_checked_out_later(
    repositories: Repositories, owner: Checkout
) -> None:
    owner.git("checkout", "--quiet", "--detach")
    workspace = await prepared(repositories, owner)
    (workspace.path / "work.txt").write_text("work\n")
    after = await turn(repositories, owner, workspace)
    with pytest.raises(Refused, match="nothing to land on"):
        await merged(repositories, owner, after)
    owner.git("checkout", "--quiet", "main")
    _, target = await merged(repositories, owner, after)
    assert target == "main"


@pytest.mark.parametrize("base", ["side", "v1", "abbreviated", "HEAD~1"])
async def test_base_may_be_any_commit(
    repositories: Repositories, owner: Checkout, base: str
) -> None:
    owner.git("branch", "side")
    owner.git("tag", "-m", "One", "v1")
    wanted = owner.head()
    owner.put("later.txt")
    owner.commit("Later")
    name = wanted[:9] if base == "abbreviated" else base
    workspace = await repositories.prepare(owner.project, "abcd1234", "x", base=name)
    assert workspace.base == wanted
    assert not (workspace.path / "later.txt").exists()
    (workspace.path / "work.txt").write_text("work\n")
    after = await turn(repositories, owner, workspace)
    _, target = await merged(repositories, owner, after)
    assert target == ("side" if base == "side" else "main")
    assert owner.show(f"{target}:work.txt") == "work"


async def test_commit_that_no_branch_holds_can_be_the_base(
    repositories: Repositories, owner: Checkout
) -> None:
    owner.put("lost.txt")
    lost = owner.commit("Lost")
    owner.git("reset", "--quiet", "--hard", "HEAD~1")
    workspace = await repositories.prepare(owner.project, "abcd1234", "x", base=lost)
    assert workspace.base == lost


async def test_uncommitted_changes_as_the_base(repositories: Repositories, owner: Checkout) -> None:
    owner.put(".gitignore", "ignored\n")
    owner.put("gone.txt")
    owner.put("staged.txt", "1\n")
    owner.commit("More")
    owner.put("app.py", "unsaved\n")
    owner.put("staged.txt", "2\n")
    owner.git("add", "staged.txt")
    owner.put("staged.txt", "3\n")
    owner.put("untracked.txt")
    owner.put("ignored")
    (owner.path / "gone.txt").unlink()
    status = owner.status()  # which writes the index, so it comes first
    index = (owner.path / ".git/index").read_bytes()
    workspace = await repositories.prepare(
        owner.project, "abcd1234", "x", base=None, include_uncommitted=True
    )
    assert (owner.path / ".git/index").read_bytes() == index
    assert owner.status() == status
    found = {p.name: p.read_text() for p in workspace.path.iterdir() if p.is_file()}
    assert found == {
        ".gitignore": "ignored\n", "app.py": "unsaved\n", "staged.txt": "3\n",
        "untracked.txt": "content\n",
    }  # fmt: skip
    (workspace.path / "work.txt").write_text("work\n")
    after = await turn(repositories, owner, workspace)
    files, _ = await repositories.changes(after)
    assert [file.path for file in files] == ["work.txt"]
    await merged(repositories, owner, after)
    assert owner.git("show", "--name-only", "--format=", "HEAD") == "work.txt"
    assert (owner.path / "app.py").read_text() == "unsaved\n"
    with pytest.raises(Refused, match="pull request would carry"):
        owner.git("remote", "add", "origin", "https://github.com/ada/app.git")
        await repositories.open_pull_request(
            owner.project, after, expected_head=after.head, title="x", body=""
        )


async def test_copied_and_linked_files(
    repositories: Repositories, owner: Checkout, tmp_path: Path
) -> None:
    owner.put(".env.test", "SECRET=1\n").chmod(0o600)
    owner.put("conf/local.ini", "mine\n")
    owner.put("node_modules/x/index.js")
    (owner.path / "conf/tracked.ini").write_text("tracked\n")
    owner.git("add", "conf/tracked.ini")
    owner.git("commit", "--quiet", "-m", "conf")
    project = replace(
        owner.project,
        copy=(".env.test", "conf/local.ini", "conf/tracked.ini", "missing"),
        link=("node_modules", "missing too"),
    )
    owner.put("conf/tracked.ini", "unsaved\n")
    workspace = await repositories.prepare(project, "abcd1234", "x", base=None)
    assert (workspace.path / ".env.test").read_text() == "SECRET=1\n"
    assert (workspace.path / ".env.test").stat().st_mode & 0o777 == 0o600
    assert (workspace.path / "conf/tracked.ini").read_text() == "tracked\n"
    assert (workspace.path / "node_modules/x/index.js").exists()
    after = await repositories.checkpoint(project, workspace, "Turn", {})
    assert after.head == workspace.head
    assert git(workspace.path, "status", "--porcelain") == ""
    confined = Repositories(tmp_path / "second", lambda command, _: command)
    workspace = await confined.prepare(project, "abcd1234", "x", base=None)
    linked = [(mount.source, mount.target, mount.writable) for mount in workspace.mounts]
    source, target = owner.path / "node_modules", workspace.path / "node_modules"
    assert (source, target, False) in linked
    assert (source, source, False) in linked
    assert list(target.iterdir()) == []


@pytest.mark.parametrize("name", ["../secret", "/etc/passwd", "out/secret", ".git/config", "."])
async def test_copies_never_leave_the_project(
    repositories: Repositories, owner: Checkout, tmp_path: Path, name: str
) -> None:
    (tmp_path / "owner/secret").write_text("secret\n")
    (owner.path / "out").symlink_to(tmp_path / "owner")
    project = replace(owner.project, copy=(name,))
    with pytest.raises(UserError, match="outside"):
        await repositories.prepare(project, "abcd1234", "x", base=None)


async def test_copies_do_not_follow_a_link_of_the_repository(
    repositories: Repositories, owner: Checkout, tmp_path: Path
) -> None:
    (tmp_path / "victim").mkdir()
    (owner.path / "conf").symlink_to(tmp_path / "victim")
    owner.commit("A link that leads out")
    (owner.path / "conf").unlink()
    owner.put("conf/local.ini")
    with pytest.raises(UserError, match="outside"):
        await repositories.prepare(
            replace(owner.project, copy=("conf/local.ini",)), "abcd1234", "x", base=None
        )
    assert list((tmp_path / "victim").iterdir()) == []


async def test_linked_worktree_and_bare_repository_as_projects(
    repositories: Repositories, owner: Checkout, tmp_path: Path
) -> None:
    owner.git("worktree", "add", "--quiet", "-b", "side", str(tmp_path / "side"))
    side = Checkout(tmp_path / "side")
    await round_trip(repositories, side)
    assert (side.path / "work.txt").exists()
    assert not (owner.path / "work.txt").exists()
    git(tmp_path, "clone", "--quiet", "--bare", str(owner.path), "bare.git")
    await round_trip(repositories, Checkout(tmp_path / "bare.git"))


async def test_branch_checked_out_in_another_worktree_gets_its_files(
    repositories: Repositories, owner: Checkout, tmp_path: Path
) -> None:
    owner.git("worktree", "add", "--quiet", "-b", "side", str(tmp_path / "si de"))
    await round_trip(repositories, owner, base="side")
    assert (tmp_path / "si de/work.txt").exists()
    assert git(tmp_path / "si de", "status", "--porcelain") == ""


async def test_sha256_repository(repositories: Repositories, tmp_path: Path) -> None:
    owner = Checkout.make(tmp_path / "owner", "--object-format=sha256")
    owner.put("a.txt")
    owner.commit()
    after = await round_trip(repositories, owner)
    assert len(after.head) == 64
    assert git(after.path, "rev-parse", "HEAD") == after.head


async def test_owner_without_a_name(repositories: Repositories, owner: Checkout) -> None:
    owner.git("config", "--unset", "user.name")
    owner.git("config", "--unset", "user.email")
    after = await round_trip(repositories, owner)
    assert owner.git("log", "-1", "--format=%an", after.head)


@pytest.mark.skipif(shutil.which("git-lfs") is None, reason="git-lfs is not installed")
@pytest.mark.parametrize("confined", [True, False])
async def test_large_files(owner: Checkout, tmp_path: Path, confined: bool) -> None:
    if confined and shutil.which("bwrap") is None:
        pytest.skip("bubblewrap is not installed")
    repositories = Repositories(tmp_path / "home", in_bubblewrap if confined else None)
    owner.git("lfs", "install", "--local")
    owner.git("lfs", "track", "*.bin")
    owner.put("big.bin", "big\n" * 1000)
    owner.put("lost.bin", "lost\n" * 1000)
    owner.commit("Large files")
    pointer = owner.show("HEAD:lost.bin")
    oid = pointer.split("sha256:")[1].split()[0]
    (owner.path / ".git/lfs/objects" / oid[:2] / oid[2:4] / oid).unlink()
    workspace = await prepared(repositories, owner)
    assert (workspace.path / "big.bin").read_text() == "big\n" * 1000
    assert (workspace.path / "lost.bin").read_text().strip() == pointer
    assert git(workspace.path, "status", "--porcelain") == ""
    (workspace.path / "big.bin").write_text("bigger\n" * 1000)
    (workspace.path / "new.bin").write_text("new\n" * 1000)
    after = await turn(repositories, owner, workspace)
    assert owner.show(f"{after.head}:big.bin").startswith("version https://git-lfs")
    back = await repositories.undo(owner.project, after, None)
    assert (workspace.path / "big.bin").read_text() == "big\n" * 1000
    assert not (workspace.path / "new.bin").exists()
    assert await repositories.undo(owner.project, back, after.head) == after
    assert (workspace.path / "big.bin").read_text() == "bigger\n" * 1000
    await merged(repositories, owner, after)
    assert (owner.path / "big.bin").read_text() == "bigger\n" * 1000
    assert (owner.path / "new.bin").read_text() == "new\n" * 1000
    assert owner.status() == ""


@pytest.mark.skipif(shutil.which("git-lfs") is None, reason="git-lfs is not installed")
async def test_settings_of_large_files_in_the_repository_run_nothing(
    repositories: Repositories, owner: Checkout, tmp_path: Path
) -> None:
    canary = tmp_path / "canary"
    (owner.path / ".git/lfs").mkdir()
    workspace = await prepared(repositories, owner)
    (workspace.path / ".gitattributes").write_text("*.bin filter=lfs\n")
    (workspace.path / ".lfsconfig").write_text(
        f"[lfs]\n\turl = ext::touch {canary}\n\tstorage = {tmp_path}/store\n"
        f'[lfs "extension.x"]\n\tclean = touch {canary}\n\tsmudge = touch {canary}\n'
        "\tpriority = 0\n"
        f'[lfs "customtransfer.x"]\n\tpath = {canary}\n'
    )
    (workspace.path / "big.bin").write_text("big\n" * 1000)
    after = await turn(repositories, owner, workspace)
    assert owner.show(f"{after.head}:big.bin").startswith("version https://git-lfs")
    await merged(repositories, owner, after)
    assert not canary.exists()
    assert not (tmp_path / "store").exists()


async def test_changes_inside_a_submodule_are_kept_and_told(
    repositories: Repositories, owner: Checkout, tmp_path: Path
) -> None:
    library = Checkout.make(tmp_path / "library")
    library.put("lib.py")
    library.put("deep/er.py")
    library.commit()
    owner.git("-c", "protocol.file.allow=always", "submodule", "add", str(library.path), "lib")
    owner.commit("A submodule")
    workspace = await prepared(repositories, owner)
    (workspace.path / "work.txt").write_text("work\n")
    first = await turn(repositories, owner, workspace)
    assert (await repositories.changes(first))[1] == ()
    (workspace.path / "lib/lib.py").write_text("changed\n")
    (workspace.path / "lib/deep/new.py").write_text("new\n")
    after = await turn(repositories, owner, first)
    assert after.head == first.head
    (note,) = (await repositories.changes(after))[1]
    assert "inside the submodule lib are not on the branch" in note
    await repositories.discard(owner.project, after)
    assert (owner.path / "lib/lib.py").read_text() == "content\n"
    told = ["sh", "-c", note.partition("to have them there: ")[2]]
    await asyncio.to_thread(subprocess.run, told, cwd=owner.path, check=True)
    assert (owner.path / "lib/lib.py").read_text() == "changed\n"
    assert (owner.path / "lib/deep/new.py").read_text() == "new\n"
    assert (owner.path / "lib/deep/er.py").read_text() == "content\n"


async def test_owner_moved_the_branch(repositories: Repositories, owner: Checkout) -> None:
    workspace = await prepared(repositories, owner)
    (workspace.path / "work.txt").write_text("1\n")
    first = await repositories.checkpoint(owner.project, workspace, "One", {})
    owner.git("checkout", "--quiet", first.branch)
    owner.put("mine.txt")
    mine = owner.commit("Mine, on the agent's branch")
    (workspace.path / "work.txt").write_text("2\n")
    second = await repositories.checkpoint(owner.project, first, "Two", {})
    assert owner.head(first.branch) == mine
    assert owner.head(f"{first.branch}-2") == second.head
    _, notes = await repositories.changes(second)
    assert any(f"is on {first.branch}-2" in note for note in notes)
    await repositories.discard(owner.project, second)
    assert owner.head(first.branch) == mine
    assert owner.git("branch", "--list", f"{first.branch}-2") == ""


async def test_branch_checked_out_at_the_desk_follows_with_its_files(
    repositories: Repositories, owner: Checkout
) -> None:
    workspace = await prepared(repositories, owner)
    (workspace.path / "work.txt").write_text("1\n")
    first = await repositories.checkpoint(owner.project, workspace, "One", {})
    owner.git("checkout", "--quiet", first.branch)
    (workspace.path / "work.txt").write_text("2\n")
    second = await repositories.checkpoint(owner.project, first, "Two", {})
    assert owner.head() == second.head
    assert (owner.path / "work.txt").read_text() == "2\n"
    assert owner.status() == ""
    owner.put("work.txt", "unsaved\n")
    (workspace.path / "work.txt").write_text("3\n")
    third = await repositories.checkpoint(owner.project, second, "Three", {})
    assert owner.head() == second.head
    assert (owner.path / "work.txt").read_text() == "unsaved\n"
    _, notes = await repositories.changes(third)
    assert any("in the way: work.txt" in note for note in notes)


async def test_name_taken_by_another_branch_is_told(
    repositories: Repositories, owner: Checkout
) -> None:
    owner.git("branch", "gofer")
    workspace = await prepared(repositories, owner)
    (workspace.path / "work.txt").write_text("1\n")
    after = await repositories.checkpoint(owner.project, workspace, "One", {})
    _, notes = await repositories.changes(after)
    assert any("could not be shown" in note for note in notes)


def test_no_object_shares_an_inode_with_the_owners(tmp_path: Path, owner: Checkout) -> None:
    repositories = Repositories(tmp_path / "home")
    asyncio.run(round_trip(repositories, owner))
    inodes = {p.stat().st_ino for p in (owner.path / ".git/objects").rglob("*") if p.is_file()}
    for path in (tmp_path / "home").rglob("*"):
        assert not (path.is_file() and path.stat().st_ino in inodes), path


@given(st.text(max_size=300), st.text(max_size=300))
def test_any_two_project_names_have_two_folders(first: str, second: str) -> None:
    folders = [folder_name(name) for name in (first, second)]
    assert (folders[0] == folders[1]) == (first == second)
    for folder in folders:
        assert "/" not in folder
        assert folder not in (".", "..")
        assert len(os.fsencode(folder)) < 200


@given(st.text(max_size=200))
@settings(deadline=None, max_examples=60)
def test_any_slug_makes_a_branch_name(slug: str) -> None:
    name = branch_name("abcd1234", slug)
    with tempfile.TemporaryDirectory() as folder:
        git(Path(folder), "check-ref-format", "--branch", name)
    assert name.startswith("gofer/abcd1234")


names = st.binary(min_size=1, max_size=40).filter(
    lambda name: (
        not {0, ord("/")} & set(name) and name not in (b".", b"..") and b"git" not in name.lower()
    )
)


@given(st.sets(names, min_size=1, max_size=8))
@settings(deadline=None, max_examples=15)
def test_files_of_any_name_come_and_go(found: set[bytes]) -> None:
    with tempfile.TemporaryDirectory() as folder:
        owner = Checkout.make(Path(folder) / "app")
        owner.commit("Start")
        repositories = Repositories(Path(folder) / "home")

        async def walk() -> None:
            workspace = await prepared(repositories, owner)
            for name in found:
                Path(os.fsdecode(os.fsencode(workspace.path) + b"/" + name)).write_bytes(name)
            after = await turn(repositories, owner, workspace)
            files, _ = await repositories.changes(after)
            assert len(files) == len(found)
            for file in files:
                assert await repositories.diff(after, file.path)
            await merged(repositories, owner, after)

        asyncio.run(walk())
        landed = {os.fsencode(path.name) for path in owner.path.iterdir() if path.name != ".git"}
        assert landed == found
        assert owner.status() == ""
