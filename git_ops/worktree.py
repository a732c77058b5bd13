"""The files of a task, and the agent's own repository in them.

The agent gets a whole, ordinary repository (`.git` and all) that borrows its objects from our
clone, which it can read but not write. Nothing in it is trusted: we never run git there outside
the sandbox, and look at the files through our own git directory and index instead.
"""

from __future__ import annotations

import os
import shutil
import stat
import subprocess
from collections.abc import Sequence
from pathlib import Path

from core.errors import GitError, UnsafeRepository, UserError
from core.model import Mount, Project
from git_ops import lfs
from git_ops.clone import Clone, Origin, Record
from git_ops.copying import walk
from git_ops.git import Git, fields, owners, shown
from git_ops.owner import Owner, unfiltered

GITLINK = b"160000 "
READ_BY_GIT = frozenset({b".gitignore", b".gitattributes"})
UNUSUAL = ("hooks", "config.worktree", "commondir", "info/attributes", "modules")


def look(clone: Clone, record: Record, work_tree: Path) -> Git:
    """Our git over the agent's files."""
    if work_tree.is_symlink() or not work_tree.is_dir():
        raise UnsafeRepository(f"{work_tree} is no longer a folder; the task's files are gone.")
    excluded = f"core.excludesFile={record.exclude}"
    git = clone.git.over(work_tree, record.index).configured(excluded)
    return lfs.filtering(git, clone.path / "lfs")


def build(
    clone: Clone,
    record: Record,
    work_tree: Path,
    origin: Origin,
    tip: str,
    owner: Owner,
    spare: str | None,
) -> bool:
    """Make the files and the agent's repository. Returns whether there are submodules among them.

    `spare` is the commit whose files lie there already, with the index to them; None: no files do.
    """
    work_tree.mkdir(parents=True, exist_ok=True)
    links = spare != tip and check_out(clone, record, work_tree, tip)
    if links:
        git = look(clone, record, work_tree)
        fill_submodules(git, owner.path, record.folder / "index.scratch")
    give_repository(clone, record, work_tree, origin, tip, owner)
    return links


def check_out(clone: Clone, record: Record, work_tree: Path, commit: str) -> bool:
    """Make the files be those of a commit; what is excluded stays. True: it has submodules."""
    git = look(clone, record, work_tree).configured("checkout.workers=0")
    git.run("read-tree", "--reset", "-u", commit)
    return shield_submodules(git)


def submodules(git: Git) -> dict[bytes, str]:
    """Paths of the index's submodules and the commits that they are pinned to."""
    entries = (entry.partition(b"\t") for entry in fields(git.run("ls-files", "--stage", "-z")))
    return {
        path: about.split()[1].decode() for about, _, path in entries if about.startswith(GITLINK)
    }


def shield_submodules(git: Git) -> bool:
    """Never look into submodules: git would run their own fsmonitor to learn their state.

    Returns whether there are any.
    """
    links = submodules(git)
    if links:
        paths = b"".join(path + b"\0" for path in links)
        git.run("update-index", "--skip-worktree", "-z", "--stdin", stdin=paths)
    return bool(links)


def fill_submodules(git: Git, owner: Path, scratch: Path) -> None:
    """Put the files of submodules where the agent can read them; their commits stay pinned.

    They come from the owner's checkout, where it has them, without a repository around them.
    """
    for path, commit in submodules(git).items():
        source, target = owner / os.fsdecode(path), git.cwd / os.fsdecode(path)
        plain = target.is_dir() and not target.is_symlink() and not any(target.iterdir())
        if not plain or not (source / ".git").exists():
            continue
        git_dir = owners(source).text("rev-parse", "--absolute-git-dir")
        inner = unfiltered(owners(source).using(GIT_DIR=git_dir)).over(target, scratch)
        scratch.unlink(missing_ok=True)
        if inner.succeeds("read-tree", "--reset", "-u", commit):
            fill_submodules(inner, source, scratch.with_suffix(".inner"))
    scratch.unlink(missing_ok=True)


