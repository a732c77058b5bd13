"""What every driver does, whichever agent it speaks with: the same suite over all of them."""

from __future__ import annotations

import pytest

from core.errors import NotFound
from core.model import (
    AgentEvent,
    Command,
    Decision,
    FileEdit,
    Outcome,
    Request,
    RequestWithdrawn,
    SessionStarted,
    Text,
    Tokens,
    ToolCall,
    ToolKind,
    TurnEnded,
    Usage,
)
from tests.contract.conversations import (
    TWO_WAY,
    Recording,
    agent_lines,
    make_driver,
    make_spec,
    read,
    replay,
)

PROTOCOLS = ("claude", "codex", "acp", "command")
GOOD, CANCELLED = Outcome.SUCCEEDED, Outcome.CANCELLED

# What each conversation came to: turns, files edited, commands with their exit codes,
# how often it asked, tokens (input, output), dollars.
Expected = tuple[list[Outcome], list[str], list[int | None], int, tuple[int, int], float]
EXPECTED: dict[str, Expected] = {
    "claude_stdio": ([GOOD, GOOD, CANCELLED, GOOD], ["a.txt"], [], 2, (600, 120), 0.006),
    "codex_appserver": ([GOOD, CANCELLED], [], [0], 2, (300, 60), 0.0),
    "acp_claude": ([GOOD, CANCELLED], ["hello.txt"], [], 2, (200, 40), 0.003),
    "acp_claude_deny": ([GOOD], [], [], 1, (200, 40), 0.002),
    "acp_codex": ([GOOD, CANCELLED], [], [0], 0, (0, 0), 0.0),
    "acp_gemini": ([GOOD, CANCELLED], ["hello.txt"], [None], 2, (200, 40), 0.0),
    "acp_opencode": ([GOOD, CANCELLED], ["hello.txt"], [None], 2, (100, 20), 0.0),
    "acp_qwen": ([GOOD, GOOD], ["hello.txt"], [], 1, (400, 80), 0.0),
}


@pytest.fixture(params=TWO_WAY)
def recording(request: pytest.FixtureRequest) -> Recording:
    return read(request.param)


def test_a_recording_means_what_happened(recording: Recording) -> None:
    run = replay(recording)
    turns, files, codes, asked, (tokens_in, tokens_out), dollars = EXPECTED[recording.name]
    assert [end.outcome for end in run.of(TurnEnded)] == turns
    assert [edit.path for edit in run.of(FileEdit)] == files
    assert all("\n+" in edit.diff for edit in run.of(FileEdit))
    assert [command.exit_code for command in run.of(Command)] == codes
    assert len(run.of(Request)) == asked
    used = sum((usage.tokens for usage in run.of(Usage)), Tokens())
    assert (used.input, used.output) == (tokens_in, tokens_out)
    assert sum(usage.cost_usd or 0 for usage in run.of(Usage)) == pytest.approx(dollars)
    assert len(run.of(SessionStarted)) == 1
    assert not run.driver.running
    assert not run.driver.requests
    assert set(run.driver.unknown) <= {"fs/write_text_file"}


def test_our_lines_are_those_that_worked(recording: Recording) -> None:
    differing = replay(recording).differing
    if recording.name == "acp_opencode":  # it asks for a file to be written; we offer no files
        ((recorded, ours),) = differing
        assert "result" in recorded
        assert ours["error"]["code"] == -32601
    else:
        assert differing == []


def test_every_tool_call_that_starts_ends(recording: Recording) -> None:
    calls: dict[str, str] = {}
    for event in replay(recording).of(ToolCall):
        calls[event.id] = event.status
    assert "started" not in set(calls.values())


def test_a_driver_rebuilt_anywhere_goes_on_the_same(recording: Recording) -> None:
    """A hub that died at any line: the next one's driver reports the rest as the first one did."""
    run = replay(recording)
    for cut in range(len(run.transcript) + 1):
        rebuilt = recording.driver()
        rebuilt.open()
        for ours, line in run.transcript[:cut]:
            if ours:
                rebuilt.sent(line)
            else:
                rebuilt.feed(line)
        rest = []
        for ours, line in run.transcript[cut:]:
            rest.append(() if ours else rebuilt.feed(line))
            if ours:
                rebuilt.sent(line)
        assert rest == run.events[cut:], f"from line {cut}"
        assert rebuilt.requests == run.driver.requests
        assert rebuilt.running == run.driver.running


