"""One transaction about one task: its state, its events and its outbox rows together.

What always holds: a status moves only as `core.model.TRANSITIONS` allows; `seq` has no gaps; each
run gets exactly one `completed` event, in the transaction that ends it; secrets are masked and
long texts cut before anything is stored.
"""

from __future__ import annotations

import sqlite3
import uuid
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import asdict, replace
from datetime import UTC, datetime
from typing import Any

from core.engine.parts import UNSENT, Parts
from core.errors import TransientError
from core.faults import fault
from core.model import (
    TRANSITIONS,
    EventType,
    Failure,
    Outcome,
    Run,
    Status,
    Task,
)
from core.redact import redact
from core.store import events, mail, outbox, tasks
from core.store.database import Transaction
from core.store.tasks import RunState, Stored
from core.wire import task_json

LONGEST_TEXT = 32_000  # characters of one text in an event; the transcript has the whole
_MARGIN = 4_096  # masked together with it, so that no secret is cut in half and missed

_STATUS_OF = {
    Outcome.SUCCEEDED: Status.COMPLETED,
    Outcome.FAILED: Status.FAILED,
    Outcome.CANCELLED: Status.CANCELLED,
}


class Change:
    """Collects what is to be written about one task. Made by `change` and `creation` alone."""

    def __init__(self, tx: Transaction, stored: Stored) -> None:
        self.tx = tx
        self.now = datetime.now(UTC)
        self.stored = stored
        self.seq = stored.last_seq  # of the newest event
        self._before = stored
        self._events: list[events.NewEvent] = []
        self._deliveries: list[tuple[str, Mapping[str, Any]]] = []

    @property
    def task(self) -> Task:
        return self.stored.task

    @property
    def run(self) -> Run:
        return self.stored.run

    def set(self, **fields: Any) -> None:
        self.stored = replace(self.stored, task=replace(self.task, **fields))

    def set_state(self, **fields: Any) -> None:
        self.stored = replace(self.stored, state=replace(self.stored.state, **fields))

    def set_run(self, **fields: Any) -> None:
        self.set(runs=(*self.task.runs[:-1], replace(self.run, **fields)))

    def set_run_state(self, **fields: Any) -> None:
        self.stored = replace(self.stored, run_state=replace(self.stored.run_state, **fields))

    def move(self, status: Status, not_before: float = 0.0) -> None:
        was = self.task.status
        if status not in TRANSITIONS[was]:
            raise AssertionError(f"{self.task.id} cannot go from {was} to {status}")
        self.set(status=status)
        self.stored = replace(self.stored, not_before=not_before)
        self.log(EventType.PROGRESS, "status", status=status.value)

    def log(self, type_: EventType, kind: str, **payload: Any) -> int:
        """Append an event. Returns its `seq`."""
        self.seq += 1
        masked = {name: clean(value) for name, value in payload.items()}
        event = events.NewEvent(
            self.seq, self.run.number, type_, {"kind": kind, **masked}, self.now
        )
        self._events.append(event)
        return self.seq

    def complain(self, trouble: Failure) -> None:
        """The agent says that something went wrong."""
        trouble = replace(trouble, message=clean(trouble.message))
        self.log(EventType.ERROR, "error", **asdict(trouble))
        self.set_run_state(trouble=trouble)

    def fail(self, failure: Failure) -> Failure:
        """Something went wrong; said once, when the agent's own complaint was the same."""
        failure = replace(failure, message=clean(failure.message))
        if failure != self.stored.run_state.trouble:
            self.log(EventType.ERROR, "error", **asdict(failure))
        self.set_run_state(trouble=None)
        return failure

    def notify(self, kind: str, **payload: Any) -> None:
        """Tell the task's destinations. The task itself is added as it will be stored."""
        self._deliveries.append((kind, payload))

    def queue_run(self, prompt: str, *, agent: str | None = None) -> None:
        """A new run in the same workspace, and in the same session where there is one."""
        last, agent = self.run, agent or self.task.agent
        session = self.stored.run_state.session if agent == last.agent else None
        run = new_run(self.task.id, last.number + 1, agent, prompt, session)
        self.set(runs=(*self.task.runs, run), agent=agent, error=None, question=None)
        notice = self.stored.state.notice
        first = f"{notice}\n\n{prompt}" if notice else None
        self.stored = replace(
            self.stored,
            run_state=RunState(prompt=first, resume=session is not None, session=session),
        )
        self.set_state(notice=None)
        self.log(EventType.STARTED, "submitted", agent=agent, prompt=first or prompt)
        self.move(Status.QUEUED)

    def end(self, outcome: Outcome, *, error: Failure | None = None, **fields: Any) -> None:
        """End the run, and with it the task until somebody follows up."""
        assert self.run.outcome is None
        if error is not None:
            error = self.fail(error)
        self.move(_STATUS_OF[outcome])
        self.set(question=None, error=error, **fields)
        self.set_state(cancel_by=None)
        self.set_run(ended_at=self.now, outcome=outcome)
        self.log(
            EventType.COMPLETED, "completed", outcome=outcome.value, answer=self.task.answer or ""
        )
        self.notify("finished")

    async def write(self, parts: Parts, *, created: bool = False, key: str | None = None) -> None:
        self.stored = replace(self.stored, last_seq=self.seq)
        if self.stored != self._before:
            self.set(updated_at=self.now)
        if created:
            await tasks.insert(self.tx, self.stored, key)
        else:
            await tasks.save(self.tx, self._before, self.stored)
        if self._events:
            await events.append(self.tx, self.task.id, self._events)
        if self.run.outcome is not None:
            await mail.withdraw(self.tx, self.task.id)
        shown = task_json(self.task)
        for kind, payload in self._deliveries:
            for destination in parts.destinations(self.task):
                await outbox.put(
                    self.tx,
                    destination,
                    kind,
                    {"task": shown, **payload},
                    task_id=self.task.id,
                    at=self.now,
                )

    def ring(self, parts: Parts) -> None:
        """After the commit: whoever follows reads again."""
        parts.cue.ring(self.task.id)
        if self._deliveries:
            parts.outbox.ring()
        if self.stored.unsent:
            parts.cue.ring(UNSENT)


