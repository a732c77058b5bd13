"""What a project's manifests and its README name: packages, products, the project itself.

Which file names what is data (manifests.toml). Whoever wrote the files is a stranger: what cannot
be read has no names, and of the rest only so many.
"""

from __future__ import annotations

import json
import re
import tomllib
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from fnmatch import fnmatchcase
from functools import cache
from importlib import resources
from typing import Any

LARGEST = 400_000  # bytes; a manifest beyond that is generated
MOST = 300  # names of one file
SHORTEST, LONGEST = 2, 60  # letters of one

_ROOT_README = re.compile(r"readme(\.(md|markdown|rst|txt|adoc))?", re.IGNORECASE)
_BLOCK = re.compile(r"^(```|~~~).*?^\1|<[^>]*>|\]\([^)]*\)|https?://\S+", re.MULTILINE | re.DOTALL)
_CODE = re.compile(r"`([A-Za-z][\w.@-]*)`")
_MIXED = re.compile(r"\b(?:[A-Za-z]+[a-z][A-Z]\w*|[A-Za-z]+\d\w*)")
_CAPITAL = re.compile(r"(?<=[a-z,] )[A-Z][a-z]{3,}\b")


def is_manifest(path: str) -> bool:
    return _reading_of(path) is not None


def is_readme(path: str) -> bool:
    """The one at the top; those of folders speak of other things."""
    return _ROOT_README.fullmatch(path) is not None


def packages_in(path: str, content: bytes) -> list[str]:
    """The packages that a manifest names, itself included, in order, each once."""
    reading = _reading_of(path)
    if reading is None or len(content) > LARGEST:
        return []
    text = content.decode("utf-8", "replace")
    try:
        found = list(_names(text, reading))
    except (ValueError, RecursionError):  # not what it says it is
        return []
    return _worthy(found)


def words_in(content: bytes) -> list[str]:
    """What a README writes like a name: in code, in mixed case, capitalised inside a sentence."""
    text = _BLOCK.sub(" ", content[:LARGEST].decode("utf-8", "replace"))
    prose = _CODE.sub(" ", text)
    lower = set(re.findall(r"\b[a-z]+\b", prose))
    capital = (word for word in _CAPITAL.findall(prose) if word.lower() not in lower)
    found = [*_CODE.findall(text), *_MIXED.findall(prose), *capital]
    return _worthy(name for name in found if not name.isupper() or "_" in name)


def _worthy(names: Iterable[str]) -> list[str]:
    spoken = (name for name in names if SHORTEST <= len(name) <= LONGEST and name.isascii())
    return list(dict.fromkeys(spoken))[:MOST]


@cache
def _table() -> Mapping[str, Mapping[str, Any]]:
    return tomllib.loads((resources.files("voice") / "manifests.toml").read_text("utf-8"))


def _reading_of(path: str) -> Mapping[str, Any] | None:
    base = path.rpartition("/")[2]
    return next((row for pattern, row in _table().items() if fnmatchcase(base, pattern)), None)


def _names(text: str, reading: Mapping[str, Any]) -> Iterator[str]:
    parse: Callable[[str], Any] | None = _PARSERS.get(reading.get("format", ""))
    if parse is None:
        yield from _by_pattern(text, reading)
        return
    content = parse(text)
    for place in reading.get("values", ()):
        yield from (value for value in _at(content, place) if isinstance(value, str))
    for place in reading.get("tables", ()):
        for table in _at(content, place):
            yield from (str(key) for key in (table if isinstance(table, dict) else ()))
    for place in reading.get("lists", ()):
        for items in _at(content, place):
            yield from _beginnings(items if isinstance(items, list) else ())


_PARSERS: Mapping[str, Callable[[str], Any]] = {"json": json.loads, "toml": tomllib.loads}


def _by_pattern(text: str, reading: Mapping[str, Any]) -> Iterator[str]:
    flags = re.MULTILINE | re.DOTALL
    parts = re.findall(reading["within"], text, flags) if "within" in reading else [text]
    for part in parts:
        yield from re.findall(reading["pattern"], part, re.MULTILINE)


def _at(content: Any, place: str) -> Iterator[Any]:
    """What stands at a dotted place; `*` goes through all of a table."""
    key, _, rest = place.partition(".")
    if not isinstance(content, dict):
        return
    for inner in content.values() if key == "*" else [content[key]] if key in content else []:
        if rest:
            yield from _at(inner, rest)
        else:
            yield inner


def _beginnings(requirements: Sequence[Any]) -> Iterator[str]:
    """ "httpx[http2]>=0.28" is httpx."""
    for requirement in requirements:
        if isinstance(requirement, str):
            yield from re.findall(r"^[A-Za-z0-9][\w.-]*", requirement)
