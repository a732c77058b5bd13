"""Agents that will not die, die: with everything that they left behind, in time."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from agents import processes
from core.model import Mode, TurnEnded
from tests.fakes.lab import HAS_BWRAP, NO_BWRAP, Lab, follow, lab, until

WITHIN_S = 5.0

# ignores SIGTERM, forks twice, changes session, closes its pipes, changes its name
STUBBORN = """
import os, signal, sys, time
from pathlib import Path
sys.stdin.read()
def hold(name):
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    signal.signal(signal.SIGHUP, signal.SIG_IGN)
    Path(name).touch()
    time.sleep(1000)
def detached(name, clean):
    if os.fork() == 0:
        os.setsid()
        if os.fork() == 0:
            os.setsid()
            for fd in range(3):
                os.close(fd)
            if clean:
                os.execve(sys.executable, ["innocent", "-c", CLEAN % name], {})
            hold(name)
        os._exit(0)
CLEAN = '''
import signal, time, pathlib
signal.signal(signal.SIGTERM, signal.SIG_IGN)
pathlib.Path(%r).touch()
time.sleep(1000)
'''
detached("one", False)
detached("two", True)   # without the variable that marks it
while not (Path("one").exists() and Path("two").exists()):
    time.sleep(0.005)
print("up", flush=True)
if Path("exit-cleanly").exists():
    sys.exit(0)
hold("three")
"""


@pytest.fixture
def here(tmp_path: Path) -> Iterator[Lab]:
    with lab(tmp_path) as made:
        yield made


def alive(here: Lab) -> list[processes.Process]:
    """Whatever works in the workspace still, marked or not."""
    found = []
    for process in processes.table().values():
        try:
            folder = Path(f"/proc/{process.pid}/cwd").readlink()
        except OSError:
            continue
        if folder == here.workspace.path:
            found.append(process)
    return found


async def stop_one(here: Lab, clean_exit: bool) -> float:
    for name in ("one", "two", "three", "exit-cleanly"):
        (here.workspace.path / name).unlink(missing_ok=True)
    if clean_exit:
        (here.workspace.path / "exit-cleanly").touch()
    spec = here.spec("stubborn", mode=Mode.TRUSTED)
    run = await here.start(spec)
    if clean_exit:
        began = time.monotonic()

        async def finish(event: object) -> None:
            nonlocal began
            if isinstance(event, TurnEnded):
                began = time.monotonic()
                await run.finish()

        seen = await follow(run, finish)
        assert seen.end.reason == "exited"
    else:
        await until((here.workspace.path / "three").exists, "the agent to be up")
        began = time.monotonic()
        await run.stop(grace_s=0.2)
        assert (await follow(run)).end.reason == "stopped"
    assert alive(here) == []
    return time.monotonic() - began


def rounds(count: int) -> list[object]:
    box = pytest.param("bwrap", count, marks=pytest.mark.skipif(not HAS_BWRAP, reason=NO_BWRAP))
    return [box, pytest.param("off", count)]


@pytest.mark.parametrize("clean_exit", [False, True])
@pytest.mark.parametrize(("sandbox", "count"), rounds(2))
async def test_nothing_survives(here: Lab, sandbox: str, count: int, clean_exit: bool) -> None:
    if not processes.LINUX:
        pytest.skip("without /proc only process groups can be killed")
    here.sandbox = sandbox
    here.program(STUBBORN, "stubborn")
    for _ in range(count):
        assert await stop_one(here, clean_exit) < WITHIN_S


@pytest.mark.chaos
@pytest.mark.timeout(600)
@pytest.mark.parametrize(("sandbox", "count"), rounds(100))
async def test_nothing_survives_a_hundred_times(here: Lab, sandbox: str, count: int) -> None:
    here.sandbox = sandbox
    here.program(STUBBORN, "stubborn")
    for number in range(count):
        assert await stop_one(here, clean_exit=bool(number % 2)) < WITHIN_S
