"""Speech as tokens: the words of a transcript with their sounds, and what a language calls things.

Whisper writes "validation dot ts", "validation.ts" or "ValidationDotTS" for the same sounds; here
they become the same row of tokens. A token never loses its place in the raw text, so whatever is
decided later can be written back there. What differs between languages is data: languages/*.toml.
"""

from __future__ import annotations

import re
import tomllib
import unicodedata
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cache, cached_property
from importlib import resources
from itertools import zip_longest
from typing import Any

from voice.sounds import sounds_of, spell

LANGUAGES = tuple(
    sorted(
        file.name.removesuffix(".toml")
        for file in (resources.files("voice") / "languages").iterdir()
        if file.name.endswith(".toml")
    )
)
MARK_NAMES = {"/": "slash", ".": "dot", "_": "underscore", "-": "dash", "\\": "backslash"}
_TOKEN = re.compile(
    r"\d+"
    r"|[^\W\d_]+(?:['’][^\W\d_]+)*"
    r"|(?<=\w)[/_\\-](?=\w)"  # inside a word: code, or a joined pair
    r"|(?<=\w)(?<!\b\w)\.(?=\w)|(?<=\b\w)\.(?=\w\w)"  # but not in "T.S."
    r"|(?<![^\s,])\.(?=[a-z]{1,5}\b)"  # ".ts" by itself
    r"|/(?=\w)"
)
SPELLED = (
    "ts",
    "tsx",
    "js",
    "jsx",
    "py",
    "kt",
    "kts",
    "md",
    "rs",
    "yml",
    "css",
    "html",
    "cpp",
    "cs",
)
_STUCK_DOT = re.compile(rf"(dot)({'|'.join(SPELLED)}|go|vue|json)", re.I)
_STUCK_CALLED = re.compile(r"(?!re|un|mis)(\w+)(called)")  # "componentcalled"
_STUCK_SLASH = re.compile(r"(?!slash(?:e[sd]?|ing|er)?$|\w*backslash)(?=.*slash)\w+", re.I)
_AT_SLASH = re.compile(r"slash|(?:(?!slash)\w)+", re.I)
_CAMEL = re.compile(r"[A-Z]+(?![a-z])|[A-Z]?[a-zß-ÿ]+|[^\W\d_]+")
ONES = [
    "zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten",
    "eleven", "twelve", "thirteen", "fourteen", "fifteen", "sixteen", "seventeen", "eighteen",
    "nineteen",
]  # fmt: skip
TENS = ["", "", "twenty", "thirty", "forty", "fifty", "sixty", "seventy", "eighty", "ninety"]


@dataclass(frozen=True, slots=True)
class Token:
    text: str
    start: int  # place in the raw text
    end: int
    sounds: str
    mark: str = ""  # the character that it says, for "slash", "dot" and their kind
    joined: bool = False  # no space before it
    pause: str = ""  # punctuation between the one before and this

    @property
    def word(self) -> str:
        return self.text.lower().replace("’", "'")


class Language:
    """One file of languages/. Attribute access stays close to the data on purpose."""

    def __init__(self, code: str, data: Mapping[str, Any]) -> None:
        self.code = code
        self.data = data
        self._phrases: dict[tuple[str, str | None], tuple[tuple[str, ...], ...]] = {}
        self._words: dict[tuple[str, str | None], frozenset[str]] = {}

    def words(self, section: str, key: str | None = None) -> frozenset[str]:
        known = self._words.get((section, key))
        if known is None:
            found = self.data[section] if key is None else self.data[section][key]
            known = self._words[section, key] = frozenset(found)
        return known

    def phrases(self, section: str, key: str | None = None) -> tuple[tuple[str, ...], ...]:
        """Longest first, each as its words."""
        known = self._phrases.get((section, key))
        if known is None:
            split = (tuple(phrase.split()) for phrase in self.words(section, key))
            known = tuple(sorted(split, key=lambda phrase: (-len(phrase), phrase)))
            self._phrases[section, key] = known
        return known

    @cached_property
    def marks(self) -> Mapping[tuple[str, ...], str]:
        return {
            tuple(said.split()): mark
            for mark, names in self.data["marks"].items()
            for said in names
        }


@cache
def speech_of(code: str | None) -> Language:
    """The language's data, English where it says nothing; English for a language without data."""
    code = code if code in LANGUAGES else "en"
    return Language(code, _over(_data("en"), _data(code)))


def _data(code: str) -> dict[str, Any]:
    text = (resources.files("voice") / "languages" / f"{code}.toml").read_text("utf-8")
    return tomllib.loads(text)


