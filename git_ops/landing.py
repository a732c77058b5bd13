"""Moving a branch of the owner's: by compare and swap, with the files of a checkout of it.

What always holds: the branch moves only from the commit that was expected; a file that the owner
changed and the move would touch is refused by name, never overwritten; no hook and no filter of
the repository's choosing runs. While files move we hold the checkout's own `index.lock`, so the
owner's git waits its turn. A move that a crash cut off is finished (the branch had moved) or
undone (it had not) by `recover`.
"""

from __future__ import annotations

import os
import shutil
import time
from collections.abc import Collection, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from core.errors import GitError, Refused
from git_ops import lfs
from git_ops.clone import Clone, Record, replace_file
from git_ops.git import Git, fields, owners, shown
from git_ops.owner import Checkout, Owner, filters, unfiltered

LOCK_PATIENCE_S = 5.0
UNDER_WAY = ("MERGE_HEAD", "CHERRY_PICK_HEAD", "REVERT_HEAD")


class BranchMoved(Refused):
    """Somebody else moved the branch at the same moment."""


def move_branch(
    owner: Owner, clone: Clone, record: Record, branch: str, old: str | None, new: str
) -> None:
    """Move (or make, `old` None) the owner's branch to a commit of ours.

    Raises BranchMoved, or Refused naming the files in the way. Hold the clone's lock.
    """
    send(owner, clone, new)
    if old is None:
        _swap(owner.git, branch, None, new)
        return
    checkout = _checkout_of(owner, branch)
    if checkout is None:
        _swap(owner.git, branch, old, new)
        checkout = _switched_meanwhile(owner, branch, old, new)
        if checkout is None:
            return
        _swap(owner.git, branch, new, old)  # and once more, with the files
    _move_checked_out(checkout, record, branch, old, new)


def _checkout_of(owner: Owner, branch: str) -> Checkout | None:
    return next((place for place in owner.checkouts() if place.branch == branch), None)


def _switched_meanwhile(owner: Owner, branch: str, old: str, new: str) -> Checkout | None:
    """Where the owner was switching to the branch as it moved, and got the files of before.

    Their next commit there would undo the move without a word.
    """
    deadline = time.monotonic() + LOCK_PATIENCE_S
    while owner.busy() and time.monotonic() < deadline:
        time.sleep(0.05)
    checkout = _checkout_of(owner, branch)
    if checkout is None:
        return None
    git = owners(checkout.path)
    differ = fields(git.run("diff-index", "--cached", "-z", "--name-only", old))
    touched = _touched(git, old, new)
    return checkout if touched and touched.keys().isdisjoint(differ) else None


def send(owner: Owner, clone: Clone, commit: str) -> None:
    """Copy a commit of ours, and what it needs, into the owner's repository. No reference moves."""
    options = ("--quiet", "--no-tags", "--no-write-fetch-head")
    git = owner.git.configured("protocol.version=2")  # which lets us name a commit by its id
    git.run("fetch", *options, "--", clone.path, commit)


def _swap(git: Git, branch: str, old: str | None, new: str) -> None:
    ref = f"refs/heads/{branch}"
    answer = git.call("update-ref", "-m", "gofer", ref, new, old or "")
    if answer.status == 0:
        return
    if git.maybe("rev-parse", "--verify", "--quiet", ref) != old:
        raise BranchMoved(f"{branch} moved meanwhile. Look again and repeat.")
    raise GitError(f"{branch} could not be moved: {answer.reason}")


@dataclass(frozen=True, slots=True)
class Place:
    """A checkout in which files move. The record's `move.json` while it lasts."""

    path: str
    git_dir: str
    branch: str
    old: str
    new: str

    @property
    def git(self) -> Git:
        return owners(Path(self.path))

    @property
    def index(self) -> Path:
        return Path(self.git_dir) / "index"

    @property
    def lock(self) -> Path:
        return Path(self.git_dir) / "index.lock"

    @property
    def next_index(self) -> Path:
        return Path(self.git_dir) / "index.gofer"

    @property
    def scratch(self) -> Path:
        return Path(self.git_dir) / "index.gofer-scratch"

    @property
    def indexes(self) -> tuple[Path, Path]:
        return self.next_index, self.scratch

    def clear(self) -> None:
        """Remove our own indexes, and what a git that was killed left of its hold on them."""
        for index in self.indexes:
            index.unlink(missing_ok=True)
            index.with_name(f"{index.name}.lock").unlink(missing_ok=True)


