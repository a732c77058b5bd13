"""A real `gofer up` in a process of its own, on a home of its own, and the commands beside it."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from cli import sample
from cli.client import open_hub
from core.config import Settings
from core.model import ENDED
from tests.fakes.checkout import Checkout

PATIENCE_S = 60.0
READY = "Ctrl-C ends it"


def environment(home: Path, **more: str) -> dict[str, str]:
    """Nothing of ours but where programs are; the rehearsal agent, with or without a sandbox."""
    kept = {
        name: os.environ[name]
        for name in ("PATH", "HOME", "LANG", "XDG_RUNTIME_DIR")
        if name in os.environ
    }
    settings = {
        "GOFER_HOME": str(home),
        "GOFER_DEFAULT_AGENT": "rehearsal",
        "GOFER_MCP_PORT": "0",
        "GOFER_SANDBOX": "off",
        "GOFER_MIN_FREE_DISK_MB": "0",
        "GOFER_MIN_FREE_MEMORY_MB": "0",
        "GOFER_WHISPER_MODEL": "tiny.en",
    }
    return {**kept, "PYTHONUNBUFFERED": "1", **settings, **more}


def cart(folder: Path) -> Checkout:
    """The demo's sample project, committed."""
    checkout = Checkout.make(folder)
    sample.write(folder)
    checkout.commit("A shopping cart")
    return checkout


def scripted(*steps: dict[str, Any]) -> str:
    """Instructions that the rehearsal agent acts out."""
    return f"@@SCRIPT {json.dumps(steps)} @@"


def write(path: str, content: str) -> dict[str, Any]:
    return {"write": {"path": path, "content": content}}


class RunningHub:
    def __init__(self, env: dict[str, str], *options: str) -> None:
        self.env = env
        self.printed: list[str] = []
        self.process = subprocess.Popen(
            gofer("up", *options),
            env=env,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            start_new_session=True,
        )
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    def _read(self) -> None:
        assert self.process.stdout is not None
        for line in self.process.stdout:
            self.printed.append(line)

    @property
    def output(self) -> str:
        return "".join(self.printed)

    @property
    def home(self) -> Path:
        return Path(self.env["GOFER_HOME"])

    @property
    def url(self) -> str:
        found = re.search(r"http://[\d.]+:\d+", self.output)
        assert found, self.output
        return found.group()

    @property
    def token(self) -> str:
        return (self.home / "mcp-token").read_text().strip()

    def wait_ready(self) -> None:
        deadline = time.monotonic() + PATIENCE_S
        while READY not in self.output:
            assert self.process.poll() is None, self.output
            assert time.monotonic() < deadline, self.output
            time.sleep(0.02)  # looks again for a condition, under a deadline

    def stop(self, with_signal: int = signal.SIGTERM) -> float:
        """How long it took, in seconds."""
        began = time.monotonic()
        self.process.send_signal(with_signal)
        self.process.wait(PATIENCE_S)
        self._reader.join(PATIENCE_S)
        return time.monotonic() - began

    def kill(self) -> None:
        self.process.kill()
        self.process.wait(PATIENCE_S)
        self._reader.join(PATIENCE_S)
        assert self.process.stdout is not None
        self.process.stdout.close()

    def run(
        self, *arguments: str, stdin: str = "", cwd: Path | None = None
    ) -> subprocess.CompletedProcess[str]:
        return run(self.env, *arguments, stdin=stdin, cwd=cwd)

    def json(self, *arguments: str, cwd: Path | None = None) -> Any:
        """What a command prints with --json; it must succeed."""
        done = self.run(*arguments, "--json", cwd=cwd)
        assert done.returncode == 0, done.stderr + self.output
        return json.loads(done.stdout)

    def until(self, task_id: str, status: str) -> dict[str, Any]:
        """The task once it has this status."""
        deadline = time.monotonic() + PATIENCE_S
        with open_hub(Settings(_env_file=None, home=self.home)) as hub:  # type: ignore[call-arg]
            while True:
                task: dict[str, Any] = hub.call("task", task=task_id)
                if task["status"] == status:
                    return task
                assert task["status"] not in ENDED, task
                assert time.monotonic() < deadline, task
                time.sleep(0.02)  # looks again for a condition, under a deadline


def gofer(*arguments: str) -> Sequence[str]:
    return [sys.executable, "-m", "cli.main", *arguments]


def run(
    env: dict[str, str], *arguments: str, stdin: str = "", cwd: Path | None = None
) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        gofer(*arguments),
        env=env,
        input=stdin,
        cwd=cwd,
        capture_output=True,
        text=True,
        timeout=PATIENCE_S,
        check=False,
    )


@contextmanager
def running_hub(env: dict[str, str], *options: str) -> Iterator[RunningHub]:
    hub = RunningHub(env, *options)
    try:
        hub.wait_ready()
        yield hub
    finally:
        if hub.process.poll() is None:
            hub.stop()
        hub.kill()
