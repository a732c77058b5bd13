"""`gofer init`: asks for the few settings that matter and writes them. Needs no hub.

What it writes is `.env` in the home, or the file that `--env-file` names; lines that are there and
were not asked for stay as they are. A later run offers the answers of the earlier one.
"""

from __future__ import annotations

import asyncio
import os
import sys
from collections.abc import Callable, Mapping
from pathlib import Path

import click

TOKEN = "TELEGRAM_BOT_TOKEN"  # noqa: S105 - a setting's name
USERS = "GOFER_ALLOWED_USERS"
PROJECTS = "GOFER_PROJECTS"
AGENT = "GOFER_DEFAULT_AGENT"
NOTIFY = "GOFER_NOTIFY_URLS"
AGENTS = "GOFER_AGENTS"  # not asked for


@click.command()
@click.pass_context
def init(ctx: click.Context) -> None:
    """Ask for the settings that matter and write them. Empty answers are fine."""
    from dotenv import dotenv_values

    from core.errors import UserError

    file = ctx.find_root().obj or _home() / ".env"
    try:
        written = {name: value for name, value in dotenv_values(file).items() if value}
    except UnicodeError as error:
        raise UserError(f"The settings file {file} cannot be read: {error}.") from None
    try:
        answers = _ask(written)
    except click.Abort:
        click.echo("\nStopped; nothing was written.", err=True)
        raise
    save(file, answers)
    click.echo(f"\nWritten to {file} (readable by you alone).")
    by_hand = f"gofer --env-file {file}" if ctx.find_root().obj else "gofer"
    click.echo(f"Next: {by_hand} doctor, then {by_hand} up (or make run).")


def _ask(written: Mapping[str, str]) -> dict[str, str]:
    click.echo("Gofer asks five things. Enter takes what is in brackets; all can be changed later.")
    click.echo("\nThe Telegram bot: send /newbot to @BotFather, it gives you a token.")
    answers = {TOKEN: _secret("Bot token", written.get(TOKEN, ""))}
    click.echo("\nWho may use it: your numeric Telegram id. (If you do not know it, leave this")
    click.echo("empty, start Gofer and send the bot a message: it tells you.)")
    answers[USERS] = _checked("Allowed ids", written.get(USERS, ""), _users)
    click.echo("\nWhere your projects are: git repositories, or folders of them, `:` between.")
    answers[PROJECTS] = _checked("Folders", written.get(PROJECTS, _here()), _folders)
    click.echo("\nThe coding agent that works when a project names none.")
    answers[AGENT] = _checked("Agent", written.get(AGENT, "claude"), _agent_of(written))
    click.echo("\nPush notifications: Apprise URLs, e.g. ntfy://a-topic-of-yours. May be empty.")
    answers[NOTIFY] = _checked("Apprise URLs", written.get(NOTIFY, ""), _addresses, ask=_secret)
    return answers


def save(file: Path, answers: Mapping[str, str]) -> None:
    """Set these in the file, keep its other lines; only its owner can read it, from the start."""
    from dotenv import set_key

    from core.config import make_private

    make_private(file.parent)
    file.touch(mode=0o600)
    file.chmod(0o600)
    for name, value in answers.items():
        set_key(file, name, value, quote_mode="auto")


def _home() -> Path:
    return Path(os.environ.get("GOFER_HOME") or "~/.gofer").expanduser()


def _here() -> str:
    """The repository that one is in, unless it is Gofer's own that was just cloned."""
    here, own = Path.cwd(), Path(__file__).resolve().parents[1]
    return str(here) if (here / ".git").exists() and here.resolve() != own else ""


def _text(question: str, before: str) -> str:
    answer: str = click.prompt(question, default=before, show_default=bool(before))
    return answer.strip()


def _secret(question: str, before: str) -> str:
    """Shown neither while it is typed nor when it is offered again."""
    shown = " [keep what is there]" if before else ""
    answer: str = click.prompt(
        question + shown, default=before, show_default=False, hide_input=sys.stdin.isatty()
    )
    return answer.strip()


def _checked(
    question: str,
    before: str,
    problem: Callable[[str], str | None],
    ask: Callable[[str, str], str] = _text,
) -> str:
    while True:
        answer = ask(question, before)
        wrong = problem(answer)
        if not wrong:
            return answer
        click.echo(click.style(wrong, fg="red"))


def _users(answer: str) -> str | None:
    wrong = [part for part in answer.replace(",", " ").split() if not part.isdigit()]
    return f"Not a numeric id: {', '.join(wrong)}." if wrong else None


def _folders(answer: str) -> str | None:
    from core.projects import is_repository

    for folder in (Path(part).expanduser() for part in answer.split(os.pathsep) if part):
        if not folder.is_dir():
            return f"{folder} is not a folder."
        if not is_repository(folder) and not any(is_repository(p) for p in folder.iterdir()):
            return f"{folder} is not a git repository and holds none."
    return None


def _agent_of(written: Mapping[str, str]) -> Callable[[str], str | None]:
    """Tells whether an agent is known: a built-in one, or one of GOFER_AGENTS."""
    from agents import catalogue

    more = os.environ.get(AGENTS) or written.get(AGENTS)
    known = catalogue.load(Path(more).expanduser() if more else None)

    def problem(answer: str) -> str | None:
        if answer in known:
            return None
        return f"There is no agent {answer}. There are: {', '.join(known)}."

    return problem


def _addresses(answer: str) -> str | None:
    from pydantic import SecretStr

    from core.config import split_urls
    from core.notify import Pushes

    urls = [SecretStr(part) for part in split_urls(answer)]
    problems = asyncio.run(Pushes(urls).problems())
    return " ".join(problems) or None