def give_repository(
    clone: Clone, record: Record, work_tree: Path, origin: Origin, tip: str, owner: Owner
) -> None:
    """Replace the agent's repository by a fresh one whose branch is at `tip`."""
    fresh = work_tree.parent / f".{work_tree.name}.git"
    remove(fresh)
    for folder in ("objects/info", "objects/pack", "refs/heads", "refs/tags", "info"):
        (fresh / folder).mkdir(parents=True)
    identity = owner.identity()
    branches = {origin.branch: tip, **({origin.target: origin.base} if origin.target else {})}
    files = {
        "HEAD": f"ref: refs/heads/{origin.branch}\n",
        "packed-refs": "".join(
            f"{commit} refs/heads/{name}\n" for name, commit in sorted(branches.items())
        ),
        "objects/info/alternates": f"{clone.path / 'objects'}\n",
        "info/exclude": record.exclude.read_text("utf-8", "surrogateescape"),
        "config": _config(
            tip,
            identity["GIT_AUTHOR_NAME"],
            identity["GIT_AUTHOR_EMAIL"],
            large_files=(clone.path / "lfs").is_dir() and shutil.which("git-lfs") is not None,
        ),
    }
    for name, content in files.items():
        (fresh / name).write_text(content, "utf-8", "surrogateescape")
    (record.folder / "agent-config").write_text(files["config"], "utf-8", "surrogateescape")
    shutil.copyfile(record.index, fresh / "index")
    if (clone.path / "shallow").exists():
        shutil.copyfile(clone.path / "shallow", fresh / "shallow")
    remove(work_tree / ".git")
    fresh.rename(work_tree / ".git")


def _config(commit: str, name: str, email: str, *, large_files: bool) -> str:
    sha256 = len(commit) == 64
    settings = {
        "core": {
            "repositoryFormatVersion": "1" if sha256 else "0",
            "bare": "false",
            "fileMode": "true",
            "logAllRefUpdates": "true",
        },
        "extensions": {"objectFormat": "sha256"} if sha256 else {},
        "user": {"name": _quoted(name), "email": _quoted(email)},
        "commit": {"gpgSign": "false"},
    }
    text = "".join(
        f"[{section}]\n" + "".join(f"\t{key} = {value}\n" for key, value in values.items())
        for section, values in settings.items()
        if values
    )
    return text + (lfs.FOR_THE_AGENT if large_files else "")


def _quoted(value: str) -> str:
    return '"' + value.replace("\\", "\\\\").replace('"', '\\"').replace("\n", " ") + '"'


# What tools leave behind and nobody commits; a project's own .gitignore has the last word.
LEFT_BEHIND = (
    "__pycache__/", "*.py[co]", "*.egg-info/", ".pytest_cache/", ".mypy_cache/", ".ruff_cache/",
    ".hypothesis/", ".tox/", ".nox/", ".coverage", ".coverage.*", "coverage.xml", "htmlcov/",
    "node_modules/", ".nyc_output/", ".DS_Store",
)  # fmt: skip


def write_excludes(record: Record, project: Project, owner: Owner) -> None:
    """What is never committed: what tools leave, what the owner excludes, what we put there."""
    lines = list(LEFT_BEHIND)
    for excludes in (owner.ignore_file(), owner.file("info/exclude")):
        if excludes.is_file():
            lines.append(excludes.read_text("utf-8", "surrogateescape"))
    for name in (*project.copy, *project.link):
        escaped = "".join(f"\\{char}" if char in "\\*?[]!# " else char for char in name)
        lines.append(f"/{escaped.strip('/')}")
    record.exclude.parent.mkdir(parents=True, exist_ok=True)
    record.exclude.write_text("\n".join(lines) + "\n", "utf-8", "surrogateescape")


