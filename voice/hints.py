"""Names that the decoder is told to expect when it listens again, and whether that was better.

All names of a project do not fit in front of a decoder, and most would be wrong for the note. The
few that a first hearing comes near to do fit. They are given as they are said ("checkout form"), so
that the decoder hears words and not names. What it then hears counts only if `matching` finds more
of the project's names in it; in a large project, hints that are none would bend other words.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from voice.matching import find_names, windows
from voice.pronunciation import parts_of, split_path
from voice.spoken import Token, speech_of, tokenize
from voice.vocabulary import Entry, Vocabulary

FEWEST = 4  # words of a note that may have a name in it
MOST = 12
PER_WINDOW = 6  # names from each part of the note that is looked at
SHORTEST = 4  # letters of a name worth a hint
LEAST_GAIN = 1.0  # of a match's value, in phonemes


def advise(question: Mapping[str, str], vocabulary: Vocabulary) -> list[str] | bool:
    """What the worker asks while it hears."""
    language = question["language"]
    if "near" in question:
        return hints(question["near"], vocabulary, language)
    return better(question["first"], question["again"], vocabulary, language)


def hints(text: str, vocabulary: Vocabulary, language: str | None) -> list[str]:
    """Empty for a note of a few words, "merge it"."""
    tokens = tokenize(text, speech_of(language))
    if not vocabulary.entries or len(tokens) < FEWEST:
        return []
    found = (spoken(entry) for entry in _near(tokens, vocabulary))
    return list(dict.fromkeys(name for name in found if len(name) >= SHORTEST))[:MOST]


def better(first: str, again: str, vocabulary: Vocabulary, language: str | None) -> bool:
    """Whether more of the project's names are in what was heard again."""
    speech = speech_of(language)
    heard, heard_again = (
        sum(match.value for match in find_names(tokenize(text, speech), vocabulary, speech))
        for text in (first, again)
    )
    return heard_again > heard + LEAST_GAIN


def _near(tokens: Sequence[Token], vocabulary: Vocabulary) -> Iterator[Entry]:
    for start, end in windows(tokens):
        sounds = "".join(token.sounds for token in tokens[start:end])
        yield from vocabulary.likely(sounds)[:PER_WINDOW]


def spoken(entry: Entry) -> str:
    """`src/checkoutForm.tsx` as "checkout form"."""
    name = split_path(entry.written)[1] if entry.is_path else entry.written
    return " ".join(parts_of(name)).lower()
