"""What a hub sees of a run: reports once and in order, wishes that arrive, hubs that die."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from agents import link, processes
from agents.link import Link
from core.errors import AgentGone
from core.model import (
    AgentEvent,
    Decision,
    Outcome,
    ProcessEnded,
    Request,
    RequestWithdrawn,
    RunSpec,
    SessionStarted,
    Text,
    Told,
    Trouble,
    TurnEnded,
)
from tests.fakes.lab import Lab, Seen, follow, lab, said, script, transcript, until


@pytest.fixture
def here(tmp_path: Path) -> Iterator[Lab]:
    with lab(tmp_path) as made:
        yield made


class Owner:
    """Answers what is asked and finishes the run when its turn has ended."""

    def __init__(self, run: Link, decision: Decision = Decision.ALLOW) -> None:
        self.run = run
        self.decision = decision

    async def __call__(self, event: AgentEvent) -> None:
        match event:
            case Request():
                await self.run.answer(event.request_id, self.decision)
            case TurnEnded():
                await self.run.finish()


async def read_until(run: Link, kind: type, seen: Seen) -> None:
    """Read reports until one of this kind has come."""
    async with asyncio.timeout(30):
        async for batch in run.batches():
            seen.batches.append(batch)
            if any(isinstance(event, kind) for event in batch.events):
                return


WRITE = {"write": {"path": "a.txt", "content": "written\n"}}


@pytest.mark.parametrize("decision", list(Decision))
async def test_an_answer_reaches_the_agent(here: Lab, decision: Decision) -> None:
    spec = here.spec(prompt=script(WRITE, {"text": "done"}))
    run = await here.start(spec)
    seen = await follow(run, Owner(run, decision))
    assert len(seen.of(Request)) == 1
    assert (here.workspace.path / "a.txt").exists() == (decision is Decision.ALLOW)
    assert seen.texts[-1] == "done"
    assert seen.end.reason == "exited"


async def test_a_running_turn_is_steered_and_each_message_arrives_once(here: Lab) -> None:
    spec = here.spec(prompt=script({"wait": "heard:"}))
    run = await here.start(spec)
    seen = Seen()
    await read_until(run, SessionStarted, seen)
    for _ in range(3):
        await run.tell("m1", "to the left")
    await follow(run, Owner(run), seen)
    assert seen.texts == ["heard: to the left"]
    assert sum("to the left" in line.get("sent", "") for line in transcript(spec)) == 1


async def test_a_second_turn_in_the_same_process(here: Lab) -> None:
    run = await here.start(here.spec(prompt=script({"text": "one"})))
    seen = Seen()
    await read_until(run, TurnEnded, seen)
    for _ in range(2):
        await run.tell("m1", script({"text": "two"}))
    await follow(run, Owner(run), seen)
    assert seen.texts == ["one", "two"]
    in_order = [type(event) for event in seen.events if isinstance(event, Told | TurnEnded)]
    assert in_order == [TurnEnded, Told, TurnEnded]


async def test_an_interrupted_turn_ends_cancelled_and_the_process_goes_on(here: Lab) -> None:
    run = await here.start(here.spec(prompt=script({"text": "busy"}, {"sleep": 100})))
    seen = Seen()
    await read_until(run, Text, seen)
    await run.interrupt()
    await read_until(run, TurnEnded, seen)
    assert seen.of(TurnEnded)[-1].outcome is Outcome.CANCELLED
    await run.tell("m1", script({"text": "again"}))
    await follow(run, Owner(run), seen)
    assert seen.texts[-1] == "again"


async def test_an_ended_process_hears_nothing_more(here: Lab) -> None:
    run = await here.start(here.spec(prompt=script({"exit": 3})))
    seen = await follow(run)
    assert seen.end.exit_code == 3
    assert [type(event) for event in seen.events[-2:]] == [TurnEnded, ProcessEnded]
    with pytest.raises(AgentGone):
        await run.tell("m1", "hello?")
    with pytest.raises(AgentGone):
        await run.answer("r", Decision.ALLOW)
    await run.finish()
    await run.stop()


@pytest.fixture
def opened(monkeypatch: pytest.MonkeyPatch) -> list[asyncio.StreamWriter]:
    """The connections that were made to bridges."""
    writers: list[asyncio.StreamWriter] = []
    connect = link.connect

    async def noting(socket: Path) -> link.Streams | None:
        reader_writer = await connect(socket)
        if reader_writer:
            writers.append(reader_writer[1])
        return reader_writer

    monkeypatch.setattr(link, "connect", noting)
    return writers


async def test_nothing_is_open_behind_the_end_of_a_process(
    here: Lab, opened: list[asyncio.StreamWriter]
) -> None:
    run = await here.start(here.spec(prompt=script({"exit": 0})))
    async for batch in run.batches():
        ended = isinstance(batch.events[-1], ProcessEnded)
    assert ended
    await run.rest(True)
    await run.finish()
    await run.stop()
    assert len(opened) == 2
    assert all(writer.is_closing() for writer in opened)


async def test_nothing_is_open_when_reading_is_cut_off_amid_the_end(
    here: Lab, opened: list[asyncio.StreamWriter], monkeypatch: pytest.MonkeyPatch
) -> None:
    closing = asyncio.Event()

    async def for_ever(writer: asyncio.StreamWriter) -> None:
        closing.set()
        await asyncio.Event().wait()

    monkeypatch.setattr(link, "closed", for_ever)
    run = await here.start(here.spec(prompt=script({"exit": 0})))
    reading = asyncio.create_task(follow(run))
    await asyncio.wait_for(closing.wait(), 30)
    reading.cancel()
    await asyncio.wait([reading])
    await run.detach()
    assert len(opened) == 2
    assert all(writer.is_closing() for writer in opened)


# --- hubs that leave and die ---------------------------------------------------------------------


async def test_the_next_hub_gets_the_rest_and_nothing_twice(here: Lab) -> None:
    spec = here.spec(prompt=script({"text": "one"}, WRITE, {"text": "two"}))
    run = await here.start(spec)
    seen = Seen()
    await read_until(run, Request, seen)
    await run.detach()
    run = await here.runner().attach(spec, seen.batches[-1].position)
    (request,) = seen.of(Request)
    await run.answer(request.request_id, Decision.ALLOW)
    await follow(run, Owner(run), seen)
    assert seen.texts == ["one", "two"]
    assert len(seen.of(Request)) == 1
    assert (here.workspace.path / "a.txt").exists()
    positions = [batch.position for batch in seen.batches]
    assert positions == sorted(set(positions))


HUB = """
import asyncio, pickle, sys
from core.model import Request, Text
from tests.fakes.lab import Lab
async def main():
    home, runtime, spec = pickle.load(open(sys.argv[1], "rb"))
    lab = Lab(home, runtime=runtime)
    run = await lab.start(spec)
    async for batch in run.batches():
        for event in batch.events:
            if isinstance(event, Request):
                print(batch.position, event.request_id, flush=True)
