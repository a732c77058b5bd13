"""Where the kernel can hold a run's memory and end it as a whole, it does."""

from __future__ import annotations

import os
import signal
import time
from pathlib import Path

import pytest

from agents import cgroup, limits
from core.model import Limits
from tests.fakes.lab import follow, lab

MOUNTS = ("/sys/fs/cgroup", "/sys/fs/cgroup/unified")


def hierarchy(folder: Path, controllers: str = "cpu memory pids\n") -> Path:
    """A service among others, as systemd lays them out."""
    (folder / "app.slice" / "hub.service").mkdir(parents=True)
    (folder / "app.slice" / "cgroup.subtree_control").write_text(controllers)
    return folder


def test_a_group_beside_ours_holds_the_limit(tmp_path: Path) -> None:
    root = hierarchy(tmp_path)
    group = cgroup.make("gofer-r1", 90_000_000, str(root), "/app.slice/hub.service")
    assert group
    group.enter()
    group.kill()
    written = {file.name: file.read_text() for file in (root / "app.slice" / "gofer-r1").iterdir()}
    assert written == {
        "cgroup.kill": "1", "cgroup.procs": "0", "memory.max": "90000000",
        "memory.oom.group": "1", "memory.swap.max": "0",
    }  # fmt: skip


@pytest.mark.parametrize(("killed", "out"), [(0, False), (2, True)])
def test_whether_the_kernel_ended_it(tmp_path: Path, killed: int, out: bool) -> None:
    (tmp_path / "memory.events").write_text(f"low 0\nmax 7\noom 1\noom_kill {killed}\n")
    assert cgroup.Group(str(tmp_path)).ran_out_of_memory() is out


@pytest.mark.parametrize("own", ["/", "/elsewhere/hub.service"])
def test_without_a_place_for_it_there_is_none(tmp_path: Path, own: str) -> None:
    assert cgroup.make("gofer-r1", 1, str(hierarchy(tmp_path)), own) is None


def test_without_a_memory_controller_there_is_none(tmp_path: Path) -> None:
    root = hierarchy(tmp_path, "hugetlb\n")
    assert cgroup.make("gofer-r1", 1, str(root), "/app.slice/hub.service") is None
    assert not (root / "app.slice" / "gofer-r1").exists()


def test_all_in_a_group_are_killed_at_once() -> None:
    group = next(filter(None, map(plain_group, MOUNTS)), None)
    if group is None:
        pytest.skip("NO CONTROL GROUP CAN BE MADE HERE: killing one as a whole is not tested")
    child = os.fork()
    if child == 0:
        group.enter()
        if os.fork() == 0:
            os.setsid()
        signal.pause()
    until_there(group, 2)
    group.kill()
    assert os.waitpid(child, 0)[1] == signal.SIGKILL
    until_there(group, 0)
    group.remove()
    assert not Path(group.folder).exists()


def plain_group(mount: str) -> cgroup.Group | None:
    folder = Path(mount, f"gofer-test-{os.getpid()}")
    if not Path(mount, "cgroup.procs").exists() or not os.access(mount, os.W_OK):
        return None
    folder.mkdir()
    if (folder / "cgroup.kill").exists():
        return cgroup.Group(str(folder))
    folder.rmdir()
    return None


def until_there(group: cgroup.Group, count: int) -> None:
    end = time.monotonic() + 30
    while len(Path(group.folder, "cgroup.procs").read_text().split()) != count:
        assert time.monotonic() < end
        time.sleep(0.01)  # looks again for a condition, under a deadline


async def test_the_kernel_ends_a_run_that_takes_too_much(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    if not (probe := cgroup.make("gofer-probe", None)):
        pytest.skip("NO CONTROL GROUP WITH MEMORY HERE: only the watched limit is tested")
    probe.remove()
    monkeypatch.setattr(limits, "MEMORY_CHECK_S", 1_000.0)
    with lab(tmp_path) as here:
        hoard = here.program("x = b'x' * 400_000_000; import time; time.sleep(100)")
        run = await here.start(here.spec(hoard, limits=Limits(memory_bytes=90_000_000)))
        seen = await follow(run)
    assert seen.end.reason == "memory"
