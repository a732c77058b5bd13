"""Names that source files define, read by tree-sitter and remembered per blob.

A blob's names never change, so each is parsed once, ever: the memory is a file of JSON lines per
project, only appended to, and written afresh when most of it speaks of blobs that are gone.
Nothing here is needed for a note: without it, files and folders are known all the same.
"""

from __future__ import annotations

import importlib
import json
import re
import tomllib
from collections.abc import Iterable, Mapping, Sequence
from functools import cache
from hashlib import sha256
from importlib import resources
from pathlib import Path
from typing import Any

from tree_sitter import Language, Parser, Query, QueryCursor

LARGEST = 400_000  # bytes; beyond that a file is generated
SHORTEST = 3  # letters; shorter names are said as ordinary words
MOST_PER_FILE = 300
_STALE = 2  # times as many lines as blobs: time to write afresh


def readable(path: str) -> bool:
    """Whether there is a grammar for this file."""
    return _extension(path) in _languages()


def symbols_in(path: str, content: bytes) -> list[str]:
    """The names that a file defines, in order, each once."""
    language = _languages().get(_extension(path))
    if language is None or len(content) > LARGEST:
        return []
    parser, query = _reader(language)
    captures = QueryCursor(query).captures(parser.parse(content).root_node)
    nodes = sorted(captures.get("name", ()), key=lambda node: node.start_byte)
    names = (node.text.decode("utf-8", "replace") for node in nodes if node.text)
    worthy = (name for name in names if len(name) >= SHORTEST and not name.startswith("__"))
    return list(dict.fromkeys(worthy))[:MOST_PER_FILE]


def _extension(path: str) -> str:
    return path.rpartition("/")[2].rpartition(".")[2].lower()


@cache
def _table() -> Mapping[str, Mapping[str, Any]]:
    return tomllib.loads((resources.files("voice") / "symbols.toml").read_text("utf-8"))


@cache
def _languages() -> Mapping[str, str]:
    """Language of each extension."""
    return {
        extension: language for language, row in _table().items() for extension in row["extensions"]
    }


@cache
def _reader(language: str) -> tuple[Parser, Query]:
    row = _table()[language]
    grammar = importlib.import_module(row["grammar"])
    made = Language(getattr(grammar, row.get("function", "language"))())
    source = row.get("query") or _table()[row["same_as"]]["query"]
    return Parser(made), Query(made, source)


class SymbolMemory:
    """The names of each blob of one project, kept in a file."""

    def __init__(self, folder: Path, project: str) -> None:
        name = re.sub(r"[^\w.-]", "_", project)[:60]
        self._file = folder / f"{name}-{sha256(project.encode()).hexdigest()[:8]}.jsonl"

    def load(self) -> dict[str, Sequence[str]]:
        """All that is known; a line cut off by a crash is passed over."""
        known: dict[str, Sequence[str]] = {}
        try:
            lines = self._file.read_text("utf-8").splitlines()
        except FileNotFoundError:
            return known
        for line in lines:
            try:
                blob, names = json.loads(line)
            except ValueError:
                continue
            known[blob] = names
        return known

    def add(self, fresh: Mapping[str, Sequence[str]]) -> None:
        self._file.parent.mkdir(parents=True, exist_ok=True)
        with self._file.open("a", encoding="utf-8") as file:
            file.writelines(_line(blob, names) for blob, names in fresh.items())

    def forget_others(self, known: dict[str, Sequence[str]], live: Iterable[str]) -> None:
        """Drop blobs that no file has any more, once they are the greater part."""
        kept = {blob: known[blob] for blob in live if blob in known}
        if len(known) <= _STALE * len(kept) + 100:
            return
        fresh = self._file.with_suffix(".new")
        fresh.write_text("".join(_line(blob, names) for blob, names in kept.items()), "utf-8")
        fresh.replace(self._file)


def _line(blob: str, names: Sequence[str]) -> str:
    return json.dumps([blob, list(names)], ensure_ascii=False) + "\n"
