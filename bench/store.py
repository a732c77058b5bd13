"""How fast and how small the store is; prints a table.

python -m bench.store [--stored 100000] [--seconds 3]
"""

from __future__ import annotations

import argparse
import asyncio
import os
import shutil
import statistics
import tempfile
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from functools import partial
from pathlib import Path
from typing import Any

import psutil

from core.model import (
    Command,
    FileEdit,
    Project,
    Status,
    Submission,
    Text,
    Tokens,
    ToolCall,
    ToolKind,
    Usage,
    Workspace,
)
from tests.fakes.agents import Agent
from tests.fakes.hall import Hall
from tests.fakes.repositories import MemoryRepositories

RUNS = 20
SUBMISSIONS = 300
TASKS = 200  # so many share what is written back at the end

Work = Callable[[], Awaitable[object]]


class OneTree(MemoryRepositories):
    """A folder for each task would count as the store's."""

    async def prepare(self, project: Project, task_id: str, *args: Any, **kwargs: Any) -> Workspace:
        return await super().prepare(project, "tree", *args, **kwargs)


def new_hall(folder: Path, **settings: object) -> Hall:
    one = Hall(folder / "home", {"task_queue_size": 100_000, **settings})
    one.repositories = OneTree(folder / "home" / "worktrees")
    return one


@asynccontextmanager
async def hall(folder: Path, **settings: object) -> AsyncIterator[Hall]:
    one = new_hall(folder, **settings)
    await one.open()
    try:
        yield one
    finally:
        await one.close()


async def ms(work: Work) -> float:
    begun = time.perf_counter()
    await work()
    return (time.perf_counter() - begun) * 1000


async def median_ms(work: Work, times: int) -> float:
    return statistics.median([await ms(work) for _ in range(times)])


def row(what: str, value: float, unit: str = "ms", more: str = "") -> None:
    print(f"{what:40}{value:10.2f} {unit} {more}".rstrip(), flush=True)


async def fill(one: Hall, number: int) -> None:
    """Finished tasks, copied with all their events from a real one."""
    [task] = await one.engine.submit(Submission("Fill the store with something real."))
    await one.until(task.id, Status.COMPLETED)
    columns = "title,instructions,prompt,project,agent,mode,status,created_at,updated_at,template,"
    columns += "arguments,origin,workspace,question,review,error,state,answer,last_seq,not_before"
    run = ("agent", "prompt", "session_id", "started_at", "ended_at", "outcome", "position")
    async with one.database.transaction() as tx:
        await tx.execute(  # with ids that lie scattered, as random ones do
            "WITH RECURSIVE n(x) AS (SELECT 1 UNION ALL SELECT x + 1 FROM n WHERE x < ?)"
            f" INSERT INTO tasks (id, {columns})"
            f" SELECT printf('%08x', x * 2654435761 % 4294967296), {columns} FROM tasks, n",
            (number,),
        )
        await tx.execute(
            f"INSERT INTO runs (task, number, state, {','.join(run)})"
            f" SELECT copy.number, 1, runs.state, {','.join(f'runs.{name}' for name in run)}"
            " FROM tasks AS copy, runs WHERE copy.id <> ?",
            (task.id,),
        )
        await tx.execute(
            "INSERT INTO events (task, seq, run, type, payload, at)"
            " SELECT copy.number, seq, run, type, payload, at"
            " FROM tasks AS copy, events WHERE copy.id <> ?",
            (task.id,),
        )
    await write_back(one)  # what this wrote is no part of what is measured behind it


async def write_back(one: Hall) -> None:
    await one.database._writer.execute_fetchall("PRAGMA wal_checkpoint(TRUNCATE)")


# --- what people wait for ------------------------------------------------------------------------


async def submitting(empty: Path, full: Path, stored: int) -> None:
    """In turns, so that whatever the disk does meanwhile, it does to both."""
    capacity = {"max_concurrent_tasks": 1}
    async with hall(empty, **capacity) as one, hall(full, **capacity) as other:
        one.agents.scripts = other.agents.scripts = {"claude": _hang}
        took: dict[Hall, list[float]] = {one: [], other: []}
        for turn in range(SUBMISSIONS):
            for which in (one, other) if turn % 2 else (other, one):
                took[which].append(await ms(partial(_submit, which)))
        first, behind = statistics.median(took[one]), statistics.median(took[other])
        row("submit to durable, empty store", first)
        row(f"submit to durable, {stored:,} tasks", behind, more=f"({behind / first - 1:+.0%})")
        row(f"newest 50 of {stored:,} tasks", await median_ms(other.engine.tasks, 50))
        row(f"check_status over {stored:,} tasks", await median_ms(other.engine.health, 20))


