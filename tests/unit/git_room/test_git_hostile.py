"""Repositories and agents that try to have their code run by Gofer's git, or by the owner's.

Each trick would make a file appear outside the workspace. Either it is without effect and the work
lands all the same, or the task ends with UnsafeRepository.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from core.errors import Refused, UnsafeRepository
from git_ops.git import sandboxed
from git_ops.notes import TOO_MUCH
from git_ops.repositories import Repositories
from git_ops.review import LONGEST_DIFF
from tests.fakes.checkout import Checkout, git
from tests.unit.git_room.steps import merged, prepared, turn

ALL_HOOKS = (
    "applypatch-msg", "pre-commit", "prepare-commit-msg", "commit-msg", "post-commit", "pre-rebase",
    "post-checkout", "post-merge", "pre-push", "post-rewrite", "reference-transaction",
    "post-index-change", "pre-merge-commit", "fsmonitor-watchman", "push-to-checkout",
    "pre-receive", "update", "post-receive", "pre-auto-gc", "sendemail-validate",
)  # fmt: skip


@pytest.fixture
def canary(tmp_path: Path) -> Path:
    """What a trick would leave behind."""
    return tmp_path / "canary"


@pytest.fixture
def payload(tmp_path: Path, canary: Path) -> Path:
    return script(tmp_path / "payload", canary)


def script(path: Path, canary: Path) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(f'#!/bin/sh\necho "$0 $*" >>"{canary}"\ncat\n')
    path.chmod(0o755)
    return path


def hooks(tree: Path, payload: Path) -> None:
    for name in ALL_HOOKS:
        script(tree / ".git/hooks" / name, payload.with_name("canary"))


def hooks_path(tree: Path, payload: Path) -> None:
    for name in ALL_HOOKS:
        script(tree / ".githooks" / name, payload.with_name("canary"))
    git(tree, "config", "core.hooksPath", ".githooks")


def fsmonitor(tree: Path, payload: Path) -> None:
    git(tree, "config", "core.fsmonitor", str(payload))


def filters(tree: Path, payload: Path) -> None:
    (tree / ".gitattributes").write_text("* filter=evil\n")
    (tree / ".git/info/attributes").write_text("* filter=evil\n")
    for key in ("clean", "smudge", "process"):
        git(tree, "config", f"filter.evil.{key}", str(payload))


def drivers(tree: Path, payload: Path) -> None:
    (tree / ".gitattributes").write_text("* diff=evil merge=evil\n")
    for key in ("diff.evil.textconv", "diff.evil.command", "diff.external", "merge.evil.driver"):
        git(tree, "config", key, str(payload))


def programs(tree: Path, payload: Path) -> None:
    for key in (
        "core.sshCommand", "core.pager", "core.editor", "core.askPass", "gpg.program",
        "sequence.editor", "credential.helper", "core.gitProxy", "uploadpack.packObjectsHook",
        "core.alternateRefsCommand", "alias.status", "trailer.x.command", "interactive.diffFilter",
    ):  # fmt: skip
        git(tree, "config", key, str(payload))
    git(tree, "config", "commit.gpgSign", "true")


def worktree_configuration(tree: Path, payload: Path) -> None:
    git(tree, "config", "extensions.worktreeConfig", "true")
    (tree / ".git/config.worktree").write_text(f"[core]\n\tfsmonitor = {payload}\n")


def included_configuration(tree: Path, payload: Path) -> None:
    (tree / "extra").write_text(f"[core]\n\tfsmonitor = {payload}\n")
    git(tree, "config", "include.path", "../extra")


def evil_repository(at: Path, payload: Path) -> None:
    at.mkdir(parents=True, exist_ok=True)
    git(at, "init", "--quiet")
    git(at, "config", "user.name", "Mallory")
    git(at, "config", "user.email", "mallory@example.org")
    (at / "inside.txt").write_text("inside\n")
    git(at, "add", "inside.txt")
    git(at, "commit", "--quiet", "--message", "inside")
    git(at, "config", "core.fsmonitor", str(payload))
    hooks(at, payload)


def swapped_git_file(tree: Path, payload: Path) -> None:
    evil_repository(tree / "evil", payload)
    shutil.rmtree(tree / ".git")
    (tree / ".git").write_text(f"gitdir: {tree / 'evil/.git'}\n")


def swapped_git_link(tree: Path, payload: Path) -> None:
    evil_repository(tree / "evil", payload)
    shutil.rmtree(tree / ".git")
    (tree / ".git").symlink_to(tree / "evil/.git")


def common_directory(tree: Path, payload: Path) -> None:
    evil_repository(tree / "evil", payload)
    (tree / ".git/commondir").write_text("../evil/.git\n")


def embedded_repository(tree: Path, payload: Path) -> None:
    evil_repository(tree / "deep/er", payload)


def embedded_and_committed(tree: Path, payload: Path) -> None:
    evil_repository(tree / "deep", payload)
    git(tree, "add", "deep")
    git(tree, "commit", "--quiet", "--message", "A gitlink")


def embedded_git_file(tree: Path, payload: Path) -> None:
    evil_repository(tree / ".hidden/real", payload)
    (tree / "sub").mkdir()
    (tree / "sub/.git").write_text(f"gitdir: {tree / '.hidden/real/.git'}\n")
    (tree / "sub/inside.txt").write_text("inside\n")


def submodule_tricks(tree: Path, payload: Path) -> None:
    (tree / ".gitmodules").write_text(
        f'[submodule "x"]\n\tpath = x\n\turl = ext::sh -c {payload}\n\tupdate = !{payload}\n'
    )


def odd_names(tree: Path, payload: Path) -> None:
    for name in (
        f"--upload-pack={payload}".replace("/", "_"), "-c", "--", "new\nline", "tab\there",
        'quo"te', "back\\slash", "  spaces ", "*", ":(top)x", "ünï", "$(touch x)", "@{0}", "HEAD",
    ):  # fmt: skip
        (tree / name).write_text("odd\n")
    Path(os.fsdecode(os.fsencode(tree) + b"/\xff\xfe")).write_text("bytes\n")


def links_out(tree: Path, payload: Path) -> None:
    (tree / "etc").symlink_to("/etc")
    (tree / ".git/index").unlink()
    (tree / ".git/index").symlink_to(payload)


def broken_objects(tree: Path, payload: Path) -> None:
    """A commit whose tree holds `..`, which no checkout may ever follow."""
    blob = git(tree, "hash-object", "-w", "app.py")
    entry = b"100644 ..\0" + bytes.fromhex(blob)
    bad = git(tree, "hash-object", "-w", "-t", "tree", "--literally", "--stdin", stdin=entry)
    commit = git(tree, "commit-tree", bad, "-p", "HEAD", stdin=b"bad")
    git(tree, "update-ref", "HEAD", commit)


def missing_objects(tree: Path, payload: Path) -> None:
    """A commit whose tree is not there."""
    git(tree, "add", "--all")
    git(tree, "commit", "--quiet", "--message", "hollow", "--allow-empty")
    (tree / "z").write_text("z\n")
    blob = git(tree, "hash-object", "-w", "z")
    git(tree, "add", "z")
    git(tree, "commit", "--quiet", "--message", "hollow")
    (tree / ".git/objects" / blob[:2] / blob[2:]).unlink()


def borrowed_objects(tree: Path, payload: Path) -> None:
    evil_repository(tree / "evil", payload)
    (tree / ".git/objects/info/alternates").write_text(f"{tree / 'evil/.git/objects'}\n")


def nothing_left(tree: Path, payload: Path) -> None:
    shutil.rmtree(tree / ".git")


TRICKS: tuple[Callable[[Path, Path], None], ...] = (
    hooks, hooks_path, fsmonitor, filters, drivers, programs, worktree_configuration,
    included_configuration, swapped_git_file, swapped_git_link, common_directory,
    embedded_repository, embedded_and_committed, embedded_git_file, submodule_tricks, odd_names,
    links_out, broken_objects, missing_objects, borrowed_objects, nothing_left,
)  # fmt: skip


@pytest.mark.parametrize("trick", TRICKS, ids=lambda trick: trick.__name__)
async def test_trick_is_without_effect(
    repositories: Repositories,
    owner: Checkout,
    payload: Path,
    canary: Path,
    trick: Callable[[Path, Path], None],
) -> None:
    workspace = await prepared(repositories, owner)
    trick(workspace.path, payload)
    canary.unlink(missing_ok=True)  # the trick's own git may have run what it planted
    (workspace.path / "app.py").write_text("two\n")
    (workspace.path / "work.txt").write_text("work\n")
    after = await turn(repositories, owner, workspace)
    _, notes = await repositories.changes(after)
    (workspace.path / "work.txt").write_text("more work\n")
    after = await turn(repositories, owner, after)
    after = await repositories.undo(owner.project, after, None)
    await repositories.diff(after)
    await repositories.changes(after)
    await merged(repositories, owner, after)
    assert owner.show("HEAD:work.txt") == "work"
    assert (owner.path / "app.py").read_text() == "two\n"
    assert owner.status() == ""
    await repositories.discard(owner.project, after)
    await repositories.restore(owner.project, after)
    assert not canary.exists(), canary.read_text()
    assert payload.read_text().startswith("#!/bin/sh\n")
    rigged = {hooks, fsmonitor, filters, programs, worktree_configuration, swapped_git_file,
              swapped_git_link, common_directory, nothing_left}  # fmt: skip
    assert any("rigged" in note for note in notes) or trick not in rigged


@pytest.mark.parametrize("where", ["deep/er", "deep", "sub"])
async def test_files_of_an_embedded_repository_come_along(
    repositories: Repositories, owner: Checkout, payload: Path, where: str
) -> None:
    workspace = await prepared(repositories, owner)
    trick = {
        "deep/er": embedded_repository,
        "deep": embedded_and_committed,
        "sub": embedded_git_file,
    }
    trick[where](workspace.path, payload)
    (workspace.path / where / "late.txt").write_text("late\n")
    after = await turn(repositories, owner, workspace)
    assert owner.show(f"{after.head}:{where}/inside.txt") == "inside"
    assert owner.show(f"{after.head}:{where}/late.txt") == "late"
    assert ".git" not in owner.git("ls-tree", "-r", "--name-only", after.head)
    _, notes = await repositories.changes(after)
    assert any(where in note and "plain files" in note for note in notes)


@pytest.mark.parametrize("name", [".GIT/config", "sub/.Git/hooks/post-checkout", "git~1/config"])
async def test_names_that_are_git_folders_elsewhere_are_unsafe(
    repositories: Repositories, owner: Checkout, name: str
) -> None:
    workspace = await prepared(repositories, owner)
    (workspace.path / name).parent.mkdir(parents=True)
    (workspace.path / name).write_text("[core]\n")
    with pytest.raises(UnsafeRepository):
        await turn(repositories, owner, workspace)


@pytest.mark.parametrize("name", [".gitignore", "deep/.gitattributes"])
async def test_files_that_would_make_git_wait_are_unsafe(
    repositories: Repositories, owner: Checkout, name: str
) -> None:
    workspace = await prepared(repositories, owner)
    (workspace.path / name).parent.mkdir(exist_ok=True)
    os.mkfifo(workspace.path / name)
    with pytest.raises(UnsafeRepository):
        await turn(repositories, owner, workspace)


def test_endless_words_of_the_agents_git_stay_outside(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A repository can name programs that git runs, if only inside the sandbox."""
    script = (
        "#!/bin/sh\nhead -c 9000000 /dev/zero >&2; head -c 9000000 /dev/zero\necho so >&2; exit 3"
    )
    (tmp_path / "git").write_text(script)
    (tmp_path / "git").chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path), prepend=os.pathsep)
    result = sandboxed(list, tmp_path, "status")
    assert (result.status, result.out) == (3, b"")
    assert result.err.endswith(b"so")
    assert len(result.err) <= 2000


