"""kill -9 of the hub while the owner is asked: the next one asks the same, and the agent hears."""

from __future__ import annotations

import json
import signal
import time
from pathlib import Path

from tests.fakes.running_hub import (
    PATIENCE_S,
    RunningHub,
    cart,
    environment,
    running_hub,
    scripted,
    write,
)


def test_the_answer_to_the_next_hub_reaches_the_agent(tmp_path: Path) -> None:
    project = cart(tmp_path / "cart")
    env = environment(tmp_path / "home", GOFER_PROJECTS=str(project.path))
    script = scripted(
        {"text": "First."}, {"bash": "echo ran > ran.txt"}, write("b.txt", "b\n"), {"text": "Last."}
    )
    with running_hub(env) as hub:
        task_id = hub.json("run", script)["id"]
        asked = question(hub, task_id)
        hub.stop(signal.SIGKILL)
    with running_hub(env) as hub:
        again = question(hub, task_id)
        assert again["request_id"] == asked["request_id"]
        assert again["text"] == asked["text"]
        hub.json("answer", task_id, again["request_id"], "allow")
        done = hub.until(task_id, "COMPLETED")
        assert {change["path"] for change in done["review"]["files"]} == {"ran.txt", "b.txt"}
        events = hub.json("logs", task_id)
        twice = hub.run("answer", task_id, again["request_id"], "deny")
        assert twice.returncode == 2  # an answer is given once
    told = [event["payload"].get("text") for event in events]
    assert (told.count("First."), told.count("Last.")) == (1, 1)
    assert [event["type"] for event in events].count("question") == 1
    assert [event["seq"] for event in events] == list(range(1, len(events) + 1))
    lines = transcript(tmp_path / "home")
    assert len(lines) == len(set(lines))


def question(hub: RunningHub, task_id: str) -> dict[str, str]:
    deadline = time.monotonic() + PATIENCE_S
    while not (asked := hub.json("show", task_id)["question"]):
        assert time.monotonic() < deadline
    found: dict[str, str] = asked
    return found


def transcript(home: Path) -> list[str]:
    """The lines of both directions. (Each of the agent's carries an id of its own.)"""
    (file,) = home.glob("runs/*/transcript.jsonl")
    entries = [json.loads(line) for line in file.read_text().splitlines()]
    return [
        str(entry.get("agent") or entry["sent"])
        for entry in entries
        if {"agent", "sent"} & entry.keys()
    ]
