"""`gofer doctor`: looks at everything Gofer needs, really, and names the remedy of each failure.

Needs no hub and changes nothing: the sandbox is tried in a folder that goes again. A *failed*
finding keeps Gofer from working; a *warning* switches one part of it off. Exits 1 when something
failed.
"""

from __future__ import annotations

import asyncio
import shlex
import shutil
import socket
import tempfile
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import click

from cli import display
from cli.main import FAILED, settings_of
from cli.options import as_json

if TYPE_CHECKING:
    from core.config import Settings
    from core.model import AgentInfo, Project

OLDEST_GIT = (2, 38)
TELEGRAM_TIMEOUT_S = 10.0
LOOPBACK_TIMEOUT_S = 5.0

OK, WARNING, FAILURE = "ok", "warning", "failed"
_MARKS = {OK: ("✓", "green"), WARNING: ("!", "yellow"), FAILURE: ("✗", "red")}


@dataclass(frozen=True, slots=True)
class Finding:
    name: str
    status: str
    detail: str
    remedy: str | None = None


Check = Callable[["Settings"], AsyncIterator[Finding]]


@click.command()
@as_json
@click.pass_context
def doctor(ctx: click.Context, as_json: bool) -> None:
    """Check everything Gofer needs; say what is wrong and what to do about it."""
    settings = settings_of(ctx)
    findings = asyncio.run(_examine(settings, show=not as_json))
    healthy = all(finding.status != FAILURE for finding in findings)
    if as_json:
        found = [asdict(finding) for finding in findings]
        display.print_json({"ok": healthy, "findings": found})
    else:
        click.echo("\nAll is well." if healthy else "\nMend what is marked ✗, then look again.")
    ctx.exit(0 if healthy else FAILED)


async def _examine(settings: Settings, *, show: bool) -> list[Finding]:
    findings = []
    for check in CHECKS:
        async for finding in _checked(check, settings):
            findings.append(finding)
            if show:
                click.echo(_line(finding))
    return findings


async def _checked(check: Check, settings: Settings) -> AsyncIterator[Finding]:
    """What cannot be looked at is a finding, too, and ends no other check."""
    from core.errors import GoferError

    try:
        async for finding in check(settings):
            yield finding
    except GoferError as error:
        yield Finding(check.__name__.strip("_"), FAILURE, "cannot be looked at", str(error))


def _line(finding: Finding) -> str:
    mark, colour = _MARKS[finding.status]
    line = f"{click.style(mark, fg=colour)} {finding.name}: {finding.detail}"
    return f"{line}\n  → {finding.remedy}" if finding.remedy else line


async def _home(settings: Settings) -> AsyncIterator[Finding]:
    if settings.home.exists() and not settings.home.is_dir():
        remedy = "Set GOFER_HOME to another folder."
        yield Finding("home", FAILURE, f"{settings.home} is no folder", remedy)
        return
    folder = settings.home if settings.home.exists() else settings.home.parent
    free_mb = shutil.disk_usage(folder if folder.exists() else Path("/")).free // 2**20
    if free_mb < settings.min_free_disk_mb:
        yield Finding(
            "home",
            FAILURE,
            f"{settings.home}: only {free_mb} MB free",
            "Free some disk (gofer clean), or lower GOFER_MIN_FREE_DISK_MB.",
        )
    else:
        yield Finding("home", OK, f"{settings.home}, {free_mb / 1024:.0f} GB free")


async def _settings(settings: Settings) -> AsyncIterator[Finding]:
    for name in settings.unknown():
        remedy = "Look for a slip of the pen; .env.example has them all."
        yield Finding("settings", WARNING, f"there is no setting {name}", remedy)


async def _git(settings: Settings) -> AsyncIterator[Finding]:
    from git_ops.git import owners

    if shutil.which("git") is None:
        yield Finding("git", FAILURE, "not installed", "Install it: sudo apt-get install git")
        return
    version = owners(Path("/")).text("--version").split()[2]
    if tuple(int(part) for part in version.split(".")[:2]) < OLDEST_GIT:
        yield Finding("git", FAILURE, f"{version} is too old", "Install git 2.38 or newer.")
    else:
        yield Finding("git", OK, version)


