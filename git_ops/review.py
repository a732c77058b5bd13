"""What a task changed, and a word on what deserves a look."""

from __future__ import annotations

from collections.abc import Iterator

from core.errors import NotFound
from core.model import FileChange
from git_ops.clone import Clone
from git_ops.git import fields, plain, shown

LONGEST_DIFF = 20_000_000  # bytes
CUT_OFF = f"[The diff is longer than {LONGEST_DIFF // 1_000_000} MB; this is its beginning.]"
STATUSES = {"A": "added", "D": "deleted", "M": "modified", "R": "renamed", "T": "mode"}


def changes(clone: Clone, base: str, head: str) -> tuple[FileChange, ...]:
    """Files that differ, renames found, in git's order."""
    options = ("-r", "-z", "-M", "--raw", "--numstat")  # it runs no programs, as `log` would
    parts = iter(clone.git.run("diff-tree", *options, base, head).split(b"\0")[:-1])
    kinds: dict[bytes, tuple[str, bytes | None]] = {}
    found = []
    for part in parts:
        if part.startswith(b":"):
            path, kind, old_path = _raw(part, parts)
            kinds[path] = (kind, old_path)
        else:
            path, added, removed = _numstat(part, parts)
            kind, old_path = kinds[path]
            old = shown(old_path) if old_path is not None else None
            found.append(FileChange(shown(path), added, removed, kind, old))
    return tuple(found)


def paths(clone: Clone, commit: str) -> list[str]:
    """Every file of a commit."""
    listed = ("ls-tree", "-r", "-z", "--name-only", "--full-tree", commit)
    return [shown(path) for path in fields(clone.git.run(*listed))]


def _raw(part: bytes, rest: Iterator[bytes]) -> tuple[bytes, str, bytes | None]:
    old_mode, new_mode, old_blob, new_blob, letter = part.decode().split(" ")
    path, old_path = next(rest), None
    if letter.startswith("R"):
        path, old_path = next(rest), path
    kind = STATUSES.get(letter[0], "modified")
    if kind == "modified" and old_blob == new_blob and old_mode != new_mode:
        kind = "mode"
    return path, kind, old_path


def _numstat(part: bytes, rest: Iterator[bytes]) -> tuple[bytes, int | None, int | None]:
    added, removed, path = part.split(b"\t", 2)
    if not path:  # a rename: both names follow
        next(rest)
        path = next(rest)
    if added == b"-":
        return path, None, None
    return path, int(added), int(removed)


def diff(clone: Clone, base: str, head: str, path: str | None = None) -> str:
    """Unified diff as text; binary files are named only. Raises NotFound for an unchanged path.

    One that is too long to be read, and to be held in memory, ends with a word on that.
    """
    options = ("-r", "-p", "-M", "--no-color", "--full-index")
    wanted: list[bytes] = []
    if path is not None:
        wanted = raw_paths(clone, base, head).get(path, [])
        if not wanted:
            raise NotFound(f"{path} is not among the changed files.")
    git = clone.git.using(GIT_LITERAL_PATHSPECS="1")
    return _read(git.start_of(LONGEST_DIFF, "diff-tree", *options, base, head, "--", *wanted))


def touched(clone: Clone, new: str, *known: str) -> list[FileChange]:
    """What each of the same commits did to files, without counting lines."""
    options = ("--format=", "--name-status", "-c", "-z", "--no-renames", "--no-show-signature")
    wanted = (*options, new, *(f"^{commit}" for commit in known), "--")
    parts = [part for part in clone.git.run("log", *wanted).split(b"\0") if part]
    pairs = zip(parts[::2], parts[1::2], strict=True)
    return [
        FileChange(shown(path), None, None, STATUSES.get(chr(kind[0]), "modified"))
        for kind, path in pairs
    ]


def _read(found: bytes) -> str:
    text = found.decode("utf-8", "replace")
    return text if len(found) < LONGEST_DIFF else f"{text}\n{CUT_OFF}\n"


def history(clone: Clone, new: str, *known: str) -> str:
    """The diff of each commit of `new` that `known` ones do not have, merges' own work included.

    What one commit adds and the next one takes away is in no other diff, and yet is pushed.
    """
    options = ("--format=", "-p", "-c", "--no-ext-diff", "--no-textconv", "--no-color")
    wanted = (*options, "--no-show-signature", new, *(f"^{commit}" for commit in known), "--")
    return _read(clone.git.start_of(LONGEST_DIFF, "log", *wanted))


def raw_paths(clone: Clone, base: str, head: str) -> dict[str, list[bytes]]:
    """The bytes of each changed path, by how it is shown; of a rename both names."""
    parts = iter(clone.git.run("diff-tree", "-r", "-z", "-M", "--raw", base, head).split(b"\0"))
    found = {}
    for part in parts:
        if part.startswith(b":"):
            path, _, old_path = _raw(part, parts)
            found[shown(path)] = [path] if old_path is None else [old_path, path]
    return found


def checkpoints(clone: Clone, base: str, head: str) -> list[tuple[str, str]]:
    """(commit, subject) from newest to oldest, the base last."""
    listed = ("log", "--no-show-signature", "--format=%H%x00%s", f"{base}..{head}")
    based = ("log", "-1", "--no-show-signature", "--format=%H%x00%s", base)
    lines = [line for ask in (listed, based) for line in clone.git.run(*ask).splitlines()]
    split = (line.partition(b"\0") for line in lines)
    return [(commit.decode(), plain(shown(subject))) for commit, _, subject in split]
