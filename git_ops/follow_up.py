"""Later work on a task, sent to the pull request that the owner opened for it.

The owner agreed to that when it was opened. What always holds: it goes to the remote that was named
then, on top of what was sent before, over nobody else's commit; and nothing goes unseen that does
harm by being pushed, since a push leaks what is in it and makes others' machines run it.
"""

from __future__ import annotations

from core.errors import Refused
from git_ops import review
from git_ops.checkpoint import FOLDED
from git_ops.clone import Clone, Origin, Record
from git_ops.landing import send
from git_ops.merge import require_head
from git_ops.notes import holding, notes_in
from git_ops.owner import Owner
from git_ops.pull_request import carried, push, remote_of


def update(
    owner: Owner, clone: Clone, record: Record, origin: Origin, *, expected_head: str
) -> str:
    """Push, and say where to. Raises Refused where the owner has to look first, GitError."""
    tip = clone.tip_of(origin.branch)
    require_head(tip, expected_head)
    remote = remote_of(owner, origin)
    opened = record.read("opened")
    if opened is None:  # by an earlier version, which did not ask for it
        raise Refused("You were not asked whether later work may be sent.")
    if (opened["remote"], opened["url"]) != (remote.name, remote.url):
        raise Refused(f"It was opened on {opened['url']}, and pushes go to {remote.url} now.")
    before = (record.read("pushed") or {}).get(remote.name)
    if before is None or not clone.is_ancestor(before, tip):
        raise Refused("What was sent last is no longer part of the branch.")
    with clone.lock():
        send(owner, clone, tip)
    if carried(owner, clone, record, origin, remote, before):
        raise Refused(f"Commits of yours came into the branch that {remote.name} has not got.")
    unseen = _unseen(clone, record, origin, before, tip)
    if unseen:
        raise Refused(" ".join(unseen))
    push(owner, record, remote, origin.branch, tip, anew=False)
    return f"{origin.branch} on {remote.name} is at {tip[:10]}."


def _unseen(clone: Clone, record: Record, origin: Origin, before: str, tip: str) -> list[str]:
    """What the owner has to see of that which came since."""
    taken = [str(target) for target in (record.read("taken") or {}).values()]
    known = [before, origin.base, *taken]
    commits = clone.git.text("rev-list", tip, *(f"^{commit}" for commit in known)).split()
    noted = [note for note in record.notes(commits) if not note.startswith(FOLDED)]
    files = [*review.changes(clone, before, tip), *review.touched(clone, tip, *known)]
    said = notes_in(review.diff(clone, before, tip), review.history(clone, tip, *known))
    return [*noted, *holding(files), *said]
