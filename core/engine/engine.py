"""What every front door may ask of the hall.

What always holds: what a method returned is on disk; the first of several answers or decisions
wins and the others are told; a task is named by its id or by a prefix of at least four characters.
Who may ask is for the front doors to know, `by` is only recorded.
"""

from __future__ import annotations

import asyncio
import uuid
from collections.abc import AsyncGenerator, Callable, Coroutine, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, TypeVar

from core import subscribers
from core.config import Settings
from core.engine import ahead, following, questions, reviews, sending, submissions, upkeep
from core.engine.change import Change, change, clean, writing
from core.engine.parts import Cue, Parts
from core.engine.reconcile import end_cancelled, reconcile
from core.engine.scheduler import Scheduler
from core.errors import NotFound, Refused
from core.lock import HomeLock
from core.model import (
    ENDED,
    Decision,
    Event,
    EventType,
    ReviewState,
    Status,
    Submission,
    Task,
)
from core.outbox import Outbox
from core.permission import Grant, Scope
from core.ports import Agents, Repositories
from core.projects import Projects
from core.store import decisions, events, mail, tasks
from core.store.database import Database
from core.store.mail import Message
from core.templates import Templates

T = TypeVar("T")

_CLOSED = frozenset({ReviewState.MERGED, ReviewState.DISCARDED})

RESOLVE = (
    "What the target branch got meanwhile is merged into your branch. Where both changed the same "
    "lines, the files now hold conflict markers (<<<<<<<, =======, >>>>>>>). Resolve each of them "
    "so that both changes hold, leave no marker behind, then run the checks."
)


