"""Words made comparable as Whisper's own English normaliser does it, so far as notes need it.

Letter case and punctuation do not count; "30,000" is "thirty thousand", "2nd" is "second", "80%" is
"80 percent", "it's" is "it is"; hesitations are no words. A name stays one word as it is written.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

from voice.spoken import ONES, TENS

ORDINALS = [
    "",
    "first",
    "second",
    "third",
    "fourth",
    "fifth",
    "sixth",
    "seventh",
    "eighth",
    "ninth",
]
HESITATIONS = {"um", "uh", "hmm", "mm", "mhm", "er", "erm"}
CONTRACTED = {
    "it's": "it is", "that's": "that is", "there's": "there is", "what's": "what is", "i'm": "i am",
    "i'd": "i would", "i've": "i have", "we're": "we are", "don't": "do not", "doesn't": "does not",
    "isn't": "is not", "can't": "can not", "cannot": "can not", "won't": "will not", "okay": "ok",
}  # fmt: skip
VALUES = {
    **{word: number for number, word in enumerate(ONES)},
    **{word: 10 * number for number, word in enumerate(TENS) if word},
    **{word: number for number, word in enumerate(ORDINALS) if word},
}


def plain_words(words: Sequence[str]) -> list[str]:
    """`words` without punctuation around them."""
    flat: list[str] = []
    for word in words:
        low = word.lower().replace("’", "'")
        low = re.sub(r"(?<=\d),(?=\d{3})", "", low)
        low = re.sub(r"^(\d+)(?:st|nd|rd|th)$", r"\1", low)
        flat += CONTRACTED.get(low, low.removesuffix("%")).split()
        flat += ["percent"] if low.endswith("%") else []
    return [word for word in _numbers(flat) if word not in HESITATIONS]


def _numbers(words: Sequence[str]) -> Iterator[str]:
    """Number words joined to digits."""
    total: int | None = None
    for word in words:
        value = VALUES.get(word)
        if total and word in ("hundred", "thousand"):
            total *= 100 if word == "hundred" else 1000
        elif value is not None and total is not None and _joins(total, value):
            total += value
        else:
            if total is not None:
                yield str(total)
            total = value
            if value is None:
                yield word
    if total is not None:
        yield str(total)


def _joins(total: int, value: int) -> bool:
    """ "forty two" is one number, "four two" are two."""
    room = 100 if value >= 10 else 10
    return value > 0 and total >= 20 and total % room == 0
