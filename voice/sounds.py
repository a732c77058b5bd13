"""How words sound, coarsely: spelling to phonemes by rule, and how alike two phonemes are.

Both sides of a match, what Whisper wrote and what a repository calls its things, go through the
same rules, so a rule needs to be consistent rather than right: "utel" and "utils" must come out
near each other. A phoneme is one character; a word's sounds are a string of them. The rules are
for English spelling, which is what identifiers are made of whatever language is spoken around them.
"""

from __future__ import annotations

import re
from functools import lru_cache

import numpy as np
import numpy.typing as npt

VOWELS = "iIeEaAOoUu@YWQ"
CONSONANTS = "pbtdkgfvTszSZCJmnNlrwyh"
PHONEMES = VOWELS + CONSONANTS

# (height, backness) of vowels; diphthongs stand where they begin
_VOWEL_PLACE = {
    "i": (0.0, 0.0), "I": (0.2, 0.15), "e": (0.5, 0.1), "E": (0.4, 0.1), "a": (0.9, 0.2),
    "A": (1.0, 0.7), "O": (0.7, 1.0), "o": (0.5, 1.0), "U": (0.2, 0.85), "u": (0.0, 0.9),
    "@": (0.5, 0.5), "Y": (0.7, 0.3), "W": (0.8, 0.6), "Q": (0.5, 0.8),
}  # fmt: skip
# (place from lips to throat, manner from closed to open, voiced)
_CONSONANT_PLACE = {
    "p": (0.0, 0.0, 0), "b": (0.0, 0.0, 1), "t": (0.4, 0.0, 0), "d": (0.4, 0.0, 1),
    "k": (0.9, 0.0, 0), "g": (0.9, 0.0, 1), "f": (0.1, 0.35, 0), "v": (0.1, 0.35, 1),
    "T": (0.3, 0.3, 0), "s": (0.4, 0.35, 0), "z": (0.4, 0.35, 1), "S": (0.55, 0.35, 0),
    "Z": (0.55, 0.35, 1), "C": (0.5, 0.2, 0), "J": (0.5, 0.2, 1), "m": (0.05, 0.7, 1),
    "n": (0.3, 0.7, 1), "N": (0.6, 0.7, 1), "l": (0.4, 0.9, 1), "r": (0.5, 0.95, 1),
    "w": (0.15, 1.0, 1), "y": (0.7, 1.0, 1), "h": (1.0, 0.5, 0),
}  # fmt: skip
_ACROSS = {"wu": 0.4, "wo": 0.5, "wU": 0.4, "yi": 0.4, "yI": 0.4, "r@": 0.5, "lO": 0.5, "lo": 0.5}

# What it says that a phoneme is there at all, and so what it costs when it is not.
_WEIGHT = dict.fromkeys(VOWELS, 0.55) | dict.fromkeys(CONSONANTS, 1.0)
_WEIGHT |= {"@": 0.35, "I": 0.45, "h": 0.5, "r": 0.8, "w": 0.8, "y": 0.6}


def unlikeness(one: str, other: str) -> float:
    """0 for the same phoneme, about 0.3 for those that are easily confused, 1 for strangers."""
    if one == other:
        return 0.0
    if one in _VOWEL_PLACE and other in _VOWEL_PLACE:
        (height, back), (height2, back2) = _VOWEL_PLACE[one], _VOWEL_PLACE[other]
        return min(0.7, 0.12 + 0.45 * (abs(height - height2) + abs(back - back2)))
    if one in _CONSONANT_PLACE and other in _CONSONANT_PLACE:
        place, manner, voice = _CONSONANT_PLACE[one]
        place2, manner2, voice2 = _CONSONANT_PLACE[other]
        apart = 0.9 * abs(place - place2) + 0.8 * abs(manner - manner2) + 0.15 * abs(voice - voice2)
        return min(1.0, 0.1 + apart)
    return _ACROSS.get(one + other, _ACROSS.get(other + one, 1.0))


@lru_cache(maxsize=50_000)
def encode(sounds: str) -> npt.NDArray[np.int16]:
    """Phonemes as row numbers of the tables below."""
    return np.array([_CODE[phoneme] for phoneme in sounds], dtype=np.int16)


