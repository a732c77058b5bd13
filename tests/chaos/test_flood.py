"""One agent prints without end, and no process of ours grows by it."""

from __future__ import annotations

import asyncio
from pathlib import Path

import psutil
import pytest

from core.model import ENDED, Status, Submission
from tests.chaos.killing import Ground
from tests.fakes.killable import hub

MEGABYTE = 1_000_000
MOST = 100 * MEGABYTE
PRINTS = "yes '{line}' | head -c {size}"


async def test_a_flood_of_output_makes_nobody_grow(tmp_path: Path) -> None:
    await flood(tmp_path, 20 * MEGABYTE)


@pytest.mark.chaos
@pytest.mark.timeout(1800)
async def test_a_gigabyte_of_output_makes_nobody_grow(tmp_path: Path) -> None:
    await flood(tmp_path, 1000 * MEGABYTE)


async def flood(folder: Path, size: int) -> None:
    ground = Ground.make(folder, tasks=1)
    us = psutil.Process()
    async with hub(ground.home, ground.project, PRINTS.format(line="x" * 99, size=size)) as (
        engine,
        _,
    ):
        before, most, bridge = us.memory_info().rss, 0, 0
        [task] = await engine.submit(Submission("Print."))
        while (await engine.wait(task.id, timeout_s=0.1)).status not in ENDED:
            most = max(most, us.memory_info().rss)
            bridge = max(bridge, *(rss(process) for process in us.children()), 0)
        task = await engine.task(task.id)
        assert task.status is Status.COMPLETED, task.error
        transcript = ground.home / "runs" / task.runs[0].id / "transcript.jsonl"
        assert (await asyncio.to_thread(transcript.stat)).st_size > size
        print(f"the hub grew by {(most - before) / 1e6:.0f} MB, the bridge has {bridge / 1e6:.0f}")
        assert most - before < MOST
        assert 0 < bridge < MOST


def rss(process: psutil.Process) -> int:
    try:
        return process.memory_info().rss
    except psutil.NoSuchProcess:
        return 0
