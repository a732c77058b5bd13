"""Which language a note is in, with a guard: Whisper guesses wildly on short and accented ones."""

from __future__ import annotations

from collections.abc import Sequence

SURE = 0.9  # English with an accent is called Latin at 0.7


def choose(found: Sequence[tuple[str, float]], usual: Sequence[str]) -> str:
    """The language to decode in.

    `found` are languages with their probability, the likeliest first. One of the `usual` languages
    is taken unless another one is heard beyond doubt.
    """
    best, share = found[0]
    if best in usual or share >= SURE or not usual:
        return best
    shares = dict(found)
    return max(usual, key=lambda language: shares.get(language, 0.0))
