"""kill -9 of the hub: at named points, and at random ones while many tasks run."""

from __future__ import annotations

import contextlib
import random
import subprocess
from pathlib import Path

import pytest

from tests.chaos.killing import DEADLINE_S, Ground

SAMPLE = [
    ["commit.before:4"],
    ["spawn.after"],
    ["merge.after"],
    ["worktree.after", "commit.after"],  # the second hub dies when it has queued the task again
]
POINTS = [
    *(f"commit.{when}:{count}" for when in ("before", "after") for count in range(1, 9)),
    *(
        f"{step}.{when}"
        for step in ("worktree", "spawn", "checkpoint", "merge", "send")
        for when in ("before", "after")
    ),
]


@pytest.mark.parametrize("faults", SAMPLE)
def test_a_hub_that_stops_at_a_point_is_followed_by_one_that_finishes(
    tmp_path: Path, faults: list[str]
) -> None:
    stops_and_recovers(tmp_path, *faults)


@pytest.mark.chaos
@pytest.mark.timeout(600)
@pytest.mark.parametrize("fault", POINTS)
def test_every_point(tmp_path: Path, fault: str) -> None:
    stops_and_recovers(tmp_path, fault)


def stops_and_recovers(folder: Path, *faults: str) -> None:
    ground = Ground.make(folder, tasks=1)
    for fault in faults:
        ground.die_at(fault)
    ground.finish()
    ground.check(all_completed=True)


def test_kills_at_random_while_tasks_run(tmp_path: Path) -> None:
    kill_at_random(tmp_path, tasks=3, kills=3)


@pytest.mark.chaos
@pytest.mark.timeout(3600)
def test_many_kills_at_random_while_many_tasks_run(tmp_path: Path) -> None:
    for round_ in range(20):
        folder = tmp_path / str(round_)
        folder.mkdir()
        kill_at_random(folder, tasks=20, kills=10)


def kill_at_random(folder: Path, tasks: int, kills: int) -> None:
    ground = Ground.make(folder, tasks)
    chance = random.Random(str(folder))
    for _ in range(kills):
        with ground.hub() as hub:
            assert hub.stdout is not None
            hub.stdout.readline()
            with contextlib.suppress(subprocess.TimeoutExpired):
                hub.wait(chance.uniform(0, 1.5))
            hub.kill()
            hub.communicate(timeout=DEADLINE_S)
    ground.finish()
    ground.check(all_completed=True)
