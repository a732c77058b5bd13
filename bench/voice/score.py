"""How well notes were heard: the measures, and the table that is printed.

    python bench/voice/score.py [--model FOLDER] [--part held-out|tuning|all] [--cache FILE]

Hears every note twice with the same model and threads: raw faster-whisper with voice activity
detection, and Gofer's own transcriber with the note's repository. `--cache` keeps the raw words
in a file and scores matching alone on them, without hearing anything again.
"""

from __future__ import annotations

import argparse
import json
import statistics
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from notes import Note, Repository, load_notes, load_repositories, symbols_of

from core.model import HeardWord, TrackedFile
from voice.understanding import understand
from voice.vocabulary import Vocabulary

TEMPLATES = ("bug_fix", "react_component", "unit_tests", "refactor", "question")
AGENTS = ("claude", "codex", "gemini", "opencode")


@dataclass(frozen=True, slots=True)
class Result:
    """What one way of hearing made of one note."""

    text: str
    seconds: float
    template: str | None = None
    slots: Mapping[str, Any] = field(default_factory=dict)
    replaced: int = 0


def tokens_of(text: str) -> list[str]:
    words = (word.strip(".,;:!?\"'()") for word in text.split())
    return [word for word in words if word]


def edits(expected: Sequence[str], got: Sequence[str]) -> int:
    """Levenshtein distance in words."""
    row = list(range(len(got) + 1))
    for one in expected:
        last, row[0] = row[0], row[0] + 1
        for place, other in enumerate(got, start=1):
            last, row[place] = (
                row[place],
                min(row[place] + 1, row[place - 1] + 1, last + (one != other)),
            )
    return row[-1]


def share(hits: Iterable[bool]) -> str:
    seen = list(hits)
    return f"{100 * sum(seen) / len(seen):5.1f} % of {len(seen)}" if seen else "–"


def measures(notes: Sequence[Note], results: Mapping[str, Result]) -> dict[str, str]:
    spoken = [(note, results[note.id]) for note in notes if not note.sound]
    quiet = [results[note.id] for note in notes if note.sound]
    ordinary = [result for note, result in spoken if note.ordinary]

    def exact(kind: str) -> str:
        return share(
            name.written in tokens_of(result.text)
            for note, result in spoken
            for name in note.names
            if name.kind == kind
        )

    wrong = sum(
        edits(_lower(tokens_of(note.written)), _lower(tokens_of(result.text)))
        for note, result in spoken
    )
    words = sum(len(tokens_of(note.written)) for note, _ in spoken)
    return {
        "paths written exactly": exact("path"),
        "identifiers written exactly": exact("identifier"),
        "new names as asked for": exact("new name"),
        "word error rate": f"{100 * wrong / words:5.1f} %",
        "names put into ordinary sentences": share(bool(r.replaced) for r in ordinary),
        "silence and noise answered as such": share(not r.text for r in quiet),
        "right template": share(note.template == r.template for note, r in spoken),
        "right slots": share(
            str(r.slots.get(slot, "")) == value
            for note, r in spoken
            for slot, value in note.slots.items()
        ),
        "median seconds per note": f"{statistics.median(r.seconds for _, r in spoken):5.2f}",
    }


def _lower(words: Iterable[str]) -> list[str]:
    return [word.lower() for word in words]


def vocabulary_of(repository: Repository) -> Vocabulary:
    files = [TrackedFile(path, path) for path in repository.files]
    vocabulary = Vocabulary.of_paths(files, branches=repository.branches)
    return vocabulary.with_symbols(symbols_of(repository))


Words = Sequence[HeardWord]


def raw_words(model: str, notes: Sequence[Note]) -> dict[str, tuple[list[HeardWord], float]]:
    """What plain faster-whisper hears, with its seconds."""
    from faster_whisper import WhisperModel

    whisper = WhisperModel(model, device="cpu", compute_type="int8", cpu_threads=2)
    heard: dict[str, tuple[list[HeardWord], float]] = {}
    for note in notes:
        began = time.perf_counter()
        segments, _ = whisper.transcribe(
            str(note.audio),
            language=note.language if whisper.model.is_multilingual else "en",
            vad_filter=True,
            word_timestamps=True,
            condition_on_previous_text=False,
        )
        words = [
            HeardWord(word.word, word.start, word.end, word.probability)
            for segment in segments
            for word in segment.words or ()
        ]
        heard[note.id] = words, time.perf_counter() - began
    return heard


def cached(file: Path, hear: Callable[[], Mapping[str, tuple[list[HeardWord], float]]]) -> Any:
    if not file.exists():
        rows = {
            id: [seconds, [[w.word, w.start, w.end, w.probability] for w in words]]
            for id, (words, seconds) in hear().items()
        }
        file.write_text(json.dumps(rows), "utf-8")
    rows = json.loads(file.read_text("utf-8"))
    return {
        id: ([HeardWord(*word) for word in words], seconds) for id, (seconds, words) in rows.items()
    }


def understood(note: Note, words: Words, vocabulary: Vocabulary) -> Result:
    began = time.perf_counter()
    meant = understand(
        words,
        vocabulary,
        projects=("storefront", "ledger", "fleet"),
        templates=TEMPLATES,
        agents=AGENTS,
        language=note.language,
    )
    return Result(
        meant.text,
        time.perf_counter() - began,
        meant.intent.template,
        meant.intent.slots,
        len(meant.replacements),
    )


def print_table(columns: Mapping[str, Mapping[str, str]]) -> None:
    names = list(columns)
    print("| | " + " | ".join(names) + " |")
    print("| --- |" + " --- |" * len(names))
    for measure in columns[names[0]]:
        print(f"| {measure} | " + " | ".join(columns[name][measure] for name in names) + " |")


def show(notes: Sequence[Note], results: Mapping[str, Result]) -> None:
    """What went wrong, note by note."""
    for note in notes:
        result = results[note.id]
        missing = [n.written for n in note.names if n.written not in tokens_of(result.text)]
        if missing or (note.ordinary and result.replaced) or note.template != result.template:
            print(
                f"{note.id} {result.text}\n   missing {missing}; {result.template} {result.slots}"
            )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--model", default="", help="folder of a faster-whisper model")
    parser.add_argument("--part", choices=("held-out", "tuning", "all"), default="held-out")
    parser.add_argument("--cache", type=Path, help="file of raw words, made where missing")
    parser.add_argument("--show", action="store_true", help="print what went wrong")
    options = parser.parse_args()
    notes = [note for note in load_notes() if options.model or note.language == "en"]
    notes = [
        note
        for note in notes
        if options.part == "all" or note.held_out == (options.part == "held-out")
    ]
    every = load_notes()
    heard = cached(options.cache, lambda: raw_words(options.model, every))
    vocabularies = {name: vocabulary_of(repo) for name, repo in load_repositories().items()}
    raw = {
        note.id: Result("".join(w.word for w in heard[note.id][0]), heard[note.id][1])
        for note in notes
    }
    ours = {
        note.id: understood(note, heard[note.id][0], vocabularies[note.repository])
        for note in notes
    }
    if options.show:
        show(notes, ours)
    print_table({"raw": measures(notes, raw), "repository-aware": measures(notes, ours)})


if __name__ == "__main__":
    main()
