"""`gofer transcribe`: hear files as the bot would. Needs no hub."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import click

from cli import display
from cli.main import FAILED, settings_of
from cli.options import as_json

if TYPE_CHECKING:
    from core.config import Settings
    from core.hearing import Heard


@click.command()
@click.argument("files", nargs=-1, required=True, type=click.Path(path_type=Path, exists=True))
@click.option("-p", "--project", help="Match what is heard to this project's names.")
@click.option("--language", help="Two letters; else the note decides.")
@as_json
@click.pass_context
def transcribe(
    ctx: click.Context,
    files: tuple[Path, ...],
    project: str | None,
    language: str | None,
    as_json: bool,
) -> None:
    """Hear voice notes and say what was understood, one FILE after the other."""
    heard_all = asyncio.run(_hear(settings_of(ctx), files, project, language, as_json=as_json))
    if not heard_all:
        ctx.exit(FAILED)


async def _hear(
    settings: Settings,
    files: Sequence[Path],
    project_name: str | None,
    language: str | None,
    *,
    as_json: bool,
) -> bool:
    from cli.app import open_hearing
    from core.errors import UserError
    from core.projects import Projects
    from core.wire import heard_json

    project = Projects(settings).find(project_name) if project_name else None
    heard_all = True
    async with open_hearing(settings) as hearing:
        for file in files:
            try:
                heard = await hearing.hear(file, project=project, language=language)
            except UserError as error:
                click.echo(f"gofer: {error}", err=True)
                heard_all = False
                continue
            if as_json:
                display.print_json_line(heard_json(heard, str(file)))
            else:
                words = words_of(heard)
                click.echo(f"{file}: {words}" if len(files) > 1 else words)
                if heard.notice:
                    click.echo(heard.notice, err=True)
    return heard_all


def words_of(heard: Heard) -> str:
    return heard.text or ("(nothing understood)" if heard.notice else "(no speech)")
