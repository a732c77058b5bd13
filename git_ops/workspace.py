"""One task's branch and files, from being made to being removed.

Everything here is synchronous; `git_ops.repositories` runs it in threads. The branch in our clone
is the truth: files can be made anew from it at any time, at the same place.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

from core.errors import GitError, NotFound, Refused
from core.model import Project, Workspace
from git_ops import checkpoint, inside, leftovers, merge, worktree
from git_ops.checkpoint import Confine
from git_ops.clone import Clone, Origin, Record, folder_name
from git_ops.owner import Owner
from git_ops.publish import publish, withdraw
from git_ops.review import raw_paths
from git_ops.spare import Spare

Sandboxed = Callable[[Sequence[str], Workspace], Sequence[str]]

T = TypeVar("T")

UNUSED = "Gofer never uses it, and you should not run git in there"
MOST_LISTED = 10
LEFT_OVER = "Work left uncommitted"


@dataclass(frozen=True, slots=True)
class Site:
    """Where one task works: the owner's repository, our clone, the task's record and files."""

    project: Project
    owner: Owner
    clone: Clone
    record: Record
    path: Path
    spare: Spare
    sandboxed: Sandboxed | None

    @classmethod
    def of(cls, home: Path, project: Project, task_id: str, sandboxed: Sandboxed | None) -> Site:
        clone = Clone.of(home, project.name)
        record = clone.record(task_id)
        spare = Spare.of(home, folder_name(project.name))
        path = spare.files.with_name(task_id)
        return cls(project, Owner.at(project.path), clone, record, path, spare, sandboxed)

    # --- making ----------------------------------------------------------------------------------

    def prepare(self, slug: str, base: str | None, include_uncommitted: bool) -> Workspace:
        with self.record.lock():
            origin = self.record.origin()
            if origin is None:
                with self.clone.lock():
                    origin = self._branch_off(slug, base, include_uncommitted)
                return self._furnished(origin, origin.base)
            self._take_back(origin)
            return self._furnished(origin, self.clone.tip_of(origin.branch))

    def _branch_off(self, slug: str, base: str | None, include_uncommitted: bool) -> Origin:
        commit, target = self.clone.starting_point(self.owner, base or self.project.base)
        start = self._with_uncommitted(commit) if include_uncommitted else commit
        branch = branch_name(self.record.task_id, slug)
        self.clone.git.run("update-ref", f"refs/heads/{branch}", start)
        origin = Origin(branch, start, target, snapshot=start != commit)
        self.record.start(origin)
        return origin

    def _with_uncommitted(self, commit: str) -> str:
        if self.owner.resolve("HEAD") != commit:
            raise Refused(
                "Uncommitted changes belong to the checked-out commit; leave out the base."
            )
        tree = self.owner.snapshot_tree(self.clone.path / "objects")
        if tree == self.clone.tree(commit):
            return commit
        message = "Uncommitted changes of the owner's"
        return self.clone.commit(tree, [commit], message, self.owner.identity())

    def _furnished(self, origin: Origin, tip: str) -> Workspace:
        """The workspace with its files, which are made unless they are all there."""
        if self.record.read("ready") is None or not self.path.is_dir():
            self.record.forget("ready")
            worktree.write_excludes(self.record, self.project, self.owner)
            self._build(origin, tip)
            worktree.furnish(self.project, self.path, confined=self.sandboxed is not None)
            self.record.forget("switch")
            self.record.write("ready", {})
        elif self._resume(origin):
            tip = self.clone.tip_of(origin.branch)
        return self.workspace(origin, tip)

    def _build(self, origin: Origin, tip: str) -> None:
        worktree.remove(self.path)
        self.record.index.unlink(missing_ok=True)
        spare = self.spare.take(self.record, self.path)
        place = (self.clone, self.record, self.path)
        if worktree.build(*place, origin, tip, self.owner, spare):
            inside.remember(worktree.look(*place), self.record)

    def workspace(self, origin: Origin, head: str | None = None) -> Workspace:
        """As it is now; `head` where the branch is known to be."""
        head = head or self.clone.tip_of(origin.branch)
        return Workspace(
            path=self.path,
            project=self.project.name,
            branch=origin.branch,
            base=self._base(origin, head),
            head=head,
            mounts=worktree.mounts(self.clone, self.project, self.path),
        )

    def _base(self, origin: Origin, head: str) -> str:
        """What the change is seen against: where it started, or the target as last taken in."""
        taken = self.record.read("taken") or {}
        for commit, tip in reversed(taken.items()):
            if self.clone.is_ancestor(commit, head):
                return str(tip)
        return origin.base

    def origin(self) -> Origin:
        origin = self.record.origin()
        if origin is None:
            raise NotFound(f"The task {self.record.task_id} has no branch here.")
        return origin

    def _confine(self, origin: Origin) -> Confine | None:
        if self.sandboxed is None:
            return None
        sandboxed, workspace = self.sandboxed, self.workspace(origin)
        return lambda command: sandboxed(command, workspace)

    def locked(self, act: Callable[[Owner, Clone, Record, Origin], T]) -> T:
        """Do something to the owner's branches, alone."""
        with self.record.lock(), self.clone.lock():
            return act(self.owner, self.clone, self.record, self.origin())

    def leave_out(self) -> None:
        """What the project's own command has left is not the agent's."""
        with self.record.lock():
            leftovers.take(worktree.look(self.clone, self.record, self.path), self.record)

    # --- turns -----------------------------------------------------------------------------------

    def checkpoint(self, message: str, trailers: Mapping[str, str]) -> Workspace:
        with self.record.lock():
            origin = self.origin()
            before = self.clone.tip_of(origin.branch)
            after = self._save(origin, checkpoint.worded(message, trailers))
            if after != before:
                self._agent_follows(origin, after)
            self._publish(origin)
            return self.workspace(origin)

    def _save(self, origin: Origin, message: str) -> str:
        """Commit everything there is to our branch; the agent's files stay as they are."""
        self._resume(origin)
        head = self.clone.tip_of(origin.branch)
        git = worktree.look(self.clone, self.record, self.path)
        leftovers.take(git, self.record)
        strange = worktree.tampered(self.record, self.path)
        tip, folded = checkpoint.import_commits(self.clone, self.path, head, self._confine(origin))
        tree, notes = checkpoint.snapshot(git, self.clone, self.record, origin.base, tip)
        if tree != self.clone.tree(tip):
            tip = self.clone.commit(tree, [tip], message, self.owner.identity())
        if tip != head:
            with self.clone.lock():
                self.clone.move(f"refs/heads/{origin.branch}", tip, head)
        notes += inside.keep(git, self.clone, self.record, origin.branch, self.owner.identity())
        if strange:
            notes.append(f"The agent rigged its own repository ({', '.join(strange)}): {UNUSED}.")
        for note in (folded, *notes):
            if note:
                self.record.note(tip, note)
        return tip

    def _agent_follows(self, origin: Origin, commit: str) -> None:
        if not checkpoint.follow(self.path, commit, self._confine(origin)):
            worktree.give_repository(self.clone, self.record, self.path, origin, commit, self.owner)

    def _publish(self, origin: Origin) -> None:
        if self.clone.tip_of(origin.branch) == origin.base and not self._published(origin):
            return  # nothing to see yet
        with self.clone.lock():
            self.clone.refresh(self.owner)
            publish(self.owner, self.clone, self.record, origin.branch)

    def _published(self, origin: Origin) -> bool:
        return self.clone.tip(f"refs/gofer/published/{origin.branch}") is not None

    def undo(self, wanted: str | None) -> Workspace:
        with self.record.lock():
            origin = self.origin()
            head = self._save(origin, LEFT_OVER)
            target = self._earlier(origin, head) if wanted is None else self._known(origin, wanted)
            undone = f"refs/gofer/undone/{self.record.task_id}/{head}"
            self.clone.git.run("update-ref", undone, head)
            self._go_to(origin, head, target)
            return self.workspace(origin)

    def _earlier(self, origin: Origin, head: str) -> str:
        if head == self._base(origin, head):
            raise Refused("There is nothing to undo: the branch is where it started.")
        return self.clone.git.text("rev-parse", "--verify", f"{head}^")

    def _known(self, origin: Origin, wanted: str) -> str:
        """A commit of this task's, undone ones included, by its id or the start of it."""
        undone = f"--glob=refs/gofer/undone/{self.record.task_id}/"
        base = self._base(origin, self.clone.tip_of(origin.branch))
        listed = ("rev-list", undone, f"refs/heads/{origin.branch}", f"^{base}")
        known = [*self.clone.git.text(*listed).splitlines(), origin.base]
        matches = [commit for commit in known if len(wanted) >= 4 and commit.startswith(wanted)]
        if len(matches) != 1:
            few = ", ".join(commit[:10] for commit in known[:MOST_LISTED])
            raise NotFound(f"{wanted} is not one checkpoint of this task. There are: {few}.")
        return matches[0]

    def _go_to(self, origin: Origin, head: str, target: str) -> None:
        """Move branch, files and the agent's repository from `head` (all saved) to `target`."""
        self.record.write("switch", {"head": head, "target": target})
        self._resume(origin)
        self._publish(origin)

    def _resume(self, origin: Origin) -> bool:
        """Finish a switch of files, this one or one that a crash cut off. False: there is none.

        Half-switched files would else be taken for new work.
        """
        intent = self.record.read("switch")
        if intent is None:
            return False
        head, target = intent["head"], intent["target"]
        self._agent_follows(origin, head)
        git = worktree.look(self.clone, self.record, self.path)
        if not checkpoint.switch(git, target, self._confine(origin)):
            worktree.check_out(self.clone, self.record, self.path, target)
            worktree.give_repository(self.clone, self.record, self.path, origin, target, self.owner)
        if self.clone.tip_of(origin.branch) == head:
            with self.clone.lock():
                self.clone.move(f"refs/heads/{origin.branch}", target, head)
        self.record.forget("switch")
        return True

    def revert_files(self, paths: Sequence[str]) -> Workspace:
        with self.record.lock():
            origin = self.origin()
            head = self._save(origin, LEFT_OVER)
            base = self._base(origin, head)
            known = raw_paths(self.clone, base, head)
            missing = [path for path in paths if path not in known]
            if missing:
                raise NotFound(f"Not among the changed files: {', '.join(missing)}.")
            wanted = [raw for path in paths for raw in known[path]]
            tree = checkpoint.with_entries_of(self.clone, self.record, head, base, wanted)
            message = f"Put back {', '.join(paths[:3])}{' and more' if len(paths) > 3 else ''}"
            commit = self.clone.commit(tree, [head], message, self.owner.identity())
            self._go_to(origin, head, commit)
            return self.workspace(origin)

    def take_in(self) -> Workspace:
        """Merge what the target got meanwhile into the branch.

        Where both changed the same lines, the files hold conflict markers. Raises Refused.
        """
        with self.record.lock():
            origin = self.origin()
            if origin.snapshot:
                raise Refused(
                    "This task started from uncommitted changes, so its target cannot be merged "
                    "into it. Resolve the conflict by hand, or start a new task."
                )
            head = self._save(origin, LEFT_OVER)
            with self.clone.lock():
                self.clone.refresh(self.owner)
            target, tip = merge.target_tip(self.owner, self.clone, origin)
            if not self.clone.is_ancestor(tip, head):
                tree, _ = merge.merged(self.clone, head, tip)
                message = f"Take in {target}"
                commit = self.clone.commit(tree, [head, tip], message, self.owner.identity())
                self.record.write("taken", {**(self.record.read("taken") or {}), commit: tip})
                self._go_to(origin, head, commit)
            return self.workspace(origin)

    # --- removing --------------------------------------------------------------------------------

    def discard(self) -> None:
        with self.record.lock():
            origin = self.record.origin()
            if origin is None or self.clone.tip(f"refs/heads/{origin.branch}") is None:
                worktree.remove(self.path)
                return
            self._remove_files(origin)
            with self.clone.lock():
                tip = self.clone.tip_of(origin.branch)
                self.clone.git.run("update-ref", f"refs/gofer/kept/{origin.branch}", tip)
                withdraw(self.owner, self.clone, origin.branch)
                self.clone.git.run("update-ref", "-d", f"refs/heads/{origin.branch}", tip)

    def restore(self) -> Workspace:
        with self.record.lock():
            origin = self.origin()
            self._take_back(origin)
            workspace = self._furnished(origin, self.clone.tip_of(origin.branch))
            self._publish(origin)
            return workspace

    def _take_back(self, origin: Origin) -> None:
        """The branch from where a discarded one is kept, unless it is there."""
        kept = f"refs/gofer/kept/{origin.branch}"
        tip = self.clone.tip(kept)
        if tip is not None and self.clone.tip(f"refs/heads/{origin.branch}") is None:
            with self.clone.lock():
                self.clone.move(f"refs/heads/{origin.branch}", tip, None)
                self.clone.git.run("update-ref", "-d", kept)

    def remove_files(self) -> None:
        with self.record.lock():
            self._remove_files(self.origin())

    def _remove_files(self, origin: Origin) -> None:
        """Save what is uncommitted, then free the disk."""
        if self.record.read("ready") is not None and self.path.is_dir():
            try:
                self._save(origin, LEFT_OVER)
            except GitError as error:
                self.record.note(self.clone.tip_of(origin.branch), f"Left uncommitted: {error}")
        self.record.forget("ready")
        worktree.remove(self.path)


def branch_name(task_id: str, slug: str) -> str:
    """`gofer/<id>-<slug>`, whatever the slug holds: lower-case letters, digits and hyphens."""
    words = re.sub(r"[^a-z0-9]+", "-", slug.lower())[:40].strip("-")
    return f"gofer/{task_id}-{words}" if words else f"gofer/{task_id}"
