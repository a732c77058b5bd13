"""Whether there is room for more work: free disk and memory against the settings' floors."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psutil

from core.config import Settings

MEGABYTE = 1_000_000


@dataclass(frozen=True, slots=True)
class Room:
    """Bytes, as the machine tells them now."""

    disk_free: int
    disk_total: int
    memory_free: int
    memory_total: int
    own_memory: int  # resident, of this process

    def shortage(self, settings: Settings) -> str | None:
        """Why no new work is taken, and what to do; None when there is room."""
        if self.disk_free < settings.min_free_disk_mb * MEGABYTE:
            return (
                f"Only {self.disk_free // MEGABYTE} MB are free on the disk of {settings.home} "
                f"({settings.min_free_disk_mb} MB are kept free). Free some, or run `gofer clean`."
            )
        if self.memory_free < settings.min_free_memory_mb * MEGABYTE:
            return (
                f"Only {self.memory_free // MEGABYTE} MB of memory are free "
                f"({settings.min_free_memory_mb} MB are kept free). Try again later."
            )
        return None

    def as_json(self) -> dict[str, dict[str, Any]]:
        return {
            "disk": {"free_bytes": self.disk_free, "total_bytes": self.disk_total},
            "memory": {
                "free_bytes": self.memory_free,
                "total_bytes": self.memory_total,
                "own_bytes": self.own_memory,
            },
        }


def look(folder: Path) -> Room:
    disk = psutil.disk_usage(str(folder))
    memory = psutil.virtual_memory()
    return Room(
        disk_free=disk.free,
        disk_total=disk.total,
        memory_free=memory.available,
        memory_total=memory.total,
        own_memory=psutil.Process().memory_info().rss,
    )