class Engine:
    def __init__(
        self,
        *,
        database: Database,
        settings: Settings,
        agents: Agents,
        repositories: Repositories,
        projects: Projects,
        templates: Templates,
        outbox: Outbox,
        destinations: Callable[[Task], Sequence[str]],
    ) -> None:
        """`destinations`: who is told of a task's end and questions, as outbox addresses."""
        self._parts = Parts(
            database,
            settings,
            agents,
            repositories,
            projects,
            templates,
            outbox,
            destinations,
            Cue(),
        )
        self._lock = HomeLock(settings.home)
        self._scheduler = Scheduler(self._parts)
        self._background: set[asyncio.Task[Any]] = set()
        self._accepting = False

    # --- the hub ---------------------------------------------------------------------------------

    async def start(self) -> None:
        """Take up what an earlier hub left, then work. Raises UserError for a second hub."""
        self._lock.take()
        self._parts.settings.runs.mkdir(parents=True, exist_ok=True)
        await reconcile(self._parts, self._scheduler)
        self._accepting = True
        self._scheduler.start()
        self._parts.outbox.start()
        self._go(upkeep.clean_for_ever(self._parts))
        self._go(ahead.keep_ready(self._parts, self._scheduler))
        self._go(sending.send_for_ever(self._parts))
        for name, subscriber in subscribers.installed().items():
            follow = lambda since: following.follow_all(self._parts, since)  # noqa: E731
            self._go(subscribers.serve(name, subscriber, self._parts.database, follow))

    async def stop(self, *, drain: bool = False) -> None:
        """Take no more work and leave. Agents go on under their bridges, or end with `drain`."""
        self._accepting = False
        await self._scheduler.stop(drain=drain)
        await self._parts.outbox.stop()
        for task in self._background:
            task.cancel()
        await asyncio.gather(*self._background, return_exceptions=True)
        self._lock.release()

    def _go(self, work: Coroutine[Any, Any, T]) -> asyncio.Task[T]:
        task = asyncio.create_task(work)
        self._background.add(task)
        task.add_done_callback(self._background.discard)
        return task

    async def _whole(self, work: Coroutine[Any, Any, T]) -> T:
        """Carry on to the end, also when whoever asked has left."""
        return await asyncio.shield(self._go(work))

    # --- asking for work -------------------------------------------------------------------------

    async def submit(self, submission: Submission) -> tuple[Task, ...]:
        """Several tasks for a duel. Durable on return; the same key gives the same tasks again."""
        self._check_accepting()
        made = await submissions.submit(self._parts, submission)
        self._scheduler.wake()
        return made

    async def steer(self, task_id: str, text: str, *, by: str, key: str | None = None) -> Task:
        """Tell a task more: its agent, if it works or waits its turn; else a new run.

        An open question in words takes it as the answer. The same key is heard once.
        """
        submissions.check_text(text)
        task_id = await self._full_id(task_id)
        message = Message(key or str(uuid.uuid4()), task_id, clean(text), by)
        async with change(self._parts, task_id) as made:
            if not await mail.put_message(made.tx, message, made.now):
                return made.task
            if made.task.status in ENDED:
                await self._follow_up(made, message)
            elif made.task.question is not None and made.task.question.kind is None:
                asked = await questions.to_answer(made, made.task.question.request_id)
                await questions.settle(made, asked, Decision.ALLOW, by=by, text=message.text)
                await mail.mark_message_told(made.tx, message.id, made.now)
            else:
                made.log(EventType.PROGRESS, "steer", text=message.text, by=by)
        self._scheduler.nudge(task_id)
        self._scheduler.wake()
        return made.task

    async def _follow_up(self, made: Change, message: Message) -> None:
        await self._check_may_go_on(made)
        made.log(EventType.PROGRESS, "steer", text=message.text, by=message.sender)
        fresh = made.stored.run_state.session is None
        made.queue_run(f"{made.task.prompt}\n\n{message.text}" if fresh else message.text)
        await mail.mark_message_told(made.tx, message.id, made.now)

    async def retry(self, task_id: str, *, by: str) -> Task:
        """The last run once more, in the same workspace and session."""
        task_id = await self._full_id(task_id)
        async with change(self._parts, task_id) as made:
            if made.task.status not in ENDED:
                raise Refused(f"Task {task_id} is {made.task.status}; it has not ended.")
            await self._check_may_go_on(made)
            made.log(EventType.PROGRESS, "note", text=f"Tried again, asked by {by}.")
            made.queue_run(made.run.prompt)
        self._scheduler.wake()
        return made.task

    async def _check_may_go_on(self, made: Change) -> None:
        self._check_accepting()
        submissions.check_room(self._parts)
        await submissions.check_queue(self._parts, made.tx.rows, 1)
        review = made.task.review
        if review is not None and review.state in _CLOSED:
            raise Refused(
                f"Task {made.task.id} is {review.state}; start a new task, or undo that first."
            )

    def _check_accepting(self) -> None:
        if not self._accepting:
            raise Refused("Gofer is stopping and takes no new work.")

    async def answer(
        self,
        task_id: str,
        request_id: str,
        decision: Decision,
        *,
        by: str,
        text: str = "",
        grant: str = "once",
    ) -> Task:
        """Answer what an agent asked. `grant`: once | task | prefix, what it allows from now on."""
        task_id = await self._full_id(task_id)
        async with change(self._parts, task_id) as made:
            asked = await questions.to_answer(made, request_id)
            scope = Scope(grant) if decision is Decision.ALLOW else Scope.ONCE
            given = questions.grant_for(made, asked, scope, by)
            if given is not None:
                await decisions.put_grant(made.tx, given)
            await questions.settle(made, asked, decision, by=by, text=clean(text))
        self._scheduler.nudge(task_id)
        return made.task

    async def cancel(self, task_id: str, *, by: str) -> Task:
        """Returns when the task is CANCELLED and its agent gone; as it is, when it had ended."""
        return await self._whole(self._cancel(await self._full_id(task_id), by))

    async def _cancel(self, task_id: str, by: str) -> Task:
        async with change(self._parts, task_id) as made:
            if made.task.status in ENDED:
                return made.task
            made.set_state(cancel_by=by)
            made.log(EventType.PROGRESS, "note", text=f"Cancelled by {by}.")
        await self._scheduler.end_now(task_id)
        await end_cancelled(self._parts, task_id)
        self._scheduler.wake()
        return await self._load(task_id)

    # --- deciding about the branch ---------------------------------------------------------------

    async def merge(self, task_id: str, *, expected_head: str, how: str = "merge", by: str) -> Task:
        """`how` is merge | squash | rebase. The other tasks of a duel are discarded."""
        return await self._whole(self._merge(await self._full_id(task_id), expected_head, how, by))

    async def _merge(self, task_id: str, expected_head: str, how: str, by: str) -> Task:
        parts = self._parts
        await self._process_gone(task_id)
        task = await reviews.decide(
            parts, task_id, "merge", by=by, expected_head=expected_head, how=how
        )
        for sibling in await reviews.siblings(parts, task):
            await self._cancel(sibling.task.id, by)
            state = sibling.task.review.state if sibling.task.review else ReviewState.OPEN
            if state not in _CLOSED:
                await reviews.decide(parts, sibling.task.id, "discard", by=by)
        return task

    async def resolve(self, task_id: str, *, by: str, key: str | None = None) -> Task:
        """Merge the target into the branch and have the agent resolve what conflicts: a new run."""
        task = await self._decide(task_id, "take_in", by=by)
        return await self.steer(task.id, RESOLVE, by=by, key=key)

    async def undo_merge(self, task_id: str, *, by: str) -> Task:
        return await self._decide(task_id, "undo_merge", by=by)

    async def pull_request_plan(self, task_id: str) -> str:
        """In words: what would be pushed where."""
        task = await self.task(task_id)
        if task.workspace is None:
            raise Refused(f"Task {task.id} has no branch yet.")
        project = self._parts.projects.find(task.project)
        return await self._parts.repositories.pull_request_plan(project, task.workspace)

    async def open_pull_request(self, task_id: str, *, expected_head: str, by: str) -> Task:
        return await self._decide(task_id, "pull_request", by=by, expected_head=expected_head)

    async def discard(self, task_id: str, *, expected_head: str | None, by: str) -> Task:
        return await self._decide(task_id, "discard", by=by, expected_head=expected_head)

    async def restore(self, task_id: str, *, by: str) -> Task:
        return await self._decide(task_id, "restore", by=by)

    async def undo(self, task_id: str, checkpoint: str | None = None, *, by: str) -> Task:
        return await self._decide(task_id, "undo", by=by, checkpoint=checkpoint)

    async def revert_files(
        self, task_id: str, files: Sequence[str], *, expected_head: str, by: str
    ) -> Task:
        return await self._decide(
            task_id, "revert_files", by=by, files=list(files), expected_head=expected_head
        )

    async def accept_files(
        self, task_id: str, files: Sequence[str], *, expected_head: str, by: str
    ) -> Task:
        task_id = await self._full_id(task_id)
        return await reviews.accept_files(self._parts, task_id, files, expected_head, by)

    async def _decide(self, task_id: str, kind: str, *, by: str, **args: Any) -> Task:
        task_id = await self._full_id(task_id)
        await self._process_gone(task_id)
        return await self._whole(reviews.decide(self._parts, task_id, kind, by=by, **args))

    async def _process_gone(self, task_id: str) -> None:
        """The record of a task may end a moment before its process does."""
        if (await self._load(task_id)).status in ENDED:
            await self._scheduler.finished(task_id)

    # --- reading ---------------------------------------------------------------------------------

    async def task(self, task_id: str) -> Task:
        """Raises NotFound."""
        return await self._load(await self._full_id(task_id))

    async def tasks(
        self,
        *,
        limit: int = 50,
        before: str | None = None,
        status: Status | None = None,
        project: str | None = None,
        origin: str | None = None,
    ) -> Sequence[Task]:
        """Newest first; `before` is the id behind which to go on. Raises NotFound for that."""
        before = before and await self._full_id(before)
        wanted = {"status": status, "project": project, "origin": origin}
        equal = {column: str(value) for column, value in wanted.items() if value is not None}
        rows = self._parts.database.read
        found = await tasks.newest(rows, limit=limit, before=before, equal=equal)
        return [stored.task for stored in found]

    async def diff(self, task_id: str, path: str | None = None) -> str:
        task = await self.task(task_id)
        if task.workspace is None:
            return ""
        return await self._parts.repositories.diff(task.workspace, path)

    async def checkpoints(self, task_id: str) -> Sequence[tuple[str, str]]:
        task = await self.task(task_id)
        if task.workspace is None:
            return ()
        return await self._parts.repositories.checkpoints(task.workspace)

    async def events(self, task_id: str, since: int = 0, limit: int = 1000) -> Sequence[Event]:
        """Those with `seq` > since."""
        task_id = await self._full_id(task_id)
        return await events.of_task(self._parts.database.read, task_id, since, limit)

    async def follow(
        self, *, task_id: str | None = None, since: int = 0
    ) -> AsyncGenerator[Event, None]:
        """Live. One task: from `seq` > since to its end. All: from event `id` > since, for ever."""
        stream = (
            following.follow_all(self._parts, since)
            if task_id is None
            else following.follow_task(self._parts, await self._full_id(task_id), since)
        )
        async for event in stream:
            yield event

    async def wait(self, task_id: str, *, since: int = 0, timeout_s: float) -> Task:
        """Returns on a change of status or question behind `since` (0: now), or at the timeout."""
        return await following.wait(self._parts, await self._full_id(task_id), since, timeout_s)

    async def health(self) -> dict[str, Any]:
        return await upkeep.health(self._parts, self._scheduler, accepting=self._accepting)

    async def report(self, task_id: str | None = None) -> str:
        """Markdown."""
        return await upkeep.report(self._parts, await self.task(task_id) if task_id else None)

    async def _load(self, task_id: str) -> Task:
        return (await tasks.load(self._parts.database.read, task_id)).task

    async def _full_id(self, task_id: str) -> str:
        return await tasks.full_id(self._parts.database.read, task_id)

    # --- upkeep ----------------------------------------------------------------------------------

    async def clean(self, *, dry_run: bool = False) -> dict[str, Any]:
        """Forget what the retention settings no longer keep. Says what."""
        return await upkeep.clean(self._parts, dry_run=dry_run)

    async def backup(self, path: Path) -> None:
        """A consistent copy of the store into a new file."""
        await upkeep.backup(self._parts, path)

    async def grants(self) -> Sequence[Grant]:
        """What the owner has allowed ahead, newest first."""
        return await decisions.grants(self._parts.database.read, datetime.now(UTC))

    async def revoke_grant(self, grant_id: int) -> None:
        """Raises NotFound."""
        async with writing(self._parts) as tx:
            if not await decisions.delete_grant(tx, grant_id):
                raise NotFound(f"There is no grant {grant_id}.")
