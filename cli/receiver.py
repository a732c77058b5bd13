"""A place on this machine where the demo's push arrives: Apprise's `json://` on a loopback port."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from cli.listening import bind_port, serving


class Receiver:
    def __init__(self, port: int) -> None:
        self.url = f"json://127.0.0.1:{port}/"
        self._arrived: asyncio.Queue[dict[str, Any]] = asyncio.Queue()

    async def take(self, request: Request) -> Response:
        self._arrived.put_nowait(await request.json())
        return Response()

    async def next(self) -> dict[str, Any]:
        return await self._arrived.get()


@asynccontextmanager
async def receiving() -> AsyncIterator[Receiver]:
    listening = bind_port("127.0.0.1", 0)
    receiver = Receiver(listening.getsockname()[1])
    app = Starlette(routes=[Route("/", receiver.take, methods=["POST"])])
    async with serving(app, listening):
        yield receiver
