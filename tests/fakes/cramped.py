"""A hub whose home is on a disk that becomes full and is emptied again.

    python -m tests.fakes.cramped HOME

HOME is a file system of its own, of a few megabytes. Ends with 0 when nothing was lost.
"""

from __future__ import annotations

import asyncio
import sqlite3
import sys
from contextlib import closing
from pathlib import Path

import pytest

from core.errors import Refused, TransientError, UserError
from core.model import ENDED, Command, Status, Submission, Task, Text
from tests.fakes.agents import Agent
from tests.fakes.hall import Hall, kinds, opened, submit

LINES = 200


def fill(ballast: Path) -> None:
    """To the last byte."""
    with ballast.open("wb", buffering=0) as file:
        for size in (65_536, 512, 1):
            with pytest.raises(OSError, match="No space left"):
                while True:
                    file.write(bytes(size))
    assert ballast.stat().st_size > 100_000


async def refused(hall: Hall, error: type[Exception]) -> None:
    with pytest.raises(error):
        await hall.engine.submit(Submission("More."))


async def main(home: Path) -> None:
    full = asyncio.Event()

    async def talks(agent: Agent) -> None:
        await agent.says(Text("before"))
        await full.wait()
        for number in range(LINES):
            await agent.says(Command(f"make {number}", "x" * 1000, 0))
        await agent.ends_turn("done")

    hall = Hall(home / "home")
    hall.agents.scripts = {"claude": talks}
    async with opened(hall):
        task = await submit(hall)
        await hall.logged(task.id, "text")
        fill(home / "ballast")
        full.set()
        await refused(hall, TransientError)
        waiting = await hall.engine.wait(task.id, timeout_s=1)  # meanwhile its reports pile up
        assert waiting.status is Status.STREAMING
        assert len(await hall.engine.tasks()) == 1
        assert (await hall.engine.health())["counts"]["STREAMING"] == 1
        with pytest.raises(UserError, match="cannot be written"):
            await hall.engine.backup(home / "copy.db")
        assert not list(home.glob("copy.db*"))
        (home / "ballast").unlink()
        await hall.engine.backup(home / "copy.db")
        await nothing_is_lost(hall, await hall.until(task.id, *ENDED))
        assert (await hall.until((await submit(hall)).id, *ENDED)).status is Status.COMPLETED
    with closing(sqlite3.connect(hall.settings.database)) as connection:
        assert connection.execute("PRAGMA integrity_check").fetchone() == ("ok",)
    await no_work_is_taken_while_the_disk_is_short(home)


async def nothing_is_lost(hall: Hall, task: Task) -> None:
    assert task.status is Status.COMPLETED
    told = [event.payload.get("command") for event in await hall.engine.events(task.id)]
    assert [line for line in told if line] == [f"make {number}" for number in range(LINES)]
    assert (await kinds(hall, task)).count("completed") == 1


async def no_work_is_taken_while_the_disk_is_short(home: Path) -> None:
    async with opened(Hall(home / "careful", {"min_free_disk_mb": 1})) as hall:
        fill(home / "ballast")
        await refused(hall, Refused)
        assert not (await hall.engine.health())["accepting"]
        (home / "ballast").unlink()
        assert (await hall.until((await submit(hall)).id, *ENDED)).status is Status.COMPLETED


if __name__ == "__main__":
    asyncio.run(main(Path(sys.argv[1])))
