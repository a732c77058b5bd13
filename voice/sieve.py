"""Which of many names could have been said at all: a cheap look before the careful one.

Names share their parts, so only the distinct parts are compared with what was heard: by the share
of a part's coarse sound triples (all vowels alike, all lip sounds alike, …) that occur anywhere in
the utterance. A name is as likely as its parts are present; rare parts tell more than common ones.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence

import numpy as np
import numpy.typing as npt

_CLASSES = ("iIeEaAOoUu@YWQ", "pbfv", "mnN", "tdT", "kg", "szSZCJ", "l", "r", "w")
_CLASS_OF = {sound: number for number, sounds in enumerate(_CLASSES) for sound in sounds}
_SIZE = len(_CLASSES)
_FOLDER = 0.4  # how much a folder's name counts beside the file's own
_LEAST = 0.4  # share of a name's own parts that must be there

Floats = npt.NDArray[np.float64]


def triples(sounds: str) -> list[int]:
    """Numbers of the coarse triples in a row of phonemes."""
    row: list[int] = []
    for sound in sounds:
        number = _CLASS_OF.get(sound)
        if number is not None and not (number == 0 and row and row[-1] == 0):
            row.append(number)
    return [
        (one * _SIZE + two) * _SIZE + three
        for one, two, three in zip(row, row[1:], row[2:], strict=False)
    ]


class Sieve:
    """Names as (own parts, folders' parts); answers with the numbers of the likeliest."""

    def __init__(
        self,
        names: Iterable[tuple[Sequence[str], Sequence[str]]],
        readings: Callable[[str], Sequence[str]],
    ) -> None:
        self._parts: dict[str, int] = {}
        members: list[int] = []
        own: list[bool] = []
        offsets: list[int] = []
        for stem, folders in names:
            offsets.append(len(members))
            for part in stem:
                members.append(self._parts.setdefault(part, len(self._parts)))
            for part in folders:
                members.append(self._parts.setdefault(part, len(self._parts)))
            own += [True] * len(stem) + [False] * len(folders)
        self._members = np.array(members, dtype=np.int64)
        self._offsets = np.array(offsets, dtype=np.int64)
        self._index_readings(readings)
        self._weigh(np.array(own, dtype=bool))

    def _index_readings(self, readings: Callable[[str], Sequence[str]]) -> None:
        """Flat rows: triples of each reading, readings of each part."""
        numbers: list[int] = []
        starts: list[int] = []
        firsts: list[int] = []
        for part in self._parts:
            firsts.append(len(starts))
            for sounds in readings(part):
                starts.append(len(numbers))
                numbers += triples(sounds) or [_SIZE**3]  # too short to tell: always there
        self._triples = np.array(numbers, dtype=np.int64)
        self._starts = np.array(starts, dtype=np.int64)
        self._firsts = np.array(firsts, dtype=np.int64)
        counts = np.diff(np.append(self._starts, len(numbers)))
        self._counts = counts
        self._length = np.maximum.reduceat(counts, self._firsts) if len(firsts) else counts

    def _weigh(self, own: npt.NDArray[np.bool_]) -> None:
        """What each part says about each name: its length, times its rarity."""
        common = np.bincount(self._members, minlength=max(1, len(self._parts)))
        rarity = 1 + np.log((1 + len(self._offsets)) / (1 + common))
        weight = (self._length[self._members] * rarity[self._members]).astype(np.float64)
        self._own = np.where(own, weight, 0.0)
        self._folders = np.where(own, 0.0, weight * _FOLDER)
        if len(self._offsets):
            self._whole = np.maximum(np.add.reduceat(self._own, self._offsets), 1e-9)

    def likely(self, sounds: str, most: int) -> list[int]:
        """At most so many names, the likeliest first."""
        if not len(self._offsets):
            return []
        heard = np.zeros(_SIZE**3 + 1)
        heard[triples(sounds)] = 1.0
        heard[-1] = 1.0
        share = np.add.reduceat(heard[self._triples], self._starts) / self._counts
        present = np.maximum.reduceat(share, self._firsts)[self._members] ** 2
        own = np.add.reduceat(present * self._own, self._offsets)
        folders = np.add.reduceat(present * self._folders, self._offsets)
        part = own / self._whole
        rank = np.where(part >= _LEAST**2, own * part + folders * part, 0.0)
        best = np.argsort(-rank, kind="stable")[:most]
        return [int(number) for number in best if rank[number] > 0]
