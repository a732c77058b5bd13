"""The verb that a request begins with, where it was heard as something else.

"Right unit tests" is "Write unit tests", "The factor `parse_row`" is "Refactor `parse_row`": at the
start of a sentence, before a name or the words that the verb goes with, and if it sounds like it.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass

from voice.alignment import sounds_like
from voice.spoken import Language, Token, find_phrase

LONGEST = 3  # words that one verb may have been heard as
LIKE = 0.55


@dataclass(frozen=True, slots=True)
class Verb:
    """The tokens from `first` up to `last` (exclusive) were meant as `word`."""

    first: int
    last: int
    word: str


def find_verbs(
    tokens: Sequence[Token], speech: Language, names_at: Collection[int]
) -> Iterator[Verb]:
    """`names_at` are the places where a name of the repository begins."""
    for place, token in enumerate(tokens):
        if place == 0 or token.pause[:1] in (".", "?", "!"):
            heard = _heard_at(place, tokens, speech, names_at)
            if heard:
                yield heard


def _heard_at(
    place: int, tokens: Sequence[Token], speech: Language, names_at: Collection[int]
) -> Verb | None:
    words = [token.word for token in tokens]
    for word, followers in speech.data["commands"].items():
        if words[place] == word:
            return None
        for last in range(place + 1, min(place + LONGEST, len(tokens)) + 1):
            follows = last in names_at or any(
                find_phrase(words[last : last + 3], phrase.split()) == 0 for phrase in followers
            )
            if follows and sounds_like(tokens[place:last], word, LIKE):
                return Verb(place, last, word)
    return None
