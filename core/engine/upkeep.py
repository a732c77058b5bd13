"""What keeps the house in order: health, reports, retention, backups."""

from __future__ import annotations

import asyncio
import logging
import shutil
import sqlite3
import time
from dataclasses import asdict, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from core.engine.change import change, writing
from core.engine.parts import Parts
from core.engine.scheduler import Scheduler
from core.errors import GoferError, UserError
from core.health import look
from core.model import ENDED, Status, Task, Tokens
from core.store import decisions, events, tasks, upkeep
from core.wire import time_json

DAY_S = 86_400.0
EVERY_S = 6 * 3600.0
NEWEST = 20
LAST_ERRORS = 5

log = logging.getLogger(__name__)


async def health(parts: Parts, scheduler: Scheduler, *, accepting: bool) -> dict[str, Any]:
    rows = parts.database.read
    counts = await tasks.counts(rows)
    room = look(parts.settings.home)
    shortage = room.shortage(parts.settings)
    sandbox = await parts.agents.sandbox()
    unsafe = None if sandbox.choice == "off" else sandbox.problem  # who chose it knows it
    problems = [problem for problem in (shortage, unsafe) if problem]
    waiting = counts.get(Status.QUEUED, 0) + counts.get(Status.CREATED, 0)
    return {
        "ok": not problems,
        "problems": problems,
        "counts": {status.value: counts.get(status, 0) for status in Status},
        "queue": {"length": waiting, "limit": parts.settings.task_queue_size},
        "running": len(scheduler.running),
        "agents": [asdict(agent) for agent in await parts.agents.available()],
        **room.as_json(),
        "bridges": [await _bridge(parts, task_id) for task_id in scheduler.running],
        "last_errors": [
            {"task_id": event.task_id, "at": time_json(event.at), **event.payload}
            for event in await events.last_errors(rows, LAST_ERRORS)
        ],
        "outbox": await upkeep.undelivered(rows),
        "sandbox": asdict(sandbox),
        "accepting": accepting and shortage is None and waiting < parts.settings.task_queue_size,
    }


async def _bridge(parts: Parts, task_id: str) -> dict[str, Any]:
    stored = await tasks.load(parts.database.read, task_id)
    return {
        "task_id": task_id,
        "run_id": stored.run.id,
        "agent": stored.run.agent,
        "status": stored.task.status.value,
        "position": stored.run.position,
    }


# --- reports -------------------------------------------------------------------------------------


async def report(parts: Parts, task: Task | None) -> str:
    """Markdown: one task, or how everything stands and the newest tasks."""
    if task is not None:
        return _task_report(task)
    counts = await tasks.counts(parts.database.read)
    newest = await tasks.newest(parts.database.read, limit=NEWEST, before=None, equal={})
    stand = ", ".join(f"{count} {status.lower()}" for status, count in counts.items()) or "none"
    lines = ["# Tasks", "", f"In all: {stand}.", ""]
    lines += [
        f"- `{one.id}` {one.status}: {one.title} ({one.project}, {one.agent})"
        for one in (stored.task for stored in newest)
    ]
    return "\n".join(lines).rstrip() + "\n"


def _task_report(task: Task) -> str:
    tokens = sum((run.tokens for run in task.runs), Tokens())
    cost = sum(run.cost_usd for run in task.runs)
    runs = "1 run" if len(task.runs) == 1 else f"{len(task.runs)} runs"
    spent = [f"${cost:.2f}"] if cost else []  # many agents say neither
    if tokens != Tokens():
        spent.append(f"{tokens.input} tokens in, {tokens.output} out")
    lines = [
        f"# {task.title}",
        "",
        f"- Task `{task.id}`: {task.status}",
        f"- Project {task.project}, agent {task.agent}, branch `{task.branch or 'none yet'}`",
        ", ".join([f"- {runs}", *spent]),
    ]
    if task.error:
        lines.append(f"- Error: {task.error.message}")
    lines += ["", "## Instructions", "", task.instructions]
    if task.answer:
        lines += ["", "## Answer", "", task.answer]
    if task.review:
        review = task.review
        lines += ["", f"## Review: {review.state}", ""]
        if review.check:
            lines.append(f"Check: {review.check} (before: {review.check_before or 'unknown'})")
        lines += [
            f"- {_code(file.path)} +{file.added or 0} -{file.removed or 0}" for file in review.files
        ]
        lines += [f"- Note: {note}" for note in review.notes]
    return "\n".join(lines) + "\n"


def _code(name: str) -> str:
    """A code span that no file's name breaks out of."""
    shown = "".join(c if c.isprintable() else "�" for c in name)
    return f"`` {shown.replace('``', '` `')} ``" if "`" in shown else f"`{shown}`"


# --- retention -----------------------------------------------------------------------------------


async def clean(parts: Parts, *, dry_run: bool) -> dict[str, Any]:
    """Forget what the settings no longer keep. Commits that are not merged always stay."""
    settings, now = parts.settings, time.time()
    old = await tasks.with_worktree(
        parts.database.read, until=now - settings.keep_worktrees_days * DAY_S
    )
    worktrees = [stored.task for stored in old if stored.task.status in ENDED]
    runs = await upkeep.old_transcripts(
        parts.database.read, now - settings.keep_transcripts_days * DAY_S
    )
    forgotten = await upkeep.old_tasks(parts.database.read, now - settings.keep_tasks_days * DAY_S)
    if not dry_run:
        worktrees = [task for task in worktrees if await _remove_worktree(parts, task)]
        for run_id in runs:
            await asyncio.to_thread(_remove_folders, settings.runs, run_id)
        async with writing(parts) as tx:
            await upkeep.forget_transcripts(tx, runs)
            await upkeep.forget_tasks(tx, forgotten)
            await decisions.delete_expired_grants(tx, datetime.now(UTC))
    return {
        "dry_run": dry_run,
        "worktrees": [task.id for task in worktrees],
        "transcripts": list(runs),
        "tasks": list(forgotten),
    }


async def _remove_worktree(parts: Parts, task: Task) -> bool:
    assert task.workspace is not None
    try:
        async with parts.lock(task.id):
            project = parts.projects.find(task.project)
            await parts.repositories.remove_worktree(project, task.workspace)
            async with change(parts, task.id) as made:
                made.stored = replace(made.stored, worktree=False)
    except GoferError as error:
        log.warning("the work tree of task %s stays: %s", task.id, error)
        return False
    return True


def _remove_folders(runs: Path, run_id: str) -> None:
    for folder in (runs / run_id, *runs.glob(f"{run_id}.*")):
        shutil.rmtree(folder, ignore_errors=True)


async def clean_for_ever(parts: Parts) -> None:
    while True:
        try:
            await clean(parts, dry_run=False)
        except GoferError as error:
            log.warning("not cleaned: %s", error)
        except Exception:
            log.exception("cleaning failed")
        await asyncio.sleep(EVERY_S)


async def backup(parts: Parts, path: Path) -> None:
    """A consistent copy of the store, while everything goes on. Raises UserError."""
    file = await asyncio.to_thread(_new_file, path)
    try:
        await parts.database.backup(file)
    except (OSError, sqlite3.OperationalError) as error:
        raise UserError(
            f"The copy cannot be written ({error}). Free some disk, or name another file."
        ) from error


def _new_file(path: Path) -> Path:
    path = path.expanduser().absolute()
    if path.exists():
        raise UserError(f"{path} exists already; name a new file.")
    if not path.parent.is_dir():
        raise UserError(f"There is no folder {path.parent}.")
    return path
