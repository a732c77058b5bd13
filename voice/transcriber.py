"""Hearing, as the rest of Gofer sees it: a voice note in, what was meant out.

The sound goes to the model in its child process; what comes back is matched to the project's names
and read for its intent here in the parent, in a thread.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from core.hearing import Heard, HeardWord
from core.model import Project
from voice.child import Advise, Message
from voice.corrections import Corrections
from voice.hints import advise
from voice.listener import HEARING_S, Listener, Model
from voice.spoken import LANGUAGES
from voice.understanding import Understood, understand
from voice.vocabularies import Sources, Vocabularies
from voice.vocabulary import Vocabulary

IDLE_S = 600.0
FOREIGN_LOGPROB = -0.75  # 24 of 27 foreign notes were below with tiny.en, and 2 of 141 English ones

UNCLEAR = "No words could be made out: it is too unclear or too noisy. Say it again, or type it."
PARTLY_UNCLEAR = "A part that could not be made out is missing here."


class Transcriber:
    """Implements `core.ports.Hearing`."""

    def __init__(
        self,
        *,
        model: str,
        cache: Path,
        repositories: Sources,
        projects: Callable[[], Sequence[Project]],
        language: str | None = None,
        templates: Sequence[str] = (),
        agents: Sequence[str] = (),
        preload: bool = False,
        idle_s: float = IDLE_S,
        hearing_s: float = HEARING_S,
    ) -> None:
        """`language` may name several ("de,en"): the note decides between them.

        `hearing_s` is the longest that the model may say nothing about half a minute of speech.
        """
        self._model = model
        self._language = language
        self._projects = projects
        self._templates = templates
        self._agents = agents
        self._preload = preload
        self._listener = Listener(model, cache, idle_s=idle_s, hearing_s=hearing_s)
        self._corrections = Corrections(cache / "corrections")
        self._vocabularies = Vocabularies(repositories, cache / "symbols")

    async def load(self, on_progress: Callable[[float], None] | None = None) -> None:
        """Have the model ready ahead of the first note, fetched if need be. Raises UserError."""
        await self._listener.load(on_progress or _ignore)

    async def hear(
        self,
        audio: Path,
        *,
        project: Project | None = None,
        language: str | None = None,
        recent_files: Sequence[str] = (),
        on_progress: Callable[[float], None] | None = None,
    ) -> Heard:
        started = time.monotonic()
        spoken = [part.strip() for part in (language or self._language or "").split(",") if part]
        request = {
            "audio": str(audio),
            "language": spoken[0] if len(spoken) == 1 else None,
            "usual": spoken or LANGUAGES,
        }
        names = asyncio.create_task(self._vocabulary(project))  # of a large project take a second
        try:
            found, model = await self._listener.hear(
                request, on_progress or _ignore, _advise(names) if project else None
            )
            vocabulary = await names
        finally:
            names.cancel()
        text: str = found["text"]
        understood = await self._understand(
            text, vocabulary, project, found["language"], recent_files
        )
        return Heard(
            text=understood.text,
            raw_text=text,
            language=found["language"],
            duration_s=found["duration_s"],
            seconds=time.monotonic() - started,
            no_speech=not text,
            words=tuple(HeardWord(**word) for word in found["words"]),
            replacements=understood.replacements,
            intent=understood.intent,
            notice=self._notice(model, spoken, found),
        )

    async def understand(
        self, text: str, *, project: Project | None = None, recent_files: Sequence[str] = ()
    ) -> Heard:
        started = time.monotonic()
        vocabulary = await self._vocabulary(project)
        understood = await self._understand(text, vocabulary, project, None, recent_files)
        return Heard(
            text=understood.text,
            raw_text=text,
            language=None,
            duration_s=0.0,
            seconds=time.monotonic() - started,
            replacements=understood.replacements,
            intent=understood.intent,
        )

    async def warm(self, project: Project) -> None:
        await self._vocabulary(project)
        if self._preload:
            await self.load()

    async def correct(self, project: Project, heard: str, written: str) -> None:
        await asyncio.to_thread(self._corrections.remember, project.name, heard, written)

    async def close(self) -> None:
        await self._vocabularies.close()
        await self._listener.close()

    async def _understand(
        self,
        text: str,
        vocabulary: Vocabulary,
        project: Project | None,
        language: str | None,
        recent: Sequence[str],
    ) -> Understood:
        corrections = self._corrections.of(project.name) if project else {}
        return await asyncio.to_thread(
            understand,
            text,
            vocabulary,
            projects=[one.name for one in self._projects()],
            templates=self._templates,
            agents=self._agents,
            language=language,
            recent_files=recent,
            corrections=corrections,
        )

    async def _vocabulary(self, project: Project | None) -> Vocabulary:
        if project is None:
            return Vocabulary(())
        return await self._vocabularies.of(project)

    def _notice(self, model: Model, spoken: Sequence[str], found: Message) -> str | None:
        notices = []
        if found["unclear"]:
            notices.append(PARTLY_UNCLEAR if found["text"] else UNCLEAR)
        if model.english_only and (
            found["logprob"] <= FOREIGN_LOGPROB or not set(spoken) <= {"en"}
        ):  # it makes confident English of any language
            notices.append(
                f"The Whisper model {self._model} understands English only. For other languages"
                " set GOFER_WHISPER_MODEL to one whose name does not end in .en."
            )
        return " ".join(notices) or None


def _advise(names: asyncio.Task[Vocabulary]) -> Advise:
    async def answer(question: Message) -> Any:
        await asyncio.wait([names])
        if names.cancelled() or names.exception():
            return None  # told behind the note: the child must not be left waiting
        return await asyncio.to_thread(advise, question, names.result())

    return answer


def _ignore(_done: float) -> None:
    pass
