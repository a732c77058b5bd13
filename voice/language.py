"""Which language a note is in, with a guard: Whisper guesses wildly on short ones."""

from __future__ import annotations

from collections.abc import Sequence

SURE = 0.8  # believed whatever the language
LONG_S = 6.0  # enough sound to believe the likeliest one at `LIKELY`
LIKELY = 0.5


def choose(found: Sequence[tuple[str, float]], seconds: float, usual: Sequence[str]) -> str:
    """The language to decode in.

    `found` are languages with their probability, the likeliest first. One of the `usual` languages
    is taken unless another one is heard clearly.
    """
    best, share = found[0]
    if best in usual or share >= SURE or (seconds >= LONG_S and share >= LIKELY):
        return best
    shares = dict(found)
    return max(usual, key=lambda language: shares.get(language, 0.0), default=best)
