"""Reading a run's transcript (`agents/bridge.py` describes and writes it), piece by piece.

What always holds: a record is given once it is whole, and in order; a torn or damaged line is
skipped and counted; memory stays bounded, whatever the agent printed.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any, NamedTuple

LONGEST = 64 * 1024 * 1024  # bytes of an agent's line that are looked at
KINDS = ("agent", "sent", "note", "start", "attached", "exit")


class Record(NamedTuple):
    position: int  # byte offset just behind it
    kind: str  # one of KINDS, or `too_long`
    value: Any  # bytes of `agent` and `sent`, the size of `too_long`, else what JSON gives


class Reader:
    def __init__(self) -> None:
        self.offset = 0  # of the next byte to feed
        self.damaged = 0
        self._rest = b""
        self._parts: list[bytes] = []
        self._length = 0  # of the agent's line whose parts are being collected

    def feed(self, data: bytes) -> Iterator[Record]:
        """Give it the bytes at `offset`; take the records that became whole."""
        position = self.offset - len(self._rest)
        self.offset += len(data)
        *lines, self._rest = (self._rest + data).split(b"\n")
        for line in lines:
            position += len(line) + 1
            record = self._read(line, position)
            if record:
                yield record

    def _read(self, line: bytes, position: int) -> Record | None:
        try:
            entry = json.loads(line)
            kind = next(kind for kind in KINDS if kind in entry)
            value = entry[kind]
            if kind == "agent":
                return self._agent(exact(value), "more" in entry, position)
            return Record(position, kind, exact(value) if kind == "sent" else value)
        except (ValueError, StopIteration, TypeError, AttributeError):
            self.damaged += bool(line)
            return None

    def _agent(self, part: bytes, more: bool, position: int) -> Record | None:
        if not more and not self._length:
            return Record(position, "agent", part)
        self._length += len(part)
        if self._length <= LONGEST:
            self._parts.append(part)
        else:
            self._parts.clear()
        if more:
            return None
        length, self._length = self._length, 0
        parts, self._parts = self._parts, []
        if length > LONGEST:
            return Record(position, "too_long", length)
        return Record(position, "agent", b"".join(parts))


def exact(text: str) -> bytes:
    """The bytes that an entry stands for."""
    return text.encode("utf-8", "surrogateescape")