asyncio.run(main())
"""


async def start_in_a_hub_of_its_own(
    here: Lab, spec: RunSpec
) -> tuple[asyncio.subprocess.Process, int, str]:
    """Start a run in another process; returns it, and the request that the agent waits for."""
    import pickle

    order = here.home / "order"
    order.write_bytes(pickle.dumps((here.home, here.runtime, spec)))
    hub = await asyncio.create_subprocess_exec(
        sys.executable, "-c", HUB, str(order), stdout=asyncio.subprocess.PIPE
    )
    assert hub.stdout
    position, request_id = (await asyncio.wait_for(hub.stdout.readline(), 30)).split()
    return hub, int(position), request_id.decode()


async def test_a_question_outlives_a_hub_that_is_killed(here: Lab) -> None:
    spec = here.spec(prompt=script({"text": "one"}, WRITE, {"text": "two"}))
    hub, position, request_id = await start_in_a_hub_of_its_own(here, spec)
    hub.kill()
    await hub.communicate()
    run = await here.runner().attach(spec, position)
    await run.answer(request_id, Decision.ALLOW)
    seen = await follow(run, Owner(run))
    assert seen.texts == ["two"]
    assert seen.of(Request) == []
    assert (here.workspace.path / "a.txt").read_text() == "written\n"
    lines = said(spec)
    assert len(lines) == len(set(lines))
    sent = [entry["sent"] for entry in transcript(spec) if "sent" in entry]
    assert len(sent) == len(set(sent)) == 3


async def test_a_question_that_was_not_stored_is_asked_again(here: Lab) -> None:
    spec = here.spec(prompt=script({"text": "one"}, WRITE))
    hub, position, request_id = await start_in_a_hub_of_its_own(here, spec)
    hub.kill()
    await hub.communicate()
    run = await here.runner().attach(spec, position - 1)
    seen = await follow(run, Owner(run))
    assert [request.request_id for request in seen.of(Request)] == [request_id]
    assert seen.texts == []


async def test_what_a_dead_hub_had_noted_is_done_by_the_next(here: Lab) -> None:
    """The answer is in the transcript, and the hub died before it acted on it."""
    spec = here.spec(prompt=script(WRITE, {"text": "two"}))
    run = await here.start(spec)
    seen = Seen()
    await read_until(run, Request, seen)
    await run.answer(seen.of(Request)[0].request_id, Decision.ALLOW)  # noted, not yet read
    assert not (here.workspace.path / "a.txt").exists()
    await run.detach()
    run = await here.runner().attach(spec, seen.batches[-1].position)
    await follow(run, Owner(run), seen)
    assert seen.texts == ["two"]


async def test_a_run_that_ended_without_a_hub_tells_its_end(here: Lab) -> None:
    spec = here.spec(prompt=script({"text": "one"}, {"sleep": 0.2}, {"text": "two"}, {"exit": 0}))
    run = await here.start(spec)
    seen = Seen()
    await read_until(run, Text, seen)
    await run.detach()
    await until((spec.folder / "exit.json").exists, "the end")
    for _ in range(2):  # and again, should the hub die once more
        run = await here.runner().attach(spec, seen.batches[-1].position)
        rest = await follow(run)
        assert rest.texts == ["two"]
        assert rest.end.reason == "exited"


async def test_a_killed_bridge_is_noticed_and_nothing_survives_it(here: Lab) -> None:
    spec = here.spec(prompt=script({"text": "up"}, {"bash": "sleep 1000"}))
    run = await here.start(spec)

    def mine(variable: str) -> list[processes.Process]:
        return [p for p, _ in processes.marked(variable, lambda mark: spec.run_id in mark)]

    # the command starts when the answer has been read, so reading goes on beside the killing
    seen = Seen()
    await read_until(run, Request, seen)
    await run.answer(seen.of(Request)[0].request_id, Decision.ALLOW)
    reading = asyncio.create_task(follow(run, None, seen))
    await until(lambda: len(mine(processes.RUN)) >= 2, "the command")
    os.kill(mine(processes.BRIDGE)[0].pid, signal.SIGKILL)
    await reading
    assert seen.end.reason == "gone"
    assert not mine(processes.RUN)
    with pytest.raises(AgentGone):
        await here.runner().attach(spec, 0)


async def test_a_run_that_never_was_is_gone(here: Lab) -> None:
    with pytest.raises(AgentGone):
        await here.runner().attach(here.spec(), 0)


async def test_a_retry_appends_to_the_same_folder(here: Lab) -> None:
    spec = here.spec(prompt=script({"text": "one"}, {"exit": 1}))
    first = await follow(await here.start(spec))
    run = await here.start(replace(spec, prompt=script({"text": "two"}), resume=True))
    second = await follow(run, Owner(run))
    assert (first.texts, second.texts) == (["one"], ["two"])
    assert first.batches[-1].position < second.batches[0].position
    run = await here.runner().attach(spec, 0)
    everything = await follow(run)
    assert everything.texts == ["one", "two"]
    assert len(everything.of(ProcessEnded)) == 1


# --- agents that take one turn -------------------------------------------------------------------

ECHO = """
import pathlib, sys, time
heard = sys.stdin.read().strip()
print("heard", heard, flush=True)
while "wait" in heard and not pathlib.Path("go").exists():
    time.sleep(0.01)
