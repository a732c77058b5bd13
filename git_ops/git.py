"""The one place where git runs.

What always holds: the environment is built from nothing (no `GIT_*` of whoever started us), every
call has a time limit, no prompt, no pager and no terminal, and the options in `SAFE` switch off
what could run a program of a repository's choosing. Two kinds of call differ in whose
configuration counts:

- *ours*: a git directory that only Gofer writes. Neither system nor global configuration is read.
- *the owner's*: their repository with their own configuration (identity, credentials, ownership
  exceptions), but without hooks and fsmonitor.

A repository that an agent can write is never opened by either; see `sandboxed`.
"""

from __future__ import annotations

import os
import re
import tempfile
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import cast

os.environ.setdefault("GIT_PYTHON_REFRESH", "quiet")  # a missing git is reported by the doctor

import git as gitpython

from core.errors import GitError

LOCAL_TIMEOUT_S = 600.0
NETWORK_TIMEOUT_S = 300.0
SANDBOX_TIMEOUT_S = 120.0
FIRST_WORDS = '{ "$@"; echo $? >&2; } | head -c "$0"'  # for sh
UNSAYABLE = re.compile("[\0\ud800-\udc7f\udd00-\udfff]")  # NUL, and halves of characters
LAST_WORDS = '{ "$@" 2>&1 >/dev/null; echo $?; } | tail -c 2000 >&2'

SAFE = (
    "core.hooksPath=/dev/null",
    "core.fsmonitor=false",
    "core.quotePath=false",
    "core.protectHFS=true",
    "core.bigFileThreshold=50m",  # larger ones are not compared line by line
    "submodule.recurse=false",  # for pushes too, whatever push.recurseSubmodules says
    "fetch.fsckObjects=false",  # what is the owner's own need not be perfect
    "transfer.fsckObjects=false",
    "gc.auto=0",
    "maintenance.auto=false",
    "advice.detachedHead=false",
)

ALWAYS = {
    "LC_ALL": "C",
    "GIT_TERMINAL_PROMPT": "0",
    "GIT_PAGER": "cat",
    "GIT_EDITOR": "true",
    "GIT_LFS_SKIP_SMUDGE": "1",
    "GIT_OPTIONAL_LOCKS": "0",
    "GIT_ADVICE": "0",
}
OURS = {"GIT_CONFIG_NOSYSTEM": "1", "GIT_CONFIG_GLOBAL": os.devnull, "GIT_ATTR_NOSYSTEM": "1"}

Argument = str | bytes | Path


@dataclass(frozen=True, slots=True)
class Result:
    status: int
    out: bytes
    err: bytes

    @property
    def text(self) -> str:
        return os.fsdecode(self.out).strip()

    @property
    def reason(self) -> str:
        """Git's own words, short enough for a phone."""
        lines = self.err.decode("utf-8", "backslashreplace").strip().splitlines()
        return " ".join(lines[-3:])[-500:] or f"exit status {self.status}"


@dataclass(frozen=True, slots=True)
class Git:
    """Git in one place. Make one with `ours` or `owners`; derive others with its methods."""

    cwd: Path
    options: tuple[str, ...]
    forgets: tuple[str, ...]  # of the environment: arguments of env(1)
    environment: Mapping[str, str]
    program: tuple[str, ...] = ("git",)

    def using(self, **environment: str | Path) -> Git:
        """The same with these variables set as well."""
        added = {name: str(value) for name, value in environment.items()}
        return replace(self, environment={**self.environment, **added})

    def configured(self, *settings: str) -> Git:
        """The same with these `name=value` settings as well."""
        added = tuple(part for setting in settings for part in ("-c", setting))
        return replace(self, options=self.options + added)

    def gently(self) -> Git:
        """The same, giving way to everything else on the machine."""
        return replace(self, program=("nice", "-n", "19", "git"))

    def over(self, work_tree: Path, index: Path) -> Git:
        """The same git directory over a work tree, with an index of its own."""
        return replace(self.using(GIT_WORK_TREE=work_tree, GIT_INDEX_FILE=index), cwd=work_tree)

    @property
    def index(self) -> Path:
        """The index of `over`."""
        return Path(self.environment["GIT_INDEX_FILE"])

    def call(
        self,
        *arguments: Argument,
        stdin: bytes = b"",
        timeout_s: float = LOCAL_TIMEOUT_S,
    ) -> Result:
        """Run and return whatever came of it. Raises GitError only for a time-out."""
        return execute(self._command(arguments), cwd=self.cwd, stdin=stdin, timeout_s=timeout_s)

    def start_of(self, limit: int, *arguments: Argument) -> bytes:
        """At most so many bytes of its standard output; it ends when it has said so much."""
        command = ["sh", "-c", FIRST_WORDS, str(limit), *self._command(arguments)]
        result = execute(command, cwd=self.cwd, stdin=b"", timeout_s=LOCAL_TIMEOUT_S)
        said, _, status = result.err.rstrip().rpartition(b"\n")
        if status != b"0" and len(result.out) < limit:
            words = Result(int(status), b"", said)
            raise GitError(f"git {os.fsdecode(arguments[0])} failed: {words.reason}")
        return result.out

    def _command(self, arguments: Sequence[Argument]) -> list[str]:
        variables = (f"{name}={value}" for name, value in self.environment.items())
        options = (*self.options, *map(os.fsdecode, arguments))
        return ["env", *self.forgets, *variables, *self.program, *options]

    def run(
        self,
        *arguments: Argument,
        stdin: bytes = b"",
        timeout_s: float = LOCAL_TIMEOUT_S,
    ) -> bytes:
        """Standard output. Raises GitError unless git ended well."""
        result = self.call(*arguments, stdin=stdin, timeout_s=timeout_s)
        if result.status != 0:
            raise GitError(f"git {os.fsdecode(arguments[0])} failed: {result.reason}")
        return result.out

    def text(self, *arguments: Argument, stdin: bytes = b"") -> str:
        return os.fsdecode(self.run(*arguments, stdin=stdin)).strip()

    def maybe(self, *arguments: Argument) -> str | None:
        """What it printed, or None where git said no."""
        result = self.call(*arguments)
        return result.text if result.status == 0 else None

    def succeeds(self, *arguments: Argument) -> bool:
        return self.call(*arguments).status == 0