def _over(usual: Mapping[str, Any], own: Mapping[str, Any]) -> dict[str, Any]:
    """Both tables; where both have a key, what the language itself says."""
    return {
        **usual,
        **own,
        **{
            key: _over(usual[key], own[key])
            for key in usual.keys() & own.keys()
            if isinstance(own[key], dict) and key != "commands"
        },
    }


def tokenize(raw: str, speech: Language) -> list[Token]:
    tokens: list[Token] = []
    last = 0
    for found in _TOKEN.finditer(raw):
        for text, start, end in _pieces(found):
            gap = raw[last:start]
            tokens.append(
                Token(
                    text,
                    start,
                    end,
                    sounds=_sounds(text),
                    mark=text if text in MARK_NAMES else "",
                    joined=bool(tokens) and not gap,
                    pause="" if _initials(tokens, text) else gap.strip(),
                )
            )
            last = end
    return _say_marks(_heard_marks(tokens, speech), speech)


def _initials(tokens: Sequence[Token], text: str) -> bool:
    """ "T. S" is spelled, not two sentences."""
    return len(text) == 1 and bool(tokens) and len(tokens[-1].text) == 1


def _pieces(found: re.Match[str]) -> Iterable[tuple[str, int, int]]:
    """A token, or the parts of one in camel case, or of one with a mark stuck to it."""
    text = found[0]
    stuck = _STUCK_DOT.fullmatch(text) or _STUCK_CALLED.fullmatch(text)
    if stuck:
        parts = [stuck.span(1), stuck.span(2)]
    elif _STUCK_SLASH.fullmatch(text):  # "routerslash"
        parts = [part.span() for part in _AT_SLASH.finditer(text)]
    elif not text.isalpha() or text.islower() or text.istitle() or text.isupper():
        parts = [(0, len(text))]
    else:
        parts = [part.span() for part in _CAMEL.finditer(text)]
    for start, end in parts:
        yield text[start:end], found.start() + start, found.start() + end


def _heard_marks(tokens: Sequence[Token], speech: Language) -> list[Token]:
    """ "rate limit not t s": what comes before a spelled extension was a dot."""
    misheard = speech.words("misheard_dots")
    return [
        replace(token, sounds=sounds_of(MARK_NAMES["."]), mark=".")
        if token.word in misheard and after and after.word in SPELLED and not after.pause
        else token
        for token, after in zip_longest(tokens, tokens[1:])
    ]


def _say_marks(tokens: Sequence[Token], speech: Language) -> list[Token]:
    """Join the words of a spoken mark, in the speaker's language, to one token of it."""
    said: list[Token] = []
    place = 0
    longest = max(len(words) for words in speech.marks)
    while place < len(tokens):
        for length in range(longest, 0, -1):
            group = tokens[place : place + length]
            mark = speech.marks.get(tuple(token.word for token in group))
            if mark:
                text = " ".join(token.text for token in group)
                first, final = group[0], group[-1]
                sounds = sounds_of(MARK_NAMES[mark])
                said.append(
                    Token(text, first.start, final.end, sounds, mark, first.joined, first.pause)
                )
                place += length
                break
        else:
            said.append(tokens[place])
            place += 1
    return said


def _sounds(text: str) -> str:
    if text in MARK_NAMES:
        return sounds_of(MARK_NAMES[text])
    if text.isdigit():
        return "".join(sounds_of(word) for word in number_words(text))
    plain = plain_letters(text)
    if is_spelled(text, plain):
        return spell(plain)
    return sounds_of(plain)


def is_spelled(text: str, plain: str) -> bool:
    """Whether letters are said one by one: capitals, or nothing that could be a syllable."""
    if len(plain) == 1:
        return plain != "a" or text == "A"
    return (text.isupper() and len(plain) <= 4) or not re.search("[aeiouy]", plain)


def plain_letters(text: str) -> str:
    """Lower case without accents and apostrophes."""
    flat = unicodedata.normalize("NFKD", text.lower().replace("ß", "ss"))
    return re.sub(r"[^a-z]", "", flat)


def number_words(digits: str) -> list[str]:
    """ "42" as forty two; long numbers digit by digit, as they are read out."""
    number = int(digits)
    if len(digits) > 2 or digits.startswith("0"):
        return [ONES[int(digit)] for digit in digits]
    if number < 20:
        return [ONES[number]]
    return [TENS[number // 10], *([ONES[number % 10]] if number % 10 else [])]


def find_phrase(words: Sequence[str], phrase: Sequence[str], start: int = 0) -> int | None:
    """Where the phrase begins; `_` in it stands for any one word."""
    if phrase[0] != "_" and phrase[0] not in words:
        return None  # as nearly always
    for place in range(start, len(words) - len(phrase) + 1):
        if all(part in ("_", word) for part, word in zip(phrase, words[place:], strict=False)):
            return place
    return None
