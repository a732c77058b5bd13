"""`gofer mcp`: MCP on standard input and output, for clients that start a program.

Carries bytes between the client and the running hub, and knows nothing of what they mean; so it
starts at once, and serves whatever the hub serves.
"""

from __future__ import annotations

import socket
import sys
import threading
from contextlib import suppress
from typing import BinaryIO

import click

from cli.main import settings_of

CHUNK = 65536


@click.command()
@click.pass_context
def mcp(ctx: click.Context) -> None:
    """Speak MCP on standard input and output, for clients that start a program.

    For example: claude mcp add gofer -- gofer mcp
    """
    from core.errors import GoferError, NoHub

    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as hub:
        try:
            hub.connect(str(settings_of(ctx).mcp_socket))
        except OSError:
            raise NoHub() from None
        said_all = threading.Event()
        threading.Thread(target=_send, args=(sys.stdin.buffer, hub, said_all), daemon=True).start()
        _receive(hub, sys.stdout.buffer)
        if not said_all.is_set():
            raise GoferError(
                "The hub ended the session, and its log says why; if it is gone: `gofer up`."
            )


def _send(client: BinaryIO, hub: socket.socket, said_all: threading.Event) -> None:
    with suppress(OSError):  # the hub is gone; the receiving side says so
        while chunk := client.read1(CHUNK):  # type: ignore[attr-defined]  # BufferedReader has it
            hub.sendall(chunk)
        said_all.set()
        hub.shutdown(socket.SHUT_WR)


def _receive(hub: socket.socket, client: BinaryIO) -> None:
    while chunk := hub.recv(CHUNK):
        client.write(chunk)
        client.flush()
