"""The model: a note's samples to words, in a window cut to the note where that can be trusted.

Whisper pads whatever it hears to 30 seconds, and for a short note most of the time goes into
listening to nothing. Here the encoder gets what there is and a margin behind it; a passage about
which `guards.doubt` finds something is heard once more, in the full window and behind no prompt.
What that makes no sense of is left out: warmer tries, which the library goes on with, never mended
a note and take many seconds. Measured margins and settings: bench/hearing.py.
"""

from __future__ import annotations

import logging
import os
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Protocol

import ctranslate2
import numpy as np
from faster_whisper import WhisperModel
from faster_whisper.tokenizer import _LANGUAGE_CODES as LANGUAGES
from faster_whisper.tokenizer import Tokenizer
from faster_whisper.transcribe import get_suppressed_tokens, merge_punctuations
from numpy.typing import NDArray

from core.errors import UserError
from core.hearing import HeardWord
from voice import guards
from voice.audio import RATE, Samples
from voice.guards import Passage
from voice.language import choose
from voice.speech import Piece, Span, pieces

log = logging.getLogger(__name__)

FRAMES_PER_S = 100
MARGIN = 400  # frames of padding behind the sound; with less, notes come out repeated
LEAST_FRAMES = 400
BEAM = 2  # finds as many names as five, in a sixth less of the time
SURE = -0.25  # from this average on a note is not heard again: what that finds, it finds below
TOKENS_PER_S = 8  # fast speech takes about five
# Said to have been heard before the note, so that code is expected; measured to lower word errors
# by a tenth to a fifth. It is English, and would pull other languages there. No folders are in it:
# base hears "src" everywhere behind a prompt with "src/utils".
PROMPTS = {
    "en": "Fix the bug in the date helper. Add a function called parse row to main.py, and rename"
    " the hook use cart."
}
BEFORE, BEHIND = "\"'“¿([{-", "\"'.。,，!！?？:：”)]}、"


@dataclass(frozen=True, slots=True)
class Transcript:
    """Words with times in the note; without text when nobody spoke, or nothing was understood."""

    text: str
    words: tuple[HeardWord, ...]
    language: str | None
    duration_s: float
    logprob: float = 0.0  # of the least certain piece
    reheard: int = 0  # pieces for which the full window was needed
    unclear: int = 0  # pieces of which no sense could be made; they are left out


@dataclass(frozen=True, slots=True)
class Decoded:
    """A passage whose words have no times yet, and what it takes to find these."""

    passage: Passage
    tokenizer: Tokenizer
    tokens: Sequence[int]


class Advice(Protocol):
    """Whoever knows the project's names."""

    def near(self, text: str, language: str) -> Sequence[str]:
        """Names that a text comes near to, as they are said."""

    def better(self, first: str, again: str, language: str) -> bool:
        """Whether the text that was heard behind these names has more of them."""


