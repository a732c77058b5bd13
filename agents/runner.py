"""What the engine sees of agents: which there are, and runs of them.

Implements `core.ports.Agents`. A run is an agent in the sandbox under a bridge (`bridge.py`), seen
through a link (`link.py`). What always holds: an agent starts only with a working sandbox or the
owner's explicit choice; one that would never ask (trusted mode, plain commands) only with a
working one or `allow_unsandboxed`; whatever a failed start left behind is killed.
"""

from __future__ import annotations

import asyncio
import json
import os
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import asdict
from hashlib import sha256
from pathlib import Path

from agents import catalogue, checks, environment, processes, protocols
from agents.catalogue import Definition
from agents.checks import Boxed
from agents.driver import Driver
from agents.link import Link, Start, start_entry
from agents.sandbox import Sandbox
from core.errors import AgentError, AgentGone, NotInstalled
from core.model import (
    AgentInfo,
    CheckResult,
    Mode,
    Mount,
    RunSpec,
    SandboxInfo,
    Workspace,
)

BRIDGE = Path(__file__).with_name("bridge.py")
NICE = 5  # agents give way to what the owner does
START_TIMEOUT_S = 30.0


class Runner:
    def __init__(
        self,
        *,
        home: Path,
        runtime: Path,
        agents_file: Path | None = None,
        sandbox: str = "auto",
        hidden: Callable[[], Sequence[Path]] = tuple,
        source: Mapping[str, str] | None = None,
    ) -> None:
        """`runtime`: a short folder for sockets. `hidden`: tells what no agent may see (the owner's
        projects, settings files). `source`: the environment to choose from, ours by default.
        Raises UserError for an agents file that is not right.
        """
        self._home = home
        self._mark = processes.home_mark(home)
        self._runtime = runtime
        self._source = dict(os.environ if source is None else source)
        self._definitions = catalogue.load(agents_file)
        self._sandbox = Sandbox(sandbox, home=home, hidden=hidden)
        self._versions = catalogue.Versions(self._mark)

    # --- which agents there are ------------------------------------------------------------------

    async def available(self) -> Sequence[AgentInfo]:
        box = await self._sandbox.info()
        installed = [d for d in self._definitions.values() if d.program]
        environments = [self._environment(definition) for definition in installed]
        found = await self._versions.ask(installed, environments)
        said = {
            definition.name: answer for definition, answer in zip(installed, found, strict=True)
        }
        return [
            self._describe(definition, said.get(definition.name), box)
            for definition in self._definitions.values()
        ]

    def _describe(
        self, definition: Definition, found: catalogue.Found | None, box: SandboxInfo
    ) -> AgentInfo:
        problem = self._problem(definition, box)
        if found:
            problem = problem or found.problem
        return AgentInfo(
            name=definition.name,
            protocol=definition.protocol,
            installed=found is not None,
            version=found.version if found else None,
            tried_with=tried_with(definition),
            logged_in=environment.logged_in(definition, self._source),
            problem=problem,
        )

    def _problem(self, definition: Definition, box: SandboxInfo) -> str | None:
        if not definition.program:
            how = f"; install it: {definition.install}" if definition.install else ""
            return f"{definition.command[0]} is not on the PATH{how}."
        if not box.working and box.choice != "off":
            return f"No working sandbox: {box.problem}"
        if definition.protocol == "command" and not may_run_freely(definition, box):
            return f"It cannot ask, so it runs in a sandbox only. {FREELY}"
        return None

    async def require(self, name: str) -> AgentInfo:
        definition = self._definition(name)
        box = await self._sandbox.require()
        if problem := self._problem(definition, box):
            raise AgentError(f"The agent {name} cannot run: {problem}")
        (found,) = await self._versions.ask([definition], [self._environment(definition)])
        return self._describe(definition, found, box)

    def default_mode(self, name: str) -> str | None:
        definition = self._definitions.get(name)
        if definition is None:
            return None
        if definition.mode is None and definition.protocol == "command":
            return Mode.TRUSTED.value
        return definition.mode.value if definition.mode else None

    async def sandbox(self) -> SandboxInfo:
        return await self._sandbox.info()

    def _definition(self, name: str) -> Definition:
        definition = self._definitions.get(name)
        if definition and definition.program:
            return definition
        installed = [d.name for d in self._definitions.values() if d.program]
        what = "is not installed" if definition else "is not known"
        how = f" Install it: {definition.install}." if definition and definition.install else ""
        raise NotInstalled(
            f"The agent {name!r} {what}.{how} Installed: {', '.join(installed) or 'none'}."
        )

    # --- runs ------------------------------------------------------------------------------------

    async def start(self, spec: RunSpec) -> Link:
        await self._permit(spec)
        spec.folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        transcript = spec.folder / "transcript.jsonl"
        position = transcript.stat().st_size if transcript.exists() else 0
        await self._begin(spec, start_entry(spec))
        link = self._link(spec, position)
        try:
            await link.prime()
        except BaseException:
            await link.detach()
            await self._end_run(spec.run_id)
            raise
        return link

    async def attach(self, spec: RunSpec, position: int) -> Link:
        if not spec.folder.joinpath("transcript.jsonl").exists():
            raise AgentGone("This run has no transcript.")
        link = self._link(spec, position)
        try:
            found = await link.found()
        except BaseException:
            await link.detach()
            raise
        if not found:
            await self._end_run(spec.run_id)
            raise AgentGone("The agent's bridge was killed, and left no word about its end.")
        return link

    def _link(self, spec: RunSpec, position: int) -> Link:
        async def end_survivors() -> None:
            await self._end_run(spec.run_id)

        return Link(
            spec,
            position=position,
            socket=self._socket(spec.run_id),
            make_driver=self._driver,
            begin=self._begin,
            end_survivors=end_survivors,
        )

    def _driver(self, spec: RunSpec) -> Driver:
        definition = self._definition(spec.agent)
        driver = protocols.load(definition.protocol)
        return driver(spec, sandboxed=self._sandbox.isolates, options=definition.options)

    async def _permit(self, spec: RunSpec) -> None:
        """Raises AgentError when this agent may not run here in this mode."""
        definition = self._definition(spec.agent)
        box = await self._sandbox.require()
        trusted = spec.mode is Mode.TRUSTED or definition.protocol == "command"
        if trusted and not may_run_freely(definition, box):
            raise AgentError(
                f"{spec.agent} would act without asking, and no sandbox works: {FREELY}"
            )

    async def _begin(self, spec: RunSpec, entry: Start) -> None:
        """Start a bridge over the run's folder. Raises AgentError; nothing is left then."""
        boxed = await asyncio.to_thread(self._box, spec)
        config = {
            "run": str(spec.folder),
            "socket": str(self._socket(spec.run_id)),
            "folder": str(spec.workspace.path),
            "measured": str(spec.workspace.path),
            "argv": boxed.argv,
            "environment": {**boxed.environment, processes.RUN: self._mark + spec.run_id},
            "user": boxed.user,
            "closed_off": boxed.closed_off,
            "nice": NICE,
            "limits": asdict(spec.limits),
            "start": entry,
        }
        try:
            said = await self._launch(spec.run_id, json.dumps(config).encode())
        except (TimeoutError, asyncio.CancelledError):
            await self._end_run(spec.run_id)
            raise
        if said != b"ready":
            what = said.decode(errors="replace").strip() or "its bridge said nothing"
            raise AgentError(f"{spec.agent} could not be started: {what}")

    async def _launch(self, run_id: str, config: bytes) -> bytes:
        process = await asyncio.create_subprocess_exec(
            *(catalogue.PYTHON, "-I", "-S", "-E", str(BRIDGE)),
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.STDOUT,
            env={"PATH": os.environ.get("PATH", ""), processes.BRIDGE: self._mark + run_id},
        )
        said, _ = await asyncio.wait_for(process.communicate(config), START_TIMEOUT_S)
        return said

    def _box(self, spec: RunSpec) -> Boxed:
        definition = self._definition(spec.agent)
        driver = self._driver(spec)
        folders = environment.Folders(definition, spec.project, self._home)
        folders.prepare(self._source)
        variables = {
            **self._environment(definition),
            **folders.variables(mounted=self._sandbox.mounts),
            **driver.environment(),
        }
        writable = [Path(place).expanduser() for place in definition.writable]
        shown = (
            *definition.command[1:],
            *definition.readable,
            variables.get("GOFER_REHEARSAL", ""),
        )
        readable = [Path(place).expanduser() for place in shown]
        return self._sandbox.wrap(
            (*definition.command, *driver.arguments()),
            variables,
            spec.workspace,
            mounts=(*folders.mounts(), *(Mount(place, place, True) for place in writable)),
            readable=[place for place in readable if place.is_absolute() and place.exists()],
        )

    def _environment(self, definition: Definition) -> dict[str, str]:
        return environment.allowed(self._source, definition.env)

    def _socket(self, run_id: str) -> Path:
        return self._runtime / f"{sha256(run_id.encode()).hexdigest()[:12]}.sock"

    # --- checks ----------------------------------------------------------------------------------

    async def execute(
        self, command: str, workspace: Workspace, *, timeout_s: float = 900
    ) -> CheckResult:
        await self._sandbox.require()
        mark = f"{self._mark}check-{os.urandom(4).hex()}"
        boxed = await asyncio.to_thread(
            self._sandbox.wrap,
            ("/bin/sh", "-c", command),
            environment.allowed(self._source),
            workspace,
        )
        began = time.monotonic()
        code, tail = await checks.run(boxed, mark, workspace.path, timeout_s)
        return CheckResult(command, code, tail, round(time.monotonic() - began, 3))

    def confine(self, argv: Sequence[str], workspace: Workspace) -> Sequence[str]:
        """Turns a command of ours (git) into one that runs where the agent ran."""
        path = {"PATH": self._source.get("PATH", os.defpath)}
        return self._sandbox.wrap(argv, path, workspace).command

    # --- what is left of dead runs ---------------------------------------------------------------

    async def sweep(self, live_runs: Iterable[str]) -> Sequence[str]:
        live = {self._mark + run_id for run_id in live_runs}
        return await asyncio.to_thread(self._sweep, live)

    def _sweep(self, live: set[str]) -> list[str]:
        def dead(mark: str) -> bool:
            return mark.startswith(self._mark) and mark not in live

        found = [
            (process, mark)
            for variable in (processes.BRIDGE, processes.RUN)
            for process, mark in processes.marked(variable, dead)
        ]
        processes.end_marked(dead)
        return [f"{process.name} ({process.pid}) of {mark}" for process, mark in found]

    async def _end_run(self, run_id: str) -> None:
        """Kill whatever there is of a run, its bridge first, so that it starts nothing again."""
        await asyncio.to_thread(processes.end_marked, (self._mark + run_id).__eq__)


FREELY = (
    "Make a sandbox work (`gofer doctor` tells how), or set `allow_unsandboxed = true` for it in "
    "the file named by GOFER_AGENTS."
)


def tried_with(definition: Definition) -> str | None:
    """The versions that were tried, for people; None when none was."""
    if definition.tried is None:
        return protocols.load(definition.protocol).tried_with
    return ", ".join(definition.tried) or None


def may_run_freely(definition: Definition, box: SandboxInfo) -> bool:
    """Whether it may act without asking."""
    return box.working or definition.allow_unsandboxed
