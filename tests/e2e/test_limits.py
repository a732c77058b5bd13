"""Limits of a run, through a whole hub: what is told of them, and when they rest."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.fakes.running_hub import RunningHub, cart, environment, running_hub, scripted

AGENTS = """
[agents.silent]
protocol = "command"
command = ["sleep", "1000"]
mode = "trusted"
allow_unsandboxed = true

[agents.loud]
protocol = "command"
command = ["yes", "a line of output"]
mode = "trusted"
allow_unsandboxed = true
"""


@pytest.fixture(scope="module")
def hub(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningHub]:
    folder: Path = tmp_path_factory.mktemp("limits")
    (folder / "agents.toml").write_text(AGENTS)
    env = environment(
        folder / "home",
        GOFER_PROJECTS=str(cart(folder / "cart").path),
        GOFER_AGENTS=str(folder / "agents.toml"),
        GOFER_IDLE_TIMEOUT_S="2",
        GOFER_OUTPUT_LIMIT_MB="1",
    )
    with running_hub(env) as hub:
        yield hub


def failed(hub: RunningHub, agent: str) -> str:
    """Why a task of this agent failed."""
    ran = hub.run("run", "Do it.", "--agent", agent, "--wait", "--json")
    assert ran.returncode == 1, ran.stderr
    [newest] = hub.json("tasks", "--limit", "1")
    assert newest["status"] == "FAILED"
    return str(newest["error"]["message"])


def test_silence_ends_a_run_but_not_while_its_owner_is_asked(hub: RunningHub) -> None:
    question = {"ask": {"question": "Which colour?", "options": ["red", "blue"]}}
    asking = hub.json("run", scripted(question, {"text": "Thank you."}))["id"]
    asked = hub.until(asking, "WAITING")["question"]
    assert "silent for longer" in failed(hub, "silent")  # so this much time has gone by
    assert hub.json("show", asking)["status"] == "WAITING"
    assert hub.run("answer", asking, asked["request_id"], "allow").returncode == 0
    assert hub.until(asking, "COMPLETED")["answer"] == "Thank you."


def test_too_much_output_ends_a_run(hub: RunningHub) -> None:
    assert "printed more" in failed(hub, "loud")
