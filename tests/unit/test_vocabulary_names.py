"""New names in the form asked for, and how names are said."""

import pytest

from core.model import TrackedFile
from voice.pronunciation import parts_of, split_path
from voice.sounds import sounds_of, unlikeness
from voice.understanding import understand
from voice.vocabulary import Vocabulary

TYPESCRIPT = Vocabulary.of_paths([TrackedFile("src/app.ts", "1")])
PYTHON = Vocabulary.of_paths([TrackedFile("app/main.py", "1")])


@pytest.mark.parametrize(
    ("said", "expected"),
    [
        ("Add a component called price badge.", "Add a component called PriceBadge."),
        ("Add a function called parse rows.", "Add a function called parseRows."),
        ("Add a hook called you's local storage.", "Add a hook called useLocalStorage."),
        ("Add a constant call grace period days.", "constant call GRACE_PERIOD_DAYS."),
        ("Add a class named exchange rate to it.", "Add a class named ExchangeRate to it."),
        ("Create a file called price list.", "Create a file called price-list."),
        ("Rename it to snake case get user by id.", "Rename it to get_user_by_id."),
        ("Name it camel case format money.", "formatMoney."),
        ("Use kebab case dark mode and go on.", "Use dark-mode and go on."),
        ("Add an m-called parcel size.", "Add an m-called ParcelSize."),
        ("Add snake case customs code to the table.", "Add customs_code to the table."),
        ("Add a function called clip rows and call it before each step.", "it before each step."),
        ("Build a component name price badge.", "Build a component name PriceBadge."),
        ("The component name is wrong.", "The component name is wrong."),
        ("Add a prop called is disabled.", "Add a prop called isDisabled."),
        ("Use a snake case name for it.", "Use a snake case name for it."),
        ("Add a field called last seen at to the page.", "called lastSeenAt to the page."),
        ("Add a field named S M T P host.", "Add a field named smtpHost."),
        ("Add a handler called on click to the page.", "called onClick to the page."),
        ("Write a hook use online status, please.", "Write a hook useOnlineStatus, please."),
        ("Create a use clipboard hook.", "Create a useClipboard hook."),
        ("Write a function merge rows that is fast.", "a function mergeRows that is fast."),
        ("Ride a function merge rows that is fast.", "a function mergeRows that is fast."),
        ("Add a hook called use the bounce value.", "called useDebounceValue."),
        ("Add a class called a sink queue.", "Add a class called AsyncQueue."),
        ("Add a new helper parse date to it.", "Add a new helper parseDate to it."),
        ("Create a component price badge with a tip.", "a component PriceBadge with a tip."),
        ("Add a new loading bar component to it.", "Add a new LoadingBar component to it."),
        ("Build a new price badge component.", "Build a new PriceBadge component."),
    ],
)
def test_new_names(said: str, expected: str) -> None:
    assert understand(said, TYPESCRIPT).text.endswith(expected)


@pytest.mark.parametrize(
    "sentence",
    [
        "Add a function that parses rows.",
        "Write a function for the price.",
        "Create a component showing the price.",
        "Add a new simple component.",
        "Make the price tag component bigger.",
        "Add a type annotation to the function.",
        "Write a test for the login form component.",
        "They need a model who can walk in high heels.",
        "We need a class where people can learn to paint.",
    ],
)
def test_where_nothing_is_named_nothing_is_written(sentence: str) -> None:
    assert understand(sentence, TYPESCRIPT).text == sentence


def test_a_name_is_written_as_the_file_it_goes_to_writes_them() -> None:
    mixed = Vocabulary.of_paths(
        [TrackedFile(path, path) for path in ("src/a.ts", "src/b.ts", "api/rows.py")]
    ).with_symbols(["delete_row"])

    assert (
        "called load_rows" in understand("Add a function called load rows to rows.py.", mixed).text
    )
    assert "called dry_run" in understand("Add a flag called dry run in delete row.", mixed).text
    assert "called loadRows" in understand("Add a function called load rows.", mixed).text


def test_functions_are_written_as_the_project_writes_them() -> None:
    said = "Add a function called parse rows that is fast."

    assert "called parse_rows that" in understand(said, PYTHON).text
    assert "called parseRows that" in understand(said, TYPESCRIPT).text


def test_hesitations_go_and_the_raw_words_stay() -> None:
    understood = understand("Um, so, uh, fix the, er, total.", PYTHON)

    assert understood.text == "So, fix the, total."
    assert understood.raw_text == "Um, so, uh, fix the, er, total."


@pytest.mark.parametrize(
    ("name", "parts"),
    [
        ("getUserById", ("get", "user", "by", "id")),
        ("get_user_by_id", ("get", "user", "by", "id")),
        ("HTTPServer2", ("HTTP", "server", "2")),
        ("SESSION_TIMEOUT", ("SESSION", "TIMEOUT")),
        ("k8s-ingress", ("k8s", "ingress")),
        ("tsconfig", ("tsconfig",)),
        ("__init__", ("init",)),
    ],
)
def test_parts_of_names(name: str, parts: tuple[str, ...]) -> None:
    assert parts_of(name) == parts


def test_paths_come_apart() -> None:
    assert split_path("a/b/cart.test.ts") == (("a", "b"), "cart.test", "ts")
    assert split_path(".gitignore") == ((), ".gitignore", "")
    assert split_path("Makefile") == ((), "Makefile", "")


def test_what_sounds_alike_comes_out_alike() -> None:
    assert sounds_of("right") == sounds_of("write")
    assert sounds_of("queue") == sounds_of("cue")
    assert unlikeness("b", "v") < unlikeness("b", "s")
    assert unlikeness("t", "d") < unlikeness("t", "m")
