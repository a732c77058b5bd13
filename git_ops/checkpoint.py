"""Turning what the agent left into commits of ours.

Its own commits come over first, packed by git inside the sandbox and checked object by object on
arrival; then whatever the work tree holds is committed on top, read through our own index. What
cannot be kept as the agent meant it is folded into that commit, with a note for the review.
"""

from __future__ import annotations

import os
import re
import stat
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import BinaryIO

from core.errors import GitError, UnsafeRepository
from git_ops import leftovers, worktree
from git_ops.clone import Clone, Record
from git_ops.copying import LARGEST, copy_out
from git_ops.git import Git, fields, sandboxed, shown

Confine = Callable[[Sequence[str]], Sequence[str]]

FATAL = 128  # git gave up; other failures concern single files
FOLDED = "The agent's own commits were folded into one"
UNREAD = "without a sandbox its repository is not read"
BUNDLE = "gofer.bundle"
BUNDLE_LIMIT = 300_000_000
MOST_COMMITS = 500  # of one turn
LONGEST_LIST = 100_000_000  # bytes of all file names in one commit
LONGEST_NAME = 4_000  # of one file; no system takes more
OBJECT_ID = re.compile(r"[0-9a-f]{40}([0-9a-f]{24})?")


def snapshot(
    git: Git, clone: Clone, record: Record, base: str, parent: str
) -> tuple[str, list[str]]:
    """The tree of the agent's files, and notes on what was odd. Raises UnsafeRepository.

    Nothing of `git`'s work tree runs: it has our configuration, and embedded repositories, whose
    own configuration git would heed, are committed as the plain files they are.
    """
    notes = []
    git.run("read-tree", "-m", "-i", parent)
    strange = _unpin_new_submodules(git, clone, base)
    posing = sorted({*worktree.embedded(git), *strange} - set(worktree.submodules(git)))
    if posing:
        names = ", ".join(shown(path) for path in posing[:5])
        notes.append(
            f"A repository of its own lay inside ({names}); its files came as plain files."
        )
        _plant(git, clone, posing)
    notes += _add(git, record)
    return git.text("write-tree"), notes


def _add(git: Git, record: Record) -> list[str]:
    """Take every change into the index. Returns what could not be; raises where nothing could.

    Git reads copies: an agent that is still alive could swap a file while it is read.
    """
    git.call("update-index", "-q", "--refresh")  # else a file merely written again has changed
    gone, there = _changed(git, record)
    copies = record.folder / "copies"
    worktree.remove(copies)
    copies.mkdir()
    try:
        failed = set(copy_out(git.cwd, there, copies))
        git.run("update-index", "--force-remove", "-z", "--stdin", stdin=_listed(gone))
        notes = _add_copies(git.over(copies, git.index), [p for p in there if p not in failed])
    finally:
        worktree.remove(copies)
    if failed:
        names = ", ".join(shown(path) for path in sorted(failed)[:5])
        notes.append(f"Not everything could be committed: {names} could not be read (or held).")
    return notes


def _changed(git: Git, record: Record) -> tuple[list[bytes], list[bytes]]:
    """Paths that are gone, and those that are changed or new."""
    parts = fields(git.run("diff-files", "-z", "--name-status", "--ignore-submodules=all"))
    tracked = dict(zip(parts[1::2], parts[::2], strict=True))
    new = leftovers.without(git, record, leftovers.untracked(git))
    gone = [path for path, status in tracked.items() if status == b"D"]
    there = [path for path, status in tracked.items() if status != b"D"]
    return gone, [*there, *new]


def _add_copies(git: Git, paths: Sequence[bytes]) -> list[str]:
    if not paths:
        return []
    options = ("--force", "--ignore-errors", "--pathspec-from-file=-", "--pathspec-file-nul")
    literally = git.using(GIT_LITERAL_PATHSPECS="1")
    added = literally.call("add", *options, stdin=_listed(paths))
    if b"invalid path" in added.err:
        raise UnsafeRepository(f"A file name would harm a repository: {added.reason}")
    if added.status == FATAL and b"encoded as" in added.err:
        raise UnsafeRepository(f"The attributes make files unreadable: {added.reason}")
    if added.status == FATAL:
        raise GitError(f"The files could not be committed: {added.reason}")
    return [f"Not everything could be committed: {added.reason}"] if added.status else []


