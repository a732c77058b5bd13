"""What a new name is the name of: the noun that is said with it, "a component called …".

Nouns are those of `kinds` in languages/*.toml, some of several words ("environment variable").
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from voice.alignment import sounds_like
from voice.sounds import sounds_of
from voice.spoken import Language, Token, speech_of

LOOK_BACK = 12  # words before "called" in which its kind may be named
LOOK_FAR = 30  # and before "call it"
LONGEST = 4  # words of a kind
NEAR_ARTICLE = 4  # words between an article and its noun
NEAR_LENGTH = 2  # phonemes that a misheard kind may have more or fewer
LIKE = 0.75  # likeness of a misheard kind ("an m" for "enum")


@dataclass(frozen=True, slots=True)
class Said:
    """A kind as it is in `kinds`, empty for none; `several` where its plural was said, `made`
    where it is none that is known, "a component"."""

    name: str = ""
    several: bool = False
    made: bool = False

    def __bool__(self) -> bool:
        return bool(self.name)


def styles_of(speech: Language) -> dict[str, str]:
    """The kinds of the language, and of English, with the form of each."""
    return {
        kind: style
        for language in (speech_of("en"), speech)
        for style, kinds in language.data["names"]["kinds"].items()
        for kind in kinds
    }


class Kinds:
    def __init__(self, tokens: Sequence[Token], speech: Language) -> None:
        self._tokens = tokens
        self._words = [token.word for token in tokens]
        self._styles = styles_of(speech)
        self._indefinite = speech.words("names", "indefinite")
        self._determiners = speech.words("determiners")
        self._calling = speech.words("names", "calling")
        self._plain = speech.words("names", "plain_kinds")
        self._passing = speech.words("names", "passing")

    def style(self, kind: str) -> str:
        """The form, or the key of the project's style, for such names; empty for no kind."""
        return self._styles.get(kind, "")

    def ending(self, place: int) -> Said:
        """The kind whose last word is before this place."""
        for length in range(min(LONGEST, place), 0, -1):
            said = " ".join(self._words[place - length : place])
            if said in self._styles:
                return Said(said)
            one = said.removesuffix("s")
            one = one if one in self._styles else said.removesuffix("es")
            if one != said and one in self._styles:
                return Said(one, several=True)
        return Said()

    def calling(self, place: int) -> int:
        """How many words "call the new function" has here; 0 where it is not said."""
        if self._words[place] not in self._calling:
            return 0
        behind = place + 1
        while behind < len(self._words) and self._words[behind] in self._determiners | self._plain:
            behind += 1
        for end in range(min(behind + LONGEST, len(self._words)), behind, -1):
            if behind > place + 1 and self.ending(end) and self._starts(behind, end):
                new = "new" in self._words[place:behind]
                return end - place if new or self._goes_well(end) else 0
        return 0

    def in_call(self, place: int, end: int) -> Said:
        return self.ending(end) if self.calling(place) else Said()

    def before(self, place: int, again: bool = False) -> Said:
        """The kind that is said before "called"; for "call it" (`again`) in any sentence."""
        back = max(0, place - (LOOK_FAR if again else LOOK_BACK))
        found: list[tuple[int, Said]] = []
        for end in range(place, back, -1):
            if end < place and not again and self._tokens[end].pause[:1] in (".", "?", "!"):
                break
            kind = self.ending(end)
            if kind and (not found or not self._is_part(end, kind, found[-1])):
                made = kind.several or self._article(end, kind) in self._indefinite
                found.append((end, replace(kind, made=made)))
        if found:
            (end, nearest), *_ = found
            new = [kind for _, kind in found if kind.made]
            beside = end == place and (nearest.made or not self._article(end, nearest))
            return nearest if beside or not new else new[0]
        return self._misheard(place)

    def _is_part(self, end: int, kind: Said, behind: tuple[int, Said]) -> bool:
        """Whether a kind is inside or directly before another: "a component class"."""
        return behind[0] - len(behind[1].name.split()) <= end

    def _article(self, end: int, kind: Said) -> str:
        start = end - len(kind.name.split())
        near = self._words[max(0, start - NEAR_ARTICLE) : start]
        articles = self._determiners | self._indefinite
        return next((word for word in reversed(near) if word in articles), "")

    def _starts(self, start: int, end: int) -> bool:
        return len(self.ending(end).name.split()) == end - start

    def _goes_well(self, end: int) -> bool:
        """Whether two words follow that a name can begin with: "call the hook use cart"."""
        behind = self._words[end : end + 2]
        paused = any(token.pause for token in self._tokens[end : end + 2])
        plain = not any(word in self._passing or word.endswith("ly") for word in behind)
        return len(behind) == 2 and plain and not paused

    def _misheard(self, place: int) -> Said:
        while place and self._tokens[place - 1].mark:
            place -= 1
        for length in (2, 1):
            said = self._tokens[max(0, place - length) : place]
            heard = sum(len(token.sounds) for token in said)
            for kind in self._styles if said else ():
                alike = abs(len(sounds_of(kind)) - heard) <= NEAR_LENGTH
                if alike and sounds_like(said, kind, LIKE):
                    return Said(kind)
        return Said()
