"""Commands that decide about a task's change. Each takes the head that was seen, so that nothing
is decided about work that moved on meanwhile."""

from __future__ import annotations

from typing import Any

import click

from cli import display
from cli.client import Hub, open_hub
from cli.main import settings_of
from cli.options import as_json, task_id
from core.errors import UserError

head_seen = click.option(
    "--head", help="The commit that you looked at; refused when the branch has moved on."
)


def _head(hub: Hub, task: str, given: str | None) -> str:
    head: str | None = given or hub.call("task", task=task)["head"]
    if head is None:
        raise UserError(f"Task {task} has no branch yet; see `gofer show {task}`.")
    return head


def _done(task: dict[str, Any], as_json: bool) -> None:
    display.print_json(task) if as_json else click.echo(display.summary(task))


@click.command()
@task_id
@click.argument("checkpoint", required=False)
@click.option("--list", "listing", is_flag=True, help="List the checkpoints instead.")
@click.option("--merge", "of_merge", is_flag=True, help="Take the merge itself back.")
@as_json
@click.pass_context
def undo(
    ctx: click.Context,
    task: str,
    checkpoint: str | None,
    listing: bool,
    of_merge: bool,
    as_json: bool,
) -> None:
    """Put the files back to CHECKPOINT, or to the one before the last.

    Redo by naming the later one.
    """
    with open_hub(settings_of(ctx)) as hub:
        if listing:
            found = hub.call("checkpoints", task=task)
            if as_json:
                display.print_json(found)
            else:
                click.echo(display.table([[c["commit"][:10], c["subject"]] for c in found]))
        elif of_merge:
            _done(hub.call("undo_merge", task=task), as_json)
        else:
            _done(hub.call("undo", task=task, checkpoint=checkpoint), as_json)


@click.command()
@task_id
@click.option("--squash", "how", flag_value="squash", help="As one commit.")
@click.option("--rebase", "how", flag_value="rebase", help="As commits on top of the target.")
@head_seen
@as_json
@click.pass_context
def merge(ctx: click.Context, task: str, how: str | None, head: str | None, as_json: bool) -> None:
    """Merge a task's branch into the branch it started from.

    Where the two conflict, `gofer resolve` has the agent resolve it.
    """
    with open_hub(settings_of(ctx)) as hub:
        seen = _head(hub, task, head)
        _done(hub.call("merge", task=task, head=seen, how=how or "merge"), as_json)


@click.command()
@task_id
@as_json
@click.pass_context
def resolve(ctx: click.Context, task: str, as_json: bool) -> None:
    """Merge the target into a task's branch and have the agent resolve what conflicts."""
    with open_hub(settings_of(ctx)) as hub:
        _done(hub.call("resolve", task=task), as_json)


@click.command()
@task_id
@click.option("--yes", is_flag=True, help="Do not ask before pushing.")
@head_seen
@as_json
@click.pass_context
def pr(ctx: click.Context, task: str, yes: bool, head: str | None, as_json: bool) -> None:
    """Push a task's branch and open a pull request; says first what goes where.

    Later turns of the task are pushed to it as well. What waits (`gofer show` says why) goes when
    you ask again.
    """
    with open_hub(settings_of(ctx)) as hub:
        seen = _head(hub, task, head)
        if not yes:
            click.echo(hub.call("pull_request_plan", task=task), err=as_json)
            if not click.confirm("Go on?", err=as_json):
                raise UserError("Nothing was pushed.")
        _done(hub.call("open_pull_request", task=task, head=seen), as_json)


def _on_files(name: str, words: str) -> click.Command:
    """A command that decides about single files of a task's change."""

    @click.command(name, help=words)
    @task_id
    @click.argument("files", nargs=-1, required=True)
    @head_seen
    @as_json
    @click.pass_context
    def command(
        ctx: click.Context, task: str, files: tuple[str, ...], head: str | None, as_json: bool
    ) -> None:
        with open_hub(settings_of(ctx)) as hub:
            seen = _head(hub, task, head)
            _done(hub.call(name, task=task, files=files, head=seen), as_json)

    return command


accept = _on_files("accept", "Mark FILES of a task as reviewed.")
revert = _on_files("revert", "Put FILES back to what they were before the task.")


@click.command()
@task_id
@head_seen
@as_json
@click.pass_context
def discard(ctx: click.Context, task: str, head: str | None, as_json: bool) -> None:
    """Drop a task's branch and files. `gofer restore` brings them back."""
    with open_hub(settings_of(ctx)) as hub:
        seen = head or hub.call("task", task=task)["head"]
        _done(hub.call("discard", task=task, head=seen), as_json)


@click.command()
@task_id
@as_json
@click.pass_context
def restore(ctx: click.Context, task: str, as_json: bool) -> None:
    """Bring a discarded or cleaned task back."""
    with open_hub(settings_of(ctx)) as hub:
        _done(hub.call("restore", task=task), as_json)