"""


async def test_the_next_turn_gets_a_new_process(here: Lab) -> None:
    run = await here.start(here.spec(here.program(ECHO), "one"))
    seen = Seen()
    await read_until(run, TurnEnded, seen)
    await run.tell("m2", "two")
    await read_until(run, TurnEnded, seen)
    await run.tell("m2", "two")
    await run.finish()
    await follow(run, None, seen)
    assert seen.texts == ["heard one", "heard two"]
    in_order = [type(event) for event in seen.events if isinstance(event, Told | TurnEnded)]
    assert in_order == [TurnEnded, Told, TurnEnded]
    assert seen.end.exit_code == 0


async def test_what_it_is_told_while_it_runs_is_for_the_next_process(here: Lab) -> None:
    spec = here.spec(here.program(ECHO), "wait")
    run = await here.start(spec)
    seen = Seen()
    await read_until(run, Text, seen)
    await run.tell("m1", "also this")
    await run.tell("m2", "and that")
    await run.detach()  # the next hub knows it from the transcript
    run = await here.runner().attach(spec, seen.batches[-1].position)
    (here.workspace.path / "go").touch()
    await follow(run, Owner(run), seen)
    assert seen.texts == ["heard wait", "heard also this", "and that"] or seen.texts == [
        "heard wait",
        "heard also this",
        "",
        "and that",
    ]
    assert len(seen.of(TurnEnded)) == 1


async def test_an_interrupted_command_is_stopped_and_can_be_told_more(here: Lab) -> None:
    run = await here.start(here.spec(here.program(ECHO), "wait"))
    seen = Seen()
    await read_until(run, Text, seen)
    await run.interrupt()
    await read_until(run, TurnEnded, seen)
    assert seen.of(TurnEnded)[-1].outcome is Outcome.CANCELLED
    await run.tell("m1", "more")
    await follow(run, Owner(run), seen)
    assert seen.texts[-1] == "heard more"


DEAF = """
import sys, time
print("heard", sys.stdin.read().strip(), flush=True)
time.sleep(1000)
"""


async def test_finishing_returns_when_nothing_of_the_process_is_left(
    here: Lab, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(link, "FINISH_GRACE_S", 0.2)
    spec = here.spec(here.program(DEAF), "one")
    run = await here.start(spec)
    seen = Seen()
    await read_until(run, Text, seen)
    await run.finish()
    assert not processes.marked(processes.RUN, lambda mark: spec.run_id in mark)
    await follow(run, None, seen)
    assert seen.end.reason == "stopped"


async def test_of_a_hundred_thousand_lines_none_is_reported_again(here: Lab) -> None:
    spec = here.spec()
    spec.folder.mkdir(parents=True)
    message = {"role": "assistant", "content": [{"type": "text", "text": "some words of it"}]}
    line = json.dumps({"type": "assistant", "message": message, "session_id": "s", "uuid": "u"})
    start = json.dumps({"start": {"prompt": "x", "resume": False, "told": []}})
    entry = json.dumps({"agent": line, "at": 1.5})
    ended = json.dumps({"exit": {"code": 0, "reason": "exited", "detail": "", "stderr": ""}})
    body = "\n".join([start, *[entry] * 100_000, ended, ""])
    (spec.folder / "transcript.jsonl").write_text(body)
    (spec.folder / "exit.json").write_text("{}")
    run = await here.runner().attach(spec, len(body) - len(ended) - 1)
    seen = await follow(run)
    assert [type(event) for event in seen.events] == [TurnEnded, ProcessEnded]


async def test_requests_are_withdrawn_when_the_process_ends(here: Lab) -> None:
    run = await here.start(here.spec(prompt=script(WRITE)))
    seen = Seen()
    await read_until(run, Request, seen)
    await run.stop(0)
    await follow(run, None, seen)
    withdrawn = [event.request_id for event in seen.of(RequestWithdrawn)]
    assert withdrawn == [seen.of(Request)[0].request_id]


# --- a session that is not what was thought -----------------------------------------------------

FORGETFUL = """
import json, sys
arguments, heard = sys.argv[1:], []
def say(**message):
    print(json.dumps(message), flush=True)
