"""How a name of a repository is said: its parts, their sounds, and where it may begin and end.

A path can be said from any of its folders on ("utils slash validation dot t s"), without its
extension, and with or without its slashes; a name like `getUserById` only as a whole. One `Form`
holds all of these but for what has two pronunciations, which makes two forms.
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cache, lru_cache
from importlib import resources
from itertools import islice, product

from voice.sounds import WEIGHTS, encode, sounds_of, spell
from voice.spoken import MARK_NAMES, is_spelled, number_words, plain_letters

MOST_FORMS = 4  # of one name
_PIECE = re.compile(r"[^\W_]+")
_PART = re.compile(r"[A-Z]+s?(?![a-z])|[A-Z]?[a-z]+|\d+|[^\W\d_]+")
_MARKS = {mark: sounds_of(MARK_NAMES[mark]) for mark in "/."}
_FAINT = 0.7  # how much the sounds of a slash or dot count beside a letter's


@dataclass(frozen=True, slots=True)
class Form:
    """One way to say a name, phoneme by phoneme.

    `weights` say how much each counts; `begins` where it may be entered; `stem` and `full` are
    how many phonemes have passed at its two ends (the same where there is no extension).
    """

    codes: Sequence[int]
    weights: Sequence[float]
    begins: Sequence[int]
    stem: int
    full: int


@lru_cache(maxsize=100_000)
def parts_of(name: str) -> tuple[str, ...]:
    """`getUserById` and `get_user_by_id` both as get, user, by, id; what has a reading stays."""
    parts: list[str] = []
    for piece in _PIECE.findall(name):
        if piece.lower() in _readings():
            parts.append(piece.lower())
        else:
            parts += [part if part.isupper() else part.lower() for part in _PART.findall(piece)]
    return tuple(parts)


@lru_cache(maxsize=100_000)
def sounds_of_part(part: str) -> tuple[str, ...]:
    """Each way to say one part, the usual one first."""
    readings = _readings().get(part.lower())
    if readings:
        return tuple("".join(sounds_of(word) for word in said.split()) for said in readings)
    if part.isdigit():
        said = dict.fromkeys((part, part.lstrip("0") or part))  # "0002" is two as well
        return tuple("".join(sounds_of(word) for word in number_words(one)) for one in said)
    plain = plain_letters(part)
    if not plain:
        return ("",)
    if is_spelled(part, plain):
        spelled, word = spell(plain), sounds_of(plain)
        return (spelled,) if not re.search("[aeiou]", plain) else (spelled, word)
    return (sounds_of(plain),)


@cache
def _readings() -> dict[str, tuple[str, ...]]:
    text = (resources.files("voice") / "pronunciations.toml").read_text("utf-8")
    return {part: tuple(said) for part, said in tomllib.loads(text).items()}


def split_path(path: str) -> tuple[tuple[str, ...], str, str]:
    """Folders, stem and extension; `a/b/cart.test.ts` has the stem `cart.test`."""
    *folders, base = path.split("/")
    stem, dot, extension = base.rpartition(".")
    return (tuple(folders), stem, extension) if dot and stem else (tuple(folders), base, "")


def forms_of_path(path: str) -> Iterator[Form]:
    folders, stem, extension = split_path(path)
    said: list[tuple[str, ...]] = []
    segments: list[int] = []  # index in `said` of each segment's first sound
    for segment in (*folders, stem):
        if segments:
            said.append(("/",))
        segments.append(len(said))
        said += [sounds_of_part(part) for part in parts_of(segment)]
    stem_end = len(said)
    if extension:
        said += [(".",), *(sounds_of_part(part) for part in parts_of(extension))]
    for choice in islice(product(*said), MOST_FORMS):
        yield _join(choice, segments, stem_end)
        if folders:  # the file alone, however tempting the words before it sound
            own = segments[-1]
            yield _join(choice[own:], [0], stem_end - own)


def forms_of_name(name: str) -> Iterator[Form]:
    said = [sounds_of_part(part) for part in parts_of(name)]
    for choice in islice(product(*said), MOST_FORMS):
        yield _join(choice, [0], len(said))


@lru_cache(maxsize=100_000)
def _rows(sounds: str) -> tuple[list[int], list[float]]:
    """Codes and weights of one part's sounds, or of a mark's."""
    mark = _MARKS.get(sounds)
    row = encode(mark or sounds)
    return row.tolist(), (WEIGHTS[row] * (_FAINT if mark else 1.0)).tolist()


def _join(choice: Sequence[str], begins: Sequence[int], stem_end: int) -> Form:
    codes: list[int] = []
    weights: list[float] = []
    passed = [0]
    for sounds in choice:
        part, weight = _rows(sounds)
        codes += part
        weights += weight
        passed.append(len(codes))
    return Form(codes, weights, [passed[place] for place in begins], passed[stem_end], len(codes))
