"""A Gofer home with a workspace and agents that are small scripts: everything else is real."""

from __future__ import annotations

import asyncio
import json
import os
import shutil
import sys
import tempfile
import time
import uuid
from collections.abc import Awaitable, Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from agents import processes
from agents.link import Link
from agents.runner import Runner
from core.model import AgentEvent, Batch, Limits, Mode, ProcessEnded, RunSpec, Text, Workspace

DEADLINE_S = 30.0
PYTHON = os.path.realpath(sys.executable)
HAS_BWRAP = sys.platform == "linux" and shutil.which("bwrap") is not None
NO_BWRAP = "BUBBLEWRAP IS NOT INSTALLED: the sandbox is not tested here"


async def until(condition: Callable[[], Any], what: str = "it") -> Any:
    """Wait until the condition holds, and return what it gave."""
    end = time.monotonic() + DEADLINE_S
    while time.monotonic() < end:
        if found := condition():
            return found
        await asyncio.sleep(0.01)
    raise AssertionError(f"waited {DEADLINE_S} s for {what}")


def script(*steps: Mapping[str, Any]) -> str:
    """A prompt that the rehearsal agent acts out."""
    return f"@@SCRIPT{json.dumps(steps)}@@"


@dataclass
class Seen:
    """What a run reported."""

    batches: list[Batch] = field(default_factory=list)

    @property
    def events(self) -> list[AgentEvent]:
        return [event for batch in self.batches for event in batch.events]

    @property
    def texts(self) -> list[str]:
        return [event.text for event in self.events if isinstance(event, Text)]

    def of(self, kind: type) -> list[Any]:
        return [event for event in self.events if isinstance(event, kind)]

    @property
    def end(self) -> ProcessEnded:
        (end,) = self.of(ProcessEnded)
        assert self.events[-1] is end
        return end


def runtime() -> Path:
    """Short: it holds sockets. Where the tests' other ones are, which end with them."""
    return Path(tempfile.mkdtemp(prefix="lab-", dir=os.environ.get("XDG_RUNTIME_DIR")))


@dataclass
class Lab:
    home: Path
    sandbox: str = "off"
    agents: dict[str, dict[str, Any]] = field(default_factory=dict)
    source: Mapping[str, str] = field(default_factory=lambda: dict(os.environ))
    hidden: tuple[Path, ...] = ()
    runtime: Path = field(default_factory=runtime)

    def __post_init__(self) -> None:
        self.workspace = Workspace(self.home / "workspaces" / "t1", "app", "gofer/t1", "0", "0")
        self.workspace.path.mkdir(parents=True, exist_ok=True)

    def close(self) -> None:
        processes.end_marked(lambda mark: mark.startswith(processes.home_mark(self.home)))
        shutil.rmtree(self.runtime)

    def runner(self) -> Runner:
        """A new one, as after a restart of the hub."""
        file = self.home / "agents.toml"
        lines = []
        for name, keys in self.agents.items():
            lines.append(f"[agents.{name}]")
            lines += [f"{key} = {json.dumps(value)}" for key, value in keys.items()]
        file.write_text("\n".join(lines))
        return Runner(
            home=self.home,
            runtime=self.runtime,
            agents_file=file,
            sandbox=self.sandbox,
            hidden=lambda: self.hidden,
            source=self.source,
        )

    def program(self, body: str, name: str = "script", **keys: Any) -> str:
        """An agent that is this Python program, under the `command` protocol."""
        file = self.home / f"{name}.py"
        file.write_text(body)
        self.agents[name] = {
            "protocol": "command",
            "command": [PYTHON, "-I", "-S", str(file)],
            "allow_unsandboxed": True,
            **keys,
        }
        return name

    def spec(self, agent: str = "rehearsal", prompt: str = "", **changes: Any) -> RunSpec:
        run_id = changes.pop("run_id", "r" + uuid.uuid4().hex[:8])
        keys: dict[str, Any] = {
            "run_id": run_id,
            "task_id": "t1",
            "project": "app",
            "agent": agent,
            "folder": self.home / "runs" / run_id,
            "workspace": self.workspace,
            "prompt": prompt,
            "mode": Mode.ASK,
            "limits": Limits(),
            "session_id": str(uuid.uuid4()),
        }
        return RunSpec(**keys | changes)

    async def start(self, spec: RunSpec) -> Link:
        return await self.runner().start(spec)


@contextmanager
def lab(folder: Path, **keys: Any) -> Iterator[Lab]:
    made = Lab(folder, **keys)
    try:
        yield made
    finally:
        made.close()


async def follow(
    run: Link, on: Callable[[AgentEvent], Awaitable[None]] | None = None, seen: Seen | None = None
) -> Seen:
    """Read a run to its end; `on` is called with each event."""
    seen = seen or Seen()
    async with asyncio.timeout(DEADLINE_S):
        async for batch in run.batches():
            seen.batches.append(batch)
            for event in batch.events:
                if on:
                    await on(event)
    await run.detach()
    return seen


def transcript(spec: RunSpec) -> list[dict[str, Any]]:
    with (spec.folder / "transcript.jsonl").open() as lines:
        return [json.loads(line) for line in lines]


def said(spec: RunSpec) -> list[str]:
    """The lines that the agent printed, as the transcript has them."""
    found, part = [], ""
    for entry in transcript(spec):
        if "agent" in entry:
            part += entry["agent"]
            if "more" not in entry:
                found.append(part)
                part = ""
    return found
