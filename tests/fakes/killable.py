"""A hub to be killed: real store, bridges and git, and an agent that is a shell script.

    python -m tests.fakes.killable HOME PROJECT TASKS

It submits TASKS tasks (each with its key, so a restarted hub submits none twice), merges each one
that has completed, notes what the outbox delivers in HOME/sent.log, and ends when all is done.
"""

from __future__ import annotations

import asyncio
import contextlib
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from agents.runner import Runner
from core.config import SandboxChoice, Settings
from core.engine import Engine
from core.errors import Refused
from core.model import ENDED, ReviewState, Status, Submission, Task
from core.outbox import Delivery, Outbox
from core.projects import Projects
from core.store.database import Database
from core.templates import BUILTIN, Templates
from git_ops.repositories import Repositories

AGENT = """
name=$(tr -dc 'a-z0-9' | head -c 30)
for line in 1 2 3 4 5; do echo "$name $line"; sleep 0.05; done
echo "$name" > "$name.txt"
"""
AGENTS_TOML = """
[agents.script]
protocol = "command"
command = ["sh", "{script}"]
mode = "trusted"
allow_unsandboxed = true
"""


@asynccontextmanager
async def hub(home: Path, project: Path, script: str) -> AsyncIterator[tuple[Engine, Database]]:
    """One whose agent is this shell script."""
    home.mkdir(parents=True, exist_ok=True)
    (home / "agent.sh").write_text(script)
    (home / "agents.toml").write_text(AGENTS_TOML.format(script=home / "agent.sh"))
    settings = Settings(
        _env_file=None,  # type: ignore[call-arg]
        home=home,
        projects=(project,),
        agents=home / "agents.toml",
        default_agent="script",
        sandbox=SandboxChoice.OFF,
        max_concurrent_tasks=20,
        min_free_disk_mb=0,
        min_free_memory_mb=0,
    )
    database = await Database.open(settings.database)
    outbox = Outbox(database)
    outbox.register("log", lambda delivery: note(home / "sent.log", delivery))
    engine = Engine(
        database=database,
        settings=settings,
        agents=Runner(
            home=home,
            runtime=settings.runtime,
            agents_file=settings.agents,
            sandbox=settings.sandbox.value,
        ),
        repositories=Repositories(home),
        projects=Projects(settings),
        templates=Templates([BUILTIN]),
        outbox=outbox,
        destinations=lambda task: ("log:owner",),
    )
    await engine.start()
    try:
        yield engine, database
    finally:
        await engine.stop()
        await database.close()


async def main(home: Path, project: Path, number: int) -> None:
    async with hub(home, project, AGENT) as (engine, database):
        print("started", flush=True)
        await asyncio.gather(*(see_through(engine, number) for number in range(number)))
        while await database.read("SELECT id FROM outbox"):  # noqa: ASYNC110
            await asyncio.sleep(0.01)


async def note(log: Path, delivery: Delivery) -> None:
    with log.open("a") as file:
        file.write(f"{delivery.kind} {delivery.task_id}\n")


async def see_through(engine: Engine, number: int) -> None:
    """One task, from its submission to its merge."""
    submission = Submission(f"task{number:03}", origin="test", key=f"key-{number}")
    [task] = await engine.submit(submission)
    while (task := await engine.wait(task.id, timeout_s=60)).status not in ENDED:
        pass
    if task.status is Status.COMPLETED and not merged(task):
        assert task.head is not None
        with contextlib.suppress(Refused):  # the hub that died had come that far
            await engine.merge(task.id, expected_head=task.head, by="test")


def merged(task: Task) -> bool:
    return task.review is not None and task.review.state is ReviewState.MERGED


if __name__ == "__main__":
    asyncio.run(main(Path(sys.argv[1]), Path(sys.argv[2]), int(sys.argv[3])))
