"""The model itself, on this machine: which device is taken, and what is refused."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import ctranslate2
import numpy as np
import pytest

from core.errors import UserError
from tests import recordings
from tests.recordings import DEMO_NOTE
from voice import audio, models, whisper
from voice.audio import RATE
from voice.speech import Piece
from voice.spoken import LANGUAGES
from voice.whisper import Decoded, Whisper, open_model


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    found = models.find("tiny.en", tmp_path)
    assert found
    return found


@pytest.mark.skipif(ctranslate2.get_cuda_device_count() > 0, reason="there is a card here")
def test_a_card_that_fails_at_the_first_use_gives_way_to_the_processor(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The driver counts a card; whatever is tried on it fails for real."""
    monkeypatch.setattr(ctranslate2, "get_cuda_device_count", lambda: 1)
    opened = open_model(folder, "auto")
    assert opened.device == "cpu"
    silence = np.zeros(RATE, np.float32)
    heard = opened.hear(silence, language=None, usual=("en",), on_progress=lambda _: None)
    assert heard.text == ""


def test_the_languages_are_those_that_there_is_data_for() -> None:
    assert {"en", "de", "es", "fr"} <= set(LANGUAGES)


def test_a_language_that_whisper_does_not_know_is_refused_in_words(folder: Path) -> None:
    opened = open_model(folder, "cpu")
    opened.english_only = False  # as a multilingual model would be
    silence = np.zeros(RATE, np.float32)
    with pytest.raises(UserError, match="no language 'klingon'"):
        opened.hear(silence, language="klingon", usual=(), on_progress=lambda _: None)


class Counted(Whisper):
    """Counts what it decodes."""

    decoded = 0

    def _decode(
        self, encoded: ctranslate2.StorageView, piece: Piece, language: str, said: str = ""
    ) -> Decoded:
        self.decoded += 1
        return super()._decode(encoded, piece, language, said)


def test_what_nobody_can_understand_is_tried_twice_and_left_out(folder: Path) -> None:
    """Warmer and warmer tries took half a minute, and came to nonsense."""
    opened = Counted(folder)
    muddled = recordings.muddled(audio.read(DEMO_NOTE))
    heard = opened.hear(muddled, language="en", usual=("en",), on_progress=lambda _: None)
    assert opened.decoded == 2
    assert (heard.text, heard.unclear, heard.reheard) == ("", 1, 1)
    assert heard.logprob < -1


class Adviser:
    """Implements `whisper.Advice`; never believes what was heard again."""

    def __init__(self) -> None:
        self.asked: list[tuple[str, str]] = []

    def near(self, text: str, language: str) -> Sequence[str]:
        self.asked.append((text, language))
        return ["card reader", "shopping sauce"]

    def better(self, first: str, again: str, language: str) -> bool:
        assert again != first
        return False


def test_what_is_heard_again_counts_only_where_it_is_better(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(whisper, "SURE", 0.0)
    adviser = Adviser()
    assert adviser.asked == [(heard_demo_note(folder, adviser), "en")]


def test_what_was_heard_for_sure_is_not_heard_again(folder: Path) -> None:
    adviser = Adviser()
    assert "cart.py" in heard_demo_note(folder, adviser)
    assert adviser.asked == []


def heard_demo_note(folder: Path, adviser: Adviser) -> str:
    heard = open_model(folder, "cpu").hear(
        audio.read(DEMO_NOTE),
        language=None,
        usual=("en",),
        on_progress=lambda _: None,
        advice=adviser,
    )
    return heard.text
