"""What is measured of a way of hearing, and the table of it."""

from __future__ import annotations

import statistics
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from notes import Note
from plain import plain_words


@dataclass(frozen=True, slots=True)
class Result:
    """What one way of hearing made of one note."""

    text: str
    seconds: float
    template: str | None = None
    slots: Mapping[str, Any] = field(default_factory=dict)
    replaced: int = 0


def tokens_of(text: str) -> list[str]:
    words = (word.rstrip(".,;:!?\"'()").lstrip(",;:!?\"'()") for word in text.split())
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
        edits(plain_words(tokens_of(note.written)), plain_words(tokens_of(result.text)))
        for note, result in spoken
    )
    words = sum(len(plain_words(tokens_of(note.written))) for note, _ in spoken)
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
