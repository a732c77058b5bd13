"""A project's vocabulary over time: paths at once, symbols behind, only what changed read again."""

from collections.abc import Mapping, Sequence
from pathlib import Path

from core.model import Project, TrackedFile
from voice.symbols import symbols_in
from voice.vocabularies import Vocabularies


class Sources:
    """Files in memory, and which blobs were asked for."""

    def __init__(self, files: dict[str, bytes]) -> None:
        self.files = files
        self.read: list[str] = []

    async def tracked_files(self, project: Project) -> Sequence[TrackedFile]:
        return [TrackedFile(path, f"{path}:{hash(body)}") for path, body in self.files.items()]

    async def read_blobs(self, project: Project, blobs: Sequence[str]) -> Mapping[str, bytes]:
        self.read += [blob.partition(":")[0] for blob in blobs]
        return {blob: self.files[blob.partition(":")[0]] for blob in blobs}

    async def branches(self, project: Project) -> Sequence[str]:
        return ["main"]


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
