"""The limits of one run: time, silence, output, memory, disk.

What always holds: looking costs little and never blocks for long, so that the bridge keeps up with
the agent's pipes; the idle limit does not count while the run rests.
Standard library only: the bridge loads this.
"""

from __future__ import annotations

import os
import time

from agents import processes

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import Any

MEMORY_CHECK_S = 1.0
DISK_CHECK_S = 15.0
DISK_SLICE = 2_000  # directory entries looked at between two looks at the pipes
GRACE_S = 1.0  # for a run that took too long; one that takes too much is killed at once
Excess = tuple[str, str, float]  # reason, detail, grace in seconds


class Limits:
    def __init__(self, limits: dict[str, Any], folder: str) -> None:
        """`limits` as in `core.model.Limits`; `folder` is what the disk limit is about."""
        self.wall_s: float = limits["wall_s"]
        self.idle_s: float = limits["idle_s"]
        self.output_bytes: int = limits["output_bytes"]
        self.memory_bytes: int | None = limits["memory_bytes"]
        self.disk_bytes: int | None = limits["disk_bytes"]
        self.folder = folder
        self.printed = 0
        self.began = self.active = time.monotonic()
        self.resting = False
        self._memory_at = self.began + MEMORY_CHECK_S
        self._disk_at = self.began + MEMORY_CHECK_S  # once soon; it may begin with too much
        self._measuring: Iterator[int] | None = None

    def stir(self) -> None:
        """Something happened: it is not idle."""
        self.active = time.monotonic()

    def rest(self, resting: bool) -> None:
        self.resting = resting
        self.stir()

    def patience(self) -> float:
        """Seconds until the next look is due."""
        if self._measuring is not None:
            return 0.0
        times = [self.began + self.wall_s]
        if not self.resting:
            times.append(self.active + self.idle_s)
        if self.memory_bytes:
            times.append(self._memory_at)
        if self.disk_bytes:
            times.append(self._disk_at)
        return max(0.0, min(times) - time.monotonic())

    def exceeded(self) -> Excess | None:
        now = time.monotonic()
        if now - self.began >= self.wall_s:
            return "wall", f"It ran longer than {self.wall_s:g} s.", GRACE_S
        if not self.resting and now - self.active >= self.idle_s:
            return "idle", f"It was silent for {self.idle_s:g} s.", GRACE_S
        if self.printed > self.output_bytes:
            return "output", f"It printed more than {self.output_bytes:,} bytes.", 0.0
        return self._memory(now) or self._disk(now)

    def _memory(self, now: float) -> Excess | None:
        if not self.memory_bytes or now < self._memory_at:
            return None
        self._memory_at = now + MEMORY_CHECK_S
        used = sum(process.resident for process in processes.descendants(os.getpid()))
        if used <= self.memory_bytes:
            return None
        reason, detail = self.out_of_memory(used)
        return reason, detail, 0.0

    def out_of_memory(self, used: int | None = None) -> tuple[str, str]:
        """What to say of it; without `used` the kernel held the limit."""
        told = "" if used is None else f" ({used:,})"
        return "memory", f"It used more{told} than the {self.memory_bytes:,} bytes allowed."

    def _disk(self, now: float) -> Excess | None:
        if not self.disk_bytes or (self._measuring is None and now < self._disk_at):
            return None
        if self._measuring is None:
            self._measuring = measure(self.folder)
        used = next(self._measuring, None)
        if used is None or used > self.disk_bytes:
            self._measuring = None
            self._disk_at = time.monotonic() + DISK_CHECK_S
        if used is None or used <= self.disk_bytes:
            return None
        return "disk", f"Its workspace grew beyond {self.disk_bytes:,} bytes.", 0.0


def measure(folder: str) -> Iterator[int]:
    """The bytes that a folder takes on disk, counted so far, once per slice of entries."""
    total = seen = 0
    waiting = [folder]
    while waiting:
        try:
            entries = list(os.scandir(waiting.pop()))
        except OSError:
            continue  # removed meanwhile, or not readable for us
        for entry in entries:
            try:
                total += entry.stat(follow_symlinks=False).st_blocks * 512
                if entry.is_dir(follow_symlinks=False):
                    waiting.append(entry.path)
            except OSError:
                continue
            seen += 1
            if seen % DISK_SLICE == 0:
                yield total
    yield total
