"""A canary in every setting, and in every variable that is not the agent's, is heard nowhere.

A whole hub with its bot, its pushes and its MCP server; the agent prints and copies all that it
gets hold of, and the settings' secrets too, as if it had found them in a file.
"""

from __future__ import annotations

import asyncio
import json
import sqlite3
import sys
import tomllib
from collections.abc import Iterator, Mapping
from contextlib import closing
from pathlib import Path
from typing import Any

import httpx2
import pytest
from mcp import Client
from mcp.client.streamable_http import streamable_http_client

from agents import processes
from core.config import Settings
from tests.e2e.test_bot_whole import delivered, hub_of
from tests.fakes.checkout import Checkout
from tests.fakes.lab import HAS_BWRAP, NO_BWRAP
from tests.fakes.phone import Phone
from tests.fakes.receiver import Receiver, receiving
from tests.fakes.running_hub import RunningHub, cart, environment
from tests.fakes.telegram import TOKEN, FakeTelegram

BUILT_IN = Path(__file__).parents[2] / "agents" / "agents.toml"
MCP_TOKEN = "canary-mcp-7f3a"
LOOK = "env; cat /proc/*/environ | tr '\\0' '\\n'"

# Distinct values where the setting allows one; the others are looked for by name alone.
PLAIN = ("rehearsal", "127.0.0.1", "false", "auto")
SETTINGS = {
    "TELEGRAM_BOT_TOKEN": TOKEN,
    "GOFER_ALLOWED_USERS": "424242424",
    "GOFER_DEFAULT_AGENT": "rehearsal",
    "GOFER_WHISPER_MODEL": "canary-model",
    "GOFER_VOICE_LANGUAGE": "eo",
    "GOFER_VOICE_PRELOAD": "false",
    "GOFER_MCP_HOST": "127.0.0.1",
    "GOFER_MCP_PORT": "0",
    "GOFER_MCP_TOKEN": MCP_TOKEN,
    "GOFER_MCP_ALLOWED_HOSTS": "canary.example",
    "GOFER_MAX_CONCURRENT_TASKS": "97",
    "GOFER_MAX_AGENTS_PER_TASK": "9",
    "GOFER_TASK_QUEUE_SIZE": "98761",
    "GOFER_SANDBOX": "auto",
    "GOFER_TASK_TIMEOUT_S": "98762",
    "GOFER_IDLE_TIMEOUT_S": "98763",
    "GOFER_QUESTION_TIMEOUT_S": "98764",
    "GOFER_OUTPUT_LIMIT_MB": "98765",
    "GOFER_TASK_MEMORY_MB": "98766",
    "GOFER_TASK_DISK_MB": "98767",
    "GOFER_FIX_TURNS": "19",
    "GOFER_MIN_FREE_DISK_MB": "0",
    "GOFER_MIN_FREE_MEMORY_MB": "0",
    "GOFER_KEEP_WORKTREES_DAYS": "98768",
    "GOFER_KEEP_TRANSCRIPTS_DAYS": "98769",
    "GOFER_KEEP_TASKS_DAYS": "98770",
}


def foreign() -> dict[str, str]:
    """A variable for each pattern of every other agent, and what a shell has besides."""
    agents = tomllib.loads(BUILT_IN.read_text())["agents"]
    patterns = {name for agent in agents.values() for name in agent["env"]} - {"GOFER_REHEARSAL"}
    names = {pattern.replace("*", "CANARY") for pattern in patterns}
    names |= {"AWS_SECRET_ACCESS_KEY", "SSH_AUTH_SOCK", "DATABASE_URL", "MY_TOKEN"}
    names |= {"GIT_DIR", "GIT_SSH_COMMAND", "GIT_CONFIG_PARAMETERS", "LD_PRELOAD_CANARY"}
    return {name: f"canary-{name.lower()}-7f3a" for name in sorted(names)}


FOREIGN = foreign()


@pytest.fixture
def pushes() -> Iterator[Receiver]:
    with receiving() as receiver:
        yield receiver


@pytest.fixture
def shop(tmp_path: Path) -> Checkout:
    return cart(tmp_path / "canary-project")


@pytest.fixture
def env(tmp_path: Path, shop: Checkout, pushes: Receiver) -> dict[str, str]:
    home = tmp_path / "home"
    home.mkdir()
    push = pushes.url.get_secret_value()
    secrets = " ".join((TOKEN, MCP_TOKEN, push))
    script = home / "script.json"
    steps: list[Mapping[str, Any]] = [
        {"text": f"I found {secrets}."},
        {"write": {"path": "found.txt", "content": f"{secrets}\n"}},
        {"bash": f"({LOOK}) 2>/dev/null | tee agent.env; echo {secrets}"},
        {"text": f"They are {secrets}."},
    ]
    script.write_text(json.dumps(steps))
    command = [sys.executable, "-I", "-S", "{agents}/rehearsal.py", "--script", str(script)]
    peek = ["sh", "-c", f"env > {home}/version.env; echo 1.0"]
    (home / "agents.toml").write_text(
        f"[agents.rehearsal]\ncommand = {json.dumps(command)}\n"
        f"readable = [{json.dumps(str(script))}]\n"
        f'[agents.peek]\nprotocol = "acp"\ncommand = ["sh"]\nversion_command = {json.dumps(peek)}\n'
    )
    (home / "projects.toml").write_text(
        '[projects.canary-project]\nsetup = "env > setup.env"\n'
        f'check = "env > check.env; echo {secrets}"\n'
    )
    places = {
        "GOFER_PROJECTS": str(shop.path),
        "GOFER_AGENTS": str(home / "agents.toml"),
        "GOFER_NOTIFY_URLS": push,
    }
    return environment(home, **{**FOREIGN, **SETTINGS, **places})


