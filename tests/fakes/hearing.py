"""A hearing that hears what the test says it does. Audio is the text itself, as bytes."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path

from core.errors import UserError
from core.hearing import Heard, Intent
from core.model import Project


class ScriptedHearing:
    """`understood` says what a text means where it is more than its words.

    A note that is `b""` is silence, one that starts with `b"\\xff"` is no audio. `begun` is
    set by the first note; while `go_on` is cleared, notes wait.
    """

    def __init__(self, understood: Mapping[str, Heard] | None = None) -> None:
        self.understood = dict(understood or {})
        self.heard: list[Path] = []
        self.corrected: list[tuple[str, str, str]] = []
        self.begun = asyncio.Event()
        self.go_on = asyncio.Event()
        self.go_on.set()

    async def hear(
        self,
        audio: Path,
        *,
        project: Project | None = None,
        language: str | None = None,
        recent_files: Sequence[str] = (),
        on_progress: Callable[[float], None] | None = None,
    ) -> Heard:
        self.heard.append(audio)
        self.begun.set()
        if on_progress is not None:
            on_progress(0.5)
        await self.go_on.wait()
        data = await asyncio.to_thread(audio.read_bytes)
        if data.startswith(b"\xff"):
            raise UserError("There is no audio in this file.")
        if not data:
            return Heard("", "", None, 3.0, 0.1, no_speech=True)
        return replace(await self.understand(data.decode()), duration_s=3.0)

    async def understand(
        self, text: str, *, project: Project | None = None, recent_files: Sequence[str] = ()
    ) -> Heard:
        return self.understood.get(text, Heard(text, text, "en", 0.0, 0.0, intent=Intent()))

    async def warm(self, project: Project) -> None: ...

    async def correct(self, project: Project, heard: str, written: str) -> None:
        self.corrected.append((project.name, heard, written))

    async def close(self) -> None: ...
