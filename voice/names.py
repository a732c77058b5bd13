"""Names that do not exist yet: found by how they are asked for, written in the form asked for.

"a component called price badge" is `PriceBadge`; "a function named parse rows" is `parse_rows` in
a Python project and `parseRows` in a TypeScript one; "snake case total count" is `total_count`;
"add a hook use clipboard" and "create a price badge component" are understood without "called".
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

from voice.alignment import sounds_like
from voice.sounds import sounds_of
from voice.spoken import Language, Token

LONGEST = 6  # words of a new name
LOOK_BACK = 6  # words before "called" in which its kind may be named
MOST_UNCALLED = 4  # words of a name that comes without "called"
LIKE_KIND = 0.75  # likeness of a misheard kind ("an m" for "enum")


Taken = Sequence[tuple[int, int, str]]  # names of the repository: first, last and written


@dataclass(frozen=True, slots=True)
class NewName:
    """The tokens from `first` up to `last` (exclusive) say a name that is to be made."""

    first: int
    last: int
    written: str
    kind: str  # component, function, … or empty
    heard: str = ""  # the same in the words that were heard, where they differ


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
    """Finds new names in tokens. `value_style` is how functions are written where the name goes,
    `file_style` how the project names files; `mend` gives words that were misheard their right
    ones."""

    def __init__(
        self,
        tokens: Sequence[Token],
        speech: Language,
        value_style: str,
        file_style: str,
        mend: Callable[[Sequence[str]], Sequence[str]] = list,
    ) -> None:
        self._tokens = tokens
        self._words = [token.word for token in tokens]
        self._speech = speech
        self._called = speech.phrases("names", "called")
        self._misheard = speech.phrases("names", "misheard_called")
        self._hard_ends = speech.words("names", "ends")
        self._soft_ends = speech.words("names", "soft_ends")
        self._ends = self._hard_ends | self._soft_ends
        self._inner = speech.words("names", "inner")
        self._never_first = speech.words("names", "never_first") | speech.words("determiners")
        self._forms = {
            tuple(said.split()): form for said, form in speech.data["names"]["forms"].items()
        }
        self._kinds: dict[str, str] = speech.data["names"]["kinds"]
        self._value_style = value_style
        self._file_style = file_style
        self._mend = mend

    def find(self, taken: Taken) -> Iterator[NewName]:
        """New names outside the spans that are taken by names of the repository."""
        place = done = 0
        while place < len(self._tokens):
            found = self._at(place, taken) or self._beside_its_kind(place, taken)
            if found and found.first >= done:
                yield found
                place = done = max(place + 1, found.last)
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
        kind = self._kind_before(place) if called else ""
        if kind == "hook":  # "the bounce" is heard for "debounce"
            last = self._end(start, taken, self._hard_ends - {"the"})
        else:
            last = self._end(start, taken, self._hard_ends if form else self._ends)
        words = self._plain(start, last)
        if not words or self._mend(words)[0] in self._never_first:  # "a sink" may be async
            return None
        if called and self._words[place] == "name" and words[0] in self._predicates():
            return None  # "the component name is wrong"
        return self._named(first, last, words, kind, form or form_before)

    def _named(
        self, first: int, last: int, words: Sequence[str], kind: str, form: str = ""
    ) -> NewName:
        words = self._as_hook(words) if kind == "hook" else words
        form = form or self._style(kind)
        written, heard = write(self._mend(words), form), write(words, form)
        return NewName(first, last, written, kind, heard if heard != written else "")

    def _plain(self, start: int, last: int) -> list[str]:
        """The words of a name; letters said one by one are one word."""
        words: list[str] = []
        spelling = False
        for word in self._words[start:last]:
            for part in re.findall(r"\w+", word):
                letter = len(part) == 1 and part.isalpha()
                if letter and spelling:
                    words[-1] += part
                else:
                    words.append(part)
                spelling = letter
        return words

    def _beside_its_kind(self, place: int, taken: Taken) -> NewName | None:
        """ "add a hook use clipboard", "create a price badge component": no "called", but a noun
        of `kinds` behind a verb of making, and words that can be a name."""
        kind = self._words[place]
        if kind not in self._kinds or self._kinds[kind] not in ("value", "pascal", "camel"):
            return None
        article = self._article_before(place)
        if article is None or (place + 1 < len(self._words) and self._called_at(place + 1)):
            return None
        for first, last in ((place + 1, self._end(place + 1, taken, self._ends)), (article, place)):
            free = not any(first < end and begin < last for begin, end, _ in taken)
            inside = self._tokens[first:last]
            if not free or any(token.pause or token.mark for token in inside):
                continue
            words = self._plain(first, last)
            telling = last != place and bool(words) and words[0].endswith("ing")
            if telling or not self._can_be_name(kind, words):
                continue  # "a component showing the price" names nothing
            if last == place or not self._goes_on(last):
                return self._named(first, last, words, kind)
        return None

    def _article_before(self, place: int) -> int | None:
        """Where the words behind "add a new" begin, which come before a noun of `kinds`."""
        indefinite = self._speech.words("names", "indefinite")
        plain = self._speech.words("names", "plain_kinds")
        inventing = self._speech.words("names", "inventing")
        start = place
        while start > max(0, place - LOOK_BACK) and self._words[start - 1] not in indefinite:
            if self._words[start - 1] in self._ends or self._tokens[start].pause:
                return None
            start -= 1
        before = start - 1
        while before > 0 and self._words[before] in indefinite:
            before -= 1
        if start < 1 or self._words[before] not in inventing:
            return None
        while start < place and self._words[start] in plain:
            start += 1
        return start

    def _can_be_name(self, kind: str, words: Sequence[str]) -> bool:
        if not 2 <= len(words) <= MOST_UNCALLED or words[0] in self._never_first | self._ends:
            return False
        if any(word in self._kinds for word in words[:-1]):
            return False
        match self._kinds[kind]:
            case "camel":
                return sounds_of(words[0])[:2] == "yu"
            case "value":
                return words[0] in self._speech.words("names", "verbs")
        return True

    def _goes_on(self, place: int) -> bool:
        """Whether more of the sentence follows that no name can be followed by."""
        if place >= len(self._tokens) or self._tokens[place].pause:
            return False
        return self._words[place] not in self._ends

    def _called_at(self, place: int) -> Sequence[str] | None:
        """The words of "called" at this place, right or misheard."""
        behind_kind = place > 0 and self._words[place - 1] in self._kinds
        phrases = [*self._called, *(self._misheard if behind_kind else ())]
        return next((phrase for phrase in phrases if self._says(place, phrase)), None)

    def _renamed_at(self, place: int, taken: Taken) -> str:
        """The form of the old name, where this is the "to" of "rename parseRow to …"."""
        if self._words[place] not in self._speech.words("names", "becomes"):
            return ""
        renaming = self._speech.words("names", "renaming")
        for first, last, written in taken:
            if last == place and first and self._words[first - 1] in renaming:
                return form_of(written)
        return ""

    def _predicates(self) -> frozenset[str]:
        return self._speech.words("leads", "predicates")

    def _as_hook(self, words: Sequence[str]) -> Sequence[str]:
        """Hooks are called `use…`, which is easily heard as "you's" or "used"."""
        if sounds_of(words[0])[:2] == "yu" and words[0] != "use":
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
            ended = place > start and (token.pause or self._ends_at(place, ends))
            if ended or token.mark == "/" or any(first <= place < last for first, last, _ in taken):
                return place
        return min(start + LONGEST, len(self._tokens))

    def _ends_at(self, place: int, ends: frozenset[str]) -> bool:
        """Whether the name is over before this word, by the word and the one behind it."""
        word = self._words[place]
        after = self._words[place + 1] if place + 1 < len(self._words) else ""
        if word in self._ends | self._inner and after in self._speech.words("determiners"):
            return True  # "… on the page", whatever form was said
        if word in self._inner and after in self._soft_ends:
            return False  # "last seen at to the result"
        return word in ends

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