async def _agents(settings: Settings) -> AsyncIterator[Finding]:
    from cli.app import make_agents

    with _home_or_passing(settings) as tried_in:
        agents = make_agents(tried_in)
        box, infos = await agents.sandbox(), await agents.available()
    if box.working:
        yield Finding("sandbox", WARNING if box.gap else OK, box.kind, box.gap)
    else:
        yield Finding(
            "sandbox",
            WARNING if box.choice == "off" else FAILURE,
            "switched off: agents can reach all that you can" if box.choice == "off" else "none",
            box.problem,
        )
    for info in infos:
        if not info.installed and info.name != settings.default_agent:
            continue
        default = " (the default)" if info.name == settings.default_agent else ""
        if info.problem:
            status = FAILURE if default else WARNING
            yield Finding(f"agent {info.name}{default}", status, "cannot run", info.problem)
        elif info.logged_in is False:
            yield Finding(
                f"agent {info.name}{default}",
                WARNING,
                f"{described_version(info)}, but not logged in",
                f"Start {info.name} once by itself and log in, or set its API key.",
            )
        else:
            yield Finding(f"agent {info.name}{default}", OK, described_version(info))
    if settings.default_agent not in {info.name for info in infos}:
        names = ", ".join(info.name for info in infos)
        yield Finding(
            f"agent {settings.default_agent}",
            FAILURE,
            "unknown",
            f"Set GOFER_DEFAULT_AGENT to one of {names}, or describe it in GOFER_AGENTS.",
        )


@contextmanager
def _home_or_passing(settings: Settings) -> Iterator[Settings]:
    """Where the sandbox is tried: at home, and before there is one in a folder that goes again."""
    if settings.home.is_dir():
        yield settings
        return
    with tempfile.TemporaryDirectory(prefix="gofer-doctor-") as folder:
        passing = settings.model_copy(update={"home": Path(folder)})
        yield passing
        shutil.rmtree(passing.runtime, ignore_errors=True)


def described_version(info: AgentInfo) -> str:
    """Beside the versions that Gofer was tried with, when it is none of them."""
    version = info.version or "installed"
    if info.tried_with is None:
        return f"{version} (Gofer was never tried with it)"
    if info.version is None or info.version in info.tried_with:
        return version
    return f"{version} (Gofer was tried with {info.tried_with})"


async def _projects(settings: Settings) -> AsyncIterator[Finding]:
    from core.errors import GoferError, UserError
    from core.projects import Projects
    from git_ops.owner import Owner

    projects = Projects(settings)
    problems = projects.problems()
    for problem in problems:
        yield Finding("projects", FAILURE, "one is not right", problem)
    try:
        found = projects.all()
    except UserError:  # the file as a whole; said above
        return
    for project in found:
        try:
            Owner.at(project.path).resolve(project.base or "HEAD")
        except GoferError as error:
            yield Finding(f"project {project.name}", FAILURE, str(project.path), str(error))
        else:
            check = f"check: {project.check}" if project.check else "no check"
            yield Finding(f"project {project.name}", OK, f"{project.path}, {check}", _hint(project))
    if not found and not problems:
        yield Finding(
            "projects",
            WARNING,
            "none yet",
            "Add one: gofer projects add FOLDER, or GOFER_PROJECTS.",
        )


def _hint(project: Project) -> str | None:
    """How a project without settings gets the check that its own files suggest."""
    from cli.projects import propose

    check = None if project.check else propose(project.path).get("check")
    if not check:
        return None
    return f"For the check `{check}`: gofer projects add {shlex.quote(str(project.path))}"


async def _templates(settings: Settings) -> AsyncIterator[Finding]:
    from core.templates import BUILTIN, Templates

    templates = Templates([BUILTIN, settings.home / "templates"])
    for problem in templates.problems():
        yield Finding("templates", WARNING, "one cannot be used", problem)
    yield Finding("templates", OK, ", ".join(template.name for template in templates.all()))


