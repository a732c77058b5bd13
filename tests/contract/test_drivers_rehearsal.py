"""The rehearsal agent, driven for real by Claude Code's driver."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from agents import rehearsal
from agents.driver import Driver
from core.model import (
    AgentEvent,
    Command,
    Decision,
    FileEdit,
    Outcome,
    Plan,
    Request,
    RequestWithdrawn,
    SessionStarted,
    Text,
    ToolCall,
    Trouble,
    TurnEnded,
    Usage,
)
from tests.contract.conversations import make_driver, make_spec

GOOD, FAILED, CANCELLED = Outcome.SUCCEEDED, Outcome.FAILED, Outcome.CANCELLED


@dataclass
class Stage:
    """Runs the agent in a folder; `on` reacts to each report."""

    folder: Path
    variables: dict[str, str] = field(default_factory=dict)

    def act(
        self,
        *steps: dict[str, object],
        prompt: str | None = None,
        on: Callable[[Driver, AgentEvent], None] | None = None,
        resume: bool = False,
        turns: int = 1,
    ) -> list[AgentEvent]:
        words = prompt if prompt is not None else f"Act. @@SCRIPT {json.dumps(steps)}@@"
        driver = make_driver("claude", make_spec(words, root=self.folder, resume=resume))
        events: list[AgentEvent] = []
        with subprocess.Popen(
            [sys.executable, "-I", "-S", rehearsal.__file__, *driver.arguments()],
            cwd=self.folder,
            env={"PATH": os.environ["PATH"], **self.variables},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
        ) as agent:
            assert agent.stdin
            assert agent.stdout
            assert agent.stderr
            driver.open()
            while sum(isinstance(event, TurnEnded) for event in events) < turns:
                for line in driver.outgoing():
                    agent.stdin.write(line + b"\n")
                agent.stdin.flush()
                heard = agent.stdout.readline()
                if not heard:
                    said = agent.stderr.read().decode()
                    return [*events, *driver.ended(agent.wait(10), "exited", said)]
                for event in driver.feed(heard.rstrip(b"\n")):
                    events.append(event)
                    (on or allow)(driver, event)
            agent.stdin.close()
            assert agent.wait(10) == 0
        return events


def allow(driver: Driver, event: AgentEvent) -> None:
    if isinstance(event, Request):
        driver.answer(event.request_id, Decision.ALLOW, "blue")


@pytest.fixture
def stage(tmp_path: Path) -> Iterator[Stage]:
    return Stage(tmp_path)


def test_it_writes_edits_and_runs(stage: Stage) -> None:
    events = stage.act(
        {"plan": ["write", "edit"]},
        {"think": "hm"},
        {"write": {"path": "a.txt", "content": "one\ntwo\n"}},
        {"edit": {"path": "a.txt", "old": "two", "new": "three"}},
        {"bash": "cat a.txt; exit 3"},
        {"text": "done"},
    )
    assert (stage.folder / "a.txt").read_text() == "one\nthree\n"
    assert isinstance(events[0], SessionStarted)
    assert [step.text for event in events if isinstance(event, Plan) for step in event.steps] == [
        "write",
        "edit",
    ]
    written, edited = [event for event in events if isinstance(event, FileEdit)]
    assert written.diff == "--- /dev/null\n+++ b/a.txt\n@@ -0,0 +1,2 @@\n+one\n+two\n"
    assert edited.diff == "--- a/a.txt\n+++ b/a.txt\n@@ -1,2 +1,2 @@\n one\n-two\n+three\n"
    (command,) = [event for event in events if isinstance(event, Command)]
    assert (command.output_tail, command.exit_code) == ("one\nthree\n", 3)
    assert events[-1] == TurnEnded(GOOD, "done")
    (usage,) = [event for event in events if isinstance(event, Usage)]
    assert usage.cost_usd == pytest.approx(0.006)


def test_what_is_denied_is_not_done(stage: Stage) -> None:
    def deny(driver: Driver, event: AgentEvent) -> None:
        if isinstance(event, Request):
            driver.answer(event.request_id, Decision.DENY, "not that")

    write = {"write": {"path": "a.txt", "content": "x"}}
    events = stage.act(write, {"bash": "touch b.txt"}, {"text": "so be it"}, on=deny)
    assert list(stage.folder.iterdir()) == []
    ends = [event.status for event in events if isinstance(event, ToolCall)]
    assert ends == ["started", "failed"] * 2
    assert events[-1] == TurnEnded(GOOD, "so be it")


def test_it_asks_in_words(stage: Stage) -> None:
    events = stage.act({"ask": {"question": "Which?", "options": ["red", "blue"]}})
    (request,) = [event for event in events if isinstance(event, Request)]
    assert (request.title, request.kind, request.options) == ("Which?", None, ("red", "blue"))
    assert events[-1] == TurnEnded(GOOD, "You said: blue")


def test_it_is_steered(stage: Stage) -> None:
    def steer(driver: Driver, event: AgentEvent) -> None:
        if event == Text("now"):
            driver.tell("louder")

    events = stage.act({"text": "now"}, {"wait": "I was told:"}, on=steer)
    assert events[-1] == TurnEnded(GOOD, "I was told: louder")


def test_what_is_said_too_late_belongs_to_the_same_turn(stage: Stage) -> None:
    """No `TurnEnded` comes while the agent has not heard all."""

    def tell(driver: Driver, event: AgentEvent) -> None:
        if event == Text("last words"):
            driver.tell('@@SCRIPT [{"text": "after all"}]@@')

    events = stage.act({"text": "last words"}, on=tell)
    assert [event for event in events if isinstance(event, TurnEnded)] == [
        TurnEnded(GOOD, "after all")
    ]


def test_it_is_interrupted_and_takes_a_new_turn(stage: Stage) -> None:
    def interrupt(driver: Driver, event: AgentEvent) -> None:
        if isinstance(event, Request):
            driver.interrupt()
        elif isinstance(event, TurnEnded) and event.outcome is CANCELLED:
            driver.tell('@@SCRIPT [{"text": "awake"}]@@')

    events = stage.act({"bash": "sleep 600"}, on=interrupt, turns=2)
    assert any(isinstance(event, RequestWithdrawn) for event in events)
    ends = [event.outcome for event in events if isinstance(event, TurnEnded)]
    assert ends == [CANCELLED, GOOD]


def test_a_running_command_is_interrupted(stage: Stage) -> None:
    def interrupt(driver: Driver, event: AgentEvent) -> None:
        allow(driver, event)
        if event == Text("sleeping"):
            driver.interrupt()

    events = stage.act({"text": "sleeping"}, {"sleep": 600}, on=interrupt)
    assert events[-1] == TurnEnded(CANCELLED)


def test_it_fails(stage: Stage) -> None:
    *_, trouble, end = stage.act({"fail": "Not logged in"})
    assert isinstance(trouble, Trouble)
    assert not trouble.transient
    assert "/login" in trouble.message
    assert end == TurnEnded(FAILED, trouble.message)


def test_an_overload_passes(stage: Stage) -> None:
    *_, trouble, end = stage.act({"overloaded": "once"}, {"text": "ok"})
    assert isinstance(trouble, Trouble)
    assert trouble.transient
    assert isinstance(end, TurnEnded)
    assert end.transient
    assert stage.act({"overloaded": "once"}, {"text": "ok"}, resume=True)[-1] == TurnEnded(
        GOOD, "ok"
    )


def test_garbage_and_floods_are_survived(stage: Stage) -> None:
    events = stage.act({"garbage": True}, {"flood": 200}, {"text": "done"})
    assert sum(isinstance(event, Text) for event in events) == 201
    assert events[-1] == TurnEnded(GOOD, "done")


def test_it_leaves_in_the_middle(stage: Stage) -> None:
    events = stage.act({"stderr": "no more"}, {"exit": 7})
    end = events[-1]
    assert isinstance(end, TurnEnded)
    assert end.outcome is FAILED
    assert "exit code 7" in end.text
    assert "no more" in end.text


def test_it_remembers_its_session(stage: Stage) -> None:
    stage.variables["CLAUDE_CONFIG_DIR"] = str(stage.folder / "own")
    stage.act({"text": "hello"})
    events = stage.act({"recall": True}, resume=True)
    assert events[-1] == TurnEnded(GOOD, "I have seen 2 prompts.")


def test_its_script_may_stand_in_a_file(stage: Stage) -> None:
    script = stage.folder / "script.json"
    script.write_text('{"steps": [{"text": "from the file"}]}')
    stage.variables["GOFER_REHEARSAL"] = str(script)
    assert stage.act(prompt="hello")[-1] == TurnEnded(GOOD, "from the file")


def test_without_a_script_it_says_what_it_heard(stage: Stage) -> None:
    assert stage.act(prompt="hello")[-1] == TurnEnded(GOOD, "I would now do: hello")
