"""Showing a task's branch in the owner's repository, as an ordinary branch.

A branch that the owner has moved is theirs: later work then goes to the next free name (`…-2`).
A publication that cannot be made now is a note on the review, never a failed task.
"""

from __future__ import annotations

from core.errors import GitError, Refused
from git_ops.clone import Clone, Record
from git_ops.landing import BranchMoved, move_branch
from git_ops.owner import Owner


def publish(owner: Owner, clone: Clone, record: Record, branch: str) -> None:
    """Bring the owner's copy of a branch to where ours is. Hold the clone's lock."""
    tip = clone.tip_of(branch)
    for name in _names(branch):
        seen = owner.tip(name)
        published = f"refs/gofer/published/{name}"
        before = clone.tip(published)
        if not (seen in (None, tip, before) or clone.is_ancestor(str(seen), tip)):
            continue  # the owner's now
        if name != branch:
            record.note(tip, f"You moved {branch}, so the agent's later work is on {name}.")
        try:
            if seen != tip:
                move_branch(owner, clone, record, name, seen, tip)
            clone.move(published, tip, before)
        except BranchMoved:
            continue
        except (GitError, Refused) as error:
            record.note(tip, f"The branch {name} could not be shown in your repository: {error}")
        return
    record.note(tip, f"{branch} could not be shown in your repository: the name is taken.")


def withdraw(owner: Owner, clone: Clone, branch: str) -> None:
    """Remove what was published, unless the owner moved it or works on it. Hold the lock."""
    checked_out = {place.branch for place in owner.checkouts()}
    for name in _names(branch):
        published = f"refs/gofer/published/{name}"
        before = clone.tip(published)
        if before is None:
            continue
        if name not in checked_out and owner.tip(name) == before:
            owner.git.call("update-ref", "-d", f"refs/heads/{name}", before)
        clone.git.run("update-ref", "-d", published)


def _names(branch: str) -> list[str]:
    return [branch, *(f"{branch}-{number}" for number in range(2, 10))]
