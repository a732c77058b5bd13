"""The child process that holds the model: `python -P -m voice.worker`.

JSON lines in, JSON lines out. The first line says which model (`{"model", "cache", "device"}`);
then each line is one note (`{"audio", "language", "usual", "advised"}`). Answered are any number of
`{"progress": 0..1}` and then one of `{"ready": …}`, `{"heard": …}` or `{"refused": message}`. Where
the note is `advised`, questions may come in between (`{"asked": {…}}`, see `Asking`), and the next
line is the answer.
Whatever else goes wrong ends the process, and that is the answer. It ends with its parent, too.
"""

from __future__ import annotations

import json
import os
import queue
import resource
import sys
import threading
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from core.errors import UserError

SPARE_BYTES = 3_000_000_000  # beside the model: half an hour of sound and what is made of it
Reply = Callable[[Mapping[str, Any]], None]


def main() -> None:
    reply = _replies()
    requests = _requests()
    transcriber = None
    while True:
        request = json.loads(requests.get())
        try:
            if transcriber is None:
                transcriber = _load(request, reply)
            else:
                advice = Asking(requests, reply) if request["advised"] else None
                reply({"heard": _hear(transcriber, request, reply, advice)})
        except UserError as error:
            reply({"refused": str(error)})


def _load(request: Mapping[str, Any], reply: Reply) -> Any:
    from voice import models
    from voice.whisper import open_model

    progress = _progress(reply)
    folder = models.resolve(request["model"], Path(request["cache"]), progress)
    _limit_memory(folder, request["device"])
    whisper = open_model(folder, request["device"])
    reply({"ready": {"english_only": whisper.english_only, "device": whisper.device}})
    return whisper


class Asking:
    """Implements `whisper.Advice`: the parent has the names."""

    def __init__(self, answers: queue.SimpleQueue[str], reply: Reply) -> None:
        self._answers = answers
        self._reply = reply

    def near(self, text: str, language: str) -> Sequence[str]:
        names: list[str] | None = self._ask({"near": text, "language": language})
        return names or ()

    def better(self, first: str, again: str, language: str) -> bool:
        return bool(self._ask({"first": first, "again": again, "language": language}))

    def _ask(self, question: Mapping[str, str]) -> Any:
        self._reply({"asked": question})
        return json.loads(self._answers.get())


def _hear(
    whisper: Any, request: Mapping[str, Any], reply: Reply, advice: Asking | None
) -> dict[str, Any]:
    from voice import audio

    samples = audio.read(Path(request["audio"]))
    reply({"progress": 0.0})
    transcript = whisper.hear(
        samples,
        language=request["language"],
        usual=request["usual"],
        on_progress=_progress(reply),
        advice=advice,
    )
    return asdict(transcript)


def _progress(reply: Reply) -> Callable[[float], None]:
    return lambda done: reply({"progress": round(done, 4)})


def _replies() -> Reply:
    """Answers go to what was standard output; whatever libraries print goes to standard error."""
    out = os.fdopen(os.dup(1), "w", encoding="utf-8")
    os.dup2(2, 1)

    def reply(message: Mapping[str, Any]) -> None:
        out.write(json.dumps(message) + "\n")
        out.flush()

    return reply


def _requests() -> queue.SimpleQueue[str]:
    """Lines of standard input. Its end is the parent's end: nobody waits for the answer then."""
    lines: queue.SimpleQueue[str] = queue.SimpleQueue()

    def read() -> None:
        for line in sys.stdin:
            lines.put(line)
        os._exit(0)

    threading.Thread(target=read, daemon=True).start()
    return lines


def _limit_memory(folder: Path, device: str) -> None:
    """So that a leak or a bomb ends this process and not the machine. Not with CUDA, which maps
    all of the card's memory."""
    if device == "cpu":
        limit = 3 * (folder / "model.bin").stat().st_size + SPARE_BYTES
        _, hard = resource.getrlimit(resource.RLIMIT_DATA)
        resource.setrlimit(resource.RLIMIT_DATA, (limit, hard))


if __name__ == "__main__":
    main()