def _listed(paths: Sequence[bytes]) -> bytes:
    return b"".join(path + b"\0" for path in paths)


def _unpin_new_submodules(git: Git, clone: Clone, base: str) -> set[bytes]:
    """Drop gitlinks that the base does not have; returns their paths.

    They come from commits of the agent's around an embedded repository, whose files nobody else
    would ever see.
    """
    listed = fields(clone.git.run("ls-tree", "-r", "-z", base))
    known = {line.partition(b"\t")[2] for line in listed if line.startswith(worktree.GITLINK)}
    new = set(worktree.submodules(git)) - known
    entries = (b"0 %s\t%s" % (b"0" * len(base), path) for path in new)
    git.run("update-index", "-z", "--index-info", stdin=b"".join(e + b"\0" for e in entries))
    return new


def _plant(git: Git, clone: Clone, folders: Sequence[bytes]) -> None:
    """Put an entry below each folder into the index, so that git takes the folder for a plain one.

    Git then lists what is in it, and the entry as gone, for there is no such file.
    """
    empty = clone.git.text("hash-object", "-w", "--stdin").encode()
    entries = (b"100644 %s\t%s/.gofer-plain" % (empty, folder) for folder in folders)
    git.run("update-index", "-z", "--index-info", stdin=b"\0".join(entries) + b"\0")


def import_commits(
    clone: Clone, work_tree: Path, head: str, confine: Confine | None
) -> tuple[str, str | None]:
    """Bring over the commits that the agent made on top of `head`.

    Returns the new head (or `head`), and a note where the agent's commits could not be kept.
    """
    if confine is None:
        return head, _folded(UNREAD) if has_committed(work_tree, head) else None
    packed = sandboxed(
        confine, work_tree, "bundle", "create", "--quiet", f".git/{BUNDLE}", "HEAD", f"^{head}"
    )
    if packed.status != 0:
        return head, None if b"empty bundle" in packed.err else _folded(packed.reason)
    try:
        tip = _unpack(clone, _collect(work_tree))
        _require_bounded(clone, head, tip)
    except GitError as error:
        return head, _folded(str(error))
    if not clone.is_ancestor(head, tip):
        return head, _folded("it rewrote the branch")
    return tip, None


def has_committed(work_tree: Path, head: str) -> bool:
    """Whether the agent's branch is elsewhere, told without running git in its repository."""
    try:
        folder = os.open(work_tree / ".git", os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW)
    except OSError:
        return False
    try:
        pointed = _line(folder, "HEAD")
        at = _line(folder, pointed[5:].strip()) if pointed.startswith("ref: ") else pointed
    finally:
        os.close(folder)
    return bool(OBJECT_ID.fullmatch(at)) and at != head  # none: it is where we packed it


def _line(folder: int, name: str) -> str:
    """The first line of a small file; empty where there is none."""
    try:
        with _opened(folder, name) as file:
            return file.read(1000).decode("ascii", "replace").split("\n")[0]
    except (OSError, ValueError):
        return ""


def _opened(folder: int, name: str) -> BinaryIO:
    """A file in an open folder. Raises OSError for a link, and for what is no file."""
    found = os.open(name, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK, dir_fd=folder)
    if not stat.S_ISREG(os.fstat(found).st_mode):
        os.close(found)
        raise OSError(f"{name} is not a file")
    return os.fdopen(found, "rb")


def _collect(work_tree: Path) -> bytes:
    """Read and remove the bundle, wherever else the agent would have us read."""
    try:
        folder = os.open(work_tree / ".git", os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW)
    except OSError:
        raise GitError("its .git is not a folder") from None
    try:
        with _opened(folder, BUNDLE) as file:
            if os.fstat(file.fileno()).st_size > BUNDLE_LIMIT:
                raise GitError(f"they are more than {BUNDLE_LIMIT // 1_000_000} MB")
            os.unlink(BUNDLE, dir_fd=folder)
            return file.read(BUNDLE_LIMIT)
    except OSError as error:
        raise GitError(f"their bundle could not be read: {error}") from None
    finally:
        os.close(folder)


