"""Names of the trade, as they are heard."""

import pytest

from voice.understanding import understand
from voice.vocabulary import Vocabulary


def read(heard: str, language: str = "en") -> tuple[str, str | None]:
    understood = understand(heard, Vocabulary(()), templates=("unit_tests",), language=language)
    return understood.text, understood.intent.slots.get("framework")


@pytest.mark.parametrize(
    ("heard", "text", "framework"),
    [
        ("Write tests with pie test.", "Write tests with pytest.", "pytest"),
        ("Write J-Unit tests.", "Write JUnit tests.", "junit"),
        (
            "Write unit tests using vee test, please.",
            "Write unit tests using Vitest, please.",
            "vitest",
        ),
        ("Write unit tests using the test.", "Write unit tests using the test.", None),
        ("Write tests with just one case.", "Write tests with just one case.", None),
        ("Write tests with pit est.", "Write tests with pytest.", "pytest"),
        ("Write tests with jest.", "Write tests with jest.", "jest"),
    ],
)
def test_frameworks_fill_their_slot(heard: str, text: str, framework: str | None) -> None:
    assert read(heard) == (text, framework)


def test_frameworks_in_other_languages() -> None:
    assert "pytest" in read("Schreibe Tests mit Pi Test.", "de")[0]


def test_ordinary_words_stay() -> None:
    assert read("I ate the pie and took the test with her.")[0].endswith("with her.")
