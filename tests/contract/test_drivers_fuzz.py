"""Whatever an agent says, no exception leaves its driver, and what comes out can be stored."""

from __future__ import annotations

import json
from dataclasses import asdict
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from core.errors import NotFound
from core.model import AgentEvent, Decision
from tests.contract.conversations import ALL, agent_lines, make_driver, make_spec

PROTOCOLS = {"claude": "claude", "qwen": "claude", "codex": "codex", "acp": "acp", "gemini": "acp"}
JUNK = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=True)
    | st.text(alphabet=st.characters(codec=None), max_size=20)
    | st.sampled_from(["\ud800", "\x00", "completed", "failed", "text", "diff", "edit"]),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3)
    ),
    max_leaves=6,
)

WAYS = ("spoil", "spoil", "spoil", "cut", "drop", "twice", "swap")


def lines_of(name: str) -> list[bytes]:
    return list(agent_lines(name))


def protocol_of(name: str) -> str:
    return next(
        (speaks for start, speaks in PROTOCOLS.items() if name.startswith(start)), "command"
    )


def spoil(value: Any, data: st.DataObject) -> Any:
    """Put junk somewhere into a message."""
    if isinstance(value, dict) and value and data.draw(st.integers(0, 5)):
        key = data.draw(st.sampled_from(sorted(value)))
        if data.draw(st.integers(0, 9)) == 0:
            return {other: found for other, found in value.items() if other != key}
        return {**value, key: spoil(value[key], data)}
    if isinstance(value, list) and value and data.draw(st.integers(0, 5)):
        at = data.draw(st.integers(0, len(value) - 1))
        return [*value[:at], spoil(value[at], data), *value[at + 1 :]]
    return data.draw(JUNK)


def mutate(lines: list[bytes], data: st.DataObject) -> list[bytes]:
    for _ in range(data.draw(st.integers(1, 4))):
        at = data.draw(st.integers(0, len(lines) - 1))
        line = lines[at]
        match data.draw(st.sampled_from(WAYS)):
            case "spoil":
                try:
                    spoiled = json.dumps(spoil(json.loads(line), data))
                except ValueError:
                    continue
                lines[at : at + 1] = [spoiled.encode("utf-8", "surrogatepass")]
            case "cut":
                lines[at : at + 1] = [line[: data.draw(st.integers(0, len(line)))]]
            case "drop" if len(lines) > 1:
                del lines[at]
            case "twice":
                lines.insert(data.draw(st.integers(0, len(lines))), line)
            case "swap":
                other = data.draw(st.integers(0, len(lines) - 1))
                lines[at], lines[other] = lines[other], lines[at]
    return lines


@pytest.mark.parametrize("name", ALL)
@settings(
    max_examples=30,
    deadline=None,
    database=None,
    derandomize=True,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
)
@given(data=st.data())
def test_no_mutated_recording_breaks_a_driver(name: str, data: st.DataObject) -> None:
    driver = make_driver(protocol_of(name), make_spec(resume=data.draw(st.booleans())))
    driver.open()
    for line in mutate(lines_of(name), data):
        assert all(storable(event) for event in driver.feed(line))
        for ours in driver.outgoing():
            driver.sent(ours)
        match data.draw(st.sampled_from(["", "", "", "tell", "interrupt", "answer"])):
            case "tell":
                driver.tell("go on")
            case "interrupt":
                driver.interrupt()
            case "answer":
                for request_id in tuple(driver.requests):
                    decision = data.draw(st.sampled_from(Decision))
                    driver.answer(request_id, decision, data.draw(st.sampled_from(["", "blue"])))
    assert all(storable(event) for event in driver.ended(1, "exited", "\ufffd"))
    assert not driver.running
    with pytest.raises(NotFound):
        driver.answer("", Decision.DENY)


@pytest.mark.parametrize("protocol", ["claude", "codex", "acp"])
@settings(max_examples=50, deadline=None, database=None, derandomize=True)
@given(lines=st.lists(st.binary(max_size=40) | JUNK.map(lambda junk: json.dumps(junk).encode())))
def test_noise_breaks_no_driver(protocol: str, lines: list[bytes]) -> None:
    driver = make_driver(protocol)
    driver.open()
    for line in lines:
        driver.feed(line)
        driver.sent(line)


REQUESTS = {
    "codex": {"method": "item/commandExecution/requestApproval", "params": {"itemId": "\ud800"}},
    "acp": {"method": "session/request_permission", "params": {"toolCall": {"toolCallId": "x"}}},
}


@pytest.mark.parametrize("protocol", REQUESTS)
def test_a_request_whose_id_is_no_valid_text_can_be_answered(protocol: str) -> None:
    driver = make_driver(protocol)
    driver.open()
    request = {**REQUESTS[protocol], "id": "\ud800"}
    assert all(storable(event) for event in driver.feed(json.dumps(request).encode()))
    (request_id,) = driver.requests
    driver.outgoing()
    driver.answer(request_id, Decision.ALLOW)
    assert b"\\ud800" in b"".join(driver.outgoing())


def storable(event: AgentEvent) -> bool:
    """Every text in it is valid Unicode. (Raises where it is not.)"""
    json.dumps(asdict(event), ensure_ascii=False).encode()
    return True
