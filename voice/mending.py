"""Words of new names that were misheard: "the bounce value" is `debounced value`.

A new name is in no vocabulary, but its words mostly are: the project uses them elsewhere, or code
anywhere does. A word that neither knows gives way to one that sounds nearly the same; one that is
known stays. What was heard is kept as a choice.
"""

from __future__ import annotations

import tomllib
from collections import Counter
from collections.abc import Iterator, Sequence
from functools import cache, lru_cache
from importlib import resources

from voice.alignment import align
from voice.pronunciation import forms_of_name, parts_of, split_path
from voice.sounds import sounds_of
from voice.spoken import Token, speech_of
from voice.vocabulary import Vocabulary

OWN = 0.82  # likeness at which a word of the project is believed
COMMON = 0.88  # and one of code anywhere
MOST_JOINED = 2  # heard words that may have been one
MOST_OWN = 1500  # words of the project, the most frequent
SHORTEST = 4  # letters of a word that is put in
_PARTICLES = ("a", "the", "to", "in", "on", "and", "of", "de", "under")  # a beginning torn off


def mend(words: Sequence[str], vocabulary: Vocabulary) -> list[str]:
    """The same words, misheard ones replaced."""
    own = own_words(vocabulary)
    mended: list[str] = []
    place = 0
    while place < len(words):
        for length in range(MOST_JOINED, 0, -1):
            heard = words[place : place + length]
            meant = _meant(heard, own) if len(heard) == length else None
            if meant:
                mended.append(meant)
                place += length
                break
        else:
            mended.append(words[place])
            place += 1
    return mended


def _meant(heard: Sequence[str], own: frozenset[str]) -> str | None:
    """The one word that these were, or nothing where they may stand."""
    if len(heard) == 1 and _is_word(heard[0], own):
        return None
    if all(_is_word(word, own) for word in heard) and heard[0] not in _PARTICLES:
        return None
    best, meant = 0.0, None
    for word, likeness in _alike(tuple(heard), own | common_words()):
        bar = OWN if word in own else COMMON
        worth = likeness + (COMMON - bar)
        if likeness >= bar and worth > best:
            best, meant = worth, word
    return meant


def _alike(heard: Sequence[str], words: frozenset[str]) -> Iterator[tuple[str, float]]:
    """Words that all of `heard` sounds like, and how much."""
    tokens = [Token(word, 0, 0, sounds_of(word)) for word in heard]
    length = sum(len(token.sounds) for token in tokens)
    near = [word for word in words if abs(_length(word) - length) <= 1]
    forms = [(form, word) for word in near for form in forms_of_name(word)]
    for fit in align([form for form, _ in forms], tokens, least_score=1.0, least_quality=OWN):
        if (fit.first, fit.last) == (0, len(tokens)):
            yield forms[fit.form][1], fit.quality


def _is_word(word: str, own: frozenset[str]) -> bool:
    """Whether names may well have this word, as it is or with an ending."""
    if not word.isalpha():
        return True  # numbers stay
    stems = {word, word.removesuffix("s"), word.removesuffix("ed"), word.removesuffix("d")}
    stems |= {word.removesuffix("ing"), word.removesuffix("es")}
    return not stems.isdisjoint(own | common_words() | ordinary_words())


@lru_cache(maxsize=50_000)
def _length(word: str) -> int:
    return len(sounds_of(word))


@lru_cache(maxsize=8)
def own_words(vocabulary: Vocabulary) -> frozenset[str]:
    """What the project's own names are made of."""
    counted: Counter[str] = Counter()
    for entry in vocabulary.entries:
        name = split_path(entry.written)[1] if entry.is_path else entry.written
        counted.update(part.lower() for part in parts_of(name))
    usable = (word for word, _ in counted.most_common() if len(word) >= SHORTEST)
    return frozenset(word for _, word in zip(range(MOST_OWN), usable, strict=False))


@cache
def common_words() -> frozenset[str]:
    return frozenset(_data()["words"]) | speech_of("en").words("names", "verbs")


@cache
def ordinary_words() -> frozenset[str]:
    return frozenset(_data()["ordinary"])


@cache
def _data() -> dict[str, list[str]]:
    return tomllib.loads((resources.files("voice") / "code_words.toml").read_text("utf-8"))