@asynccontextmanager
async def change(parts: Parts, task_id: str, *, durable: bool = True) -> AsyncIterator[Change]:
    """Load, change, and write a task. Raises NotFound; TransientError when the disk says no."""
    async with writing(parts, durable=durable) as tx:
        made = Change(tx, await tasks.load(tx.rows, task_id))
        yield made
        await made.write(parts)
    made.ring(parts)


@asynccontextmanager
async def writing(parts: Parts, *, durable: bool = True) -> AsyncIterator[Transaction]:
    """A transaction whose passing failures (disk full, file locked) are TransientError."""
    try:
        async with parts.database.transaction(durable=durable) as tx:
            yield tx
            fault("commit.before")
    except sqlite3.OperationalError as error:
        raise TransientError(f"The record on disk cannot be written: {error}.") from error
    fault("commit.after")


def new_run(task_id: str, number: int, agent: str, prompt: str, session: str | None) -> Run:
    return Run(
        id=tasks.run_id(task_id, number),
        task_id=task_id,
        number=number,
        agent=agent,
        prompt=prompt,
        session_id=session or str(uuid.uuid4()),
    )


def clean(value: Any) -> Any:
    """The same value with secrets masked and long texts cut."""
    match value:
        case str():
            text = redact(value[: LONGEST_TEXT + _MARGIN])
            if len(text) <= LONGEST_TEXT:
                return text
            return f"{text[:LONGEST_TEXT]}\n… cut here; the transcript has it all ({len(value)})"
        case Mapping():
            return {name: clean(item) for name, item in value.items()}
        case list() | tuple():
            return [clean(item) for item in value]
        case _:
            return value
