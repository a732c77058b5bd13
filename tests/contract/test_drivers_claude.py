"""What Claude Code's driver alone has: questions in words, plans, subagents, its session."""

from __future__ import annotations

import json
from typing import Any

from agents.driver import Driver
from core.model import (
    AgentEvent,
    Decision,
    Outcome,
    Plan,
    PlanStep,
    Request,
    RequestWithdrawn,
    Text,
    Thinking,
    ToolCall,
    ToolKind,
    Trouble,
    TurnEnded,
    Usage,
)
from tests.contract.conversations import make_driver, make_spec


def opened() -> Driver:
    driver = make_driver("claude")
    driver.open()
    driver.outgoing()
    return driver


def feed(driver: Driver, **message: Any) -> tuple[AgentEvent, ...]:
    return driver.feed(json.dumps(message).encode())


def may_use(driver: Driver, tool: str, **given: Any) -> Request:
    asked = {"subtype": "can_use_tool", "tool_name": tool, "input": given}
    (request,) = feed(driver, type="control_request", request_id=f"R-{tool}", request=asked)
    assert isinstance(request, Request)
    return request


def answered(driver: Driver) -> dict[str, Any]:
    (line,) = driver.outgoing()
    response: dict[str, Any] = json.loads(line)["response"]["response"]
    return response


def says(driver: Driver, *blocks: dict[str, Any], **more: Any) -> tuple[AgentEvent, ...]:
    return feed(driver, type="assistant", message={"content": list(blocks)}, **more)


def choice(question: str, *labels: str) -> dict[str, Any]:
    options = [{"label": label, "description": f"{label}!"} for label in labels]
    return {"question": question, "options": options}


def test_a_question_with_choices() -> None:
    driver = opened()
    request = may_use(driver, "AskUserQuestion", questions=[choice("Which?", "red", "blue")])
    assert (request.kind, request.title, request.options) == (None, "Which?", ("red", "blue"))
    driver.answer(request.request_id, Decision.ALLOW, "blue")
    assert answered(driver)["updatedInput"]["answers"] == {"Which?": "blue"}


def test_several_questions_take_a_line_each() -> None:
    driver = opened()
    questions = [choice("Which?", "red"), choice("How?", "fast")]
    request = may_use(driver, "AskUserQuestion", questions=questions)
    assert request.title == "1. Which?\n2. How?"
    assert request.options == ()
    driver.answer(request.request_id, Decision.ALLOW, "red\n\nfast\n")
    assert answered(driver)["updatedInput"]["answers"] == {"Which?": "red", "How?": "fast"}


def test_a_question_left_open_is_no_silence() -> None:
    driver = opened()
    request = may_use(driver, "AskUserQuestion", questions=[choice("Which?", "red")])
    driver.answer(request.request_id, Decision.DENY)
    assert answered(driver) == {
        "behavior": "deny",
        "message": "The owner did not answer; go on as you think best, or end here.",
        "interrupt": False,
    }


def test_a_command_outside_names_the_path() -> None:
    asked = {
        "subtype": "can_use_tool",
        "tool_name": "Bash",
        "input": {"command": "cat /etc/passwd", "description": "look"},
        "blocked_path": "/etc/passwd",
    }
    (request,) = feed(opened(), type="control_request", request_id="R", request=asked)
    assert isinstance(request, Request)
    assert (request.kind, request.command) == (ToolKind.EXECUTE, "cat /etc/passwd")
    assert request.paths == ("/etc/passwd",)


def test_an_edit_is_shown_before_it_is_made() -> None:
    driver = opened()
    request = may_use(
        driver, "Edit", file_path="/home/dev/code/a.py", old_string="one", new_string="two"
    )
    assert request.title == "Edit a.py"
    assert request.detail == "--- a/a.py\n+++ b/a.py\n@@ -1 +1 @@\n-one\n+two\n"
    assert request.paths == ("/home/dev/code/a.py",)


