"""A person's own notes heard twice: by plain faster-whisper, and as Gofer hears them.

Same model, threads and beam in the same run, each note by both before the next one, so that a
busy machine slows both. Nothing here is used while Gofer serves.
"""

from __future__ import annotations

import asyncio
import os
import time
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from core.errors import UserError
from core.hearing import Heard
from core.model import Project
from voice.models import resolve
from voice.transcriber import Transcriber


@dataclass(frozen=True, slots=True)
class Comparison:
    file: Path
    raw_text: str
    raw_seconds: float
    heard: Heard

    @property
    def share_of_time(self) -> float:
        """Gofer's time as a share of raw faster-whisper's; below one is faster."""
        return self.heard.seconds / self.raw_seconds


class Plain:
    """faster-whisper as its own documentation uses it, with voice activity detection."""

    def __init__(self, folder: Path) -> None:
        os.environ["ORT_DISABLE_TELEMETRY"] = "1"  # read when ONNX Runtime is imported, below
        from faster_whisper import WhisperModel

        from voice.whisper import threads

        self._model = WhisperModel(
            str(folder), device="cpu", compute_type="int8", cpu_threads=threads()
        )

    def hear(self, file: Path, language: str | None) -> tuple[str, float]:
        """The text, and the seconds it took, decoding included."""
        from voice.audio import read

        started = time.monotonic()
        segments, _ = self._model.transcribe(read(file), language=language, vad_filter=True)
        text = " ".join(segment.text.strip() for segment in segments)
        return text, time.monotonic() - started


async def compare(
    hearing: Transcriber,
    model: str,
    cache: Path,
    files: Sequence[Path],
    *,
    project: Project | None = None,
    language: str | None = None,
) -> AsyncIterator[Comparison | UserError]:
    """One per file, as they come: the comparison, or why the file cannot be heard.

    `model` and `cache` are those of `hearing`. Raises UserError for a model that cannot be had.
    """
    await hearing.load()
    folder = await asyncio.to_thread(resolve, model, cache, lambda _done: None)
    plain = await asyncio.to_thread(Plain, folder)
    for file in files:
        try:
            heard = await hearing.hear(file, project=project, language=language)
        except UserError as error:
            yield error
            continue
        text, seconds = await asyncio.to_thread(plain.hear, file, language)
        yield Comparison(file, text, seconds, heard)
