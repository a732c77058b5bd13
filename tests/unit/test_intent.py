"""What a request asks for: template and slots, follow-ups, agent, project and mode."""

from collections.abc import Sequence

import pytest

from core.hearing import Intent
from core.model import TrackedFile
from voice.understanding import understand
from voice.vocabulary import Vocabulary

TEMPLATES = ("bug_fix", "react_component", "unit_tests", "refactor", "question")
VOCABULARY = Vocabulary.of_paths(
    [TrackedFile(path, path) for path in ("src/cart.ts", "src/api/client.ts")]
).with_symbols(["cartTotal", "parseRow"])


def intent(
    text: str, *, projects: Sequence[str] = ("web-app", "ledger"), language: str = "en"
) -> Intent:
    understood = understand(
        text,
        VOCABULARY,
        projects=projects,
        templates=TEMPLATES,
        agents=("claude", "gemini", "codex"),
        language=language,
    )
    return understood.intent


@pytest.mark.parametrize(
    ("text", "template"),
    [
        ("Fix the bug in cart dot t s.", "bug_fix"),
        ("There is a crash when I open the page.", "bug_fix"),
        ("Why is the total wrong? Please fix it.", "bug_fix"),
        ("The login page is broken since Monday.", "bug_fix"),
        ("The window was broken, so a carpenter came.", None),
        ("Did you see what the total is?", "question"),
        ("I think the parser should be simplified.", "refactor"),
        ("Write unit tests for cart total.", "unit_tests"),
        ("Right unit tests for cart total.", "unit_tests"),
        ("Build a component called price badge.", "react_component"),
        ("Write specs for the price.", "unit_tests"),
        ("Add a hook, which tells whether it is open.", None),
        ("The page, where is it used?", "question"),
        ("Split the function into two.", "refactor"),
        ("We split the bill.", None),
        ("The test for the cart is failing, please fix it.", "bug_fix"),
        ("Please explain how parse row works.", "question"),
        ("Split cart dot t s. Parse row is far too long.", "refactor"),
        ("Parse row is off by one in leap years.", "bug_fix"),
        ("Find out who calls parse row.", "question"),
        ("Cover parse row with unit tests.", "unit_tests"),
        ("Refactor parse row so that it is shorter.", "refactor"),
        ("The factor cart total so that it is shorter.", "refactor"),
        ("How does parse row work?", "question"),
        ("Fix the cart. Just look, don't change anything.", "question"),
        ("The customers check out faster today.", None),
        ("Add a button to the page.", None),
        ("The new component of the plan is training.", None),
        ("Don't refactor anything, fix the total.", "bug_fix"),
    ],
)
def test_the_kind_of_request(text: str, template: str | None) -> None:
    assert intent(text).template == template


def test_a_bug_fix() -> None:
    found = intent("Fix cart dot t s. The total is off by a cent. Don't touch the styles.")

    assert found.slots == {
        "file": "src/cart.ts",
        "description": "The total is off by a cent.",
        "constraints": ["Don't touch the styles"],
    }


def test_a_component_with_what_it_must_do() -> None:
    found = intent("Create a React component called price badge that shows a price. It is red.")

    assert found.slots == {
        "name": "PriceBadge",
        "requirements": ["that shows a price", "It is red"],
    }


def test_unit_tests() -> None:
    found = intent("Write tests for cart total with vitest and 90% coverage.")

    assert found.slots == {"target": "cartTotal", "framework": "vitest", "coverage": "90%"}


def test_a_refactoring_with_goal_and_constraint() -> None:
    found = intent("Refactor cart total so that it is easier to read. Keep the public interface.")

    assert found.slots == {
        "target": "cartTotal",
        "goal": "it is easier to read",
        "constraints": ["Keep the public interface"],
    }


@pytest.mark.parametrize(
    ("text", "action"),
    [
        ("Stop.", "stop"),
        ("Please merge it now.", "merge"),
        ("Undo that.", "undo"),
        ("Never mind.", "stop"),
        ("Throw it away.", "discard"),
        ("Also add a test.", "also"),
        ("Stop the crash in the cart.", None),
        ("Merge the two lists in cart dot t s.", None),
    ],
)
def test_follow_ups(text: str, action: str | None) -> None:
    assert intent(text).action == action


@pytest.mark.parametrize(
    ("text", "agent"),
    [
        ("With Gemini, fix the cart.", "gemini"),
        ("Let Claude fix the cart.", "claude"),
        ("The Gemini constellation is pretty.", None),
    ],
)
def test_the_agent(text: str, agent: str | None) -> None:
    assert intent(text).agent == agent


@pytest.mark.parametrize(
    ("text", "project"),
    [
        ("In the web app the cart is empty.", "web-app"),
        ("Fix the total in the ledger project.", "ledger"),
        ("The ledger on my desk is old.", None),
    ],
)
def test_the_project(text: str, project: str | None) -> None:
    assert intent(text).project == project


