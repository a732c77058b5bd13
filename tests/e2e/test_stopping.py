"""The hub on SIGTERM: gone within ten seconds, whoever still listens and whatever agents do."""

from __future__ import annotations

import socket
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psutil
import pytest

from tests.fakes.checkout import Checkout
from tests.fakes.running_hub import RunningHub, cart, environment, gofer, running_hub

STUBBORN = """
[agents.stubborn]
protocol = "command"
command = ["sh", "-c", "trap '' TERM INT HUP; echo stubborn; while :; do sleep 0.1; done"]
mode = "trusted"
allow_unsandboxed = true
"""


@pytest.fixture
def project(tmp_path: Path) -> Checkout:
    return cart(tmp_path / "cart")


@pytest.mark.parametrize("options", [(), ("--drain",)], ids=["agents go on", "agents end"])
def test_it_is_gone_within_ten_seconds_and_the_next_start_carries_on(
    options: tuple[str, ...], project: Checkout, tmp_path: Path
) -> None:
    (tmp_path / "agents.toml").write_text(STUBBORN)
    env = environment(
        tmp_path / "home",
        GOFER_PROJECTS=str(project.path),
        GOFER_AGENTS=str(tmp_path / "agents.toml"),
        GOFER_DEFAULT_AGENT="stubborn",
    )
    with running_hub(env, *options) as hub:
        task = hub.json("run", "Never end.")["id"]
        hub.until(task, "STREAMING")
        with listening(hub, task):
            assert hub.stop() < 10
        assert hub.process.returncode == 0, hub.output
        assert ("1 agent(s) were ended" in hub.output) == bool(options)
    assert bool(agents(tmp_path / "home")) != bool(options)
    with running_hub(env) as again:
        again.until(task, "STREAMING")
        assert again.json("cancel", task)["status"] == "CANCELLED"
    assert not agents(tmp_path / "home")


@contextmanager
def listening(hub: RunningHub, task: str) -> Iterator[None]:
    """A terminal that follows a task, and a client that never ends its request."""
    port = int(hub.url.rpartition(":")[2])
    follows = gofer("logs", task, "--follow", "--json")
    with subprocess.Popen(
        follows, env=hub.env, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL
    ) as terminal:
        try:
            assert terminal.stdout is not None
            assert b"submitted" in terminal.stdout.readline()
            with socket.create_connection(("127.0.0.1", port)) as client:
                client.sendall(
                    b"POST /mcp HTTP/1.1\r\nHost: localhost\r\nContent-Length: 9\r\n\r\n"
                )
                yield
        finally:
            terminal.kill()


def agents(home: Path) -> list[psutil.Process]:
    """Those that still work for this home."""
    found = []
    for process in psutil.process_iter(["cwd"]):
        if str(home) in (process.info["cwd"] or ""):
            found.append(process)
    return found
