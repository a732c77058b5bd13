"""A lab in bubblewrap, with an owner who has secrets, beside it."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.fakes.lab import HAS_BWRAP, NO_BWRAP, Lab, lab

NOT_HIDDEN = Path("/usr/local/share")  # a part of the system that agents see
needs_bwrap = pytest.mark.skipif(not HAS_BWRAP, reason=NO_BWRAP)


@contextmanager
def boxed_lab(folder: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Lab]:
    """A home of the owner's with secrets in it, a project, another project, and Gofer's home."""
    owner = folder / "owner"
    for file, content in {
        ".ssh/id_ed25519": "SECRET ssh",
        ".aws/credentials": "SECRET aws",
        ".env": "SECRET settings",
        ".claude/settings.json": "SECRET hooks",
        "other/secret.txt": "SECRET other project",
        "project/.git/config": "SECRET git",
    }.items():
        (owner / file).parent.mkdir(parents=True, exist_ok=True)
        (owner / file).write_text(content)
    monkeypatch.setenv("HOME", str(owner))
    with (
        tempfile.TemporaryDirectory(
            dir=NOT_HIDDEN if os.access(NOT_HIDDEN, os.W_OK) else None
        ) as outside,
        lab(
            folder / "gofer",
            sandbox="bwrap",
            hidden=(Path(outside, "project"), Path(outside, ".env")),
            source={"PATH": os.environ["PATH"], "HOME": str(owner)},
        ) as made,
    ):
        Path(outside, "project").mkdir()
        for file in ("project/secret.txt", ".env"):
            Path(outside, file).write_text("SECRET elsewhere")
        (made.home / "gofer.db").write_text("SECRET database")
        (made.home / "workspaces" / "t2").mkdir()
        (made.home / "workspaces" / "t2" / "file").write_text("SECRET other task")
        yield made


async def attempt(here: Lab, command: str) -> str:
    """What the command prints inside; that it fails is part of the game."""
    return (await here.runner().execute(command, here.workspace, timeout_s=60)).tail