async def test_links_that_lead_out_are_told(repositories: Repositories, owner: Checkout) -> None:
    (owner.path / "was.txt").symlink_to("app.py")
    owner.commit("A link")
    workspace = await prepared(repositories, owner)
    (workspace.path / "deep").mkdir()
    for name, target in {
        "app.py": "/etc/passwd",
        "was.txt": "../../x",
        "deep/up": "../../y",
        "deep/inside": "../app.py",
        "deep/near": "./../app.py",
    }.items():
        (workspace.path / name).unlink(missing_ok=True)
        (workspace.path / name).symlink_to(target)
    (workspace.path / "words.txt").write_text("new file mode 120000\n/etc/passwd\n")
    _, notes = await repositories.changes(await turn(repositories, owner, workspace))
    assert "Links to what lies outside of the project: app.py, deep/up, was.txt." in notes


async def test_a_diff_without_end_is_cut_off(repositories: Repositories, owner: Checkout) -> None:
    workspace = await prepared(repositories, owner)
    (workspace.path / "long.txt").write_text("all work and no play\n" * 1_100_000)
    (workspace.path / "longer.txt").write_text("all work and no play\n" * 2_600_000)
    after = await turn(repositories, owner, workspace)
    diff = await repositories.diff(after)
    assert LONGEST_DIFF < len(diff) < LONGEST_DIFF + 200
    assert diff.endswith("this is its beginning.]\n")
    assert TOO_MUCH in (await repositories.changes(after))[1]
    assert "Binary files" in await repositories.diff(after, "longer.txt")


