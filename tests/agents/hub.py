"""A whole Gofer as its owner runs it: `gofer up` in a process of its own.

It is driven over the socket that the commands use: a process for each look would cost more than
the agents do.
"""

from __future__ import annotations

import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
import tomllib
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx

from cli import client
from tests.agents.installing import Cli

DEADLINE_S = 90.0
Json = dict[str, Any]


@dataclass
class Hub:
    """`environment` is all that its processes see; `runtime` holds its sockets."""

    folder: Path
    environment: Mapping[str, str]
    runtime: Path
    process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        log = (self.folder / "hub.log").open("ab")
        self.process = subprocess.Popen(
            [sys.executable, "-m", "cli.main", "up"],
            env=self.environment,
            cwd=self.folder,
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
        )
        log.close()
        self.until(self._answers, "the hub to answer")

    def _answers(self) -> bool:
        assert self.process is not None
        assert self.process.poll() is None, (self.folder / "hub.log").read_text(errors="replace")
        with socket.socket(socket.AF_UNIX) as knock:
            return knock.connect_ex(str(self.socket)) == 0

    @property
    def socket(self) -> Path:
        return next(self.runtime.rglob("hub.sock"), self.runtime / "none")

    def kill(self, how: signal.Signals = signal.SIGKILL) -> None:
        if self.process is not None:
            self.process.send_signal(how)
            self.process.wait(30)
            self.process = None

    def call(self, name: str, **arguments: Any) -> Any:
        """One of `cli.hub.CALLS`. Raises UserError when it is refused."""
        transport = httpx.HTTPTransport(uds=str(self.socket))
        with httpx.Client(transport=transport, base_url="http://gofer", timeout=DEADLINE_S) as http:
            return client.Hub(http).call(name, **arguments)

    def until(self, found: Callable[[], Any], what: str) -> Any:
        """Wait for a condition; its value once it is true."""
        end = time.monotonic() + DEADLINE_S
        while time.monotonic() < end:
            if result := found():
                return result
            time.sleep(0.05)  # looks again for a condition, under a deadline
        log = (self.folder / "hub.log").read_text(errors="replace")[-3000:]
        raise AssertionError(f"waited in vain for {what}\n{self.call('tasks')}\n{log}")

    # --- tasks -----------------------------------------------------------------------------------

    def run(self, words: str, *steps: Json, mode: str = "edits") -> str:
        script = f"{words} @@SCRIPT {json.dumps(steps)}@@"
        (task,) = self.call(
            "submit", instructions=script, project="demo", agents=["real"], mode=mode
        )
        return str(task["id"])

    def show(self, task_id: str) -> Json:
        task: Json = self.call("task", task=task_id)
        return task

    def answer(self, task_id: str, question: Json, decision: str) -> None:
        self.call("answer", task=task_id, request=question["request_id"], decision=decision)

    def steer(self, task_id: str, words: str, *steps: Json) -> None:
        self.call("steer", task=task_id, text=f"{words} @@SCRIPT {json.dumps(steps)}@@")

    def question(self, task_id: str) -> Json:
        """Wait until it asks something."""

        def asked() -> Json | None:
            task = self.show(task_id)
            assert task["status"] not in ("COMPLETED", "FAILED", "CANCELLED"), task
            question: Json | None = task["question"]
            return question

        question: Json = self.until(asked, "a question")
        return question

    def ended(self, task_id: str, status: str) -> Json:
        def end() -> Json | None:
            task = self.show(task_id)
            return task if task["status"] in ("COMPLETED", "FAILED", "CANCELLED") else None

        task: Json = self.until(end, f"{task_id} to end")
        assert task["status"] == status, task
        return task

    def events(self, task_id: str) -> list[Json]:
        found: list[Json] = self.call("events", task=task_id)
        return found


@contextmanager
def make_hub(folder: Path, cli: Cli, url: str) -> Iterator[Hub]:
    """A home, a project with one commit, and `real`, the agent; not started yet."""
    runtime = Path(tempfile.mkdtemp(prefix="gofer-hub-"))  # sockets need short paths
    hub = Hub(folder, prepare(folder, cli, url, runtime), runtime)
    try:
        yield hub
    finally:
        hub.kill(signal.SIGTERM)
        shutil.rmtree(runtime)


def prepare(folder: Path, cli: Cli, url: str, runtime: Path) -> Mapping[str, str]:
    """The hub's environment, and all that it names."""
    demo = folder / "demo"
    demo.mkdir()
    (demo / "README.md").write_text("# demo\n")
    author = ("-c", "user.name=t", "-c", "user.email=t@example.org")
    for command in (("init", "-qb", "main"), ("add", "-A"), (*author, "commit", "-qm", "begin")):
        subprocess.run(["git", *command], cwd=demo, check=True)
    agents = folder / "agents.toml"
    command = [str(cli.executable), *cli.extra_arguments(url), *cli.arguments]
    agents.write_text(definition(cli, command))
    (folder / "owner").mkdir()
    return {
        "PATH": os.environ["PATH"],
        "HOME": str(folder / "owner"),
        "PYTHONPATH": str(Path(__file__).parents[2]),
        "XDG_RUNTIME_DIR": str(runtime),
        "GOFER_HOME": str(folder / "home"),
        "GOFER_PROJECTS": str(demo),
        "GOFER_AGENTS": str(agents),
        "GOFER_MCP_PORT": "0",
        "GOFER_MIN_FREE_MEMORY_MB": "0",
        **cli.environment(url),
    }


def definition(cli: Cli, command: list[str]) -> str:
    """`real` in an agents file, like the built-in one that it stands for."""
    built_in = Path(__file__).parents[2] / "agents" / "agents.toml"
    known = tomllib.loads(built_in.read_text())["agents"].get(cli.like or "", {})
    folders = known.get("folders", [{"at": "~/.agent", "variable": "CLAUDE_CONFIG_DIR"}])
    lines = [
        "[agents.real]",
        f'protocol = "{cli.protocol}"',
        f"command = {json.dumps(command)}",
        f"env = {json.dumps([*known.get('env', []), *cli.env])}",
        f"folders = [{', '.join(inline(one) for one in folders)}]",
        f"seed = [{', '.join(inline(one) for one in known.get('seed', []))}]",
    ]
    return "\n".join(lines) + "\n"


def inline(table: Json) -> str:
    """A TOML inline table; JSON's strings and lists of strings are TOML's too."""
    return "{ " + ", ".join(f"{key} = {json.dumps(value)}" for key, value in table.items()) + " }"
