"""A project's vocabulary over time: paths at once, symbols behind, only what changed read again."""

import asyncio
from collections.abc import Mapping, Sequence
from pathlib import Path

from core.model import Project, TrackedFile
from voice.symbols import symbols_in
from voice.vocabularies import Vocabularies
from voice.vocabulary import Kind


class Sources:
    """Files in memory, and which blobs were asked for."""

    def __init__(self, files: dict[str, bytes]) -> None:
        self.files = files
        self.read: list[str] = []
        self.changed: list[str] = []

    async def tracked_files(self, project: Project) -> Sequence[TrackedFile]:
        return [TrackedFile(path, f"{path}:{hash(body)}") for path, body in self.files.items()]

    async def read_blobs(self, project: Project, blobs: Sequence[str]) -> Mapping[str, bytes]:
        self.read += [blob.partition(":")[0] for blob in blobs]
        return {blob: self.files[blob.partition(":")[0]] for blob in blobs}

    async def branches(self, project: Project) -> Sequence[str]:
        return ["main"]

    async def recently_changed(self, project: Project) -> Sequence[str]:
        return self.changed


async def test_symbols_come_behind_and_only_changed_files_are_read_again(tmp_path: Path) -> None:
    sources = Sources({"a.py": b"def open_account(): ...", "b.py": b"class Ledger: ..."})
    project = Project("books", tmp_path)
    vocabularies = Vocabularies(sources, tmp_path / "symbols")

    at_once = await vocabularies.of(project)
    assert {entry.written for entry in at_once.entries} == {"a.py", "b.py", "main"}
    settled = await vocabularies.settled(project)
    assert {"open_account", "Ledger"} <= {entry.written for entry in settled.entries}

    sources.files["b.py"] = b"class Journal: ..."
    sources.read.clear()
    later = await vocabularies.settled(project)
    names = {entry.written for entry in later.entries}
    assert sources.read == ["b.py"]
    assert "Journal" in names
    assert "Ledger" not in names
    await vocabularies.close()


async def test_a_second_start_reads_nothing(tmp_path: Path) -> None:
    sources = Sources({"a.py": b"def open_account(): ..."})
    project = Project("books", tmp_path)
    first = Vocabularies(sources, tmp_path / "symbols")
    await first.settled(project)
    await first.close()
    sources.read.clear()

    second = Vocabularies(sources, tmp_path / "symbols")
    vocabulary = await second.of(project)
    assert "open_account" in {entry.written for entry in vocabulary.entries}
    assert sources.read == []
    await second.close()


async def test_packages_and_the_words_of_the_readme_are_known(tmp_path: Path) -> None:
    sources = Sources(
        {
            "README.md": b"# Books\nKeeps accounts with the Ledgerly API.",
            "web/package.json": b'{"dependencies": {"@tanstack/react-query": "5"}}',
            "books.py": b"def open_account(): ...",
        }
    )
    vocabularies = Vocabularies(sources, tmp_path / "symbols")
    settled = await vocabularies.settled(Project("books", tmp_path))
    kinds = {entry.written: entry.kind for entry in settled.entries}
    assert kinds["Ledgerly"] is Kind.WORD
    assert kinds["@tanstack/react-query"] is Kind.PACKAGE
    assert kinds["open_account"] is Kind.SYMBOL
    assert kinds["web"] is Kind.FOLDER
    await vocabularies.close()


async def test_what_was_changed_lately_is_fresh_and_its_names_too(tmp_path: Path) -> None:
    sources = Sources({"a.py": b"def open_account(): ...", "b.py": b"class Ledger: ..."})
    sources.changed = ["b.py"]
    vocabularies = Vocabularies(sources, tmp_path / "symbols")
    settled = await vocabularies.settled(Project("books", tmp_path))
    assert settled.fresh == {"b.py", "Ledger"}
    await vocabularies.close()


async def test_a_commit_while_files_are_read_is_read_too(tmp_path: Path) -> None:
    sources = Sources({"a.py": b"def open_account(): ..."})
    project = Project("books", tmp_path)
    vocabularies = Vocabularies(sources, tmp_path / "symbols")
    await vocabularies.of(project)
    sources.files["c.py"] = b"class Journal: ..."
    await vocabularies.of(project)  # the reader has not begun
    settled = await vocabularies.settled(project)
    assert {"open_account", "Journal"} <= {entry.written for entry in settled.entries}
    await vocabularies.close()


async def test_a_note_never_waits_for_files_to_be_read(tmp_path: Path) -> None:
    class Stuck(Sources):
        async def read_blobs(self, project: Project, blobs: Sequence[str]) -> Mapping[str, bytes]:
            await asyncio.Event().wait()
            return {}

    vocabularies = Vocabularies(Stuck({"a.py": b"def open_account(): ..."}), tmp_path)
    async with asyncio.timeout(60):
        for _ in range(3):
            vocabulary = await vocabularies.of(Project("books", tmp_path))
            await asyncio.sleep(0)
    assert "a.py" in {entry.written for entry in vocabulary.entries}
    await vocabularies.close()


def test_names_of_common_languages() -> None:
    files = {
        "a.py": (
            b"MAX = 1\nclass Cart:\n    def total_of(self): ...\n",
            ["MAX", "Cart", "total_of"],
        ),
        "a.ts": (b"export const useCart = () => 1\ninterface Props {}\n", ["useCart", "Props"]),
        "a.tsx": (b"export function Badge() { return <b/> }\n", ["Badge"]),
        "a.go": (b"package a\nfunc (q *Queue) Push() {}\ntype Queue struct{}\n", ["Push", "Queue"]),
        "a.rs": (b"struct Row;\nimpl Row { fn parse_it() {} }\n", ["Row", "parse_it"]),
        "A.java": (b"class Row { void parse() {} }", ["Row", "parse"]),
        "a.rb": (b"class Row\n  def parse; end\nend\n", ["Row", "parse"]),
        "a.txt": (b"nothing to see", []),
        "broken.py": (b"def half(:\n\xff\xfe", []),
    }
    for path, (content, names) in files.items():
        assert symbols_in(path, content) == names, path
