"""Commands that keep the house: report, clean, backup."""

from __future__ import annotations

from pathlib import Path

import click

from cli import display
from cli.client import open_hub
from cli.main import settings_of
from cli.options import as_json


@click.command()
@click.argument("task", metavar="[ID]", required=False)
@as_json
@click.pass_context
def report(ctx: click.Context, task: str | None, as_json: bool) -> None:
    """Write a report of one task, or of all, as Markdown."""
    with open_hub(settings_of(ctx)) as hub:
        text = hub.call("report", task=task)
    display.print_json({"report": text}) if as_json else click.echo(display.plain(text))


@click.command()
@click.option("--dry-run", is_flag=True, help="Only say what would go.")
@as_json
@click.pass_context
def clean(ctx: click.Context, dry_run: bool, as_json: bool) -> None:
    """Free the disk of old work trees and transcripts. Unmerged commits are always kept."""
    with open_hub(settings_of(ctx)) as hub:
        removed = hub.call("clean", dry_run=dry_run)
    if as_json:
        display.print_json(removed)
    else:
        click.echo(display.cleaned(removed))


@click.command()
@click.argument("file", type=click.Path(path_type=Path, dir_okay=False))
@as_json
@click.pass_context
def backup(ctx: click.Context, file: Path, as_json: bool) -> None:
    """Copy the database to FILE, while Gofer runs. FILE must not exist yet.

    To go back to it: stop Gofer, and put FILE in the place of gofer.db in Gofer's home.
    """
    with open_hub(settings_of(ctx)) as hub:
        saved = hub.call("backup", path=str(file.absolute()))
    display.print_json({"file": saved}) if as_json else click.echo(f"Saved to {saved}")
