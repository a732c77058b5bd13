"""Who subscribed is told of changes, and one that takes nothing holds up no other."""

from __future__ import annotations

import asyncio
from typing import Any, cast

import pytest
from mcp.server.connection import Connection
from mcp.server.subscriptions import InMemorySubscriptionBus

from mcp_server import resources
from mcp_server.resources import Subscriptions


class Client:
    """The SDK's end of a connection, as far as it is used. `stuck`: it reads nothing any more."""

    def __init__(self, *, stuck: bool = False) -> None:
        self.stuck = stuck
        self.told: list[str] = []

    async def send_resource_updated(self, uri: str, **more: Any) -> None:
        if self.stuck:
            await asyncio.Event().wait()
        self.told.append(uri)


async def test_a_subscriber_that_takes_nothing_holds_up_no_other(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(resources, "PATIENCE_S", 0.05)
    subscriptions = Subscriptions(InMemorySubscriptionBus())
    clients = [Client(stuck=True), Client()]
    subscriptions._connections["tasks://list"] = {cast("Connection", each) for each in clients}
    async with asyncio.timeout(30):
        await subscriptions._tell("tasks://list")
        await subscriptions._tell("tasks://list")
    assert clients[1].told == ["tasks://list", "tasks://list"]
    assert subscriptions._connections["tasks://list"] == {clients[1]}
