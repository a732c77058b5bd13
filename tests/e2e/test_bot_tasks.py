"""From a message on the phone to a merged branch: the real bot, engine, git and runner.

Telegram is a server of our own on loopback, the agent a rehearsal, the hearing scripted.
"""

from __future__ import annotations

from tests.fakes.bot_house import BotHouse, script, write


async def test_a_text_becomes_a_merged_branch(bot_house: BotHouse) -> None:
    phone, telegram = bot_house.phone, bot_house.telegram
    async with bot_house.running():
        words = script(
            {"plan": ["Look", "Write"]},
            write("src/price.py", "PRICE = 2\n"),
            {"text": "**Done**: the price is 2."},
        )
        await phone.writes(words)

        draft = await phone.sees("✍️ You wrote:", "Do it.", button="Run")
        assert draft.marked("blockquote") == [words]
        assert "📁 shop · 🤖 rehearsal" in draft.text
        assert draft.labels[0] == ["▶️ Run"]
        assert draft.labels[-1] == ["✏️ Edit", "✖️ Cancel"]
        assert [label for row in draft.labels[1:-2] for label in row] == [
            "bug fix", "explain", "feature", "react component", "refactor", "review", "unit tests",
        ]  # fmt: skip

        assert await phone.taps(draft, "Run") == "Started."
        result = await phone.sees("✅ Done", "1 file · +1 −1", button="Merge", than=draft)
        assert "Done: the price is 2." in result.text
        assert "M src/price.py +1 −1" in result.text
        assert not result.silent
        await telegram.until(lambda: not draft.buttons, "the message at work to end")
        assert "✅ Done · shop · rehearsal" in draft.text

        await phone.taps(result, "Diff")
        page = await phone.sees("+PRICE = 2", "-PRICE = 1", than=result)
        assert page.marked("pre") == [page.text]
        assert page.silent

        assert await phone.taps(result, "Merge") == "Merged."
        assert "🎉 Merged into main" in result.text
        assert result.labels == [["📄 Diff", "↩️ Undo merge"]]
        assert bot_house.checkout.git("show", "main:src/price.py") == "PRICE = 2"
        assert [m for m in telegram.chat(phone.chat_id) if not m.silent] == [result]

        assert await phone.taps(result, "Undo merge") == "The merge is undone."
        assert bot_house.checkout.git("show", "main:src/price.py") == "PRICE = 1"
        assert "✅ Merge" in result.labels[0]


async def test_while_it_works_its_steps_are_shown_and_it_can_be_stopped(
    bot_house: BotHouse,
) -> None:
    phone = bot_house.phone
    async with bot_house.running() as hub:
        await phone.writes(script({"plan": ["Sleep well"]}, {"sleep": 600}))
        await phone.taps(await phone.sees(button="Run"), "Run")
        working = await phone.sees("⚙️ Working", "Sleep well", button="Stop")
        assert await phone.taps(working, "Stop")
        result = await phone.sees("⏹ Stopped", button="Try again")
        await bot_house.telegram.until(lambda: not working.buttons, "the message at work to end")
        assert result.message_id != working.message_id
        [task] = await hub.engine.tasks()
        assert task.status.value == "CANCELLED"


async def test_a_permission_is_asked_for_and_bound_to_its_request(bot_house: BotHouse) -> None:
    phone = bot_house.phone
    async with bot_house.running():
        await phone.writes(script({"bash": "echo one > one"}, {"bash": "echo two > two"}))
        await phone.taps(await phone.sees(button="Run"), "Run")

        first = await phone.sees("echo one > one", button="Deny")
        assert not first.silent
        assert first.labels == [
            ["✅ Allow", "🚫 Deny"], ["Allow for this task"], ["Allow such commands 30 min"],
        ]  # fmt: skip
        allow = first.buttons[0][0]["callback_data"]
        assert await phone.taps(first, "✅ Allow") == "Allowed."

        second = await phone.sees("echo two > two", button="Deny", than=first)
        await bot_house.telegram.until(lambda: not first.buttons, "the first question to end")
        assert "✅ Allowed" in first.text
        assert "Ada (Telegram 4242)" in first.text
        late = await phone.taps_data(first, allow)
        assert "Ada" in late
        assert await phone.taps(second, "Deny") == "Denied."

        result = await phone.sees("✅ Done", "1 file", button="Merge")
        assert "A one +1" in result.text


