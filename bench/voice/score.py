"""How well notes are heard: raw faster-whisper beside Gofer, in one run, as a table.

    python bench/voice/score.py --model FOLDER [--set SET] [--part held-out|tuning|all] [--show]
    python bench/voice/score.py --words FILE …     # matching alone, on words heard before

Both hear every note with the same model: faster-whisper as it comes, with voice activity detection,
and Gofer's transcriber with the note's repository. `--words` keeps the raw words in a file (made
with `--model` where missing) and scores matching and intent on them in a few seconds.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import tempfile
import time
from collections.abc import Mapping, Sequence
from pathlib import Path

from measures import Result, measures, print_table, show
from notes import HELD_OUT, Note, Repository, load_notes, load_repositories

from core.hearing import Heard
from core.model import Project, TrackedFile
from voice import models
from voice.transcriber import Transcriber

TEMPLATES = ("bug_fix", "react_component", "unit_tests", "refactor", "question")
AGENTS = ("claude", "codex", "gemini", "opencode")
SYMBOLS_S = 2.0  # by then the few files have been read in the background
STUBS = {
    "py": "def {}(): ...\n",
    "go": "func {}() {{}}\n",
    "kt": "fun {}() {{}}\n",
    "rs": "fn {}() {{}}\n",
    "rb": "class {}; end\n",
    "cs": "class {} {{}}\n",
}  # how a file defines a symbol
RUBY = "def {}; end\n"
STUB = "export function {}() {{}}\n"


class Sources:
    """The made-up repositories, as the transcriber asks for them."""

    def __init__(self, repositories: Mapping[str, Repository]) -> None:
        self._repositories = repositories

    async def tracked_files(self, project: Project) -> Sequence[TrackedFile]:
        return [TrackedFile(path, path) for path in self._repositories[project.name].files]

    async def read_blobs(self, project: Project, blobs: Sequence[str]) -> Mapping[str, bytes]:
        files = self._repositories[project.name].files
        return {path: self._content(path, files[path]) for path in blobs}

    async def branches(self, project: Project) -> Sequence[str]:
        return self._repositories[project.name].branches

    async def recently_changed(self, project: Project) -> Sequence[str]:
        return ()

    @staticmethod
    def _content(path: str, symbols: Sequence[str]) -> bytes:
        stub = STUBS.get(path.rpartition(".")[2], STUB)
        lines = (RUBY if path.endswith(".rb") and name.islower() else stub for name in symbols)
        return "".join(
            line.format(name) for line, name in zip(lines, symbols, strict=True)
        ).encode()


def raw_words(model: str, notes: Sequence[Note]) -> dict[str, tuple[str, float]]:
    """What plain faster-whisper writes, with its seconds."""
    from faster_whisper import WhisperModel

    whisper = WhisperModel(model, device="cpu", compute_type="int8")
    heard: dict[str, tuple[str, float]] = {}
    for note in notes:
        began = time.perf_counter()
        segments, _ = whisper.transcribe(
            str(note.audio),
            language=note.language if whisper.model.is_multilingual else "en",
            vad_filter=True,
            word_timestamps=True,
            condition_on_previous_text=False,
        )
        text = "".join(segment.text for segment in segments)
        heard[note.id] = text, time.perf_counter() - began
    return heard


def remembered(file: Path, model: str) -> Mapping[str, tuple[str, float]]:
    if not file.exists():
        file.write_text(json.dumps(raw_words(model, load_notes())), "utf-8")
    return {id: (text, seconds) for id, (text, seconds) in json.loads(file.read_text()).items()}


async def by_gofer(
    model: str, notes: Sequence[Note], raw: Mapping[str, tuple[str, float]] | None
) -> dict[str, Result]:
    """Hear the notes with their repositories; with `raw`, only understand what was heard."""
    sources = Sources(load_repositories())
    with tempfile.TemporaryDirectory() as cache:
        projects = {name: Project(name, Path(cache)) for name in load_repositories()}
        transcriber = Transcriber(
            model=model,
            cache=Path(cache),
            repositories=sources,
            projects=lambda: list(projects.values()),
            templates=TEMPLATES,
            agents=AGENTS,
        )
        try:
            for project in projects.values():
                await transcriber.warm(project)
            await asyncio.sleep(SYMBOLS_S)
            if raw is None:
                await transcriber.load()
            results = {}
            for note in notes:
                project = projects[note.repository]
                if raw is None:
                    heard = await transcriber.hear(
                        note.audio, project=project, language=note.language
                    )
                else:
                    heard = await transcriber.understand(raw[note.id][0], project=project)
                results[note.id] = result_of(heard)
            return results
        finally:
            await transcriber.close()


def result_of(heard: Heard) -> Result:
    return Result(
        heard.text,
        heard.seconds,
        heard.intent.template,
        heard.intent.slots,
        len(heard.replacements),
    )


def main() -> None:
    os.environ["ORT_DISABLE_TELEMETRY"] = "1"  # ONNX Runtime is loaded by the first note
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--model", default="", help="folder of a faster-whisper model, or tiny.en")
    parser.add_argument("--set", choices=HELD_OUT, action="append", help="leave others out")
    parser.add_argument("--part", choices=("held-out", "tuning", "all"), default="held-out")
    parser.add_argument("--words", type=Path, help="file of raw words, made where missing")
    parser.add_argument("--show", action="store_true", help="print what went wrong")
    parser.add_argument("--alone", action="store_true", help="without raw faster-whisper")
    parser.add_argument("--english", action="store_true", help="leave other languages out")
    options = parser.parse_args()
    options.model = str(models.find(options.model, Path()) or options.model)
    notes = [
        note
        for note in load_notes(options.set or HELD_OUT)
        if (options.part == "all" or note.held_out == (options.part == "held-out"))
        and (note.language == "en" or not options.english)
    ]
    words = remembered(options.words, options.model) if options.words else None
    heard = words or ({} if options.alone else raw_words(options.model, notes))
    ours = asyncio.run(by_gofer(options.model, notes, words))
    if options.show:
        show(notes, ours)
    columns = {"Gofer": measures(notes, ours)}
    if heard:
        raw = {note.id: Result(*heard[note.id]) for note in notes}
        columns = {"raw": measures(notes, raw), **columns}
    spoken = sorted({note.language for note in notes})
    for language in spoken if len(spoken) > 1 else ():
        part = [note for note in notes if note.language == language]
        columns[f"Gofer, {language}"] = measures(part, ours)
    print_table(columns)


if __name__ == "__main__":
    main()
