"""The same MCP server over a unix socket, one JSON message a line: the other end of `gofer mcp`.

Whoever can open the socket is the owner (it lies in a folder closed to others), so there is no
token here. Each connection is a session of its own and ends with it.
"""

from __future__ import annotations

import asyncio
import logging
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from typing import Any, cast

import anyio
from mcp.server.mcpserver import MCPServer
from mcp.server.stdio import stdio_server

log = logging.getLogger(__name__)

LONGEST_LINE = 32 * 1024 * 1024  # what is too long for a task is refused in words, far below


class _Input:
    def __init__(self, reader: asyncio.StreamReader) -> None:
        self._reader = reader

    async def __aiter__(self) -> AsyncIterator[str]:
        try:
            while line := await self._reader.readline():
                yield line.decode("utf-8", "replace")
        except ConnectionError:
            return  # the client left
        except ValueError:
            log.warning("an MCP session ends: a line of it is longer than %d bytes", LONGEST_LINE)


class _Output:
    def __init__(self, writer: asyncio.StreamWriter) -> None:
        self._writer = writer

    async def write(self, text: str) -> None:
        self._writer.write(text.encode())

    async def flush(self) -> None:
        with suppress(ConnectionError):  # the client left; its input ends too
            await self._writer.drain()


@asynccontextmanager
async def serving_lines(server: MCPServer[Any], listening: socket.socket) -> AsyncIterator[None]:
    """Serves inside the block; at its end sessions that are open are cut."""
    sessions: set[asyncio.Task[None]] = set()

    async def connected(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        session = asyncio.current_task()
        assert session is not None
        sessions.add(session)
        try:
            await _serve(server, reader, writer)
        except Exception:  # background job: one broken session ends no other
            log.exception("an MCP session broke")
        finally:
            sessions.discard(session)
            writer.close()

    listener = await asyncio.start_unix_server(connected, sock=listening, limit=LONGEST_LINE)
    try:
        yield
    finally:
        listener.close()
        for session in tuple(sessions):
            session.cancel()
        await asyncio.gather(*sessions, return_exceptions=True)


async def _serve(
    server: MCPServer[Any], reader: asyncio.StreamReader, writer: asyncio.StreamWriter
) -> None:
    # the SDK asks for files of text; these two have the parts of them that it uses
    stdin = cast("anyio.AsyncFile[str]", _Input(reader))
    stdout = cast("anyio.AsyncFile[str]", _Output(writer))
    lowlevel = server._lowlevel_server
    async with stdio_server(stdin, stdout) as (read, write):
        await lowlevel.run(read, write, lowlevel.create_initialization_options())
