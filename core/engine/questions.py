"""What an agent asks: decided by rule where one applies, else put to the owner.

What always holds: the first answer wins; a task is WAITING exactly while a question is open;
`Task.question` is the oldest open one.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import assert_never

from core import permission
from core.engine.change import Change, clean
from core.engine.parts import Parts
from core.errors import NotFound, Refused
from core.model import Decision, EventType, Request, Status
from core.permission import Grant, Scope, Verdict
from core.store import decisions, mail
from core.store.mail import Asked
from core.wire import question_json

RULE = "gofer"  # who answered, when no person did
PROTECTED = "That belongs to Gofer and is kept as it is. Work without changing it."
TOO_LATE = "The owner did not answer in time. Go on without it, or end and say what you need."


async def ask(parts: Parts, made: Change, request: Request) -> None:
    task = made.task
    assert task.workspace is not None
    expires_at = made.now + timedelta(seconds=parts.settings.question_timeout_s)
    asked = Asked(made.run.id, clean_request(request), expires_at)
    grants = await decisions.grants_for(made.tx.rows, task.id, task.project)
    verdict = permission.decide(task.mode, request, task.workspace, grants, made.now)
    match verdict:
        case Verdict.ALLOW:
            asked = replace(asked, decision=Decision.ALLOW, by=RULE)
            await mail.put_question(made.tx, task.id, asked, made.seq)
        case Verdict.DENY:
            asked = replace(asked, decision=Decision.DENY, by=RULE, text=PROTECTED)
            await mail.put_question(made.tx, task.id, asked, _log_question(made, asked))
            _log_answer(made, asked)
        case Verdict.ASK:
            await mail.put_question(made.tx, task.id, asked, _log_question(made, asked))
            made.notify("question", question=question_json(asked.question))
            await refresh(made)
        case _:
            assert_never(verdict)


async def settle(made: Change, asked: Asked, decision: Decision, *, by: str, text: str) -> None:
    """Record the answer; the agent gets it from the store."""
    asked = replace(asked, decision=decision, by=by, text=text)
    await mail.decide(made.tx, made.task.id, asked)
    _log_answer(made, asked)
    await refresh(made)


async def refresh(made: Change) -> None:
    waiting = await mail.open_questions(made.tx.rows, made.task.id)
    made.set(question=waiting[0].question if waiting else None)
    if waiting and made.task.status is Status.STREAMING:
        made.move(Status.WAITING)
    elif not waiting and made.task.status is Status.WAITING:
        made.move(Status.STREAMING)


async def withdraw(made: Change, request_id: str | None = None) -> None:
    """The agent no longer waits for this, or for anything."""
    await mail.withdraw(made.tx, made.task.id, request_id)
    await refresh(made)


async def to_answer(made: Change, request_id: str) -> Asked:
    """The open question of this id. Raises Refused that names who answered it, NotFound."""
    asked = await mail.question(made.tx.rows, made.task.id, made.run.id, request_id)
    if asked is None:
        raise NotFound(f"Task {made.task.id} did not ask {request_id}.")
    if asked.decision is not None:
        if asked.by == mail.WITHDRAWN:
            raise Refused("The agent no longer waits for this answer.")
        raise Refused(f"This was answered already: {asked.decision.value}, by {asked.by}.")
    return asked


def grant_for(made: Change, asked: Asked, scope: Scope, by: str) -> Grant | None:
    """What the owner's answer allows beyond this request. Raises Refused where it cannot."""
    request, task = asked.request, made.task
    if scope is Scope.ONCE:
        return None
    if request.kind is None:
        raise Refused("An answer in words cannot be given for later questions.")
    if scope is Scope.TASK:
        return Grant(0, scope, task.id, task.project, request.kind, (), by, None)
    prefix = permission.prefix_of(request.command)
    if not prefix:
        raise Refused("Commands like this one cannot be allowed ahead; allow it once.")
    until = made.now + permission.PREFIX_LASTS
    return Grant(0, scope, None, task.project, request.kind, prefix, by, until)


def clean_request(request: Request) -> Request:
    """As it may be stored: secrets masked. What is decided upon is the original."""
    return replace(
        request,
        title=clean(request.title),
        detail=clean(request.detail),
        command=clean(request.command),
    )


def _log_question(made: Change, asked: Asked) -> int:
    question = question_json(asked.question)
    question["asks"] = question.pop("kind")  # `kind` names the payload
    return made.log(EventType.QUESTION, "question", **question)


def _log_answer(made: Change, asked: Asked) -> None:
    made.log(
        EventType.ANSWER,
        "answer",
        request_id=asked.request.request_id,
        decision=asked.decision.value if asked.decision else None,
        by=asked.by,
        text=asked.text,
    )
