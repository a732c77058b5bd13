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
from contextlib import contextmanager, suppress
from pathlib import Path

LARGEST = 500_000_000  # bytes of one file; git holds one that it shows in memory
MOST_COPIED = 5_000_000_000  # of all together
FOLDER = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW
PART = 1 << 20
FILE = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK


def walk(top: bytes) -> Iterator[tuple[bytes, list[bytes], list[bytes]]]:
    """Each folder below `top`, with the names of folders and of all else in it.

    As `os.walk`, but for repositories (`.git` is listed, never entered) and for depth, of which an
    agent can make more than Python's stack.
    """
    left = [top]
    while left:
        folder = left.pop()
        folders: list[bytes] = []
        files: list[bytes] = []
        with suppress(OSError), os.scandir(folder) as entries:
            for entry in entries:
                (folders if entry.is_dir(follow_symlinks=False) else files).append(entry.name)
        yield folder, folders, files
        left += [folder + b"/" + name for name in folders if name != b".git"]


def copy_out(work_tree: Path, paths: Sequence[bytes], target: Path) -> list[bytes]:
    """Copy files and links, as they are, to the same place below `target`.

    Returns the paths that could not be: gone, unreadable, neither a file nor a link, or so large
    that the disk would be short (a file of nothing but holes costs an agent nothing).
    """
    failed = []
    room = min(MOST_COPIED, shutil.disk_usage(work_tree).free // 2)
    for path in paths:
        place = Path(os.fsdecode(os.fsencode(target) + b"/" + path))
        try:
            _make_folder(place.parent)
            with _folder_of(work_tree, path) as folder:
                room -= _copy(folder, path.rpartition(b"/")[2], place, min(room, LARGEST))
        except OSError:
            failed.append(path)
    return failed


def _make_folder(path: Path) -> None:
    """With its parents, however many (`mkdir(parents=True)` calls itself for each)."""
    missing = []
    while not path.is_dir():
        missing.append(path)
        path = path.parent
    for folder in reversed(missing):
        folder.mkdir()


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


def _copy(folder: int, name: bytes, place: Path, room: int) -> int:
    """Returns how many bytes it took."""
    if stat.S_ISLNK(os.lstat(name, dir_fd=folder).st_mode):
        place.symlink_to(os.fsdecode(os.readlink(name, dir_fd=folder)))
        return 0
    with os.fdopen(os.open(name, FILE, dir_fd=folder), "rb") as source:
        about = os.fstat(source.fileno())
        if not stat.S_ISREG(about.st_mode) or about.st_size > room:
            raise OSError(f"{name!r} is not a file, or too large")
        with place.open("xb") as copy:
            left = about.st_size  # and not what it may still grow to
            while left and (part := source.read(min(left, PART))):
                copy.write(part)
                left -= len(part)
        place.chmod(0o700 if about.st_mode & 0o100 else 0o600)
        return about.st_size