def _move_checked_out(checkout: Checkout, record: Record, branch: str, old: str, new: str) -> None:
    git = owners(checkout.path)
    git_dir = git.text("rev-parse", "--absolute-git-dir")
    place = Place(str(checkout.path), git_dir, branch, old, new)
    with _index_lock(place, record):
        if git.maybe("rev-parse", "--verify", "--quiet", f"refs/heads/{branch}") != old:
            raise BranchMoved(f"{branch} moved meanwhile. Look again and repeat.")
        _refuse_when_in_the_way(place)
        shutil.copyfile(place.index, place.next_index)
        following = _writing(git).using(GIT_INDEX_FILE=place.next_index)
        following.call("update-index", "-q", "--refresh")  # a file may be written, yet the same
        try:
            following.run("read-tree", "-m", "-u", old, new)
            _swap(git, branch, old, new)
        except GitError:
            _put_back(place)
            raise
        except BranchMoved:
            following.run("read-tree", "-m", "-u", new, old)
            raise
        place.next_index.replace(place.index)


@contextmanager
def held(owner: Owner, record: Record, branch: str) -> Iterator[None]:
    """Keep the owner's git from committing where a branch is checked out, if it is.

    For a landing that would else never overtake an owner who commits without a pause.
    """
    checkout, tip = _checkout_of(owner, branch), owner.tip(branch)
    if checkout is None or tip is None:
        yield
        return
    git_dir = owners(checkout.path).text("rev-parse", "--absolute-git-dir")
    with _index_lock(Place(str(checkout.path), git_dir, branch, tip, tip), record):
        yield


@contextmanager
def _index_lock(place: Place, record: Record) -> Iterator[None]:
    """Hold the checkout's index as git itself would; the intent is on disk before."""
    record.write("move", {name: getattr(place, name) for name in Place.__slots__})
    if _holds(place, record):  # by `held`, which lets go of it
        try:
            yield
        finally:
            place.clear()
        return
    claim = Path(place.git_dir) / f"gofer-{record.task_id}"
    replace_file(claim, _claim(record))
    deadline = time.monotonic() + LOCK_PATIENCE_S
    try:
        while True:
            try:
                place.lock.hardlink_to(claim)  # atomic, and shows whose lock it is
                break
            except FileExistsError:
                if time.monotonic() > deadline:
                    raise Refused(
                        f"git is busy in {place.path}. Try again when it is done "
                        f"(or remove {place.lock} if nothing is running)."
                    ) from None
                time.sleep(0.05)
        try:
            yield
        finally:
            place.clear()
            place.lock.unlink(missing_ok=True)
    finally:
        claim.unlink(missing_ok=True)
        record.forget("move")


def _claim(record: Record) -> bytes:
    return f"held by gofer for task {record.task_id}\n".encode()


def moving(record: Record) -> tuple[Path, ...]:
    """The indexes through which a move was going on when Gofer ended."""
    values = record.read("move")
    return Place(**values).indexes if values else ()


def recover(record: Record) -> str | None:
    """Finish or undo a move that a crash cut off. Returns what was done, in words."""
    values = record.read("move")
    if values is None:
        return None
    place = Place(**values)
    done = None
    if _holds(place, record):
        for index in place.indexes:
            index.with_name(f"{index.name}.lock").unlink(missing_ok=True)
        if place.git.maybe("rev-parse", "--verify", f"refs/heads/{place.branch}") == place.new:
            if place.next_index.exists():
                place.next_index.replace(place.index)
            if place.old != place.new:
                done = f"Finished moving {place.branch} in {place.path}."
        else:
            _put_back(place)
            done = f"Undid a half-made move of {place.branch} in {place.path}."
        place.clear()
        place.lock.unlink()
    (Path(place.git_dir) / f"gofer-{record.task_id}").unlink(missing_ok=True)
    record.forget("move")
    return done


def _holds(place: Place, record: Record) -> bool:
    try:
        return place.lock.read_bytes() == _claim(record)
    except FileNotFoundError:
        return False


def _refuse_when_in_the_way(place: Place) -> None:
    """Raises Refused for a merge under way and for files that the owner changed."""
    if any((Path(place.git_dir) / name).exists() for name in UNDER_WAY):
        raise Refused(f"{place.path} is in the middle of a merge. Finish it first.")
    touched = _touched(place.git, place.old, place.new)
    dirty = _dirty(place.git)
    _refuse_filtered(place, touched)
    files = {path for path in touched if path in dirty}
    files |= {path for path, added in touched.items() if added and _occupied(place, path, touched)}
    if files:
        names = ", ".join(shown(path) for path in sorted(files)[:10])
        more = f" and {len(files) - 10} more" if len(files) > 10 else ""
        raise Refused(
            f"{place.branch} is checked out in {place.path} with changes in the way: "
            f"{names}{more}. Commit or put them aside first."
        )


