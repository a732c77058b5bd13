"""The process that holds the model: what it sees, and when it ends."""

from __future__ import annotations

import asyncio
import os
import sys

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
