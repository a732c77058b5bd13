"""How fast and how small the store is; prints a table.

python -m bench.store [--stored 100000] [--seconds 3]
"""

from __future__ import annotations

import argparse
import asyncio
import statistics
import tempfile
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path

import psutil

from core.model import Command, Status, Submission, Text
from tests.fakes.agents import Agent
from tests.fakes.hall import Hall

RUNS = 20
TASKS = 200  # so many share what is written back at the end


@asynccontextmanager
async def hall(folder: Path, **settings: object) -> AsyncIterator[Hall]:
    one = Hall(folder / "home", {"task_queue_size": 100_000, **settings})
    await one.open()
    try:
        yield one
    finally:
        await one.close()


async def median_ms(work: Callable[[], Awaitable[object]], times: int) -> float:
    took = []
    for _ in range(times):
        begun = time.perf_counter()
        await work()
        took.append((time.perf_counter() - begun) * 1000)
    return statistics.median(took)


async def fill(one: Hall, number: int) -> None:
    """Finished tasks with ten events each, copied from a real one."""
    [task] = await one.engine.submit(Submission("Fill the store with something real."))
    await one.until(task.id, Status.COMPLETED)
    columns = "title,instructions,prompt,project,agent,mode,status,created_at,updated_at,template,"
    columns += "arguments,origin,workspace,question,review,error,state,answer,last_seq,not_before"
    run = "agent,prompt,session_id,started_at,ended_at,outcome,position,state"
    async with one.database.transaction() as tx:
        await tx.execute("CREATE TEMP TABLE n (id TEXT)")
        await tx.execute(
            "WITH RECURSIVE c(x) AS (SELECT 1 UNION ALL SELECT x + 1 FROM c WHERE x < ?)"
            " INSERT INTO n SELECT printf('z%07d', x) FROM c",
            (number,),
        )
        await tx.execute(
            f"INSERT INTO tasks (id, {columns}) SELECT n.id, {columns} FROM tasks, n"
            " WHERE tasks.id = ?",
            (task.id,),
        )
        await tx.execute(
            f"INSERT INTO runs (id, task_id, number, {run})"
            f" SELECT n.id || '-1', n.id, 1, {run} FROM n, runs WHERE task_id = ?",
            (task.id,),
        )
        await tx.execute(
            "INSERT INTO events (task_id, seq, run_id, type, payload, at)"
            " SELECT n.id, seq, n.id || '-1', type, payload, at FROM n, events WHERE task_id = ?",
            (task.id,),
        )
        await tx.execute("DROP TABLE n")


async def submitting(folder: Path, stored: int) -> None:
    async with hall(folder, max_concurrent_tasks=1) as one:
        one.agents.scripts = {"claude": _hang}
        first = await median_ms(lambda: one.engine.submit(Submission("Fix it.")), 200)
        print(f"submit to durable, empty store        {first:8.2f} ms")
    async with hall(folder / "full") as one:
        await fill(one, stored)
    async with hall(folder / "full", max_concurrent_tasks=1) as one:
        one.agents.scripts = {"claude": _hang}
        full = await median_ms(lambda: one.engine.submit(Submission("Fix it.")), 200)
        listed = await median_ms(lambda: one.engine.tasks(limit=50), 50)
        health = await median_ms(one.engine.health, 20)
        print(f"submit to durable, {stored:,} tasks   {full:8.2f} ms ({full / first:.0%})")
        print(f"newest 50 of {stored:,} tasks         {listed:8.2f} ms")
        print(f"check_status over {stored:,} tasks    {health:8.2f} ms")
    one = Hall(folder / "full" / "home")
    begun = time.perf_counter()
    await one.open()
    took = (time.perf_counter() - begun) * 1000
    print(f"start over {stored:,} tasks           {took:8.2f} ms")
    await one.close()


async def _hang(agent: Agent) -> None:
    await agent.says(Text("at work"))
    await asyncio.Event().wait()


async def bytes_per_task(folder: Path) -> None:
    async with hall(folder) as one:
        await fill(one, 1000)
        before = psutil.Process().io_counters().write_bytes
        for _ in range(TASKS):
            [task] = await one.engine.submit(Submission("Fix it."))
            await one.until(task.id, Status.COMPLETED)
        await one.database._writer.execute_fetchall("PRAGMA wal_checkpoint(RESTART)")
        written = psutil.Process().io_counters().write_bytes - before
        print(f"written per task at 1,000 stored      {written / TASKS / 1000:8.1f} KB")


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
        [row] = await one.database.read("SELECT COUNT(*) AS n FROM events")
        begun, end = time.perf_counter(), time.perf_counter() + seconds
        while time.perf_counter() < end:
            before = time.perf_counter()
            await asyncio.sleep(0.005)
            lags.append((time.perf_counter() - before - 0.005) * 1000)
        [after] = await one.database.read("SELECT COUNT(*) AS n FROM events")
        rate = (after["n"] - row["n"]) / (time.perf_counter() - begun)
        p99 = statistics.quantiles(lags, n=100)[98]
        print(f"events stored from {RUNS} runs           {rate:8.0f} /s, loop lag p99 {p99:.1f} ms")
        stop = True


def _command(number: int) -> Command:
    return Command(f"make {number}", "output", 0)


async def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--stored", type=int, default=100_000)
    parser.add_argument("--seconds", type=float, default=3)
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        await submitting(Path(folder) / "submit", arguments.stored)
        await bytes_per_task(Path(folder) / "bytes")
        await flood(Path(folder) / "flood", arguments.seconds)


if __name__ == "__main__":
    asyncio.run(main())
