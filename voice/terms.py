"""Names of the trade that Whisper does not know: "pie test" is pytest, "J unit" is JUnit.

What is plainly such a name is data; a test framework is also known by its sounds alone, where one
is named ("tests … with pit est."), because a slot depends on it.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from voice.alignment import sounds_like
from voice.spoken import Language, Token

LONGEST = 3  # words that one framework may have been heard as
LIKE = 0.75


@dataclass(frozen=True, slots=True)
class Term:
    """The tokens from `first` up to `last` (exclusive) say `written`."""

    first: int
    last: int
    written: str


def find_terms(tokens: Sequence[Token], speech: Language) -> Iterator[Term]:
    said = {
        tuple(words.split()): written
        for written, all_ways in speech.data["terms"]["said"].items()
        for words in all_ways
    }
    about_tests = bool({token.word for token in tokens} & speech.words("terms", "about_tests"))
    for place in range(len(tokens)):
        for length in range(LONGEST, 0, -1):
            part = tokens[place : place + length]
            words = tuple(token.word for token in part if not token.mark)
            if len(part) == length and words in said and not any(token.pause for token in part[1:]):
                yield Term(place, place + length, said[words])
                break
        else:
            framework = _framework(tokens, place, speech) if about_tests else None
            if framework:
                yield framework


def _framework(tokens: Sequence[Token], place: int, speech: Language) -> Term | None:
    """ "… with pit est": behind "with", and nothing of the sentence belongs to it."""
    if not place or tokens[place - 1].word not in speech.words("terms", "before"):
        return None
    for length in range(1, LONGEST + 1):
        last = place + length
        behind = tokens[last] if last < len(tokens) else None
        over = behind is None or behind.pause or behind.word in speech.words("terms", "behind")
        part = tokens[place:last]
        if not over or any(token.pause for token in part[1:]):
            continue
        heard = "".join(token.word for token in part)
        frameworks: list[str] = speech.data["slots"]["frameworks"]
        if heard in frameworks or part[-1].word in speech.words("terms", "about_tests"):
            return None
        found = next((name for name in frameworks if sounds_like(part, name, LIKE)), None)
        return Term(place, last, found) if found else None
    return None
