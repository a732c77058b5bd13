"""An interrupt that comes before the agent's turn has begun is not lost."""

from __future__ import annotations

import json
from typing import Any

import pytest

from agents.driver import Driver
from core.model import AgentEvent, Outcome, TurnEnded
from tests.contract.conversations import make_driver

BEGINNING = {"acp": "session/new", "codex": "thread/start"}
RESULTS: dict[str, Any] = {
    "initialize": {},
    "session/new": {"sessionId": "s"},
    "thread/start": {"thread": {"id": "t"}},
    "turn/start": {"turn": {"id": "u"}},
}


def shake_hands(driver: Driver, until: str) -> tuple[list[AgentEvent], list[str]]:
    """Answer the driver's calls up to one; what that meant, and all methods that it sent."""
    events: list[AgentEvent] = []
    methods: list[str] = []
    while lines := driver.outgoing():
        for line in lines:
            message = json.loads(line)
            methods.append(message["method"])
            if "id" in message and until not in methods[:-1]:
                answer = {"id": message["id"], "result": RESULTS[message["method"]]}
                events += driver.feed(json.dumps(answer).encode())
    return events, methods


@pytest.mark.parametrize("protocol", BEGINNING)
def test_a_turn_that_has_not_begun_is_broken_off(protocol: str) -> None:
    driver = make_driver(protocol)
    driver.open()
    driver.interrupt()
    events, methods = shake_hands(driver, BEGINNING[protocol])
    assert events[-1] == TurnEnded(Outcome.CANCELLED)
    assert not driver.running
    assert not {"session/prompt", "turn/start"} & set(methods)
    driver.tell("Go on.")
    assert b"Go on." in b"".join(driver.outgoing())


@pytest.mark.parametrize("protocol", BEGINNING)
def test_what_is_said_after_the_interrupt_is_heard(protocol: str) -> None:
    driver = make_driver(protocol)
    driver.open()
    driver.interrupt()
    driver.tell("Do this instead.")
    events, methods = shake_hands(driver, BEGINNING[protocol])
    assert not any(isinstance(event, TurnEnded) for event in events)
    assert driver.running
    assert methods[-1] in ("session/prompt", "turn/start")


def test_codex_is_interrupted_as_soon_as_its_turn_has_a_name() -> None:
    driver = make_driver("codex")
    driver.open()
    shake_hands(driver, "thread/start")
    driver.interrupt()
    started = {"id": 3, "result": RESULTS["turn/start"]}
    driver.feed(json.dumps(started).encode())
    (line,) = driver.outgoing()
    assert json.loads(line)["method"] == "turn/interrupt"
