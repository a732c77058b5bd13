"""Which agents there are: the built-in definitions, the owner's changes, and what is installed.

`agents.toml` beside this module holds the built-in ones; the owner's file (GOFER_AGENTS) adds to
them or changes single keys. What an installed program says about itself is asked at most once a
minute.
"""

from __future__ import annotations

import asyncio
import os
import re
import shutil
import sys
import time
import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Any

from agents import checks, protocols
from agents.checks import Boxed
from core.errors import UserError
from core.model import Mode

BUILT_IN = Path(__file__).with_name("agents.toml")
PYTHON = os.path.realpath(sys.executable)  # the interpreter itself, without its environment
FRESH_S = 60.0
VERSION_TIMEOUT_S = 10.0
VERSION = re.compile(r"\d+\.\d+[\w.+-]*")
STRINGS = ("command", "env", "writable", "readable", "version_command", "login_env", "tried")


@dataclass(frozen=True, slots=True)
class Folder:
    """A folder where the agent keeps its configuration; Gofer gives it one of its own."""

    at: str  # where the agent looks for it, `~/…`
    variable: str | None = None  # environment variable that names another place
    login: tuple[str, ...] = ()  # files of the owner's that are brought in


@dataclass(frozen=True, slots=True)
class Seed:
    """A file to put into one of the folders when it is not there yet."""

    at: str
    text: str
    when: str = ""  # an environment variable that is set, or a file that exists; else always


@dataclass(frozen=True, slots=True)
class Definition:
    """One agent, as configured."""

    name: str
    protocol: str
    command: tuple[str, ...]
    env: tuple[str, ...] = ()  # names of variables that it gets, `*` allowed
    mode: Mode | None = None
    allow_unsandboxed: bool = False
    writable: tuple[str, ...] = ()  # folders that it may write in the sandbox
    readable: tuple[str, ...] = ()  # files and folders that it may read there
    folders: tuple[Folder, ...] = ()
    seed: tuple[Seed, ...] = ()
    version_command: tuple[str, ...] = ()  # default: the program with --version
    login_env: tuple[str, ...] = ()  # variables of which any means that it is logged in
    tried: tuple[str, ...] | None = None  # its versions that were; None: what its driver says
    install: str | None = None  # how to install it, for people
    options: Mapping[str, Any] = field(default_factory=dict)  # for its driver

    @property
    def program(self) -> str | None:
        """Where its program is; None when it is not installed."""
        return shutil.which(self.command[0])


@dataclass(frozen=True, slots=True)
class Found:
    """What an installed agent's program said."""

    version: str | None
    problem: str | None = None


def load(agents_file: Path | None) -> dict[str, Definition]:
    """Raises UserError that names the file and every wrong key."""
    entries = read(BUILT_IN)
    if agents_file:
        for name, changes in read(agents_file).items():
            entries[name] = entries.get(name, {}) | changes
    found, wrong = {}, []
    for name, entry in entries.items():
        try:
            found[name] = define(name, entry, agents_file or BUILT_IN)
        except UserError as error:
            wrong.append(str(error))
    if wrong:
        raise UserError("\n".join(wrong))
    return found


def read(file: Path) -> dict[str, dict[str, Any]]:
    try:
        content = tomllib.loads(file.read_text())
    except OSError as error:
        raise UserError(f"The agents file {file} cannot be read: {error.strerror}.") from None
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise UserError(f"The agents file {file} is no TOML: {error}.") from None
    agents = content.get("agents", {})
    if not isinstance(agents, dict) or not all(isinstance(a, dict) for a in agents.values()):
        raise UserError(f"{file}: each agent is a table [agents.<name>].")
    return agents


def define(name: str, entry: Mapping[str, Any], file: Path) -> Definition:
    known = {key: entry[key] for key in entry if key in KEYS}
    options = {key: entry[key] for key in entry if key not in KEYS}
    wrong = f"{file}, [agents.{name}]:"
    for key in STRINGS:
        value = known.get(key, [])
        if not isinstance(value, list) or not all(isinstance(part, str) for part in value):
            raise UserError(f"{wrong} {key} is a list of strings.")
        known[key] = tuple(value)
    if "tried" not in entry:
        known["tried"] = None
    if known.get("protocol") not in protocols.names():
        names = ", ".join(protocols.names())
        raise UserError(f"{wrong} protocol is one of {names}, not {known.get('protocol')!r}.")
    if not known["command"]:
        raise UserError(f'{wrong} command is missing; for example command = ["{name}"].')
    try:
        known["mode"] = Mode(known["mode"]) if "mode" in known else None
        known["folders"] = tuple(
            Folder(**folder | {"login": tuple(folder.get("login", ()))})
            for folder in known.get("folders", ())
        )
        known["seed"] = tuple(Seed(**seed) for seed in known.get("seed", ()))
    except (TypeError, ValueError, AttributeError) as error:
        raise UserError(f"{wrong} {error}.") from None
    known["command"] = tuple(fill(part) for part in known["command"])
    return Definition(name=name, options=options, **known)


KEYS = {item.name for item in fields(Definition)} - {"name", "options"}


def fill(part: str) -> str:
    """`{python}` is the interpreter that runs Gofer, `{agents}` the folder of this module."""
    places = {"{python}": PYTHON, "{agents}": str(BUILT_IN.parent)}
    for name, place in places.items():
        part = part.replace(name, place)
    return part


class Versions:
    """Asks programs for their versions, each at most once a minute and all at the same time."""

    def __init__(self, mark: str) -> None:
        """`mark` begins the marks of what is started."""
        self._mark = mark
        self._known: dict[tuple[str, ...], tuple[float, Found]] = {}

    async def ask(
        self, definitions: Sequence[Definition], environments: Sequence[Mapping[str, str]]
    ) -> list[Found]:
        pairs = zip(definitions, environments, strict=True)
        return await asyncio.gather(*(self._one(*pair) for pair in pairs))

    async def _one(self, definition: Definition, environment: Mapping[str, str]) -> Found:
        if definition.protocol == "command" and not definition.version_command:
            return Found(None)  # a script need not know --version; it might start to work
        command = definition.version_command or version_command(definition.command)
        asked_at, found = self._known.get(command, (float("-inf"), Found(None)))
        if time.monotonic() - asked_at > FRESH_S:
            mark = f"{self._mark}version-{os.urandom(4).hex()}"
            found = await ask_version(command, environment, mark)
            self._known[command] = time.monotonic(), found
        return found


def version_command(command: tuple[str, ...]) -> tuple[str, ...]:
    """The program, with its script when it is an interpreter, asked for its version."""
    scripts = [i for i, part in enumerate(command) if i and Path(part).is_file()]
    return (*command[: scripts[0] + 1 if scripts else 1], "--version")


async def ask_version(command: tuple[str, ...], environment: Mapping[str, str], mark: str) -> Found:
    """Run outside the sandbox, as the owner runs it."""
    boxed = Boxed(command, environment)
    code, said = await checks.run(boxed, mark, Path("/"), VERSION_TIMEOUT_S)
    number = VERSION.search(said)
    if code != 0 or not number:
        words = " ".join(said.split())[:200]
        return Found(None, f"{' '.join(command)} said: {words or 'nothing'}")
    return Found(number.group())
