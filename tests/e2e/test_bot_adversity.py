"""Strangers, floods, outages, crashes and nonsense: each gets one clear answer, or none at all."""

from __future__ import annotations

import asyncio
import json
import logging

import pytest

from core.hearing import Heard, Intent
from core.model import Submission
from core.store.conversation import Conversation
from core.store.database import Database
from tests.fakes.bot_house import BotHouse, script, until_handled, write
from tests.fakes.phone import Phone
from tests.fakes.telegram import TOKEN

STRANGER = 666


async def test_a_stranger_is_refused_once_and_causes_nothing_else(bot_house: BotHouse) -> None:
    stranger = Phone(bot_house.telegram, STRANGER, "Mallory")
    async with bot_house.running() as hub:
        await stranger.writes("/start")
        refusal = await stranger.sees("This Gofer works for its owner only.", str(STRANGER))
        await stranger.writes("rm -rf /")
        await stranger.speaks(b"let me in")
        await bot_house.phone.writes("Do something")
        draft = await bot_house.phone.sees("Do something", button="Run")

        tap = draft.buttons[0][0]["callback_data"]
        assert await stranger.taps_data(draft, tap) == "This is not yours to decide."
        in_group = Phone(bot_house.telegram, STRANGER, "Mallory", chat_id=-77)
        await in_group.handled(await in_group.writes("/tasks"))

        assert bot_house.telegram.chat(STRANGER) == [refusal]
        assert bot_house.telegram.chat(-77) == []
        assert bot_house.telegram.fetched == []
        assert bot_house.hearing.heard == []
        assert await hub.engine.tasks() == []
        [stored] = await hub.database.read("SELECT COUNT(*) FROM updates")
        assert stored[0] == 1


async def test_an_empty_allow_list_means_nobody(bot_house: BotHouse) -> None:
    bot_house.changed["allowed_users"] = ()
    async with bot_house.running() as hub:
        await bot_house.phone.writes("/start")
        await bot_house.phone.sees("add your Telegram id 4242 to GOFER_ALLOWED_USERS")
        await bot_house.phone.handled(await bot_house.phone.writes("Do something"))
        assert len(bot_house.telegram.chat(4242)) == 1
        assert await hub.engine.tasks() == []


async def test_an_allowed_user_is_heard_in_a_group_too(bot_house: BotHouse) -> None:
    phone = Phone(bot_house.telegram, 4242, chat_id=-77)
    async with bot_house.running() as hub:
        await phone.writes("Do something")
        await phone.taps(await phone.sees("Do something", button="Run"), "Run")
        [task] = await hub.engine.tasks()
        assert task.origin == "telegram:-77"


async def test_a_command_for_another_bot_of_a_group_is_not_answered(bot_house: BotHouse) -> None:
    phone = Phone(bot_house.telegram, 4242, chat_id=-77)
    async with bot_house.running() as hub:
        await phone.writes("/help@some_other_bot")
        await phone.handled(await phone.writes("/nonsense@some_other_bot"))
        await until_handled(hub)
        assert bot_house.telegram.chat(-77) == []
        await phone.writes("/nonsense@gofer_test_bot")
        await phone.sees("I do not know that command")


async def test_a_result_follows_its_group_to_a_new_id(bot_house: BotHouse) -> None:
    bot_house.telegram.migrated[-77] = -100077
    async with bot_house.running() as hub:
        await hub.engine.submit(Submission(script({"text": "Hello."}), origin="telegram:-77"))
        await Phone(bot_house.telegram, 4242, chat_id=-100077).sees("💬 Answered", "Hello.")


async def test_a_flood_delays_the_result_and_drops_nothing(bot_house: BotHouse) -> None:
    phone, telegram = bot_house.phone, bot_house.telegram
    async with bot_house.running():
        await phone.writes(script({"wait": "go"}, write("a.txt", "a\n")))
        await phone.taps(await phone.sees(button="Run"), "Run")
        working = await phone.sees("⚙️ Working", button="Stop")
        telegram.flood(phone.chat_id, 2)
        told = await phone.writes("go on", reply_to=working)
        await phone.handled(told)
        await phone.sees("✅ Done", "A a.txt +1", button="Merge")
        await telegram.until(lambda: not working.buttons, "the message at work to end")
        assert len(telegram.during_penalty) <= 2


