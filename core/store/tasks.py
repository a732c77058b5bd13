"""Tasks and their runs, to and from rows.

`Stored` is a task with what the engine alone needs to know of it; `save` writes what changed
between two of them. Functions take `rows` (`Database.read` or `Transaction.rows`), so the same
query serves inside and outside a transaction.
"""

from __future__ import annotations

import json
import secrets
import sqlite3
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, TypeVar

from pydantic import TypeAdapter

from core.errors import NotFound
from core.model import (
    ENDED,
    Failure,
    Mode,
    Outcome,
    ProcessEnded,
    Question,
    Review,
    Run,
    Status,
    Task,
    Tokens,
    TurnEnded,
    Workspace,
)
from core.store.database import Transaction

T = TypeVar("T")
Rows = Callable[[str, Sequence[Any]], Awaitable[list[sqlite3.Row]]]

ALPHABET = "abcdefghjkmnpqrstuvwxyz23456789"  # nothing that looks like something else
ID_LENGTH = 8
SHORTEST_PREFIX = 4
_GOING_ON = ", ".join(f"'{status.value}'" for status in Status if status not in ENDED)
NUMBER = "(SELECT number FROM tasks WHERE id = ?)"  # what a task's runs and events hang off


@dataclass(frozen=True, slots=True)
class TaskState:
    include_uncommitted: bool = False
    prepared: bool = False  # set-up and the check before the first turn are done
    check_before: str | None = None  # passed | failed
    cancel_by: str | None = None  # somebody wants it cancelled; carried out after a crash too
    notice: str | None = None  # what became of the agent's files since; its next run begins so


@dataclass(frozen=True, slots=True)
class RunState:
    attempt: int = 0  # how many processes of this run came before; each has its own folder
    prompt: str | None = None  # what this process was told first; None: the run's prompt
    resume: bool = False  # this process takes up an earlier session
    started: bool = False  # this process is known to exist or to have existed
    session: str | None = None  # what the agent calls its session, once it has said so
    retries: int = 0  # passing failures so far
    fixes: int = 0  # turns spent on a failed check
    stored_output: int = 0  # characters of output events
    told: tuple[str, ...] = ()  # messages that processes of this run took in
    heard: int = 0  # so many of these are behind a turn that ended well
    trouble: Failure | None = None  # what the agent complained of last
    turn: TurnEnded | None = None  # how the last turn ended, while its work is being looked at
    ended: ProcessEnded | None = None  # how this process ended


@dataclass(frozen=True, slots=True)
class Stored:
    task: Task
    state: TaskState
    run_state: RunState  # of the last run
    last_seq: int
    not_before: float = 0.0
    worktree: bool = False
    unsent: bool = False  # to its pull request, to which it shall go

    @property
    def run(self) -> Run:
        return self.task.runs[-1]


def new_id() -> str:
    return "".join(secrets.choice(ALPHABET) for _ in range(ID_LENGTH))


def run_id(task_id: str, number: int) -> str:
    return f"{task_id}-{number}"


def moment(at: float) -> datetime:
    return datetime.fromtimestamp(at, UTC)


# --- reading -------------------------------------------------------------------------------------


async def load(rows: Rows, task_id: str) -> Stored:
    """Raises NotFound."""
    found = await select(rows, "tasks.id = ?", (task_id,))
    if not found:
        raise NotFound(f"There is no task {task_id}. `gofer tasks` lists them.")
    return found[0]


async def select(rows: Rows, where: str, params: Sequence[Any], *, limit: int = -1) -> list[Stored]:
    """`where` is SQL over `tasks`; oldest first unless it orders by itself."""
    order = "" if "ORDER BY" in where else " ORDER BY number"
    found = await rows(f"SELECT * FROM tasks WHERE {where}{order} LIMIT {limit:d}", params)  # noqa: S608
    if not found:
        return []
    marks = ",".join("?" * len(found))
    runs: dict[int, list[sqlite3.Row]] = {row["number"]: [] for row in found}
    for run in await rows(
        f"SELECT * FROM runs WHERE task IN ({marks}) ORDER BY task, number",  # noqa: S608
        list(runs),
    ):
        runs[run["task"]].append(run)
    return [_stored(row, runs[row["number"]]) for row in found]


async def newest(
    rows: Rows, *, limit: int, before: str | None, equal: Mapping[str, str]
) -> list[Stored]:
    """Newest first, older than the task `before`; `equal` are columns and what they must be."""
    where = ["1", *(f"{column} = ?" for column in equal)]
    params: list[Any] = list(equal.values())
    if before is not None:
        where.append("number < (SELECT number FROM tasks WHERE id = ?)")
        params.append(before)
    return await select(rows, " AND ".join(where) + " ORDER BY number DESC", params, limit=limit)