def furnish(project: Project, work_tree: Path, *, confined: bool) -> None:
    """Copy in the project's untracked files; make the places where its folders will show.

    Without a sandbox nothing can be shown read-only, so such folders are symbolic links.
    """
    for name in project.copy:
        source, target = _both_ends(project, work_tree, name)
        if source.is_file() and not os.path.lexists(target):
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(source, target)
            shutil.copymode(source, target)
    for name in project.link:
        source, target = _both_ends(project, work_tree, name)
        if source.is_dir() and not os.path.lexists(target):
            target.parent.mkdir(parents=True, exist_ok=True)
            target.mkdir() if confined else target.symlink_to(source)


def mounts(clone: Clone, project: Project, work_tree: Path) -> tuple[Mount, ...]:
    """What the sandbox shows besides the work tree: borrowed objects, and linked folders.

    A linked folder shows at its own place too, where scripts of a virtual environment expect it.
    """
    objects = clone.path / "objects"
    shown = [Mount(objects, objects), *lfs.mounts(clone.path)]
    for name in project.link:
        source, target = _both_ends(project, work_tree, name)
        if source.is_dir() and target.is_dir() and not target.is_symlink():
            shown += [Mount(source, target), Mount(source, source)]
    return tuple(shown)


def _both_ends(project: Project, work_tree: Path, name: str) -> tuple[Path, Path]:
    """Where a file lies in the owner's folder and where it goes; both stay inside for sure."""
    inner = Path(name)
    source, target = project.path / inner, work_tree / inner
    inside = (
        source.resolve().is_relative_to(project.path.resolve())
        and target.parent.resolve().is_relative_to(work_tree.resolve())
        and inner.parts[:1] != (".git",)
    )
    if inner.is_absolute() or ".." in inner.parts or not inner.parts or not inside:
        raise UserError(
            f"projects.toml: {name!r} of {project.name} lies outside of {project.path}; "
            "copy and link take paths inside the project."
        )
    return source, target


def embedded(git: Git) -> list[bytes]:
    """Folders inside the work tree that pose as repositories of their own, ignored ones aside.

    Raises UnsafeRepository for what git would wait for instead of reading it.
    """
    found = []
    top = os.fsencode(git.cwd)
    for folder, folders, files in walk(top):
        if folder != top and (b".git" in folders or b".git" in files):
            found.append(folder.removeprefix(top + b"/"))
        for read in READ_BY_GIT.intersection(files):
            path = folder + b"/" + read
            if not stat.S_ISREG(os.lstat(path).st_mode) and not os.path.islink(path):  # noqa: PTH114
                name = shown(path.removeprefix(top + b"/"))
                raise UnsafeRepository(f"{name} is not a plain file.")
    ignored = _ignored(git, found)
    return [path for path in found if path not in ignored]


def tampered(record: Record, work_tree: Path) -> list[str]:
    """What in the agent's repository could make the git of somebody else run its programs."""
    repository = work_tree / ".git"
    if repository.is_symlink() or not repository.is_dir():
        return [".git itself"]
    found = [name for name in UNUSUAL if os.path.lexists(repository / name)]
    ours, theirs = record.folder / "agent-config", repository / "config"
    plain = theirs.is_file() and not theirs.is_symlink()
    if not plain or ours.stat().st_size != theirs.stat().st_size:
        return ["config", *found]
    return found if ours.read_bytes() == theirs.read_bytes() else ["config", *found]


def _ignored(git: Git, paths: Sequence[bytes]) -> set[bytes]:
    if not paths:
        return set()
    listed = b"\0".join(paths) + b"\0"
    return set(fields(git.call("check-ignore", "-z", "--stdin", stdin=listed).out))


def remove(path: Path) -> None:
    """Remove a folder or file whatever its modes and depth, without following a link out of it."""
    if path.is_symlink() or path.is_file():
        path.unlink()
    elif path.exists() and _done("rm", "-rf", path) != b"":
        _done("chmod", "-R", "u+rwx", path)  # a folder that forbids writing hides its files
        trouble = _done("rm", "-rf", path)
        if trouble:
            raise GitError(f"{path} could not be removed: {trouble.decode('utf-8', 'replace')}")


def _done(*command: str | Path) -> bytes:
    """Run a program that is silent when all is well; returns what it complained of."""
    return subprocess.run(command, capture_output=True, check=False).stderr
