"""Words of new names that were misheard: "the bounce value" is `debounced value`.

A new name is in no vocabulary, but its words mostly are: the project uses them elsewhere, or code
anywhere does. A word that neither knows gives way to one that sounds nearly the same; one that is
known stays. Where that leaves a word that nobody knows, the whole name is read anew by its sounds
("quotexc did" for quota exceeded). What was heard is kept as a choice.
"""

from __future__ import annotations

import re
import tomllib
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from functools import cache, lru_cache
from importlib import resources
from typing import Any

from voice.alignment import align
from voice.lexicon import PER_WORD, Lexicon, weight_of
from voice.pronunciation import forms_of_name, parts_of, split_path
from voice.sounds import sounds_of
from voice.spoken import Token, speech_of
from voice.vocabulary import Vocabulary

OWN = 0.82  # likeness at which a word of the project is believed
COMMON = 0.88  # and one of code anywhere
REAL = 0.97  # where what was heard is a word, too
MOST_JOINED = 2  # heard words that may have been one
MOST_OWN = 1500  # words of the project, the most frequent
SHORTEST = 4  # letters of a word that is put in
MOST_READ = 5  # words of a name that is read anew
SHORTEST_STRANGE = 5  # of a word that nobody may know; shorter ones are letters: "hmac"
SHORTEST_PART = 3  # and of one of the words that a word is split into
MOST_PARTS = 3
DEAR, DEAREST = 0.15, 0.4  # what words cost in a reading that are of no project; and rarer ones
STRANGE = 0.35  # cost of a reading, by the weight of its sounds, up to which it is believed
_PARTICLES = ("a", "the", "to", "in", "on", "and", "of", "de", "under")  # a beginning torn off
_NO_PART = ("a", "an", "the")  # of a name


def mend(words: Sequence[str], vocabulary: Vocabulary) -> list[str]:
    """The same words, misheard ones replaced."""
    return list(_mended(tuple(words), own_words(vocabulary)))


@lru_cache(maxsize=1000)
def _mended(words: tuple[str, ...], own: frozenset[str]) -> Sequence[str]:
    mended = _instead(_one_by_one(_apart(words, own), own), own)
    if all(_is_known(word, own) for word in mended):
        return mended
    return _read_anew(mended, own) or mended


def _instead(words: Sequence[str], own: frozenset[str]) -> list[str]:
    meant: Mapping[str, str] = _data()["instead"]
    return [word if word in own else meant.get(word, word) for word in words]


def _apart(words: Sequence[str], own: frozenset[str]) -> list[str]:
    return [part for word in words for part in (_split(word.lower(), own) or [word])]


def _split(word: str, own: frozenset[str]) -> list[str]:
    """Empty for a word that is known, or in which others do not follow one another."""
    if not word.isalpha() or _is_known(word, own):
        return []
    known = own | common_words() | ordinary_words() | found_words()
    rows: list[list[str]] = [[] for _ in range(len(word) + 1)]
    for end in range(SHORTEST_PART, len(word) + 1):
        begun = (start for start in range(end - SHORTEST_PART + 1) if rows[start] or not start)
        found = ([*rows[start], word[start:end]] for start in begun if word[start:end] in known)
        rows[end] = min((row for row in found if len(row) <= MOST_PARTS), key=len, default=[])
    return rows[-1]


def _one_by_one(words: Sequence[str], own: frozenset[str]) -> list[str]:
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
    if len(heard) == 1 and (_is_word(heard[0], own) or heard[0] in found_words()):
        return None
    if all(_is_word(word, own) for word in heard) and heard[0] not in _PARTICLES:
        return None
    real = len(heard) == 1 and heard[0] in real_words()
    best, meant = 0.0, None
    for word, likeness in _alike(tuple(heard), own | common_words()):
        bar = OWN if word in own else REAL if real else COMMON
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


def _read_anew(words: Sequence[str], own: frozenset[str]) -> list[str]:
    """The words of code that all of these sound like; empty where none do well enough."""
    if len(words) > MOST_READ or any(len(word) == 1 and word != "a" for word in words):
        return []
    sounds = [sounds_of(word.lower()) for word in words]
    readings = {"".join(sounds), "".join(map(_with_long_y, words))}
    known = lexicon(own)
    found = min(filter(None, (known.best(said, len(words) + 1) for said in readings)), default=None)
    strange = [
        not _is_known(word, own) or before in _NO_PART  # "a bounced"
        for before, word in zip(["", *words], words, strict=False)
    ]
    unsure = "".join(said for said, odd in zip(sounds, strange, strict=True) if odd)
    most = STRANGE * weight_of(unsure) + strange.count(False) * (PER_WORD + DEAREST)
    return list(found[1]) if found and found[0] <= most else []


def _with_long_y(word: str) -> str:
    """As where a word ends inside: "dryron" for dry run."""
    head, y, tail = word.lower().rpartition("y")
    inside = y and head and tail
    return sounds_of(f"{head}y") + sounds_of(tail) if inside else sounds_of(word.lower())


@lru_cache(maxsize=8)
def lexicon(own: frozenset[str]) -> Lexicon:
    usual = {word for word in common_words() | own if word not in _NO_PART}
    rarer = {word for word in ordinary_words() | found_words() if word not in _NO_PART}

    def dear(word: str) -> float:
        return 0.0 if word in own else DEAR if word in usual else DEAREST

    return Lexicon(sorted(usual | rarer), dear)


def _is_known(word: str, own: frozenset[str]) -> bool:
    """Whether there is such a word at all, in names or not."""
    word = word.lower()
    if word in _NO_PART:
        return False
    if len(word) < SHORTEST_STRANGE or _is_word(word, own):
        return True
    return not stems_of(word).isdisjoint(real_words()) or word in found_words()


def _is_word(word: str, own: frozenset[str]) -> bool:
    """Whether names may well have this word, as it is or with an ending."""
    if not word.isalpha():
        return True  # numbers stay
    return not stems_of(word).isdisjoint(own | common_words() | ordinary_words())


def stems_of(word: str) -> set[str]:
    """The word, and what it may be with an ending: "storing", "planned", "entries"."""
    stems = {word, word.removesuffix("s"), word.removesuffix("ed"), word.removesuffix("d")}
    stems |= {word.removesuffix("es"), re.sub("ies$", "y", word), re.sub("ing$", "e", word)}
    stems |= {re.sub("able$", "", word), re.sub("able$", "e", word)}
    return stems | {re.sub(r"(.)\1(?:ed|ing)$", r"\1", word), word.removesuffix("ing")}


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
def found_words() -> frozenset[str]:
    return frozenset(_data()["found"])


@cache
def real_words() -> frozenset[str]:
    return frozenset((resources.files("voice") / "known_words.txt").read_text("utf-8").split())


@cache
def _data() -> dict[str, Any]:
    return tomllib.loads((resources.files("voice") / "code_words.toml").read_text("utf-8"))
