"""How long a project's vocabulary takes, at 20,000 files in a real repository.

    python -m bench.vocabulary [--files N]

Printed are the seconds until the first note has all paths, until the names in the files are read in
the background, what a note waits meanwhile and after a commit of one file, and how many files that
commit made Gofer read.
"""

from __future__ import annotations

import argparse
import asyncio
import subprocess
import tempfile
import time
from collections.abc import Awaitable, Mapping, Sequence
from pathlib import Path

from core.model import Project
from git_ops.repositories import Repositories
from voice.vocabularies import Vocabularies
from voice.vocabulary import Vocabulary

WORDS = [
    "order", "invoice", "cart", "user", "price", "report", "stock", "parcel", "label", "route",
    "ledger", "badge",
]  # fmt: skip


class Counting(Repositories):
    """The real thing, which notes how many files it was asked for."""

    asked = 0

    async def read_blobs(self, project: Project, blobs: Sequence[str]) -> Mapping[str, bytes]:
        self.asked += len(blobs)
        return await super().read_blobs(project, blobs)


def name(number: int) -> str:
    return "_".join(WORDS[number // 12**place % 12] for place in range(5))


def make(folder: Path, files: int) -> None:
    for number in range(files):
        path = folder / WORDS[number % 12] / WORDS[number // 12 % 12] / f"{name(number)}.py"
        path.parent.mkdir(parents=True, exist_ok=True)
        body = "".join(f"def {name(number + more)}():\n    return {more}\n\n" for more in range(5))
        path.write_text(body)
    commit(folder, "init", "-q")
    commit(folder, "add", "--all")
    commit(folder, "commit", "-qm", "Start")


def commit(folder: Path, *arguments: str) -> None:
    who = ("-c", "user.name=bench", "-c", "user.email=bench@localhost")
    subprocess.run(["git", *who, *arguments], cwd=folder, check=True)


async def measure(folder: Path, cache: Path) -> None:
    project = Project("bench", folder)
    repositories = Counting(cache)
    vocabularies = Vocabularies(repositories, cache / "symbols")
    vocabulary = await timed("first note, paths", vocabularies.of(project))
    print(f"  names: {len(vocabulary.entries)}")
    await asyncio.sleep(0.5)
    await timed("a note meanwhile", vocabularies.of(project))
    vocabulary = await timed("names in files, behind", vocabularies.settled(project))
    print(f"  names: {len(vocabulary.entries)}, files read: {repositories.asked}")
    await timed("a later note", vocabularies.of(project))
    (folder / "new.py").write_text("def brand_new(): ...\n")
    commit(folder, "add", "--all")
    commit(folder, "commit", "-qm", "One file")
    repositories.asked = 0
    await timed("the note after a commit", vocabularies.of(project))
    await timed("names of that commit, behind", vocabularies.settled(project))
    print(f"  files read: {repositories.asked}")
    await vocabularies.close()


async def timed(what: str, job: Awaitable[Vocabulary]) -> Vocabulary:
    began = time.perf_counter()
    result = await job
    print(f"{what}: {time.perf_counter() - began:.2f} s")
    return result


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--files", type=int, default=20_000)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        repository = Path(folder, "repository")
        repository.mkdir()
        make(repository, options.files)
        asyncio.run(measure(repository, Path(folder, "home")))


if __name__ == "__main__":
    main()
