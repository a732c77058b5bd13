"""The evaluation sets: notes as they are written in toml files, and the repositories behind them.

Each set has its own repositories and voices. Of the first every third note is held out, of the
others every second two (a voice and its noise go by odd and even): they are scored apart, and
nothing is tuned on them.
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

HERE = Path(__file__).parent
AUDIO = HERE / "audio"
HELD_OUT: Mapping[str, Callable[[int], bool]] = {  # each set (`<name>.toml`), by a note's number
    "first": lambda number: number % 3 == 0,
    "fresh": lambda number: number // 2 % 2 == 1,
    "third": lambda number: number // 2 % 2 == 1,
    "fourth": lambda number: number // 2 % 2 == 1,
    "languages": lambda number: number // 2 % 2 == 1,
}
_MARK = re.compile(r"\{([pinxw]):([^|{}]*)\|([^{}]*)\}")
_KINDS = {"p": "path", "i": "identifier", "n": "new name", "w": "word"}


@dataclass(frozen=True, slots=True)
class Name:
    kind: str  # path | identifier | new name | word
    written: str


@dataclass(frozen=True, slots=True)
class Note:
    id: str  # fresh-07
    set: str
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


def load_notes(sets: Iterable[str] = HELD_OUT) -> list[Note]:
    return [note for name in sets for note in _load(name)]


def _load(name: str) -> Iterator[Note]:
    rows = tomllib.loads((HERE / f"{name}.toml").read_text("utf-8"))["note"]
    for number, row in enumerate(rows, start=1):
        yield Note(
            id=f"{name}-{number:02}",
            set=name,
            repository=row["repository"],
            say=row.get("say", ""),
            sound=row.get("sound"),
            template=row.get("template"),
            slots=row.get("slots", {}),
            language=row.get("language", "en"),
            held_out=HELD_OUT[name](number),
        )


@dataclass(frozen=True, slots=True)
class Repository:
    name: str
    files: Mapping[str, Sequence[str]]  # path -> symbols
    branches: Sequence[str]


def load_repositories() -> dict[str, Repository]:
    return {
        name: Repository(name, table["files"], table["branches"])
        for file in sorted(HERE.glob("*repositories.toml"))
        for name, table in tomllib.loads(file.read_text("utf-8")).items()
    }


def symbols_of(repository: Repository) -> Iterator[str]:
    for symbols in repository.files.values():
        yield from symbols
