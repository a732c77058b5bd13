"""Which names of the repository were said, where, and how sure that is.

Sounds alone do not decide: a match stands only if something besides them speaks for a name (see
`voice.cues`). What remains doubtful between neighbours is decided by what was used last, or handed
on as choices.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import zip_longest
from math import log2

from voice.alignment import Fit, align, sounds_like
from voice.cues import LEAST, Bar, Cues
from voice.pronunciation import parts_of
from voice.spoken import Language, Token
from voice.vocabulary import Entry, Kind, Vocabulary

WINDOW, STEP = 14, 7  # tokens looked at together, and how far to the next look
CLOSE = 0.94  # of the best one's value: a neighbour that may be meant as well
NEIGHBOURLY = 0.6  # quality at which another name may have been meant after all
RECENT = 1.06  # how much more likely a file of the last tasks is
TOGETHER = 1.1  # a file and a name that it defines
FRESH = 1.03  # and what was changed by the last commits
ORDINARY = 0.9  # packages are called by ordinary words, "requests" and "click"
MANY = 1000  # names; with each doubling beyond, more of them sound like something by chance
BY_CHANCE = 0.4  # and the score must be so much higher, in phonemes
DEEPER = 0.001  # how much less likely a name is per folder that was not said
FOLDER_SAID = 0.7  # quality at which a new path goes into a folder of the project
FOLDER_SPOKEN = 0.8  # and at which words before a file are its folder
MOST_CHOICES = 5


@dataclass(frozen=True, slots=True)
class Match:
    """The tokens from `first` up to `last` (exclusive) say `entry`."""

    first: int
    last: int
    entry: Entry
    value: float
    confidence: float
    choices: tuple[str, ...] = ()

    @property
    def likeness(self) -> float:
        """How well it sounds, whether or not others sound so as well."""
        return min(1.0, self.confidence * (2 if self.choices else 1))


def find_names(
    tokens: Sequence[Token],
    vocabulary: Vocabulary,
    speech: Language,
    recent: Sequence[str] = (),
) -> list[Match]:
    """Matches in order, none overlapping another."""
    fits = [
        found for start, end in windows(tokens) for found in _fits(tokens, start, end, vocabulary)
    ]
    cues = Cues(tokens, speech, by_chance=_by_chance(len(vocabulary.entries)))
    weights = {**dict.fromkeys(vocabulary.fresh, FRESH), **dict.fromkeys(recent, RECENT)}
    possible = list(_believed(fits, cues, weights))
    if possible or cues.technical():
        possible = list(_believed(fits, replace(cues, eased=True), weights))
    possible = _kept_together(possible, vocabulary)
    possible.sort(key=_first)
    best = [_with_choices(match, _around(match, possible)) for match in best_apart(possible)]
    return list(_with_folders(best, tokens))


def _kept_together(possible: Sequence[Match], vocabulary: Vocabulary) -> list[Match]:
    """A file in which a name is defined that was said as well is likelier than its neighbours, and
    so is a name that the file defines: "in index dot t s, rename parse cart"."""
    said = {match.entry.written for match in best_apart(possible)}
    homes = {home for name in said for home in vocabulary.homes.get(name, ())}
    return [
        replace(match, value=match.value * TOGETHER)
        if match.entry.written in homes or said & set(vocabulary.homes.get(match.entry.written, ()))
        else match
        for match in possible
    ]


def _with_folders(matches: Sequence[Match], tokens: Sequence[Token]) -> Iterator[Match]:
    """Files with the folders that were said before them without a slash: "billing clients stripe
    gateway dot pie" is one name, and so is "package SDK options dot go"."""
    before = 0
    for match, behind in zip_longest(matches, matches[1:]):
        inside = behind and behind.entry.written.startswith(f"{match.entry.written}/")
        if not inside or match.last != behind.first:
            first = _folders_from(match, tokens, before)
            dotted = match.entry.written.startswith(".") and first > before
            yield replace(match, first=first - (dotted and tokens[first - 1].mark == "."))
            before = match.last


def _folders_from(match: Match, tokens: Sequence[Token], before: int) -> int:
    """Where the folders of a file begin that were said from the token `before` on."""
    first = match.first
    folders = match.entry.written.split("/")[:-1] if match.entry.kind is Kind.FILE else []
    while folders and not tokens[first].pause:
        folder = folders.pop()
        said = len(parts_of(folder))
        part = tokens[max(before, first - said) : first]
        if not part or not sounds_like(part, folder, FOLDER_SPOKEN):
            break
        first -= len(part)
    return first


def _by_chance(names: int) -> float:
    return BY_CHANCE * max(0.0, log2(max(names, 1) / MANY))


