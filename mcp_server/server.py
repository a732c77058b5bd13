"""The core for MCP clients: one server, over HTTP (`/mcp`) or lines (`mcp_server.lines`).

Owns putting it together. Every HTTP request but `/healthz` needs the bearer token; Host and
Origin of those to `/mcp` are checked, so that a web page cannot talk to it through the browser.
Clients of the 2025 and the 2026 protocol are served alike; the task store is the truth, sessions
are not.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from importlib.metadata import version
from typing import Any

from mcp.server.mcpserver import Context, MCPServer
from mcp.server.mcpserver.exceptions import ToolError
from mcp.server.subscriptions import InMemorySubscriptionBus
from mcp.server.transport_security import TransportSecuritySettings
from mcp_types import CallToolResult, GetPromptResult, InputRequiredResult, Prompt
from pydantic import ValidationError
from starlette.types import ASGIApp

from core.engine import Engine
from core.templates import Templates
from mcp_server.auth import BearerOnly
from mcp_server.health import HEALTH, health_routes
from mcp_server.prompts import Prompts
from mcp_server.resources import Subscriptions, add_resources
from mcp_server.tools import add_tools, wrong_arguments

LOOPBACK = ("127.0.0.1", "localhost", "[::1]")

INSTRUCTIONS = """\
Gofer runs coding agents on its owner's machine, each task in a git branch of its own. create_task,
then wait_task until `settled`; answer_task when it asks; review_task, then merge_task with the
`head` you saw. Nothing lands on the owner's branch before merge_task."""


class _Server(MCPServer[Any]):
    """With the templates' prompts as they are now, and wrong arguments refused in plain words."""

    def __init__(self, prompts: Prompts, **more: Any) -> None:
        super().__init__("gofer", **more)
        self._prompts = prompts

    async def list_prompts(self) -> list[Prompt]:
        self._prompts.refresh(self)
        return await super().list_prompts()

    async def get_prompt(
        self,
        name: str,
        arguments: dict[str, Any] | None = None,
        context: Context[Any, Any] | None = None,
    ) -> GetPromptResult | InputRequiredResult:
        self._prompts.refresh(self)
        return await super().get_prompt(name, arguments, context)

    async def call_tool(
        self, name: str, arguments: dict[str, Any], context: Context[Any, Any] | None = None
    ) -> CallToolResult | InputRequiredResult:
        await self._refuse_unknown(name, arguments)
        try:
            return await super().call_tool(name, arguments, context)
        except ToolError as error:
            if isinstance(error.__cause__, ValidationError):
                raise ToolError(f"{name}: {wrong_arguments(error.__cause__)}") from None
            raise

    async def _refuse_unknown(self, name: str, arguments: Mapping[str, Any]) -> None:
        """The SDK drops arguments that a tool does not have; what was meant would be lost."""
        for tool in await self.list_tools():
            known = tool.input_schema.get("properties", {})
            strange = arguments.keys() - known.keys()
            if tool.name == name and strange:
                takes = ", ".join(known) or "none"
                wrong = ", ".join(sorted(strange))
                raise ToolError(f"{name}: no such argument: {wrong}. It takes: {takes}.")


def make_server(engine: Engine, templates: Templates) -> tuple[MCPServer[Any], Subscriptions]:
    """The server, and what its owner keeps running to tell subscribers of changes."""
    bus = InMemorySubscriptionBus()
    server = _Server(
        Prompts(templates),
        title="Gofer",
        instructions=INSTRUCTIONS,
        version=version("gofer"),
        subscriptions=bus,
        log_level="WARNING",
    )
    add_tools(server, engine)
    add_resources(server, engine)
    subscriptions = Subscriptions(bus)
    subscriptions.serve(server)
    return server, subscriptions


def http_app(
    server: MCPServer[Any],
    engine: Engine,
    *,
    token: str,
    allowed_hosts: Sequence[str] = (),
    ailing: Callable[[], Sequence[str]] = tuple,
) -> ASGIApp:
    """`/mcp`, `/healthz` and `/metrics`; see `mcp_server.health` for `ailing`."""
    app = server.streamable_http_app(transport_security=security(allowed_hosts))
    app.routes.extend(health_routes(engine, ailing))
    return BearerOnly(app, token, open_paths=[HEALTH])


def security(allowed_hosts: Sequence[str]) -> TransportSecuritySettings:
    """This machine's own names and those in GOFER_MCP_ALLOWED_HOSTS, on any port."""
    hosts = [*LOOPBACK, *allowed_hosts]
    hosts += [f"{host}:*" for host in hosts]
    return TransportSecuritySettings(
        allowed_hosts=hosts,
        allowed_origins=[f"{scheme}://{host}" for scheme in ("http", "https") for host in hosts],
    )
