"""The note of the demo, from its raw words to the filled template."""

from core.model import TrackedFile
from voice.understanding import understand
from voice.vocabulary import Vocabulary

TEMPLATES = ("bug_fix", "react_component", "unit_tests", "refactor", "question")
PATHS = ("src/cart.py", "src/catalog.py", "tests/test_cart.py", "README.md")


def test_the_demo_note_becomes_a_bug_fix() -> None:
    vocabulary = Vocabulary.of_paths([TrackedFile(path, path) for path in PATHS])

    understood = understand(
        "Fix the bug in source slash cart dot p y. The total is wrong when there is a discount. "
        "Preserve the existing tests.",
        vocabulary,
        templates=TEMPLATES,
    )

    assert understood.text.startswith("Fix the bug in src/cart.py.")
    assert understood.intent.template == "bug_fix"
    assert understood.intent.slots == {
        "file": "src/cart.py",
        "description": "The total is wrong when there is a discount.",
        "constraints": ["Preserve the existing tests"],
    }
    [change] = understood.replacements
    assert (change.heard, change.written) == ("source slash cart dot p y", "src/cart.py")
