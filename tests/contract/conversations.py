"""Recorded conversations with real agents, and how a driver is led through one again."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from agents.driver import Driver
from agents.protocols import load
from core.model import AgentEvent, Decision, Limits, Mode, RunSpec, Workspace

FOLDER = Path(__file__).parent.parent / "data" / "recordings"
Json = dict[str, Any]


def make_spec(
    prompt: str = "do it",
    *,
    root: Path = Path("/home/dev/code"),
    session: str = "s-1",
    resume: bool = False,
) -> RunSpec:
    workspace = Workspace(root, "demo", "gofer/abc-x", "0" * 40, "0" * 40)
    limits, folder = Limits(), Path("/nowhere")
    return RunSpec(
        "r1", "t1", "demo", "agent", folder, workspace, prompt, Mode.EDITS, limits, session, resume
    )


def make_driver(
    protocol: str, spec: RunSpec | None = None, *, sandboxed: bool = True, **options: Any
) -> Driver:
    return load(protocol)(spec or make_spec(), sandboxed=sandboxed, options=options)


@dataclass(frozen=True)
class Recording:
    """A two-way recording: `entries` are (whether it is ours, the message)."""

    name: str
    protocol: str
    prompt: str
    root: Path
    session: str
    entries: tuple[tuple[bool, Json], ...]
    options: Mapping[str, Any] = field(default_factory=dict)

    def driver(self) -> Driver:
        spec = make_spec(self.prompt, root=self.root, session=self.session)
        return make_driver(self.protocol, spec, **self.options)


PROTOCOLS = {"claude_stdio": "claude", "codex_appserver": "codex"}
OPTIONS = {"acp_codex": {"session_mode": "full-access"}}
TWO_WAY = (
    "acp_claude",
    "acp_claude_deny",
    "acp_codex",
    "acp_gemini",
    "acp_opencode",
    "acp_qwen",
    "claude_stdio",
    "codex_appserver",
)


def read(name: str) -> Recording:
    lines = [json.loads(line) for line in (FOLDER / f"{name}.jsonl").read_text().splitlines()]
    entries = [(line["dir"].startswith("us->"), line["msg"]) for line in lines]
    # A second session in the same process is a probe's doing; a driver has one.
    loads = [at for at, (_, said) in enumerate(entries) if said.get("method") == "session/load"]
    entries = entries[: loads[0]] if loads else entries
    ours = [said for is_ours, said in entries if is_ours]
    return Recording(
        name,
        PROTOCOLS.get(name, "acp"),
        next(filter(None, map(told, ours))),
        Path(next(filter(None, (found_root(said) for _, said in entries)))),
        "s-1",
        tuple(entries),
        OPTIONS.get(name, {}),
    )


def found_root(said: Json) -> str | None:
    root = said.get("cwd") or said.get("params", {}).get("cwd")
    return root if isinstance(root, str) else None


def told(said: Json) -> str | None:
    """What a line of ours says to the agent in words."""
    match said:
        case {"type": "user", "message": {"content": str(words)}}:
            return words
        case {"method": "session/prompt", "params": {"prompt": [{"text": str(words)}]}}:
            return words
        case {"method": "turn/start", "params": {"input": [{"text": str(words)}]}}:
            return words
    return None


@dataclass
class Replay:
    """A driver led through a recording: what it reported at each entry, and what it sent."""

    recording: Recording
    driver: Driver
    events: list[tuple[AgentEvent, ...]] = field(default_factory=list)
    transcript: list[tuple[bool, bytes]] = field(default_factory=list)
    differing: list[tuple[Json, Json]] = field(default_factory=list)  # (recorded, ours)

    def all_events(self) -> list[AgentEvent]:
        return [event for events in self.events for event in events]

    def of(self, kind: type) -> list[Any]:
        return [event for event in self.all_events() if isinstance(event, kind)]


def replay(recording: Recording) -> Replay:
    run = Replay(recording, recording.driver())
    run.driver.open()
    waiting: list[bytes] = []
    for is_ours, said in recording.entries:
        if not is_ours:
            line = json.dumps(said).encode()
            run.transcript.append((False, line))
            run.events.append(run.driver.feed(line))
            waiting += run.driver.outgoing()
            continue
        waiting += run.driver.outgoing()
        if not waiting and wish(run.driver, said):
            waiting += run.driver.outgoing()
        line = waiting.pop(0) if waiting else json.dumps(said).encode()
        run.driver.sent(line)
        run.transcript.append((True, line))
        run.events.append(())
        ours = json.loads(line)
        if normal(ours) != normal(said):
            run.differing.append((said, ours))
    return run


def wish(driver: Driver, said: Json) -> bool:
    """Have the driver do what the recorded line of ours did. False: nothing it ever does."""
    if words := told(said):
        driver.tell(words)
        return True
    match said:
        case {"method": "session/cancel" | "turn/interrupt"}:
            driver.interrupt()
        case {"type": "control_request", "request": {"subtype": "interrupt"}}:
            driver.interrupt()
        case {"type": "control_response", "response": {"response": {"behavior": behavior} as how}}:
            decide(driver, behavior == "allow", how.get("message", ""))
        case {"result": {"outcome": {"optionId": option}}}:
            decide(driver, option != "reject")
        case {"result": {"decision": decision}}:
            decide(driver, decision == "accept")
        case _:
            return False
    return True


def decide(driver: Driver, allowed: bool, words: str = "") -> None:
    (request_id,) = driver.requests
    driver.answer(request_id, Decision.ALLOW if allowed else Decision.DENY, words)


def normal(said: Json) -> Json:
    """Without what is a sender's own choice: its name, and the numbers of its control requests."""
    said = json.loads(json.dumps(said))
    said.get("params", {}).pop("clientInfo", None)
    if said.get("type") == "control_request":
        said.pop("request_id")
    return said


def agent_lines(name: str) -> Iterator[bytes]:
    """What the agent said, in a recording of either kind."""
    for line in (FOLDER / f"{name}.jsonl").read_bytes().splitlines():
        entry = json.loads(line)
        if "msg" not in entry:
            yield line
        elif not entry["dir"].startswith("us->"):
            yield json.dumps(entry["msg"]).encode()


ALL = tuple(sorted(path.stem for path in FOLDER.glob("*.jsonl")))