async def test_a_question_in_words_is_answered_by_a_tap_or_a_reply(bot_house: BotHouse) -> None:
    phone = bot_house.phone
    async with bot_house.running():
        ask = {"ask": {"question": "Which colour?", "options": ["red", "blue"]}}
        await phone.writes(script(ask, {"ask": {"question": "And then?", "options": ["stop"]}}))
        await phone.taps(await phone.sees(button="Run"), "Run")
        first = await phone.sees("Which colour?", button="blue")
        await phone.taps(first, "blue")
        second = await phone.sees("And then?", button="stop", than=first)
        await phone.writes("paint it black", reply_to=second)
        await phone.sees("💬 Answered; nothing was changed", than=second)
        await bot_house.telegram.until(lambda: not second.buttons, "the question to end")
        assert "paint it black" in second.text


async def test_a_reply_to_its_message_steers_a_task_and_sets_an_ended_one_going_again(
    bot_house: BotHouse,
) -> None:
    phone = bot_house.phone
    async with bot_house.running() as hub:
        await phone.writes(script({"wait": "You said"}))
        await phone.taps(await phone.sees(button="Run"), "Run")
        working = await phone.sees("⚙️ Working", button="Stop")
        await phone.writes("use pounds", reply_to=working)
        await phone.sees("Passed on to rehearsal.")
        result = await phone.sees("💬 Answered", "use pounds", button="Go on")

        await phone.taps(result, "Go on")
        prompt = await phone.sees("What should rehearsal do next?", button="Never mind")
        await phone.writes(script(write("b.txt", "b\n")))
        again = await phone.sees("✅ Done", "A b.txt +1", button="Merge", than=prompt)
        [task] = await hub.engine.tasks()
        assert len(task.runs) == 2

        await phone.speaks(script(write("c.txt", "c\n")).encode(), reply_to=again)
        await phone.sees("2 files", "A c.txt +1", button="Merge", than=again)
        [task] = await hub.engine.tasks()
        assert len(task.runs) == 3


async def test_a_decision_about_a_head_that_moved_shows_what_is_there_now(
    bot_house: BotHouse,
) -> None:
    phone = bot_house.phone
    async with bot_house.running():
        await phone.writes(script(write("a.txt", "a\n")))
        await phone.taps(await phone.sees(button="Run"), "Run")
        result = await phone.sees("1 file", button="Merge")
        old = result.buttons[0][0]["callback_data"]
        await phone.writes(script(write("b.txt", "b\n")), reply_to=result)
        await phone.sees("2 files", button="Merge", than=result)
        said = await phone.taps_data(result, old)
        assert said == "It has changed since. This is how it stands now."
        assert "2 files" in result.text
        assert "b.txt" not in bot_house.checkout.git("ls-tree", "-r", "--name-only", "main")
        assert await phone.taps(result, "✅ Merge") == "Merged."


async def test_discarding_asks_first_and_can_be_taken_back(bot_house: BotHouse) -> None:
    phone = bot_house.phone
    async with bot_house.running():
        await phone.writes(script(write("a.txt", "a\n")))
        await phone.taps(await phone.sees(button="Run"), "Run")
        result = await phone.sees("1 file", button="Merge")
        await phone.taps(result, "Discard")
        assert result.text.startswith("Discard this?")
        assert result.labels == [["🗑 Discard", "Not now"]]
        await phone.taps(result, "Not now")
        assert result.text.startswith("✅ Done")
        await phone.taps(result, "Discard")
        assert await phone.taps(result, "🗑 Discard") == "Discarded."
        assert "🗑 Discarded" in result.text
        assert await phone.taps(result, "Bring it back") == "It is back."
        assert "✅ Merge" in result.labels[0]


async def test_a_long_diff_comes_as_a_file_too(bot_house: BotHouse) -> None:
    phone, telegram = bot_house.phone, bot_house.telegram
    async with bot_house.running():
        await phone.writes(script(write("long.txt", "a long line of text 😀\n" * 900)))
        await phone.taps(await phone.sees(button="Run"), "Run")
        result = await phone.sees("+900", button="Merge")
        await phone.taps(result, "Diff")
        sent = await telegram.until(
            lambda: next((m for m in telegram.chat(phone.chat_id) if m.document), None), "a file"
        )
        name, content = sent.document
        assert name.endswith(".patch")
        assert content.decode().count("+a long line") == 900
        assert len([m for m in telegram.chat(phone.chat_id) if m.marked("pre")]) == 1


async def test_a_failure_says_why_and_can_be_tried_again(bot_house: BotHouse) -> None:
    phone = bot_house.phone
    async with bot_house.running():
        await phone.writes(script({"exit": 3}))
        await phone.taps(await phone.sees(button="Run"), "Run")
        failed = await phone.sees("❌ Failed", button="Try again")
        assert await phone.taps(failed, "Try again") == "Trying again."
        await phone.sees("❌ Failed", button="Try again", than=failed)
