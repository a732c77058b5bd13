"""Pushes really arrive, say what matters in few words, and give no secret away."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import pytest
from pydantic import SecretStr

from core.errors import TransientError, UserError
from core.notify import Pushes, compose
from core.outbox import Delivery
from tests.fakes.receiver import Receiver, receiving


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    with receiving() as server:
        yield server


def task(**changes: Any) -> dict[str, Any]:
    done = {
        "id": "k3x9p2qa",
        "status": "COMPLETED",
        "title": "Fix the total",
        "project": "cart",
        "agent": "claude",
        "error": None,
        "review": {
            "files": [{"path": "src/cart.py"}],
            "added": 3,
            "removed": 1,
            "check": "passed",
        },
    }
    return done | changes


def delivery(destination: str, kind: str = "finished", **payload: Any) -> Delivery:
    return Delivery(
        id=1,
        destination=destination,
        kind=kind,
        task_id="k3x9p2qa",
        payload=payload or {"task": task()},
        created_at=datetime.now(UTC),
        attempts=0,
    )


async def test_a_push_arrives(receiver: Receiver) -> None:
    pushes = Pushes([receiver.url])
    (destination,) = pushes.destinations
    await pushes.deliver(delivery(destination))
    (received,) = receiver.received
    assert received["title"] == "Done: Fix the total"
    assert received["message"] == "1 file, +3 −1, check passed\ncart · gofer show k3x9p2qa"
    assert received["type"] == "success"


async def test_one_that_is_not_taken_is_to_be_tried_again_and_names_no_secret(
    receiver: Receiver, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    receiver.status = 500
    pushes = Pushes([receiver.url])
    with pytest.raises(TransientError) as caught:
        await pushes.deliver(delivery(pushes.destinations[0]))
    assert "500" in str(caught.value)
    assert "swordfish" not in str(caught.value) + caplog.text


async def test_each_address_is_a_destination_whose_name_hides_it(receiver: Receiver) -> None:
    pushes = Pushes([receiver.url, SecretStr("json://127.0.0.1:1/")])
    first, second = pushes.destinations
    assert first != second
    assert first.startswith("apprise:")
    assert "swordfish" not in first
    with pytest.raises(TransientError):
        await pushes.deliver(delivery(second))
    assert receiver.received == []


async def test_an_address_that_left_the_settings_is_dropped() -> None:
    await Pushes([]).deliver(delivery("apprise:01234567"))


async def test_an_address_that_is_none_is_named_by_its_place(receiver: Receiver) -> None:
    pushes = Pushes([receiver.url, SecretStr("nonsense://secret-thing")])
    (problem,) = await pushes.problems()
    assert "Address 2" in problem
    assert "secret-thing" not in problem
    with pytest.raises(UserError):
        await pushes.deliver(delivery(pushes.destinations[1]))


@pytest.mark.parametrize(
    ("changes", "title", "body", "tone"),
    [
        (
            {"status": "FAILED", "error": {"message": "It is gone."}, "review": None},
            "Failed: Fix the total",
            "It is gone.",
            "failure",
        ),
        (
            {"status": "CANCELLED", "review": None},
            "Cancelled: Fix the total",
            "no change",
            "warning",
        ),
        (
            {"review": {"files": [], "added": 0, "removed": 0, "check": None}},
            "Done: Fix the total",
            "no change",
            "success",
        ),
        (
            {"review": {"files": [{}, {}], "added": 9, "removed": 0, "check": "failed"}},
            "Done: Fix the total",
            "2 files, +9 −0, check failed",
            "warning",
        ),
    ],
)
def test_the_words_of_an_end(changes: dict[str, Any], title: str, body: str, tone: str) -> None:
    push = compose("finished", {"task": task(**changes)})
    assert (push.title, push.body.splitlines()[0], push.tone) == (title, body, tone)


def test_the_words_of_a_question() -> None:
    question = {"text": "Run a command: npm install", "request_id": "r1"}
    push = compose("question", {"task": task(), "question": question})
    assert push.title == "claude asks about: Fix the total"
    assert push.body.startswith("Run a command: npm install\n")


def test_long_and_secret_words_are_cut_and_masked() -> None:
    push = compose("finished", {"task": task(title="x " * 500)})
    assert len(push.title) <= 200
    key = "sk-ant-0123456789abcdef0123"
    failed = task(status="FAILED", error={"message": f"key {key} refused"})
    assert key not in compose("finished", {"task": failed}).body
