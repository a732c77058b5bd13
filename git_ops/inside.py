"""Work that an agent does inside a submodule.

A submodule's commits belong to another repository, which a task does not change: its pin stays
where it is. What the agent writes there is kept as a commit of its own in our clone, and told.
"""

from __future__ import annotations

import os
from hashlib import sha256
from pathlib import Path
from shlex import quote

from git_ops import worktree
from git_ops.clone import Clone, Record
from git_ops.copying import copy_out, walk
from git_ops.git import Git, shown


def remember(git: Git, record: Record) -> None:
    """Note how the files of submodules are now: as their pins have them."""
    prints = {shown(path): _print(git.cwd, path) for path in worktree.submodules(git)}
    record.write("submodules", {**prints})


def keep(
    git: Git, clone: Clone, record: Record, branch: str, identity: dict[str, str]
) -> list[str]:
    """Keep what has changed inside submodules since it was last looked at. Returns notes."""
    known = record.read("submodules")
    if not known:
        return []
    paths = [path for path in worktree.submodules(git) if shown(path) in known]
    changed = [path for path in paths if known[shown(path)] != _print(git.cwd, path)]
    notes = []
    for path in changed:
        name = shown(path)
        ref = f"refs/gofer/kept/{branch}-inside-{sha256(path).hexdigest()[:8]}"
        tree = _tree(git, record, path)
        commit = clone.commit(tree, [], f"What was changed inside of {name}", identity)
        clone.git.run("update-ref", ref, commit)
        notes.append(
            f"Changes inside the submodule {name} are not on the branch: it is a repository of its "
            f"own. They are kept; to have them there: cd {quote(name)} && "
            f"git fetch {quote(str(clone.path))} {ref} && git checkout FETCH_HEAD -- ."
        )
    if changed:
        record.write("submodules", {**known, **{shown(p): _print(git.cwd, p) for p in changed}})
    return notes


def _tree(git: Git, record: Record, path: bytes) -> str:
    copies, index = record.folder / "copies", record.folder / "index.scratch"
    worktree.remove(copies)
    copies.mkdir()
    index.unlink(missing_ok=True)
    try:
        copy_out(git.cwd, _files(git.cwd, path), copies)
        inner = git.over(copies / os.fsdecode(path), index)
        inner.cwd.mkdir(parents=True, exist_ok=True)
        inner.run("add", "--all", "--force", "--ignore-errors")
        return inner.text("write-tree")
    finally:
        worktree.remove(copies)
        index.unlink(missing_ok=True)


def _files(work_tree: Path, path: bytes) -> list[bytes]:
    top = os.fsencode(work_tree) + b"/"
    found = []
    for folder, _, files in walk(top + path):
        near = folder.removeprefix(top) + b"/"
        found += [near + name for name in files if name != b".git"]
    return sorted(found)


def _print(work_tree: Path, path: bytes) -> str:
    """What tells one state of a submodule's files from another, without reading them."""
    print_ = sha256()
    for name in _files(work_tree, path):
        try:
            about = os.lstat(os.fsencode(work_tree) + b"/" + name)
        except FileNotFoundError:
            continue
        print_.update(b"%s\0%d %d %d\n" % (name, about.st_mode, about.st_size, about.st_mtime_ns))
    return print_.hexdigest()
