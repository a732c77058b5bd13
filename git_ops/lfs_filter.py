"""A filter for large files that git runs instead of git-lfs, over the owner's store alone.

git-lfs reads `.lfsconfig` from the work tree, and runs the extensions named there: an agent could
have it run anything. This program reads no configuration and opens no connection. It speaks git's
long-running filter protocol (gitattributes(5)) and the pointer format of git-lfs version 1. Run as
`python lfs_filter.py STORE`; it uses the standard library only.
"""

from __future__ import annotations

import hashlib
import os
import re
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO

PACKET = 65516
POINTER_LIMIT = 1024
POINTER = re.compile(
    rb"version https://git-lfs\.github\.com/spec/v1\noid sha256:([0-9a-f]{64})\nsize (\d+)\n"
)


def packets(source: BinaryIO) -> Iterator[bytes]:
    """Up to the next flush."""
    while size := int(source.read(4), 16):
        yield source.read(size - 4)


def send(sink: BinaryIO, *parts: bytes) -> None:
    """These packets and a flush."""
    for part in parts:
        sink.write(b"%04x%s" % (len(part) + 4, part))
    sink.write(b"0000")
    sink.flush()


def object_path(store: Path, oid: str) -> Path:
    return store / "objects" / oid[:2] / oid[2:4] / oid


def clean(store: Path, content: Iterator[bytes]) -> bytes:
    """Put the content into the store and return its pointer; a pointer stays what it is."""
    incoming = store / "tmp"
    incoming.mkdir(parents=True, exist_ok=True)
    digest, size, head = hashlib.sha256(), 0, b""
    with tempfile.NamedTemporaryFile(dir=incoming, delete=False) as file:
        for part in content:
            digest.update(part)
            size += len(part)
            head = (head + part)[: POINTER_LIMIT + 1]
            file.write(part)
    if size == 0 or (size <= POINTER_LIMIT and POINTER.fullmatch(head)):
        Path(file.name).unlink()
        return head
    oid = digest.hexdigest()
    target = object_path(store, oid)
    target.parent.mkdir(parents=True, exist_ok=True)
    os.replace(file.name, target)  # noqa: PTH105 - both are names already
    return b"version https://git-lfs.github.com/spec/v1\noid sha256:%s\nsize %d\n" % (
        oid.encode(),
        size,
    )


def smudge(store: Path, content: Iterator[bytes]) -> Iterator[bytes]:
    """The content that a pointer stands for, where the store has it; anything else as it is."""
    head = b""
    for part in content:
        head += part
        if len(head) > POINTER_LIMIT:
            yield head
            yield from content
            return
    found = POINTER.fullmatch(head)
    path = object_path(store, found[1].decode()) if found else None
    if path is None or not path.is_file():
        yield head
        return
    with path.open("rb") as file:
        while part := file.read(PACKET):
            yield part


def cut(parts: Iterator[bytes]) -> Iterator[bytes]:
    """No part longer than a packet holds."""
    for part in parts:
        for start in range(0, len(part), PACKET):
            yield part[start : start + PACKET]


def serve(source: BinaryIO, sink: BinaryIO, store: Path) -> None:
    list(packets(source))  # who it is and the version, which is 2 since ever
    send(sink, b"git-filter-server\n", b"version=2\n")
    list(packets(source))
    send(sink, b"capability=clean\n", b"capability=smudge\n")
    while source.peek(1):  # type: ignore[attr-defined]
        about = list(packets(source))
        content = packets(source)
        answer = (
            iter([clean(store, content)]) if b"command=clean\n" in about else smudge(store, content)
        )
        send(sink, b"status=success\n")
        send(sink, *cut(answer))
        send(sink)


if __name__ == "__main__":
    serve(sys.stdin.buffer, sys.stdout.buffer, Path(sys.argv[1]))