async def full_id(rows: Rows, prefix: str) -> str:
    """The one task whose id begins so. Raises NotFound."""
    wanted = prefix.strip().lower()
    if len(wanted) >= SHORTEST_PREFIX:
        found = await rows(
            "SELECT id FROM tasks WHERE id >= ? AND id < ? LIMIT 2", (wanted, wanted + "~")
        )
        if len(found) == 1:
            return str(found[0]["id"])
        if found:
            raise NotFound(f"More than one task begins with {prefix}; type more of its id.")
    raise NotFound(f"There is no task {prefix}. `gofer tasks` lists them.")


async def with_worktree(rows: Rows, *, until: float | None = None) -> list[Stored]:
    """Those that may have a work tree on disk (and changed last before `until`)."""
    if until is None:
        return await select(rows, "worktree = 1", ())
    return await select(rows, "worktree = 1 AND updated_at < ?", (until,))


async def unsent(rows: Rows) -> list[str]:
    """Ids of those whose newest work shall go to their pull requests."""
    found = await rows("SELECT id FROM tasks WHERE unsent = 1 ORDER BY number", ())
    return [row["id"] for row in found]


async def counts(rows: Rows) -> dict[Status, int]:
    found = await rows(
        "SELECT status, tasks FROM status_counts UNION ALL"  # noqa: S608 - ours
        " SELECT status, COUNT(*) FROM tasks"
        f" WHERE status IN ({_GOING_ON}) GROUP BY status",
        (),
    )
    return {Status(row["status"]): row["tasks"] for row in found if row["tasks"]}


@dataclass(frozen=True, slots=True)
class Queued:
    """As much of a task in the queue as decides when it runs."""

    id: str
    project: str
    not_before: float


async def queued(rows: Rows) -> list[Queued]:
    """All of them, oldest first."""
    found = await rows(
        "SELECT id, project, not_before FROM tasks WHERE status = 'QUEUED' ORDER BY number", ()
    )
    return [Queued(*row) for row in found]


async def released(rows: Rows) -> list[tuple[str, str, Status]]:
    """Tasks that waited for another which has ended: (id, the other's id, how it ended)."""
    found = await rows(
        "SELECT one.id, other.id, other.status"  # noqa: S608 - ours
        " FROM tasks AS one JOIN tasks AS other ON other.id = one.after"
        f" WHERE one.status = 'CREATED' AND other.status NOT IN ({_GOING_ON}) ORDER BY one.number",
        (),
    )
    return [(one, other, Status(status)) for one, other, status in found]


async def submitted(rows: Rows, key: str) -> list[Stored]:
    """The tasks that an earlier submission with this key made."""
    return await select(rows, "id IN (SELECT task_id FROM submissions WHERE key = ?)", (key,))


# --- writing -------------------------------------------------------------------------------------


async def insert(tx: Transaction, stored: Stored, key: str | None) -> None:
    await _insert(tx, "tasks", {"id": stored.task.id, **_task_columns(stored)})
    for run in stored.task.runs:
        await _insert_run(tx, run, stored.run_state)
    if key is not None:
        await tx.execute(
            "INSERT INTO submissions SELECT ?1, COUNT(*), ?2 FROM submissions WHERE key = ?1",
            (key, stored.task.id),
        )


async def save(tx: Transaction, before: Stored, after: Stored) -> None:
    """Write the columns that differ, nothing else."""
    old, new = _task_columns(before), _task_columns(after)
    await _update(tx, "tasks", "id = ?", (after.task.id,), _changed(old, new))
    known = {run.id: run for run in before.task.runs}
    for run in after.task.runs:
        if run.id not in known:
            await _insert_run(tx, run, after.run_state)
        elif run.id == after.run.id:
            columns = _run_columns(run, after.run_state)
            was = _run_columns(known[run.id], before.run_state)
            where = f"task = {NUMBER} AND number = ?"
            await _update(tx, "runs", where, (run.task_id, run.number), _changed(was, columns))


