"""Names that do not exist yet: found by how they are asked for, written in the form asked for.

"a component called price badge" is `PriceBadge`; "a function named parse rows" is `parse_rows` in
a Python project and `parseRows` in a TypeScript one; "snake case total count" is `total_count`;
"add a hook use clipboard" and "create a price badge component" are understood without "called".
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from voice.name_ends import Ends, Taken
from voice.name_forms import form_in, form_of, sliced, words_of, write
from voice.name_kinds import Kinds, Said
from voice.sounds import sounds_of
from voice.spoken import Language, Token

LOOK_BACK = 7  # words before the "to" of "rename … to", and before a kind
LOOK_UP = 10  # words before "called" in which a verb of making may be
MOST_UNCALLED = 4  # words of a name that comes without "called"
_SLICED = ("branch", "route", "endpoint", "path", "url")  # have slashes in them

Mend = Callable[[Sequence[str]], Sequence[str]]


@dataclass(frozen=True, slots=True)
class NewName:
    """The tokens from `first` up to `last` (exclusive) say a name that is to be made."""

    first: int
    last: int
    written: str
    kind: str  # component, function, … or empty
    heard: str = ""  # the same in the words that were heard, where they differ


@dataclass(frozen=True, slots=True)
class Ask:
    """A name is asked for: its words begin at `start`, and all from `first` on gives way."""

    first: int
    start: int
    kind: Said
    form: str = ""
    least: int = 1  # words of a name that is believed


class Naming:
    """Finds new names in tokens. `styles` are how functions ("value"), files, folders and modules
    are written where the name goes; `mend` gives words that were misheard their right ones."""

    def __init__(
        self,
        tokens: Sequence[Token],
        speech: Language,
        styles: Mapping[str, str],
        mend: Mend = list,
    ) -> None:
        self._tokens = tokens
        self._words = [token.word for token in tokens]
        self._speech = speech
        self._kinds = Kinds(tokens, speech)
        self._ends = Ends(tokens, speech)
        self._called = speech.phrases("names", "called")
        self._misheard = speech.phrases("names", "misheard_called")
        self._never_first = speech.words("names", "never_first") | speech.words("determiners")
        self._seldom_first = speech.words("names", "seldom_first")
        self._forms: dict[tuple[str, ...], str] = {
            tuple(said.split()): form
            for form, ways in speech.data["names"]["forms"].items()
            for said in ways
        }
        self._styles = styles
        self._mend = mend

    def find(self, taken: Taken) -> Iterator[NewName]:
        """Where one overlaps a name of the repository (`taken`), the new one is meant."""
        place = done = 0
        row: Ask | None = None  # "called read header and read body" goes on behind `done`
        while place < len(self._tokens):
            ask = self._asked_at(place, taken)
            if not ask and row and place == done:
                ask = self._next_of(row, place)
            found = self._named(ask, taken) if ask else self._beside_its_kind(place, taken)
            if found and found.first >= done:
                yield found
                place = done = max(place + 1, found.last)
                row = ask if ask and ask.kind.several else None
            else:
                place += 1

    def _asked_at(self, place: int, taken: Taken) -> Ask | None:
        """A name asked for from here on: "called [snake case] …", "rename … to", "snake case …"."""
        called = self._called_at(place)
        if called:
            return self._ask_called(place, called, taken)
        renamed = self._renamed_at(place, taken)
        if renamed:
            return renamed
        form, length = self._form_at(place)
        if not form or self._called_at(place + length):
            return None
        return Ask(place, place + length, Said(), form)

    def _ask_called(self, place: int, called: int, taken: Taken) -> Ask | None:
        first = place + called
        while self._word(first) in self._speech.words("hesitations"):
            first += 1
        form, length = self._form_at(first, called=True)
        form = form or self._form_before(place)
        again = "it" in (self._word(place + 1), self._word(place - 2)) or (
            self._word(place - 1) == "it's"
        )
        kind = self._kinds.in_call(place, first) or self._kinds.before(place, again)
        if first + length >= len(self._tokens) or self._only_told(place, first, kind):
            return None
        if not kind and not form:
            return Ask(first, first, kind, least=2) if self._is_made(place, taken) else None
        return Ask(first, first + length, kind, form)

    def _only_told(self, place: int, first: int, kind: Said) -> bool:
        """ "is called off", "the component name is wrong": nothing is named."""
        behind = self._word(first)
        if self._words[place] == "name" and behind in self._predicates():
            return True
        if self._word(place - 1) not in self._speech.words("names", "being"):
            return False
        return not kind or self._ends.passes_on(behind)

    def _is_made(self, place: int, taken: Taken) -> bool:
        """Whether something is to be made here, or the note is about code."""
        technical = self._speech.words("leads", "technical")
        making = self._inventing_before(place)
        return bool(taken) or making or not technical.isdisjoint(self._words)

    def _inventing_before(self, place: int) -> bool:
        before = self._words[max(0, place - LOOK_UP) : place]
        return not self._speech.words("names", "inventing").isdisjoint(before)

    def _next_of(self, row: Ask, place: int) -> Ask | None:
        """ "… and read body", where several were announced."""
        joins = self._words[place] in self._speech.words("names", "joins")
        if not joins and not self._tokens[place].pause.startswith(","):
            return None
        start = place + joins
        other = self._word(start) in self._speech.words("names", "inventing")  # "and add them"
        if start >= len(self._tokens) or other or self._ends.closes(start + 1, ()):
            return None
        return Ask(start, start, row.kind, row.form)

    def _named(self, ask: Ask, taken: Taken) -> NewName | None:
        making = ask.kind.made or self._inventing_before(ask.first)
        others = [t for t in taken if t[0] != ask.start or not making or "." in t[2]]
        hook = ask.kind.name == "hook"  # "the bounce" is heard for "debounce"
        slashes = ask.kind.name in _SLICED
        sentence = ask.kind.name == "test" or self._word(ask.start) == "test"
        last = self._ends.after(
            ask.start,
            others,
            formed=bool(ask.form),
            sentence=sentence,
            slashes=slashes,
            inside=frozenset({"the", "a", "to", "is", "has"} if hook else ()),
        )
        tokens = self._tokens[ask.start : last]
        words = words_of(tokens)
        if len(words) < ask.least or self._begins_none(ask, words, taken):
            return None
        if slashes and any(token.mark == "/" for token in tokens):
            return NewName(ask.first, last, sliced(tokens), ask.kind.name)
        form = ask.form or self._form_behind(last) or form_in(tokens)
        if form == "flag" and words[-1] in self._speech.words("names", "flags") and words[:-1]:
            words, last = words[:-1], last - 1  # "a dash dash verbose flag"
        if sentence:
            written = write(words, form or self._style(ask.kind.name))
            return NewName(ask.first, last, written, ask.kind.name)
        return self._as(ask.first, last, words, ask.kind.name, form)

    def _begins_none(self, ask: Ask, words: Sequence[str], taken: Taken) -> bool:
        """ "called from main" names nothing; but "a sink" may be async."""
        if words[0] in self._seldom_first and not ask.form:
            goes_on = len(words) < 2 or self._ends.closes(ask.start + 1, taken)
            return goes_on or not ask.kind.made
        if words[0] not in self._never_first:
            return False
        mended = self._mend(words)
        return len(mended) == len(words) or mended[0] in self._never_first

    def _as(
        self, first: int, last: int, words: Sequence[str], kind: str, form: str = ""
    ) -> NewName:
        form = form or self._style(kind)
        meant = self._as_hook(words) if kind == "hook" else self._mend(self._as_verb(words, kind))
        written, heard = write(meant, form), write(words, form)
        return NewName(first, last, written, kind, heard if heard != written else "")

    def _beside_its_kind(self, place: int, taken: Taken) -> NewName | None:
        """ "add a hook use clipboard", "create a price badge component": no "called", but a noun
        of `kinds` behind a verb of making, and words that can be a name."""
        said = self._kinds.ending(place + 1)
        kind = said.name
        if kind not in self._speech.words("names", "uncalled") or said.several:
            return None
        noun = place + 1 - len(kind.split())
        article = self._article_before(noun)
        if article is None or self._form_at(place + 1)[0] or self._called_at(place + 1):
            return None
        if kind in _SLICED:
            return self._slashed(place + 1, said)
        behind = self._ends.after(place + 1, taken)
        for first, last in ((place + 1, behind), (article, noun)):
            free = not any(first < end and begin < last for begin, end, _ in taken)
            inside = self._tokens[first:last]
            called = any(self._called_at(at) for at in range(first, last + 1))
            before = last == noun
            apart = not before and self._kinds.style(kind) in ("constant", "camel")
            pauses = any(token.pause for token in inside[apart:])  # "a hook, use clipboard"
            if called or not free or pauses or any(token.mark for token in inside):
                continue
            words = words_of(inside)
            telling = not before and bool(words) and words[0].endswith("ing")
            if telling or not self._can_be_name(kind, words, before):
                continue  # "a component showing the price" names nothing
            if before or self._ends.is_end(last):
                return self._as(first, last, words, kind)
        return None

    def _slashed(self, place: int, kind: Said) -> NewName | None:
        """ "a branch feature slash search bar", "an endpoint at slash health" """
        start = place + (self._word(place) == "at")
        last = self._ends.after(start, (), slashes=True) if start < len(self._tokens) else start
        tokens = self._tokens[start:last]
        if not any(token.mark == "/" for token in tokens[:2]):
            return None
        return NewName(start, last, sliced(tokens), kind.name)

    def _article_before(self, place: int) -> int | None:
        """Where the words behind "add a new" begin, which come before a noun of `kinds`."""
        indefinite = self._speech.words("names", "indefinite")
        plain = self._speech.words("names", "plain_kinds")
        start = place
        while start > max(0, place - LOOK_BACK) and self._words[start - 1] not in indefinite:
            if self._ends.is_end(start - 1) or self._tokens[start].pause:
                return None
            start -= 1
        before = start - 1
        passing = indefinite | self._speech.words("names", "for_whom")
        while before > 0 and self._words[before] in passing:
            before -= 1
        if start < 1 or self._words[before] not in self._speech.words("names", "inventing"):
            return None
        while start < place and self._words[start] in plain:
            start += 1
        return start

    def _can_be_name(self, kind: str, words: Sequence[str], before: bool) -> bool:
        """Whether these words `before` the kind, or behind it, name one."""
        if not 2 <= len(words) <= MOST_UNCALLED:
            return False
        being = words[0] in ("is", "has")  # "a prop is disabled"
        if words[0] in self._never_first | self._seldom_first:
            return False
        if self._ends.passes_on(words[0]) and not being:
            return False
        if self._speech.words("names", "uncalled") & set(words[:-1]):
            return False
        match self._kinds.style(kind):
            case "camel":
                return sounds_of(words[0])[:2] == "yu"
            case "value":
                bare = not before and kind in self._speech.words("names", "bare")
                return bare or words[0] in self._speech.words("names", "verbs")
            case "constant":  # "a constant stream of news" is none
                return not before and self._speech.words("names", "inner").isdisjoint(words)
        return True

    def _called_at(self, place: int) -> int:
        """How many words of "called" are at this place, right or misheard."""
        if place >= len(self._tokens):
            return 0
        calling = self._kinds.calling(place)
        if calling:
            return calling
        doubtful = self._kinds.ending(place) and self._inventing_before(place)
        if self._kinds.style(" ".join(self._words[place : place + 2])):
            return 0  # "a named tuple"
        right = next((len(said) for said in self._called if self._says(place, said)), 0)
        if right or not doubtful or self._called_at(place + 1):
            return right
        return next((len(said) for said in self._misheard if self._says(place, said)), 0)

    def _renamed_at(self, place: int, taken: Taken) -> Ask | None:
        """Where this is the "to" of "rename parseRow to …": a name in the form of the old one."""
        if self._words[place] not in self._speech.words("names", "becomes"):
            return None
        back = max(0, place - LOOK_BACK)
        verbs = self._speech.words("names", "renaming")
        verb = next((at for at in range(place - 1, back - 1, -1) if self._words[at] in verbs), None)
        if verb is None or any(token.pause for token in self._tokens[verb + 1 : place + 1]):
            return None
        form, length = self._form_at(place + 1, called=True)
        start = place + 1 + length
        if form:
            return Ask(place + 1, start, Said(), form)
        old = self._old_name(verb, place, taken)
        if old:
            form = form_of(old)
            return Ask(start, start, Said(), form) if form else None
        kind = next(filter(None, (self._kinds.ending(at) for at in range(place, verb, -1))), Said())
        if kind:
            return Ask(start, start, kind)
        named = 2 <= place - verb - 1 <= MOST_UNCALLED
        plain = self._words[verb + 1] not in self._never_first
        return Ask(start, start, kind, least=2) if named and plain else None

    def _old_name(self, verb: int, place: int, taken: Taken) -> str:
        """What is renamed: behind the verb, or before it in "parseRow should be renamed to"."""
        behind = [written for first, last, written in taken if verb < first and last <= place]
        before = [written for _, last, written in taken if verb - 3 <= last < verb]
        return next(iter([*behind, *before]), "")

    def _predicates(self) -> frozenset[str]:
        return self._speech.words("leads", "predicates")

    def _as_hook(self, words: Sequence[str]) -> Sequence[str]:
        """Hooks are called `use…`, which is easily heard as "you's" or "used"."""
        if sounds_of(words[0])[:2] != "yu":
            return self._mend(words)
        rest = words[2:] if words[1:2] == ["s"] else words[1:]
        return ["use", *self._mend(rest)]

    def _as_verb(self, words: Sequence[str], kind: str) -> Sequence[str]:
        """Functions do something: "right log file" is `write_log_file`."""
        verbs: Mapping[str, str] = self._speech.data["names"]["misheard_verbs"]
        if self._kinds.style(kind) != "value" or len(words) < 2:
            return words
        return [verbs.get(words[0], words[0]), *words[1:]]

    def _says(self, place: int, phrase: Sequence[str]) -> bool:
        words = self._words[place : place + len(phrase)]
        return len(words) == len(phrase) and all(
            part in ("_", word) for part, word in zip(phrase, words, strict=True)
        )

    def _form_at(self, place: int, *, called: bool = False) -> tuple[str, int]:
        """A form said here and its words; some are believed only behind "called"."""
        doubtful = self._speech.phrases("names", "doubtful_forms")
        for said, form in self._forms.items():
            if self._says(place, said) and (called or said not in doubtful):
                return form, len(said)
        return "", 0

    def _form_before(self, place: int) -> str:
        """ "a function in camel case called …" """
        for said, form in self._forms.items():
            if place >= len(said) and self._says(place - len(said), said):
                return form
        return ""

    def _form_behind(self, place: int) -> str:
        """ "… called count words in snake case", "…, snake case" """
        if place >= len(self._tokens):
            return ""
        joins = self._word(place) in self._speech.words("names", "in_form")
        return self._form_at(place + joins, called=True)[0]

    def _word(self, place: int) -> str:
        return self._words[place] if 0 <= place < len(self._words) else ""

    def _style(self, kind: str) -> str:
        style = self._kinds.style(kind) or "value"
        return self._styles.get(style, style)
