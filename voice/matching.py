"""Which names of the repository were said, where, and how sure that is.

Sounds alone do not decide: people say "log in" without meaning `login.ts`. A match stands only if
something besides the sounds speaks for a name: a spoken slash or dot inside it, a noun beside it
("the … function"), or a word before it after which names come ("in …", "refactor …") with no
article between. The less there is, the better the sounds have to agree. What remains doubtful
between neighbours is decided by what was used last, or handed on as choices.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace

from voice.alignment import Fit, align
from voice.spoken import Language, Token
from voice.vocabulary import Entry, Kind, Vocabulary

MOST_CANDIDATES = 300
LONGEST_CHUNK = 80  # tokens looked at together
CLOSE = 0.94  # of the best one's value: a neighbour that may be meant as well
RECENT = 1.06  # how much more likely a file of the last tasks is
MOST_CHOICES = 5


@dataclass(frozen=True, slots=True)
class Bar:
    """What the sounds must reach, given the other evidence."""

    quality: float
    score: float
    tokens: int = 1  # a name of fewer is not believed


MARKED = Bar(quality=0.5, score=3.0)
NAMED_KIND = Bar(quality=0.6, score=2.5)
LED = Bar(quality=0.66, score=5.0, tokens=2)
BARE = Bar(quality=0.88, score=9.0, tokens=4)
LEAST = Bar(quality=0.5, score=2.5)


@dataclass(frozen=True, slots=True)
class Match:
    """The tokens from `first` up to `last` (exclusive) say `entry`."""

    first: int
    last: int
    entry: Entry
    value: float
    confidence: float
    choices: tuple[str, ...] = ()


def find_names(
    tokens: Sequence[Token],
    vocabulary: Vocabulary,
    speech: Language,
    recent: Sequence[str] = (),
) -> list[Match]:
    """Matches in order, none overlapping another."""
    found: list[Match] = []
    for start, end in _chunks(tokens):
        possible = list(_possible(tokens, start, end, vocabulary, Cues(tokens, speech), recent))
        found += [_with_choices(match, possible) for match in best_apart(possible)]
    return found


def _chunks(tokens: Sequence[Token]) -> Iterator[tuple[int, int]]:
    """The whole of a short note; a long one cut at its pauses."""
    start = 0
    while len(tokens) - start > LONGEST_CHUNK:
        pauses = [
            place
            for place in range(start + 1, start + LONGEST_CHUNK + 1)
            if tokens[place].pause[:1] in (".", "?", "!")
        ]
        end = pauses[-1] if pauses else start + LONGEST_CHUNK
        yield start, end
        start = end
    if start < len(tokens):
        yield start, len(tokens)


def _possible(
    tokens: Sequence[Token],
    start: int,
    end: int,
    vocabulary: Vocabulary,
    cues: Cues,
    recent: Sequence[str],
) -> Iterator[Match]:
    part = tokens[start:end]
    entries = vocabulary.likely("".join(token.sounds for token in part), MOST_CANDIDATES)
    forms = [(form, entry) for entry in entries for form in entry.forms()]
    fits = align(
        [form for form, _ in forms], part, least_score=LEAST.score, least_quality=LEAST.quality
    )
    for fit in fits:
        entry = forms[fit.form][1]
        moved = replace(fit, first=fit.first + start, last=fit.last + start)
        bar = cues.bar(moved, entry)
        if bar and _passes(moved, bar, tokens):
            liking = RECENT if entry.written in recent else 1.0
            yield Match(
                moved.first,
                moved.last,
                entry,
                value=moved.score * moved.quality * liking,
                confidence=round(min(1.0, moved.quality), 2),
            )


def _passes(fit: Fit, bar: Bar, tokens: Sequence[Token]) -> bool:
    said = sum(not token.mark for token in tokens[fit.first : fit.last])
    return fit.quality >= bar.quality and fit.score >= bar.score and said >= bar.tokens


class Cues:
    """What besides the sounds speaks for a name."""

    def __init__(self, tokens: Sequence[Token], speech: Language) -> None:
        self._tokens = tokens
        self._path_nouns = speech.words("nouns", "path") | speech.words("nouns", "either")
        self._name_nouns = speech.words("nouns", "identifier") | speech.words("nouns", "either")
        self._branch_nouns = speech.words("nouns", "branch") | speech.words("nouns", "either")
        self._leads = speech.words("leads", "words")

    def bar(self, fit: Fit, entry: Entry) -> Bar | None:
        """What the sounds must reach for this entry to stand here; None: no name at all."""
        inside = self._tokens[fit.first : fit.last]
        if inside[0].mark or inside[-1].mark:
            return None
        marked = any(token.mark in ("/", ".") for token in inside[1:])
        match entry.kind:
            case Kind.FILE:
                return self._file_bar(fit, marked)
            case Kind.FOLDER:
                return MARKED if marked else self._by_noun(fit, self._path_nouns)
            case Kind.BRANCH:
                return self._by_noun(fit, self._branch_nouns)
            case Kind.SYMBOL:
                return self._symbol_bar(fit, inside)

    def _file_bar(self, fit: Fit, marked: bool) -> Bar | None:
        if marked:
            return MARKED
        named = self._by_noun(fit, self._path_nouns)
        if named or not fit.full:
            return named
        return LED if self._led(fit) else None

    def _symbol_bar(self, fit: Fit, inside: Sequence[Token]) -> Bar | None:
        named = self._by_noun(fit, self._name_nouns)
        if named:
            return named
        if self._led(fit) or any(token.joined and not token.mark for token in inside[1:]):
            return LED
        return BARE

    def _by_noun(self, fit: Fit, nouns: Iterable[str]) -> Bar | None:
        return (
            NAMED_KIND if {self._word(fit.first - 1), self._word(fit.last)} & set(nouns) else None
        )

    def _led(self, fit: Fit) -> bool:
        return self._word(fit.first - 1) in self._leads or fit.first == 0

    def _word(self, place: int) -> str:
        return self._tokens[place].word if 0 <= place < len(self._tokens) else ""


def best_apart(matches: Iterable[Match]) -> list[Match]:
    """The set of matches without overlap that is worth most (weighted interval scheduling)."""
    ordered = sorted(matches, key=lambda match: (match.last, match.first))
    worth: list[tuple[float, list[Match]]] = [(0.0, [])]
    reached: list[int] = [0]  # the `last` up to which each of `worth` goes
    for match in ordered:
        before = max(place for place, last in enumerate(reached) if last <= match.first)
        total = worth[before][0] + match.value
        if total > worth[-1][0]:
            worth.append((total, [*worth[before][1], match]))
            reached.append(match.last)
    return worth[-1][1]


def _with_choices(match: Match, possible: Iterable[Match]) -> Match:
    """The neighbours that fit about as well in the same place."""
    rivals: dict[str, float] = {}
    for other in possible:
        overlap = min(match.last, other.last) - max(match.first, other.first)
        if overlap > 0 and other.value >= CLOSE * match.value and other.entry != match.entry:
            rivals[other.entry.written] = max(other.value, rivals.get(other.entry.written, 0.0))
    if not rivals:
        return match
    ranked = sorted(rivals, key=lambda written: (-rivals[written], written))
    choices = (match.entry.written, *ranked[: MOST_CHOICES - 1])
    return replace(match, choices=choices, confidence=round(match.confidence / 2, 2))