async def _model(settings: Settings) -> AsyncIterator[Finding]:
    from cli.app import voice_folder
    from voice.models import find

    folder = find(settings.whisper_model, voice_folder(settings))
    if folder is None:
        yield Finding(
            "hearing",
            WARNING,
            f"the Whisper model {settings.whisper_model} is not here yet",
            "It is fetched when the first note comes in; or now: gofer voice fetch",
        )
    else:
        yield Finding("hearing", OK, f"Whisper {settings.whisper_model} in {folder}")


async def _telegram(settings: Settings) -> AsyncIterator[Finding]:
    import httpx

    if settings.telegram_bot_token is None:
        yield Finding(
            "telegram",
            WARNING,
            "off: no token",
            "Make a bot with @BotFather and give its token to gofer init.",
        )
        return
    token = settings.telegram_bot_token.get_secret_value()
    url = f"{settings.telegram_api_base_url.rstrip('/')}/bot{token}/getMe"
    try:
        async with httpx.AsyncClient(timeout=TELEGRAM_TIMEOUT_S) as http:
            answer = (await http.get(url)).json()
    except (httpx.HTTPError, ValueError) as error:
        yield Finding(
            "telegram",
            FAILURE,
            f"cannot be reached ({type(error).__name__})",
            f"Check the network, and that {settings.telegram_api_base_url} is right.",
        )
        return
    if not answer.get("ok"):
        yield Finding(
            "telegram",
            FAILURE,
            "refuses the token",
            "Ask @BotFather for the token again (/token) and run gofer init.",
        )
        return
    yield Finding("telegram", OK, f"@{answer['result'].get('username')}")
    if not settings.allowed_users:
        yield Finding(
            "telegram users",
            WARNING,
            "nobody may use the bot",
            "Send it a message: it tells you your id. Put that into GOFER_ALLOWED_USERS.",
        )


async def _pushes(settings: Settings) -> AsyncIterator[Finding]:
    from core.notify import Pushes

    problems = await Pushes(settings.notify_urls).problems()
    for problem in problems:
        yield Finding("push", FAILURE, "an address is not right", problem)
    if not settings.notify_urls:
        yield Finding("push", OK, "off: GOFER_NOTIFY_URLS is empty")
    elif not problems:
        yield Finding("push", OK, f"{len(settings.notify_urls)} address(es)")


async def _port(settings: Settings) -> AsyncIterator[Finding]:
    from cli.listening import bind_port
    from core.errors import UserError
    from mcp_server.auth import token_place

    running = _hub_answers(settings.socket)
    yield Finding("hub", OK, "running" if running else "not running; start it with gofer up")
    if not settings.mcp_port:
        yield Finding("mcp", OK, "on a port that is free at the time; gofer up says which")
        return
    where = settings.mcp_url(settings.mcp_port)
    if running:
        if not await _lets_in(where, settings):
            remedy = "What gofer up said at its start says why; mend it and start Gofer again."
            yield Finding("mcp", FAILURE, f"Gofer does not answer on {where}", remedy)
            return
    else:
        try:
            bind_port(settings.mcp_host, settings.mcp_port).close()
        except UserError as error:
            yield Finding("mcp", FAILURE, f"{where} is not free", str(error))
            return
    yield Finding("mcp", OK, f"{where}/mcp, token in {token_place(settings)}")


def _hub_answers(path: Path) -> bool:
    with socket.socket(socket.AF_UNIX) as probe:
        return probe.connect_ex(str(path)) == 0


async def _lets_in(where: str, settings: Settings) -> bool:
    """Whether this home's hub is behind the port: it alone takes this home's token."""
    import httpx

    from mcp_server.auth import token_of

    headers = {"Authorization": f"Bearer {token_of(settings)}"}
    try:
        async with httpx.AsyncClient(timeout=LOOPBACK_TIMEOUT_S, trust_env=False) as http:
            return (await http.get(f"{where}/metrics", headers=headers)).is_success
    except httpx.HTTPError:
        return False


CHECKS: tuple[Check, ...] = (
    _home,
    _settings,
    _git,
    _agents,
    _projects,
    _templates,
    _model,
    _telegram,
    _pushes,
    _port,
)
