"""When a passage is heard again, when it is taken for noise, and which language is chosen."""

from __future__ import annotations

import pytest

from core.hearing import HeardWord
from voice.guards import Passage, doubt, is_invented, is_nonsense, lost, repeats
from voice.language import choose
from voice.whisper import whole_words

USUAL = ("en", "de", "es", "fr")


def passage(
    text: str, *, end: float = 3.0, logprob: float = -0.3, no_speech: float = 0.05
) -> Passage:
    """Its words spread evenly up to `end`."""
    spoken = text.split()
    step = end / max(len(spoken), 1)
    words = tuple(
        HeardWord(word, number * step, (number + 1) * step, 0.9)
        for number, word in enumerate(spoken)
    )
    return Passage(text, words, logprob, no_speech)


def test_an_ordinary_passage_is_believed() -> None:
    heard = passage("Fix the bug in the cart, and keep the tests.")
    assert doubt(heard, 3.2) is None
    assert not is_invented(heard, 3.2)


@pytest.mark.parametrize(
    ("heard", "seconds"),
    [
        (passage("Merge it. Merge it."), 3),
        (passage("Yes. Yes.", end=1), 1),
        (passage("stop stop stop stop"), 3),
        (passage("Fix the panic in the queue now, fix the panic in the batch."), 5),
        (passage("Fix the bug.", logprob=-1.2), 3),
        (passage("one two three four five six seven eight nine ten", end=1), 1),
        (passage("Fix it.", end=8), 9),
        (passage("Fix the bug in the cart and then", end=4), 9),
        (passage("Fix the bug." + " bug" * 90, end=20), 20),
        (passage("Die Zwei-Zwei-Zwei-Zwei-Zwei-Zwei-Zwei"), 3),
        (passage("In the bottom left xxxxxxxxxxxxxxx"), 3),
        (passage(""), 4),
    ],
)
def test_what_looks_wrong_is_heard_again(heard: Passage, seconds: float) -> None:
    assert doubt(heard, seconds) is not None


@pytest.mark.parametrize(
    ("heard", "nonsense"),
    [
        (passage("My surface is not a surface.", logprob=-1.28), True),
        (passage("and health" * 30), True),
        (passage("source-lass-lass-lass-lass-lass-lass-lass"), True),
        (passage("Merge it. Merge it."), False),
        (passage("no no no no no no no"), False),
        (passage("Wait for 10000000 rows."), False),
        (passage("Councilman.", logprob=-0.95), False),
    ],
)
def test_what_even_the_full_window_makes_no_sense_of(heard: Passage, nonsense: bool) -> None:
    assert is_nonsense(heard) is nonsense


def test_noise_is_not_called_unclear() -> None:
    assert not is_nonsense(passage("Thank you.", no_speech=0.96, logprob=-1.3))


def test_a_word_said_twice_is_speech() -> None:
    assert not repeats(["no", "no", "it", "is", "very", "very", "slow"])


@pytest.mark.parametrize(
    ("heard", "seconds"),
    [
        (passage(""), 2),
        (passage("..."), 2),
        (passage("Thank you for watching!", no_speech=0.5), 4),
        (passage("Thank you.", logprob=-0.8), 1),
        (passage("you", end=1), 12),
        (passage("Untertitel der Amara.org-Community", logprob=-0.7), 5),
        (passage("It is a lovely day.", no_speech=0.9, logprob=-1.0), 4),
    ],
)
def test_sentences_made_of_noise_are_dropped(heard: Passage, seconds: float) -> None:
    assert is_invented(heard, seconds)


@pytest.mark.parametrize(
    ("hinted", "worse"),
    [
        (passage("Fix the dequeue batch."), False),
        (passage("Fix the dequeue batch.", logprob=-0.9), True),
        (passage("Fix."), True),
    ],
)
def test_a_hearing_behind_hints_must_not_be_worse(hinted: Passage, worse: bool) -> None:
    assert lost(passage("Fix the cue bash."), hinted) is worse


@pytest.mark.parametrize("text", ["Stop.", "Merge it.", "Thank you.", "Undo that.", "Okay."])
def test_short_clear_speech_is_kept(text: str) -> None:
    assert not is_invented(passage(text, end=0.8), 1)


def test_an_answer_of_one_word_need_not_be_clear() -> None:
    assert not is_invented(passage("Okay.", end=0.8, logprob=-0.7), 1)


@pytest.mark.parametrize(
    ("found", "chosen"),
    [
        ([("de", 0.5), ("en", 0.3)], "de"),
        ([("la", 0.7), ("en", 0.1), ("nn", 0.1)], "en"),
        ([("la", 0.4), ("fr", 0.3), ("en", 0.2)], "fr"),
        ([("pl", 0.97), ("en", 0.01)], "pl"),
    ],
)
def test_an_unusual_language_needs_to_be_clear(found: list[tuple[str, float]], chosen: str) -> None:
    assert choose(found, USUAL) == chosen


def test_the_parts_of_a_word_come_together() -> None:
    parts = [HeardWord(" cart", 0, 1, 0.9), HeardWord(".py", 1, 2, 0.5), HeardWord(" is", 2, 3, 1)]
    assert whole_words(parts) == (HeardWord("cart.py", 0, 2, 0.5), HeardWord("is", 2, 3, 1))
