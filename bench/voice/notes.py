"""The evaluation set: notes as they are written in `notes.toml`, and the repositories behind them.

Every third note is held out: it is scored apart, and nothing is tuned on it.
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

HERE = Path(__file__).parent
AUDIO = HERE / "audio"
_MARK = re.compile(r"\{([pinxw]):([^|{}]*)\|([^{}]*)\}")
_KINDS = {"p": "path", "i": "identifier", "n": "new name", "w": "word"}


@dataclass(frozen=True, slots=True)
class Name:
    kind: str  # path | identifier | new name | word
    written: str


@dataclass(frozen=True, slots=True)
class Note:
    id: str
    repository: str
    say: str  # with marks; empty where `sound` is given
    sound: str | None = None  # silence | noise | music
    template: str | None = None
    slots: Mapping[str, Any] = field(default_factory=dict)
    language: str = "en"
    held_out: bool = False

    @property
    def audio(self) -> Path:
        return AUDIO / f"{self.id}.ogg"

    @property
    def spoken(self) -> str:
        return _MARK.sub(lambda mark: mark[3], self.say)

    @property
    def written(self) -> str:
        return " ".join(_MARK.sub(lambda mark: mark[2], self.say).split())

    @property
    def names(self) -> Sequence[Name]:
        return [
            Name(_KINDS[mark[1]], mark[2]) for mark in _MARK.finditer(self.say) if mark[1] != "x"
        ]

    @property
    def ordinary(self) -> bool:
        return not self.sound and not any(name.kind != "word" for name in self.names)


def load_notes(path: Path = HERE / "notes.toml") -> list[Note]:
    rows = tomllib.loads(path.read_text("utf-8"))["note"]
    return [
        Note(
            id=f"{number:02}",
            repository=row["repository"],
            say=row.get("say", ""),
            sound=row.get("sound"),
            template=row.get("template"),
            slots=row.get("slots", {}),
            language=row.get("language", "en"),
            held_out=number % 3 == 0,
        )
        for number, row in enumerate(rows, start=1)
    ]


@dataclass(frozen=True, slots=True)
class Repository:
    name: str
    files: Mapping[str, Sequence[str]]  # path -> symbols
    branches: Sequence[str]


def load_repositories(path: Path = HERE / "repositories.toml") -> dict[str, Repository]:
    tables = tomllib.loads(path.read_text("utf-8"))
    return {
        name: Repository(name, table["files"], table["branches"]) for name, table in tables.items()
    }


def symbols_of(repository: Repository) -> Iterator[str]:
    for symbols in repository.files.values():
        yield from symbols
