"""Names that do not exist yet: found by how they are asked for, written in the form asked for.

"a component called price badge" is `PriceBadge`; "a function named parse rows" is `parse_rows` in
a Python project and `parseRows` in a TypeScript one; "snake case total count" is `total_count`.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from voice.alignment import sounds_like
from voice.sounds import sounds_of
from voice.spoken import Language, Token

LONGEST = 6  # words of a new name
LOOK_BACK = 6  # words before "called" in which its kind may be named
LIKE_KIND = 0.75  # likeness of a misheard kind ("an m" for "enum")


Taken = Sequence[tuple[int, int, str]]  # names of the repository: first, last and written


@dataclass(frozen=True, slots=True)
class NewName:
    """The tokens from `first` up to `last` (exclusive) say a name that is to be made."""

    first: int
    last: int
    written: str
    kind: str  # component, function, … or empty


def write(words: Sequence[str], form: str) -> str:
    """The words joined in a form: camel, pascal, snake, kebab or constant."""
    lower = [word.lower() for word in words]
    match form:
        case "camel":
            return lower[0] + "".join(word.capitalize() for word in lower[1:])
        case "pascal":
            return "".join(word.capitalize() for word in lower)
        case "snake":
            return "_".join(lower)
        case "constant":
            return "_".join(lower).upper()
        case "kebab":
            return "-".join(lower)
    raise ValueError(form)


def form_of(written: str) -> str:
    """The form that a name is in; empty for a path."""
    if "." in written or "/" in written:
        return ""
    if "_" in written or written.isupper():
        return "constant" if written.isupper() else "snake"
    if "-" in written:
        return "kebab"
    return "pascal" if written[:1].isupper() else "camel"


class Naming:
    """Finds new names in tokens. `value_style` is how the project writes functions,
    `file_style` how it names files."""

    def __init__(
        self, tokens: Sequence[Token], speech: Language, value_style: str, file_style: str
    ) -> None:
        self._tokens = tokens
        self._words = [token.word for token in tokens]
        self._called = speech.phrases("names", "called")
        self._renaming = speech.words("names", "renaming")
        self._becomes = speech.words("names", "becomes")
        self._misheard = speech.phrases("names", "misheard_called")
        self._hard_ends = speech.words("names", "ends")
        self._ends = self._hard_ends | speech.words("names", "soft_ends")
        self._never_first = speech.words("names", "never_first") | speech.words("determiners")
        self._forms = {
            tuple(said.split()): form for said, form in speech.data["names"]["forms"].items()
        }
        self._kinds: dict[str, str] = speech.data["names"]["kinds"]
        self._predicates = speech.words("leads", "predicates")
        self._articles = speech.words("determiners")
        self._value_style = value_style
        self._file_style = file_style

    def find(self, taken: Taken) -> Iterator[NewName]:
        """New names outside the spans that are taken by names of the repository."""
        place = 0
        while place < len(self._tokens):
            found = self._at(place, taken)
            if found:
                yield found
                place = found.last
            else:
                place += 1

    def _at(self, place: int, taken: Taken) -> NewName | None:
        """A name asked for from here on: "called [snake case] …" or "snake case …"."""
        called, form_before = self._called_at(place), ""
        if not called:
            form_before = self._renamed_at(place, taken)
            called = (self._words[place],) if form_before else None
        first = place + len(called) if called else place
        form, length = self._form_at(first)
        if not called and not form:
            return None
        start = first + length
        last = self._end(start, taken, self._hard_ends if form else self._ends)
        words = [part for word in self._words[start:last] for part in re.findall(r"\w+", word)]
        if not words or words[0] in self._never_first:
            return None
        if called and self._words[place] == "name" and words[0] in self._predicates:
            return None  # "the component name is wrong"
        kind = self._kind_before(place) if called else ""
        written = write(self._mended(words, kind), form or form_before or self._style(kind))
        return NewName(first, last, written, kind)

    def _called_at(self, place: int) -> Sequence[str] | None:
        """The words of "called" at this place, right or misheard."""
        behind_kind = place > 0 and self._words[place - 1] in self._kinds
        phrases = [*self._called, *(self._misheard if behind_kind else ())]
        return next((phrase for phrase in phrases if self._says(place, phrase)), None)

    def _renamed_at(self, place: int, taken: Taken) -> str:
        """The form of the old name, where this is the "to" of "rename parseRow to …"."""
        if self._words[place] not in self._becomes:
            return ""
        for first, last, written in taken:
            if last == place and first and self._words[first - 1] in self._renaming:
                return form_of(written)
        return ""

    def _mended(self, words: Sequence[str], kind: str) -> Sequence[str]:
        """Hooks are called `use…`, which is easily heard as "you's" or "used"."""
        if kind == "hook" and sounds_of(words[0])[:2] == "yu" and words[0] != "use":
            rest = words[2:] if words[1:2] == ["s"] else words[1:]
            return ["use", *rest]
        return words

    def _says(self, place: int, phrase: Sequence[str]) -> bool:
        words = self._words[place : place + len(phrase)]
        return len(words) == len(phrase) and all(
            part in ("_", word) for part, word in zip(phrase, words, strict=True)
        )

    def _form_at(self, place: int) -> tuple[str, int]:
        for said, form in self._forms.items():
            if self._says(place, said):
                return form, len(said)
        return "", 0

    def _end(self, start: int, taken: Taken, ends: frozenset[str]) -> int:
        for place in range(start, min(start + LONGEST, len(self._tokens))):
            token = self._tokens[place]
            ended = place > start and (token.pause or token.word in ends or self._leaves(place))
            if ended or token.mark == "/" or any(first <= place < last for first, last, _ in taken):
                return place
        return min(start + LONGEST, len(self._tokens))

    def _leaves(self, place: int) -> bool:
        """ "… to the table" goes on behind the name, whatever form was said."""
        after = self._words[place + 1] if place + 1 < len(self._words) else ""
        return self._words[place] in self._ends and after in self._articles

    def _kind_before(self, place: int) -> str:
        for word in reversed(self._words[max(0, place - LOOK_BACK) : place]):
            if word in self._kinds:
                return word
        while place and self._tokens[place - 1].mark:
            place -= 1
        for length in (2, 1):
            said = self._tokens[max(0, place - length) : place]
            for kind in self._kinds if said else ():
                if sounds_like(said, kind, LIKE_KIND):
                    return kind
        return ""

    def _style(self, kind: str) -> str:
        style = self._kinds.get(kind, "value")
        if style == "file":
            return self._file_style
        return self._value_style if style == "value" else style