def _changed(old: Mapping[str, Any], new: Mapping[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in new.items() if value != old[name]}


async def _insert(tx: Transaction, table: str, columns: Mapping[str, Any]) -> None:
    marks = ",".join("?" * len(columns))
    await tx.execute(
        f"INSERT INTO {table} ({','.join(columns)}) VALUES ({marks})",  # noqa: S608
        list(columns.values()),
    )


async def _insert_run(tx: Transaction, run: Run, state: RunState) -> None:
    columns = {"number": run.number, **_run_columns(run, state)}
    marks = ",".join("?" * len(columns))
    await tx.execute(
        f"INSERT INTO runs (task, {','.join(columns)}) VALUES ({NUMBER}, {marks})",  # noqa: S608
        [run.task_id, *columns.values()],
    )


async def _update(
    tx: Transaction, table: str, where: str, key: Sequence[Any], columns: Mapping[str, Any]
) -> None:
    if columns:
        sets = ",".join(f"{name} = ?" for name in columns)
        await tx.execute(
            f"UPDATE {table} SET {sets} WHERE {where}",  # noqa: S608
            [*columns.values(), *key],
        )


# --- rows ----------------------------------------------------------------------------------------

_WORKSPACE = TypeAdapter(Workspace)
_QUESTION = TypeAdapter(Question)
_REVIEW = TypeAdapter(Review)
_ERROR = TypeAdapter(Failure)
_TASK_STATE = TypeAdapter(TaskState)
_RUN_STATE = TypeAdapter(RunState)


def _read(adapter: TypeAdapter[T], text: str | None) -> T | None:
    return None if text is None else adapter.validate_json(text)


def _write(adapter: TypeAdapter[Any], value: object) -> str | None:
    return None if value is None else adapter.dump_json(value).decode()


def _stored(row: sqlite3.Row, runs: Iterable[sqlite3.Row]) -> Stored:
    run_rows = list(runs)
    task = Task(
        id=row["id"],
        title=row["title"],
        instructions=row["instructions"],
        prompt=row["prompt"],
        project=row["project"],
        agent=row["agent"],
        mode=Mode(row["mode"]),
        status=Status(row["status"]),
        created_at=moment(row["created_at"]),
        updated_at=moment(row["updated_at"]),
        template=row["template"],
        arguments=json.loads(row["arguments"]),
        origin=row["origin"],
        base_ref=row["base_ref"],
        group=row["sibling_of"],
        after=row["after"],
        workspace=_read(_WORKSPACE, row["workspace"]),
        runs=tuple(_run(row["id"], run) for run in run_rows),
        answer=row["answer"],
        question=_read(_QUESTION, row["question"]),
        review=_read(_REVIEW, row["review"]),
        error=_read(_ERROR, row["error"]),
    )
    return Stored(
        task,
        _TASK_STATE.validate_json(row["state"]),
        _RUN_STATE.validate_json(run_rows[-1]["state"]),
        row["last_seq"],
        row["not_before"],
        bool(row["worktree"]),
        bool(row["unsent"]),
    )


def _run(task_id: str, row: sqlite3.Row) -> Run:
    return Run(
        id=run_id(task_id, row["number"]),
        task_id=task_id,
        number=row["number"],
        agent=row["agent"],
        prompt=row["prompt"],
        session_id=row["session_id"],
        started_at=None if row["started_at"] is None else moment(row["started_at"]),
        ended_at=None if row["ended_at"] is None else moment(row["ended_at"]),
        outcome=None if row["outcome"] is None else Outcome(row["outcome"]),
        position=row["position"],
        cost_usd=row["cost_usd"],
        tokens=Tokens(row["input"], row["output"], row["cached"]),
    )


def _task_columns(stored: Stored) -> dict[str, Any]:
    task = stored.task
    return {
        "title": task.title,
        "instructions": task.instructions,
        "prompt": task.prompt,
        "project": task.project,
        "agent": task.agent,
        "mode": task.mode.value,
        "status": task.status.value,
        "created_at": task.created_at.timestamp(),
        "updated_at": task.updated_at.timestamp(),
        "template": task.template,
        "arguments": json.dumps(dict(task.arguments)),
        "origin": task.origin,
        "base_ref": task.base_ref,
        "sibling_of": task.group,
        "after": task.after,
        "workspace": _write(_WORKSPACE, task.workspace),
        "answer": task.answer,
        "question": _write(_QUESTION, task.question),
        "review": _write(_REVIEW, task.review),
        "error": _write(_ERROR, task.error),
        "state": _write(_TASK_STATE, stored.state),
        "last_seq": stored.last_seq,
        "not_before": stored.not_before,
        "worktree": int(stored.worktree),
        "unsent": int(stored.unsent),
    }


def _run_columns(run: Run, state: RunState) -> dict[str, Any]:
    return {
        "agent": run.agent,
        "prompt": run.prompt,
        "session_id": run.session_id,
        "started_at": run.started_at.timestamp() if run.started_at else None,
        "ended_at": run.ended_at.timestamp() if run.ended_at else None,
        "outcome": run.outcome.value if run.outcome else None,
        "position": run.position,
        "cost_usd": run.cost_usd,
        "input": run.tokens.input,
        "output": run.tokens.output,
        "cached": run.tokens.cached,
        "state": _write(_RUN_STATE, state),
    }
