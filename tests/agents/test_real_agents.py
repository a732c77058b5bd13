"""Real agent CLIs through the whole engine, against a model that says what its prompt scripts.

Claude Code and Gemini CLI by default; GOFER_TEST_AGENTS=all adds Codex, OpenCode, Qwen Code and
an ACP adapter. Where npm cannot be reached they skip, and say so.
"""

from __future__ import annotations

import signal
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

from core.errors import UserError
from tests.agents.hub import Hub, make_hub
from tests.agents.installing import chosen, install
from tests.fakes.model_api import ModelApi

pytestmark = [pytest.mark.agents, pytest.mark.timeout(900)]
ENDED = ("COMPLETED", "FAILED", "CANCELLED")
OVERLOADED = {"claude": 529, "claude-acp": 529, "gemini": 503}


@pytest.fixture
def model() -> Iterator[ModelApi]:
    with ModelApi() as running:
        yield running


@pytest.fixture(params=chosen())
def agent(request: pytest.FixtureRequest) -> str:
    name: str = request.param
    if problem := install(chosen()[name]):
        print(f"\nSKIPPED: {name} WAS NOT TESTED: {problem}", file=sys.__stderr__)
        pytest.skip(problem)
    return name


@pytest.fixture
def hub(agent: str, model: ModelApi, tmp_path: Path) -> Iterator[Hub]:
    with make_hub(tmp_path, chosen()[agent], model.url) as hub:
        hub.start()
        yield hub
        for task in hub.call("tasks"):
            if task["status"] not in ENDED:  # a failed test leaves no agent behind
                hub.call("cancel", task=task["id"])


def test_a_turn_that_writes_and_asks(hub: Hub, agent: str) -> None:
    task = hub.run(
        "Make two files.",
        {"write": {"path": "made.txt", "content": "made\n"}},
        {"bash": "touch ran.txt"},
        {"text": "I made both."},
    )
    asked = []
    while "touch ran.txt" not in " ".join(asked):  # Codex writes files by commands, and asks
        question = hub.question(task)
        assert question["kind"] != "edit", "an edit inside the work tree is not asked about"
        asked.append(f"{question['text']} {question['detail']}")
        hub.answer(task, question, "allow")
        taken(hub, task, question["request_id"])
    done = hub.ended(task, "COMPLETED")
    made = {"ran.txt"} if agent == "qwen" else {"made.txt", "ran.txt"}  # it wants whole paths
    assert {change["path"] for change in done["review"]["files"]} >= made
    assert done["answer"].endswith("I made both.")
    assert done["tokens"]["output"] > 0


def taken(hub: Hub, task: str, request_id: str) -> None:
    """Wait until a question is no longer open."""

    def gone() -> bool:
        question = hub.show(task)["question"]
        return question is None or question["request_id"] != request_id

    hub.until(gone, "the answer to be taken")


def test_a_permission_denied(hub: Hub) -> None:
    task = hub.run("Make a file.", {"bash": "touch ran.txt"}, {"text": "Then not."})
    question = hub.question(task)
    hub.answer(task, question, "deny")
    done = hub.ended(task, "COMPLETED")
    assert done["review"]["state"] == "no_change"
    with pytest.raises(UserError):  # an answer is given once
        hub.answer(task, question, "allow")


def test_in_the_mode_ask_writing_is_asked_about_and_reading_is_not(
    hub: Hub, agent: str, model: ModelApi
) -> None:
    read, write = {"read": "README.md"}, {"write": {"path": "asked.txt", "content": "x"}}
    task = hub.run("Read, then write.", read, write, {"text": "Then not."}, mode="ask")
    if agent == "codex":  # it reads by commands, and asks about every one
        question = hub.question(task)
        hub.answer(task, question, "allow")
        taken(hub, task, question["request_id"])
    if agent != "qwen":  # it takes whole paths only, and asks about no other
        question = hub.question(task)
        assert "asked.txt" in f"{question['text']} {question['detail']}"
        assert any("# demo" in str(body) for _, body in model.requests), "it has read the file"
        hub.answer(task, question, "deny")
    assert hub.ended(task, "COMPLETED")["review"]["state"] == "no_change"


