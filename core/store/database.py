"""One SQLite file in WAL mode: one connection that writes, two that read and never wait for it.

What always holds: a transaction that was left without an error outlives this process, and a power
cut as well unless it was begun with `durable=False`; one that was left with an error changed
nothing. Of several a power cut takes the last ones, never one from between. Transactions are
serialised. Those that wait for their turn together are committed together (one fsync), each inside
a savepoint of its own.

Migrations are `migrations/NNN_name.sql`, applied once, in order, each in one transaction with the
`user_version` it leads to. A released one is never edited; new ones take a higher number.
"""

from __future__ import annotations

import asyncio
import os
import sqlite3
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from dataclasses import dataclass
from itertools import cycle
from pathlib import Path
from typing import Any, TypeVar

import aiosqlite

from core.errors import UserError

T = TypeVar("T")

MIGRATIONS = Path(__file__).with_name("migrations")
BUSY_TIMEOUT_S = 30.0
READERS = 2
PAGE = 512  # bytes: a commit writes whole the pages that it touched, and most touch a few rows
CHECKPOINT = 16_000_000  # bytes of log: what is touched again and again is written back once

Sync = Callable[[], Awaitable[None]]
_fdatasync = getattr(os, "fdatasync", os.fsync)  # macOS has but the latter


@dataclass(frozen=True, slots=True)
class Transaction:
    """What may be done between begin and commit; see `Database.transaction`."""

    _connection: aiosqlite.Connection

    async def execute(self, sql: str, params: Sequence[Any] = ()) -> aiosqlite.Cursor:
        return await self._connection.execute(sql, params)

    async def execute_many(self, sql: str, params: Iterable[Sequence[Any]]) -> None:
        await self._connection.executemany(sql, params)

    async def rows(self, sql: str, params: Sequence[Any] = ()) -> list[sqlite3.Row]:
        return list(await self._connection.execute_fetchall(sql, params))


class Database:
    """Opened by `await Database.open(path)`. Always `close()`: its threads keep a process alive."""

    def __init__(
        self,
        path: Path,
        writer: aiosqlite.Connection,
        readers: Sequence[aiosqlite.Connection],
        sync: Sync,
        opened: AsyncExitStack,
    ) -> None:
        self.path = path
        self._writer = writer
        self._sync = sync
        self._readers = cycle(readers)
        self._opened = opened
        self._turn = asyncio.Lock()  # fair: first come, first served
        self._commit: asyncio.Task[None] | None = None  # of the group that is open now
        self._durable = False  # one of that group is to be

    @classmethod
    async def open(cls, path: Path) -> Database:
        """Raises UserError when the file is newer than this program, damaged, or not a database."""
        path.parent.mkdir(parents=True, exist_ok=True)
        _close_to_others(path)
        _drop_log_of_another(path)
        async with AsyncExitStack() as opened:
            try:
                writer = await _connect(path, opened)
                await _migrate(writer, path)
                readers = [
                    await _connect(path, opened, "PRAGMA query_only=ON") for _ in range(READERS)
                ]
            except sqlite3.DatabaseError as error:
                raise UserError(
                    f"The database {path} cannot be used: {error}. Put a backup in its place, "
                    "or move it away to start afresh."
                ) from error
            return cls(path, writer, readers, _sync_of(path, opened), opened.pop_all())

    async def close(self) -> None:
        """Waits for the open transactions."""
        async with self._turn:
            commit, self._commit = self._commit, None
        if commit is not None:
            await asyncio.wait([commit])
        await self._opened.aclose()

    async def read(self, sql: str, params: Sequence[Any] = ()) -> list[sqlite3.Row]:
        """Sees everything that is committed."""
        return list(await next(self._readers).execute_fetchall(sql, params))

    async def backup(self, path: Path) -> None:
        """A consistent copy into a new file, there when it is whole. Nobody waits for it."""
        part = path.with_name(f"{path.name}.part")
        part.unlink(missing_ok=True)
        try:
            _close_to_others(part)
            async with AsyncExitStack() as opened:
                connection = await _connect(self.path, opened)
                await connection.execute("VACUUM INTO ?", (str(part),))
            part.rename(path)
        finally:
            part.unlink(missing_ok=True)

    @asynccontextmanager
    async def transaction(self, *, durable: bool = True) -> AsyncIterator[Transaction]:
        """All or nothing; durable when left. Keep it short: everybody else who writes waits.

        `durable=False` waits for no disk: for what can be found out or done again, since an fsync
        takes longer, and writes more, than all else about a small transaction.
        """
        async with self._turn:
            commit = await _uninterrupted(self._join())
            self._durable |= durable
            try:
                yield Transaction(self._writer)
            except BaseException:
                await _uninterrupted(self._take_back())
                raise
            await _uninterrupted(self._writer.execute("RELEASE member"))
        await asyncio.shield(commit)

    async def _join(self) -> asyncio.Task[None]:
        """Enter the open group, or open one.

        The commit queues for its turn behind everybody who waits already, so these join.
        """
        if self._commit is None:
            await self._writer.execute("BEGIN IMMEDIATE")
            self._commit = asyncio.create_task(self._commit_group())
        await self._writer.execute("SAVEPOINT member")
        return self._commit

    async def _take_back(self) -> None:
        """Undo one member. A full disk makes SQLite end the whole group by itself."""
        if self._writer.in_transaction:
            await self._writer.execute("ROLLBACK TO member")
            await self._writer.execute("RELEASE member")
        else:
            self._commit, self._durable = None, False  # `_commit_group` tells the other members

    async def _commit_group(self) -> None:
        async with self._turn:
            if self._commit is not asyncio.current_task():
                raise sqlite3.OperationalError("rolled back together with a failed transaction")
            durable, self._durable, self._commit = self._durable, False, None
            try:
                await self._writer.execute("COMMIT")
            except sqlite3.Error:
                with suppress(sqlite3.Error):  # already rolled back by SQLite itself
                    await self._writer.execute("ROLLBACK")
                raise
            if durable:
                await self._sync()