def test_what_was_sent_is_not_sent_again(recording: Recording) -> None:
    run = replay(recording)
    rebuilt = recording.driver()
    rebuilt.open()
    for ours, line in run.transcript:
        if ours:
            rebuilt.sent(line)
        else:
            rebuilt.feed(line)
    assert rebuilt.outgoing() == ()


def test_what_was_not_sent_is_sent_after_a_restart() -> None:
    """The hub died between hearing the session's name and sending the prompt."""
    run = replay(read("acp_gemini"))
    rebuilt = run.recording.driver()
    rebuilt.open()
    for ours, line in run.transcript[:4]:  # up to the answer to session/new
        if ours:
            rebuilt.sent(line)
        else:
            rebuilt.feed(line)
    (prompt,) = rebuilt.outgoing()
    assert b'"session/prompt"' in prompt


def test_an_open_request_survives_a_restart() -> None:
    run = replay(read("claude_stdio"))
    asked_at = next(at for at, events in enumerate(run.events) if requests(events))
    rebuilt = run.recording.driver()
    rebuilt.open()
    for ours, line in run.transcript[: asked_at + 1]:
        if ours:
            rebuilt.sent(line)
        else:
            rebuilt.feed(line)
    (request,) = requests(run.events[asked_at])
    rebuilt.answer(request.request_id, Decision.ALLOW)
    assert rebuilt.outgoing() == (run.transcript[asked_at + 1][1],)


def requests(events: tuple[AgentEvent, ...]) -> list[Request]:
    return [event for event in events if isinstance(event, Request)]


@pytest.mark.parametrize("name", ["claude_print", "qwen_print"])
def test_one_shot_recordings_in_claudes_shape(name: str) -> None:
    driver = make_driver("claude")
    driver.open()
    events = [event for line in agent_lines(name) for event in driver.feed(line)]
    assert isinstance(events[0], SessionStarted)
    assert isinstance(events[-1], TurnEnded)
    assert events[-1].outcome is GOOD


# --- every protocol ------------------------------------------------------------------------------


@pytest.mark.parametrize("protocol", PROTOCOLS)
def test_the_prompt_is_heard_first(protocol: str) -> None:
    driver = make_driver(protocol)
    driver.open()
    assert driver.running
    assert driver.outgoing()
    assert driver.outgoing() == ()
    assert driver.tried_with


@pytest.mark.parametrize("protocol", PROTOCOLS)
def test_a_process_that_dies_in_its_turn_failed(protocol: str) -> None:
    driver = make_driver(protocol)
    driver.open()
    *_, end = driver.ended(-9, "exited", "\x1b[31mout of luck\x1b[0m\n")
    assert isinstance(end, TurnEnded)
    assert end.outcome is Outcome.FAILED
    assert not driver.running
    assert driver.ended(-9, "exited", "") == ()


@pytest.mark.parametrize("protocol", PROTOCOLS)
def test_why_it_died_is_told_without_colours(protocol: str) -> None:
    driver = make_driver(protocol)
    driver.open()
    *_, end = driver.ended(1, "exited", "\x1b[31mout of luck\x1b[0m\n")
    assert isinstance(end, TurnEnded)
    assert "exit code 1" in end.text
    assert "out of luck" in end.text
    assert "\x1b" not in end.text


@pytest.mark.parametrize("protocol", PROTOCOLS)
def test_a_stopped_process_was_cancelled(protocol: str) -> None:
    driver = make_driver(protocol)
    driver.open()
    *_, end = driver.ended(-15, "stopped", "")
    assert end == TurnEnded(CANCELLED)


