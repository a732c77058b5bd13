"""A request as its sentences and the names in them: what intent and slots are read from."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from voice.spoken import find_phrase


@dataclass(frozen=True, slots=True)
class Mention:
    """A name in the text. `kind` is file, folder, symbol, branch, new or word."""

    written: str
    kind: str
    noun: str = ""  # what a new one is to be: component, function, …


@dataclass(frozen=True, slots=True)
class Sentence:
    text: str
    words: tuple[str, ...]  # lower case, without punctuation around them

    @classmethod
    def of(cls, text: str) -> Sentence:
        words = (word.strip(".,;:!?\"'()“”").lower().replace("’", "'") for word in text.split())
        return cls(text.strip(), tuple(word for word in words if word))

    def starts(self, phrase: Sequence[str]) -> bool:
        return find_phrase(self.words[: len(phrase)], phrase) == 0

    def says(self, phrase: Sequence[str]) -> int | None:
        return find_phrase(self.words, phrase)


def sentences_of(text: str, ends: str = ".!?") -> list[Sentence]:
    parts = re.split(rf"(?<=[{ends}])\s+", text)
    return [sentence for sentence in map(Sentence.of, parts) if sentence.words]
