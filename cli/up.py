"""`gofer up`: the hub. One process, one event loop, one per home.

Owns the order in which things start and end, and what is said about them. A front door that cannot
open (port taken, wrong token) gives one message and the others go on; a second hub on the same
home is refused. SIGINT and SIGTERM end it within ten seconds; running agents stay with their
bridges.
"""

from __future__ import annotations

import asyncio
import fcntl
import logging
import os
import signal
from collections.abc import AsyncIterator, Iterator
from contextlib import (
    AbstractAsyncContextManager,
    AsyncExitStack,
    asynccontextmanager,
    contextmanager,
)
from pathlib import Path
from typing import TYPE_CHECKING

import click

from cli.main import settings_of
from core.errors import GoferError, UserError

if TYPE_CHECKING:
    from cli.app import House
    from core.config import Settings

log = logging.getLogger(__name__)


@click.command()
@click.pass_context
def up(ctx: click.Context) -> None:
    """Start Gofer and stay: Telegram bot, MCP server, scheduler, and the ear for `gofer …`."""
    from cli.logs import log_to_stderr

    settings = settings_of(ctx)
    log_to_stderr()
    asyncio.run(_serve(settings))


async def _serve(settings: Settings) -> None:
    from cli.app import open_house

    stopped = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, stopped.set)
    with only_hub(settings.home):
        async with open_house(settings) as house:
            await house.engine.start()
            async with AsyncExitStack() as doors:
                click.echo(f"Gofer is up. Home: {settings.home}")
                await _open_doors(doors, house)
                for line in await _outlook(house):
                    click.echo(line)
                await stopped.wait()
                click.echo("Stopping …")
            running = await _running(house)
            await house.engine.stop()
    click.echo(f"Stopped. {running}".strip())


@contextmanager
def only_hub(home: Path) -> Iterator[None]:
    """Holds the home's lock. Raises UserError when another hub has it."""
    home.mkdir(parents=True, exist_ok=True, mode=0o700)
    with (home / "hub.lock").open("a+", encoding="ascii") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            lock.seek(0)
            pid = lock.read().strip() or "unknown"
            raise UserError(
                f"Gofer is already running on {home} (process {pid}). "
                "Use it with the other commands, or stop it first."
            ) from None
        lock.truncate(0)
        lock.write(str(os.getpid()))
        lock.flush()
        yield


async def _open_doors(doors: AsyncExitStack, house: House) -> None:
    settings = house.settings
    address = f"http://{settings.mcp_host}:{settings.mcp_port}"
    await _open(doors, "commands", _commands(house), "gofer run, gofer tasks, …")
    await _open(doors, "MCP", _mcp(house), f"{address}/mcp (the token: gofer doctor)")
    if settings.telegram_bot_token is None:
        click.echo(
            "  Telegram  off: no token. Make a bot with @BotFather, then run gofer init, "
            "or set TELEGRAM_BOT_TOKEN and GOFER_ALLOWED_USERS."
        )
    else:
        await _open(doors, "Telegram", house.bot(), "on")


async def _open(
    doors: AsyncExitStack, name: str, door: AbstractAsyncContextManager[object], what: str
) -> None:
    """Says what it serves, or why it does not; either way the next one is opened."""
    try:
        await doors.enter_async_context(door)
    except GoferError as error:
        click.echo(f"  {name:<9} off: {error}", err=True)
    else:
        click.echo(f"  {name:<9} {what}")


@asynccontextmanager
async def _commands(house: House) -> AsyncIterator[None]:
    from cli.hub import hub_app
    from cli.listening import bind_socket, serving

    app = hub_app(house.engine, house.projects)
    async with serving(app, bind_socket(house.settings.socket)):
        yield


@asynccontextmanager
async def _mcp(house: House) -> AsyncIterator[None]:
    from cli.listening import bind_port, bind_socket, serving
    from mcp_server.auth import token_of
    from mcp_server.lines import serving_lines
    from mcp_server.server import http_app, make_server

    settings = house.settings
    server, subscriptions = make_server(house.engine, house.templates)
    app = http_app(
        server,
        house.engine,
        token=token_of(settings),
        allowed_hosts=settings.mcp_allowed_hosts,
    )
    async with AsyncExitStack() as stack:
        lines = serving_lines(server, bind_socket(settings.mcp_socket))
        await stack.enter_async_context(lines)
        telling = asyncio.create_task(subscriptions.publish(house.engine))
        stack.callback(telling.cancel)
        listening = bind_port(settings.mcp_host, settings.mcp_port)
        await stack.enter_async_context(serving(app, listening))
        yield


async def _outlook(house: House) -> Iterator[str]: ...


async def _running(house: House) -> str: ...