def _close_to_others(path: Path) -> None:
    """SQLite gives its other files the mode of this one."""
    path.touch(mode=0o600)
    path.chmod(0o600)


def _drop_log_of_another(path: Path) -> None:
    """What a killed hub left beside a file whose place a backup has taken.

    SQLite would write it into the backup. A file that was ever written by us says that it has a
    log (byte 18); a backup does not say so yet.
    """
    with path.open("rb") as file:
        header = file.read(20)
    if header[18:19] == b"\1":
        for name in ("wal", "shm"):
            Path(f"{path}-{name}").unlink(missing_ok=True)


def _sync_of(path: Path, opened: AsyncExitStack) -> Sync:
    """What returns when the write-ahead log is on disk, in a thread that nobody else keeps busy."""
    log = os.open(f"{path}-wal", os.O_RDONLY)
    opened.callback(os.close, log)
    thread = opened.enter_context(ThreadPoolExecutor(1, "fsync"))

    async def sync() -> None:
        await asyncio.get_running_loop().run_in_executor(thread, _fdatasync, log)

    return sync


async def _connect(path: Path, opened: AsyncExitStack, *pragmas: str) -> aiosqlite.Connection:
    connection = await opened.enter_async_context(
        aiosqlite.connect(path, timeout=BUSY_TIMEOUT_S, isolation_level=None)
    )
    connection.row_factory = sqlite3.Row
    for pragma in (
        f"PRAGMA page_size={PAGE}",
        "PRAGMA journal_mode=WAL",
        "PRAGMA synchronous=NORMAL",  # in order, but only `_commit_group` waits for the disk
        "PRAGMA foreign_keys=ON",
        f"PRAGMA wal_autocheckpoint={CHECKPOINT // PAGE}",
        "PRAGMA journal_size_limit=67108864",
        *pragmas,
    ):
        await connection.execute_fetchall(pragma)
    return connection


async def _migrate(connection: aiosqlite.Connection, path: Path) -> None:
    steps = [(int(file.name[:3]), file) for file in sorted(MIGRATIONS.glob("[0-9]*_*.sql"))]
    [row] = await connection.execute_fetchall("PRAGMA user_version")
    version: int = row[0]
    newest = max((number for number, _ in steps), default=0)
    if version > newest:
        raise UserError(
            f"The database {path} was written by a newer Gofer (its version is {version}, "
            f"this program knows {newest}). Update Gofer."
        )
    for number, file in steps:
        if version < number:
            await _apply(connection, number, file.read_text())


async def _apply(connection: aiosqlite.Connection, number: int, script: str) -> None:
    try:
        await connection.executescript(f"BEGIN;\n{script}\n;PRAGMA user_version={number};\nCOMMIT;")
    except sqlite3.Error:
        if connection.in_transaction:
            await connection.execute("ROLLBACK")
        raise


async def _uninterrupted(work: Awaitable[T]) -> T:
    """Finish `work` even when the waiting task is cancelled meanwhile, then let that happen."""
    task = asyncio.ensure_future(work)
    try:
        return await asyncio.shield(task)
    except asyncio.CancelledError:
        while not task.done():
            with suppress(asyncio.CancelledError):
                await asyncio.wait([task])
        raise
