"""Which driver speaks which protocol: our own, and those that other packages bring.

A package adds one by an entry point of the group `gofer.agents`, named like its protocol and
pointing at a class that satisfies `agents.driver.Driver` (docs/drivers.md has an example).
"""

from __future__ import annotations

from importlib import import_module
from importlib.metadata import entry_points

from agents.driver import ENTRY_POINTS, Driver
from core.errors import UserError

BUILT_IN = {
    "claude": ("agents.claude", "Claude"),
    "codex": ("agents.codex", "Codex"),
    "acp": ("agents.acp", "Acp"),
    "command": ("agents.command", "Command"),
}


def names() -> tuple[str, ...]:
    """Every protocol that an agent's definition may name."""
    added = {entry.name for entry in entry_points(group=ENTRY_POINTS)} - BUILT_IN.keys()
    return (*BUILT_IN, *sorted(added))


def load(protocol: str) -> type[Driver]:
    """The driver class of a protocol.

    Raises UserError for an unknown protocol, and for a package whose driver cannot be imported.
    """
    if protocol in BUILT_IN:
        module, name = BUILT_IN[protocol]
        driver: type[Driver] = getattr(import_module(module), name)
        return driver
    for entry in entry_points(group=ENTRY_POINTS, name=protocol):
        try:
            found: type[Driver] = entry.load()
        except (ImportError, AttributeError) as error:
            raise UserError(f"The driver for {protocol!r} ({entry.value}): {error}") from error
        return found
    raise UserError(f"No driver speaks {protocol!r}. There are: {', '.join(names())}.")
