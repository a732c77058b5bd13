"""The vocabulary of hearing: what a note said, and what it seems to ask for.

Only plain frozen data, as in `core.model`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True, slots=True)
class HeardWord:
    word: str
    start: float  # seconds
    end: float
    probability: float


@dataclass(frozen=True, slots=True)
class Replacement:
    heard: str
    written: str
    confidence: float
    choices: tuple[str, ...] = ()  # confusable neighbours, when the evidence does not decide


@dataclass(frozen=True, slots=True)
class Intent:
    """What a request asks for; None and empty where unsure."""

    project: str | None = None
    template: str | None = None
    slots: Mapping[str, Any] = field(default_factory=dict)
    agent: str | None = None
    action: str | None = None  # follow-ups: also | stop | undo | merge | discard | status ...
    read_only: bool = False  # "just look, don't change anything"


@dataclass(frozen=True, slots=True)
class Heard:
    text: str
    raw_text: str
    language: str | None
    duration_s: float
    seconds: float  # time it took
    no_speech: bool = False
    words: tuple[HeardWord, ...] = ()
    replacements: tuple[Replacement, ...] = ()
    intent: Intent = Intent()
    notice: str | None = None  # e.g. an English-only model heard another language
