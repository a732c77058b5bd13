"""Writing to a chat: order, pace, penalties, refusals. Over HTTP against the loopback server."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from telegram.error import Forbidden
from telegram.ext import ApplicationBuilder

from bot.cards import Button, Card, note
from bot.sender import Pace, Sender
from bot.text import bold, plain
from core.errors import TransientError
from core.store.conversation import Conversation
from core.store.database import Database
from tests.fakes.telegram import TOKEN, FakeTelegram

CHAT, OTHER = 4242, 4343
FAST = Pace(every_s=0.01, group_every_s=0.01, burst=2, backoff_s=0.05)


@dataclass
class House:
    telegram: FakeTelegram
    sender: Sender
    conversation: Conversation


@pytest.fixture
async def house(tmp_path: Path) -> AsyncIterator[House]:
    database = await Database.open(tmp_path / "gofer.db")
    async with FakeTelegram().serving() as telegram:
        application = (
            ApplicationBuilder()
            .token(TOKEN)
            .base_url(f"{telegram.base_url}/bot")
            .job_queue(None)
            .updater(None)
            .build()
        )
        async with application:
            conversation = Conversation(database)
            sender = Sender(application.bot, conversation, FAST)
            yield House(telegram, sender, conversation)
            await sender.stop()
    await database.close()


async def test_messages_of_a_chat_arrive_in_the_order_they_were_sent(house: House) -> None:
    await asyncio.gather(*(house.sender.send(CHAT, note(f"{n}")) for n in range(12)))
    assert [m.text for m in house.telegram.chat(CHAT)] == [f"{n}" for n in range(12)]


async def test_progress_is_coalesced_and_the_newest_wins(house: House) -> None:
    shown = await house.sender.send(CHAT, note("start"))
    rendered = []

    for n in range(200):

        async def render(n: int = n) -> Card:
            rendered.append(n)
            return note(f"step {n}")

        house.sender.refresh(CHAT, shown, render)
    message = house.telegram.chat(CHAT)[0]
    await house.telegram.until(lambda: message.text == "step 199", "the last step")
    assert len(rendered) < 10
    assert len(message.versions) < 10


async def test_a_decided_edit_replaces_progress_that_waits(house: House) -> None:
    shown = await house.sender.send(CHAT, note("start"))

    async def render() -> Card:
        return note("working")

    house.sender.refresh(CHAT, shown, render)
    assert await house.sender.edit(CHAT, shown, note("done"))
    await house.sender.send(CHAT, note("next"))
    first = house.telegram.chat(CHAT)[0]
    assert first.text == "done"
    assert first.versions == ["start"]


async def test_nothing_is_written_to_a_chat_during_its_penalty(house: House) -> None:
    house.telegram.flood(CHAT, 0.8)
    before = len(house.telegram.during_penalty)
    sending = [asyncio.create_task(house.sender.send(CHAT, note(f"{n}"))) for n in range(3)]
    other = await house.sender.send(OTHER, note("meanwhile"))
    assert other
    await asyncio.gather(*sending)
    assert [m.text for m in house.telegram.chat(CHAT)] == ["0", "1", "2"]
    assert len(house.telegram.during_penalty) - before == 1  # the one that was told to wait


async def test_the_impatient_are_told_how_long_to_wait(house: House) -> None:
    house.telegram.flood(CHAT, 30)
    with pytest.raises(TransientError) as refused:
        await house.sender.send(CHAT, note("final"), patient=False)
    assert refused.value.retry_after_s == 30
    with pytest.raises(TransientError):  # without asking Telegram again
        await house.sender.send(CHAT, note("final"), patient=False)
    assert len(house.telegram.during_penalty) == 1


async def test_an_outage_is_waited_for(house: House) -> None:
    house.telegram.down = True
    sending = asyncio.create_task(house.sender.send(CHAT, note("hello")))
    tries = house.telegram.calls
    await house.telegram.until(
        lambda: len([c for c in tries if c[1] == "sendMessage"]) >= 1, "a first try"
    )
    with pytest.raises(TransientError):
        await house.sender.send(OTHER, note("hello"), patient=False)
    house.telegram.down = False
    await sending
    assert [m.text for m in house.telegram.chat(CHAT)] == ["hello"]


async def test_marks_that_are_refused_are_left_out(house: House) -> None:
    house.telegram.marks_refused = True
    await house.sender.send(CHAT, Card(plain("a ") + bold("b")))
    message = house.telegram.chat(CHAT)[0]
    assert (message.text, message.entities) == ("a b", [])


async def test_the_same_again_is_no_error_and_a_lost_message_is_told(house: House) -> None:
    shown = await house.sender.send(CHAT, note("same"))
    assert await house.sender.edit(CHAT, shown, note("same"))
    await house.sender.delete(CHAT, shown)
    await house.sender.delete(CHAT, shown)
    assert not await house.sender.edit(CHAT, shown, note("other"))


async def test_whoever_blocked_the_bot_is_an_error_at_once(house: House) -> None:
    house.telegram.blocked.add(CHAT)
    with pytest.raises(Forbidden):
        await house.sender.send(CHAT, note("hello"))


async def test_any_length_fits(house: House) -> None:
    shown = await house.sender.send(CHAT, note("😀" * 5000))
    assert await house.sender.edit(CHAT, shown, note("x" * 9000))
    assert len(house.telegram.chat(CHAT)[0].text) <= 4096


async def test_buttons_carry_tokens_that_keep_their_meaning(house: House) -> None:
    args = {"head": "f" * 40, "why": "x" * 500}
    card = Card(plain("?"), ((Button("Merge", "merge", "ab12cd34", args),),))
    await house.sender.send(CHAT, card)
    data = house.telegram.chat(CHAT)[0].buttons[0][0]["callback_data"]
    button = await house.conversation.button(CHAT, data)
    assert button is not None
    assert (button.action, button.subject, button.args) == ("merge", "ab12cd34", args)
    assert await house.conversation.button(OTHER, data) is None


async def test_a_tap_is_answered_during_a_penalty_and_a_stale_one_is_no_error(
    house: House,
) -> None:
    house.telegram.flood(CHAT, 30)
    house.telegram.toasts["q"] = None
    await house.sender.toast("q", "x" * 300)
    assert house.telegram.toasts["q"] == "x" * 200
    await house.sender.toast("q", "again")


async def test_one_message_that_cannot_be_shown_does_not_keep_the_others_back(
    house: House,
) -> None:
    first = await house.sender.send(CHAT, note("first"))
    second = await house.sender.send(CHAT, note("second"))
    third = await house.sender.send(CHAT, note("third"))

    async def breaks() -> Card:
        raise RuntimeError("a mistake")

    async def blocked() -> Card:
        house.telegram.blocked.add(CHAT)
        return note("not shown")

    async def renders() -> Card:
        house.telegram.blocked.clear()
        return note("shown")

    house.sender.refresh(CHAT, first, breaks)
    house.sender.refresh(CHAT, second, blocked)
    house.sender.refresh(CHAT, third, renders)
    message = house.telegram.chat(CHAT)[2]
    await house.telegram.until(lambda: message.text == "shown", "the third message")


async def test_no_keyboard_is_too_big_and_no_label_empty(house: House) -> None:
    buttons = tuple((Button(" " if n == 0 else f"{n}", "x", f"{n}"),) for n in range(130))
    await house.sender.send(CHAT, Card(plain("many"), buttons))
    labels = house.telegram.chat(CHAT)[0].labels
    assert len(labels) == 100
    assert labels[0] == ["…"]
