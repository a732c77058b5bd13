"""Paths that are said and do not exist: written out, and as their neighbours are."""

import pytest

from core.model import TrackedFile
from voice.understanding import understand
from voice.vocabulary import Vocabulary


def project(*paths: str) -> Vocabulary:
    return Vocabulary.of_paths([TrackedFile(path, path) for path in paths])


WEB = project("src/utils/format-date.ts", "src/utils/date.ts", "src/pages/UserPage.tsx", "src/a.ts")
PYTHON = project("app/main.py", "app/data/read_rows.py", "app/data/rows.py")
KOTLIN = project("src/main/kotlin/RoutePlanner.kt", "src/main/kotlin/Parcel.kt")


@pytest.mark.parametrize(
    ("vocabulary", "heard", "expected"),
    [
        (WEB, "Create src slash utils slash price list dot t s.", "src/utils/price-list.ts"),
        (WEB, "Create the file src slash utils slash date helper.ts.", "src/utils/date-helper.ts"),
        (WEB, "Add src slash pages slash cart page dot t s x.", "src/pages/CartPage.tsx"),
        (PYTHON, "Create app slash data slash image cache dot pie.", "app/data/image_cache.py"),
        (KOTLIN, "Create src slash main slash kotlin slash label box dot K T.", "LabelBox.kt"),
        (PYTHON, "I want a script named clean up rows dot pie.", "named clean_up_rows.py."),
        (PYTHON, "Put it into scripts slash clean up dot s h, that is new.", "scripts/clean_up.sh"),
        (project(), "Fix the bug in source slash cart dot pie.", "src/cart.py"),
        (project("source/a.py"), "Create source slash cart dot pie.", "source/cart.py"),
        (WEB, "Move it to src slash utils slash slugify dot t s.", "src/utils/slugify.ts"),
        (
            WEB,
            "Put it in src slash utils slash holidays dot t s, which does not exist yet.",
            "src/utils/holidays.ts",
        ),
    ],
    ids=lambda value: value[:40] if isinstance(value, str) else "",
)
def test_a_path_that_does_not_exist_is_written_out(
    vocabulary: Vocabulary, heard: str, expected: str
) -> None:
    assert expected in understand(heard, vocabulary).text


def test_a_file_that_exists_is_meant_though_badly_heard() -> None:
    assert "app/data/rows.py" in understand("Fix app slash data slash rose dot py.", PYTHON).text
    csv = project("app/io/csv_reader.py")
    assert "app/io/csv_reader.py" in understand("Fix io slash csvreader.py.", csv).text
    assert (
        "src/utils/date.ts"
        in understand("Create a test for src slash utils slash date dot t s.", WEB).text
    )


def test_something_else_that_does_not_exist_says_nothing_of_the_file() -> None:
    said = "Fix app slash data slash rose dot py, it fails when the folder does not exist."
    assert understand(said, PYTHON).text.startswith("Fix app/data/rows.py, it")


def test_a_name_and_the_file_it_goes_to_are_two() -> None:
    said = "Add a function called clip to app slash data slash rows dot py."
    assert "called clip to app/data/rows.py" in understand(said, PYTHON).text
    said = "Add a function called clip gray two rows dot py."
    assert "app/data/rows.py" in understand(said, PYTHON).text
    said = "Add a constant called limit to rows dot py."
    assert understand(said, PYTHON).text.endswith("LIMIT to app/data/rows.py.")


def test_files_are_named_as_the_project_names_them() -> None:
    assert understand("Add a file called price list.", PYTHON).text.endswith("price_list.")
    assert understand("Add a file called price list.", KOTLIN).text.endswith("PriceList.")


@pytest.mark.parametrize(
    "sentence", ["Use and slash or or, as you like.", "It costs 3.5 and slash dot means nothing."]
)
def test_slashes_and_dots_alone_make_no_path(sentence: str) -> None:
    assert understand(sentence, WEB).text == sentence
