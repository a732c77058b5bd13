"""`gofer up`: the hub. One process, one event loop, one per home.

Owns the order in which things start and end, and what is said about them. A front door that cannot
open (port taken, wrong token) gives one message and the others go on; a second hub on the same
home is refused. SIGINT and SIGTERM end it within ten seconds; running agents stay with their
bridges, or are ended with `--drain`.
"""

from __future__ import annotations

import asyncio
import shutil
import signal
import sys
from collections.abc import AsyncIterator, Iterator
from contextlib import (
    AbstractAsyncContextManager,
    AsyncExitStack,
    asynccontextmanager,
    contextmanager,
)
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from cli.main import settings_of
from core.errors import GoferError

if TYPE_CHECKING:
    from mcp.server.mcpserver import MCPServer

    from cli.app import House
    from core.config import Settings

ADD_BOT = (
    "off: no token. Ask @BotFather on Telegram for a bot (/newbot), give its token to gofer init "
    "(or make init), and start Gofer again."
)


@click.command()
@click.option(
    "--drain", is_flag=True, help="End the agents with it; the next start takes their tasks up."
)
@click.pass_context
def up(ctx: click.Context, drain: bool) -> None:
    """Start Gofer and stay: Telegram bot, MCP server, scheduler, and the ear for `gofer …`."""
    from cli.logs import log_to_stderr

    settings = settings_of(ctx)
    log_to_stderr()
    asyncio.run(_serve(settings, drain))


async def _serve(settings: Settings, drain: bool) -> None:
    from cli.app import open_house

    stopped = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, stopped.set)
    async with open_house(settings) as house:
        await house.engine.start()
        async with AsyncExitStack() as doors:
            doors.push_async_callback(house.engine.stop, drain=drain)
            _say("Gofer", f"is up; its home is {settings.home}")
            await _open_doors(doors, house)
            await _show_outlook(house)
            await stopped.wait()
            click.echo("Stopping …")
            working = await _working(house, drain)
    click.echo(f"Stopped. {working}".strip())


# --- doors: each says what it serves --------------------------------------------------------------

Door = AbstractAsyncContextManager[str]


async def _open_doors(doors: AsyncExitStack, house: House) -> None:
    await _open(doors, "commands", _commands(house))
    from mcp_server.server import make_server  # slow to import; the commands are served meanwhile

    server, subscriptions = make_server(house.engine, house.templates)
    telling = asyncio.create_task(subscriptions.publish(house.engine, house.newest_event))
    doors.callback(telling.cancel)
    await _open(doors, "MCP", _mcp_lines(house, server))
    await _open(doors, "MCP", _mcp_http(house, server))
    await _open(doors, "Telegram", _bot(house))


async def _open(doors: AsyncExitStack, name: str, door: Door) -> None:
    """Says what it serves, or why it does not; either way the next one is opened."""
    with _told(name):
        _say(name, await doors.enter_async_context(door))


@asynccontextmanager
async def _commands(house: House) -> AsyncIterator[str]:
    from cli.hub import hub_app
    from cli.listening import bind_socket, serving

    app = hub_app(house.engine, house.projects)
    async with serving(app, bind_socket(house.settings.socket)):
        yield f"{_program()} --help lists them: run, tasks, show, merge, …"


@asynccontextmanager
async def _mcp_lines(house: House, server: MCPServer[Any]) -> AsyncIterator[str]:
    from cli.listening import bind_socket
    from mcp_server.lines import serving_lines

    async with serving_lines(server, bind_socket(house.settings.mcp_socket)):
        yield "gofer mcp, for clients that start a program"


@asynccontextmanager
async def _mcp_http(house: House, server: MCPServer[Any]) -> AsyncIterator[str]:
    from cli.listening import bind_port, serving
    from mcp_server.auth import token_of, token_place
    from mcp_server.server import http_app

    settings = house.settings
    app = http_app(
        server,
        house.engine,
        token=token_of(settings),
        allowed_hosts=settings.mcp_allowed_hosts,
        ailing=lambda: ["telegram"] if house.bot and house.bot.problem else [],
    )
    listening = bind_port(settings.mcp_host, settings.mcp_port)
    port = listening.getsockname()[1]
    async with serving(app, listening):
        yield f"{settings.mcp_url(port)}/mcp, token in {token_place(settings)}"


@asynccontextmanager
async def _bot(house: House) -> AsyncIterator[str]:
    if house.bot is None:
        yield ADD_BOT
        return
    await house.bot.start()
    try:
        yield "connecting; the log says when it listens"
    finally:
        await house.bot.stop()


# --- what is said --------------------------------------------------------------------------------


async def _show_outlook(house: House) -> None:
    """What tasks would run on; each shortcoming with its remedy."""
    for problem in (*house.projects.problems(), *house.templates.problems()):
        _say("!", click.style(problem, fg="red"))
    with _told("projects"):
        names = [project.name for project in house.projects.all()]
        _say("projects", ", ".join(names) or "none yet: gofer projects add FOLDER")
    box = await house.agents.sandbox()
    _say("sandbox", box.kind if box.working else click.style(f"none: {box.problem}", fg="red"))
    with _told("agent"):
        agent = await house.agents.require(house.settings.default_agent)
        _say("agent", f"{agent.name} {agent.version or ''}".strip())
    click.echo("Ctrl-C ends it; agents that run then go on, and the next start finds them.")


@contextmanager
def _told(name: str) -> Iterator[None]:
    """What cannot be had is said, and nothing stops for it."""
    try:
        yield
    except GoferError as error:
        _say(name, click.style(str(error), fg="red"))


async def _working(house: House, drain: bool) -> str:
    count = (await house.engine.health())["running"]
    if not count:
        return ""
    if drain:
        return f"{count} agent(s) were ended; gofer up takes their tasks up again."
    return f"{count} agent(s) go on under their bridges; gofer up finds them again."


def _program() -> str:
    """What to type: `make run` starts a Gofer that no PATH leads to."""
    return "gofer" if shutil.which("gofer") else str(Path(sys.executable).with_name("gofer"))


def _say(name: str, words: str) -> None:
    click.echo(f"{name:<9} {words}")
