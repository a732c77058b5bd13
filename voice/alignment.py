"""Where in a row of heard sounds a name may have been said, and how well it fits there.

Every form of every candidate is aligned with the whole utterance at once: a local alignment that
may begin where a word begins and end where a word ends, one matrix operation per phoneme. Scores
count agreement: a phoneme that agrees adds its weight, one that does not takes away.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import TypeVar

import numpy as np
import numpy.typing as npt

from voice.pronunciation import Form, forms_of_name
from voice.sounds import UNLIKENESS, WEIGHTS, encode
from voice.spoken import Token

Value = TypeVar("Value")

HARSHNESS = 2.1  # a phoneme of unlikeness 1 / HARSHNESS adds nothing
MISSING = 0.75  # cost of a phoneme of the name that was not heard, per weight
ADDED = 0.75  # cost of a heard phoneme that the name has not, per weight
MARK_ADDED = 0.15  # the same within a spoken mark, which a name may or may not show
JOIN_ADDED = 0.04  # and within one that no name is matched with, "underscore" and "dash"
PAUSES = {",": 0.8, ".": 1.6, "?": 3.0, "!": 3.0}  # cost of going on behind a pause
_SCALE = 64  # scores are whole numbers, with the place where they began in the low bits
_START_BITS, _ROW_BITS = 12, 9
_LOW = 1 << (_START_BITS + _ROW_BITS)
_NEVER = np.int64(-(1 << 50))
_PAUSE = len(WEIGHTS)  # the code of a pause; nothing agrees with it
_GAIN = np.hstack((1 - HARSHNESS * UNLIKENESS, np.full((len(WEIGHTS), 1), -3.0)))


@dataclass(frozen=True, slots=True)
class Fit:
    """A form said by the tokens from `first` up to `last` (exclusive)."""

    form: int
    first: int
    last: int
    score: float  # agreement, in phonemes of weight 1
    quality: float  # the share of the greatest possible score
    begin: int  # the phoneme of the form at which it was entered
    full: bool  # with its extension

    def moved(self, by: int) -> Fit:
        first, last = self.first + by, self.last + by
        return Fit(self.form, first, last, self.score, self.quality, self.begin, self.full)


@dataclass(frozen=True, slots=True)
class Utterance:
    """The heard sounds, a pause among them. Columns count sounds passed."""

    codes: npt.NDArray[np.int16]
    added: npt.NDArray[np.int64]  # cost of passing over everything up to a column
    starts: npt.NDArray[np.int64]  # column at which each token begins
    ends: npt.NDArray[np.int64]  # and at which it has passed

    @classmethod
    def of(cls, tokens: Sequence[Token]) -> Utterance:
        codes: list[int] = []
        costs: list[float] = []
        starts: list[int] = []
        ends: list[int] = []
        for token in tokens:
            pause = PAUSES.get(token.pause[:1])
            if pause and codes:
                codes.append(_PAUSE)
                costs.append(pause)
            starts.append(len(codes))
            sounds = encode(token.sounds)
            codes += sounds.tolist()
            costs += (WEIGHTS[sounds] * _added(token)).tolist()
            ends.append(len(codes))
        passed = np.concatenate(([0.0], np.cumsum(costs)))
        added = np.round(passed * _SCALE).astype(np.int64) * _LOW
        return cls(np.array(codes, dtype=np.int16), added, np.array(starts), np.array(ends))


def _added(token: Token) -> float:
    if token.mark in ("_", "-"):
        return JOIN_ADDED
    return MARK_ADDED if token.mark else ADDED


def align(
    forms: Sequence[Form], tokens: Sequence[Token], *, least_score: float, least_quality: float
) -> Iterator[Fit]:
    """Every place where a form fits at least so well; of overlapping ends, all."""
    if not forms or not any(token.sounds for token in tokens):
        return
    heard = Utterance.of(tokens)
    order = sorted(range(len(forms)), key=lambda number: -forms[number].full)
    table = _Table([forms[number] for number in order], heard)
    for row in table.rows():
        yield from table.fits(row, least_score, least_quality, order)


def sounds_like(tokens: Sequence[Token], name: str, least: float) -> bool:
    """Whether all of the tokens together say the name."""
    fits = align(list(forms_of_name(name)), tokens, least_score=0.5, least_quality=least)
    return any(fit.first == 0 and fit.last == len(tokens) for fit in fits)


class _Table:
    """The alignment of all forms, longest first, so that those still going on are a prefix."""

    def __init__(self, forms: Sequence[Form], heard: Utterance) -> None:
        self.forms = forms
        self.heard = heard
        count, length = len(forms), forms[0].full
        self.codes = np.zeros((count, length), dtype=np.int16)
        self.weights = np.zeros((count, length))
        for rank, form in enumerate(forms):
            self.codes[rank, : form.full] = form.codes
            self.weights[rank, : form.full] = form.weights
        self.passed = np.concatenate(
            (np.zeros((count, 1)), np.cumsum(self.weights, axis=1)), axis=1
        )
        self.begins = _by_row((row, rank) for rank, form in enumerate(forms) for row in form.begins)
        ends = [(form.stem, (rank, form.stem == form.full)) for rank, form in enumerate(forms)]
        ends += [(f.full, (rank, True)) for rank, f in enumerate(forms) if f.full != f.stem]
        self.ends = _by_row(ends)
        self.gain = _GAIN[:, heard.codes]
        self.scores = np.full((count, len(heard.codes) + 1), _NEVER)

    def rows(self) -> Iterator[int]:
        """Work through the forms; after each yield `scores` is what `row` phonemes gave."""
        lengths = np.array([form.full for form in self.forms])
        for row in range(len(self.codes[0]) + 1):
            alive = int(np.searchsorted(-lengths, -row, side="right"))
            self.scores = self.scores[:alive]
            if row:
                self._step(row - 1, alive)
            self._enter(row)
            yield row

    def _enter(self, row: int) -> None:
        ranks = self.begins.get(row)
        if ranks:
            fresh = (np.arange(len(self.heard.starts)) << _ROW_BITS) | row
            where = np.ix_(np.array(ranks), self.heard.starts)
            self.scores[where] = np.maximum(self.scores[where], fresh)

    def _step(self, row: int, alive: int) -> None:
        weights = self.weights[:alive, row][:, None]
        gain = np.round(self.gain[self.codes[:alive, row]] * weights * _SCALE).astype(np.int64)
        missing = np.round(weights * MISSING * _SCALE).astype(np.int64) * _LOW
        reached = self.scores - missing
        reached[:, 1:] = np.maximum(reached[:, 1:], self.scores[:, :-1] + gain * _LOW)
        reached += self.heard.added
        np.maximum.accumulate(reached, axis=1, out=reached)
        self.scores = reached - self.heard.added

    def fits(self, row: int, least: float, quality: float, order: Sequence[int]) -> Iterator[Fit]:
        """What ends with this row's phoneme; `order` has the form of each rank."""
        ending = self.ends.get(row)
        if not ending:
            return
        ranks = np.array([rank for rank, _ in ending])
        reached = self.scores[np.ix_(ranks, self.heard.ends)]
        which, places = np.nonzero(reached >= int(least * _SCALE) * _LOW)
        values = reached[which, places]
        scores, low = (values // _LOW) / _SCALE, values % _LOW
        firsts, begins = low >> _ROW_BITS, low & ((1 << _ROW_BITS) - 1)
        most = self.passed[ranks[which], row] - self.passed[ranks[which], begins]
        for at in np.flatnonzero((scores >= quality * most) & (firsts <= places)).tolist():
            score, share = float(scores[at]), float(scores[at] / most[at])
            rank, full = ending[which[at]]
            first, last = int(firsts[at]), int(places[at]) + 1
            yield Fit(order[rank], first, last, score, share, int(begins[at]), full)


def _by_row(pairs: Iterable[tuple[int, Value]]) -> dict[int, list[Value]]:
    found: dict[int, list[Value]] = {}
    for key, value in pairs:
        found.setdefault(key, []).append(value)
    return found
