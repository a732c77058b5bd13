"""One agent prints without end, and no process of ours grows by it."""

from __future__ import annotations

import asyncio
import contextlib
from pathlib import Path

import psutil
import pytest

from core.model import ENDED, Status, Submission
from tests.chaos.killing import Ground
from tests.fakes.killable import hub

MEGABYTE = 1_000_000
MOST = 100 * MEGABYTE
PRINTS = "yes '{line}' | head -c {size}; until [ -e seen ]; do sleep 0.1; done"


async def test_a_flood_of_output_makes_nobody_grow(tmp_path: Path) -> None:
    await flood(tmp_path, 20 * MEGABYTE)


@pytest.mark.chaos
@pytest.mark.timeout(1800)
async def test_a_gigabyte_of_output_makes_nobody_grow(tmp_path: Path) -> None:
    await flood(tmp_path, 1000 * MEGABYTE)


async def flood(folder: Path, size: int) -> None:
    ground = Ground.make(folder, tasks=1)
    us = psutil.Process()
    async with hub(ground.home, ground.project, PRINTS.format(line="x" * 999, size=size)) as (
        engine,
        _,
    ):
        before, most = us.memory_info().rss, {"hub": 0, "bridge": 0}
        [task] = await engine.submit(Submission("Print."))
        transcript = ground.home / "runs" / task.runs[0].id / "transcript.jsonl"
        while (task := await engine.wait(task.id, timeout_s=0.5)).status not in ENDED:
            most["hub"] = max(most["hub"], us.memory_info().rss - before)
            most["bridge"] = max(most["bridge"], bridge_memory(ground))
            if most["bridge"] and task.runs[0].position > size:
                assert task.workspace is not None
                await asyncio.to_thread((task.workspace.path / "seen").touch)
        print({name: f"{value / MEGABYTE:.0f} MB" for name, value in most.items()})
        assert task.status is Status.COMPLETED, task.error
        assert (await asyncio.to_thread(transcript.stat)).st_size > size
        assert max(most.values()) < MOST


def bridge_memory(ground: Ground) -> int:
    """Of the process that holds the agent, which is a shell with its home in its command."""
    for process in psutil.process_iter(["cmdline"]):
        if str(ground.home / "agent.sh") in (process.info["cmdline"] or ()):
            with contextlib.suppress(psutil.Error):
                return max(
                    parent.memory_info().rss
                    for parent in process.parents()
                    if parent.cmdline()[-1].endswith("bridge.py")
                )
    return 0
