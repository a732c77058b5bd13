"""Templates stay short, treat what people say as data, and name what is missing."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.errors import NotFound, UserError
from core.templates import BUILTIN, Template, Templates

builtin = Templates([BUILTIN])
EVERY = builtin.all()


def filled(template: Template) -> dict[str, object]:
    return {a.name: ["x"] if a.many else "x" for a in template.arguments}


def tokens(text: str) -> int:
    """An upper estimate: a token for every punctuation mark and every six letters of a word."""
    return sum(1 + len(piece) // 7 for piece in re.findall(r"\w+|[^\w\s]", text))


def test_the_four_promised_ones_are_there_and_nothing_is_broken() -> None:
    names = {template.name for template in EVERY}
    assert {"bug_fix", "react_component", "unit_tests", "refactor"} <= names
    assert builtin.problems() == ()


@pytest.mark.parametrize("template", EVERY, ids=lambda template: template.name)
def test_a_template_adds_at_most_150_tokens(template: Template) -> None:
    assert tokens(builtin.render(template.name, "", filled(template))) <= 150


def test_plain_instructions_reach_the_agent_as_they_are() -> None:
    assert builtin.render(None, "  do {{ this }}\n", {}) == "  do {{ this }}\n"


def test_bug_fix_takes_the_spoken_words_as_its_description() -> None:
    text = builtin.render(
        "bug_fix",
        "The total is wrong.",
        {"file": "src/cart.py", "constraints": ["Preserve the existing tests"]},
    )
    assert text.startswith("Fix a bug in src/cart.py:\n\nThe total is wrong.\n")
    assert "- Preserve the existing tests" in text
    assert text.count("The total is wrong.") == 1


def test_words_that_no_argument_holds_are_kept() -> None:
    text = builtin.render("bug_fix", "Be quick.", {"file": "a.py", "description": "It crashes."})
    assert "It crashes." in text
    assert "Be quick." in text


def test_what_the_arguments_say_already_is_not_said_twice() -> None:
    text = builtin.render(
        "bug_fix",
        "Fix the bug in a.py. It crashes. Preserve the tests. Be quick.",
        {"file": "a.py", "description": "It crashes.", "constraints": ["Preserve the tests"]},
    )
    assert text.count("It crashes") == text.count("Preserve the tests") == 1
    assert "Fix the bug in a.py. Be quick." in text


def test_a_list_may_come_as_one_text() -> None:
    text = builtin.render("react_component", "", {"name": "Card", "requirements": "a; b\nc"})
    assert "- a\n- b\n- c\n" in text


def test_missing_arguments_are_named_with_what_they_are() -> None:
    with pytest.raises(UserError, match=r"file \(the file the bug is in\)"):
        builtin.render("bug_fix", "It is broken.", {})
    missing = builtin.get("bug_fix").missing("", {})
    assert [argument.name for argument in missing] == ["file", "description"]


@pytest.mark.parametrize(
    ("name", "arguments", "words"),
    [
        ("bug_fix", {"file": "a", "colour": "red"}, "takes no colour"),
        ("bug_fix", {"file": {"a": 1}}, "must be text"),
        ("bug_fix", {"file": "x" * 20_001}, "longer than"),
        ("react_component", {"name": "x", "requirements": 5.5j}, "must be text"),
        (None, {"file": "a"}, "need a template"),
    ],
)
def test_arguments_that_do_not_fit(
    name: str | None, arguments: dict[str, object], words: str
) -> None:
    with pytest.raises(UserError, match=words):
        builtin.render(name, "words", arguments)


def test_an_unknown_template_lists_those_there_are() -> None:
    with pytest.raises(NotFound, match=r"bug_fix.*unit_tests"):
        builtin.get("../../etc/passwd")


HOSTILE = "{{ ''.__class__.__mro__ }}{% for x in y %}{# hidden #}"


def test_template_language_in_what_people_say_stays_text() -> None:
    text = builtin.render(
        "bug_fix", HOSTILE, {"file": HOSTILE, "description": HOSTILE, "constraints": [HOSTILE]}
    )
    assert text.count(HOSTILE) == 3


@given(st.text(min_size=1).map(str.strip).filter(lambda text: text and "\0" not in text))
def test_whatever_is_said_arrives_unchanged(words: str) -> None:
    assert words in builtin.render("refactor", words, {"target": "a.py"})


def own(folder: Path, name: str, text: str) -> Templates:
    folder.mkdir(exist_ok=True)
    (folder / f"{name}.md").write_text(text)
    return Templates([BUILTIN, folder])


def test_the_owners_template_wins(tmp_path: Path) -> None:
    mine = own(tmp_path, "bug_fix", '+++\ntitle = "Mine"\n+++\nDo {{ instructions }}!\n')
    assert mine.get("bug_fix").title == "Mine"
    assert mine.render("bug_fix", "it", {}) == "Do it!"


@pytest.mark.parametrize(
    ("name", "text", "words"),
    [
        ("mine", "no head", "TOML head"),
        ("mine", "+++\ntitle = 1\n+++\nx", "title"),
        ("mine", '+++\ntitle = "a"\ncolour = 1\n+++\nx', "colour"),
        ("mine", '+++\ntitle = "a"\n+++\n{% if %}', "not a template"),
        ("mine", '+++\ntitle = "a"\nown_words = "b"\n+++\nx', "own_words"),
        ("Mine-2", '+++\ntitle = "a"\n+++\nx', "Mine-2"),
    ],
)
def test_a_broken_file_is_named_and_spoils_nothing_else(
    tmp_path: Path, name: str, text: str, words: str
) -> None:
    mine = own(tmp_path, name, text)
    assert [words in problem for problem in mine.problems()] == [True]
    assert {t.name for t in mine.all()} == {t.name for t in EVERY}
    with pytest.raises(UserError, match=r"not a template|TOML head"):
        mine.get(name)


@pytest.mark.parametrize(
    "source", ["{{ nothing }}", "{{ instructions.__class__.__mro__ }}", "{{ 1 / 0 }}"]
)
def test_a_template_that_fails_says_so(tmp_path: Path, source: str) -> None:
    mine = own(tmp_path, "mine", f'+++\ntitle = "a"\n+++\n{source}')
    with pytest.raises(UserError, match="mine cannot be filled in"):
        mine.render("mine", "x", {})
