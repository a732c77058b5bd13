"""What is decided on the phone besides a merge: conflicts, files, squash, pull requests, duels.

The real bot, engine, git and runner; Telegram on loopback, the agent a rehearsal.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from tests.fakes.bot_house import BotHouse, script, write
from tests.fakes.checkout import git
from tests.fakes.telegram import Shown

RIVAL = """
[agents.rival]
protocol = "claude"
command = ["{python}", "-I", "-S", "{agents}/rehearsal.py"]
folders = [{ at = "~/.rival", variable = "CLAUDE_CONFIG_DIR" }]
"""


async def done(house: BotHouse, *steps: Mapping[str, object]) -> Shown:
    """A task that was run from the chat: its result."""
    await house.phone.writes(script(*steps))
    await house.phone.taps(await house.phone.sees(button="Run"), "Run")
    return await house.phone.sees("✅ Done", button="Merge")


async def test_the_agent_resolves_a_conflict_and_its_branch_then_merges(
    bot_house: BotHouse,
) -> None:
    phone, checkout = bot_house.phone, bot_house.checkout
    async with bot_house.running():
        result = await done(bot_house, write("src/price.py", "PRICE = 2\n"))
        checkout.put("src/price.py", "PRICE = 3\n")
        checkout.put("theirs.txt")
        theirs = checkout.commit("Meanwhile")

        assert await phone.taps(result, "✅ Merge") == "It does not merge cleanly."
        conflict = await phone.sees("src/price.py", button="resolve it", than=result)
        await phone.taps(conflict, "resolve it")
        marked = await phone.sees("✅ Done", button="Merge", than=conflict)
        assert "Conflict markers are left in: src/price.py" in marked.text

        await phone.writes(script(write("src/price.py", "PRICE = 5\n")), reply_to=marked)
        again = await phone.sees("✅ Done", "1 file · +1 −1", button="Merge", than=marked)
        assert "theirs.txt" not in again.text
        assert await phone.taps(again, "✅ Merge") == "Merged."
        assert checkout.git("show", "main:src/price.py") == "PRICE = 5"
        assert theirs in checkout.git("rev-list", "main").split()


async def test_single_files_are_looked_at_accepted_and_put_back(bot_house: BotHouse) -> None:
    phone = bot_house.phone
    async with bot_house.running():
        result = await done(
            bot_house, write("src/price.py", "PRICE = 2\n"), write("junk.txt", "junk\n")
        )
        await phone.taps(result, "Files")
        files = await phone.sees("📂", "2 files", button="junk.txt", than=result)
        await phone.taps(files, "src/price.py")
        assert files.marked("pre")[0].endswith("-PRICE = 1\n+PRICE = 2")
        assert await phone.taps(files, "Accept") == "Accepted."
        assert files.labels[1] == ["✓ M src/price.py +1 −1"]
        await bot_house.telegram.until(lambda: "+1 −1 ✓" in result.text, "the result to follow")

        await phone.taps(files, "junk.txt")
        stale = files.buttons[0][1]["callback_data"]
        assert await phone.taps(files, "Put it back") == "Put back to what it was before the task."
        assert files.labels == [["✓ M src/price.py +1 −1"]]
        await bot_house.telegram.until(lambda: "1 file ·" in result.text, "the result to follow")
        assert "It has changed since" in await phone.taps_data(files, stale)
        assert await phone.taps(result, "✅ Merge") == "Merged."
        assert bot_house.checkout.git("ls-tree", "-r", "--name-only", "main") == "src/price.py"


async def test_squash_lands_one_commit(bot_house: BotHouse) -> None:
    phone, checkout = bot_house.phone, bot_house.checkout
    async with bot_house.running():
        result = await done(bot_house, write("a.txt", "a\n"))
        await phone.writes(script(write("b.txt", "b\n")), reply_to=result)
        result = await phone.sees("2 files", button="Merge", than=result)
        before = checkout.head()
        assert await phone.taps(result, "Squash") == "Merged."
        assert checkout.git("rev-list", "--parents", "-1", "main").split()[1:] == [before]
        assert checkout.git("ls-tree", "--name-only", "main").split() == ["a.txt", "b.txt", "src"]


async def test_a_pull_request_says_first_what_goes_where(
    bot_house: BotHouse, tmp_path: Path
) -> None:
    phone, checkout = bot_house.phone, bot_house.checkout
    served = tmp_path / "served.git"
    git(tmp_path, "init", "--quiet", "--bare", str(served))
    checkout.git("remote", "add", "origin", str(served))
    checkout.git("push", "--quiet", "origin", "main")
    async with bot_house.running() as hub:
        result = await done(bot_house, write("a.txt", "a\n"))
        await phone.taps(result, "Pull request")
        plan = await phone.sees("Open a pull request?", button="Open it", than=result)
        [task] = await hub.engine.tasks()
        assert task.branch is not None
        assert task.branch in plan.text
        assert git(served, "branch", "--format=%(refname:short)").split() == ["main"]
        assert await phone.taps(plan, "Open it") == "Opened."
        assert git(served, "rev-parse", task.branch) == task.head
        await bot_house.telegram.until(
            lambda: "📬 Pull request opened" in result.text, "the result to follow"
        )
        await phone.writes(script(write("b.txt", "b\n")), reply_to=result)
        second = await phone.sees("2 files", "📬 Pull request opened", than=result)
        await bot_house.telegram.until(lambda: "📤" not in second.text, "it to be sent")
        assert git(served, "rev-parse", task.branch) == (await hub.engine.task(task.id)).head
        await phone.writes(script(write(".mcp.json", "{}\n")), reply_to=second)
        third = await phone.sees("3 files", "Pull request opened", than=second)
        await bot_house.telegram.until(lambda: "⏸" in third.text, "the reason to be told")
        assert "Makes tools run code: .mcp.json" in third.text
        await phone.taps(third, "Pull request")
        plan = await phone.sees("Update the pull request?", button="Update it", than=third)
        assert await phone.taps(plan, "Update it") == "Sent."
        assert git(served, "rev-parse", task.branch) == (await hub.engine.task(task.id)).head
        await bot_house.telegram.until(lambda: "⏸" not in third.text, "the result to follow")


async def test_what_was_allowed_for_longer_is_listed_and_taken_back(bot_house: BotHouse) -> None:
    phone = bot_house.phone
    async with bot_house.running():
        await phone.writes(script({"bash": "touch one"}, {"wait": "Go"}, {"bash": "touch two"}))
        await phone.taps(await phone.sees(button="Run"), "Run")
        first = await phone.sees("touch one", button="Allow for this task")
        await phone.taps(first, "Allow for this task")
        await phone.writes("/grants")
        listed = await phone.sees("everything of the kind “execute”", button="Take back")
        assert "Ada (Telegram 4242)" in listed.text
        assert await phone.taps(listed, "Take back") == "Taken back."
        assert listed.text == "Nothing is allowed for longer than once."
        await phone.writes("go", reply_to=first)
        await phone.sees("touch two", button="Deny", than=listed)


async def test_a_duel_keeps_one(bot_house: BotHouse) -> None:
    phone = bot_house.phone
    rival = bot_house.home.parent / "agents.toml"
    rival.write_text(RIVAL)
    bot_house.changed |= {"agents": rival, "max_agents_per_task": 2}
    async with bot_house.running() as hub:
        await phone.writes(script(write("a.txt", "a\n")))
        draft = await phone.sees(button="Run")
        await phone.taps(draft, "🤖")
        await phone.taps(draft, "rehearsal")
        await phone.taps(draft, "rival")
        await phone.taps(draft, "Back")
        assert "🤖 rehearsal, rival" in draft.text
        await phone.taps(draft, "Run")
        winner = await phone.sees("✅ Done", "shop · rival", button="Merge")
        loser = await phone.sees("✅ Done", "shop · rehearsal", button="Merge")
        assert await phone.taps(winner, "✅ Merge") == "Merged."
        await bot_house.telegram.until(lambda: "🗑 Discarded" in loser.text, "the other to go")
        states = {t.agent: t.review.state.value for t in await hub.engine.tasks() if t.review}
        assert states == {"rival": "merged", "rehearsal": "discarded"}
