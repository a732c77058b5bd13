"""Words that a speaker did not mean to say: hesitations, repeated words, what was taken back.

Only spans come out of here, which vanish from the text; the raw words stay where they are. What was
taken back goes only where it is plain how far back: to a number, or to the word that led to a name.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import pairwise

from voice.spoken import ONES, TENS, Language, Token

FARTHEST = 6  # tokens between a name's lead and the correction
LONGEST = 3  # words of a correction, "no, I mean"
_NUMBERS = frozenset((*ONES, *TENS[2:], "hundred", "thousand"))

Span = tuple[int, int]


def find_slips(tokens: Sequence[Token], speech: Language) -> Iterator[Span]:
    """Hesitations, words said twice ("the, uh, the"), and numbers that another one replaces."""
    hesitations = speech.words("hesitations")
    small = speech.words("determiners") | speech.words("leads", "small")
    said = [place for place, token in enumerate(tokens) if token.word not in hesitations]
    yield from ((place, place + 1) for place in set(range(len(tokens))).difference(said))
    for place, after in pairwise(said):
        twice = tokens[place].word == tokens[after].word and tokens[place].word in small
        if twice and (after > place + 1 or tokens[after].pause == ","):
            yield place, place + 1
    for place, token in enumerate(tokens):
        behind = _behind_correction(place, tokens, speech) if _is_number(token) else None
        if behind and behind < len(tokens) and _is_number(tokens[behind]):
            yield place, behind


def taken_back(name_at: int, free_from: int, tokens: Sequence[Token], speech: Language) -> int:
    """Where that begins which the name at `name_at` stands for: behind "in" in "in the helpers, no,
    I mean slugify dot t s". `name_at` itself where nothing was taken back."""
    leads = speech.words("leads", "words")
    found = _correction_before(name_at, free_from, tokens, speech)
    if found is None:
        return name_at
    correction, behind = found
    sure = behind > correction + 1 or tokens[behind].pause  # "actually" alone corrects nothing
    if not tokens[correction].pause or not sure:
        return name_at
    for place in range(correction - 1, max(free_from, correction - FARTHEST) - 1, -1):
        if tokens[place].word in leads:
            return place + 1
        if tokens[place].pause:
            break
    return name_at


def _correction_before(
    name_at: int, free_from: int, tokens: Sequence[Token], speech: Language
) -> Span | None:
    """The "no, I mean" of "no, I mean in the", right before a name."""
    passing = speech.words("determiners") | speech.words("leads", "words")
    said = speech.words("corrections")
    last = name_at
    while True:
        for first in range(max(free_from, last - LONGEST), last):
            if " ".join(token.word for token in tokens[first:last]) in said:
                return first, last
        if last <= free_from or tokens[last - 1].word not in passing:
            return None
        last -= 1


def _behind_correction(place: int, tokens: Sequence[Token], speech: Language) -> int | None:
    """Behind "ten, no wait," in "ten, no wait, twenty"."""
    said = speech.words("corrections")
    for last in range(place + 1 + LONGEST, place + 1, -1):
        if " ".join(token.word for token in tokens[place + 1 : last]) in said:
            return last
    return None


def _is_number(token: Token) -> bool:
    return token.text.isdigit() or token.word in _NUMBERS
