"""Changed files that the task's words do not lead one to expect.

Said only where the words name files or folders that are there; a neighbour of a named file, and a
test of one, are expected.
"""

from __future__ import annotations

import posixpath
import re
from collections.abc import Collection, Sequence

from core.model import FileChange
from git_ops.notes import listed

NAME = re.compile(r"[\w.@+~-]*(?:[/.][\w@+~-]+)+/?")
TEST_PARTS = re.compile(r"^(test|spec)s?[_.-]|[_.-](test|spec)s?$", re.IGNORECASE)


def outside_of(words: str, files: Sequence[FileChange], tracked: Collection[str]) -> list[str]:
    """A note on changed files that are neither named nor near what is named."""
    known = {*tracked, *(file.path for file in files)}
    said = {found.strip("./").lower() for found in NAME.findall(words)} - {""}
    named = {path for path in known if any(_names(name, path.lower()) for name in said)}
    if not named:
        return []
    folders = {posixpath.dirname(path) for path in named}
    stems = {_stem(path) for path in named}
    strangers = [
        file.path
        for file in files
        if not {file.path, file.old_path} & named
        and posixpath.dirname(file.path) not in folders
        and _stem(file.path) not in stems
    ]
    return [f"Outside of what the task names: {listed(strangers)}."] if strangers else []


def _names(name: str, path: str) -> bool:
    """The name is the end of the path, or a folder on its way."""
    return f"/{path}".endswith(f"/{name}") or ("/" in name and f"/{path}".find(f"/{name}/") >= 0)


def _stem(path: str) -> str:
    """What a file and its test have in common: `test_app.py` and `app.test.ts` are both `app`."""
    stem = posixpath.basename(path).lower()
    while "." in stem.lstrip("."):
        stem = stem.rpartition(".")[0]
        stem = TEST_PARTS.sub("", stem)
    return stem
