"""Where in a note somebody speaks, and the pieces that are decoded at a time.

A piece is at most as long as Whisper's window and is cut where nobody speaks. Pauses of more than
two seconds are left out; `Piece.in_note` leads from a time in the piece back to one in the note.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from faster_whisper.vad import VadOptions, get_speech_timestamps

from voice.audio import RATE, Samples

WINDOW_S = 30.0
PIECE_S = 28.0  # room is left for the margin behind it

# Padding and pauses are faster-whisper's own; the longest stretch keeps the padding inside a piece.
OPTIONS = VadOptions(
    min_silence_duration_ms=2000, speech_pad_ms=400, max_speech_duration_s=PIECE_S - 1
)


@dataclass(frozen=True, slots=True)
class Span:
    """Samples of a note from `start` up to `end` in which somebody speaks."""

    start: int
    end: int


@dataclass(frozen=True, slots=True)
class Piece:
    samples: Samples
    spans: tuple[Span, ...]

    @property
    def seconds(self) -> float:
        return self.samples.size / RATE

    def in_note(self, seconds: float) -> float:
        """The time in the note of a time in this piece."""
        at = round(seconds * RATE)
        for span in self.spans:
            if at <= span.end - span.start:
                return round((span.start + at) / RATE, 2)
            at -= span.end - span.start
        return round(self.spans[-1].end / RATE, 2)


def pieces(samples: Samples) -> list[Piece]:
    """Empty when nobody speaks."""
    found = get_speech_timestamps(samples, OPTIONS)
    spans = [Span(speech["start"], speech["end"]) for speech in found]
    return [
        Piece(np.concatenate([samples[span.start : span.end] for span in group]), tuple(group))
        for group in _packed(spans)
    ]


def _packed(spans: Sequence[Span]) -> Iterator[list[Span]]:
    """Neighbours together as long as they fit in a piece."""
    group: list[Span] = []
    for span in spans:
        length = sum(one.end - one.start for one in (*group, span))
        if group and length > PIECE_S * RATE:
            yield group
            group = []
        group.append(span)
    if group:
        yield group
