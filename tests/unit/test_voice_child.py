"""The process that holds the model: what it sees, and when it ends."""

from __future__ import annotations

import asyncio
import os
import sys
from pathlib import Path

import pytest

from voice.child import environment

DEADLINE_S = 60.0


async def test_the_worker_ends_with_its_parent() -> None:
    """Even when that is killed: the end of standard input is all the worker needs."""
    read, write = os.pipe()
    worker = await asyncio.create_subprocess_exec(
        sys.executable, "-P", "-m", "voice.worker", stdin=read, env=environment()
    )
    os.close(read)
    os.close(write)
    assert await asyncio.wait_for(worker.wait(), DEADLINE_S) == 0


def test_the_worker_sees_no_secrets(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TELEGRAM_BOT_TOKEN", "123:secret")
    monkeypatch.setenv("ANTHROPIC_API_KEY", "secret")
    assert "PATH" in environment()
    assert not any("secret" in value for value in environment().values())


async def test_hearing_leaves_nothing_in_the_home_and_tells_nobody(tmp_path: Path) -> None:
    """ONNX Runtime would keep an id of the machine and a queue of what it is to tell its maker."""
    told_not_to = {**environment(), "HOME": str(tmp_path), "XDG_CACHE_HOME": str(tmp_path)}
    loading = await asyncio.create_subprocess_exec(
        sys.executable, "-c", "import onnxruntime", env=told_not_to
    )
    assert await asyncio.wait_for(loading.wait(), DEADLINE_S) == 0
    assert list(tmp_path.iterdir()) == []
