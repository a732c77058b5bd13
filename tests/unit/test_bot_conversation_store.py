"""What a chat remembers: each update once, what buttons mean, one message per key."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path

import pytest

from core.hearing import Replacement
from core.store.conversation import ButtonRow, CardRow, Conversation, Draft, DraftState, Waiting
from core.store.database import Database


@pytest.fixture
async def conversation(tmp_path: Path) -> AsyncIterator[Conversation]:
    database = await Database.open(tmp_path / "gofer.db")
    yield Conversation(database)
    await database.close()


async def test_an_update_is_handed_out_until_it_is_finished_and_taken_once(
    conversation: Conversation,
) -> None:
    assert await conversation.put_update(8, "eight")
    assert await conversation.put_update(7, "seven")
    assert not await conversation.put_update(7, "seven again")
    assert await conversation.pending_updates() == [(7, "seven"), (8, "eight")]
    assert [await conversation.begin_update(7) for _ in range(2)] == [1, 2]
    await conversation.finish_update(7)
    assert await conversation.pending_updates() == [(8, "eight")]
    assert not await conversation.put_update(7, "seven, much later")


async def test_a_draft_comes_back_as_it_was_saved(conversation: Conversation) -> None:
    draft = Draft(
        5, 1, spoken=True, text="a", raw_text="b", agents=("claude",), message_id=77,
        replacements=(Replacement("x", "y", 0.5, ("y", "z")),), arguments={"file": ["a", "b"]},
    )  # fmt: skip
    await conversation.save_draft(draft)
    assert await conversation.draft(5) == draft
    assert await conversation.draft_shown_in(1, 77) == draft
    dropped = await conversation.save_draft(replace(draft, state=DraftState.DROPPED))
    assert await conversation.draft(5) == dropped
    assert await conversation.draft(6) is None


async def test_what_a_chat_waits_for_is_forgotten_after_a_while(conversation: Conversation) -> None:
    await conversation.set_project(1, "shop")
    await conversation.set_task(1, "ab12cd34")
    waiting = Waiting.for_("edit", "5")
    await conversation.set_waiting(1, waiting)
    chat = await conversation.chat(1)
    assert (chat.project, chat.task, chat.waiting) == ("shop", "ab12cd34", waiting)
    await conversation.set_waiting(1, Waiting.for_("edit", "5", seconds=-1))
    assert (await conversation.chat(1)).waiting is None


async def test_a_card_is_live_until_it_is_settled(conversation: Conversation) -> None:
    card = CardRow(1, "working:ab12cd34:5", 77, "ab12cd34", "working", live=True)
    await conversation.save_card(card)
    assert await conversation.live_cards() == [card]
    assert await conversation.card_in(1, 77) == card
    await conversation.settle_card(card)
    assert await conversation.live_cards() == []
    assert await conversation.card(1, card.key) == replace(card, live=False)


async def test_a_button_has_one_token_for_one_meaning(conversation: Conversation) -> None:
    merge = ButtonRow(1, "merge", "ab12cd34", {"head": "f" * 40})
    assert merge.token == replace(merge).token
    assert merge.token != replace(merge, args={"head": "e" * 40}).token
    assert len(merge.token.encode()) <= 64
    await conversation.save_buttons([merge, merge])
    assert await conversation.button(1, merge.token) == merge
    assert await conversation.button(2, merge.token) is None


async def test_forgetting_keeps_what_is_pending_live_or_recent(conversation: Conversation) -> None:
    await conversation.put_update(7, "seven")
    card = CardRow(1, "k", 77, "ab12cd34", "working", live=True)
    await conversation.save_card(card)
    await conversation.save_draft(Draft(5, 1))
    await conversation.forget_old()
    assert await conversation.pending_updates() == [(7, "seven")]
    assert await conversation.live_cards() == [card]
    assert await conversation.draft(5) is not None