known, wanted = %s, "--resume" in arguments
if wanted and not known:
    say(type="result", subtype="error_during_execution", is_error=True,
        errors=["No conversation found with session ID: x"])
    sys.stdin.read()
    sys.exit(1)
if known and not wanted:
    sys.exit("Error: Session ID x is already in use.")
for line in sys.stdin:
    message = json.loads(line)
    if message["type"] == "user":
        heard.append(str(message["message"]["content"]))
        say(type="result", subtype="success", is_error=False, result=" / ".join(heard))
"""


@pytest.mark.parametrize("resume", [True, False])
async def test_a_session_that_cannot_be_had_is_had_the_other_way(here: Lab, resume: bool) -> None:
    agent = here.program(FORGETFUL % (not resume), protocol="claude")
    spec = here.spec(agent, "Go on.", resume=resume)
    run = await here.start(spec)
    seen = await follow(run, Owner(run))
    (ended,) = seen.of(TurnEnded)
    assert ended.outcome is Outcome.SUCCEEDED
    assert ended.text.endswith("Go on.")
    assert ("look at `git log -p`" in ended.text) is resume
    (told,) = seen.of(Trouble)
    assert told.message == (link.LOST if resume else link.THERE_ALREADY)
    starts = [entry["start"]["resume"] for entry in transcript(spec) if "start" in entry]
    assert starts == [resume, not resume]
    again = await here.runner().attach(spec, 0)  # a later hub sees the same
    assert (await follow(again)).events == seen.events


async def test_a_session_is_turned_round_once(here: Lab) -> None:
    body = """
import json
print(json.dumps({"type": "result", "subtype": "error_during_execution", "is_error": True,
                  "errors": ["No conversation found with session ID: x"]}), flush=True)
"""
    run = await here.start(here.spec(here.program(body, protocol="claude"), resume=True))
    seen = await follow(run, Owner(run))
    assert [ended.outcome for ended in seen.of(TurnEnded)] == [Outcome.FAILED]
