"""What phones send besides plain notes: pictures, albums, edits, replies to anything."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from core.hearing import Heard, Intent
from core.model import Submission
from tests.fakes.bot_house import BotHouse, script, until_handled, write

PICTURE: Any = [{"file_id": "p", "file_unique_id": "up", "width": 9, "height": 9}]


async def test_the_words_under_a_picture_are_taken_and_the_picture_is_not(
    bot_house: BotHouse,
) -> None:
    phone = bot_house.phone
    async with bot_house.running():
        await phone.sends(photo=PICTURE, caption="Make it look like this")
        draft = await phone.sees("You wrote:", "Make it look like this", button="Run")
        assert "Agents get your words only; the picture or file stays here." in draft.text
        assert bot_house.telegram.fetched == []


async def test_an_album_without_words_is_answered_once_and_a_pinned_message_never(
    bot_house: BotHouse,
) -> None:
    phone = bot_house.phone
    async with bot_house.running() as hub:
        for _ in range(3):
            await phone.sends(photo=PICTURE, media_group_id="7")
        answered = await phone.sees("Of pictures and other files I take only the words")
        pinned = {"message_id": 1, "date": 0, "chat": {"id": phone.chat_id, "type": "private"}}
        await phone.handled(await phone.sends(pinned_message=pinned))
        await until_handled(hub)
        assert bot_house.telegram.chat(phone.chat_id) == [answered]


async def test_what_is_written_under_a_film_counts_with_what_is_said_in_it(
    bot_house: BotHouse,
) -> None:
    phone = bot_house.phone
    async with bot_house.running():
        for audio, text in ((b"Look at this", "Look at this\nFix the flicker"), (b"", "Fix it")):
            file_id = f"film{len(audio)}"
            bot_house.telegram.files[file_id] = audio
            film = {"file_id": file_id, "file_unique_id": file_id, "duration": 3,
                    "width": 9, "height": 9}  # fmt: skip
            await phone.sends(video=film, caption=text.splitlines()[-1])
            await phone.sees("I heard:", text, button="Run")


async def test_a_text_put_right_puts_its_draft_right(bot_house: BotHouse) -> None:
    phone = bot_house.phone
    async with bot_house.running() as hub:
        said = await phone.writes("Fix the pirce")
        draft = await phone.sees("Fix the pirce", button="Run")
        await phone.taps(draft, "Look only")
        await phone.puts_right(said, "Fix the price")
        await bot_house.telegram.until(lambda: "Fix the price" in draft.text, "the new text")
        assert "asks before any change" in draft.text
        await phone.taps(draft, "Run")
        assert (await hub.engine.tasks())[0].instructions == "Fix the price"
        await phone.puts_right(said, "Fix the price tag")
        await phone.sees("It is started already. Reply to its message to say more.")


async def test_one_part_of_a_long_text_that_is_put_right_is_not_taken_for_all_of_it(
    bot_house: BotHouse,
) -> None:
    phone = bot_house.phone
    async with bot_house.running() as hub:
        said = await phone.writes("long " * 600)
        await phone.writes("rest")
        await until_handled(hub)
        await phone.puts_right(said, "other " * 500)
        await phone.sees("one part of a longer text")
        draft = await hub.conversation.draft(said)
        assert draft is not None
        assert "other" not in draft.text


async def test_a_correction_of_a_long_text_is_no_rest_of_it(bot_house: BotHouse) -> None:
    phone = bot_house.phone
    async with bot_house.running():
        await phone.writes("long " * 600)
        draft = await phone.sees(button="Edit")
        await phone.taps(draft, "Edit")
        await phone.writes("Something short")
        shorter = await phone.sees("Something short", button="Run", than=draft)
        assert "long" not in shorter.text


async def test_a_project_among_hundreds_can_be_chosen(bot_house: BotHouse, tmp_path: Path) -> None:
    for number in range(130):
        (tmp_path / "many" / f"p{number:03}" / ".git").mkdir(parents=True)
    bot_house.changed["projects"] = (tmp_path / "many",)
    phone = bot_house.phone
    async with bot_house.running():
        await phone.writes("/projects")
        listed = await phone.sees("p000", button="More")
        await phone.taps(listed, "More")
        assert await phone.taps(listed, "p021") == "This chat is about p021."
        await phone.writes("Do something")
        draft = await phone.sees("Do something", button="Run")
        await phone.taps(draft, "p021")
        for _ in range(6):
            await phone.taps(draft, "More")
        await phone.taps(draft, "p129")
        assert "📁 p129" in draft.text


async def test_a_yes_in_words_allows_nothing_and_denies_nothing(bot_house: BotHouse) -> None:
    phone = bot_house.phone
    async with bot_house.running() as hub:
        await hub.engine.submit(
            Submission(script({"bash": "make all"}), origin=f"telegram:{phone.chat_id}")
        )
        asked = await phone.sees("make all", button="Allow")
        await phone.writes("Yes, go ahead", reply_to=asked)
        await phone.sees("Words alone allow nothing: tap ✅ Allow, or reply why not.")
        await phone.writes("Not in this folder", reply_to=asked)
        await phone.sees("Denied, and rehearsal was told why.")


async def test_a_follow_up_to_a_merged_task_is_proposed_as_a_new_one(bot_house: BotHouse) -> None:
    phone = bot_house.phone
    bot_house.hearing.understood["also this"] = Heard(
        "also this", "also this", "en", 0, 0, intent=Intent(action="also")
    )
    async with bot_house.running():
        await phone.writes(script(write("a.txt", "a\n")))
        await phone.taps(await phone.sees(button="Run"), "Run")
        result = await phone.sees("A a.txt +1", button="Merge")
        await phone.taps(result, "✅ Merge")
        await phone.speaks(b"also this")
        draft = await phone.sees("also this", "is merged, so this would be a new one", button="Run")
        await phone.writes("And that", reply_to=result)
        await phone.sees("And that", "is merged, so this would be a new one", than=draft)


async def test_a_reply_to_a_question_about_a_task_is_about_that_task(bot_house: BotHouse) -> None:
    phone = bot_house.phone
    async with bot_house.running() as hub:
        await phone.writes(script(write("a.txt", "a\n")))
        await phone.taps(await phone.sees(button="Run"), "Run")
        await phone.sees("A a.txt +1", button="Merge")
        await phone.writes("/merge")
        ask = await phone.sees("Merge this?", button="Not now")
        await phone.writes(script(write("b.txt", "b\n")), reply_to=ask)
        result = await phone.sees("A b.txt +1", button="Merge", than=ask)
        assert len(await hub.engine.tasks()) == 1
        await phone.taps(ask, "Not now")  # from now on it is one more card of that task
        await phone.taps(result, "✅ Merge")
        await bot_house.telegram.until(lambda: "🎉 Merged" in ask.text, "the other card to follow")


async def test_never_mind_leaves_what_else_is_waited_for(bot_house: BotHouse) -> None:
    phone = bot_house.phone
    async with bot_house.running() as hub:
        await phone.writes(script(write("a.txt", "a\n")))
        await phone.taps(await phone.sees(button="Run"), "Run")
        await phone.taps(await phone.sees("A a.txt +1", button="Go on"), "Go on")
        prompt = await phone.sees("What should rehearsal do next?")
        await hub.conversation.set_waiting(phone.chat_id, None)  # an hour later
        await phone.writes("Fix the pirce")
        draft = await phone.sees("Fix the pirce", button="Edit")
        await phone.taps(draft, "Edit")
        await phone.taps(prompt, "Never mind")
        await phone.writes("Fix the price")
        corrected = await phone.sees("Fix the price", button="Run", than=draft)
        assert draft.deleted
        assert corrected.text.startswith("✍️ You wrote:")


async def test_an_answer_as_long_as_a_book_comes_as_a_file(bot_house: BotHouse) -> None:
    phone = bot_house.phone
    async with bot_house.running():
        await phone.writes(script({"text": "chapter " * 6_000}))
        await phone.taps(await phone.sees(button="Run"), "Run")
        await phone.sees("💬 Answered")
        shown = bot_house.telegram.chat(phone.chat_id)
        [(name, content)] = [m.document for m in shown if m.document]
        assert name.endswith(".md")
        assert content.count(b"chapter") >= 4_000  # as much as is kept of an answer
        assert len(shown) <= 5


async def test_a_note_is_fetched_as_soon_as_telegram_hands_it_out(bot_house: BotHouse) -> None:
    phone, telegram = bot_house.phone, bot_house.telegram
    telegram.files_down = True
    async with bot_house.running():
        await phone.speaks(b"fix it")
        await telegram.until(
            lambda: [method for _, method, _ in telegram.calls].count("getFile") > 1, "two tries"
        )
        telegram.files_down = False
        await phone.sees("I heard:", "fix it", button="Run")
