"""Commands that start, watch and steer tasks, through the running hub."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import click

from cli import display
from cli.client import Hub, open_hub
from cli.main import FAILED, settings_of
from cli.options import as_json, task_id
from core.model import Status


@click.command()
@click.argument("text", default="")
@click.option("-p", "--project", help="Its name or folder; else the current folder decides.")
@click.option("-a", "--agent", "agents", multiple=True, help="Several make a duel.")
@click.option("-t", "--template", help="See `gofer templates`.")
@click.option("--set", "pairs", multiple=True, metavar="K=V", help="An argument of the template.")
@click.option(
    "--mode", type=click.Choice(["ask", "edits", "trusted"]), help="What needs no asking."
)
@click.option("--base", help="Branch, tag or commit to start from.")
@click.option("--uncommitted", is_flag=True, help="Start from the work tree as it is now.")
@click.option("--after", metavar="ID", help="Begin from this task once it has succeeded.")
@click.option("--key", help="The same TEXT and key again give the same task again.")
@click.option("--wait", is_flag=True, help="Watch it to its end.")
@as_json
@click.pass_context
def run(
    ctx: click.Context,
    /,
    text: str,
    pairs: tuple[str, ...],
    uncommitted: bool,
    wait: bool,
    as_json: bool,
    **options: Any,
) -> None:
    """Give an agent the task TEXT in a branch of its own. A template may do without TEXT.

    Exits 0 when it was accepted (with --wait: COMPLETED), 1 when it failed or was cancelled.
    """
    with open_hub(settings_of(ctx)) as hub:
        tasks = hub.call(
            "submit",
            instructions=text,
            arguments=_arguments(pairs),
            include_uncommitted=uncommitted,
            cwd=str(Path.cwd()),
            **options,
        )
        if wait:
            tasks = [_watched(hub, task, quiet=as_json) for task in tasks]
    _print_tasks(tasks, as_json=as_json, whole=wait)
    if wait and any(task["status"] != "COMPLETED" for task in tasks):
        ctx.exit(FAILED)


def _arguments(pairs: tuple[str, ...]) -> dict[str, str | list[str]]:
    """`--set k=v`; a key given twice makes a list."""
    arguments: dict[str, str | list[str]] = {}
    for pair in pairs:
        key, separator, value = pair.partition("=")
        if not separator:
            raise click.BadParameter(f"{pair!r} is not of the form K=V.", param_hint="--set")
        before = arguments.get(key)
        match before:
            case None:
                arguments[key] = value
            case str():
                arguments[key] = [before, value]
            case list():
                before.append(value)
    return arguments


def _watched(hub: Hub, task: dict[str, Any], *, quiet: bool) -> Any:
    for entry in hub.follow(task["id"]):
        words = display.event(entry)
        if words and not quiet:
            click.echo(words)
    return hub.call("task", task=task["id"])


def _print_tasks(tasks: list[dict[str, Any]], *, as_json: bool, whole: bool) -> None:
    if as_json:
        display.print_json(tasks[0] if len(tasks) == 1 else tasks)
        return
    for task in tasks:
        click.echo(display.summary(task) if whole else display.line(task))
    for task in () if whole else tasks:
        click.echo(f"Watch it: gofer logs {task['id']} --follow")


@click.command()
@click.option("-n", "--limit", default=20, show_default=True, type=click.IntRange(1, 1000))
@click.option("-p", "--project", help="Only of this project.")
@click.option(
    "-s",
    "--status",
    type=click.Choice([status.value for status in Status], case_sensitive=False),
    help="Only with this status.",
)
@as_json
@click.pass_context
def tasks(
    ctx: click.Context, limit: int, project: str | None, status: str | None, as_json: bool
) -> None:
    """List tasks, newest first."""
    with open_hub(settings_of(ctx)) as hub:
        found = hub.call("tasks", limit=limit, project=project, status=status)
    if as_json:
        display.print_json(found)
    elif not found:
        click.echo('No tasks yet. Give one: gofer run "fix the typo in README"')
    else:
        rows = [
            [t["id"], display.state(t), t["project"], t["agent"], t["title"]]
            for t in map(display.plain, found)
        ]
        click.echo(display.table(rows))


@click.command()
@task_id
@as_json
@click.pass_context
def show(ctx: click.Context, task: str, as_json: bool) -> None:
    """Show one task and its review."""
    with open_hub(settings_of(ctx)) as hub:
        found = hub.call("task", task=task)
    display.print_json(found) if as_json else click.echo(display.summary(found))


@click.command()
@task_id
@click.option("-f", "--follow", is_flag=True, help="Go on until the task has ended.")
@click.option("--since", default=0, metavar="SEQ", help="Only events behind this one.")
@as_json
@click.pass_context
def logs(ctx: click.Context, task: str, follow: bool, since: int, as_json: bool) -> None:
    """Show what an agent did, one event a line."""
    with open_hub(settings_of(ctx)) as hub:
        if not follow:
            entries = hub.call("events", task=task, since=since, limit=100_000)
            if as_json:
                display.print_json(entries)
                return
        for entry in hub.follow(task, since) if follow else entries:
            if as_json:
                display.print_json_line(entry)
            elif words := display.event(entry):
                click.echo(words)


@click.command()
@task_id
@click.argument("path", required=False)
@as_json
@click.pass_context
def diff(ctx: click.Context, task: str, path: str | None, as_json: bool) -> None:
    """Show what a task changed, all of it or one file (PATH)."""
    with open_hub(settings_of(ctx)) as hub:
        text = hub.call("diff", task=task, path=path)
    if as_json:
        display.print_json({"diff": text})
    elif sys.stdout.isatty():
        click.echo(display.diff(text))
    else:
        click.echo(text, nl=False)  # as git made it, for `git apply`


@click.command()
@task_id
@click.argument("text")
@as_json
@click.pass_context
def steer(ctx: click.Context, task: str, text: str, as_json: bool) -> None:
    """Tell the agent TEXT: while it runs, as its answer, or as a follow-up."""
    with open_hub(settings_of(ctx)) as hub:
        _done(hub.call("steer", task=task, text=text), as_json)


@click.command()
@task_id
@click.argument("request")
@click.argument("decision", type=click.Choice(["allow", "deny"]))
@click.option("-m", "--message", default="", help="A note to go with it.")
@click.option(
    "--grant",
    type=click.Choice(["once", "task", "prefix"]),
    default="once",
    show_default=True,
    help="For this once, this whole task, or every command that begins like it.",
)
@as_json
@click.pass_context
def answer(
    ctx: click.Context,
    task: str,
    request: str,
    decision: str,
    message: str,
    grant: str,
    as_json: bool,
) -> None:
    """Allow or deny what an agent asks for. REQUEST is shown by `gofer show ID`."""
    with open_hub(settings_of(ctx)) as hub:
        answered = hub.call(
            "answer", task=task, request=request, decision=decision, text=message, grant=grant
        )
    _done(answered, as_json)


@click.command()
@click.option("--revoke", type=int, metavar="NUMBER", help="Take this one back.")
@as_json
@click.pass_context
def grants(ctx: click.Context, revoke: int | None, as_json: bool) -> None:
    """List what you allowed for longer than once; agents do it without asking."""
    with open_hub(settings_of(ctx)) as hub:
        if revoke is not None:
            hub.call("revoke_grant", grant=revoke)
        found = hub.call("grants")
    if as_json:
        display.print_json(found)
    elif found:
        rows = [[str(g["id"]), g["covers"], g["by"], g["expires_at"] or ""] for g in found]
        click.echo(display.table(rows))
    else:
        click.echo("Nothing is allowed for longer than once.")


@click.command()
@task_id
@as_json
@click.pass_context
def cancel(ctx: click.Context, task: str, as_json: bool) -> None:
    """Stop a task; returns when its agent's processes are gone."""
    with open_hub(settings_of(ctx)) as hub:
        _done(hub.call("cancel", task=task), as_json)


@click.command()
@task_id
@as_json
@click.pass_context
def retry(ctx: click.Context, task: str, as_json: bool) -> None:
    """Run an ended task again, in the same branch and conversation."""
    with open_hub(settings_of(ctx)) as hub:
        _done(hub.call("retry", task=task), as_json)


def _done(task: dict[str, Any], as_json: bool) -> None:
    display.print_json(task) if as_json else click.echo(display.line(task))
