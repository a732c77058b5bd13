"""Every query that a front door, a run or a start makes is answered from an index.

So its cost does not grow with the tasks that are stored. The queries are not listed here: they are
overheard while everything is asked for once.
"""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path

from core.model import ENDED, Decision, Request, Status, Text, ToolKind
from tests.fakes.agents import Agent
from tests.fakes.hall import Hall, opened, submit

GROWING = {"tasks", "runs", "events", "messages", "questions", "submissions"}
NEWEST = ("ORDER BY number DESC LIMIT", "ORDER BY events.id DESC LIMIT")  # ends after a few rows
RETENTION = ("json_extract(review", "transcript = 1")  # looks at all, a few times a day


async def asks(agent: Agent) -> None:
    await agent.says(Text("at work"))
    await agent.asks(Request("r1", "Run it?", ToolKind.EXECUTE, command="make"))
    await agent.writes("work.txt", "done")
    await agent.ends_turn(f"heard {await agent.hears()}")


async def everything(hall: Hall) -> None:
    engine = hall.engine
    task = await submit(hall, key="one", origin="cli")
    await submit(hall, key="one", origin="cli")
    later = await submit(hall, after=task.id)
    await hall.until(task.id, Status.WAITING)
    await engine.steer(task.id[:5], "more", by="ann")
    await engine.answer(task.id, "r1", Decision.ALLOW, by="ann", grant="task")
    task = await hall.until(task.id, *ENDED)
    await engine.cancel(later.id, by="ann")
    await engine.tasks(limit=50)
    await engine.tasks(limit=5, before=later.id)
    for field in ({"status": Status.COMPLETED}, {"project": "app"}, {"origin": "cli"}):
        await engine.tasks(**field)  # type: ignore[arg-type]
    await engine.events(task.id, since=3)
    await engine.wait(task.id, since=1, timeout_s=0)
    async for _ in engine.follow(task_id=task.id):
        pass
    async for event in engine.follow():
        if event.task_id == later.id:
            break
    await engine.health()
    await engine.report()
    assert task.head is not None
    await engine.merge(task.id, expected_head=task.head, by="ann")
    await engine.undo_merge(task.id, by="ann")
    await engine.retry(later.id, by="ann")


async def test_no_query_reads_all_that_is_stored(tmp_path: Path) -> None:
    hall = Hall(tmp_path / "home")
    hall.agents.scripts = {"claude": asks}
    async with opened(hall):
        heard = await overhear(hall)
        await everything(hall)
        await hall.leave()
        await hall.open()
        heard |= await overhear(hall)
        await hall.engine.stop()
        await hall.engine.start()
    assert len(heard) > 30
    with closing(sqlite3.connect(hall.settings.database)) as connection:
        slow = {sql: plan for sql in heard if (plan := scans(connection, sql))}
    assert slow == {}


async def overhear(hall: Hall) -> set[str]:
    heard: set[str] = set()
    database = hall.database
    for connection in (database._writer, *(next(database._readers) for _ in range(2))):
        await connection.set_trace_callback(heard.add)
    return heard


def scans(connection: sqlite3.Connection, sql: str) -> list[str]:
    """The steps of its plan that read a whole table which grows."""
    if sql.split()[0] not in {"SELECT", "WITH", "UPDATE", "DELETE", "INSERT"}:
        return []
    if any(words in sql for words in NEWEST + RETENTION):
        return []
    plan = [row[3] for row in connection.execute(f"EXPLAIN QUERY PLAN {sql}")]
    return [step for step in plan if step.startswith("SCAN") and step.split()[1] in GROWING]
