"""The core for MCP clients: one server, over HTTP (`/mcp`) or lines (`mcp_server.lines`).

Owns putting it together. Every HTTP request but `/healthz` needs the bearer token; Host and
Origin are checked always, so that a web page cannot talk to it through the browser. Clients of the
2025 and the 2026 protocol are served alike; the task store is the truth, sessions are not.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from importlib.metadata import version
from typing import Any

from mcp.server.mcpserver import MCPServer
from mcp.server.subscriptions import InMemorySubscriptionBus
from mcp.server.transport_security import TransportSecuritySettings
from starlette.types import ASGIApp

from core.engine import Engine
from core.templates import Templates
from mcp_server.auth import BearerOnly
from mcp_server.health import HEALTH, health_routes
from mcp_server.prompts import add_prompts
from mcp_server.resources import Subscriptions, add_resources
from mcp_server.tools import add_tools

LOOPBACK = ("127.0.0.1", "localhost", "[::1]")

INSTRUCTIONS = """\
Gofer runs coding agents on its owner's machine, each task in a git branch of its own. create_task,
then wait_task until `settled`; answer_task when it asks; review_task, then merge_task with the
`head` you saw. Nothing lands on the owner's branch before merge_task."""


def make_server(engine: Engine, templates: Templates) -> tuple[MCPServer[Any], Subscriptions]:
    """The server, and what its owner keeps running to tell subscribers of changes."""
    bus = InMemorySubscriptionBus()
    server: MCPServer[Any] = MCPServer(
        "gofer",
        title="Gofer",
        instructions=INSTRUCTIONS,
        version=version("gofer"),
        subscriptions=bus,
        log_level="WARNING",
    )
    add_tools(server, engine)
    add_resources(server, engine)
    add_prompts(server, templates)
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