async def _submit(one: Hall) -> None:
    await one.engine.submit(Submission("Fix it."))


async def _hang(agent: Agent) -> None:
    await agent.says(Text("at work"))
    await asyncio.Event().wait()


async def starting(full: Path, stored: int) -> None:
    one = new_hall(full, max_concurrent_tasks=RUNS)
    one.agents.scripts = {"claude": _hang}
    await one.open()
    for _ in range(RUNS):
        [task] = await one.engine.submit(Submission("Fix it."))
        await one.until(task.id, Status.STREAMING)
    await one.leave()
    row(f"start over {stored:,} tasks, {RUNS} live", await ms(one.open))
    await one.close()


# --- what is written -----------------------------------------------------------------------------


async def bytes_per_task(folder: Path) -> None:
    """As the kernel counts it: each page of a file that became dirty, written back once."""
    async with hall(folder) as one:
        await fill(one, 1000)
        one.agents.scripts = {"claude": _works}
        before = psutil.Process().io_counters().write_bytes
        for _ in range(TASKS):
            [task] = await one.engine.submit(Submission("Fix it."))
            await one.until(task.id, Status.COMPLETED)
        await write_back(one)
        written = psutil.Process().io_counters().write_bytes - before
        events = len(await one.engine.events(task.id))
        row("written per task at 1,000 stored", written / TASKS / 1000, "KB", f"({events} events)")


async def _works(agent: Agent) -> None:
    """What a short run reports. It writes no file: that would count as the store's."""
    await agent.says(Text("I look at what there is."), Usage(Tokens(1200, 80, 900), 0.02))
    for n, name in enumerate(("src/cart.py", "tests/test_cart.py")):
        await agent.says(ToolCall(f"t{n}", ToolKind.EDIT, f"Edit {name}", "running"))
        await agent.says(FileEdit(name, "@@ -1 +1 @@\n-total = 0\n+total = sum(prices)"))
        await agent.says(ToolCall(f"t{n}", ToolKind.EDIT, f"Edit {name}", "done"))
    await agent.says(_command(1), Text("The total is right now."))
    await agent.ends_turn("The total is right now.")


async def flood(folder: Path, seconds: float) -> None:
    stop = False

    async def prints(agent: Agent) -> None:
        number = 0
        while not stop:
            async with agent.changed:
                agent.record.extend(_command(number + n) for n in range(10))
                agent.changed.notify_all()
            number += 10
            await asyncio.sleep(10 * RUNS / 12_000)
        await agent.ends_turn("done")

    async with hall(folder, max_concurrent_tasks=RUNS) as one:
        one.agents.scripts = {"claude": prints}
        for _ in range(RUNS):
            [task] = await one.engine.submit(Submission("Print."))
        await one.until(task.id, Status.STREAMING)
        lags: list[float] = []
        [row_] = await one.database.read("SELECT COUNT(*) AS n FROM events")
        begun, end = time.perf_counter(), time.perf_counter() + seconds
        while time.perf_counter() < end:
            lags.append(await ms(_pause) - 5)
        [after] = await one.database.read("SELECT COUNT(*) AS n FROM events")
        rate = (after["n"] - row_["n"]) / (time.perf_counter() - begun)
        p99 = statistics.quantiles(lags, n=100)[98]
        row(f"events stored from {RUNS} runs", rate, "/s", f"(loop lag p99 {p99:.1f} ms)")
        stop = True


async def _pause() -> None:
    await asyncio.sleep(0.005)


def _command(number: int) -> Command:
    return Command(f"make {number}", "output", 0)


async def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--stored", type=int, default=100_000)
    parser.add_argument("--seconds", type=float, default=3)
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        folder, stored = Path(name), arguments.stored
        async with hall(folder / "full") as one:
            await fill(one, stored)
        shutil.copytree(folder / "full", folder / "start")
        await submitting(folder / "empty", folder / "full", stored)
        await starting(folder / "start", stored)
        await bytes_per_task(folder / "bytes")
        await flood(folder / "flood", arguments.seconds)
        row("load of this machine meanwhile", os.getloadavg()[0], "")


if __name__ == "__main__":
    asyncio.run(main())
