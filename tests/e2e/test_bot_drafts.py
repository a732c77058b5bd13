"""Before there is a task: what was heard is shown, chosen, asked for, corrected, dropped."""

from __future__ import annotations

import asyncio

from core.hearing import Heard, Intent, Replacement
from tests.fakes.bot_house import BotHouse, script, until_handled, write
from tests.fakes.telegram import DEADLINE_S

HEARD = Heard(
    "Fix src/price.py", "fix source slash price", "en", 3.0, 0.1,
    replacements=(Replacement("source slash price", "src/price.py", 0.9),),
    intent=Intent(template="bug_fix", slots={"file": "src/price.py"}),
)  # fmt: skip


async def test_a_note_shows_what_was_heard_and_marks_what_was_matched(
    bot_house: BotHouse,
) -> None:
    phone = bot_house.phone
    bot_house.hearing.understood["spoken"] = HEARD
    async with bot_house.running():
        await phone.speaks(b"spoken")
        draft = await phone.sees("🎙 I heard:", "Fix src/price.py", button="Run")
        assert draft.versions == ["🎙 Listening…"]
        assert draft.marked("bold") == ["src/price.py"]
        assert "src/price.py ← “source slash price”" in draft.text
        assert "🧩 bug fix" in draft.text
        assert "file: src/price.py" in draft.text
        assert [path.suffix for path in bot_house.hearing.heard] == [".ogg"]

        await phone.taps(draft, "As spoken")
        assert "fix source slash price" in draft.text


async def test_a_template_asks_for_what_is_missing_and_takes_voice_for_an_answer(
    bot_house: BotHouse,
) -> None:
    phone = bot_house.phone
    async with bot_house.running():
        await phone.writes("The price is wrong")
        draft = await phone.sees("You wrote:", button="bug fix")
        await phone.taps(draft, "bug fix")
        assert "bug fix needs to know file: the file the bug is in." in draft.text
        assert draft.labels == [["Go without template", "✖️ Cancel"]]
        await phone.speaks(b"src/price.py")
        filled = await phone.sees("file: src/price.py", button="Run", than=draft)
        assert "✓ bug fix" in [label for row in filled.labels for label in row]
        assert draft.deleted
        await phone.taps(filled, "✓ bug fix")
        assert "file:" not in filled.text


async def test_a_text_that_the_app_cut_into_messages_is_one_draft(bot_house: BotHouse) -> None:
    phone = bot_house.phone
    async with bot_house.running() as hub:
        await phone.writes("Fix this log: " + "a" * 4_000)
        await phone.writes("b" * 3_000)
        await phone.writes("and the last line")
        draft = await phone.sees("Fix this log", button="Run")
        await until_handled(hub)
        phone.ahead_s = 60
        await phone.writes("Something else")
        await phone.sees("Something else", button="Run", than=draft)
        assert "Something else" not in draft.text
        await phone.taps(draft, "Run")
        task = (await hub.engine.tasks())[0]
        assert task.instructions.splitlines()[1:] == ["b" * 3_000, "and the last line"]


async def test_a_long_follow_up_goes_to_its_task_as_a_whole(bot_house: BotHouse) -> None:
    phone = bot_house.phone
    async with bot_house.running() as hub:
        await phone.writes("Do it")
        await phone.taps(await phone.sees(button="Run"), "Run")
        ended = await phone.sees("Answered", button="Go on")
        await phone.writes("c" * 4_000, reply_to=ended)
        await phone.writes(script(write("rest.txt", "of it")))
        await phone.sees("rest.txt", button="Merge")
        assert len(await hub.engine.tasks()) == 1


async def test_a_correction_changes_the_text_and_is_remembered(bot_house: BotHouse) -> None:
    phone = bot_house.phone
    bot_house.hearing.understood["spoken"] = HEARD
    async with bot_house.running():
        await phone.speaks(b"spoken")
        draft = await phone.sees("I heard:", button="Edit")
        await phone.taps(draft, "Edit")
        assert draft.marked("code") == ["Fix src/price.py"]
        await phone.writes("Fix src/prices.py")
        again = await phone.sees("Fix src/prices.py", button="Run", than=draft)
        assert "🧩 bug fix" in again.text
        assert bot_house.hearing.corrected == [("shop", "source slash price", "src/prices.py")]


async def test_a_name_that_could_be_another_is_chosen_by_a_tap(bot_house: BotHouse) -> None:
    phone = bot_house.phone
    change = Replacement("login", "login.ts", 0.5, ("login.ts", "logging.ts"))
    bot_house.hearing.understood["spoken"] = Heard(
        "Fix login.ts", "fix login", "en", 3.0, 0.1, replacements=(change,)
    )
    async with bot_house.running():
        await phone.speaks(b"spoken")
        draft = await phone.sees("Which one: login.ts or logging.ts?")
        await phone.taps(draft, "logging.ts")
        assert "Fix logging.ts" in draft.text
        assert "Which one" not in draft.text
        assert bot_house.hearing.corrected == [("shop", "login", "logging.ts")]