def _folded(reason: str) -> str:
    return f"{FOLDED} ({reason})."


def _unpack(clone: Clone, bundle: bytes) -> str:
    """Store a bundle's objects, each checked, and return the commit it is for."""
    header, found, pack = bundle.partition(b"\n\n")
    tips = [
        line.split(b" ")[0].decode("ascii", "replace")
        for line in header.splitlines()
        if line.endswith(b" HEAD") and not line.startswith((b"-", b"#"))
    ]
    if not found or len(tips) != 1 or not OBJECT_ID.fullmatch(tips[0]):
        raise GitError("its bundle made no sense")
    limit = f"--max-input-size={BUNDLE_LIMIT}"
    clone.git.run("index-pack", "--stdin", "--fix-thin", "--strict", limit, stdin=pack)
    # a pack may leave objects out: walk all that the branch will need
    walk = ("rev-list", "--objects", "--no-object-names", tips[0], "--not", "--branches")
    sizes = ("cat-file", "--batch-check=%(objectsize)")
    new = clone.git.run(*sizes, stdin=clone.git.run(*walk))
    if max(map(int, new.split()), default=0) > LARGEST:
        raise GitError(f"one file is larger than {LARGEST // 1_000_000} MB")
    if clone.tip(tips[0]) is None:
        raise GitError("its head was not a commit")
    return tips[0]


def _require_bounded(clone: Clone, head: str, tip: str) -> None:
    """Raises GitError where a few objects stand for more files than a machine can hold.

    Trees may name each other again and again, and lie in each other deeper than git's own stack.
    """
    commits = clone.git.text("rev-list", tip, f"^{head}").split()
    if len(commits) > MOST_COMMITS:
        raise GitError(f"there are more than {MOST_COMMITS}")
    for commit in commits:
        listed = ("ls-tree", "-r", "-z", "--name-only", "--full-tree", commit)
        names = clone.git.start_of(LONGEST_LIST, *listed)
        if len(names) >= LONGEST_LIST or max(map(len, fields(names)), default=0) > LONGEST_NAME:
            raise GitError("they hold too many files, or too deep ones")


def follow(work_tree: Path, commit: str, confine: Confine | None) -> bool:
    """Put the agent's own branch and index at our commit, its files untouched. False: it failed."""
    if confine is None:
        return False
    return sandboxed(confine, work_tree, "reset", "--quiet", "--mixed", commit).status == 0


def switch(git: Git, commit: str, confine: Confine | None) -> bool:
    """Make the agent's files those of a commit, written inside the sandbox. False: it failed.

    The agent's repository must be at what its files are. It may lie about the outcome, so the
    files are compared with the commit through our own index.
    """
    if confine is None:
        return False
    if sandboxed(confine, git.cwd, "reset", "--quiet", "--hard", commit).status != 0:
        return False
    git.run("read-tree", "--reset", commit)
    worktree.shield_submodules(git)
    return git.succeeds("update-index", "--refresh")


def with_entries_of(
    clone: Clone, record: Record, head: str, base: str, paths: Sequence[bytes]
) -> str:
    """The tree of `head` with these paths as they are in `base`."""
    scratch = record.folder / "index.scratch"
    git = clone.git.using(GIT_INDEX_FILE=scratch, GIT_LITERAL_PATHSPECS="1")
    try:
        git.run("read-tree", head)
        gone = (b"0 %s\t%s\0" % (b"0" * len(head), path) for path in paths)
        listed = fields(git.run("ls-tree", "-r", "-z", "--full-tree", base))
        kept = (line + b"\0" for line in listed if line.partition(b"\t")[2] in set(paths))
        git.run("update-index", "-z", "--index-info", stdin=b"".join((*gone, *kept)))
        return git.text("write-tree")
    finally:
        scratch.unlink(missing_ok=True)


def worded(message: str, trailers: Mapping[str, str]) -> str:
    """A commit message with its trailers, one line each."""
    lines = [f"{name}: {' '.join(value.split())}" for name, value in trailers.items()]
    return "\n\n".join(part for part in (message.strip(), "\n".join(lines)) if part)
