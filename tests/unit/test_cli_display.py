"""What people see in a terminal: complete, and harmless whatever an agent says."""

from __future__ import annotations

from typing import Any

import click
import pytest

from cli import display

EVIL = "ok\x1b]0;owned\x07\x1b[2J\r\x9b31m"


def entry(**payload: Any) -> dict[str, Any]:
    return {"at": "2026-11-24T10:11:12.000Z", "type": "output", "payload": payload}


@pytest.mark.parametrize(
    ("payload", "words"),
    [
        ({"kind": "text", "text": "Hello {braces}"}, "Hello {braces}"),
        ({"kind": "submitted", "agent": "claude", "prompt": "x"}, "submitted for claude"),
        ({"kind": "command", "command": "ls", "exit_code": None}, "$ ls"),
        ({"kind": "command", "command": "ls", "exit_code": 2}, "$ ls  → 2"),
        ({"kind": "steer", "by": "cli", "text": "faster"}, "told by cli: faster"),
        ({"kind": "completed", "outcome": "failed"}, "ended: failed"),
        ({"kind": "answer", "decision": "allow", "by": "cli", "text": ""}, "allow (by cli)"),
        ({"kind": "answer", "decision": "allow", "by": "me", "text": "left"}, "left (by me)"),
    ],
)
def test_an_event_is_a_line_with_its_time(payload: dict[str, Any], words: str) -> None:
    shown = display.event(entry(**payload))
    assert shown is not None
    assert click.unstyle(shown) == f"10:11:12  {words}"


@pytest.mark.parametrize("kind", ["thinking", "usage", "a kind of the future"])
def test_what_a_person_need_not_see_is_left_out(kind: str) -> None:
    assert display.event(entry(kind=kind, text="x")) is None


def test_an_agent_cannot_steer_the_terminal() -> None:
    shown = display.event(entry(kind="text", text=EVIL))
    assert shown is not None
    for text in (shown, display.diff(f"+{EVIL}\n")):
        for control in "\x07\r\x9b":
            assert control not in text
        assert "\x1b]" not in text
        assert "\x1b[2J" not in text


def test_a_clean_up_counts_and_names_what_went() -> None:
    removed = {"dry_run": True, "worktrees": ["t1", "t2"], "transcripts": [], "tasks": []}
    shown = display.cleaned(removed).splitlines()
    assert shown[0].split() == ["worktrees", "2", "would", "go", "t1", "t2"]
    assert [line.split()[1] for line in shown] == ["2", "0", "0"]


@pytest.mark.parametrize(
    ("status", "review", "steps"),
    [
        ("COMPLETED", "open", "gofer diff x · gofer merge x · gofer discard x"),
        ("COMPLETED", "merged", "gofer undo --merge x"),
        ("COMPLETED", "discarded", "gofer restore x"),
        ("FAILED", None, "gofer retry x · gofer logs x"),
        ("FAILED", "open", "gofer retry x · gofer logs x · gofer diff x · gofer discard x"),
        ("CANCELLED", "discarded", "gofer restore x"),
    ],
)
def test_what_can_be_done_next(status: str, review: str | None, steps: str) -> None:
    files = [{"path": "a"}]
    task = {"id": "x", "status": status, "review": review and {"state": review, "files": files}}
    assert display.next_step(task) == f"Next: {steps}"


def test_where_nothing_was_changed_nothing_is_next() -> None:
    review = {"state": "no_change", "files": []}
    assert display.next_step({"id": "x", "status": "COMPLETED", "review": review}) is None


def test_neither_a_file_name_nor_a_message_can_pass_for_a_line_of_ours() -> None:
    change = {"status": "added", "path": "a\ncheck   passed", "added": 1, "removed": 0}
    review = {
        "files": [change], "added": 1, "removed": 0, "check": None, "notes": [],
        "merged_commit": None, "url": None,
    }  # fmt: skip
    assert next(display.review_lines(review)) == "  added     a�check   passed  +1 −0"
    said = display.event(entry(kind="text", text="Done.\n12:00:00  review: merged (by you)"))
    assert said is not None
    assert said.splitlines()[1] == "          12:00:00  review: merged (by you)"


def test_what_a_pull_request_has_not_got_is_said_with_the_way_to_send_it() -> None:
    review = {
        "state": "pull_request", "files": [], "added": 0, "removed": 0, "check": "failed",
        "check_before": None, "notes": [], "merged_commit": None, "url": "https://x/pull/7",
        "waits": "The check failed.",
    }  # fmt: skip
    *_, last = display.review_lines(review)
    assert last == "unsent  The pull request has not got the newest work. The check failed."
    task = {"status": "COMPLETED", "id": "ab12cd34", "review": review}
    assert display.next_step(task) == "Next: gofer diff ab12cd34 · gofer pr ab12cd34"
    assert display.next_step({**task, "review": {**review, "waits": None}}) is None


def test_an_accepted_file_is_marked() -> None:
    file = {"path": "a", "status": "added", "added": 1, "removed": 0}
    review = {"added": 2, "removed": 0, "check": None, "notes": [], "merged_commit": None}
    files = [{**file, "accepted": True}, {**file, "accepted": False}]
    first, second, *_ = display.review_lines({**review, "url": None, "files": files})
    assert first == f"{second}  accepted"