async def test_workspace_that_became_a_link_is_unsafe(
    repositories: Repositories, owner: Checkout, tmp_path: Path
) -> None:
    workspace = await prepared(repositories, owner)
    workspace.path.rename(tmp_path / "aside")
    workspace.path.symlink_to(owner.path)
    with pytest.raises(UnsafeRepository):
        await turn(repositories, owner, workspace)


async def test_tracked_hooks_do_not_run_in_the_owners_checkout(
    repositories: Repositories, owner: Checkout, canary: Path
) -> None:
    for name in ALL_HOOKS:
        owner.put(f".githooks/{name}", "#!/bin/sh\n").chmod(0o755)
    owner.commit("Hooks of the project's own")
    owner.git("config", "core.hooksPath", ".githooks")
    workspace = await prepared(repositories, owner)
    for name in ALL_HOOKS:
        script(workspace.path / ".githooks" / name, canary)
    after = await turn(repositories, owner, workspace)
    await merged(repositories, owner, after)
    assert not canary.exists()
    _, notes = await repositories.changes(after)
    assert any(".githooks" in note for note in notes)


async def test_tracked_monitor_does_not_run_in_the_owners_checkout(
    repositories: Repositories, owner: Checkout, canary: Path
) -> None:
    """A program that the owner has git ask for changed files, which is in the repository itself."""
    script(owner.path / "tools/monitor", canary)
    owner.commit("A monitor of the project's own")
    owner.git("config", "core.fsmonitor", "tools/monitor")
    workspace = await prepared(repositories, owner)
    (workspace.path / "app.py").write_text("two\n")
    after = await turn(repositories, owner, workspace)
    await merged(repositories, owner, after)
    assert (owner.path / "app.py").read_text() == "two\n"
    assert not canary.exists()


