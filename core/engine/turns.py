"""What a turn's reports mean for the task, and how a run goes on in another process."""

from __future__ import annotations

import uuid
from collections.abc import Iterable

from core.config import Settings
from core.engine import questions
from core.engine.change import Change, clean
from core.engine.parts import Parts
from core.engine.reports import entry, joined
from core.model import (
    ACTIVE,
    AgentEvent,
    EventType,
    Failure,
    Limits,
    Outcome,
    ProcessEnded,
    Request,
    RequestWithdrawn,
    SessionStarted,
    Status,
    Told,
    Trouble,
    TurnEnded,
    Usage,
)
from core.store import mail

MEGABYTE = 1_000_000
MOST_STORED = 20_000_000  # characters of one run's output events; the transcript has the rest
MOST_RETRIES = 5
RETRY_S = (5.0, 600.0)  # first and longest pause
GO_ON = "You were interrupted by a passing failure. Go on where you stopped."

LIMITS = {
    "wall": "It ran longer than it may ({detail}) and was stopped.",
    "idle": "It was silent for longer than it may ({detail}) and was stopped.",
    "output": "It printed more than it may ({detail}) and was stopped.",
    "memory": "It used more memory than it may ({detail}) and was stopped.",
    "disk": "It used more disk than it may ({detail}) and was stopped.",
}


def limits(settings: Settings) -> Limits:
    memory, disk = settings.task_memory_mb, settings.task_disk_mb
    return Limits(
        wall_s=settings.task_timeout_s,
        idle_s=settings.idle_timeout_s,
        output_bytes=settings.output_limit_mb * MEGABYTE,
        memory_bytes=memory * MEGABYTE if memory else None,
        disk_bytes=disk * MEGABYTE if disk else None,
    )


async def record(parts: Parts, made: Change, events: Iterable[AgentEvent], position: int) -> None:
    """Store what these events say, with the transcript position behind them."""
    if made.task.status is Status.EXECUTING:
        made.move(Status.STREAMING)
        made.set_run_state(started=True)
    for event in joined(events):
        match event:
            case SessionStarted(session_id, _):
                made.set_run_state(session=session_id)
            case Usage(tokens, cost):
                run = made.run
                made.set_run(tokens=run.tokens + tokens, cost_usd=run.cost_usd + (cost or 0))
            case Request():
                made.set_run_state(turn=None)
                await questions.ask(parts, made, event)
            case RequestWithdrawn(request_id):
                await questions.withdraw(made, request_id)
            case Told(message_id):
                await _told(made, message_id)
            case TurnEnded():
                await _turn_ended(made, event)
            case ProcessEnded():
                made.set_run_state(ended=event)
                if made.stored.run_state.turn is None:
                    await _turn_ended(made, TurnEnded(Outcome.FAILED, event.detail))
            case _:
                pass
        _log(made, event)
    made.set_run(position=max(position, made.run.position))


async def _told(made: Change, message_id: str) -> None:
    turn = made.stored.run_state.turn
    if turn is None or turn.outcome is Outcome.SUCCEEDED:
        await _tell(made, message_id)
        made.set_run_state(turn=None)
    # what came behind any other end is stopped with the process, and told to the next one


async def _tell(made: Change, message_id: str) -> None:
    await mail.mark_message_told(made.tx, message_id, made.now)
    made.set_run_state(told=(*made.stored.run_state.told, message_id))


async def tell_again(made: Change) -> None:
    """What the process took in and may not have acted on: its successor is told it once more."""
    state = made.stored.run_state
    first = state.heard if state.session else 0  # without a session it forgets all
    await mail.mark_messages_untold(made.tx, state.told[first:])
    made.set_run_state(told=state.told[:first], heard=first)


async def _turn_ended(made: Change, turn: TurnEnded) -> None:
    await questions.withdraw(made)
    text = clean(turn.text)
    made.set_run_state(turn=TurnEnded(turn.outcome, text, turn.transient))
    if turn.outcome is Outcome.SUCCEEDED:
        made.set(answer=text or made.task.answer)
        made.set_run_state(heard=len(made.stored.run_state.told))


def _log(made: Change, event: AgentEvent) -> None:
    found = entry(event)
    if found is None:
        return
    type_, kind, payload = found
    if isinstance(event, Trouble):
        made.complain(Failure(event.message, event.transient))
        return
    if type_ is not EventType.OUTPUT:
        made.log(type_, kind, **payload)
        return
    if made.stored.run_state.turn is not None:  # a message crossed its end and began the next one
        made.set_run_state(turn=None)
    before = made.stored.run_state.stored_output
    if before <= MOST_STORED:
        size = sum(len(value) for value in payload.values() if isinstance(value, str))
        made.set_run_state(stored_output=before + size)
        made.log(type_, kind, **payload)
        if before + size > MOST_STORED:
            note = "So much output is not kept here; the transcript has the rest."
            made.log(EventType.PROGRESS, "note", text=note)


def failure(turn: TurnEnded, ended: ProcessEnded | None) -> Failure | None:
    """Why the run failed; None when it was broken off on purpose."""
    if ended is not None and ended.reason in LIMITS:
        message = LIMITS[ended.reason].format(detail=ended.detail or "its limit")
        return Failure(message, recoverable=True)
    if ended is not None and ended.reason == "gone":
        return Failure("The agent's process was killed from outside.", recoverable=True)
    if turn.outcome is Outcome.CANCELLED:
        return None
    return Failure(turn.text or "The agent failed without saying why.", recoverable=turn.transient)


# --- another process for the same run ------------------------------------------------------------


async def again(made: Change, message: str, retry_after_s: float | None) -> bool:
    """Back into the queue for a while. False when it was tried often enough."""
    retries = made.stored.run_state.retries + 1
    if retries > MOST_RETRIES:
        return False
    first, longest = RETRY_S
    delay = min(max(first * 2.0 ** (retries - 1), retry_after_s or 0), longest)
    await questions.withdraw(made)
    await tell_again(made)
    made.fail(Failure(message, recoverable=True))
    made.log(EventType.PROGRESS, "retry", attempt=retries, delay_s=delay, message=message)
    if made.stored.run_state.started:
        next_process(made, GO_ON if made.stored.run_state.session else None)
    made.set_run_state(retries=retries)
    made.move(Status.QUEUED, not_before=made.now.timestamp() + delay)
    return True


async def interrupted(made: Change) -> None:
    """The hub ended the agent: the next start takes the run up again."""
    state = made.stored.run_state
    if made.task.status not in ACTIVE or state.turn is not None:
        return  # what is behind a turn needs no agent
    await questions.withdraw(made)
    await tell_again(made)
    if state.started:
        next_process(made, GO_ON if state.session else None)
    made.move(Status.QUEUED)


async def carry_on(made: Change) -> None:
    """The process is over, but messages wait: its successor begins with them."""
    messages = await mail.untold_messages(made.tx.rows, made.task.id)
    texts = [message.text for message in messages]
    if not made.stored.run_state.session:
        texts.insert(0, made.run.prompt)
    next_process(made, "\n\n".join(texts))
    for message in messages:
        await _tell(made, message.id)
    made.move(Status.EXECUTING)


def next_process(made: Change, prompt: str | None) -> None:
    """A process has its own folder and transcript, so nothing of an earlier one is read again."""
    state = made.stored.run_state
    made.set_run(session_id=state.session or str(uuid.uuid4()), position=0)
    made.set_run_state(
        attempt=state.attempt + 1,
        prompt=prompt,
        resume=state.session is not None,
        started=False,
        turn=None,
        ended=None,
    )
