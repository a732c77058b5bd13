"""Finding and ending process trees, on Linux through /proc, elsewhere through `ps`.

A process is known by its id *and* its start time, so that a signal never reaches a stranger that
was given the same id. Zombies are not alive. Standard library only, few imports: the bridge loads
this module too.
"""

from __future__ import annotations

import contextlib
import os
import signal
import sys
import time
from collections import namedtuple
from collections.abc import Callable, Iterable

Process = namedtuple("Process", "pid parent started name resident")
Process.__doc__ = "`resident`: bytes of memory that it shares with no file."

LINUX = sys.platform == "linux"
PAGE = os.sysconf("SC_PAGE_SIZE")
RUN = "GOFER_RUN"  # in the environment of everything that belongs to a run
BRIDGE = "GOFER_BRIDGE"  # in the environment of a run's bridge


def adopt_orphans() -> None:
    """Make this process the parent of descendants whose own parent ends (Linux)."""
    if LINUX:
        import ctypes

        pr_set_child_subreaper = 36
        ctypes.CDLL(None).prctl(pr_set_child_subreaper, 1, 0, 0, 0)


def look(pid: int) -> Process | None:
    """None when it has ended."""
    try:
        with open(f"/proc/{pid}/stat", "rb") as stat:
            head, _, tail = stat.read().rpartition(b") ")
        fields = tail.split()
        if fields[0] in b"ZX":
            return None
        with open(f"/proc/{pid}/statm", "rb") as statm:
            pages = statm.read().split()
        private = (int(pages[1]) - int(pages[2])) * PAGE
        name = head.partition(b"(")[2].decode(errors="replace")
        return Process(pid, int(fields[1]), fields[19].decode(), name, private)
    except (OSError, IndexError, ValueError):
        return None


def table() -> dict[int, Process]:
    """Every living process."""
    if not LINUX:
        return _table_of_ps()
    pids = (int(name) for name in os.listdir("/proc") if name.isdigit())
    return {pid: process for pid in pids if (process := look(pid))}


def _table_of_ps() -> dict[int, Process]:
    import subprocess

    columns = "pid=,ppid=,state=,rss=,lstart=,comm="
    listing = subprocess.run(["ps", "-axo", columns], capture_output=True, check=False).stdout
    found = {}
    for line in listing.decode(errors="replace").splitlines():
        pid, parent, state, resident, *rest = line.split(None, 9)
        if not state.startswith("Z"):
            started, name = " ".join(rest[:5]), rest[-1]
            found[int(pid)] = Process(int(pid), int(parent), started, name, int(resident) * 1024)
    return found


def descendants(root: int) -> list[Process]:
    """Everything below a process, without itself; parents come before their children."""
    processes = table()
    children: dict[int, list[Process]] = {}
    for process in processes.values():
        children.setdefault(process.parent, []).append(process)
    found: list[Process] = []
    waiting = [root]
    while waiting:
        below = children.pop(waiting.pop(), [])
        found += below
        waiting += [process.pid for process in below]
    return found


def marked(variable: str, accept: Callable[[str], bool]) -> list[tuple[Process, str]]:
    """Processes that were started with this variable in their environment, and its value."""
    found = []
    wanted = f"{variable}=".encode()
    for process in table().values() if LINUX else ():
        try:
            with open(f"/proc/{process.pid}/environ", "rb") as environ:
                entries = environ.read().split(b"\0")
        except OSError:
            continue
        for entry in entries:
            if entry.startswith(wanted):
                value = os.fsdecode(entry[len(wanted) :])
                if accept(value):
                    found.append((process, value))
                break
    return found


def send(process: Process, signum: int) -> None:
    """Signal it, unless it has ended meanwhile."""
    with contextlib.suppress(ProcessLookupError, PermissionError):
        if not hasattr(os, "pidfd_open"):
            os.kill(process.pid, signum)
            return
        handle = os.pidfd_open(process.pid)
        try:
            now = look(process.pid)
            if now and now.started == process.started:
                signal.pidfd_send_signal(handle, signum)
        finally:
            os.close(handle)


def kill_all(find: Callable[[], Iterable[Process]], within_s: float = 5.0) -> bool:
    """Kill what `find` gives until it gives nothing. False when something would not die."""
    end = time.monotonic() + within_s
    while processes := list(find()):
        for process in processes:
            send(process, signal.SIGKILL)
        if time.monotonic() > end:
            return False
        time.sleep(0.02)
    return True


def end_marked(accept: Callable[[str], bool]) -> bool:
    """Kill every process with a mark that is accepted. False when one would not die."""

    def find() -> list[Process]:
        both = (marked(variable, accept) for variable in (BRIDGE, RUN))
        return [process for found in both for process, _ in found]

    return kill_all(find)


def home_mark(home: str | os.PathLike[str]) -> str:
    """What the marks of all processes begin with that belong to this home."""
    from hashlib import sha256  # a bridge is told its mark

    return sha256(os.fsencode(home)).hexdigest()[:12] + "-"
