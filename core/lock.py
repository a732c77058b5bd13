"""One hub per home: a lock that the system drops when its process ends, however it ends."""

from __future__ import annotations

import fcntl
import os
from pathlib import Path

from core.errors import UserError


class HomeLock:
    """Held from `take` to `release`."""

    def __init__(self, home: Path) -> None:
        self._home = home
        self._file: int | None = None

    def take(self) -> None:
        """Raises UserError when another hub has this home."""
        self._home.mkdir(parents=True, exist_ok=True, mode=0o700)
        file = os.open(self._home / "hub.lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            holder = os.pread(file, 20, 0).decode(errors="replace").strip() or "unknown"
            os.close(file)
            raise UserError(
                f"Gofer is already running for {self._home} (process {holder}). "
                "Stop it first, or set another GOFER_HOME."
            ) from None
        os.ftruncate(file, 0)
        os.pwrite(file, str(os.getpid()).encode(), 0)
        self._file = file

    def release(self) -> None:
        if self._file is not None:
            os.close(self._file)
            self._file = None
