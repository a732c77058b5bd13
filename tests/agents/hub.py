"""A whole Gofer as its owner runs it: `gofer up` in a process of its own, driven by commands."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
import tomllib
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.agents.installing import Cli

DEADLINE_S = 90.0
Json = dict[str, Any]


@dataclass
class Hub:
    """`environment` is all that its processes see."""

    folder: Path
    environment: Mapping[str, str]
    process: subprocess.Popen[bytes] | None = None

    @property
    def project(self) -> Path:
        return self.folder / "demo"

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
        self.until(lambda: self.call("tasks", check=False).returncode == 0, "the hub to answer")

    def kill(self, how: signal.Signals = signal.SIGKILL) -> None:
        if self.process is not None:
            self.process.send_signal(how)
            self.process.wait(30)
            self.process = None

    def call(self, *arguments: str, check: bool = True) -> subprocess.CompletedProcess[str]:
        done = subprocess.run(
            [sys.executable, "-m", "cli.main", *arguments, "--json"],
            env=self.environment,
            cwd=self.folder,
            capture_output=True,
            text=True,
            timeout=DEADLINE_S,
        )
        assert not check or done.returncode == 0, f"{arguments}: {done.stdout}{done.stderr}"
        return done

    def ask(self, *arguments: str) -> Json:
        answer: Json = json.loads(self.call(*arguments).stdout)
        return answer

    def until(self, found: Callable[[], Any], what: str) -> Any:
        """Wait for a condition; its value once it is true."""
        end = time.monotonic() + DEADLINE_S
        while time.monotonic() < end:
            if result := found():
                return result
            time.sleep(0.1)
        log = (self.folder / "hub.log").read_text(errors="replace")[-3000:]
        raise AssertionError(f"waited in vain for {what}\n{self.call('tasks').stdout}\n{log}")

    # --- tasks -----------------------------------------------------------------------------------

    def run(self, words: str, *steps: Json) -> str:
        script = f"{words} @@SCRIPT {json.dumps(steps)}@@"
        task: Json = self.ask("run", script, "--project", "demo", "--agent", "real")
        return str(task["id"])

    def show(self, task_id: str) -> Json:
        return self.ask("show", task_id)

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
        done = self.call("logs", task_id)
        parsed = json.loads(done.stdout)
        return list(parsed)


def make_hub(folder: Path, cli: Cli, url: str) -> Hub:
    """A home, a project with one commit, and `real`, the agent; not started yet."""
    demo = folder / "demo"
    demo.mkdir()
    (demo / "README.md").write_text("# demo\n")
    author = ("-c", "user.name=t", "-c", "user.email=t@example.org")
    for command in (("init", "-qb", "main"), ("add", "-A"), (*author, "commit", "-qm", "begin")):
        subprocess.run(["git", *command], cwd=demo, check=True)
    agents = folder / "agents.toml"
    command = [str(cli.executable), *cli.extra_arguments(url), *cli.arguments]
    agents.write_text(definition(cli, command))
    environment = {
        "PATH": os.environ["PATH"],
        "HOME": str(folder / "owner"),
        "PYTHONPATH": str(Path(__file__).parents[2]),
        "GOFER_HOME": str(folder / "home"),
        "GOFER_PROJECTS": str(demo),
        "GOFER_AGENTS": str(agents),
        "GOFER_MCP_PORT": "0",
        "GOFER_MIN_FREE_MEMORY_MB": "0",
        **cli.environment(url),
    }
    (folder / "owner").mkdir()
    return Hub(folder, environment)


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
