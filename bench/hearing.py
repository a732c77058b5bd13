"""How long a note takes, and what the cut window costs in accuracy: the numbers behind the choices.

    python bench/hearing.py [--model NAME_OR_FOLDER] [--set window|beam|threads] [--every N]

Hears the notes of `bench/voice` with plain faster-whisper and with Gofer's window, beam and threads
varied; each note by all of them before the next, so that a busy machine slows all alike. Printed
are the median seconds per note, the processor's seconds, the ratio to plain, how many notes were
heard again in the full window, and the word error rate against what was spoken.
"""

from __future__ import annotations

import argparse
import os
import re
import statistics
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from faster_whisper import WhisperModel
from rapidfuzz.distance import Levenshtein

sys.path.pop(0)  # has a folder named as the package
sys.path.insert(0, str(Path(__file__).parent / "voice"))
from notes import load_notes

from voice import audio, models, whisper
from voice.audio import Samples
from voice.whisper import Whisper

SETS: dict[str, dict[str, Sequence[int]]] = {
    "window": {"MARGIN": (100, 200, 300, 400, 600, 3_000)},
    "beam": {"BEAM": (1, 2, 5, 8)},
    "threads": {"THREADS": (1, 2, 4)},
}


@dataclass
class Way:
    """One way of hearing, and what it took so far."""

    name: str
    hear: Callable[[Samples], tuple[str, int]]  # text, and pieces heard again
    wall: list[float] = field(default_factory=list)
    processor: list[float] = field(default_factory=list)
    errors: int = 0
    again: int = 0

    def take(self, samples: Samples, spoken: str) -> None:
        wall, processor = time.perf_counter(), time.process_time()
        text, again = self.hear(samples)
        self.wall.append(time.perf_counter() - wall)
        self.processor.append(time.process_time() - processor)
        self.errors += Levenshtein.distance(plain(text), plain(spoken))
        self.again += again


def plain(text: str) -> list[str]:
    return re.findall(r"[a-z0-9']+", text.lower())


def raw(folder: Path) -> Way:
    model = WhisperModel(
        str(folder), device="cpu", compute_type="int8", cpu_threads=whisper.threads()
    )

    def hear(samples: Samples) -> tuple[str, int]:
        segments, _ = model.transcribe(samples, language="en", vad_filter=True)
        return " ".join(segment.text for segment in segments), 0

    return Way("plain faster-whisper", hear)


def ours(folder: Path, setting: str, value: int) -> Way:
    if setting == "THREADS":
        usual, whisper.threads = whisper.threads, lambda: value
        model = Whisper(folder)
        whisper.threads = usual
    else:
        model = Whisper(folder)

    def hear(samples: Samples) -> tuple[str, int]:
        usual = getattr(whisper, setting, None)
        setattr(whisper, setting, value)
        heard = model.hear(samples, language="en", usual=("en",), on_progress=lambda _: None)
        setattr(whisper, setting, usual)
        return heard.text, heard.reheard

    return Way(f"{setting.lower()} {value}", hear)


def main() -> None:
    os.environ["ORT_DISABLE_TELEMETRY"] = "1"  # ONNX Runtime is loaded by the first note
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--model", default="tiny.en")
    parser.add_argument("--set", choices=SETS, default="window")
    parser.add_argument("--every", type=int, default=1, help="only each N-th note")
    options = parser.parse_args()
    folder = models.find(options.model, Path("~/.gofer/voice").expanduser())
    if folder is None:
        sys.exit(f"There is no model {options.model} on this machine.")
    notes = [note for note in load_notes() if not note.sound and note.language == "en"]
    notes = notes[:: options.every]
    ways = [raw(folder)]
    for setting, values in SETS[options.set].items():
        ways += [ours(folder, setting, value) for value in values]
    words = 0
    for note in notes:
        samples = audio.read(note.audio)
        words += len(plain(note.spoken))
        for way in ways:
            way.take(samples, note.spoken)
    print(
        f"{options.model}, {len(notes)} notes, {whisper.threads()} threads, beam {whisper.BEAM}\n"
    )
    print("| | median s | processor s | of plain | heard again | word errors |")
    print("| --- | --- | --- | --- | --- | --- |")
    for way in ways:
        wall, processor = statistics.median(way.wall), statistics.median(way.processor)
        share = wall / statistics.median(ways[0].wall)
        print(
            f"| {way.name} | {wall:.2f} | {processor:.2f} | {share:.2f} | {way.again} |"
            f" {100 * way.errors / words:.1f} % |"
        )


if __name__ == "__main__":
    main()
