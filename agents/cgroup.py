"""A control group (version 2) of one run's own, where this machine lets us make one.

The kernel then holds the memory limit and ends everything in the group at once. It lies beside
our own group, which has processes in it and so can have none below it. Where there is none (no
version 2, no memory controller, not ours to write) the bridge watches and kills by itself, as it
does anyway; nothing here raises.
Standard library only: the bridge loads this.
"""

from __future__ import annotations

import contextlib
import os

ROOT = "/sys/fs/cgroup"


def make(name: str, memory_bytes: int | None, root: str = ROOT, own: str = "") -> Group | None:
    """`own` is our group's path below `root`, found when it is not given."""
    folder = os.path.join(root, os.path.dirname(own or own_path()).lstrip("/"), name)
    try:
        with open(os.path.join(os.path.dirname(folder), "cgroup.subtree_control")) as control:
            if "memory" not in control.read().split():
                return None
        os.makedirs(folder, exist_ok=True)
        group = Group(folder)
        group.write("memory.oom.group", "1")
        if memory_bytes:
            group.write("memory.max", str(memory_bytes))
            with contextlib.suppress(OSError):  # a kernel without swap has no such file
                group.write("memory.swap.max", "0")
    except OSError:
        return None
    return group


def own_path() -> str:
    """`/` where it cannot be known."""
    with contextlib.suppress(OSError), open("/proc/self/cgroup") as groups:
        for line in groups:
            if line.startswith("0::"):
                return line[3:].strip()
    return "/"


class Group:
    def __init__(self, folder: str) -> None:
        self.folder = folder

    def write(self, file: str, value: str) -> None:
        with open(os.path.join(self.folder, file), "w") as opened:
            opened.write(value)

    def enter(self) -> None:
        """This process, and all that it starts from now on."""
        with contextlib.suppress(OSError):
            self.write("cgroup.procs", "0")

    def kill(self) -> None:
        with contextlib.suppress(OSError):  # before Linux 5.14
            self.write("cgroup.kill", "1")

    def ran_out_of_memory(self) -> bool:
        with contextlib.suppress(OSError), open(f"{self.folder}/memory.events") as events:
            return any(line.split()[0] == "oom_kill" and line.split()[1] != "0" for line in events)
        return False

    def remove(self) -> None:
        with contextlib.suppress(OSError):
            os.rmdir(self.folder)
