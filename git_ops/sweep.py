"""Bringing order back at start, after whatever ended the last process."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from pathlib import Path

import psutil

from core.errors import GitError
from git_ops import worktree
from git_ops.clone import SEEN, Clone, Record
from git_ops.git import ours
from git_ops.landing import moving, recover
from git_ops.spare import Spare

TIDY = ("gc.auto=6700", "gc.autoDetach=false")  # nothing that a reference holds is ever pruned

ORPHAN_PATIENCE_S = 10.0


def sweep(home: Path, known: Collection[str]) -> list[str]:
    """Finish or undo moves that were cut off; remove files of tasks that do not exist.

    Commits are never removed: the tip of an unknown task's branch is kept. Returns what was done,
    in words. Nothing else may be using the home.
    """
    end_orphans(home)
    done = []
    for path in sorted((home / "repos").glob("*.git")):
        clone = Clone(path, ours(path))
        (path / SEEN).unlink(missing_ok=True)  # whatever was cut off: fetch once more
        Spare.of(home, path.stem).clear()
        for stale in path.rglob("*.lock"):
            stale.unlink()
        for record in clone.records():
            done += _recover(record)
            if record.task_id not in known:
                done += _keep(clone, record)
        clone.git.configured(*TIDY).call("gc", "--auto", "--quiet")
    for folder in sorted((home / "worktrees").glob("*/*")):
        if folder.name not in known:
            worktree.remove(folder)
            done.append(f"Removed {folder}, which belongs to no task.")
    return done


def end_orphans(home: Path) -> None:
    """End git processes that outlived the Gofer that started them: they still write files."""
    clones = str(home / "repos")
    indexes = {str(index) for index in _indexes(home)}
    orphans = []
    for process in psutil.process_iter():
        try:
            variables = process.environ()
        except psutil.Error:  # gone, or another user's
            continue
        starts = variables.get("GIT_DIR", "").startswith(f"{clones}/")
        if starts or variables.get("GIT_INDEX_FILE") in indexes:
            process.kill()
            orphans.append(process)
    psutil.wait_procs(orphans, timeout=ORPHAN_PATIENCE_S)


def _indexes(home: Path) -> Iterator[Path]:
    """Through which files of the owner's were moved when Gofer ended."""
    for path in (home / "repos").glob("*.git"):
        for record in Clone(path, ours(path)).records():
            yield from moving(record)


def _recover(record: Record) -> list[str]:
    try:
        moved = recover(record)
    except GitError as error:  # the owner's folder may be gone
        return [f"A landing of task {record.task_id} could not be put in order: {error}"]
    return [moved] if moved else []


def _keep(clone: Clone, record: Record) -> list[str]:
    origin = record.origin()
    tip = clone.tip(f"refs/heads/{origin.branch}") if origin else None
    if origin is None or tip is None:
        return []
    clone.git.run("update-ref", f"refs/gofer/kept/{origin.branch}", tip)
    clone.git.run("update-ref", "-d", f"refs/heads/{origin.branch}", tip)
    return [f"Kept {origin.branch} of an unknown task as refs/gofer/kept/{origin.branch}."]