def test_no_setting_is_without_a_canary(env: dict[str, str]) -> None:
    named = {field.validation_alias or f"GOFER_{name.upper()}" for name, field in fields()}
    assert named - {"TELEGRAM_API_BASE_URL"} <= env.keys()  # set when its server runs


def fields() -> list[tuple[str, Any]]:
    return list(Settings.model_fields.items())


@pytest.mark.skipif(not HAS_BWRAP, reason=NO_BWRAP)
async def test_no_canary_is_heard(env: dict[str, str], shop: Checkout, pushes: Receiver) -> None:
    async with FakeTelegram().serving() as telegram:
        env["TELEGRAM_API_BASE_URL"] = telegram.base_url
        async with hub_of(env) as hub:
            task_id, children = await work(hub, Phone(telegram, int(env["GOFER_ALLOWED_USERS"])))
            children += kept_environments(hub, shop, task_id)
            heard = await mcp_answers(hub, task_id)
            for command in ("show", "logs", "tasks"):
                heard += await shown(hub, command, *([] if command == "tasks" else [task_id]))
            await delivered(hub)
            heard += database(hub)
        heard += hub.output + json.dumps(pushes.received)
        heard += json.dumps([[m.text, m.versions, str(m.document)] for m in telegram.messages])
    assert pushes.received
    assert "I found •••" in heard
    for name, value in env.items():
        if name in FOREIGN or (name.startswith(("GOFER_", "TELEGRAM_")) and name != "GOFER_HOME"):
            told = len(value) >= 5 and value not in PLAIN
            for child in children:
                assert f"{name}=" not in child, child
                assert not (told and value in variables(child)), (name, child)
    for secret in (TOKEN, MCP_TOKEN, env["GOFER_NOTIFY_URLS"], *FOREIGN.values()):
        assert secret not in heard, secret


async def work(hub: RunningHub, phone: Phone) -> tuple[str, list[str]]:
    """One task, asked for and allowed on the phone; its id, and the environments seen meanwhile."""
    await phone.writes("Look around")
    await phone.taps(await phone.sees(button="Run"), "Run")
    ask = await phone.sees(button="Allow")
    living = await asyncio.to_thread(living_environments, hub)
    assert len(living) >= 3  # the bridge, the box, the agent
    await phone.taps(ask, "✅ Allow")
    result = await phone.sees("✅ Done", button="Diff")
    await phone.taps(result, "Diff")
    await phone.sees("+", "found.txt", than=result)
    (task,) = await asyncio.to_thread(hub.json, "tasks")
    return task["id"], living


def living_environments(hub: RunningHub) -> list[str]:
    """Of all that the hub started and that still runs."""
    mine = processes.home_mark(hub.home)
    found = processes.descendants(hub.process.pid)
    for variable in (processes.RUN, processes.BRIDGE):
        found += [
            process for process, _ in processes.marked(variable, lambda m: m.startswith(mine))
        ]
    places = {Path(f"/proc/{process.pid}/environ") for process in found}
    return [place.read_text().replace("\0", "\n") for place in places]


def kept_environments(hub: RunningHub, shop: Checkout, task_id: str) -> list[str]:
    """What the agent, the check, the set-up and the question for a version saw."""
    branch = hub.json("show", task_id)["branch"]
    (tree,) = (hub.home / "worktrees").glob(f"*/{task_id}")  # what commands leave stays there
    left = [(tree / f"{name}.env").read_text() for name in ("check", "setup")]
    return [shop.show(f"{branch}:agent.env"), *left, (hub.home / "version.env").read_text()]


def variables(environment: str) -> str:
    """Without those that name where the agent works, which is in Gofer's home."""
    return "\n".join(line for line in environment.splitlines() if "/home/worktrees/" not in line)


async def mcp_answers(hub: RunningHub, task_id: str) -> str:
    heard = []
    headers = {"Authorization": f"Bearer {MCP_TOKEN}"}
    async with httpx2.AsyncClient(headers=headers, timeout=60) as http:
        heard.append((await http.get(f"{hub.url}/metrics")).text)
        heard.append((await http.get(f"{hub.url}/healthz")).text)
        transport = streamable_http_client(f"{hub.url}/mcp", http_client=http)
        async with Client(transport) as client:
            for tool in ("check_status", "list_tasks", "report_task"):
                heard.append(str(await client.call_tool(tool, {})))
            for tool in ("review_task", "report_task", "wait_task"):
                heard.append(str(await client.call_tool(tool, {"task_id": task_id})))
            for place in (
                f"task://{task_id}",
                f"task://{task_id}/output",
                f"task://{task_id}/diff",
            ):
                heard.append(str(await client.read_resource(place)))
            for place in ("tasks://list", "agents://status"):
                heard.append(str(await client.read_resource(place)))
    assert "found.txt" in "".join(heard)
    return "".join(heard)


async def shown(hub: RunningHub, *command: str) -> str:
    done = await asyncio.to_thread(hub.run, *command)
    assert done.returncode == 0, done.stderr
    return done.stdout + done.stderr


def database(hub: RunningHub) -> str:
    """Every value of every row."""
    with closing(sqlite3.connect(f"file:{hub.home / 'gofer.db'}?mode=ro", uri=True)) as opened:
        tables = [
            name
            for (name,) in opened.execute("SELECT name FROM sqlite_master WHERE type = 'table'")
        ]
        rows = [row for table in tables for row in opened.execute(f"SELECT * FROM {table}")]
    return str(rows)
