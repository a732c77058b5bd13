"""The resources, and telling subscribers when one changed.

Owns the resource addresses and who subscribed to which. Clients of the 2026-07-28 protocol listen
on the bus; older ones subscribe with `resources/subscribe` and are told through their session.
An update is only a cue to read again, so a lost one loses nothing. One that takes none of them
holds up no other.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Sequence
from contextlib import aclosing
from typing import Any

from mcp.server.connection import Connection
from mcp.server.context import ServerRequestContext
from mcp.server.mcpserver import MCPServer
from mcp.server.mcpserver.exceptions import ResourceError, ResourceNotFoundError
from mcp.server.subscriptions import InMemorySubscriptionBus, ResourceUpdated
from mcp_types import EmptyResult, SubscribeRequestParams, UnsubscribeRequestParams

from core.engine import Engine
from core.errors import GoferError, NotFound
from core.model import Event, EventType
from core.redact import redact
from core.wire import task_json

JSON = "application/json"
ALL = 1_000_000  # events of a task
PATIENCE_S = 2.0  # with a subscriber that does not take its update


def add_resources(server: MCPServer[Any], engine: Engine) -> None:
    @server.resource("task://{task_id}", title="A task", mime_type=JSON)
    async def task(task_id: str) -> str:
        """Status, question, review and cost of one task."""
        try:
            return _text(task_json(await engine.task(task_id)))
        except GoferError as error:
            raise _explained(error) from error

    @server.resource("task://{task_id}/output", title="What the agent said", mime_type="text/plain")
    async def output(task_id: str) -> str:
        """What the agent said and did, in order."""
        try:
            return output_text(await engine.events(task_id, limit=ALL))
        except GoferError as error:
            raise _explained(error) from error

    @server.resource("task://{task_id}/diff", title="What changed", mime_type="text/x-diff")
    async def diff(task_id: str) -> str:
        """The unified diff from the task's base to its head."""
        try:
            return redact(await engine.diff(task_id))
        except GoferError as error:
            raise _explained(error) from error

    @server.resource("tasks://list", title="Tasks", mime_type=JSON)
    async def tasks() -> str:
        """The fifty newest tasks."""
        return _text([task_json(task) for task in await engine.tasks(limit=50)])

    @server.resource("agents://status", title="Agents", mime_type=JSON)
    async def agents() -> str:
        """Which agents there are, and whether they can run."""
        return _text((await engine.health())["agents"])


def output_text(events: Sequence[Event]) -> str:
    """The agent's words, and one line for each edit and command."""
    lines = []
    for event in events:
        payload = event.payload
        match payload.get("kind"):
            case "text":
                lines.append(payload["text"])
            case "edit":
                lines.append(f"[edit] {payload['path']}")
            case "command":
                lines.append(f"[command] {payload['command']}")
                lines += [payload["output_tail"]] if payload.get("output_tail") else []
            case "error":
                lines.append(f"[error] {payload['message']}")
            case _:
                pass
    return "\n".join(lines)


def _text(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False)


def _explained(error: GoferError) -> ResourceError:
    kind = ResourceNotFoundError if isinstance(error, NotFound) else ResourceError
    return kind(str(error))


class Subscriptions:
    """Tells both kinds of clients which resources an event changed."""

    def __init__(self, bus: InMemorySubscriptionBus) -> None:
        self._bus = bus
        self._connections: dict[str, set[Connection]] = {}

    def serve(self, server: MCPServer[Any]) -> None:
        """Answer `resources/subscribe` and `resources/unsubscribe` of clients before 2026."""
        lowlevel = server._lowlevel_server  # the SDK names no public way to these two
        lowlevel.add_request_handler("resources/subscribe", SubscribeRequestParams, self._add)
        lowlevel.add_request_handler(
            "resources/unsubscribe", UnsubscribeRequestParams, self._remove
        )

    async def _add(
        self, ctx: ServerRequestContext[Any, Any], params: SubscribeRequestParams
    ) -> EmptyResult:
        connection = ctx.session._connection  # a session object lives for one request only
        uri = str(params.uri)
        if connection not in self._connections.setdefault(uri, set()):
            self._connections[uri].add(connection)
            connection.exit_stack.callback(self._forget, uri, connection)
        return EmptyResult()

    async def _remove(
        self, ctx: ServerRequestContext[Any, Any], params: UnsubscribeRequestParams
    ) -> EmptyResult:
        self._forget(str(params.uri), ctx.session._connection)
        return EmptyResult()

    def _forget(self, uri: str, connection: Connection) -> None:
        connections = self._connections.get(uri, set())
        connections.discard(connection)
        if not connections:
            self._connections.pop(uri, None)

    async def publish(self, engine: Engine, since: int) -> None:
        """Runs until it is cancelled. `since` is the id of the last event already known."""
        async with aclosing(engine.follow(since=since)) as events:
            async for event in events:
                for uri in changed_by(event):
                    await self._tell(uri)

    async def _tell(self, uri: str) -> None:
        await self._bus.publish(ResourceUpdated(uri=uri))
        for connection in tuple(self._connections.get(uri, ())):
            try:
                async with asyncio.timeout(PATIENCE_S):
                    await connection.send_resource_updated(uri)  # one that left is no error
            except TimeoutError:  # it reads nothing any more, and others wait
                self._forget(uri, connection)


def changed_by(event: Event) -> Sequence[str]:
    """The addresses whose content an event changed."""
    uri = f"task://{event.task_id}"
    if event.type is EventType.OUTPUT:
        return (f"{uri}/output",)
    match event.payload.get("kind"):
        case "checkpoint" | "review":
            return (uri, f"{uri}/diff", "tasks://list")
        case "tool" | "plan" | "usage":
            return ()
        case _:
            return (uri, "tasks://list")
