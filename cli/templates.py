"""`gofer templates`: what there is and what each one takes. Needs no hub."""

from __future__ import annotations

from dataclasses import asdict

import click

from cli import display
from cli.main import settings_of
from cli.options import as_json


@click.command()
@as_json
@click.pass_context
def templates(ctx: click.Context, as_json: bool) -> None:
    """List prompt templates, the built-in ones and your own."""
    from core.templates import BUILTIN, Templates

    folder = settings_of(ctx).home / "templates"
    found = Templates([BUILTIN, folder])
    if as_json:
        display.print_json([asdict(template) for template in found.all()])
        return
    for template in found.all():
        click.echo(click.style(f"{template.name}", bold=True) + f"  {template.title}")
        for argument in template.arguments:
            marks = ("" if argument.required else " (optional)") + (" […]" if argument.many else "")
            click.echo(f"    {argument.name}{marks}: {argument.description}")
    for problem in found.problems():
        click.echo(click.style(problem, fg="red"), err=True)
    click.echo(f"Your own go into {folder}, one Markdown file each.")
