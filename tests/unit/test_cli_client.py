"""What a command makes of the hub's answers: refusals are the person's, failures are not."""

from __future__ import annotations

from typing import Any

import httpx
import pytest

from cli.client import Hub
from core.errors import GoferError, UserError


def hub_that_says(status: int, **answer: Any) -> Hub:
    transport = httpx.MockTransport(lambda _: httpx.Response(status, **answer))
    return Hub(httpx.Client(transport=transport, base_url="http://gofer"))


def test_a_refusal_is_shown_as_it_stands() -> None:
    error = {"kind": "Refused", "message": "Not now.", "refused": True}
    with pytest.raises(UserError, match=r"^Not now\.$"):
        hub_that_says(400, json={"error": error}).call("merge")


@pytest.mark.parametrize(
    ("answer", "words"),
    [
        ({"json": {"error": {"kind": "GitError", "message": "No.", "refused": False}}}, "No."),
        ({"text": "Internal Server Error"}, "The hub failed (500); its log says why."),
        ({"json": {"detail": "?"}}, "The hub failed (500); its log says why."),
    ],
)
def test_a_failure_is_none_of_the_persons_doing(answer: dict[str, Any], words: str) -> None:
    with pytest.raises(GoferError) as failed:
        hub_that_says(500, **answer).call("pr")
    assert not isinstance(failed.value, UserError)
    assert str(failed.value) == words
