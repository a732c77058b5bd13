"""Whether an agent may do what it asks for: pure decisions, no I/O but `realpath`.

What always holds: a question in words is always for the owner; nothing outside the workspace and
nothing protected inside it passes unasked, links resolved; a grant for a command never covers a
command line that could start a second one.
"""

from __future__ import annotations

import os
import shlex
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from pathlib import Path

from core.model import Mode, Request, ToolKind, Workspace

PREFIX_LASTS = timedelta(minutes=30)
PREFIX_WORDS = 2

_SHELL = frozenset(";&|<>`$()\n\r\\{}*?[]~!#")  # any of these could make it more than one command
_RUNS_OTHERS = frozenset(
    {"bash", "sh", "zsh", "dash", "fish", "env", "sudo", "su", "doas", "xargs", "nohup", "setsid"}
    | {"timeout", "time", "nice", "exec", "eval", "command", "find", "ssh", "docker", "podman"}
    | {"python", "python3", "node", "perl", "ruby", "awk"}
)
_HARMLESS = frozenset({ToolKind.READ, ToolKind.SEARCH, ToolKind.THINK})


class Verdict(StrEnum):
    ALLOW = "allow"
    ASK = "ask"
    DENY = "deny"


class Scope(StrEnum):
    ONCE = "once"
    TASK = "task"  # whatever is of this kind, in this task
    PREFIX = "prefix"  # commands that begin like this one, in this project, for a while


@dataclass(frozen=True, slots=True)
class Grant:
    """What the owner allowed beyond a single request."""

    id: int
    scope: Scope
    task_id: str | None
    project: str
    kind: ToolKind
    prefix: tuple[str, ...]
    by: str
    expires_at: datetime | None

    def covers(self) -> str:
        """In words: what passes unasked because of it."""
        if self.scope is Scope.PREFIX:
            return f"commands that begin with “{' '.join(self.prefix)}” in {self.project}"
        return f"everything of the kind “{self.kind}” in task {self.task_id}"


def decide(
    mode: Mode, request: Request, workspace: Workspace, grants: Iterable[Grant], now: datetime
) -> Verdict:
    """`grants` are those of the task and of its project."""
    if request.kind is None:
        return Verdict.ASK
    if request.kind is ToolKind.EDIT and _touches(request.paths, workspace.protected, workspace):
        return Verdict.DENY
    if mode is Mode.TRUSTED or any(_covers(grant, request, now) for grant in grants):
        return Verdict.ALLOW
    if mode is Mode.EDITS and _harmless(request, workspace):
        return Verdict.ALLOW
    return Verdict.ASK


def prefix_of(command: str | None) -> tuple[str, ...]:
    """The words that a prefix grant for this command would cover; none when it cannot be one."""
    words = _words(command)
    if not words or Path(words[0]).name in _RUNS_OTHERS:
        return ()
    return words[:PREFIX_WORDS]


def _harmless(request: Request, workspace: Workspace) -> bool:
    inside = all(_within(path, workspace.path, workspace) for path in request.paths)
    if request.kind is ToolKind.EDIT:
        return inside and bool(request.paths)
    return request.kind in _HARMLESS and inside and request.command is None


def _covers(grant: Grant, request: Request, now: datetime) -> bool:
    if grant.kind is not request.kind or not _in_force(grant, now):
        return False
    if grant.scope is Scope.PREFIX:
        words = _words(request.command)
        return bool(grant.prefix) and words[: len(grant.prefix)] == grant.prefix
    return True


def _in_force(grant: Grant, now: datetime) -> bool:
    """One that would last longer than any may was given before the clock was put back."""
    return grant.expires_at is None or now < grant.expires_at <= now + PREFIX_LASTS


def _words(command: str | None) -> tuple[str, ...]:
    """The words of one plain command; none when a shell could read more into it."""
    if not command or not _SHELL.isdisjoint(command):
        return ()
    try:
        return tuple(shlex.split(command))
    except ValueError:
        return ()


def _touches(paths: Iterable[str], protected: Sequence[Path], workspace: Workspace) -> bool:
    return any(_within(path, folder, workspace) for path in paths for folder in protected)


def _within(path: str, folder: Path, workspace: Workspace) -> bool:
    """A relative path starts at the workspace. Links are followed, the last one too."""
    real = Path(os.path.realpath(workspace.path / path))
    return real.is_relative_to(os.path.realpath(folder))
