"""What a bridge writes into its run's folder (`bridge.py` describes the transcript's entries).

What always holds: a transcript only grows, by whole lines; every byte that the agent printed can
be had back from it; the error log is bounded; memory does not grow with a line's length.
Standard library only: the bridge loads this.
"""

from __future__ import annotations

import json
import os
import time

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

PART = 262_144  # bytes of one line that are held in memory
STDERR_FILE = 1_000_000  # bytes of each of the two standard error logs
TAIL = 4_000


class Transcript:
    def __init__(self, path: str) -> None:
        flags = os.O_RDWR | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC
        self.fd = os.open(path, flags, 0o600)
        self.size = os.fstat(self.fd).st_size
        if self.size and os.pread(self.fd, 1, self.size - 1) != b"\n":
            self.append(b"\n")  # the last bridge, or the power, died within a line

    def append(self, data: bytes) -> None:
        while data:
            written = os.write(self.fd, data)
            self.size += written
            data = data[written:]

    def record(self, **entry: object) -> None:
        self.append(encode(entry))


class Lines:
    """Cuts the agent's output into transcript entries."""

    def __init__(self) -> None:
        self.partial = bytearray()

    def entries(self, data: bytes) -> bytes:
        *whole, rest = data.split(b"\n")
        found = []
        at = f',"at":{time.time():.3f}}}\n'
        for line in whole:
            self.partial += line
            found.append('{"agent":' + quote(bytes(self.partial)) + at)
            self.partial.clear()
        self.partial += rest
        if len(self.partial) > PART:
            found.append('{"agent":' + quote(bytes(self.partial)) + ',"more":true' + at)
            self.partial.clear()
        return "".join(found).encode()

    def last(self) -> bytes:
        """A last line that had no newline."""
        return self.entries(b"\n") if self.partial else b""


class ErrorLog:
    """Standard error, bounded: its newest megabyte or two, and the tail in memory."""

    def __init__(self, folder: str) -> None:
        self.path = os.path.join(folder, "stderr.log")
        self.fd = self._open()
        self.size = os.fstat(self.fd).st_size
        self.total = 0
        self.tail = b""

    def _open(self) -> int:
        return os.open(self.path, os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC, 0o600)

    def write(self, data: bytes) -> None:
        if self.size + len(data) > STDERR_FILE:
            os.close(self.fd)
            os.replace(self.path, f"{self.path}.1")
            self.fd, self.size = self._open(), 0
        os.write(self.fd, data)
        self.size += len(data)
        self.total += len(data)
        self.tail = (self.tail + data)[-TAIL:]


def quote(data: bytes) -> str:
    return json.dumps(data.decode("utf-8", "surrogateescape"))


def encode(entry: dict[str, Any]) -> bytes:
    return json.dumps(entry, separators=(",", ":")).encode() + b"\n"


def write_whole(path: str, data: bytes) -> None:
    """All of it or nothing, whatever dies meanwhile."""
    fd = os.open(f"{path}.new", os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o600)
    try:
        os.write(fd, data)
        os.fsync(fd)
    finally:
        os.close(fd)
    os.replace(f"{path}.new", path)
