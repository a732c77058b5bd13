"""What agents ask, and who answers."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from core.errors import NotFound, Refused
from core.model import (
    Decision,
    Mode,
    Request,
    Status,
    ToolKind,
)
from tests.fakes.agents import Agent
from tests.fakes.hall import Hall, submit, until

ENDED = (Status.COMPLETED, Status.FAILED, Status.CANCELLED)


@pytest.fixture
async def hall(tmp_path: Path) -> AsyncIterator[Hall]:
    hall = Hall(tmp_path / "home", {"max_agents_per_task": 2})
    await hall.open()
    yield hall
    await hall.close()


async def test_a_question_waits_for_the_owner_and_the_first_answer_wins(hall: Hall) -> None:
    async def asks(agent: Agent) -> None:
        request = Request("r1", "Run it?", ToolKind.EXECUTE, command="make install")
        decision, _ = await agent.asks(request)
        await agent.ends_turn(decision.value)

    hall.agents.scripts = {"claude": asks}
    task = await hall.until((await submit(hall)).id, Status.WAITING)
    assert task.question is not None
    assert (task.question.request_id, task.question.command) == ("r1", "make install")
    await until(lambda: hall.agents.processes[task.runs[-1].id].resting)
    await hall.engine.answer(task.id, "r1", Decision.ALLOW, by="ann")
    with pytest.raises(Refused, match="allow, by ann"):
        await hall.engine.answer(task.id, "r1", Decision.DENY, by="ben")
    with pytest.raises(NotFound):
        await hall.engine.answer(task.id, "r2", Decision.DENY, by="ben")
    task = await hall.until(task.id, *ENDED)
    assert (task.answer, task.question) == ("allow", None)


async def test_two_open_questions_are_answered_one_after_the_other(hall: Hall) -> None:
    async def asks(agent: Agent) -> None:
        first = Request("r1", "First?", ToolKind.EXECUTE, command="make a")
        second = Request("r2", "Second?", ToolKind.EXECUTE, command="make b")
        answers = await asyncio.gather(agent.asks(first), agent.asks(second))
        await agent.ends_turn(" ".join(decision.value for decision, _ in answers))

    hall.agents.scripts = {"claude": asks}
    task = await hall.until((await submit(hall)).id, Status.WAITING)
    await hall.logged(task.id, "question", 2)
    for request_id in ("r2", "r1"):
        await hall.engine.answer(task.id, request_id, Decision.ALLOW, by="ann")
    assert (await hall.until(task.id, *ENDED)).answer == "allow allow"


async def test_a_grant_answers_the_next_commands_like_it(hall: Hall) -> None:
    async def asks(agent: Agent) -> None:
        said = []
        for number in range(3):
            command = f"npm test {number}"
            request = Request(f"r{number}", "Run it?", ToolKind.EXECUTE, command=command)
            said.append((await agent.asks(request))[0].value)
        await agent.ends_turn(" ".join(said))

    hall.agents.scripts = {"claude": asks}
    task = await hall.until((await submit(hall)).id, Status.WAITING)
    await hall.engine.answer(task.id, "r0", Decision.ALLOW, by="ann", grant="prefix")
    assert (await hall.until(task.id, *ENDED)).answer == "allow allow allow"
    [grant] = await hall.engine.grants()
    assert grant.prefix == ("npm", "test")
    await hall.engine.revoke_grant(grant.id)
    assert await hall.engine.grants() == []


async def test_an_unanswered_question_is_denied_with_a_note(tmp_path: Path) -> None:
    async def asks(agent: Agent) -> None:
        request = Request("r1", "Run it?", ToolKind.EXECUTE, command="make")
        decision, text = await agent.asks(request)
        await agent.ends_turn(f"{decision.value}: {text}")

    hall = Hall(tmp_path / "home", {"question_timeout_s": 0.05})
    hall.agents.scripts = {"claude": asks}
    await hall.open()
    task = await hall.until((await submit(hall)).id, *ENDED)
    assert (task.answer or "").startswith("deny: The owner did not answer in time.")
    await hall.close()


async def test_words_answer_a_question_in_words(hall: Hall) -> None:
    async def asks(agent: Agent) -> None:
        _, text = await agent.asks(Request("r1", "Which colour?", None, options=()))
        await agent.ends_turn(text)

    hall.agents.scripts = {"claude": asks}
    task = await hall.until((await submit(hall)).id, Status.WAITING)
    await hall.engine.steer(task.id, "Blue.", by="ann")
    assert (await hall.until(task.id, *ENDED)).answer == "Blue."


async def test_trusted_mode_asks_nothing(hall: Hall) -> None:
    async def asks(agent: Agent) -> None:
        request = Request("r1", "Run it?", ToolKind.EXECUTE, command="make")
        await agent.ends_turn((await agent.asks(request))[0].value)

    hall.agents.scripts = {"claude": asks}
    task = await submit(hall, mode=Mode.TRUSTED)
    assert (await hall.until(task.id, *ENDED)).answer == "allow"
