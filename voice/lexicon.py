"""Words by their sounds: which words of a lexicon, one after another, a row of sounds may be.

What was heard as "quotexc did" is "quota exceeded" where these are words: the borders between heard
words say nothing here, only how much the sounds of other words differ.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from functools import cached_property

import numpy as np
import numpy.typing as npt

from voice.alignment import ADDED, MISSING
from voice.pronunciation import sounds_of_part
from voice.sounds import UNLIKENESS, WEIGHTS, encode

PER_WORD = 0.5  # what each word costs, so that fewer are better
WORST = 0.34  # cost of one word, by its weight, from which on it is not looked at
SLACK = 3  # phonemes that more may have been heard than a word has
KEPT = 30  # beginnings that are pursued at each place

Row = tuple[float, tuple[str, ...]]  # cost and words


class Lexicon:
    """`dear` says what a word costs beyond `PER_WORD`."""

    def __init__(self, words: Iterable[str], dear: Callable[[str], float]) -> None:
        said = ((word, sounds_of_part(word)[0]) for word in words)
        rows = [(word, sounds, PER_WORD + dear(word)) for word, sounds in said if sounds]
        self._said = sorted(rows, key=lambda row: -len(row[1]))  # those still going on first

    def best(self, sounds: str, most: int) -> Row | None:
        """The cheapest row of at most so many words that these sounds may be."""
        rows: list[list[Row]] = [[] for _ in range(len(sounds) + 1)]
        rows[0] = [(0.0, ())]
        heard = encode(sounds)
        for start in range(len(sounds)):
            begun = sorted(rows[start])[:KEPT]
            fits = self._fits(heard[start:]) if begun else ()
            for cost, words in begun:
                for length, word, more in fits if len(words) < most else ():
                    rows[start + length].append((cost + more, (*words, word)))
        return min(rows[-1], default=None)

    def _fits(self, heard: npt.NDArray[np.int16]) -> Sequence[tuple[int, str, float]]:
        """Words that the beginning of `heard` may be: how much of it, and at which cost."""
        codes, lengths, weights = self._table
        heard = heard[: codes.shape[1] + SLACK]
        added = ADDED * WEIGHTS[heard]
        passed = np.concatenate(([0.0], np.cumsum(added)))
        costs = np.repeat(passed[None, :], len(codes), axis=0)
        final = np.full(costs.shape, np.inf)
        for place in range(codes.shape[1]):
            going = int(np.searchsorted(-lengths, -place))
            ended = int(np.searchsorted(-lengths, -place - 1))
            costs, column = costs[:going], codes[:going, place]
            own = WEIGHTS[column][:, None]
            other = UNLIKENESS[column][:, heard] * np.maximum(own, WEIGHTS[heard])
            reached = costs + MISSING * own
            reached[:, 1:] = np.minimum(reached[:, 1:], costs[:, :-1] + other)
            costs = np.minimum.accumulate(reached - passed, axis=1) + passed
            final[ended:going] = costs[ended:]
        found = np.argwhere(final[:, 1:] <= WORST * weights[:, None])
        return [
            (int(end) + 1, self._said[word][0], float(final[word, end + 1]) + self._said[word][2])
            for word, end in found
        ]

    @cached_property
    def _table(
        self,
    ) -> tuple[npt.NDArray[np.int16], npt.NDArray[np.int64], npt.NDArray[np.float64]]:
        """Codes of all words, padded; how many each has; and their weight together."""
        rows = [encode(sounds) for _, sounds, _ in self._said]
        codes = np.zeros((len(rows), max(map(len, rows), default=0)), dtype=np.int16)
        for place, row in enumerate(rows):
            codes[place, : len(row)] = row
        weights = np.array([WEIGHTS[row].sum() for row in rows])
        return codes, np.array([len(row) for row in rows]), weights


def weight_of(sounds: str) -> float:
    return float(WEIGHTS[encode(sounds)].sum())