def neighbour(tokens: Sequence[Token], vocabulary: Vocabulary, besides: str) -> Entry | None:
    """What else these tokens may have said: the best fit of the same kind, `besides` left out."""
    fits = sorted(_fits(tokens, 0, len(tokens), vocabulary), key=lambda found: -found[0].score)
    kinds = {entry.kind for _, entry in fits if entry.written == besides}
    others = (
        entry
        for fit, entry in fits
        if entry.written != besides and entry.kind in kinds and fit.quality >= NEIGHBOURLY
    )
    return next(others, None)


def folder_said(
    tokens: Sequence[Token], first: int, last: int, vocabulary: Vocabulary
) -> tuple[int, str] | None:
    """The folder of the project that the tokens up to `last` say, and where it begins."""
    fits = [
        (fit, entry)
        for fit, entry in _fits(tokens, first, last, vocabulary)
        if entry.kind is Kind.FOLDER and fit.last == last and fit.quality >= FOLDER_SAID
    ]
    if not fits:
        return None
    fit, entry = max(fits, key=lambda found: (found[0].score, -len(found[1].written)))
    return fit.first, entry.written


def windows(tokens: Sequence[Token]) -> Iterator[tuple[int, int]]:
    """Overlapping, so that every name of up to STEP tokens is whole in one of them."""
    for start in range(0, max(1, len(tokens) - WINDOW + STEP), STEP):
        yield start, min(start + WINDOW, len(tokens))


def _fits(
    tokens: Sequence[Token], start: int, end: int, vocabulary: Vocabulary
) -> Iterator[tuple[Fit, Entry]]:
    part = tokens[start:end]
    entries = vocabulary.likely("".join(token.sounds for token in part))
    forms = [(form, entry) for entry in entries for form in entry.forms()]
    found = align(
        [form for form, _ in forms], part, least_score=LEAST.score, least_quality=LEAST.quality
    )
    for fit in found:
        yield fit.moved(start), forms[fit.form][1]


def _believed(
    fits: Iterable[tuple[Fit, Entry]], cues: Cues, weights: Mapping[str, float]
) -> Iterator[Match]:
    """Those that reach the bar that their surroundings set."""
    for fit, entry in fits:
        bar = cues.bar(fit, entry)
        if bar and _passes(fit, bar, cues.tokens):
            weight = ORDINARY if entry.is_ordinary else weights.get(entry.written, 1.0)
            weight -= DEEPER * (entry.written.count("/") + entry.written.startswith("_"))
            yield Match(
                cues.first(fit, entry),
                cues.last(fit, entry),
                entry,
                value=fit.score * fit.quality**1.5 * weight,
                confidence=round(min(1.0, float(fit.quality)), 2),
            )


def _passes(fit: Fit, bar: Bar, tokens: Sequence[Token]) -> bool:
    said = sum(not token.mark for token in tokens[fit.first : fit.last])
    return fit.quality >= bar.quality and fit.score >= bar.score and said >= bar.tokens


def best_apart(matches: Iterable[Match]) -> list[Match]:
    """The set of matches without overlap that is worth most (weighted interval scheduling)."""
    ordered = sorted(matches, key=lambda match: (match.last, match.first))
    worth: list[tuple[float, list[Match]]] = [(0.0, [])]
    reached: list[int] = [0]  # the `last` up to which each of `worth` goes
    for match in ordered:
        before = bisect_right(reached, match.first) - 1
        total = worth[before][0] + match.value
        if total > worth[-1][0]:
            worth.append((total, [*worth[before][1], match]))
            reached.append(match.last)
    return worth[-1][1]


def _first(match: Match) -> int:
    return match.first


def _around(match: Match, possible: Sequence[Match]) -> Sequence[Match]:
    """Those of a row in order that can overlap with it; a long note has very many others."""
    nearest = bisect_left(possible, match.first - 2 * WINDOW, key=_first)
    return possible[nearest : bisect_left(possible, match.last, key=_first)]


def _with_choices(match: Match, possible: Iterable[Match]) -> Match:
    """The neighbours that fit about as well in the same place."""
    rivals: dict[str, float] = {}
    for other in possible:
        if _same_place(match, other) and other.value >= CLOSE * match.value:
            rivals[other.entry.written] = max(other.value, rivals.get(other.entry.written, 0.0))
    rivals.pop(match.entry.written, None)
    if not rivals:
        return match
    ranked = sorted(rivals, key=lambda written: (-rivals[written], written))
    choices = (match.entry.written, *ranked[: MOST_CHOICES - 1])
    return replace(match, choices=choices, confidence=round(match.confidence / 2, 2))


def _same_place(one: Match, other: Match) -> bool:
    overlap = min(one.last, other.last) - max(one.first, other.first)
    return 2 * overlap > max(one.last - one.first, other.last - other.first)
