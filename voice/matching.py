"""Which names of the repository were said, where, and how sure that is.

Sounds alone do not decide: people say "log in" without meaning `login.ts`. A match stands only if
something besides the sounds speaks for a name: a spoken slash or dot inside it, a noun beside it
("the … function"), or a word before it after which names come ("in …", "refactor …") with no
article between. The less there is, the better the sounds have to agree. What remains doubtful
between neighbours is decided by what was used last, or handed on as choices.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import zip_longest
from math import log2

from voice.alignment import Fit, align, sounds_like
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
class Bar:
    """What the sounds must reach, given the other evidence."""

    quality: float
    score: float
    tokens: int = 1  # a name of fewer is not believed

    def raised(self, by: float) -> Bar:
        return replace(self, score=self.score + by)


MARKED = Bar(quality=0.5, score=3.0)
NAMED_KIND = Bar(quality=0.6, score=2.5)
NAMED_BEHIND = Bar(quality=0.8, score=3.5)
LED = Bar(quality=0.66, score=5.0, tokens=2)
LED_WELL = Bar(quality=0.9, score=3.5, tokens=2)
BARE = Bar(quality=0.88, score=9.0, tokens=4)
PACKAGE = Bar(quality=0.9, score=4.5, tokens=2)
EASED = Bar(quality=0.84, score=4.6, tokens=2)  # where other names show that code is meant
SUBJECT = Bar(quality=0.88, score=4.6, tokens=2)  # what a sentence without article begins with
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


_WITH_MARKS = (Kind.FILE, Kind.FOLDER, Kind.BRANCH)
_SPELLED_OUT = (
    NAMED_KIND,
    LED,
    LED_WELL,
    SUBJECT,
)  # evidence enough for its very words


@dataclass(frozen=True, slots=True)
class Cues:
    """What besides the sounds speaks for a name.

    `eased`: the note is about code anyway; `by_chance`: what more is asked of a name without marks,
    since there are so many.
    """

    tokens: Sequence[Token]
    speech: Language
    eased: bool = False
    by_chance: float = 0.0

    def bar(self, fit: Fit, entry: Entry) -> Bar | None:
        """What the sounds must reach for this entry to stand here; None: no name at all."""
        inside = self.tokens[fit.first : fit.last]
        if inside[0].mark or inside[-1].mark:
            return None
        if self._marked(fit, entry):
            return MARKED
        if inside[0].word in self.speech.words("determiners") or self._frayed(fit, entry):
            return None
        bar = self._unmarked_bar(fit, entry)
        if bar is None or (bar in _SPELLED_OUT and self._letter_by_letter(fit, entry)):
            return bar
        return bar.raised(self.by_chance)

    def _unmarked_bar(self, fit: Fit, entry: Entry) -> Bar | None:
        match entry.kind:
            case Kind.FILE:
                return self._file_bar(fit)
            case Kind.FOLDER:
                return self._by_noun(fit, "folder")
            case Kind.BRANCH:
                return self._by_noun(fit, "branch")
            case Kind.SYMBOL:
                return self._symbol_bar(fit, entry)
            case Kind.PACKAGE:
                return self._by_noun(fit, "package") or self._package_bar(fit)
            case Kind.WORD:
                return self._package_bar(fit)

    def _marked(self, fit: Fit, entry: Entry) -> bool:
        """Whether a mark was said that only names have: a slash, a dot, an underscore."""
        inside = self.tokens[fit.first + 1 : fit.last]
        if any(token.mark in ("_", "-") and token.text != "-" for token in inside):
            return True
        if entry.kind not in _WITH_MARKS:
            return False
        hidden = entry.written.startswith(".") and self._mark(fit.first - 1) == "."
        return hidden or any(token.mark in ("/", ".") for token in inside)

    def _frayed(self, fit: Fit, entry: Entry) -> bool:
        """Whether it begins or ends with a small word that the name has not: "the argument is"."""
        small = self.speech.words("leads", "small") | self.speech.words("determiners")
        first, last = self._word(fit.first), self._word(fit.last - 1)
        if first not in small and last not in small:
            return False
        letters = _letters(entry)
        return (first in small and not letters.startswith(first)) or (
            last in small and not letters.endswith(last)
        )

    def _file_bar(self, fit: Fit) -> Bar | None:
        if self._self_naming(fit):
            return NAMED_KIND
        named = self._by_noun(fit, "file")
        return named or (LED if fit.full and self._led(fit) else None)

    def _symbol_bar(self, fit: Fit, entry: Entry) -> Bar | None:
        """ "close the account" is what people do, not `close_account`; what is called something is
        new."""
        inside = self.tokens[fit.first : fit.last]
        if any((token.word,) in self.speech.phrases("names", "called") for token in inside):
            return None
        named = self._by_noun(fit, "identifier")
        apart = self.speech.words("determiners") | self.speech.words("leads", "apart")
        if any(token.word in apart and token.word not in _letters(entry) for token in inside):
            return named and NAMED_BEHIND
        if named:
            return named
        if self._led(fit) or self._in_one_word(fit):
            return LED if fit.quality < LED_WELL.quality else LED_WELL
        if self._word(fit.first) in self.speech.words("leads", "plain"):
            return None
        if self._subject(fit):
            return SUBJECT
        return EASED if self.eased else BARE

    def _package_bar(self, fit: Fit) -> Bar | None:
        """ "send the requests" is no talk of packages."""
        return PACKAGE if self.eased or self._led(fit) or self._in_one_word(fit) else None

    def _letter_by_letter(self, fit: Fit, entry: Entry) -> bool:
        """Whether the very words of the name were heard; one word alone may be an ordinary one."""
        inside = self.tokens[fit.first : fit.last]
        said = "".join(token.word for token in inside)
        return (len(inside) > 1 or entry.kind is Kind.SYMBOL) and said == _letters(entry)

    def technical(self) -> bool:
        """Whether the note speaks of code even without names."""
        words = self.speech.words("leads", "technical")
        return any(token.word in words for token in self.tokens)

    def first(self, fit: Fit, entry: Entry) -> int:
        """The match, and folders before it that were heard too badly to fit."""
        first = fit.first
        for _ in range(entry.written.count("/")):
            if not entry.is_path or self._mark(first - 1) != "/" or first < 2:
                break
            if self._word(first - 2) in self.speech.words("leads", "words"):
                break
            first -= 2
            while first and len(self._word(first)) == 1 == len(self._word(first - 1)):
                first -= 1
        return first

    def last(self, fit: Fit, entry: Entry) -> int:
        """Behind the match, and behind an extension that was said too badly to fit."""
        last = fit.last
        if fit.full or entry.kind is not Kind.FILE or self._mark(last) != ".":
            return last
        last += 2
        while len(self._word(last - 1)) == 1 == len(self._word(last)):
            last += 1
        return min(last, len(self.tokens))

    def _by_noun(self, fit: Fit, kind: str) -> Bar | None:
        nouns = self.speech.words("nouns", kind)
        behind = self._word(fit.last) if not self._pause(fit.last) else ""
        if kind == "identifier" and behind in self.speech.words("nouns", "identifier_behind"):
            return NAMED_BEHIND
        before = self._word(fit.first - 1)
        if before in nouns and before.removesuffix("s") in nouns and before.endswith("s"):
            return NAMED_BEHIND  # "files larger than that"
        return NAMED_KIND if {before, behind} & nouns else None

    def _led(self, fit: Fit) -> bool:
        last, earlier = self._word(fit.first - 1), self._word(fit.first - 2)
        if last in self.speech.words("leads", "asking"):  # "is parse row slow", not "it is slow"
            begins = fit.first < 2 or bool(self._pause(fit.first - 1))
            return begins or earlier in self.speech.words("leads", "asked_by")
        leads = self.speech.words("leads", "words")
        return last in leads or f"{earlier} {last}" in leads

    def _subject(self, fit: Fit) -> bool:
        """ "…, parse row is slow": nothing ordinary stands there without an article."""
        before = self._word(fit.first - 1)
        begins = (
            not before or self._pause(fit.first) or before in self.speech.words("leads", "clause")
        )
        verbs = self.speech.words("leads", "predicates")
        return bool(begins) and not self._pause(fit.last) and self._word(fit.last) in verbs

    def _in_one_word(self, fit: Fit) -> bool:
        """Whisper itself wrote it like a name: "PriceBadge"."""
        inside = self.tokens[fit.first + 1 : fit.last]
        return any(token.joined and not token.mark for token in inside)

    def _self_naming(self, fit: Fit) -> bool:
        """ "the make file" can be nothing else."""
        words = [token.word for token in self.tokens[fit.first : fit.last]]
        if self._word(fit.first - 1) not in self.speech.words("determiners") and not self._led(fit):
            return False
        return " ".join(words) in self.speech.words("nouns", "self_naming")

    def _pause(self, place: int) -> str:
        return self.tokens[place].pause if 0 <= place < len(self.tokens) else ""

    def _word(self, place: int) -> str:
        return self.tokens[place].word if 0 <= place < len(self.tokens) else ""

    def _mark(self, place: int) -> str:
        return self.tokens[place].mark if 0 <= place < len(self.tokens) else ""


def _letters(entry: Entry) -> str:
    return "".join(entry.parts()[0]).lower()


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