async def test_an_outage_of_telegram_is_sat_out(bot_house: BotHouse) -> None:
    phone, telegram = bot_house.phone, bot_house.telegram
    telegram.down = True
    async with bot_house.running() as hub:
        await telegram.until(lambda: len(telegram.calls) > 1, "two tries")
        assert hub.bot.problem is not None
        assert hub.bot.problem.startswith("Telegram cannot be reached")
        [task] = await hub.engine.submit(
            Submission(script({"text": "Hello."}), origin=f"telegram:{phone.chat_id}")
        )
        await hub.engine.wait(task.id, timeout_s=30)
        telegram.down = False
        await phone.sees("💬 Answered", "Hello.")
        assert hub.bot.problem is None


async def test_a_wrong_token_is_one_line_and_nothing_else_stops(
    bot_house: BotHouse, caplog: pytest.LogCaptureFixture
) -> None:
    wrong = "987654321:AAwrong-token-that-nobody-may-ever-see-x"
    bot_house.changed["TELEGRAM_BOT_TOKEN"] = wrong
    caplog.set_level(logging.DEBUG)
    async with bot_house.running() as hub:
        await bot_house.telegram.until(lambda: bot_house.telegram.calls, "a try")
        async with asyncio.timeout(30):
            while hub.bot.problem is None:  # noqa: ASYNC110 - it has no event of its own
                await asyncio.sleep(0.01)
        assert "Telegram refuses the bot token" in hub.bot.problem
        [task] = await hub.engine.submit(Submission(script({"text": "Hello."})))
        await hub.engine.wait(task.id, timeout_s=30)
    shown = [record for record in caplog.records if record.levelno >= logging.WARNING]
    assert len([record for record in shown if record.name.startswith("bot")]) == 1
    assert wrong not in "\n".join(record.getMessage() for record in shown)