_CODE = {phoneme: number for number, phoneme in enumerate(PHONEMES)}
WEIGHTS = np.array([_WEIGHT[phoneme] for phoneme in PHONEMES])
UNLIKENESS = np.array([[unlikeness(one, other) for other in PHONEMES] for one in PHONEMES])

# --- spelling to sounds ---------------------------------------------------------------------------

# `spelling→sounds`, tried in order at each place of a word; the first that fits is taken.
_RULES = r"""
^de(?=[bcdfgklmnpqtv][aeiou])→dI ^use→yuz ^uni→yuni ^u(?=[st]i)→yu ^usu→yuZu
tion(?=s?$)→S@n ssion→S@n sion→Z@n cian→S@n tious→S@s cious→S@s tial→S@l cial→S@l ture(?=s?$)→C@r
ough→O augh→O igh→Y eigh→E ^wr→r ^kn→n ^gn→n ^ps→s mb$→m ^x→z x→ks ^wh→w wh→w
tch→C ch→C sch→sk sh→S th→T ph→f ck→k dge→J gg→g gin$→gIn ^gi(?=[tfvg])→gI ng$→N ng(?=[sk])→N
nk→Nk qu→kw q→k ^c(?=[eiy])→s sc(?=[eiy])→s cc(?=[eiy])→ks c(?=[eiy])→s cc→k c→k
^ge→J ge$→J ge(?=s$)→J g(?=[iy])→J gh→g g→g
^s(?=chema)→s ss→s (?<=[aeiou])s(?=[aeiou])→z (?<=[aeiou])s(?=e$)→z s→s zz→z z→z
bb→b b→b dd→d d→d ff→f f→f ^h→h h→h j→J kk→k k→k ll→l l→l mm→m m→m nn→n n→n pp→p p→p rr→r r→r tt→t
t→t vv→v v→v w(?=[aeiouy])→w ^y→y y(?=[aeou])→y
a(?=(?:[bdfgklmnprtvz]|st|ch|th|c|g|s)e[sd]?$)→E i(?=(?:[bdfgklmnprtvz]|st|ch|th|c|g|s)e[sd]?$)→Y
o(?=(?:[bdfgklmnprtvz]|ch|th|c|g|s)e[sd]?$)→o u(?=(?:[bdfgklmnprtvz]|c|g|s)e[sd]?$)→u
e(?=(?:[dlmnprtvz])e[sd]?$)→i y(?=[lpt]e[sd]?$)→Y
eau→o ee→i ea→i ie(?=[sd]?$)→i ie→i ei→E ey$→i ey→E eu→u ew→u e(?=r$)→@ e(?=rs$)→@
e(?=[lnr][tdsnl])→e e(?=s$)→I (?<=[td])e(?=d$)→I (?<=[a-z])e(?=d$)→ (?<=[a-z])e$→ e→e
ai→E ay→E au→O aw→O ar→Ar al(?=[lkt])→Ol a$→@ a(?=l$)→@ a(?=ble)→E a(?=tion)→E a→a
oo→u oi→Q oy→Q ou→W ow$→o ow→W oa→o or→Or o$→o o(?=ld|lt|st$)→o o→A
ue$→u ui→u ur→@r u→@ ir→@r i(?=nd$|ld$|gn$)→Y i$→i i→I
(?<=^.)y$→Y (?<=^..)y$→Y y$→i y→I w→u e→@
"""


def _compile(rules: str) -> dict[str, list[tuple[re.Pattern[str], str]]]:
    """Rules by the letter they begin with."""
    table: dict[str, list[tuple[re.Pattern[str], str]]] = {}
    for rule in rules.split():
        pattern, _, said = rule.partition("→")
        letter = re.sub(r"\(\?[^)]*\)|\^", "", pattern)[0]
        table.setdefault(letter, []).append((re.compile(pattern), said))
    return table