def test_just_looking() -> None:
    assert intent("Look at cart dot t s but don't change anything.").read_only
    assert not intent("Change everything.").read_only


def test_only_known_templates_are_named() -> None:
    understood = understand("Fix the bug.", VOCABULARY, templates=("refactor",))

    assert understood.intent.template is None


@pytest.mark.parametrize(
    ("text", "language", "template"),
    [
        ("Behebe den Fehler im Warenkorb.", "de", "bug_fix"),
        ("Schreibe Tests für cart total.", "de", "unit_tests"),
        ("Crea un componente llamado price badge.", "es", "react_component"),
        ("Refactorise cart total.", "fr", "refactor"),
        ("Pourquoi le total est faux ?", "fr", "question"),
    ],
)
def test_other_languages(text: str, language: str, template: str) -> None:
    assert intent(text, language=language).template == template


@pytest.mark.parametrize(
    ("text", "language", "constraint"),
    [
        ("Fix the total without changing the store.", "en", "without changing the store"),
        ("Fix the total but don't touch the tests.", "en", "don't touch the tests"),
        ("Behebe den Fehler, aber ändere die Tests nicht.", "de", "ändere die Tests nicht"),
        ("Behebe den Fehler ohne die Tests zu ändern.", "de", "ohne die Tests zu ändern"),
        ("Corrige el error sin cambiar los tests.", "es", "sin cambiar los tests"),
        ("Corrige el error, pero no toques los tests.", "es", "no toques los tests"),
        ("Corrige l'erreur sans toucher aux tests.", "fr", "sans toucher aux tests"),
        ("Corrige l'erreur, mais ne change pas les tests.", "fr", "ne change pas les tests"),
    ],
)
def test_conditions_in_every_language(text: str, language: str, constraint: str) -> None:
    found = intent(text, language=language)

    assert found.template == "bug_fix"
    assert found.slots["constraints"] == [constraint]
    assert constraint not in found.slots["description"]


@pytest.mark.parametrize(
    ("text", "action"),
    [
        ("Great, you can merge it now, please.", "merge"),
        ("Looks good to me, merge it into main.", "merge"),
        ("Marge it, please.", "merge"),
        ("Stop, stop, stop!", "stop"),
        ("No, wait, stop the task.", "stop"),
        ("Roll that back.", "undo"),
        ("Could you undo your last change?", "undo"),
        ("Throw it all away.", "discard"),
        ("Are you done yet?", "status"),
        ("Okay, try it once more.", "retry"),
        ("And another thing, the price is wrong.", "also"),
        ("Stop the server when the tests are done.", None),
        ("Merge the two lists.", None),
        ("The cancel button is broken.", None),
        ("Much of it.", None),
        ("Purge it.", None),
        ("Pin it.", None),
        ("I'm happy with that, merge it.", "merge"),
        ("It failed. Try again.", "retry"),
        ("When the tests are green, merge it.", None),
        ("Make it blue, merge it.", None),
        ("Skip it.", None),
    ],
)
def test_follow_ups_come_with_courtesy(text: str, action: str | None) -> None:
    assert intent(text).action == action


@pytest.mark.parametrize(
    ("text", "agent"),
    [
        ("Use codecs to fix the header.", "codex"),
        ("Can Claude fix the header?", "claude"),
        ("Give this to Gemini. The header is broken.", "gemini"),
        ("Fix the crash with the Gemini model.", None),
        ("Codecs are missing in the player.", None),
    ],
)
def test_an_agent_is_asked_or_spoken_of(text: str, agent: str | None) -> None:
    assert intent(text).agent == agent


@pytest.mark.parametrize(
    ("text", "read_only"),
    [
        ("Look but don't touch. Where is the total computed?", True),
        ("Don't touch the code, explain parse row.", True),
        ("Fix the header but don't change anything in the footer.", False),
        ("Refactor it without changing anything else.", False),
    ],
)
def test_leaving_all_or_a_part_alone(text: str, read_only: bool) -> None:
    assert intent(text).read_only == read_only


@pytest.mark.parametrize(
    ("said", "written"),
    [
        ("Um, fix the, uh, the header.", "Fix the header."),
        ("Set the timeout to ten, no, twenty seconds.", "Set the timeout to twenty seconds."),
        ("In the helpers, no, I mean cart dot t s use a map.", "In src/cart.ts use a map."),
        ("In the helpers, no wait, in cart dot t s, use a map.", "In src/cart.ts, use a map."),
        ("At noon, actually cart dot t s is fine.", "At noon, actually src/cart.ts is fine."),
        ("It was a very, very long day, no doubt.", "It was a very, very long day, no doubt."),
    ],
)  # fmt: skip
def test_slips_of_the_tongue(said: str, written: str) -> None:
    assert understand(said, VOCABULARY).text == written


def test_unit_tests_are_no_framework() -> None:
    assert "framework" not in intent("Cover parse row with unit tests.").slots