class Whisper:
    """One loaded model. Not for several threads at once."""

    def __init__(self, folder: Path, device: str = "cpu") -> None:
        kind = "int8" if device == "cpu" else "int8_float16"
        self.model = WhisperModel(
            str(folder), device=device, compute_type=kind, cpu_threads=threads()
        )
        self.english_only = not self.model.model.is_multilingual
        self.device = device

    def hear(
        self,
        samples: Samples,
        *,
        language: str | None,
        usual: Sequence[str],
        on_progress: Callable[[float], None],
        advice: Advice | None = None,
    ) -> Transcript:
        """`language` None: found from the sound, in favour of the `usual` ones."""
        self._check(language)
        heard: list[Passage] = []
        unclear: list[Passage] = []
        words: list[HeardWord] = []
        reheard = 0
        found = pieces(samples)
        for done, piece in enumerate(found, start=1):
            passage, spoken, again = self.hear_piece(piece, language, usual, advice)
            reheard += again
            if guards.is_nonsense(passage):
                unclear.append(passage)
            elif not guards.is_invented(passage, piece.seconds):
                language = spoken  # people keep to one, and the next piece may be short
                heard.append(passage)
                words.extend(_in_note(word, piece) for word in passage.words)
            on_progress(done / len(found))
        return Transcript(
            text=" ".join(passage.text for passage in heard),
            words=tuple(words),
            language=language if heard else None,
            duration_s=samples.size / RATE,
            logprob=min((passage.logprob for passage in (*heard, *unclear)), default=0.0),
            reheard=reheard,
            unclear=len(unclear),
        )

    def _check(self, language: str | None) -> None:
        """Raises UserError for a language that Whisper does not know."""
        if language is not None and language not in LANGUAGES and not self.english_only:
            raise UserError(
                f"Whisper knows no language {language!r}. Most have two letters: en, de, es, fr."
            )

    def hear_piece(
        self,
        piece: Piece,
        language: str | None,
        usual: Sequence[str],
        advice: Advice | None = None,
    ) -> tuple[Passage, str, bool]:
        """What was heard, in which language, and whether that took the full window."""
        encoded = self._encode(piece, MARGIN)
        language = self._language(encoded, language, usual)
        decoded = self._decode(encoded, piece, language, PROMPTS.get(language, ""))
        passage = decoded.passage
        if guards.is_noise(passage):
            return passage, language, False
        if not guards.doubt(passage, piece.seconds):
            passage = self._timed(encoded, piece, decoded)
        if guards.doubt(passage, piece.seconds):
            return self._hear_in_full(piece, language), language, True
        if advice and passage.logprob < SURE:
            passage = self._hear_again(encoded, piece, language, passage, advice)
        return passage, language, False

    def _hear_in_full(self, piece: Piece, language: str) -> Passage:
        """In the library's window, and behind nothing: of what is hard to hear, a prompt's words
        would be made."""
        encoded = self._encode(piece, self.model.feature_extractor.nb_max_frames)
        return self._timed(encoded, piece, self._decode(encoded, piece, language))

    def _hear_again(
        self,
        encoded: ctranslate2.StorageView,
        piece: Piece,
        language: str,
        first: Passage,
        advice: Advice,
    ) -> Passage:
        """Behind the names that the first hearing comes near to, where that hears more of them."""
        names = advice.near(first.text, language)
        if not names:
            return first
        said = f"{PROMPTS.get(language, '')} {', '.join(names)}.".strip()
        decoded = self._decode(encoded, piece, language, said)
        if decoded.passage.text == first.text or guards.lost(first, decoded.passage):
            return first
        if not advice.better(first.text, decoded.passage.text, language):
            return first
        again = self._timed(encoded, piece, decoded)
        return first if guards.doubt(again, piece.seconds) else again

    def _encode(self, piece: Piece, margin: int) -> ctranslate2.StorageView:
        features = self.model.feature_extractor(piece.samples)
        frames = max(features.shape[-1] + margin, LEAST_FRAMES)
        frames = min(frames + frames % 2, self.model.feature_extractor.nb_max_frames)
        return self.model.encode(_fitted(features, frames))

    def _language(
        self, encoded: ctranslate2.StorageView, language: str | None, usual: Sequence[str]
    ) -> str:
        if self.english_only:
            return "en"
        if language is not None:
            return language
        found = self.model.model.detect_language(encoded)[0]
        return choose([(token.strip("<|>"), share) for token, share in found], usual)

    def _decode(
        self,
        encoded: ctranslate2.StorageView,
        piece: Piece,
        language: str,
        said: str = "",
    ) -> Decoded:
        """What is in it, as if `said` had been heard before."""
        tokenizer = Tokenizer(
            self.model.hf_tokenizer, not self.english_only, task="transcribe", language=language
        )
        before = tokenizer.encode(f" {said}") if said else []
        prompt = self.model.get_prompt(tokenizer, before, without_timestamps=True)
        most = len(prompt) + 20 + round(TOKENS_PER_S * piece.seconds)
        most = min(most, self.model.max_length)
        result = self.model.model.generate(
            encoded,
            [prompt],
            beam_size=BEAM,
            max_length=most,
            return_scores=True,
            return_no_speech_prob=True,
            suppress_tokens=get_suppressed_tokens(tokenizer, [-1]),
        )[0]
        tokens = result.sequences_ids[0]
        passage = Passage(
            text=tokenizer.decode(tokens).strip(),
            words=(),
            logprob=result.scores[0] * len(tokens) / (len(tokens) + 1),
            no_speech=result.no_speech_prob,
            cut_off=len(prompt) + len(tokens) >= most,
        )
        return Decoded(passage, tokenizer, tokens)

    def _timed(self, encoded: ctranslate2.StorageView, piece: Piece, decoded: Decoded) -> Passage:
        """The passage with its words; finding out when each was said takes a while."""
        spoken = [token for token in decoded.tokens if token < decoded.tokenizer.eot]
        frames = round(piece.seconds * FRAMES_PER_S)
        found = self.model.find_alignment(decoded.tokenizer, [spoken], encoded, frames)
        if not found:
            return decoded.passage
        merge_punctuations(found[0], BEFORE, BEHIND)
        words = whole_words(
            HeardWord(part["word"], float(part["start"]), float(part["end"]), part["probability"])
            for part in found[0]
        )
        return replace(decoded.passage, words=words)


def whole_words(parts: Iterable[HeardWord]) -> tuple[HeardWord, ...]:
    """Whisper's parts (" cart", ".py") as words between spaces ("cart.py")."""
    words: list[HeardWord] = []
    for part in parts:
        text, probability = part.word.strip(), round(float(part.probability), 3)
        if words and text and not part.word.startswith(" "):
            last = words[-1]
            probability = min(last.probability, probability)
            words[-1] = HeardWord(last.word + text, last.start, part.end, probability)
        elif text:
            words.append(HeardWord(text, part.start, part.end, probability))
    return tuple(words)


def threads() -> int:
    """All cores that this process may use; beyond eight there is nothing to gain."""
    usable = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    return min(usable or 1, 8)


def _fitted(features: NDArray[np.float32], frames: int) -> NDArray[np.float32]:
    """Cut or padded with zeros (what faster-whisper pads with, and better than silence)."""
    features = features[:, :frames]
    return np.pad(features, ((0, 0), (0, frames - features.shape[-1])))


def _in_note(word: HeardWord, piece: Piece) -> HeardWord:
    return HeardWord(
        word.word, piece.in_note(word.start), piece.in_note(word.end), word.probability
    )


def open_model(folder: Path, device: str) -> Whisper:
    """`device` auto takes a CUDA card where there is one, and the processor where that fails.

    A card can be there and yet fail at the first use (a missing library, no memory left), so the
    model has to hear something before it is believed. Raises UserError for a damaged folder.
    """
    if device != "cpu" and ctranslate2.get_cuda_device_count():
        try:
            return _proved(Whisper(folder, "cuda"))
        except (RuntimeError, ValueError) as error:
            log.warning("CUDA does not work (%s); the processor is used.", error)
    try:
        return Whisper(folder)
    except (RuntimeError, ValueError, OSError) as error:
        raise UserError(
            f"The Whisper model in {folder} cannot be loaded ({error}). Remove the folder to have"
            " it fetched again, or set GOFER_WHISPER_MODEL to another one."
        ) from None


def _proved(whisper: Whisper) -> Whisper:
    whisper.hear_piece(Piece(np.zeros(RATE, np.float32), (Span(0, RATE),)), "en", ())
    return whisper
