"""A task's branch: made, worked in, saved, undone, landed, put away."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from core.errors import MergeConflict, NotFound, Refused, UserError
from core.model import Workspace
from git_ops.repositories import Repositories
from tests.fakes.checkout import Checkout, git
from tests.unit.git_room.steps import prepared

TRAILERS = {"Gofer-Task": "abcd1234", "Gofer-Agent": "rehearsal"}


@pytest.fixture
def owner(tmp_path: Path) -> Checkout:
    checkout = Checkout.make(tmp_path / "owner" / "app")
    checkout.put("app.py", "one\ntwo\nthree\n")
    checkout.put("docs/read me.md", "hello\n")
    checkout.commit("Start")
    return checkout


async def saved(repositories: Repositories, owner: Checkout, workspace: Workspace) -> Workspace:
    return await repositories.checkpoint(owner.project, workspace, "Fix it", TRAILERS)


async def test_workspace_is_a_repository_of_its_own(
    repositories: Repositories, owner: Checkout
) -> None:
    workspace = await prepared(repositories, owner)
    assert workspace.branch == "gofer/abcd1234-x"
    assert workspace.base == workspace.head == owner.head()
    assert (workspace.path / "docs/read me.md").read_text() == "hello\n"
    assert git(workspace.path, "status", "--porcelain") == ""
    assert git(workspace.path, "symbolic-ref", "--short", "HEAD") == workspace.branch
    assert git(workspace.path, "log", "--format=%an", "-1") == "Ada Owner"
    assert await prepared(repositories, owner) == workspace


async def test_a_base_is_known_before_anything_is_made(
    repositories: Repositories, owner: Checkout, tmp_path: Path
) -> None:
    await repositories.require_base(owner.project, None)
    await repositories.require_base(owner.project, "main")
    with pytest.raises(UserError, match="'nope'"):
        await repositories.require_base(owner.project, "nope")
    empty = Checkout.make(tmp_path / "owner" / "empty")
    with pytest.raises(UserError, match="has no commit yet"):
        await repositories.require_base(empty.project, None)


async def test_turn_is_committed_and_published(repositories: Repositories, owner: Checkout) -> None:
    workspace = await prepared(repositories, owner)
    (workspace.path / "app.py").write_text("one\n2\nthree\nfour\n")
    (workspace.path / "new.txt").write_text("new\n")
    (workspace.path / "docs/read me.md").rename(workspace.path / "docs/README.md")
    after = await saved(repositories, owner, workspace)
    assert owner.head(after.branch) == after.head != workspace.head
    assert owner.show(f"{after.branch}:new.txt") == "new"
    message = owner.git("log", "-1", "--format=%an <%ae>%n%B", after.head)
    assert message.startswith("Ada Owner <ada@example.org>\nFix it\n")
    assert message.endswith("Gofer-Task: abcd1234\nGofer-Agent: rehearsal")
    assert owner.status() == ""
    assert git(workspace.path, "status", "--porcelain") == ""
    files, notes = await repositories.changes(after)
    assert [(f.path, f.added, f.removed, f.status, f.old_path) for f in files] == [
        ("app.py", 2, 1, "modified", None),
        ("docs/README.md", 0, 0, "renamed", "docs/read me.md"),
        ("new.txt", 1, 0, "added", None),
    ]
    assert notes == ()
    assert "+four" in await repositories.diff(after)
    assert "rename from docs/read me.md" in await repositories.diff(after, "docs/README.md")
    with pytest.raises(NotFound):
        await repositories.diff(after, "other.txt")
    assert await saved(repositories, owner, after) == after


async def test_what_tools_leave_behind_is_no_change(
    repositories: Repositories, owner: Checkout
) -> None:
    workspace = await prepared(repositories, owner)
    for name in ("src/__pycache__/app.cpython-311.pyc", "web/node_modules/x/index.js", "b.pyo"):
        (workspace.path / name).parent.mkdir(parents=True, exist_ok=True)
        (workspace.path / name).write_text("left")
    assert await saved(repositories, owner, workspace) == workspace
    (workspace.path / ".gitignore").write_text("!node_modules/\n")
    files, _ = await repositories.changes(await saved(repositories, owner, workspace))
    assert [file.path for file in files] == [".gitignore", "web/node_modules/x/index.js"]


async def test_commits_of_the_agent_are_kept(repositories: Repositories, owner: Checkout) -> None:
    workspace = await prepared(repositories, owner)
    (workspace.path / "app.py").write_text("one\n")
    git(workspace.path, "commit", "--quiet", "--all", "--message", "The agent's own")
    (workspace.path / "more.txt").write_text("more\n")
    after = await saved(repositories, owner, workspace)
    subjects = [subject for _, subject in await repositories.checkpoints(after)]
    if repositories._sandboxed:
        assert subjects == ["Fix it", "The agent's own", "Start"]
    else:
        assert subjects == ["Fix it", "Start"]
        _, notes = await repositories.changes(after)
        assert any("folded into one (without a sandbox" in note for note in notes)
    assert owner.show(f"{after.branch}:app.py") == "one"
    assert git(workspace.path, "rev-parse", "HEAD") == after.head
    (workspace.path / "more.txt").write_text("and more\n")
    git(workspace.path, "commit", "--quiet", "--all", "--message", "A second")
    again = await saved(repositories, owner, after)
    assert git(workspace.path, "rev-parse", "HEAD") == again.head


@pytest.mark.parametrize("how", ["merge", "squash", "rebase"])
async def test_landing_on_the_checked_out_branch(
    repositories: Repositories, owner: Checkout, how: str
) -> None:
    workspace = await prepared(repositories, owner)
    (workspace.path / "new.txt").write_text("new\n")
    after = await saved(repositories, owner, workspace)
    owner.put("elsewhere.txt")
    theirs = owner.commit("Meanwhile")
    owner.put("unsaved.txt", "mine\n")
    landed = await repositories.merge(
        owner.project, after, expected_head=after.head, how=how, message="Land it"
    )
    assert landed == (owner.head(), "main")
    assert (owner.path / "new.txt").read_text() == "new\n"
    assert owner.status() == "?? unsaved.txt"
    assert theirs in owner.git("rev-list", "HEAD").split()
    again = await repositories.merge(
        owner.project, after, expected_head=after.head, how=how, message="Land it"
    )
    assert again == landed
    assert await repositories.undo_merge(owner.project, after, landed[0]) == theirs
    assert owner.head() == theirs
    assert owner.status() == "?? unsaved.txt"
    assert not (owner.path / "new.txt").exists()


async def test_conflict_names_the_files(repositories: Repositories, owner: Checkout) -> None:
    workspace = await prepared(repositories, owner)
    (workspace.path / "app.py").write_text("agent\n")
    after = await saved(repositories, owner, workspace)
    owner.put("app.py", "owner\n")
    theirs = owner.commit("Mine")
    with pytest.raises(MergeConflict) as caught:
        await repositories.merge(
            owner.project, after, expected_head=after.head, how="merge", message="x"
        )
    assert caught.value.files == ("app.py",)
    assert owner.head() == theirs


async def in_conflict(repositories: Repositories, owner: Checkout) -> Workspace:
    workspace = await prepared(repositories, owner)
    (workspace.path / "app.py").write_text("agent\n")
    after = await saved(repositories, owner, workspace)
    owner.put("app.py", "owner\n")
    owner.put("theirs.txt")
    owner.commit("Mine")
    return after


async def test_a_target_that_is_taken_in_leaves_markers_and_only_the_tasks_own_change(
    repositories: Repositories, owner: Checkout
) -> None:
    before = await in_conflict(repositories, owner)
    taken = await repositories.take_in(owner.project, before)
    assert taken.base == owner.head()
    assert (taken.path / "theirs.txt").exists()
    assert "<<<<<<<" in (taken.path / "app.py").read_text()
    files, notes = await repositories.changes(taken)
    assert [file.path for file in files] == ["app.py"]
    assert "Conflict markers are left in: app.py." in notes
    assert await repositories.take_in(owner.project, taken) == taken

    (taken.path / "app.py").write_text("both\n")
    resolved = await saved(repositories, owner, taken)
    assert resolved.base == owner.head()
    assert (await repositories.changes(resolved))[1] == ()
    commit, _ = await repositories.merge(
        owner.project, resolved, expected_head=resolved.head, how="merge", message="Land it"
    )
    assert owner.show(f"{commit}:app.py") == "both"
    assert owner.git("rev-list", commit, f"^{resolved.base}").split()[1:2] == [resolved.head]


async def test_taking_in_can_be_undone_and_redone(
    repositories: Repositories, owner: Checkout
) -> None:
    before = await in_conflict(repositories, owner)
    taken = await repositories.take_in(owner.project, before)
    undone = await repositories.undo(owner.project, taken, None)
    assert undone == before
    assert not (undone.path / "theirs.txt").exists()
    assert [file.path for file in (await repositories.changes(undone))[0]] == ["app.py"]
    assert await repositories.undo(owner.project, undone, taken.head[:12]) == taken


async def test_a_file_goes_back_to_what_the_target_has_after_it_was_taken_in(
    repositories: Repositories, owner: Checkout
) -> None:
    taken = await repositories.take_in(owner.project, await in_conflict(repositories, owner))
    reverted = await repositories.revert_files(owner.project, taken, ["app.py"])
    assert (reverted.path / "app.py").read_text() == "owner\n"
    assert await repositories.changes(reverted) == ((), ())


async def test_uncommitted_changes_below_a_task_are_never_merged_with_its_target(
    repositories: Repositories, owner: Checkout
) -> None:
    owner.put("app.py", "unsaved\n")
    workspace = await repositories.prepare(
        owner.project, "abcd1234", "x", base=None, include_uncommitted=True
    )
    with pytest.raises(Refused, match="uncommitted"):
        await repositories.take_in(owner.project, workspace)


async def test_changes_in_the_way_are_named(repositories: Repositories, owner: Checkout) -> None:
    workspace = await prepared(repositories, owner)
    (workspace.path / "app.py").write_text("agent\n")
    (workspace.path / "new.txt").write_text("agent\n")
    after = await saved(repositories, owner, workspace)
    before = owner.head()
    owner.put("app.py", "unsaved\n")
    owner.put("new.txt", "unsaved\n")
    with pytest.raises(Refused, match=r"app\.py, new\.txt"):
        await repositories.merge(
            owner.project, after, expected_head=after.head, how="merge", message="x"
        )
    assert owner.head() == before
    assert (owner.path / "app.py").read_text() == "unsaved\n"
    assert (owner.path / "new.txt").read_text() == "unsaved\n"
    assert not (owner.path / ".git/index.lock").exists()


async def test_file_that_was_written_but_is_the_same_is_not_in_the_way(
    repositories: Repositories, owner: Checkout
) -> None:
    workspace = await prepared(repositories, owner)
    (workspace.path / "app.py").write_text("agent\n")
    after = await saved(repositories, owner, workspace)
    os.utime(owner.path / "app.py", (1, 1))
    await repositories.merge(
        owner.project, after, expected_head=after.head, how="merge", message="x"
    )
    assert (owner.path / "app.py").read_text() == "agent\n"


async def test_decision_is_bound_to_the_commit_seen(
    repositories: Repositories, owner: Checkout
) -> None:
    workspace = await prepared(repositories, owner)
    (workspace.path / "new.txt").write_text("agent\n")
    after = await saved(repositories, owner, workspace)
    with pytest.raises(Refused, match="moved"):
        await repositories.merge(
            owner.project, after, expected_head=workspace.head, how="merge", message="x"
        )


async def test_undo_and_redo(repositories: Repositories, owner: Checkout) -> None:
    workspace = await prepared(repositories, owner)
    (workspace.path / "app.py").write_text("first\n")
    first = await saved(repositories, owner, workspace)
    (workspace.path / "app.py").write_text("second\n")
    (workspace.path / "second.txt").write_text("second\n")
    second = await saved(repositories, owner, first)
    back = await repositories.undo(owner.project, second, None)
    assert back.head == first.head == owner.head(first.branch)
    assert (workspace.path / "app.py").read_text() == "first\n"
    assert not (workspace.path / "second.txt").exists()
    assert git(workspace.path, "rev-parse", "HEAD") == first.head
    start = await repositories.undo(owner.project, back, workspace.base)
    assert start.head == workspace.base
    again = await repositories.undo(owner.project, start, second.head)
    assert again.head == second.head == owner.head(first.branch)
    assert (workspace.path / "second.txt").read_text() == "second\n"
    assert git(workspace.path, "status", "--porcelain") == ""


async def test_files_are_put_back(repositories: Repositories, owner: Checkout) -> None:
    workspace = await prepared(repositories, owner)
    (workspace.path / "app.py").write_text("changed\n")
    (workspace.path / "new.txt").write_text("new\n")
    (workspace.path / "docs/read me.md").rename(workspace.path / "docs/README.md")
    after = await saved(repositories, owner, workspace)
    less = await repositories.revert_files(owner.project, after, ["app.py", "docs/README.md"])
    files, _ = await repositories.changes(less)
    assert [file.path for file in files] == ["new.txt"]
    assert (workspace.path / "docs/read me.md").read_text() == "hello\n"
    with pytest.raises(NotFound):
        await repositories.revert_files(owner.project, less, ["app.py"])


async def test_a_branch_that_was_put_aside_is_taken_up_again(
    repositories: Repositories, owner: Checkout
) -> None:
    workspace = await prepared(repositories, owner)
    await repositories.reconcile({})  # as for a task that nobody knows
    assert not workspace.path.exists()
    assert await prepared(repositories, owner) == workspace
    assert workspace.path.is_dir()


async def test_discarded_work_comes_back(repositories: Repositories, owner: Checkout) -> None:
    workspace = await prepared(repositories, owner)
    (workspace.path / "new.txt").write_text("saved\n")
    after = await saved(repositories, owner, workspace)
    (workspace.path / "new.txt").write_text("not saved\n")
    await repositories.discard(owner.project, after)
    assert not workspace.path.exists()
    assert owner.git("branch", "--list", "gofer/*") == ""
    await repositories.discard(owner.project, after)
    back = await repositories.restore(owner.project, after)
    assert back.path == workspace.path
    assert (workspace.path / "new.txt").read_text() == "not saved\n"
    assert owner.head(back.branch) == back.head


async def test_files_can_go_while_the_branch_stays(
    repositories: Repositories, owner: Checkout
) -> None:
    workspace = await prepared(repositories, owner)
    (workspace.path / "new.txt").write_text("saved\n")
    after = await saved(repositories, owner, workspace)
    await repositories.remove_worktree(owner.project, after)
    assert not workspace.path.exists()
    assert owner.head(after.branch) == after.head
    assert await repositories.restore(owner.project, after) == after
    assert (workspace.path / "new.txt").exists()


async def test_folders_that_are_no_projects(
    repositories: Repositories, tmp_path: Path, owner: Checkout
) -> None:
    (owner.path / "inner").mkdir()
    for folder, words in (
        (tmp_path / "nowhere", "no folder"),
        (owner.path / "inner", "not a git repository"),
        (Checkout.make(tmp_path / "empty").path, "no commit yet"),
    ):
        with pytest.raises(UserError, match=words):
            await prepared(repositories, Checkout(folder))
    with pytest.raises(UserError, match=r"'nope'.*It has: main"):
        await repositories.prepare(owner.project, "abcd1234", "x", base="nope")
    with pytest.raises(UserError):
        await repositories.prepare(owner.project, "abcd1234", "x", base="--upload-pack=touch x")


async def test_what_hearing_reads(repositories: Repositories, owner: Checkout) -> None:
    tracked = await repositories.tracked_files(owner.project)
    assert [file.path for file in tracked] == ["app.py", "docs/read me.md"]
    blobs = [file.blob for file in tracked]
    found = await repositories.read_blobs(owner.project, [*blobs, "0" * 40])
    assert found == {blobs[0]: b"one\ntwo\nthree\n", blobs[1]: b"hello\n"}
    assert await repositories.branches(owner.project) == ["main"]


async def test_what_was_changed_last_comes_first(
    repositories: Repositories, owner: Checkout
) -> None:
    for name in ("docs/über.md", "app.py"):
        owner.put(name, f"changed {name}\n")
        owner.commit(f"Change {name}")
    changed = await repositories.recently_changed(owner.project)
    assert changed[:2] == ["app.py", "docs/über.md"]
    assert len(changed) == len(set(changed))
