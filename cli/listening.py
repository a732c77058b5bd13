"""Serving HTTP inside the hub's one event loop, on a port or on a socket of the owner's.

A port that is taken is an error with a message, not the end of the process, and signals stay with
`gofer up`: uvicorn alone would decide both for us.
"""

from __future__ import annotations

import asyncio
import socket
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING

import uvicorn

from core.errors import UserError

if TYPE_CHECKING:
    from starlette.types import ASGIApp

LINGER_S = 1  # how long open streams may take to end; three servers end one after the other
BACKLOG = 128


class _Server(uvicorn.Server):
    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield


def bind_port(host: str, port: int) -> socket.socket:
    """Raises UserError when the port is taken or the address is not this machine's."""
    listening: socket.socket | None = None
    try:
        family, kind, protocol, _, address = socket.getaddrinfo(
            host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
        )[0]
        listening = socket.socket(family, kind, protocol)
        listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listening.bind(address)
        listening.listen(BACKLOG)
    except OSError as error:
        if listening is not None:
            listening.close()
        raise UserError(
            f"The MCP server cannot listen on {host}:{port} ({error.strerror}). "
            "Choose another GOFER_MCP_PORT or GOFER_MCP_HOST, or stop the program that has it."
        ) from None
    return listening


def bind_socket(path: Path) -> socket.socket:
    """A unix socket that only its owner can open. One left by a hub that died is replaced."""
    with suppress(FileNotFoundError):
        path.unlink()
    listening = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    listening.bind(str(path))  # in a folder that is already closed to others
    path.chmod(0o600)
    listening.listen(BACKLOG)
    return listening


@asynccontextmanager
async def serving(app: ASGIApp, listening: socket.socket) -> AsyncIterator[None]:
    """Answers requests inside the block; at its end open streams are given a moment, then cut."""
    config = uvicorn.Config(
        app,
        log_config=None,
        access_log=False,
        timeout_graceful_shutdown=LINGER_S,
        server_header=False,
    )
    server = _Server(config)
    task = asyncio.create_task(server.serve(sockets=[listening]))
    try:
        yield  # the socket listens already: who comes early waits in its queue
    finally:
        server.should_exit = True
        await task
        listening.close()
