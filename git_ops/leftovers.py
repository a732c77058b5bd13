"""What the project's own commands (set-up, check) leave in a task's files: not the agent's work.

Before such a command all of the agent's work is committed, so whatever is new and untracked behind
it is the command's. It is left out of commits as long as nobody changes it: what the agent writes
is its own, wherever it lies.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path

from git_ops import worktree
from git_ops.clone import Record
from git_ops.git import Git, fields
from git_ops.notes import listed

UNDER_WAY, LEFT = "command", "left"


def begin(record: Record) -> None:
    """A command is about to run. On disk before it does."""
    record.write(UNDER_WAY, {})


def take(git: Git, record: Record) -> None:
    """Note what the command that has ended, or a crash cut off, has left."""
    if record.read(UNDER_WAY) is None:
        return
    worktree.embedded(git)  # refuses what git would wait for
    record.write(LEFT, {os.fsdecode(path): _print(git.cwd, path) for path in untracked(git)})
    record.forget(UNDER_WAY)


def without(git: Git, record: Record, paths: Sequence[bytes]) -> list[bytes]:
    """These untracked paths but for what was left and is still as it was."""
    left = record.read(LEFT)
    if not left:
        return list(paths)
    names = {os.fsdecode(path): path for path in paths}
    still = {name: mark for name, mark in left.items() if name in names}
    still = {name: mark for name, mark in still.items() if mark == _print(git.cwd, names[name])}
    if still != left:
        record.write(LEFT, {**still})
    return [path for name, path in names.items() if name not in still]


def untracked(git: Git) -> list[bytes]:
    """New files that nothing says to ignore."""
    found = fields(git.run("ls-files", "-z", "--others", "--exclude-standard"))
    # a repository without any commit is listed as a folder; there is nothing in it to keep
    return [path for path in found if not path.endswith(b"/")]


def noted(record: Record) -> list[str]:
    """A word on it for the review."""
    left = [path.encode("utf-8", "surrogateescape") for path in record.read(LEFT) or {}]
    names = listed([path.decode("utf-8", "backslashreplace") for path in left])
    return [f"Left by set-up or check, so not committed: {names}."] if left else []


def _print(work_tree: Path, path: bytes) -> str:
    """What tells a file from a changed one; empty where there is none."""
    try:
        about = os.lstat(os.fsencode(work_tree) + b"/" + path)
    except OSError:
        return ""
    return f"{about.st_ino} {about.st_size} {about.st_mtime_ns}"
