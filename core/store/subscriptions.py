"""How far each subscriber has come in the log of all tasks."""

from __future__ import annotations

from core.store import events
from core.store.database import Database


async def position(database: Database, name: str) -> int:
    """A new one begins behind what is there already."""
    found = await database.read("SELECT position FROM subscribers WHERE name = ?", (name,))
    if found:
        return int(found[0]["position"])
    newest = await events.newest_id(database.read)
    await keep(database, name, newest)
    return newest


async def keep(database: Database, name: str, event_id: int) -> None:
    async with database.transaction(durable=False) as tx:  # it gets some again after a power cut
        await tx.execute("INSERT OR REPLACE INTO subscribers VALUES (?, ?)", (name, event_id))
