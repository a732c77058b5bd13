"""Real agent CLIs from npm, in a folder outside the checkout, each version installed once."""

from __future__ import annotations

import fcntl
import functools
import os
import shutil
import subprocess
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

CACHES = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
CACHE = Path(os.environ.get("GOFER_TEST_AGENTS_CACHE") or CACHES / "gofer-test-agents")
INSTALL_TIMEOUT_S = 600
START_TIMEOUT_S = 120


@dataclass(frozen=True)
class Cli:
    """One agent: its npm package, how it is started, and how it finds the stand-in's model."""

    package: str
    version: str
    program: str
    protocol: str
    environment: Callable[[str], Mapping[str, str]]
    arguments: tuple[str, ...] = ()
    env: tuple[str, ...] = ()  # allow-list beyond the built-in definition's
    like: str | None = None  # the built-in definition that it changes
    extra_arguments: Callable[[str], tuple[str, ...]] = field(default=lambda url: ())

    @property
    def folder(self) -> Path:
        return CACHE / f"{self.package.rpartition('/')[2]}-{self.version}"

    @property
    def executable(self) -> Path:
        return self.folder / "node_modules" / ".bin" / self.program


def anthropic(url: str) -> Mapping[str, str]:
    return {
        "ANTHROPIC_BASE_URL": url,
        "ANTHROPIC_API_KEY": "sk-stand-in",
        "CLAUDE_CODE_MAX_RETRIES": "1",
        "CLAUDE_CODE_DISABLE_NONESSENTIAL_TRAFFIC": "1",
    }


def gemini(url: str) -> Mapping[str, str]:
    return {"GEMINI_API_KEY": "stand-in", "GOOGLE_GEMINI_BASE_URL": url}


def openai(url: str) -> Mapping[str, str]:
    return {
        "OPENAI_API_KEY": "stand-in",
        "OPENAI_BASE_URL": f"{url}/v1",
        "OPENAI_MODEL": "stand-in",
    }


def codex_provider(url: str) -> tuple[str, ...]:
    provider = f'{{name="x",base_url="{url}/v1",env_key="OPENAI_API_KEY",wire_api="responses"}}'
    return (
        *("-c", 'model_provider="x"', "-c", f"model_providers.x={provider}"),
        *("-c", 'model="gpt-5.1-codex"'),
    )


def opencode(url: str) -> Mapping[str, str]:
    models = '{"stand-in":{"name":"x","limit":{"context":100000,"output":10000}}}'
    options = f'{{"baseURL":"{url}/v1","apiKey":"x"}}'
    provider = (
        f'{{"npm":"@ai-sdk/openai-compatible","name":"x","options":{options},"models":{models}}}'
    )
    config = f'{{"provider":{{"x":{provider}}},"model":"x/stand-in"}}'
    return {"OPENCODE_CONFIG_CONTENT": config}


CLAUDE = Cli("@anthropic-ai/claude-code", "2.1.197", "claude", "claude", anthropic, like="claude")
GEMINI = Cli("@google/gemini-cli", "0.61.0", "gemini", "acp", gemini, ("--acp",), like="gemini")
CODEX = Cli(
    "@openai/codex", "0.169.0", "codex", "codex", openai, like="codex",
    extra_arguments=codex_provider,
)  # fmt: skip
OPENCODE = Cli("opencode-ai", "1.18.33", "opencode", "acp", opencode, ("acp",), like="opencode")
QWEN = Cli(
    "@qwen-code/qwen-code", "0.15.10", "qwen", "acp", openai,
    ("--acp", "--auth-type", "openai"), like="qwen",
)  # fmt: skip
CLAUDE_ACP = Cli(
    "@agentclientprotocol/claude-agent-acp", "0.49.0", "claude-agent-acp", "acp", anthropic,
    env=("ANTHROPIC_*", "CLAUDE_*"),
)  # fmt: skip
FEW = {"claude": CLAUDE, "gemini": GEMINI}
MORE = {"codex": CODEX, "opencode": OPENCODE, "qwen": QWEN, "claude-acp": CLAUDE_ACP}


def chosen() -> dict[str, Cli]:
    return {**FEW, **MORE} if os.environ.get("GOFER_TEST_AGENTS") == "all" else FEW


@functools.cache
def install(cli: Cli) -> str | None:
    """Install it where it is not. Returns why it cannot be had, None when it is there and runs."""
    return fetch(cli) or start(cli)


def start(cli: Cli) -> str | None:
    """Why it does not run here: the machine's Node may be too old for it."""
    asked = [cli.executable, "--version"]
    try:
        done = subprocess.run(
            asked,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=START_TIMEOUT_S,
            check=False,
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        return f"{cli.program} does not start here: {error}"
    said = (done.stderr or done.stdout).strip()[-300:]
    return f"{cli.program} does not run here: {said}" if done.returncode else None


def fetch(cli: Cli) -> str | None:
    CACHE.mkdir(parents=True, exist_ok=True)
    with (CACHE / f"{cli.folder.name}.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if cli.executable.exists():
            return None
        if shutil.which("npm") is None:
            return "npm is not installed"
        try:
            subprocess.run(
                [
                    *("npm", "install", "--no-audit", "--no-fund", "--prefix", cli.folder),
                    f"{cli.package}@{cli.version}",
                ],
                check=True,
                capture_output=True,
                text=True,
                timeout=INSTALL_TIMEOUT_S,
            )
        except subprocess.CalledProcessError as error:
            return f"npm install {cli.package}@{cli.version} failed: {error.stderr[-300:]}"
        except subprocess.TimeoutExpired:
            return f"npm install {cli.package}@{cli.version} took too long"
    return None if cli.executable.exists() else f"{cli.executable} did not come"