_TABLE = _compile(_RULES)
_LETTERS = {
    "a": "E", "b": "bi", "c": "si", "d": "di", "e": "i", "f": "ef", "g": "Ji",
    "h": "EC", "i": "Y", "j": "JE", "k": "kE", "l": "el", "m": "em", "n": "en",
    "o": "o", "p": "pi", "q": "kyu", "r": "Ar", "s": "es", "t": "ti", "u": "yu",
    "v": "vi", "w": "d@b@lyu", "x": "eks", "y": "wY", "z": "zi",
}  # fmt: skip
# Words whose spelling misleads the rules and that speech about code is full of.
_IRREGULAR = {
    "source": "sOrs", "slash": "slaS", "dot": "dAt", "one": "w@n", "two": "tu", "eight": "Et",
    "pie": "pY", "are": "Ar", "you": "yu", "why": "wY", "eye": "Y", "be": "bi", "me": "mi",
    "he": "hi", "we": "wi", "the": "d@", "a": "@", "to": "tu", "do": "du", "who": "hu",
    "user": "yuz@r", "users": "yuz@rz", "config": "kanfIg", "cache": "kaS", "queue": "kyu",
    "query": "kwIri", "schema": "skim@", "schemas": "skim@z", "route": "rut", "routes": "ruts",
    "main": "mEn", "type": "tYp", "types": "tYps", "code": "kod", "sea": "si", "tea": "ti",
    "image": "ImIJ", "message": "mesIJ", "storage": "stOrIJ", "package": "pakIJ", "get": "get",
    "give": "gIv", "gear": "gIr", "target": "tArgIt", "widget": "wIJIt", "have": "hav",
    "service": "s@rvIs", "async": "EsINk", "height": "hYt", "sure": "SUr",
    "some": "s@m", "come": "k@m", "done": "d@n", "gone": "gAn", "live": "lIv", "move": "muv",
    "remove": "rImuv", "date": "dEt", "data": "dEt@", "database": "dEt@bEs", "base": "bEs",
    "id": "Id", "ids": "YdIz", "gui": "gui", "sequel": "sikw@l", "cue": "kyu",
    "go": "go", "no": "no", "so": "so",
    "array": "@rE", "hour": "W@r", "usage": "yus@J", "allowed": "@lWd", "epoch": "ep@k",
    "receipt": "rIsit", "arrival": "@rYv@l", "warehouse": "werhWs", "values": "valyuz", "value":
    "valyu", "origin": "Or@J@n", "rows": "roz", "region": "riJ@n", "menu": "menyu", "column":
    "kAl@m", "columns": "kAl@mz", "apply": "@plY", "red": "red", "listener": "lIs@n@r",
    "changed": "CEnJd", "alias": "Eli@s", "files": "fYlz", "digest": "dYJest", "timeout":
    "tYmWt", "items": "Yt@mz", "item": "Yt@m", "integer": "Int@J@r", "archive": "ArkYv", "own":
    "on", "open": "op@n", "now": "nW", "dialog": "dY@lOg", "variant": "veri@nt", "retry":
    "ritrY", "title": "tYt@l", "timeline": "tYmlYn", "sidebar": "sYdbAr", "review": "rivyu",
    "reset": "riset", "client": "klY@nt", "sync": "sINk", "writes": "rYts", "bytes": "bYts",
    "label": "lEb@l", "labels": "lEb@lz", "group": "grup", "error": "er@r", "errors": "er@rz",
    "editor": "ed@t@r", "carousel": "kar@sel", "unread": "@nred", "schedule":
    "skeJul", "recipe": "res@pi", "calendar": "kal@nd@r", "gateway": "gEtwE", "coupon": "kupOn",
    "readers": "rid@rz", "retries": "ritrYz",
}  # fmt: skip


@lru_cache(maxsize=200_000)
def sounds_of(word: str) -> str:
    """Phonemes of one lower-case word of letters; other characters are passed over."""
    if word in _IRREGULAR:
        return _IRREGULAR[word]
    if len(word) == 1:
        return _LETTERS.get(word, "")
    sounds, place = [], 0
    while place < len(word):
        for pattern, said in _TABLE.get(word[place], ()):
            found = pattern.match(word, place)
            if found and found.end() > place:
                sounds.append(said)
                place = found.end()
                break
        else:
            place += 1
    return "".join(sounds)


def spell(letters: str) -> str:
    """Phonemes of letters said one by one."""
    return "".join(_LETTERS.get(letter, "") for letter in letters)