async def test_a_draft_is_dropped_once(bot_house: BotHouse) -> None:
    phone = bot_house.phone
    async with bot_house.running() as hub:
        await phone.writes("Do something")
        draft = await phone.sees(button="Run")
        run = draft.buttons[0][0]["callback_data"]
        assert await phone.taps(draft, "Cancel") == "Dropped."
        assert draft.text.startswith("✖️ Dropped; nothing was started.")
        assert not draft.buttons
        assert "dropped already" in await phone.taps_data(draft, run)
        assert await hub.engine.tasks() == []


async def test_a_note_can_be_cancelled_while_it_is_heard(bot_house: BotHouse) -> None:
    phone = bot_house.phone
    bot_house.hearing.go_on.clear()
    async with bot_house.running():
        await phone.speaks(b"too long")
        listening = await phone.sees("Listening", button="Cancel")
        await asyncio.wait_for(bot_house.hearing.begun.wait(), DEADLINE_S)
        await phone.writes("/tasks")  # the chat is not held up by it
        await phone.sees("No tasks yet.")
        assert await phone.taps(listening, "Cancel") == "Dropped."
        bot_house.hearing.go_on.set()
        await phone.speaks(b"short")
        await phone.sees("I heard:", "short", button="Run")
        assert listening.text.startswith("✖️ Dropped")


async def test_silence_and_what_is_no_audio_are_told(bot_house: BotHouse) -> None:
    phone = bot_house.phone
    async with bot_house.running() as hub:
        await phone.speaks(b"")
        await phone.sees("I heard no speech in this note, so nothing was started.")
        bot_house.hearing.understood["mumbled"] = Heard(
            "", "", None, 3, 0, no_speech=True, notice="No words could be made out."
        )
        await phone.speaks(b"mumbled")
        await phone.sees("🎙 No words could be made out.")
        await phone.speaks(b"\xff\xff", kind="audio")
        await phone.sees("There is no audio in this file.")
        await phone.speaks(b"x", claimed_size=30_000_000)
        await phone.sees("This file is over the 20 MB that Telegram gives to bots.")
        await phone.sends(sticker={
            "file_id": "s", "file_unique_id": "s", "width": 1, "height": 1, "is_animated": False,
            "is_video": False, "type": "regular",
        })  # fmt: skip
        await phone.sees("I take text, voice notes")
        assert await hub.engine.tasks() == []


async def test_what_was_forwarded_is_only_ever_proposed(bot_house: BotHouse) -> None:
    phone = bot_house.phone
    bot_house.hearing.understood["merge it"] = Heard(
        "merge it", "merge it", "en", 0, 0, intent=Intent(action="merge")
    )
    async with bot_house.running():
        await phone.writes("merge it", forwarded=True)
        draft = await phone.sees("↪️ Forwarded to you:", "merge it", button="Run")
        await phone.writes("/cancel", forwarded=True)
        await phone.sees("Forwarded to you:", "/cancel", button="Run", than=draft)


async def test_each_sort_of_sound_is_heard(bot_house: BotHouse) -> None:
    phone = bot_house.phone
    async with bot_house.running():
        last = None
        for kind in ("voice", "audio", "video_note"):
            await phone.speaks(f"this is {kind}".encode(), kind=kind)
            last = await phone.sees("I heard:", f"this is {kind}", button="Run", than=last)


async def test_a_project_is_chosen_where_there_are_several(bot_house: BotHouse) -> None:
    from tests.fakes.bot_house import make_checkout

    phone = bot_house.phone
    blog = make_checkout(bot_house.home.parent / "blog")
    bot_house.changed["projects"] = (bot_house.checkout.path, blog.path)
    async with bot_house.running() as hub:
        await phone.writes("Do something")
        draft = await phone.sees("📁 which project?", button="Run")
        assert await phone.taps(draft, "Run") == "Which project?"
        await phone.taps(draft, "blog")
        assert "📁 blog" in draft.text
        await phone.taps(draft, "🤖")
        assert "Which agent?" in draft.text
        await phone.taps(draft, "rehearsal")
        await phone.taps(draft, "Look only")
        assert "👀 asks before any change" in draft.text
        await phone.taps(draft, "Run")
        [task] = await hub.engine.tasks()
        assert (task.project, task.agent, task.mode.value) == ("blog", "rehearsal", "ask")
        await phone.writes("Another")  # the chat remembers the project
        await phone.sees("Another", "📁 blog", button="Run")
