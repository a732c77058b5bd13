"""One run of one task, from the moment it is claimed to its end.

The order is always the same: the fact is stored, then acted on. So a hub that dies anywhere can be
followed by one that reads the store, attaches to the agent again, and does what was left to do.

    begin    workspace, set-up and first check, then the agent's process       EXECUTING
    turn     reports are stored with the transcript position they came from    STREAMING | WAITING
    look     commit what the turn left, run the check, and decide: another turn, or the end
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import suppress
from functools import partial
from typing import Any, assert_never

from core.engine import turns, work
from core.engine.change import Change, change
from core.engine.parts import Parts
from core.engine.wishes import Wishes
from core.errors import AgentGone, GoferError, TransientError
from core.faults import fault
from core.model import (
    ACTIVE,
    AgentEvent,
    Batch,
    Command,
    Decision,
    Failure,
    FileEdit,
    Outcome,
    Plan,
    ProcessEnded,
    Request,
    RunSpec,
    Status,
    Text,
    Thinking,
    ToolCall,
    TurnEnded,
    Usage,
)
from core.ports import AgentRun
from core.store import tasks
from core.store.tasks import Stored

QUEUED_BATCHES = 64  # read ahead of the store; beyond that the agent's bridge has to wait
STORED_TOGETHER = 512  # batches that share a transaction in a flood
GATHER_S = 0.005  # behind a transaction, until the next one about nothing but progress
FLOWING = (Text, Thinking, Plan, ToolCall, FileEdit, Command, Usage)
WRITE_AGAIN_S = (0.2, 10.0)  # first and longest pause while the disk is full
END_S = 30.0  # for a stopped process to report its end

log = logging.getLogger(__name__)


class Life:
    """`run` is the whole of it; the other methods tell it that something happened."""

    def __init__(self, parts: Parts, task_id: str) -> None:
        self.task_id = task_id
        self._parts = parts
        self._run_id: str | None = None
        self._agent: AgentRun | None = None
        self._reports: asyncio.Queue[Batch | Exception | None] = asyncio.Queue(QUEUED_BATCHES)
        self._pump: asyncio.Task[None] | None = None
        self._wishes = Wishes(parts, task_id)
        self._grace_s: float | None = None  # for the agent, which ends when the run is left
        self._stored_at = 0.0

    def nudge(self) -> None:
        """There may be a message or an answer for the agent. A full queue is looked at anyway."""
        self._wishes.come()
        with suppress(asyncio.QueueFull):
            self._reports.put_nowait(None)

    async def run(self, *, attach: bool) -> None:
        """Returns when the run has ended or waits in the queue again. Cancel it to leave."""
        try:
            await self._live(attach)
        except GoferError as error:
            await self._fail(Failure(str(error), error.recoverable))
        except Exception as error:
            log.exception("the run of task %s failed inside Gofer", self.task_id)
            await self._fail(Failure(f"Gofer itself failed: {error!r}", recoverable=True))
        finally:
            await self._leave()

    def stop_on_leaving(self, grace_s: float = 5.0) -> None:
        """When the run is left, the agent ends with it."""
        self._grace_s = grace_s

    # --- the whole walk --------------------------------------------------------------------------

    async def _live(self, attach: bool) -> None:
        stored = await self._load()
        self._run_id = stored.run.id
        if stored.task.status not in ACTIVE or (attach and not await self._attach(stored)):
            return
        try:
            while await self._go_on(self._agent or self._hold(await self._begin())):
                pass
        except TransientError as error:
            await self._again(str(error), error.retry_after_s)

    async def _go_on(self, agent: AgentRun) -> bool:
        """One turn and what is behind it. False when the run is over or back in the queue."""
        turn = (await self._load()).run_state.turn or await self._turn(agent)
        match turn.outcome:
            case Outcome.SUCCEEDED:
                if await self._look(agent, turn):
                    return True
                await agent.finish()
            case Outcome.FAILED | Outcome.CANCELLED:
                await self._broke_off(agent, turn)
            case _:
                assert_never(turn.outcome)
        return False

    async def _begin(self) -> AgentRun:
        await work.prepare(self._parts, self.task_id, self._write)
        stored = await self._load()
        fault("spawn.before")
        agent = await self._parts.agents.start(spec_of(self._parts, stored))
        fault("spawn.after")
        return agent

    async def _attach(self, stored: Stored) -> bool:
        """False when there is nothing to attach to, and the task was dealt with."""
        task, state = stored.task, stored.run_state
        if task.workspace is not None:
            spec = spec_of(self._parts, stored)
            try:
                self._hold(await self._parts.agents.attach(spec, stored.run.position))
            except AgentGone:
                if state.turn is not None:
                    self._hold(Departed())
        if self._agent is not None:
            self._wishes.watch(stored)
            await self._wishes.rest(self._agent, task.status is Status.WAITING)
            return True
        if state.started:
            message = "The agent's process was gone when Gofer started again."
            await self._fail(Failure(message, recoverable=True))
        else:
            await self._write(lambda made: made.move(Status.QUEUED))
        return False

    def _hold(self, agent: AgentRun) -> AgentRun:
        self._agent = agent
        self._reports = asyncio.Queue(QUEUED_BATCHES)
        self._pump = asyncio.create_task(self._read(agent))
        return agent

    async def _read(self, agent: AgentRun) -> None:
        try:
            async for batch in agent.batches():
                await self._reports.put(batch)
        except Exception as error:  # noqa: BLE001 - raised again by the one who waits for reports
            await self._reports.put(error)

    # --- a turn ----------------------------------------------------------------------------------

    async def _turn(self, agent: AgentRun) -> TurnEnded:
        """Store what comes, hand over what is wished, until the turn has ended."""
        while True:
            await self._wishes.deliver(agent, self._write)
            batches = await self._next(self._wishes.patience())
            stored = await self._wishes.expire(self._write)
            if batches:
                stored = await self._store(batches)
            if stored is None:
                continue
            self._wishes.watch(stored)
            await self._wishes.rest(agent, stored.task.status is Status.WAITING)
            if stored.run_state.turn is not None:
                return stored.run_state.turn

    async def _next(self, patience_s: float | None) -> list[Batch]:
        """What has come, at least something unless nudged or out of patience.

        What only flows by gathers for a moment, so that a busy agent costs few transactions.
        """
        batches: list[Batch] = []
        wait_s, gathering = patience_s, patience_s != 0
        with suppress(TimeoutError):
            while len(batches) < STORED_TOGETHER:
                if self._reports.empty():
                    async with asyncio.timeout(wait_s):
                        item = await self._reports.get()
                else:
                    item = self._reports.get_nowait()
                if isinstance(item, Exception):
                    if not batches:
                        raise item
                    self._reports.put_nowait(item)  # what came before it is stored first
                    break
                if item is not None:
                    batches.append(item)
                gathering = gathering and item is not None and _flows(item)
                wait_s = max(self._stored_at + GATHER_S - time.monotonic(), 0) if gathering else 0
        return batches

    async def _store(self, batches: Sequence[Batch]) -> Stored:
        events: list[AgentEvent] = [event for batch in batches for event in batch.events]

        async def record(made: Change) -> Stored:
            await turns.record(self._parts, made, events, batches[-1].position)
            return made.stored

        stored: Stored = await self._write(record)
        self._stored_at = time.monotonic()
        if any(isinstance(event, Request) for event in events):
            self._wishes.come()  # a rule may have answered it
        return stored

    # --- behind a turn ---------------------------------------------------------------------------

    async def _look(self, agent: AgentRun, turn: TurnEnded) -> bool:
        """Commit and check what the turn left. True: another turn follows."""
        await self._wishes.rest(agent, True)
        found = await work.look(self._parts, await self._load(), self._write)
        if await self._goes_on():
            await self._wishes.rest(agent, False)
            return True
        if not await self._conclude(turn, found):
            return False
        self._wishes.come()
        await self._wishes.rest(agent, False)
        if not await self._wishes.deliver(agent, self._write):
            await self._write(turns.carry_on)
            await self._stop_agent()  # nothing of it may be left when its successor begins
            await self._leave()
        return True

    async def _conclude(self, turn: TurnEnded, found: work.Found) -> bool:
        conclude = partial(work.conclude, self._parts, turn=turn, found=found)
        return bool(await write_until_done(self._parts, self.task_id, conclude))

    async def _goes_on(self) -> bool:
        """A message that crossed the end of the turn may have begun the next, or ended it even."""
        if self._reports.empty() or not (batches := await self._next(0)):
            return False
        another = any(isinstance(e, TurnEnded) for batch in batches for e in batch.events)
        return (await self._store(batches)).run_state.turn is None or another

    async def _broke_off(self, agent: AgentRun, turn: TurnEnded) -> None:
        """The turn failed or was broken off: find out why, then try again or end the run."""
        await agent.stop()
        ended = await self._end_of_process()
        failure = turns.failure(turn, ended)
        limited = ended is not None and ended.reason in turns.LIMITS
        if turn.transient and not limited:
            await self._again(turn.text, None)
        elif failure is None:
            await self._end(Outcome.CANCELLED, None)
        else:
            await self._end(Outcome.FAILED, failure)

    async def _end_of_process(self) -> ProcessEnded | None:
        with suppress(TimeoutError):
            async with asyncio.timeout(END_S):
                while (ended := (await self._load()).run_state.ended) is None:
                    if self._pump is not None and self._pump.done() and self._reports.empty():
                        return None
                    batches = await self._next(1)
                    if batches:
                        await self._store(batches)
                return ended
        return None

    async def _again(self, message: str, retry_after_s: float | None) -> None:
        """A passing failure: rest in the queue and start again, up to a limit."""
        await self._stop_agent()
        if not await self._write(lambda made: turns.again(made, message, retry_after_s)):
            await self._end(Outcome.FAILED, Failure(message, recoverable=True))

    async def _fail(self, failure: Failure) -> None:
        await self._stop_agent()
        await self._end(Outcome.FAILED, failure)

    async def _stop_agent(self) -> None:
        if self._agent is not None:
            await self._agent.stop()

    async def _end(self, outcome: Outcome, failure: Failure | None) -> None:
        await end(self._parts, self.task_id, outcome, failure, run_id=self._run_id)

    # --- the store -------------------------------------------------------------------------------

    async def _load(self) -> Stored:
        return await tasks.load(self._parts.database.read, self.task_id)

    async def _write(self, edit: Callable[[Change], Any]) -> Any:
        """Without waiting for the disk: a power cut would end the agent as well."""
        return await write_until_done(self._parts, self.task_id, edit, durable=False)

    async def _leave(self) -> None:
        """Let go of the agent, which goes on without us if it goes on at all."""
        agent, pump = self._agent, self._pump
        self._agent = self._pump = None
        try:
            if pump is not None:
                pump.cancel()
                await asyncio.wait([pump])
            if agent is not None and self._grace_s is not None:
                await agent.stop(self._grace_s)
        finally:
            if agent is not None:
                await agent.detach()


async def end(
    parts: Parts,
    task_id: str,
    outcome: Outcome,
    failure: Failure | None,
    *,
    run_id: str | None = None,
) -> None:
    """End a run that did not succeed, with whatever it left committed for a look.

    Nothing happens when it has ended, and a later one than `run_id` may be waiting already.
    """
    run = (await tasks.load(parts.database.read, task_id)).run
    if run.outcome is not None or run_id not in (None, run.id):
        return
    note = await work.salvage(parts, task_id)

    async def finish(made: Change) -> None:
        if made.run.outcome is not None or made.run.id != run.id:
            return
        if outcome is Outcome.FAILED:
            await turns.tell_again(made)
        made.end(outcome, error=failure, **note(made))

    await write_until_done(parts, task_id, finish)


async def write_until_done(
    parts: Parts, task_id: str, edit: Callable[[Change], Any], *, durable: bool = True
) -> Any:
    """A full disk makes us, and thereby the agent, wait; it loses nothing."""
    pause, longest = WRITE_AGAIN_S
    while True:
        try:
            async with change(parts, task_id, durable=durable) as made:
                result = edit(made)
                return await result if isinstance(result, Awaitable) else result
        except TransientError as error:
            log.warning("task %s waits: %s", task_id, error)
            await asyncio.sleep(pause)
            pause = min(pause * 2, longest)


def _flows(batch: Batch) -> bool:
    """Whether nobody has to act on it."""
    return all(isinstance(event, FLOWING) for event in batch.events)


class Departed:
    """Stands for a process that is over and left no record, behind a turn that was stored."""

    async def batches(self) -> AsyncIterator[Batch]:
        return
        yield

    async def tell(self, message_id: str, text: str) -> None:
        raise AgentGone

    async def answer(self, request_id: str, decision: Decision, text: str = "") -> None:
        raise AgentGone

    async def interrupt(self) -> None: ...

    async def rest(self, resting: bool) -> None: ...

    async def finish(self) -> None: ...

    async def stop(self, grace_s: float = 5.0) -> None: ...

    async def detach(self) -> None: ...


def process_name(stored: Stored) -> str:
    """Of the run's present process: each has a folder of its own."""
    attempt = stored.run_state.attempt
    return f"{stored.run.id}.{attempt}" if attempt else stored.run.id


def spec_of(parts: Parts, stored: Stored) -> RunSpec:
    """All that is needed to start the run's present process, or to find it again."""
    task, run, state = stored.task, stored.run, stored.run_state
    assert task.workspace is not None
    name = process_name(stored)
    return RunSpec(
        run_id=name,
        task_id=task.id,
        project=task.project,
        agent=run.agent,
        folder=parts.settings.runs / name,
        workspace=task.workspace,
        prompt=state.prompt or run.prompt,
        mode=task.mode,
        limits=turns.limits(parts.settings),
        session_id=run.session_id or run.id,
        resume=state.resume,
    )