def _touched(git: Git, old: str, new: str) -> dict[bytes, bool]:
    """Paths that differ, and whether the move adds them."""
    parts = fields(git.run("diff-tree", "-r", "-z", "--name-status", "--no-renames", old, new))
    return {path: status == b"A" for status, path in zip(parts[::2], parts[1::2], strict=True)}


def _dirty(git: Git) -> set[bytes]:
    """Paths with staged or unstaged changes, untracked files included."""
    options = ("--porcelain=v1", "-z", "--no-renames", "--untracked-files=all")
    return {line[3:] for line in fields(git.run("status", *options, "--ignore-submodules=all"))}


def _occupied(place: Place, path: bytes, touched: dict[bytes, bool]) -> bool:
    """Something that git does not track (ignored files too) lies where the move adds a file."""
    root = os.fsencode(place.path)
    parts = path.split(b"/")
    for depth in range(1, len(parts)):
        parent = b"/".join(parts[:depth])
        full = os.path.join(root, parent)  # noqa: PTH118 - bytes
        if os.path.lexists(full) and (os.path.islink(full) or not os.path.isdir(full)):  # noqa: PTH112,PTH114
            return parent not in touched
    full = os.path.join(root, path)  # noqa: PTH118
    if os.path.isdir(full) and not os.path.islink(full):  # noqa: PTH112,PTH114
        inside = (
            os.path.relpath(os.path.join(folder, name), root)  # noqa: PTH118
            for folder, _, names in os.walk(full)
            for name in names
        )
        return any(name not in touched for name in inside)
    return os.path.lexists(full)


def _put_back(place: Place) -> None:
    """Undo a half-made switch of files from old to new: whatever is not the owner's own edit."""
    scratch = place.scratch
    scratch.unlink(missing_ok=True)
    git = _writing(place.git)
    try:
        later = git.using(GIT_INDEX_FILE=scratch)
        later.run("read-tree", place.new)
        later.call("update-index", "-q", "--refresh")
        parts = fields(later.run("diff-files", "-z", "--name-status", "--ignore-submodules=all"))
        differing = dict(zip(parts[1::2], parts[::2], strict=True))
    finally:
        scratch.unlink(missing_ok=True)
    restore = []
    for path, added in _touched(git, place.old, place.new).items():
        if path in differing and differing[path] != b"D" and not _cut_short(place, git, path):
            continue  # still the old content, or an edit of the owner's since
        if not added:
            restore.append(path)
        elif differing.get(path) != b"D":
            (Path(place.path) / os.fsdecode(path)).unlink(missing_ok=True)
    if restore:
        git.run("checkout-index", "-f", "-z", "--stdin", stdin=b"\0".join(restore) + b"\0")


def _cut_short(place: Place, git: Git, path: bytes) -> bool:
    """The file holds a beginning of the new content: the write was cut off."""
    found = Path(place.path) / os.fsdecode(path)
    if found.is_symlink() or not found.is_file():
        return False
    whole = git.call("cat-file", "blob", f"{place.new}:{os.fsdecode(path)}")
    return whole.status == 0 and whole.out.startswith(found.read_bytes())


def _writing(git: Git) -> Git:
    """For writing files of the owner's: no filter program but the one for large files."""
    store = Path(git.text("rev-parse", "--path-format=absolute", "--git-path", "lfs"))
    plain = unfiltered(git)
    return lfs.filtering(plain, store) if "lfs" in filters(git) else plain


def _refuse_filtered(place: Place, touched: Collection[bytes]) -> None:
    """Raises Refused where the owner's own filter programs would have to write files."""
    own = filters(place.git) - {"lfs"}
    if not own:
        return
    scratch = place.scratch
    try:
        git = place.git.using(GIT_INDEX_FILE=scratch)
        git.run("read-tree", place.new)
        paths = b"".join(path + b"\0" for path in touched)
        found = fields(git.run("check-attr", "--cached", "-z", "--stdin", "filter", stdin=paths))
    finally:
        scratch.unlink(missing_ok=True)
    named = zip(found[::3], found[2::3], strict=True)
    files = sorted(shown(path) for path, name in named if os.fsdecode(name) in own)
    if files:
        raise Refused(
            f"{', '.join(files[:10])} would pass through a filter program of yours, which is "
            f"not run here. Merge it at your desk: git merge (the branch is in {place.path})."
        )
