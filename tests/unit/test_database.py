"""The database: all or nothing, durable when left, one fsync for those who wait together."""

from __future__ import annotations

import asyncio
import sqlite3
import stat
from collections.abc import AsyncIterator
from pathlib import Path

import aiosqlite
import pytest

from core.errors import UserError
from core.store.database import MIGRATIONS, Database, _migrate


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


async def test_a_file_locked_by_another_process_delays_writes_and_no_reads(
    database: Database,
) -> None:
    other = sqlite3.connect(database.path, isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    writing = asyncio.create_task(put(database, "a"))
    assert await texts(database) == []
    assert not writing.done()
    other.execute("COMMIT")
    other.close()
    await writing
    assert await texts(database) == ["a"]


async def test_a_database_migrated_step_by_step_equals_a_fresh_one(tmp_path: Path) -> None:
    schema = "SELECT type, name, sql FROM sqlite_master ORDER BY type, name"
    fresh = await Database.open(tmp_path / "fresh.db")
    for upto in sorted(int(file.name[:3]) for file in MIGRATIONS.glob("*.sql")):
        async with aiosqlite.connect(tmp_path / "old.db", isolation_level=None) as connection:
            await _migrate(connection, tmp_path / "old.db", upto)
    migrated = await Database.open(tmp_path / "old.db")
    as_rows = [[tuple(row) for row in await one.read(schema)] for one in (fresh, migrated)]
    assert as_rows[0] == as_rows[1]
    await fresh.close()
    await migrated.close()
