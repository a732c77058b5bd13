"""Whether to believe what the decoder wrote: pure judgement over numbers and words.

`doubt` asks for the full window after the cut one; `is_nonsense` says of what came out of that that
it is no text; `is_invented` tells speech from the sentences that Whisper makes of noise, music and
silence.
"""

from __future__ import annotations

import re
import zlib
from collections.abc import Sequence
from dataclasses import dataclass

from core.hearing import HeardWord

MOST_COMPRESSED = 2.4  # these two are Whisper's own marks of a failed decoding
LEAST_LOGPROB = -1.0
MOST_WORDS_PER_S = 6.5
LEAST_WORDS_PER_S = 0.4
LONG_PHRASE = 5  # words
MOST_LOST = 0.1  # of the average log probability, behind names that were hinted at
MOST_KEPT = 0.7  # share of the words that have to be left then
MOST_UNHEARD_S = 2.5  # speech behind the last word
LIKELY_SILENT = 0.6  # Whisper's own mark again, together with a low log probability
STUTTER = re.compile(r"([^\W\d][^\s\d]{0,5}?)\1{5,}")  # within a word: "xxxxxx", "lass-lass-lass-…"

# What Whisper was trained to find under silence and music: the ends of subtitled videos.
CREDITS = re.compile(
    r"thank(s| you)( so much| very much)?( for (watching|listening|your attention))?"
    r"|(please )?(like|subscribe)\b.*|see you( all)? (next time|in the next.*|later|soon)"
    r"|(subtitles?|captions?|transcri\w+|translat\w+) (by|made by|provided by)\b.*"
    r"|untertitel\b.*|vielen dank|bis zum nächsten mal|copyright\b.*"
    r"|sous-titr\w+\b.*|merci d'avoir regardé.*|subtítulos\b.*|gracias por ver.*"
    r"|you|bye( bye)*|oh|ah|uh|um|hmm?|so|i|the end|www\..*|.*amara\.org.*"
)


@dataclass(frozen=True, slots=True)
class Passage:
    """What the decoder wrote for one piece. Times are seconds within the piece."""

    text: str
    words: tuple[HeardWord, ...]
    logprob: float  # average per token
    no_speech: float  # Whisper's own probability that nobody speaks
    cut_off: bool = False  # the decoder ran into its length limit


def doubt(passage: Passage, seconds: float) -> str | None:
    """Why a passage heard in a cut window should be heard again in the full one."""
    spoken = plain(passage.text)
    rate = len(spoken) / max(seconds, 0.5)
    last = passage.words[-1].end if passage.words else seconds  # no times found yet
    checks = (
        (passage.cut_off, "it did not end"),
        (compression(passage.text) > MOST_COMPRESSED, "it repeats itself"),
        (stutters(passage.text) or repeats(spoken), "it repeats itself"),
        (passage.logprob < LEAST_LOGPROB, "it is unsure"),
        (rate > MOST_WORDS_PER_S, "nobody speaks that fast"),
        (seconds > 3 and rate < LEAST_WORDS_PER_S, "much speech, few words"),
        (seconds - last > MOST_UNHEARD_S, "it stopped early"),
    )
    return next((reason for failed, reason in checks if failed), None)


def is_nonsense(passage: Passage) -> bool:
    """Whether even the full window failed. A phrase said twice is none: people do that."""
    text = passage.text
    failed = passage.logprob < LEAST_LOGPROB or compression(text) > MOST_COMPRESSED
    return not is_noise(passage) and (failed or passage.cut_off or stutters(text))


def is_noise(passage: Passage) -> bool:
    """Whisper's own evidence that nobody speaks."""
    return passage.no_speech > LIKELY_SILENT and passage.logprob < -0.8


def lost(first: Passage, hinted: Passage) -> bool:
    """Whether a hearing behind names that were hinted at is worse than the first one: less sure,
    or much shorter."""
    fewer = len(plain(hinted.text)) < MOST_KEPT * len(plain(first.text))
    return fewer or hinted.logprob < first.logprob - MOST_LOST


def is_invented(passage: Passage, seconds: float) -> bool:
    """Written though nobody spoke."""
    spoken = plain(passage.text)
    if not spoken:
        return True
    if is_noise(passage):
        return True
    credit = CREDITS.fullmatch(" ".join(spoken)) is not None
    weak = passage.no_speech > 0.3 or passage.logprob < -0.6
    slow = seconds > 3 and len(spoken) / seconds < LEAST_WORDS_PER_S
    return credit and (weak or slow)


def compression(text: str) -> float:
    data = text.encode()
    return len(data) / len(zlib.compress(data)) if data else 0.0


def stutters(text: str) -> bool:
    return STUTTER.search(text) is not None


def repeats(words: Sequence[str]) -> bool:
    """A phrase said again at once, one word four times or twice and nothing else, or a long phrase
    twice anywhere."""
    if len(words) > 1 and len(set(words)) == 1:
        return True
    for length in range(1, len(words) // 2 + 1):
        times = 4 if length == 1 else 2
        for start in range(len(words) - length * times + 1):
            phrase = list(words[start : start + length])
            if phrase * (times - 1) == list(words[start + length : start + length * times]):
                return True
    long = [tuple(words[start : start + LONG_PHRASE]) for start in range(len(words))]
    long = [phrase for phrase in long if len(phrase) == LONG_PHRASE]
    return len(set(long)) < len(long)


def plain(text: str) -> list[str]:
    """Lower-case words without punctuation."""
    return re.findall(r"[^\W_]+(?:['’.-][^\W_]+)*", text.lower())
