"""Marks and splits count as Telegram counts, whatever the text."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from telegramify_markdown import utf16_len

from bot.text import Rich, bold, code, fit, head, join, markdown, pages, plain, pre, shorten, tail

anything = st.text(max_size=300)


def marked(rich: Rich) -> list[tuple[str, str]]:
    units = rich.text.encode("utf-16-le")
    return [
        (m.type, units[m.offset * 2 : (m.offset + m.length) * 2].decode("utf-16-le"))
        for m in rich.marks
    ]


def test_marks_move_with_what_is_put_before_them() -> None:
    rich = plain("🎉 ") + bold("done") + " in " + code("src/ü.ts")
    assert rich.text == "🎉 done in src/ü.ts"
    assert marked(rich) == [("bold", "done"), ("code", "src/ü.ts")]


def test_join_leaves_out_what_is_empty() -> None:
    assert join([bold("a"), "", Rich(), plain("b")]).text == "a\nb"


@given(anything, anything, st.integers(2, 120))
def test_fit_and_pages_never_exceed_the_limit_nor_tear_a_mark(
    before: str, inside: str, limit: int
) -> None:
    rich = plain(before) + bold(inside) + pre("x😀y\n" * 20)
    for part in (fit(rich, limit), *pages(rich, limit)):
        assert utf16_len(part.text) <= limit
        for mark in part.marks:
            assert mark.length > 0
            assert mark.offset + mark.length <= utf16_len(part.text)
        marked(part)  # decodes: no mark cuts a character


@given(st.text(alphabet="ab😀\n", max_size=400), st.integers(2, 50))
def test_pages_lose_nothing_but_blank_ones(text: str, limit: int) -> None:
    split = "".join(page.text for page in pages(plain(text), limit))
    assert "".join(split.split()) == "".join(text.split())


@given(anything)
def test_markdown_never_fails(text: str) -> None:
    rich = markdown(text)
    for mark in rich.marks:
        assert mark.offset + mark.length <= utf16_len(rich.text)
    marked(rich)


def test_markdown_becomes_marks() -> None:
    rich = markdown("**Cause**: `trim()` was missing.\n\n```ts\nlet a = 1\n```")
    assert rich.text.startswith("Cause: trim() was missing.")
    assert ("bold", "Cause") in marked(rich)
    assert ("code", "trim()") in marked(rich)
    assert any(kind == "pre" and "let a = 1" in text for kind, text in marked(rich))


@pytest.mark.parametrize("cut", [head, tail, shorten])
@given(text=anything, units=st.integers(1, 40))
def test_cuts_stay_within_their_limit(cut, text: str, units: int) -> None:  # type: ignore[no-untyped-def]
    assert utf16_len(cut(text, units)) <= units


def test_half_of_a_surrogate_pair_becomes_something_that_can_be_sent() -> None:
    plain("a\ud83d b").text.encode()


def test_secrets_are_masked() -> None:
    key = "sk-" + "a1" * 12
    assert key not in plain(f"the key {key} here").text
    assert key not in markdown(f"the key `{key}`").text