def ours(git_dir: Path) -> Git:
    """Git on a git directory that only Gofer writes."""
    return Git(
        git_dir, _settings(SAFE), ("-i",), {**_kept(), **ALWAYS, **OURS, "GIT_DIR": str(git_dir)}
    )


def owners(folder: Path) -> Git:
    """Git in a repository of the owner's; a folder that is none does not fall to its parent's."""
    leaked = tuple(f"--unset={name}" for name in os.environ if name.startswith("GIT_"))
    ceiling = {"GIT_CEILING_DIRECTORIES": str(folder.parent)}
    return Git(folder, _settings(SAFE), leaked, {**ALWAYS, **ceiling})


def sandboxed(
    wrap: Callable[[Sequence[str]], Sequence[str]], work_tree: Path, *arguments: str
) -> Result:
    """Git inside the agent's sandbox, on the agent's own repository. Trust nothing it says.

    Only the end of what it says ever reaches us: the agent may well have made it endless.
    """
    variables = (f"{name}={value}" for name, value in _kept().items())
    inside = ["git", "-C", str(work_tree), *_settings(SAFE), *arguments]
    command = ["env", "-i", *variables, *wrap(["sh", "-c", LAST_WORDS, "sh", *inside])]
    try:
        result = execute(command, cwd=work_tree, stdin=b"", timeout_s=SANDBOX_TIMEOUT_S)
    except GitError as error:  # the agent may well have made it hang
        return Result(-1, b"", str(error).encode())
    said, _, status = result.err.rstrip().rpartition(b"\n")
    return Result(int(status) if status.isdigit() else -1, b"", said or result.err)


def execute(command: Sequence[str], *, cwd: Path, stdin: bytes, timeout_s: float) -> Result:
    """One process through GitPython, in a session of its own so that nothing asks a terminal."""
    if not cwd.is_dir():  # GitPython would run it wherever we are
        raise GitError(f"{cwd} is no longer there.")
    with tempfile.TemporaryFile() as source:
        source.write(stdin)
        source.seek(0)
        try:
            answer = gitpython.Git(cwd).execute(
                command,
                istream=source,
                with_extended_output=True,
                with_exceptions=False,
                stdout_as_string=False,
                strip_newline_in_stdout=False,
                kill_after_timeout=timeout_s,
                start_new_session=True,
            )
        except (OSError, ValueError, gitpython.GitCommandNotFound) as error:  # a NUL in a name
            raise GitError(f"git could not be started: {error}") from None
    status, out, err = cast(tuple[int, bytes, bytes | str], answer)
    err = err.encode() if isinstance(err, str) else err
    if status < 0 and err.startswith(b"Timeout:"):
        raise GitError(f"git took longer than {timeout_s:.0f} s and was stopped.")
    return Result(status, out, err)


def _kept() -> dict[str, str]:
    return {name: os.environ[name] for name in ("PATH", "HOME", "TMPDIR") if name in os.environ}


def _settings(settings: Iterable[str]) -> tuple[str, ...]:
    return tuple(part for setting in settings for part in ("-c", setting))


def fields(output: bytes) -> list[bytes]:
    """The parts of NUL-terminated output."""
    return output.split(b"\0")[:-1]


def shown(path: bytes) -> str:
    """A path as people and JSON see it: UTF-8, other bytes as `\\xNN`."""
    return path.decode("utf-8", "backslashreplace")


def sayable(text: str) -> str:
    """Text without what no commit and no command line can hold."""
    return UNSAYABLE.sub("\N{REPLACEMENT CHARACTER}", text)


def plain(text: str) -> str:
    """Text that cannot draw on a screen or turn its own letters round."""
    return "".join(
        char if char.isprintable() else char.encode("unicode_escape").decode() for char in text
    )
