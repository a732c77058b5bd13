"""The vocabulary of each project, kept up to date behind the notes.

`of` answers from the paths at once, with the names in files known so far; files that are not known
yet are read in the background, and the next note has them. A note never waits for that.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from core.model import Project, TrackedFile
from voice.manifests import is_manifest, is_readme, packages_in, words_in
from voice.symbols import SymbolMemory, readable, symbols_in
from voice.vocabulary import Entry, Kind, Vocabulary

BATCH = 200  # files read and parsed at a time

log = logging.getLogger(__name__)


class Sources(Protocol):
    """What hearing needs of the repositories; `core.ports.Repositories` has it."""

    async def tracked_files(self, project: Project) -> Sequence[TrackedFile]: ...

    async def read_blobs(self, project: Project, blobs: Sequence[str]) -> Mapping[str, bytes]: ...

    async def branches(self, project: Project) -> Sequence[str]: ...

    async def recently_changed(self, project: Project) -> Sequence[str]: ...


@dataclass(slots=True)
class _State:
    """What is known of a project, and the vocabulary that was made of it."""

    files: Sequence[TrackedFile]
    branches: Sequence[str]
    names: dict[str, Sequence[str]]  # in each blob
    fresh: Sequence[str]  # files changed by the last commits
    vocabulary: Vocabulary


class Vocabularies:
    """`folder` keeps the symbols between starts."""

    def __init__(self, repositories: Sources, folder: Path) -> None:
        self._repositories = repositories
        self._folder = folder
        self._states: dict[str, _State] = {}
        self._readers: dict[str, asyncio.Task[None]] = {}

    async def of(self, project: Project) -> Vocabulary:
        """What the project's files are called as they are tracked now. Raises what git raises."""
        files = await self._repositories.tracked_files(project)
        branches = await self._repositories.branches(project)
        state = self._states.get(project.name)
        if state is None:
            known = await asyncio.to_thread(self._memory(project).load)
            state = await self._remake(project, files, branches, known, ())
            self._read_behind(project, state)
        elif (state.files, state.branches) != (files, branches):
            state = await self._remake(project, files, branches, state.names, state.fresh)
            self._read_behind(project, state)
        return state.vocabulary

    async def settled(self, project: Project) -> Vocabulary:
        """The same, when everything that is tracked now has been read."""
        await self.of(project)
        reader = self._readers.get(project.name)
        if reader:
            await asyncio.wait([reader])
        return self._states[project.name].vocabulary

    async def close(self) -> None:
        readers = list(self._readers.values())
        for reader in readers:
            reader.cancel()
        await asyncio.gather(*readers, return_exceptions=True)

    def _memory(self, project: Project) -> SymbolMemory:
        return SymbolMemory(self._folder, project.name)

    async def _remake(
        self,
        project: Project,
        files: Sequence[TrackedFile],
        branches: Sequence[str],
        names: dict[str, Sequence[str]],
        fresh: Sequence[str],
    ) -> _State:
        vocabulary = await asyncio.to_thread(_make, files, branches, names, fresh)
        state = _State(files, branches, names, fresh, vocabulary)
        self._states[project.name] = state
        return state

    def _read_behind(self, project: Project, state: _State) -> None:
        """One reader at a time; one that is at work looks again when it is done."""
        reader = self._readers.get(project.name)
        if reader is None or reader.done():
            self._readers[project.name] = asyncio.create_task(self._read(project, state))

    async def _read(self, project: Project, state: _State) -> None:
        """The background job: whatever goes wrong in it costs names, never a note."""
        done: _State | None = None
        while done is None or done.files is not state.files:
            fresh: Sequence[str] = state.fresh
            try:
                fresh = await self._repositories.recently_changed(project)
                await self._read_unknown(project, state)
            except Exception:
                log.exception("The names in the files of %s could not be read.", project.name)
            done, latest = state, self._states[project.name]
            await self._remake(project, latest.files, latest.branches, state.names, fresh)
            state = latest

    async def _read_unknown(self, project: Project, state: _State) -> None:
        memory = self._memory(project)
        unknown = {
            file.blob: file.path
            for file in state.files
            if file.blob not in state.names and kind_of(file.path)
        }
        blobs = list(unknown)
        for start in range(0, len(blobs), BATCH):
            batch = blobs[start : start + BATCH]
            contents = await self._repositories.read_blobs(project, batch)
            fresh = await asyncio.to_thread(_parse, contents, unknown, batch)
            await asyncio.to_thread(memory.add, fresh)
            state.names.update(fresh)
        live = [file.blob for file in state.files]
        await asyncio.to_thread(memory.forget_others, state.names, live)


def kind_of(path: str) -> Kind | None:
    """What the names in a file are; none where it is not read."""
    if is_readme(path):
        return Kind.WORD
    if is_manifest(path):
        return Kind.PACKAGE
    return Kind.SYMBOL if readable(path) else None


def _make(
    files: Sequence[TrackedFile],
    branches: Sequence[str],
    names: Mapping[str, Sequence[str]],
    fresh: Sequence[str],
) -> Vocabulary:
    inside = [
        Entry(name, kind)
        for file in files
        if file.blob in names and (kind := kind_of(file.path))
        for name in names[file.blob]
    ]
    lately = set(fresh)
    symbols = {name for file in files if file.path in lately for name in names.get(file.blob, ())}
    vocabulary = Vocabulary.of_paths(files, branches=branches)
    vocabulary = vocabulary.with_names(inside, lately | symbols, _homes(files, names))
    vocabulary.prepare()
    return vocabulary


def _homes(
    files: Sequence[TrackedFile], names: Mapping[str, Sequence[str]]
) -> Mapping[str, Sequence[str]]:
    """The files that define each name."""
    homes: dict[str, list[str]] = {}
    for file in files:
        for name in names.get(file.blob, ()) if kind_of(file.path) is Kind.SYMBOL else ():
            homes.setdefault(name, []).append(file.path)
    return homes


def _parse(
    contents: Mapping[str, bytes], paths: Mapping[str, str], blobs: Sequence[str]
) -> dict[str, Sequence[str]]:
    """Names per blob; a blob that could not be read has none, and is not asked for again."""
    return {blob: _names_in(paths[blob], contents.get(blob, b"")) for blob in blobs}


def _names_in(path: str, content: bytes) -> Sequence[str]:
    match kind_of(path):
        case Kind.WORD:
            return words_in(content)
        case Kind.PACKAGE:
            return packages_in(path, content)
        case _:
            return symbols_in(path, content)