def test_a_plan_is_read_and_its_approval_asked() -> None:
    driver = opened()
    todos = [
        {"content": "one", "status": "completed"},
        {"content": "two", "status": "in_progress"},
        {"content": "three", "status": "pending"},
    ]
    use = {"type": "tool_use", "id": "t", "name": "TodoWrite", "input": {"todos": todos}}
    steps = (PlanStep("one", "done"), PlanStep("two", "active"), PlanStep("three", "pending"))
    assert says(driver, use) == (Plan(steps),)
    request = may_use(driver, "ExitPlanMode", plan="First this, then that.")
    assert request.kind is ToolKind.THINK
    assert request.detail == "First this, then that."


def test_a_subagents_words_are_thoughts() -> None:
    block = {"type": "text", "text": "I looked."}
    assert says(opened(), block) == (Text("I looked."),)
    assert says(opened(), block, parent_tool_use_id="toolu_1") == (Thinking("I looked."),)


def test_subagents_are_paid_for() -> None:
    """`usage` is the main conversation alone; the counters of the models hold everything."""
    driver = opened()
    models = {
        "big": {"inputTokens": 10, "outputTokens": 1, "cacheReadInputTokens": 5},
        "small": {"inputTokens": 20, "outputTokens": 2, "cacheCreationInputTokens": 7},
    }
    usage, _ = feed(
        driver,
        type="result",
        subtype="success",
        result="",
        total_cost_usd=0.5,
        usage={"input_tokens": 10, "output_tokens": 1},
        modelUsage=models,
    )
    assert isinstance(usage, Usage)
    assert (usage.tokens.input, usage.tokens.output, usage.tokens.cached) == (37, 3, 5)
    assert usage.cost_usd == 0.5


def test_a_request_that_is_taken_back() -> None:
    driver = opened()
    request = may_use(driver, "Bash", command="make")
    taken = feed(driver, type="control_cancel_request", request_id="R-Bash")
    assert taken == (RequestWithdrawn(request.request_id),)
    assert not driver.requests


def test_an_unknown_question_of_the_protocol_is_answered_with_an_error() -> None:
    driver = opened()
    asked = {"subtype": "hook_callback"}
    assert feed(driver, type="control_request", request_id="R", request=asked) == ()
    (line,) = driver.outgoing()
    assert json.loads(line)["response"]["subtype"] == "error"


def test_a_tool_that_is_broken_off_ends_with_its_turn() -> None:
    driver = opened()
    says(driver, {"type": "tool_use", "id": "t", "name": "Bash", "input": {"command": "make"}})
    call, _ = feed(driver, type="result", subtype="success", result="")
    assert call == ToolCall("t", ToolKind.EXECUTE, "Bash make", "failed")


def test_an_account_that_is_used_up_is_not_tried_again() -> None:
    said = "You've hit your session limit · resets 3pm"
    trouble, end = feed(opened(), type="result", subtype="success", is_error=True, result=said)
    assert trouble == Trouble(said, transient=False)
    assert end == TurnEnded(Outcome.FAILED, said)


def test_a_rate_limit_is_trouble_only_when_it_stops_something() -> None:
    driver = opened()
    warning, rejected = ({"status": how} for how in ("allowed_warning", "rejected"))
    assert feed(driver, type="rate_limit_event", rate_limit_info=warning) == ()
    (trouble,) = feed(driver, type="rate_limit_event", rate_limit_info=rejected)
    assert isinstance(trouble, Trouble)


def test_a_session_that_is_not_what_was_thought_is_told() -> None:
    resumed = make_driver("claude", make_spec(resume=True))
    resumed.open()
    feed(
        resumed,
        type="result",
        subtype="error_during_execution",
        is_error=True,
        errors=["No conversation found with session ID: s-1"],
    )
    assert resumed.session_mismatch
    begun = opened()
    begun.ended(1, "exited", "Error: Session ID s-1 is already in use.")
    assert begun.session_mismatch


def test_lone_surrogates_do_not_come_out() -> None:
    driver = opened()
    said = '{"type":"assistant","message":{"content":[{"type":"text","text":"a\\ud800b"}]}}'
    assert driver.feed(said.encode()) == (Text("a?b"),)