def test_a_running_turn_is_steered(hub: Hub, agent: str) -> None:
    task = hub.run("Wait a little.", {"bash": "touch began.txt; sleep 2"}, {"text": "Waited."})
    question = hub.question(task)
    hub.answer(task, question, "allow")
    steered = {"write": {"path": "steered.txt", "content": "s"}}
    hub.steer(task, "Also this.", steered, {"text": "Steered."})
    if agent == "codex":  # it writes files by commands, and asks
        taken(hub, task, question["request_id"])
        hub.answer(task, hub.question(task), "allow")
    done = hub.ended(task, "COMPLETED")
    whole_paths_only = agent == "qwen"
    made = {"began.txt"} if whole_paths_only else {"began.txt", "steered.txt"}
    assert {change["path"] for change in done["review"]["files"]} >= made
    assert done["answer"].endswith("Steered.")


def test_a_cancelled_turn_leaves_no_process(hub: Hub) -> None:
    task = hub.run("Sleep.", {"bash": "touch began.txt; sleep 86399"}, {"text": "Slept."})
    question = hub.question(task)
    hub.answer(task, question, "allow")
    hub.until(lambda: sleeping("86399"), "the command to run")
    assert hub.call("cancel", task=task)["status"] == "CANCELLED"
    assert not sleeping("86399")


def sleeping(seconds: str) -> list[int]:
    return [
        process.pid
        for process in psutil.process_iter(["cmdline"])
        if process.info["cmdline"] == ["sleep", seconds]
    ]


def test_a_killed_hub_takes_the_question_up_again(hub: Hub) -> None:
    task = hub.run("Make a file.", {"bash": "touch ran.txt"}, {"text": "It is made."})
    before = hub.question(task)
    hub.kill(signal.SIGKILL)
    hub.start()
    question = hub.question(task)
    assert question["request_id"] == before["request_id"]
    hub.answer(task, question, "allow")
    done = hub.ended(task, "COMPLETED")
    assert [change["path"] for change in done["review"]["files"]] == ["ran.txt"]
    said = [event for event in hub.events(task) if event["payload"].get("text") == "It is made."]
    assert len(said) == 1
    asked = [event for event in hub.events(task) if event["type"] == "question"]
    assert len(asked) == 1


def test_a_follow_up_goes_on_in_the_same_session(hub: Hub, agent: str, model: ModelApi) -> None:
    task = hub.run("Remember the word heron.", {"text": "I shall."})
    hub.ended(task, "COMPLETED")
    if agent == "gemini":  # 0.61 forgets a session that is loaded in the minute that it ended in
        ended = minute()
        hub.until(lambda: minute() != ended, "the next minute")
    hub.steer(task, "Which word?", {"text": "Heron."})
    hub.until(lambda: len(hub.show(task)["runs"]) == 2, "a second run")
    assert hub.ended(task, "COMPLETED")["answer"].endswith("Heron.")
    conversations = [str(body) for _, body in model.requests if "Which word?" in str(body)]
    assert any("Remember the word heron." in said for said in conversations)


def minute() -> int:
    return int(time.time() // 60)


def test_a_passing_overload_is_waited_out(hub: Hub, agent: str) -> None:
    fault = {"status": OVERLOADED.get(agent, 503), "times": 1}
    task = hub.run("Say it.", {"error": fault}, {"text": "Said."})
    assert hub.ended(task, "COMPLETED")["answer"].endswith("Said.")


def test_an_error_of_the_model_fails_the_task_and_says_why(hub: Hub, agent: str) -> None:
    task = hub.run("Say it.", {"error": {"status": 400, "times": 99}}, {"text": "Said."})
    done = hub.ended(task, "FAILED")
    assert done["error"]["message"]