async def test_tracked_filter_programs_do_not_run_in_the_owners_checkout(
    repositories: Repositories, owner: Checkout, canary: Path
) -> None:
    script(owner.path / "tools/filter", canary.with_name("harmless"))
    owner.commit("A filter of the project's own")
    owner.git("config", "filter.own.smudge", "./tools/filter")
    owner.git("config", "filter.own.clean", "./tools/filter")
    owner.git("config", "filter.own.required", "true")
    workspace = await prepared(repositories, owner)
    script(workspace.path / "tools/filter", canary)
    (workspace.path / ".gitattributes").write_text("*.txt filter=own\n")
    (workspace.path / "new.txt").write_text("new\n")
    after = await turn(repositories, owner, workspace)
    with pytest.raises(Refused, match=r"new\.txt would pass through a filter"):
        await merged(repositories, owner, after)
    assert not canary.exists()
    assert owner.status() == ""


async def test_repository_planted_in_a_submodule_is_not_entered(
    repositories: Repositories, owner: Checkout, payload: Path, canary: Path, tmp_path: Path
) -> None:
    library = Checkout.make(tmp_path / "library")
    library.put("lib.py")
    pinned = library.commit()
    owner.git("-c", "protocol.file.allow=always", "submodule", "add", str(library.path), "lib")
    owner.commit("A submodule")
    workspace = await prepared(repositories, owner)
    assert (workspace.path / "lib/lib.py").read_text() == "content\n"
    assert git(workspace.path, "status", "--porcelain") == ""
    evil_repository(workspace.path / "lib", payload)
    canary.unlink(missing_ok=True)
    (workspace.path / "work.txt").write_text("work\n")
    after = await turn(repositories, owner, workspace)
    files, _ = await repositories.changes(after)
    assert [file.path for file in files] == ["work.txt"]
    assert pinned in owner.git("ls-tree", after.head, "lib")
    assert not canary.exists()


async def test_merge_drivers_do_not_run(
    repositories: Repositories, owner: Checkout, payload: Path, canary: Path
) -> None:
    owner.put(".gitattributes", "app.py merge=own\n")
    owner.put("app.py", "1\n2\n3\n4\n5\n6\n7\n")
    owner.commit("A merge driver")
    owner.git("config", "merge.own.driver", f"{payload} %A")
    workspace = await prepared(repositories, owner)
    (workspace.path / "app.py").write_text("one\n2\n3\n4\n5\n6\n7\n")
    after = await turn(repositories, owner, workspace)
    owner.put("app.py", "1\n2\n3\n4\n5\n6\nseven\n")
    owner.commit("Mine")
    await merged(repositories, owner, after)
    assert (owner.path / "app.py").read_text() == "one\n2\n3\n4\n5\n6\nseven\n"
    assert not canary.exists()


async def test_environment_of_whoever_started_us_is_not_heeded(
    repositories: Repositories,
    owner: Checkout,
    payload: Path,
    canary: Path,
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
) -> None:
    monkeypatch.setenv("GIT_DIR", str(tmp_path / "nowhere"))
    monkeypatch.setenv("GIT_INDEX_FILE", str(tmp_path / "nowhere"))
    monkeypatch.setenv("GIT_OBJECT_DIRECTORY", str(tmp_path / "nowhere"))
    monkeypatch.setenv("GIT_EXTERNAL_DIFF", str(payload))
    monkeypatch.setenv("GIT_CONFIG_COUNT", "1")
    monkeypatch.setenv("GIT_CONFIG_KEY_0", "core.fsmonitor")
    monkeypatch.setenv("GIT_CONFIG_VALUE_0", str(payload))
    workspace = await prepared(repositories, owner)
    (workspace.path / "new.txt").write_text("new\n")
    after = await turn(repositories, owner, workspace)
    assert "+new" in await repositories.diff(after)
    assert not canary.exists()
