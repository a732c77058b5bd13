"""Landing a task on a branch of the owner's: merge, squash or rebase.

The result is computed in our clone without a work tree, where no attribute or merge driver of the
repository's counts, and lands by compare-and-swap. The record's `landing.json` is written before
the branch moves, so that a landing cut off by a crash is found again.
"""

from __future__ import annotations

import os
from contextlib import nullcontext, suppress
from dataclasses import asdict, dataclass

from core.errors import GitError, MergeConflict, Refused, UserError
from git_ops.clone import Clone, Origin, Record
from git_ops.git import shown
from git_ops.landing import BranchMoved, held, move_branch, recover
from git_ops.owner import Owner

ATTEMPTS = 10  # against an owner who commits at the same moment
POLITE = 2  # attempts that leave the owner free to commit meanwhile


@dataclass(frozen=True, slots=True)
class Landing:
    """What a branch of the owner's went from and to, and for which head of the task's."""

    target: str
    old: str
    new: str
    head: str


def land(
    owner: Owner,
    clone: Clone,
    record: Record,
    origin: Origin,
    *,
    expected_head: str,
    how: str,
    message: str,
) -> Landing:
    """Raises Refused, MergeConflict or UserError. Hold the clone's lock."""
    recover(record)
    landed = find(owner, clone, record)
    if landed and landed.head == expected_head:
        return landed
    head = clone.tip_of(origin.branch)
    require_head(head, expected_head)
    target = target_branch(owner, origin)
    for attempt in range(ATTEMPTS):
        alone = nullcontext() if attempt < POLITE else held(owner, record, target)
        with alone, suppress(BranchMoved):
            clone.refresh(owner)
            target, old = target_tip(owner, clone, origin)
            new = combine(clone, origin, old, head, how, message, owner.identity())
            landing = Landing(target, old, new, head)
            clone.git.run("update-ref", f"refs/gofer/landed/{record.task_id}", new)
            record.write("landing", asdict(landing))
            move_branch(owner, clone, record, target, old, new)
            return landing
    raise Refused(f"{target} keeps moving. Try again in a moment.")


def undo(owner: Owner, clone: Clone, record: Record, _: Origin, *, commit: str) -> str:
    """Take the last landing back. Returns where the target is now. Hold the clone's lock."""
    recover(record)
    values = record.read("landing")
    landing = Landing(**values) if values else None
    if landing is None or landing.new != commit:
        raise Refused("This merge is not known here, so it cannot be undone.")
    if owner.tip(landing.target) == landing.old:
        return landing.old
    if owner.tip(landing.target) != commit:
        raise Refused(f"{landing.target} has moved on since the merge. Use git revert instead.")
    move_branch(owner, clone, record, landing.target, commit, landing.old)
    record.forget("landing")
    return landing.old


def find(owner: Owner, clone: Clone, record: Record) -> Landing | None:
    """The landing that the target still contains."""
    values = record.read("landing")
    if values is None:
        return None
    landing = Landing(**values)
    contains = ("merge-base", "--is-ancestor", landing.new, f"refs/heads/{landing.target}")
    return landing if owner.git.succeeds(*contains) else None


def require_head(head: str, expected: str) -> None:
    if head != expected:
        raise Refused(
            f"The branch has moved: you saw {expected[:10]}, it is at {head[:10]} now. Look again."
        )


def target_branch(owner: Owner, origin: Origin) -> str:
    target = origin.target or owner.current_branch()
    if target is None:
        raise Refused(
            f"No branch is checked out in {owner.path}, so there is nothing to land on. "
            "Check one out there (git switch main), then try again."
        )
    return target


def target_tip(owner: Owner, clone: Clone, origin: Origin) -> tuple[str, str]:
    """The branch to land on and its commit, as of the last refresh. Raises Refused, UserError."""
    target = target_branch(owner, origin)
    tip = clone.tip(f"refs/owner/heads/{target}")
    if tip is None:
        raise UserError(f"The branch {target} is no longer in {owner.path}.")
    return target, tip


def combine(
    clone: Clone,
    origin: Origin,
    onto: str,
    head: str,
    how: str,
    message: str,
    identity: dict[str, str],
) -> str:
    """The commit that the target shall be at. Raises MergeConflict, Refused."""
    if head == origin.base:
        raise Refused("The task changed nothing, so there is nothing to land.")
    if how == "rebase":
        new = _rebase(clone, origin.base, onto, head)
    elif origin.snapshot:  # the uncommitted changes below it do not land with the task
        tree = _pick(clone, origin.base, onto, head)
        new = clone.commit(tree, [onto], message, identity)
    elif how in ("merge", "squash"):
        tree = _merge_trees(clone, onto, head)
        parents = [onto, head] if how == "merge" else [onto]
        new = clone.commit(tree, parents, message, identity)
    else:
        raise UserError(f"{how!r} is no way to land; use merge, squash or rebase.")
    if clone.tree(new) == clone.tree(onto):
        raise Refused("The target already has these changes.")
    return new


def _merge_trees(clone: Clone, ours: str, theirs: str) -> str:
    tree, files = merged(clone, ours, theirs)
    if files:
        raise MergeConflict(files)
    return tree


def merged(clone: Clone, ours: str, theirs: str) -> tuple[str, tuple[str, ...]]:
    """The merged tree, and the files in conflict, which hold markers in it."""
    options = ("--write-tree", "-z", "--name-only", "--no-messages")
    answer = clone.git.call("merge-tree", *options, ours, theirs)
    tree, *files = answer.out.split(b"\0")
    if answer.status not in (0, 1):
        raise GitError(f"The merge could not be computed: {answer.reason}")
    return tree.decode(), tuple(shown(path) for path in files if path)


def _pick(clone: Clone, parent: str, onto: str, commit: str) -> str:
    """The tree of `onto` with the change from `parent` to `commit` applied.

    A stand-in commit has the tree of `onto` and the parent `parent`, which makes `parent` the
    merge base (git 2.38 cannot be told the base).
    """
    nobody = {
        f"GIT_{who}_{what}": "gofer"
        for who in ("AUTHOR", "COMMITTER")
        for what in ("NAME", "EMAIL")
    }
    stand_in = clone.commit(clone.tree(onto), [parent], "stand-in", nobody)
    return _merge_trees(clone, stand_in, commit)


def _rebase(clone: Clone, base: str, onto: str, head: str) -> str:
    """Each commit since the base on top of `onto`; merges among them are left out."""
    listed = ("rev-list", "--reverse", "--topo-order", "--no-merges", head, f"^{base}", f"^{onto}")
    for commit in clone.git.text(*listed).splitlines():
        tree = _pick(clone, f"{commit}^", onto, commit)
        if tree != clone.tree(onto):
            onto = _again(clone, commit, tree, onto)
    return onto


def _again(clone: Clone, commit: str, tree: str, parent: str) -> str:
    """The same author, dates and words over another tree and parent."""
    shape = "--format=%an%n%ae%n%ad%n%cn%n%ce%n%B"
    log = clone.git.run("log", "-1", "--date=raw", "--no-show-signature", shape, commit)
    *who, message = os.fsdecode(log).split("\n", 5)
    names = ("AUTHOR_NAME", "AUTHOR_EMAIL", "AUTHOR_DATE", "COMMITTER_NAME", "COMMITTER_EMAIL")
    identity = {f"GIT_{name}": value or "-" for name, value in zip(names, who, strict=True)}
    return clone.commit(tree, [parent], message, identity)
