"""Agents whose processes are scripts in memory, behind the real port.

`ScriptedAgents` outlives a hub, as bridges do: give the same one to the next engine, and `attach`
finds what still runs. A script is a coroutine function that plays one process:

    async def script(agent: Agent) -> None:
        await agent.says(Text("hello"))
        answer = await agent.asks(Request("r1", "Run it?", ToolKind.EXECUTE, command="make"))
        await agent.writes("hello.txt", "hello\n")
        await agent.ends_turn("done")
        while message := await agent.hears():   # the next turns
            await agent.ends_turn(f"did {message}")
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from core.errors import AgentGone, NotInstalled
from core.model import (
    AgentEvent,
    AgentInfo,
    Batch,
    CheckResult,
    Decision,
    Outcome,
    ProcessEnded,
    Request,
    RunSpec,
    SandboxInfo,
    SessionStarted,
    Text,
    Told,
    TurnEnded,
    Workspace,
)


class Agent:
    """One process: what the script does with it, and its record (the transcript)."""

    def __init__(self, spec: RunSpec) -> None:
        self.spec = spec
        self.record: list[AgentEvent | Exception] = []  # position n is behind the n-th
        self.told: dict[str, str] = {}
        self.resting = False
        self.may_end = asyncio.Event()  # clear it, and `finish` waits
        self.may_end.set()
        self.cannot_end: Exception | None = None  # what `finish` raises then
        self.over = False
        self.deaf = False  # as if it were over, for whoever tells it something
        self.changed = asyncio.Condition()
        self._heard = 0
        self._answers: dict[str, tuple[Decision, str]] = {}
        self.task: asyncio.Task[None] | None = None

    # --- for scripts -----------------------------------------------------------------------------

    async def says(self, *events: AgentEvent) -> None:
        async with self.changed:
            self.record.extend(events)
            self.changed.notify_all()

    async def cannot_be_read(self, error: Exception) -> None:
        """Reading its reports fails from here on."""
        async with self.changed:
            self.record.append(error)
            self.changed.notify_all()

    async def asks(self, request: Request) -> tuple[Decision, str]:
        await self.says(request)
        async with self.changed:
            await self.changed.wait_for(lambda: request.request_id in self._answers)
        return self._answers.pop(request.request_id)

    async def hears(self) -> str | None:
        """The next message that it was told."""
        async with self.changed:
            await self.changed.wait_for(lambda: len(self.told) > self._heard)
        self._heard += 1
        return list(self.told.values())[self._heard - 1]

    async def writes(self, name: str, text: str) -> None:
        path = self.spec.workspace.path / name
        await asyncio.to_thread(path.parent.mkdir, parents=True, exist_ok=True)
        await asyncio.to_thread(path.write_text, text)

    async def ends_turn(
        self, text: str = "done", outcome: Outcome = Outcome.SUCCEEDED, transient: bool = False
    ) -> None:
        """As drivers do, it reports no success while something it was told is unheard."""
        async with self.changed:
            if outcome is not Outcome.SUCCEEDED or len(self.told) == self._heard:
                self.record.append(TurnEnded(outcome, text, transient))
            self.changed.notify_all()

    # --- for the runner --------------------------------------------------------------------------

    async def play(self, script: Script) -> None:
        try:
            await self.says(SessionStarted(self.spec.session_id))
            await script(self)
            await self.exit(0, "exited")
        except asyncio.CancelledError:
            await self.exit(None, "stopped")
            raise

    async def exit(self, code: int | None, reason: str, detail: str = "") -> None:
        if not self.over:
            self.over = True
            await self.says(ProcessEnded(code, reason, detail))

    async def answered(self, request_id: str, decision: Decision, text: str) -> None:
        async with self.changed:
            self._answers.setdefault(request_id, (decision, text))
            self.changed.notify_all()

    async def is_told(self, message_id: str, text: str) -> None:
        async with self.changed:
            if (self.over or self.deaf) and message_id not in self.told:
                raise AgentGone
            if message_id not in self.told:
                self.told[message_id] = text
                self.record.append(Told(message_id))
            self.changed.notify_all()

    async def kill(self, reason: str = "stopped", detail: str = "") -> None:
        if self.task is not None and not self.task.done():
            if not self.over:
                await self.exit(None, reason, detail)
            self.task.cancel()
            await asyncio.wait([self.task])


Script = Callable[[Agent], Awaitable[None]]


async def write_and_end(agent: Agent) -> None:
    """The script used where none is given: one text, one file, and whatever it is told later."""
    await agent.says(Text(f"working on: {agent.spec.prompt}"))
    await agent.writes("work.txt", f"{agent.spec.prompt}\n")
    await agent.ends_turn("done")
    while message := await agent.hears():
        await agent.writes("more.txt", f"{message}\n")
        await agent.ends_turn(f"did: {message}")


class ScriptedRun:
    """Implements `core.ports.AgentRun`."""

    def __init__(self, agent: Agent, position: int) -> None:
        self._agent = agent
        self._position = position
        self.detached = False

    async def batches(self) -> AsyncIterator[Batch]:
        agent = self._agent
        while not self.detached:
            async with agent.changed:
                await agent.changed.wait_for(
                    lambda: self.detached or agent.over or len(agent.record) > self._position
                )
            while self._position < len(agent.record) and not self.detached:
                event = agent.record[self._position]
                self._position += 1
                if isinstance(event, Exception):
                    raise event
                yield Batch(self._position, (event,))
            if agent.over and self._position >= len(agent.record):
                return

    async def tell(self, message_id: str, text: str) -> None:
        await self._agent.is_told(message_id, text)

    async def answer(self, request_id: str, decision: Decision, text: str = "") -> None:
        await self._agent.answered(request_id, decision, text)

    async def interrupt(self) -> None:
        await self._agent.ends_turn("", Outcome.CANCELLED)

    async def rest(self, resting: bool) -> None:
        self._agent.resting = resting

    async def finish(self) -> None:
        await self._agent.may_end.wait()
        if self._agent.cannot_end is not None:
            raise self._agent.cannot_end
        await self._agent.kill("exited")

    async def stop(self, grace_s: float = 5.0) -> None:
        await self._agent.kill()

    async def detach(self) -> None:
        self.detached = True
        async with self._agent.changed:
            self._agent.changed.notify_all()


def passing(command: str, workspace: Workspace) -> CheckResult:
    return CheckResult(command, 0, "ok", 0.01)


@dataclass
class ScriptedAgents:
    """Implements `core.ports.Agents`. `scripts` are by agent name; `check` answers `execute`."""

    scripts: Mapping[str, Script] = field(default_factory=dict)
    check: Callable[[str, Workspace], CheckResult] = passing
    names: Sequence[str] = ("claude", "codex")
    processes: dict[str, Agent] = field(default_factory=dict)
    started: list[RunSpec] = field(default_factory=list)
    runs: list[ScriptedRun] = field(default_factory=list)
    modes: Mapping[str, str] = field(default_factory=dict)

    @property
    def alive(self) -> list[str]:
        return [name for name, agent in self.processes.items() if not agent.over]

    @property
    def held(self) -> list[ScriptedRun]:
        """What no hub has let go of."""
        return [run for run in self.runs if not run.detached]

    @property
    def tasks(self) -> set[asyncio.Task[None]]:
        """What plays the processes."""
        return {agent.task for agent in self.processes.values() if agent.task is not None}

    async def available(self) -> Sequence[AgentInfo]:
        return [AgentInfo(name, "scripted", installed=True, version="1") for name in self.names]

    async def require(self, name: str) -> AgentInfo:
        if name not in self.names:
            raise NotInstalled(f"There is no agent {name}. There are: {', '.join(self.names)}.")
        return AgentInfo(name, "scripted", installed=True, version="1")

    def default_mode(self, name: str) -> str | None:
        return self.modes.get(name)

    async def sandbox(self) -> SandboxInfo:
        return SandboxInfo("auto", "bwrap", working=True)

    async def start(self, spec: RunSpec) -> ScriptedRun:
        agent = Agent(spec)
        self.started.append(spec)
        self.processes[spec.run_id] = agent
        script = self.scripts.get(spec.agent, write_and_end)
        agent.task = asyncio.create_task(agent.play(script))
        return self._run(agent, 0)

    async def attach(self, spec: RunSpec, position: int) -> ScriptedRun:
        if spec.run_id not in self.processes:
            raise AgentGone
        return self._run(self.processes[spec.run_id], position)

    def _run(self, agent: Agent, position: int) -> ScriptedRun:
        run = ScriptedRun(agent, position)
        self.runs.append(run)
        return run

    async def execute(
        self, command: str, workspace: Workspace, *, timeout_s: float = 900
    ) -> CheckResult:
        return self.check(command, workspace)

    async def sweep(self, live_runs: Iterable[str]) -> Sequence[str]:
        orphans = [name for name in self.alive if name not in set(live_runs)]
        for name in orphans:
            await self.processes[name].kill()
        return orphans

    async def close(self) -> None:
        for agent in self.processes.values():
            await agent.kill()
