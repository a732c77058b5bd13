"""What a project calls its things: paths, folders, symbols, branches, packages.

Made from the paths alone at once; `with_names` adds what was read from the files' contents
meanwhile. A vocabulary never changes after it was made, so a note may hold on to the one it
began with.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from functools import cached_property, lru_cache

from core.model import TrackedFile
from voice.pronunciation import (
    Form,
    forms_of_name,
    forms_of_path,
    parts_of,
    sounds_of_part,
    split_path,
)
from voice.sieve import Sieve


class Kind(StrEnum):
    FILE = "file"
    FOLDER = "folder"
    SYMBOL = "symbol"
    BRANCH = "branch"
    PACKAGE = "package"  # of a manifest
    WORD = "word"  # of the README


@dataclass(frozen=True, slots=True)
class Entry:
    """One name as it is written."""

    written: str
    kind: Kind

    @property
    def is_path(self) -> bool:
        return self.kind in (Kind.FILE, Kind.FOLDER)

    @property
    def is_ordinary(self) -> bool:
        """Whether such names are often ordinary words as well."""
        return self.kind in (Kind.PACKAGE, Kind.WORD)

    def forms(self) -> Sequence[Form]:
        """The ways to say it; none for what has no sound, like `_`."""
        return _forms(self)

    def parts(self) -> tuple[Sequence[str], Sequence[str]]:
        """Its own parts, and those of its folders and extension."""
        if not self.is_path and self.kind is not Kind.BRANCH:
            return parts_of(self.written), ()
        folders, stem, extension = split_path(self.written)
        others = [part for piece in (*folders, extension) for part in parts_of(piece)]
        return parts_of(stem), others


@lru_cache(maxsize=10_000)
def _forms(entry: Entry) -> Sequence[Form]:
    as_path = entry.is_path or entry.kind is Kind.BRANCH
    forms = forms_of_path(entry.written) if as_path else forms_of_name(entry.written)
    return [form for form in forms if form.full and form.stem > form.begins[-1]]


# Which language a file is in, by its extension; how that language writes its names.
_LANGUAGES = {
    "py": "snake", "pyi": "snake", "rb": "snake", "rs": "snake", "ex": "snake", "exs": "snake",
    "c": "snake", "h": "snake", "lua": "snake", "php": "camel", "sh": "snake", "ml": "snake",
    "ts": "camel", "tsx": "camel", "js": "camel", "jsx": "camel", "mjs": "camel", "vue": "camel",
    "svelte": "camel", "java": "camel", "kt": "camel", "swift": "camel", "go": "camel",
    "scala": "camel", "dart": "camel", "cpp": "camel", "cs": "pascal",
}  # fmt: skip


MOST_LIKELY = 100  # names that are aligned with one part of a note
KEPT = 200  # parts of notes whose names are remembered


def style_of(path: str) -> str:
    """How the language of a file writes its functions; empty for a language without."""
    return _LANGUAGES.get(path.rpartition(".")[2], "")


class Vocabulary:
    """`fresh` are names that were worked on lately, `homes` the files that define a name."""

    def __init__(
        self,
        entries: Sequence[Entry],
        fresh: Iterable[str] = (),
        homes: Mapping[str, Sequence[str]] | None = None,
    ) -> None:
        self.entries = tuple(entries)
        self.fresh = frozenset(fresh)
        self.homes = homes or {}
        self._likely: dict[str, Sequence[Entry]] = {}

    @classmethod
    def of_paths(cls, files: Sequence[TrackedFile], *, branches: Iterable[str] = ()) -> Vocabulary:
        folders: dict[str, None] = {}
        for file in files:
            folder = file.path.rpartition("/")[0]
            while folder and folder not in folders:
                folders[folder] = None
                folder = folder.rpartition("/")[0]
        return cls(
            [
                *(Entry(file.path, Kind.FILE) for file in files),
                *(Entry(folder, Kind.FOLDER) for folder in folders),
                *(Entry(branch, Kind.BRANCH) for branch in dict.fromkeys(branches)),
            ]
        )

    def with_names(
        self,
        names: Iterable[Entry],
        fresh: Iterable[str] = (),
        homes: Mapping[str, Sequence[str]] | None = None,
    ) -> Vocabulary:
        """The same and these, each once."""
        return Vocabulary(tuple(dict.fromkeys((*self.entries, *names))), fresh, homes)

    def with_symbols(self, symbols: Iterable[str]) -> Vocabulary:
        return self.with_names(Entry(symbol, Kind.SYMBOL) for symbol in symbols)

    @cached_property
    def sieve(self) -> Sieve:
        return Sieve((entry.parts() for entry in self.entries), sounds_of_part)

    @cached_property
    def value_style(self) -> str:
        """How functions and variables are written here: snake, camel or pascal."""
        styles = Counter(
            style_of(entry.written) for entry in self.entries if entry.kind is Kind.FILE
        )
        styles.pop("", None)
        return styles.most_common(1)[0][0] if styles else "snake"

    @cached_property
    def extensions(self) -> Sequence[str]:
        """Those of its files, the commonest first."""
        found = Counter(
            split_path(entry.written)[2] for entry in self.entries if entry.kind is Kind.FILE
        )
        return [extension for extension, _ in found.most_common() if extension.isalnum()]

    def prepare(self) -> None:
        """Do now what the first note would wait for."""
        _ = self.sieve

    def likely(self, sounds: str) -> Sequence[Entry]:
        """The entries that could be somewhere in these sounds, the likeliest first.

        The last answers are kept: a note is looked at while it is heard, and then again.
        """
        known = self._likely.get(sounds)
        if known is None:
            found = self.sieve.likely(sounds, MOST_LIKELY)
            known = self._likely[sounds] = [self.entries[number] for number in found]
            if len(self._likely) > KEPT:
                del self._likely[next(iter(self._likely))]
        return known
