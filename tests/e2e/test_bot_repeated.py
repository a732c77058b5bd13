"""What a crash repeats, or a finger taps twice, happens once."""

from __future__ import annotations

from dataclasses import replace

from bot.delivery import deliver
from core.model import Submission
from core.outbox import Delivery
from core.store.conversation import DraftState
from tests.fakes.bot_house import BotHouse, script, until_handled

LONG = "word " * 600


async def test_a_run_that_a_crash_broke_off_is_shown_at_work(bot_house: BotHouse) -> None:
    """The task was there and the draft sent; what was missing is the message at work."""
    phone = bot_house.phone
    async with bot_house.running() as hub:
        said = await phone.writes(script({"wait": "go"}))
        shown = await phone.sees(button="Run")
        draft = await hub.conversation.draft(said)
        assert draft is not None
        [task] = await hub.engine.submit(
            Submission(draft.text, origin=f"telegram:{phone.chat_id}", key=f"telegram:{said}")
        )
        await hub.conversation.save_draft(replace(draft, state=DraftState.SENT))
        assert await phone.taps(shown, "Run") == "Started."
        await phone.sees(task.id, button="Stop")
        assert [each.id for each in await hub.engine.tasks()] == [task.id]
        await hub.engine.cancel(task.id, by="the test")


async def test_a_run_that_ended_is_tried_again_once(bot_house: BotHouse) -> None:
    phone = bot_house.phone
    async with bot_house.running() as hub:
        await phone.writes(script({"wait": "go"}))
        await phone.taps(await phone.sees(button="Run"), "Run")
        working = await phone.sees("⚙️ Working", button="Stop")
        await phone.taps(working, "Stop")
        stopped = await phone.sees("⏹ Stopped", button="Try again")
        again = next(b for row in stopped.buttons for b in row if "Try again" in b["text"])
        assert await phone.taps_data(stopped, again["callback_data"]) == "Trying again."
        working = await phone.sees("⚙️ Working", button="Stop", than=stopped)
        await phone.taps(working, "Stop")
        await phone.sees("⏹ Stopped", button="Try again", than=working)

        said = await phone.taps_data(stopped, again["callback_data"])
        assert said == "It has changed since. This is how it stands now."
        [task] = await hub.engine.tasks()
        assert len(task.runs) == 2


async def test_a_long_answer_comes_once_though_its_result_was_not_noted(
    bot_house: BotHouse,
) -> None:
    phone, telegram = bot_house.phone, bot_house.telegram
    async with bot_house.running() as hub:
        [task] = await hub.engine.submit(Submission(script({"text": LONG})))
        async for _ in hub.engine.follow(task_id=task.id):
            pass
        to = Delivery(77, f"telegram:{phone.chat_id}", "finished", task.id, {}, 0.0)
        await deliver(hub.bot._desk, to)
        async with hub.database.transaction() as transaction:
            await transaction.execute("DELETE FROM cards WHERE kind = 'ended'")
        await deliver(hub.bot._desk, to)
        texts = [shown.text for shown in telegram.chat(phone.chat_id)]
        assert len([text for text in texts if text.startswith("word word")]) == 1


async def test_the_rest_of_a_text_is_taken_once_and_never_swallowed(bot_house: BotHouse) -> None:
    """A rest that repeats the end of what came before is a rest all the same."""
    phone = bot_house.phone
    async with bot_house.running() as hub:
        first = await phone.writes("{" * 3_999 + "}")
        await phone.writes("}")
        shown = await phone.sees(button="Run")
        await until_handled(hub)
        draft = await hub.conversation.draft(first)
        assert draft is not None
        assert draft.text == "{" * 3_999 + "}\n}"
        await phone.taps(shown, "Cancel")


async def test_a_draft_that_was_dropped_loses_its_buttons_at_the_latest_with_the_next_tap(
    bot_house: BotHouse,
) -> None:
    phone = bot_house.phone
    async with bot_house.running() as hub:
        said = await phone.writes("Do something")
        shown = await phone.sees(button="Run")
        draft = await hub.conversation.draft(said)
        assert draft is not None
        await hub.conversation.save_draft(replace(draft, state=DraftState.DROPPED))
        assert await phone.taps(shown, "Look only") == "This one is started or dropped already."
        assert await phone.taps(shown, "Cancel") == "Dropped."
        assert not shown.buttons