async def test_the_token_is_in_no_log(
    bot_house: BotHouse, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    async with bot_house.running():
        await bot_house.phone.writes("/start")
        await bot_house.phone.sees("Send me a voice note")
    assert TOKEN not in caplog.text


async def test_a_note_that_a_stop_interrupted_is_heard_at_the_next_start(
    bot_house: BotHouse,
) -> None:
    phone = bot_house.phone
    bot_house.hearing.go_on.clear()
    async with bot_house.running():
        sent = await phone.speaks(b"fix it")
        listening = await phone.sees("Listening")
        await phone.handled(sent)  # Telegram will not send it again
    bot_house.hearing.go_on.set()
    async with bot_house.running() as hub:
        draft = await phone.sees("I heard:", "fix it", button="Run")
        assert draft is listening
        assert len(bot_house.telegram.chat(phone.chat_id)) == 1
        assert len(bot_house.telegram.fetched) == 1
        await until_handled(hub)


async def test_what_was_fetched_but_not_handled_is_handled_once(bot_house: BotHouse) -> None:
    """The hub died behind its commit; Telegram, not told of it yet, sends the update again."""
    phone, telegram = bot_house.phone, bot_house.telegram
    update_id = await phone.writes("Do something")
    [update] = telegram.updates
    database = await Database.open(bot_house.settings().database)
    assert await Conversation(database).put_update(update_id, json.dumps(update))
    await database.close()
    async with bot_house.running() as hub:
        draft = await phone.sees("Do something", button="Run")
        await phone.handled(update_id)
        await phone.writes("/tasks")
        tasks = await phone.sees("No tasks yet.")
        assert telegram.chat(phone.chat_id) == [draft, tasks]
        await until_handled(hub)
    async with bot_house.running():  # and not again at the next start
        await phone.writes("/help")
        told = await phone.sees("/cancel")
        assert telegram.chat(phone.chat_id) == [draft, tasks, told]


async def test_what_brings_the_hub_down_each_time_is_given_up(bot_house: BotHouse) -> None:
    phone = bot_house.phone
    update_id = await phone.writes("Do something")
    [update] = bot_house.telegram.updates
    database = await Database.open(bot_house.settings().database)
    conversation = Conversation(database)
    await conversation.put_update(update_id, json.dumps(update))
    for _ in range(5):
        await conversation.begin_update(update_id)
    await database.close()
    async with bot_house.running() as hub:
        await phone.sees("I tried five times and cannot handle this. Send it anew?")
        await until_handled(hub)


async def test_messages_at_work_are_brought_up_to_date_after_a_restart(
    bot_house: BotHouse,
) -> None:
    phone = bot_house.phone
    async with bot_house.running() as hub:
        await phone.writes(script({"wait": "go"}))
        await phone.taps(await phone.sees(button="Run"), "Run")
        working = await phone.sees("⚙️ Working", button="Stop")
        await hub.bot.stop()
        [task] = await hub.engine.tasks()
        await hub.engine.cancel(task.id, by="somebody at the desk")
        assert "Working" in working.text
    async with bot_house.running():
        await bot_house.telegram.until(lambda: not working.buttons, "the message at work to end")
        assert "⏹ Stopped" in working.text
        await phone.sees("⏹ Stopped", button="Try again")


async def test_a_second_poller_is_told_in_one_line(
    bot_house: BotHouse, caplog: pytest.LogCaptureFixture
) -> None:
    async with bot_house.running() as hub:
        await bot_house.phone.writes("/start")
        await bot_house.phone.sees("Send me a voice note")
        await bot_house.telegram._getUpdates({"offset": 0})
        async with asyncio.timeout(30):
            while hub.bot.problem is None:  # noqa: ASYNC110 - it has no event of its own
                await asyncio.sleep(0.01)
        assert hub.bot.problem.startswith("Another program polls this bot's updates.")
        await bot_house.phone.handled(await bot_house.phone.writes("/tasks"))
        async with asyncio.timeout(30):
            while hub.bot.problem is not None:  # noqa: ASYNC110 - it has no event of its own
                await asyncio.sleep(0.01)
    assert caplog.text.count("Another program polls") == 1


async def test_a_tap_on_a_message_too_old_to_be_shown_is_answered(bot_house: BotHouse) -> None:
    """Telegram sends no more of such a message than its place, with a date of 0."""
    phone = bot_house.phone
    async with bot_house.running():
        await phone.writes("Do something")
        draft = await phone.sees(button="Run")
        bot_house.telegram.toasts["old"] = None
        await bot_house.telegram.arrives(
            callback_query={
                "id": "old",
                "from": {"id": phone.user_id, "is_bot": False, "first_name": "Ada"},
                "chat_instance": "1",
                "data": draft.buttons[-1][-1]["callback_data"],
                "message": {
                    "message_id": draft.message_id,
                    "date": 0,
                    "chat": {"id": phone.chat_id, "type": "private"},
                },
            }
        )
        toasts = bot_house.telegram.toasts
        await bot_house.telegram.until(lambda: toasts["old"] is not None, "an answer")
        assert toasts["old"] == "Dropped."


async def test_a_token_that_is_taken_back_is_told(bot_house: BotHouse) -> None:
    async with bot_house.running() as hub:
        await bot_house.phone.writes("/start")
        await bot_house.phone.sees("Send me a voice note")
        bot_house.telegram.token = "another"
        await bot_house.phone.writes("/tasks")
        async with asyncio.timeout(30):
            while hub.bot.problem is None:  # noqa: ASYNC110 - it has no event of its own
                await asyncio.sleep(0.01)
        assert hub.bot.problem.startswith("Telegram refuses the bot token.")


async def test_a_button_nobody_knows_is_answered(bot_house: BotHouse) -> None:
    phone = bot_house.phone
    async with bot_house.running():
        await phone.writes("Do something")
        draft = await phone.sees(button="Run")
        said = await phone.taps_data(draft, "0123456789abcdef")
        assert said == "This button is too old. /tasks shows how things stand."


async def test_text_of_any_length_and_shape_is_answered(bot_house: BotHouse) -> None:
    phone = bot_house.phone
    async with bot_house.running():
        long = "😀 **bold** `x` " * 400
        await phone.writes(long[:4096])
        draft = await phone.sees("You wrote:", button="Run")
        await phone.taps(draft, "Edit")
        await phone.writes("\u202e<b>&amp;</b> [x](tg://user?id=1) \x00")
        await phone.sees("<b>&amp;</b> [x](tg://user?id=1)", button="Run", than=draft)
        await phone.writes(script({"text": "# Title\n\n" + "**word** " * 2000}))
        draft = await phone.sees("Do it", button="Run", than=draft)
        await phone.taps(draft, "Run")
        result = await phone.sees("💬 Answered")
        pages = [m for m in bot_house.telegram.chat(phone.chat_id) if m.marked("bold")]
        assert sum(m.text.count("word") for m in pages if m is not result) >= 2000


async def test_spoken_orders_are_about_the_latest_task_and_deciding_ones_ask_for_a_tap(
    bot_house: BotHouse,
) -> None:
    phone = bot_house.phone
    for words, action in {
        "stop": "stop", "merge it": "merge", "status": "status", "undo that": "undo",
    }.items():  # fmt: skip
        bot_house.hearing.understood[words] = Heard(
            words, words, "en", 0, 0, intent=Intent(action=action)
        )
    also = script(write("b.txt", "b\n"), words="Also")
    bot_house.hearing.understood[also] = Heard(also, also, "en", 0, 0, intent=Intent(action="also"))
    async with bot_house.running():
        await phone.writes("stop")
        await phone.sees("Nothing is running.")
        await phone.writes(script({"wait": "go"}, write("a.txt", "a\n")))
        await phone.taps(await phone.sees(button="Run"), "Run")
        await phone.sees("⚙️ Working")
        await phone.speaks(b"stop")
        stopped = await phone.sees("⏹ Stopped", button="Try again")
        await phone.sees("🎙 stop")

        await phone.writes(also)
        result = await phone.sees("A b.txt +1", button="Merge", than=stopped)
        await phone.speaks(b"status")
        again = await phone.sees("A b.txt +1", button="Merge", than=result)
        await phone.writes("undo that")
        await phone.taps(await phone.sees("Undo its last step?"), "Not now")
        await phone.speaks(b"merge it")
        ask = await phone.sees("Merge this?", button="Merge", than=again)
        assert "b.txt" not in bot_house.checkout.git("ls-tree", "-r", "--name-only", "main")
        assert await phone.taps(ask, "Merge") == "Merged."
        assert "b.txt" in bot_house.checkout.git("ls-tree", "-r", "--name-only", "main")


async def test_commands(bot_house: BotHouse) -> None:
    phone = bot_house.phone
    async with bot_house.running():
        await phone.writes("/help")
        shown = await phone.sees("/cancel – stop what is running")
        registered = await bot_house.telegram.until(lambda: bot_house.telegram.commands, "commands")
        assert {c["command"] for c in registered} >= {
            "start", "help", "projects", "tasks", "status", "cancel", "diff", "merge",
        }  # fmt: skip
        for command, says in {
            "/projects": "shop",
            "/tasks": "No tasks yet.",
            "/status": "0 running",
            "/cancel": "Nothing is running.",
            "/diff": "No task yet.",
            "/status zzzz": "zzzz",
            "/nonsense": "I do not know that command; /help lists them.",
        }.items():
            await phone.writes(command)
            shown = await phone.sees(says, than=shown)
        await phone.writes(script(write("a.txt", "a\n")))
        await phone.taps(await phone.sees(button="Run"), "Run")
        shown = await phone.sees("A a.txt +1", button="Merge")
        for command, says in {
            "/tasks": "Newest tasks",
            "/status": "1 completed",
            "/diff": "+a",
            "/merge": "Merge this?",
        }.items():
            await phone.writes(command)
            shown = await phone.sees(says, than=shown)
