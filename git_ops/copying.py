"""Taking changed files out of a work tree that an agent may be writing at this very moment.

Git looks at a file and then opens it by name: whoever swaps it for a link in between has git read
another file of the owner's into a commit. Here each folder on the way and the file itself are
opened without following links, and git then reads the copy, which nobody else can write.
"""

from __future__ import annotations

import os
import shutil
import stat
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

FOLDER = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW
FILE = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK


def copy_out(work_tree: Path, paths: Sequence[bytes], target: Path) -> list[bytes]:
    """Copy files and links, as they are, to the same place below `target`.

    Returns the paths that could not be: gone, unreadable, or neither a file nor a link.
    """
    failed = []
    for path in paths:
        place = Path(os.fsdecode(os.fsencode(target) + b"/" + path))
        try:
            place.parent.mkdir(parents=True, exist_ok=True)
            with _folder_of(work_tree, path) as folder:
                _copy(folder, path.rpartition(b"/")[2], place)
        except OSError:
            failed.append(path)
    return failed


@contextmanager
def _folder_of(work_tree: Path, path: bytes) -> Iterator[int]:
    """An open folder in which the path lies, reached step by step through real folders."""
    current = os.open(work_tree, FOLDER)
    try:
        for name in path.split(b"/")[:-1]:
            inner = os.open(name, FOLDER, dir_fd=current)
            os.close(current)
            current = inner
        yield current
    finally:
        os.close(current)


def _copy(folder: int, name: bytes, place: Path) -> None:
    if stat.S_ISLNK(os.lstat(name, dir_fd=folder).st_mode):
        place.symlink_to(os.fsdecode(os.readlink(name, dir_fd=folder)))
        return
    with os.fdopen(os.open(name, FILE, dir_fd=folder), "rb") as source:
        mode = os.fstat(source.fileno()).st_mode
        if not stat.S_ISREG(mode):
            raise OSError(f"{name!r} is not a file")
        with place.open("xb") as copy:
            shutil.copyfileobj(source, copy)
        place.chmod(0o700 if mode & 0o100 else 0o600)
