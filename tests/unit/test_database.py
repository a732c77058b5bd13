"""The database: all or nothing, durable when left, one fsync for those who wait together."""

from __future__ import annotations

import asyncio
import sqlite3
import stat
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, closing
from pathlib import Path

import pytest

from core.errors import UserError
from core.model import ENDED, ReviewState, Status
from core.store import database as database_module
from core.store import events, mail, tasks
from core.store.database import Database
from tests.fakes.hall import Hall, kinds, opened, submit


@pytest.fixture
async def database(tmp_path: Path) -> AsyncIterator[Database]:
    database = await Database.open(tmp_path / "gofer.db")
    async with database.transaction() as tx:
        await tx.execute("CREATE TABLE notes (id INTEGER PRIMARY KEY, text TEXT NOT NULL)")
    yield database
    await database.close()


async def put(database: Database, text: str | None) -> None:
    async with database.transaction() as tx:
        await tx.execute("INSERT INTO notes (text) VALUES (?)", ("before",))
        await asyncio.sleep(0)
        await tx.execute("UPDATE notes SET text = ? WHERE text = 'before'", (text,))


async def texts(database: Database) -> list[str]:
    return [row["text"] for row in await database.read("SELECT text FROM notes ORDER BY text")]


async def test_a_transaction_that_was_left_is_visible_to_readers(database: Database) -> None:
    await put(database, "a")
    assert await texts(database) == ["a"]


async def test_a_failed_transaction_changes_nothing_and_hurts_no_other(database: Database) -> None:
    results = await asyncio.gather(
        put(database, "a"), put(database, None), put(database, "b"), return_exceptions=True
    )
    assert isinstance(results[1], sqlite3.IntegrityError)
    assert [results[0], results[2]] == [None, None]
    assert await texts(database) == ["a", "b"]


async def test_waiting_transactions_share_commits(database: Database) -> None:
    commits = 0

    def count(statement: str) -> None:
        nonlocal commits
        commits += statement == "COMMIT"

    await database._writer.set_trace_callback(count)
    await asyncio.gather(*(put(database, f"{number:02}") for number in range(50)))
    assert await texts(database) == [f"{number:02}" for number in range(50)]
    assert commits <= 3


async def test_a_cancelled_transaction_leaves_nothing_behind(database: Database) -> None:
    entered = asyncio.Event()

    async def hang() -> None:
        async with database.transaction() as tx:
            await tx.execute("INSERT INTO notes (text) VALUES ('never')")
            entered.set()
            await asyncio.Event().wait()

    task = asyncio.create_task(hang())
    await entered.wait()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    await put(database, "after")
    assert await texts(database) == ["after"]


@pytest.mark.parametrize("steps", range(1, 12))
async def test_cancelling_at_any_step_keeps_the_database_usable(
    database: Database, steps: int
) -> None:
    task = asyncio.create_task(put(database, "maybe"))
    for _ in range(steps):
        await asyncio.sleep(0)
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)
    await put(database, "after")
    assert set(await texts(database)) - {"maybe"} == {"after"}


async def test_reads_do_not_wait_for_a_writer(database: Database) -> None:
    async with database.transaction() as tx:
        await tx.execute("INSERT INTO notes (text) VALUES ('unseen')")
        assert await texts(database) == []


async def test_only_its_owner_reads_it_and_its_backups(database: Database, tmp_path: Path) -> None:
    await put(database, "a")
    await database.backup(tmp_path / "copy.db")
    modes = {file.name: stat.S_IMODE(file.stat().st_mode) for file in tmp_path.iterdir()}
    assert modes == dict.fromkeys(("gofer.db", "gofer.db-wal", "gofer.db-shm", "copy.db"), 0o600)


async def test_a_backup_takes_the_place_of_what_a_killed_hub_left(tmp_path: Path) -> None:
    """Whose log lies there still, and is the log of another file now."""
    path, log = tmp_path / "gofer.db", tmp_path / "gofer.db-wal"
    database = await Database.open(path)
    async with database.transaction() as tx:
        await tx.execute("CREATE TABLE notes (id INTEGER PRIMARY KEY, text TEXT NOT NULL)")
    await put(database, "saved")
    await database.backup(tmp_path / "copy.db")
    await put(database, "later")
    left = log.read_bytes()
    await database.close()
    (tmp_path / "copy.db").rename(path)
    log.write_bytes(left)
    database = await Database.open(path)
    found = await texts(database)
    await put(database, "new")
    left = log.read_bytes()
    await database.close()
    assert found == ["saved"]
    log.write_bytes(left)  # its own, as another killed hub leaves it
    database = await Database.open(path)
    found = await texts(database)
    await database.close()
    assert found == ["new", "saved"]


