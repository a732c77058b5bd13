"""Secrets never survive `redact`; ordinary text does."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.redact import MASK, redact, register


def test_a_registered_secret_is_masked_wherever_it_appears() -> None:
    register("hunter2-and-more")
    assert redact("a hunter2-and-more b hunter2-and-more") == f"a {MASK} b {MASK}"


def test_of_two_secrets_the_longer_one_is_masked_whole() -> None:
    register("prefix-secret")
    register("prefix-secret-and-its-tail")
    assert redact("<prefix-secret-and-its-tail>") == f"<{MASK}>"


@pytest.mark.parametrize("secret", [None, "", "   ", "abc"])
def test_what_is_too_short_to_be_a_secret_masks_nothing(secret: str | None) -> None:
    register(secret)
    assert redact("abc def") == "abc def"


@pytest.mark.parametrize(
    "text",
    [
        "https://api.telegram.org/bot123456789:AAHdqTcvCH1vGWJxfSeofSAs0K5PALDsawX/getMe",
        "key sk-ant-api03-abcdefghijklmnopqrstuvwxyz",
        "remote https://ghp_abcdefghijklmnopqrstuvwxyz0123456789@github.com/a/b",
        "mailtos://me:swordfish@example.org/?to=x",
        "Authorization: Bearer abcdefghijklmnopqrstuvwxyz",
        "AKIAIOSFODNN7EXAMPLE",
        "-----BEGIN OPENSSH PRIVATE KEY-----\nabc\n-----END OPENSSH PRIVATE KEY-----",
    ],
)
def test_things_shaped_like_secrets_are_masked(text: str) -> None:
    cleaned = redact(text)
    assert MASK in cleaned
    for part in ("AAHdqTcv", "sk-ant", "ghp_", "swordfish", "abcdefghij", "AKIA", "abc\n"):
        assert part not in cleaned


@pytest.mark.parametrize(
    "text",
    [
        "src/cart.py:12: error",
        "at 10:30:15 on 2026-11-24",
        "https://example.org:8080/a?b=c",
        "a@b.c",
    ],
)
def test_ordinary_text_is_left_as_it_is(text: str) -> None:
    assert redact(text) == text


@given(st.text())
def test_redacting_twice_changes_nothing(text: str) -> None:
    assert redact(redact(text)) == redact(text)
