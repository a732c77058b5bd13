"""`gofer voice`: the Whisper model, and corrections of what it hears. Needs no hub."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import click

from cli.main import FAILED, settings_of

if TYPE_CHECKING:
    from core.config import Settings


@click.group()
def voice() -> None:
    """Fetch the Whisper model, correct what it hears, or compare how it hears."""


@voice.command()
@click.pass_context
def fetch(ctx: click.Context) -> None:
    """Fetch the model that GOFER_WHISPER_MODEL names, and see that it loads."""
    settings = settings_of(ctx)
    label = f"Whisper {settings.whisper_model}"
    with click.progressbar(length=100, label=label) as bar:
        asyncio.run(_fetch(settings, lambda done: bar.update(int(100 * done) - bar.pos)))
    click.echo(f"{label} is ready.")


async def _fetch(settings: Settings, show: Callable[[float], None]) -> None:
    from cli.app import open_hearing

    async with open_hearing(settings) as hearing:
        await hearing.load(show)
    show(1.0)


@voice.command()
@click.argument("heard")
@click.argument("written")
@click.option("-p", "--project", required=True, help="The project that it holds for.")
@click.pass_context
def correct(ctx: click.Context, heard: str, written: str, project: str) -> None:
    """From now on, where HEARD is heard in this project, write WRITTEN."""
    asyncio.run(_correct(settings_of(ctx), heard, written, project))
    click.echo(f"In {project}, “{heard}” is now written “{written}”.")


async def _correct(settings: Settings, heard: str, written: str, project: str) -> None:
    from cli.app import open_hearing
    from core.projects import Projects

    found = Projects(settings).find(project)
    async with open_hearing(settings) as hearing:
        await hearing.correct(found, heard, written)


@voice.command()
@click.argument("files", nargs=-1, required=True, type=click.Path(path_type=Path))
@click.option("-p", "--project", help="Match what is heard to this project's names.")
@click.option("--language", help="Two letters; else the note decides.")
@click.pass_context
def bench(
    ctx: click.Context, files: tuple[Path, ...], project: str | None, language: str | None
) -> None:
    """Hear your own notes by plain faster-whisper and by Gofer, side by side."""
    if not asyncio.run(_bench(settings_of(ctx), files, project, language)):
        ctx.exit(FAILED)


async def _bench(
    settings: Settings, files: Sequence[Path], project_name: str | None, language: str | None
) -> bool:
    """Whether all files could be heard."""
    from cli.app import open_hearing, voice_folder
    from cli.transcribe import words_of
    from core.errors import UserError
    from core.projects import Projects
    from voice.bench import compare

    project = Projects(settings).find(project_name) if project_name else None
    model, cache = settings.whisper_model, voice_folder(settings)
    heard_all = True
    async with open_hearing(settings) as hearing:
        async for seen in compare(hearing, model, cache, files, project=project, language=language):
            if isinstance(seen, UserError):
                click.echo(f"gofer: {seen}", err=True)
                heard_all = False
                continue
            click.echo(f"{seen.file}")
            click.echo(f"  plain {seen.raw_seconds:6.2f} s  {seen.raw_text or '(nothing)'}")
            click.echo(f"  gofer {seen.heard.seconds:6.2f} s  {words_of(seen.heard)}")
            click.echo(f"  Gofer took {seen.share_of_time:.2f} of plain's time.")
    return heard_all