async def test_a_newer_database_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "gofer.db"
    await (await Database.open(path)).close()
    connection = sqlite3.connect(path)
    connection.execute("PRAGMA user_version = 999")
    connection.close()
    with pytest.raises(UserError, match="newer Gofer"):
        await Database.open(path)


async def test_a_file_that_is_no_database_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "gofer.db"
    path.write_bytes(b"not a database, " * 1000)
    with pytest.raises(UserError, match="cannot be used"):
        await Database.open(path)


async def test_only_what_is_to_be_durable_waits_for_the_disk(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    synced: list[int] = []
    monkeypatch.setattr(database_module, "_fdatasync", synced.append)

    async def note(durable: bool) -> None:
        async with database.transaction(durable=durable) as tx:
            await tx.execute("INSERT INTO notes (text) VALUES ('a')")

    await note(durable=False)
    assert synced == []
    await note(durable=True)
    assert len(synced) == 1
    await asyncio.gather(note(durable=False), note(durable=True), note(durable=False))
    assert len(synced) == 2
    assert len(await texts(database)) == 5


# Takes the lock; gives it back after so many seconds, or at the end of its input.
LOCKS = """
import select, sqlite3, sys
connection = sqlite3.connect(sys.argv[1], isolation_level=None)
connection.execute("BEGIN IMMEDIATE")
print("locked", flush=True)
select.select([sys.stdin], [], [], float(sys.argv[2]))
connection.execute("COMMIT")
"""


@asynccontextmanager
async def locked(path: Path, seconds: float) -> AsyncIterator[asyncio.subprocess.Process]:
    pipe = asyncio.subprocess.PIPE
    other = await asyncio.create_subprocess_exec(
        sys.executable, "-c", LOCKS, str(path), str(seconds), stdin=pipe, stdout=pipe
    )
    assert other.stdout
    assert await asyncio.wait_for(other.stdout.readline(), 30) == b"locked\n"
    yield other
    await other.communicate(b"")  # the end of its input


async def test_a_file_locked_by_another_process_delays_writes_and_no_reads(
    database: Database,
) -> None:
    async with locked(database.path, 60):
        writing = asyncio.create_task(put(database, "a"))
        assert await texts(database) == []
        assert not writing.done()
    await writing
    assert await texts(database) == ["a"]


@pytest.mark.parametrize("seconds", [0.5, pytest.param(5, marks=pytest.mark.chaos)])
async def test_a_hub_works_on_behind_a_lock_of_seconds(tmp_path: Path, seconds: float) -> None:
    async with opened(Hall(tmp_path / "home")) as hall:
        before = await submit(hall)
        async with locked(hall.settings.database, seconds) as other:
            behind = asyncio.create_task(submit(hall))
            assert (await hall.engine.task(before.id)).id == before.id
            assert (await hall.engine.health())["ok"]
            assert len(await hall.engine.tasks()) == 1
            await other.wait()
        for task in (before, await behind):
            assert (await hall.until(task.id, *ENDED)).status is Status.COMPLETED
            assert (await kinds(hall, task)).count("completed") == 1


# What the first release left on a disk. It is never made anew: with the migrations that were
# released it has to give what the present ones give.
FIRST_RELEASE = Path(__file__).parents[1] / "data" / "first_release.sql"


@pytest.fixture
async def old(tmp_path: Path) -> AsyncIterator[Database]:
    path = tmp_path / "old.db"
    with closing(sqlite3.connect(path)) as connection:
        connection.executescript(FIRST_RELEASE.read_text())
    database = await Database.open(path)
    yield database
    await database.close()


async def test_a_database_of_the_first_release_becomes_like_a_fresh_one(
    old: Database, database: Database
) -> None:
    schema = "SELECT type, name, sql FROM sqlite_master WHERE name <> 'notes' ORDER BY type, name"
    was, fresh = [[tuple(row) for row in await one.read(schema)] for one in (old, database)]
    assert was == fresh
    [version], [newest] = [await one.read("PRAGMA user_version") for one in (old, database)]
    assert tuple(version) == tuple(newest)


async def test_what_the_first_release_recorded_can_be_read(old: Database) -> None:
    stored = await tasks.load(old.read, "a1b2c3d4")
    assert (stored.task.status, stored.task.answer) == (
        Status.COMPLETED,
        "The total is right now.",
    )
    assert stored.task.review is not None
    assert stored.task.review.state is ReviewState.OPEN
    assert stored.run_state.turn is not None
    said = await events.of_task(old.read, "a1b2c3d4", 0, 100)
    assert [event.seq for event in said] == list(range(1, 17))
    asked = await mail.question(old.read, "a1b2c3d4", "a1b2c3d4-1", "r1")
    assert asked is not None
    assert asked.request.command == "make test"
