"""What people wish of a running agent: kept in the store, handed over, and only then marked.

A message counts as told once the agent's side reports where it came in. So none is lost that
crosses the end of a turn: the run does not end while one is on its way.
Also the time a question may stay open. It is measured on a clock that cannot be set, so a jump of
the wall clock neither answers a question nor keeps it open for a day.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any, Protocol

from core.engine import questions
from core.engine.change import Change
from core.engine.parts import Parts
from core.errors import AgentGone
from core.faults import fault
from core.model import Decision
from core.ports import AgentRun
from core.store import mail
from core.store.tasks import Stored


class Write(Protocol):
    """Change the task, again and again until it is written."""

    async def __call__(self, edit: Callable[[Change], Any]) -> Any:
        """`edit` may be a coroutine function. Returns what it returns."""
        ...


class Wishes:
    def __init__(self, parts: Parts, task_id: str) -> None:
        self._parts = parts
        self._task_id = task_id
        self._due = True  # after a restart something may wait
        self._on_their_way: set[str] = set()  # ids of messages
        self._resting: bool | None = None
        self._question: str | None = None
        self._deadline = 0.0

    def come(self) -> None:
        """Something may be new in the store."""
        self._due = True

    async def deliver(self, agent: AgentRun, write: Write) -> bool:
        """Hand over what waits. False when the agent's process is over and hears nothing."""
        if not self._due:
            return True
        self._due = False
        rows, task_id = self._parts.database.read, self._task_id
        try:
            for asked in await mail.untold_answers(rows, task_id):
                await self._answer(agent, asked, write)
            for message in await mail.untold_messages(rows, task_id):
                await self._tell(agent, message)
        except AgentGone:
            return False
        return True

    async def _answer(self, agent: AgentRun, asked: mail.Asked, write: Write) -> None:
        assert asked.decision is not None
        fault("answer.before")
        await agent.answer(asked.request.request_id, asked.decision, asked.text)
        fault("answer.after")
        await write(lambda made: mail.mark_answer_told(made.tx, self._task_id, asked))

    async def _tell(self, agent: AgentRun, message: mail.Message) -> None:
        if message.id not in self._on_their_way:
            fault("tell.before")
            await agent.tell(message.id, message.text)
            fault("tell.after")
            self._on_their_way.add(message.id)

    async def rest(self, agent: AgentRun, resting: bool) -> None:
        """The agent's idle limit rests while others are at work."""
        if resting is not self._resting:
            await agent.rest(resting)
            self._resting = resting

    def watch(self, stored: Stored) -> None:
        """Note the deadline of the question that is open now."""
        question = stored.task.question
        if question is None:
            self._question = None
        elif question.request_id != self._question:
            left = (question.expires_at - datetime.now(UTC)).total_seconds()
            left = min(max(left, 0.0), self._parts.settings.question_timeout_s)
            self._question, self._deadline = question.request_id, time.monotonic() + left

    def patience(self) -> float | None:
        """How long there is nothing to do here unless told."""
        return None if self._question is None else max(self._deadline - time.monotonic(), 0.0)

    async def expire(self, write: Write) -> Stored | None:
        """Deny the open question when its time is over."""
        if self._question is None or time.monotonic() < self._deadline:
            return None
        expired, self._question = self._question, None
        self._due = True
        stored: Stored = await write(lambda made: _deny(made, expired))
        return stored


async def _deny(made: Change, request_id: str) -> Stored:
    asked = await mail.question(made.tx.rows, made.task.id, made.run.id, request_id)
    if asked is not None and asked.decision is None:
        by, text = questions.RULE, questions.TOO_LATE
        await questions.settle(made, asked, Decision.DENY, by=by, text=text)
    return made.stored