@pytest.mark.parametrize("protocol", PROTOCOLS)
def test_nobody_waits_for_an_answer_to_nothing(protocol: str) -> None:
    driver = make_driver(protocol)
    driver.open()
    with pytest.raises(NotFound):
        driver.answer("deadbeef", Decision.ALLOW)


@pytest.mark.parametrize("name", ["claude_stdio", "codex_appserver", "acp_gemini"])
def test_an_answer_is_given_once(name: str) -> None:
    recording = read(name)
    driver = recording.driver()
    driver.open()
    for ours, said in replay(recording).transcript:
        if ours:
            driver.sent(said)
        elif asked := requests(driver.feed(said)):
            driver.answer(asked[0].request_id, Decision.DENY)
            with pytest.raises(NotFound):
                driver.answer(asked[0].request_id, Decision.ALLOW)
            return
    pytest.fail("nothing was asked")


@pytest.mark.parametrize("name", ["claude_stdio", "codex_appserver", "acp_gemini"])
def test_requests_of_a_dead_process_are_withdrawn(name: str) -> None:
    recording = read(name)
    driver = recording.driver()
    driver.open()
    for ours, said in replay(recording).transcript:
        if ours:
            driver.sent(said)
        elif asked := requests(driver.feed(said)):
            events = driver.ended(None, "gone", "")
            assert events[0] == RequestWithdrawn(asked[0].request_id)
            return
    pytest.fail("nothing was asked")


@pytest.mark.parametrize("protocol", ["claude", "codex", "acp"])
def test_lines_of_no_meaning_are_counted(protocol: str) -> None:
    driver = make_driver(protocol)
    driver.open()
    for line in (
        b"\xff\x00",
        b"[]",
        b"",
        b'{"type":"novelty"}',
        b'{"method":"novelty"}',
        b"[" * 9999,
    ):
        assert driver.feed(line) == ()
    assert driver.unknown.total() == 5


@pytest.mark.parametrize("sandboxed", [True, False])
@pytest.mark.parametrize("protocol", PROTOCOLS)
def test_no_agent_is_told_not_to_ask(protocol: str, sandboxed: bool) -> None:
    driver = make_driver(protocol, sandboxed=sandboxed)
    driver.open()
    driver.feed(b'{"id":1,"result":{}}')
    said = b" ".join(driver.outgoing()) + " ".join(driver.arguments()).encode()
    for bypass in (b"bypass", b"yolo", b"dangerously", b'"never"', b"acceptEdits", b"skip-perm"):
        assert bypass not in said
    assert sandboxed or b"danger" not in said


# --- a command -----------------------------------------------------------------------------------


def test_a_command_reads_its_prompt_and_is_judged_by_its_exit_code() -> None:
    driver = make_driver("command", make_spec("first line\nsecond line"))
    driver.open()
    assert driver.outgoing() == (b"first line", b"second line")
    assert not driver.multi_turn
    said = "100%\N{REPLACEMENT CHARACTER}"
    assert driver.feed(b"\x1b[32mgreen\x1b[0m 10%\r100%\xff") == (Text(said),)
    assert driver.ended(0, "exited", "") == (TurnEnded(GOOD, said),)


def test_what_a_command_cannot_hear_waits_for_the_next_process() -> None:
    driver = make_driver("command")
    driver.open()
    driver.tell("also this")
    assert driver.unheard == ("also this",)


# --- what the owner is asked ---------------------------------------------------------------------


def test_an_edit_names_its_file_and_shows_its_diff() -> None:
    for name in ("claude_stdio", "acp_gemini", "acp_qwen", "acp_claude"):
        run = replay(read(name))
        first = run.of(Request)[0]
        assert first.kind is ToolKind.EDIT
        assert all(path.startswith(str(run.recording.root)) for path in first.paths)
        assert first.detail.startswith("--- /dev/null\n+++ b/")


def test_a_command_is_shown_as_it_would_run() -> None:
    for name in ("acp_gemini", "acp_claude", "acp_opencode", "codex_appserver"):
        last = replay(read(name)).of(Request)[-1]
        assert last.kind is ToolKind.EXECUTE
        assert last.command
        assert last.command.startswith("sleep ")
