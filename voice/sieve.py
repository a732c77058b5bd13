"""Which of many names could have been said at all: a cheap look before the careful one.

Names share their parts, so only the distinct parts are aligned with what was heard, all at once and
without regard to where words begin. A part that agrees better than chance speaks for every name it
is in, one that does not speaks against; folders and extensions, which need not be said, only speak
for a name.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence

import numpy as np
import numpy.typing as npt

from voice.sounds import UNLIKENESS, WEIGHTS, encode

CHANCE = 0.6  # agreement that any part finds somewhere
LEAST = -1.0  # balance of a name's own parts; below, it was not said
_SCALE = 32
_GAIN = np.round((1 - 2 * UNLIKENESS) * WEIGHTS[:, None] * _SCALE).astype(np.int16)
_GAP = np.round(0.7 * WEIGHTS * _SCALE).astype(np.int16)

Scores = npt.NDArray[np.float64]


class Sieve:
    """Names as (own parts, parts of folders and extension); answers with the likeliest numbers."""

    def __init__(
        self,
        names: Iterable[tuple[Sequence[str], Sequence[str]]],
        readings: Callable[[str], Sequence[str]],
    ) -> None:
        parts: dict[str, int] = {}
        members: list[int] = []
        own: list[bool] = []
        offsets: list[int] = []
        for stem, others in names:
            offsets.append(len(members))
            stem = stem or ("",)  # nothing that can be said
            members += [parts.setdefault(part, len(parts)) for part in (*stem, *others)]
            own += [True] * len(stem) + [False] * len(others)
        self._members = np.array(members, dtype=np.int64)
        self._own = np.array(own, dtype=bool)
        self._offsets = np.array(offsets, dtype=np.int64)
        self._index(parts, readings)

    def _index(self, parts: Iterable[str], readings: Callable[[str], Sequence[str]]) -> None:
        """Readings as rows of phonemes, the longest first; `_part_of` says whose they are."""
        rows = [(sounds, number) for number, part in enumerate(parts) for sounds in readings(part)]
        rows.sort(key=lambda row: -len(row[0]))
        longest = len(rows[0][0]) if rows else 0
        self._codes = np.zeros((len(rows), longest), dtype=np.int16)
        for place, (sounds, _) in enumerate(rows):
            self._codes[place, : len(sounds)] = encode(sounds)
        self._lengths = np.array([len(sounds) for sounds, _ in rows], dtype=np.int64)
        self._part_of = np.array([number for _, number in rows], dtype=np.int64)
        self._parts = 1 + max((number for _, number in rows), default=-1)
        self._whole = np.array([WEIGHTS[encode(sounds)].sum() for sounds, _ in rows])

    def likely(self, sounds: str, most: int) -> list[int]:
        """At most so many names, the likeliest first."""
        if not len(self._offsets) or not sounds:
            return []
        found = np.full(self._parts, -np.inf)
        np.maximum.at(found, self._part_of, self._agreement(encode(sounds)) - CHANCE * self._whole)
        balance = found[self._members]
        own = np.add.reduceat(np.where(self._own, balance, 0.0), self._offsets)
        others = np.where(self._own, 0.0, np.maximum(balance, 0.0))
        rank = own + np.add.reduceat(others, self._offsets)
        best = np.flatnonzero(own >= LEAST)
        if len(best) > most:
            best = best[np.argpartition(-rank[best], most)[:most]]
        return [int(number) for number in best[np.argsort(-rank[best], kind="stable")]]

    def _agreement(self, heard: npt.NDArray[np.int16]) -> Scores:
        """The best score of each reading anywhere in what was heard."""
        best = np.zeros(len(self._lengths))
        scores = np.zeros((len(self._lengths), len(heard) + 1), dtype=np.int16)
        reached, agreed = np.empty_like(scores), np.empty_like(scores)[:, 1:]
        gain, passing = np.ascontiguousarray(_GAIN[:, heard]), _GAP[heard]
        for row in range(self._codes.shape[1] if len(best) else 0):
            alive = int(np.searchsorted(-self._lengths, -row, side="left"))
            codes = self._codes[:alive, row]
            now, before, along = reached[:alive], scores[:alive], agreed[:alive]
            np.subtract(before, _GAP[codes][:, None], out=now)
            np.add(before[:, :-1], gain[codes], out=along)
            np.maximum(now[:, 1:], along, out=now[:, 1:])
            np.subtract(now[:, :-1], passing, out=along)
            np.maximum(now[:, 1:], along, out=now[:, 1:])
            scores, reached = reached, scores
            ending = slice(int(np.searchsorted(-self._lengths, -row - 1, side="left")), alive)
            best[ending] = scores[ending].max(axis=1, initial=-np.iinfo(np.int16).max) / _SCALE
        return best
