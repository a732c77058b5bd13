"""`gofer`: the list of commands, and what every one of them shares.

A command's module is imported only when it is run, so that `gofer --help` is quick. Errors are one
line on standard error that says what to do. Exit codes: 0 done, 1 failed, 2 bad usage or refused.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from core.config import Settings

FAILED, REFUSED, INTERRUPTED = 1, 2, 130

# name: (module, what the list of commands says). The function is named like the command.
COMMANDS: Mapping[str, tuple[str, str]] = {
    "up": ("cli.up", "Start Gofer: Telegram bot, MCP server, scheduler."),
    "demo": ("cli.demo", "Watch a voice note become a merged branch; no accounts needed."),
    "init": ("cli.init", "Ask for the settings and write them."),
    "doctor": ("cli.doctor", "Check everything Gofer needs; name the remedy of each failure."),
    "run": ("cli.tasks", "Give an agent a task."),
    "tasks": ("cli.tasks", "List tasks, newest first."),
    "show": ("cli.tasks", "Show one task and its review."),
    "logs": ("cli.tasks", "Show what an agent did; --follow to watch."),
    "diff": ("cli.tasks", "Show what a task changed."),
    "steer": ("cli.tasks", "Tell a running agent something, or follow up on an ended task."),
    "answer": ("cli.tasks", "Allow or deny what an agent asks for."),
    "grants": ("cli.tasks", "List what agents may do unasked; --revoke takes it back."),
    "cancel": ("cli.tasks", "Stop a task and its agent."),
    "retry": ("cli.tasks", "Run an ended task again in the same branch."),
    "undo": ("cli.review", "Put a task's files back to an earlier checkpoint."),
    "merge": ("cli.review", "Merge a task's branch."),
    "resolve": ("cli.review", "Have the agent resolve a merge conflict."),
    "pr": ("cli.review", "Push a task's branch and open a pull request."),
    "accept": ("cli.review", "Mark files of a task as reviewed."),
    "revert": ("cli.review", "Take files out of a task's change."),
    "discard": ("cli.review", "Drop a task's branch; it can be restored."),
    "restore": ("cli.review", "Bring a discarded task back."),
    "transcribe": ("cli.transcribe", "Hear voice notes as the bot would."),
    "voice": ("cli.voice", "Fetch the Whisper model; correct what it hears."),
    "projects": ("cli.projects", "List projects, or add one."),
    "templates": ("cli.templates", "List prompt templates."),
    "mcp": ("cli.relay", "Speak MCP on standard input and output (for MCP clients)."),
    "report": ("cli.upkeep", "Write a report as Markdown."),
    "clean": ("cli.upkeep", "Free the disk of old work trees and transcripts."),
    "backup": ("cli.upkeep", "Copy the database while Gofer runs."),
}


class Commands(click.Group):
    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name not in COMMANDS:
            return None
        module, _ = COMMANDS[cmd_name]
        command = getattr(import_module(module), cmd_name)
        assert isinstance(command, click.Command)
        return command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        with formatter.section("Commands"):
            formatter.write_dl([(name, line) for name, (_, line) in COMMANDS.items()])


@click.command(cls=Commands, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(package_name="gofer")
@click.option(
    "--env-file",
    type=click.Path(path_type=Path, dir_okay=False),
    help="Read the settings from this file instead of $GOFER_HOME/.env.",
)
@click.pass_context
def gofer(ctx: click.Context, env_file: Path | None) -> None:
    """A voice note on your phone becomes a reviewed git branch on your own workstation.

    Start with `gofer demo`, then `gofer init` and `gofer up`.
    """
    ctx.obj = env_file
    if os.environ.get("NO_COLOR"):
        ctx.color = False


def settings_of(ctx: click.Context) -> Settings:
    """The settings, read when a command wants them (so that `--help` never fails on a bad one)."""
    from core.config import load

    return load(ctx.find_root().obj)


def _line(error: click.ClickException) -> str:
    """What is wrong, and for bad usage which help says how it is right."""
    message = " ".join(error.format_message().split())
    if isinstance(error, click.UsageError) and error.ctx:
        return f"{message} See `{error.ctx.command_path} --help`."
    return message


def main() -> None:
    """Run the command line; the only place where errors become lines and exit codes."""
    from core.errors import GoferError, NotInstalled, UserError

    try:
        code = gofer.main(prog_name="gofer", standalone_mode=False)
    except click.exceptions.NoArgsIsHelpError as error:  # a group without a command
        error.show()
        code = REFUSED
    except click.ClickException as error:
        click.echo(f"gofer: {_line(error)}", err=True)
        code = REFUSED
    except click.exceptions.Abort:
        code = INTERRUPTED
    except GoferError as error:
        click.echo(f"gofer: {error}", err=True)
        code = REFUSED if isinstance(error, UserError | NotInstalled) else FAILED
    except BrokenPipeError:  # `gofer logs ID | head`
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        code = 0
    sys.exit(code)


if __name__ == "__main__":
    main()
