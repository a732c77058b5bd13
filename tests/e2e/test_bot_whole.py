"""The main job with every part real: `gofer up` in a process of its own, Whisper, git, an agent.

Only Telegram's servers are stood in for, and the agent's model (it acts out the demo's script).
"""

from __future__ import annotations

import asyncio
import json
import sqlite3
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, closing
from pathlib import Path

import pytest

from cli import sample
from tests.fakes.checkout import Checkout
from tests.fakes.hall import until
from tests.fakes.phone import Phone
from tests.fakes.running_hub import RunningHub, cart, environment
from tests.fakes.telegram import TOKEN, FakeTelegram

ROOT = Path(__file__).parents[2]
NOTE = ROOT / "cli" / "demo_note.ogg"
SCRIPT = ROOT / "cli" / "demo_script.json"


@asynccontextmanager
async def hub_of(env: dict[str, str]) -> AsyncIterator[RunningHub]:
    hub = RunningHub(env)
    try:
        await asyncio.to_thread(hub.wait_ready)
        yield hub
    finally:
        if hub.process.poll() is None:
            await asyncio.to_thread(hub.stop)
        hub.kill()


async def delivered(hub: RunningHub) -> None:
    """The hub knows that its last message arrived; killed before, it would send it again."""
    with closing(sqlite3.connect(f"file:{hub.home / 'gofer.db'}?mode=ro", uri=True)) as database:
        await until(lambda: database.execute("SELECT COUNT(*) FROM outbox").fetchone() == (0,))


@pytest.fixture
def shop(tmp_path: Path) -> Checkout:
    return cart(tmp_path / "cart")


@pytest.fixture
def env(tmp_path: Path, shop: Checkout) -> dict[str, str]:
    home = tmp_path / "home"
    home.mkdir()
    command = json.dumps(
        [sys.executable, "-I", "-S", "{agents}/rehearsal.py", "--script", str(SCRIPT)]
    )
    (home / "projects.toml").write_text(f"[projects.cart]\ncheck = {json.dumps(sample.CHECK)}\n")
    (home / "agents.toml").write_text(
        f"[agents.rehearsal]\ncommand = {command}\nreadable = [{json.dumps(str(SCRIPT))}]\n"
    )
    return environment(
        home,
        GOFER_PROJECTS=str(shop.path),
        GOFER_AGENTS=str(home / "agents.toml"),
        GOFER_ALLOWED_USERS="4242",
        TELEGRAM_BOT_TOKEN=TOKEN,
    )


async def test_a_voice_note_becomes_a_merged_branch(env: dict[str, str], shop: Checkout) -> None:
    async with FakeTelegram().serving() as telegram:
        env["TELEGRAM_API_BASE_URL"] = telegram.base_url
        phone = Phone(telegram)
        async with hub_of(env) as hub:
            await phone.speaks(NOTE.read_bytes(), seconds=8)
            draft = await phone.sees("🎙 I heard:", "src/cart.py", "🧩 bug fix", button="Run")
            assert "file: src/cart.py" in draft.text
            assert draft.versions == ["🎙 Listening…"]

            assert await phone.taps(draft, "Run") == "Started."
            ask = await phone.sees(sample.CHECK, button="Allow")
            assert await phone.taps(ask, "✅ Allow") == "Allowed."

            result = await phone.sees("✅ Done", "1 file · +1 −1", button="Merge", than=draft)
            assert "M src/cart.py +1 −1" in result.text
            assert "✓ The check passed (it was red before)." in result.text
            assert await phone.taps(result, "Merge") == "Merged."
            assert "🎉 Merged into main" in result.text
        assert TOKEN not in hub.output
    assert "(100 - self.discount) / 100" in shop.git("show", "main:src/cart.py")


async def test_a_hub_that_is_killed_loses_no_note_and_no_task(
    env: dict[str, str], shop: Checkout
) -> None:
    async with FakeTelegram().serving() as telegram:
        env["TELEGRAM_API_BASE_URL"] = telegram.base_url
        phone = Phone(telegram)
        async with hub_of(env) as hub:
            sent = await phone.speaks(NOTE.read_bytes(), seconds=8)
            await phone.handled(sent)  # Telegram will not send it again
            await telegram.until(lambda: telegram.fetched, "the note to be fetched")
            hub.process.kill()
        async with hub_of(env) as hub:
            draft = await phone.sees("🎙 I heard:", "src/cart.py", button="Run")
            assert await phone.taps(draft, "Run") == "Started."
            ask = await phone.sees(sample.CHECK, button="Allow")
            await delivered(hub)
            hub.process.kill()
        async with hub_of(env):
            await phone.taps(ask, "✅ Allow")
            result = await phone.sees("✅ Done", "1 file · +1 −1", button="Merge", than=draft)
            await telegram.until(lambda: not draft.buttons, "the message at work to end")
            shown = [message.message_id for message in telegram.chat(phone.chat_id)]
            assert shown == [draft.message_id, ask.message_id, result.message_id]
