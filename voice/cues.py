"""What besides the sounds speaks for a name: how well it has to sound, given what is around it.

People say "log in" without meaning `login.ts`. A spoken slash or dot inside, a noun beside it ("the
… function"), or a word before it after which names come ("in …", "refactor …") with no article
between: the less of these there is, the better the sounds have to agree.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from voice.alignment import Fit
from voice.spoken import Language, Token
from voice.vocabulary import Entry, Kind


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

_WITH_MARKS = (Kind.FILE, Kind.FOLDER, Kind.BRANCH)
_SPELLED_OUT = (NAMED_KIND, LED, LED_WELL, SUBJECT)  # evidence enough for its very words


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
