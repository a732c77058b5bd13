"""The hub's end of one run: what the engine wishes goes to the bridge, what it reports comes back.

Everything that the driver is told happens at a place in the transcript: a wish is noted there
first and acted on when it comes by. So a hub that reads the transcript from its start has a
driver in the same state as the one that died, sends what that one had decided to send and did
not, and nothing twice.

What always holds: reports come in order, each once, behind the position asked for; `ProcessEnded`
is the last. A driver that takes one turn per process gets a new process over the same folder for
what it is told next; its `ProcessEnded` therefore waits until it is told something or finished.
So does one whose session turned out to be lost, or there already: once per run.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import uuid
from collections import deque
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

from agents.driver import Driver, without_memory
from agents.transcript import Reader, Record
from core.errors import AgentGone, NotFound
from core.model import (
    AgentEvent,
    Batch,
    Decision,
    Outcome,
    ProcessEnded,
    RunSpec,
    Told,
    Trouble,
    TurnEnded,
)

CHUNK = 65_536
FINISH_GRACE_S = 5.0
GOODBYE_S = 10.0  # a bridge that closed one connection closes all
KILLED = "Its bridge was killed."
GONE: dict[str, Any] = {
    "code": None,
    "reason": "gone",
    "detail": "Its bridge was killed.",
    "stderr": "",
}
LOST = "The agent's earlier session is lost; it starts a new one without that memory."
THERE_ALREADY = "The agent's session exists already; it is taken up."
Streams = tuple[asyncio.StreamReader, asyncio.StreamWriter]
Start = dict[str, Any]  # what a transcript's `start` entry says


def start_entry(spec: RunSpec, told: tuple[str, ...] = ()) -> Start:
    """`told`: ids of the messages that the prompt carries."""
    return {"prompt": spec.prompt, "resume": spec.resume, "told": list(told)}


class Commands:
    """The connection that commands go over; the bridge answers each, in order."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._writer = writer
        self._waiting: deque[asyncio.Future[bool] | None] = deque()
        self._answers = asyncio.create_task(self._read(reader))
        self._answers.add_done_callback(lambda _: self._give_up())

    async def _read(self, reader: asyncio.StreamReader) -> None:
        with contextlib.suppress(OSError):  # the bridge was killed
            while line := await reader.readline():
                settle(self._waiting.popleft(), bool(json.loads(line)["ok"]))

    def _give_up(self) -> None:
        for waiting in self._waiting:
            settle(waiting, False)

    def send(self, **command: object) -> None:
        """Without waiting, so that nothing can be cut off between deciding and sending."""
        if not self.over:
            self._waiting.append(None)
            self._write(command)

    async def ask(self, **command: object) -> bool:
        """Whether it was done. False also when the bridge has ended."""
        if self.over:
            return False
        answer: asyncio.Future[bool] = asyncio.get_running_loop().create_future()
        self._waiting.append(answer)
        self._write(command)
        return await answer

    def _write(self, command: object) -> None:
        self._writer.write(json.dumps(command).encode() + b"\n")

    @property
    def over(self) -> bool:
        return self._answers.done()

    async def ended(self) -> None:
        """Returns when the bridge is gone, and all that it answered is known."""
        await asyncio.wait([self._answers], timeout=GOODBYE_S)

    def close(self) -> None:
        self._answers.cancel()
        self._writer.close()

    async def closed(self) -> None:
        await asyncio.wait([self._answers])
        await closed(self._writer)


def settle(waiting: asyncio.Future[bool] | None, done: bool) -> None:
    if waiting and not waiting.done():
        waiting.set_result(done)


class Link:
    """Implements `core.ports.AgentRun`."""

    def __init__(
        self,
        spec: RunSpec,
        *,
        position: int,
        socket: Path,
        make_driver: Callable[[RunSpec], Driver],
        begin: Callable[[RunSpec, Start], Awaitable[None]],
        end_survivors: Callable[[], Awaitable[None]],
    ) -> None:
        """`begin` starts a bridge over the spec's folder, `end_survivors` kills what has none."""
        self._spec = spec
        self._from = position
        self._socket = socket
        self._make_driver = make_driver
        self._begin = begin
        self._end_survivors = end_survivors
        self._reader = Reader()
        self._driver = make_driver(spec)
        self._told: set[str] = set()
        self._unheard: dict[str, str] = {}  # for the next process of a driver that takes one turn
        self._goes_on = False  # it ended well, but was told more than it could hear
        self._start = start_entry(spec)  # of the last process
        self._heard: dict[str, str] = {}  # what it was told
        self._turns_round = False  # it could not have the session that it was started with
        self._exit: dict[str, Any] | None = None  # of the last process, once it has ended
        self._commands: Commands | None = None
        self._stream: Streams | None = None
        self._name = ""  # of our attachment; what is before it in the transcript is replay
        self._caught_up = False
        self._close_input = False
        self._ready: deque[Batch] = deque()
        self._connecting = asyncio.Lock()
        self._beginning = asyncio.Lock()
        self._finishing = False
        self._over = False
        self._detached = False
        self._changed = asyncio.Event()  # for a run that waits between two processes

    # --- reports ---------------------------------------------------------------------------------

    async def batches(self) -> AsyncIterator[Batch]:
        while True:
            while self._ready:
                yield self._ready.popleft()
            if self._over or self._detached:
                return
            if not await self._advance() and not self._detached:
                await self._at_end()

    async def prime(self) -> None:
        """Send the opening lines now, rather than when the reports are first asked for."""
        while not self._caught_up and await self._advance():
            pass

    async def _advance(self) -> bool:
        """Take in the next piece. False at the end of the transcript, when no bridge writes on."""
        data = await self._piece()
        for record in self._reader.feed(data):
            events = self._take(record)
            if events and record.position > self._from:
                self._ready.append(Batch(record.position, events))
        self._flush()
        await asyncio.sleep(0)  # a long replay must not hold up the hub
        return bool(data)

    async def _piece(self) -> bytes:
        if not self._detached and await self._attach() and self._stream:
            with contextlib.suppress(OSError):
                if data := await self._stream[0].read(CHUNK):
                    return data
            if self._commands and not self._detached:  # its last answers are on their way
                await self._commands.ended()
            await self._disconnect()
        transcript = self._spec.folder / "transcript.jsonl"
        return await asyncio.to_thread(read_at, transcript, self._reader.offset)

    async def _attach(self) -> bool:
        """Follow the transcript from where we are. False when no bridge is there."""
        if self._stream:
            return True
        if not await self._connect():
            return False
        reader_writer = await self._open()
        if reader_writer:
            self._stream = reader_writer
            self._name, self._caught_up = uuid.uuid4().hex, False
            attach = {"attach": self._reader.offset, "name": self._name}
            self._stream[1].write(json.dumps(attach).encode() + b"\n")
        return reader_writer is not None

    async def _connect(self) -> bool:
        """Have a connection for commands. False when no bridge is there."""
        async with self._connecting:
            if self._commands and not self._commands.over:
                return True
            old, self._commands = self._commands, None
            if old:
                old.close()
                await old.closed()
            reader_writer = await self._open()
            if reader_writer:
                self._commands = Commands(*reader_writer)
            return reader_writer is not None

    async def _open(self) -> Streams | None:
        """None when nobody listens, or this end has been left meanwhile."""
        reader_writer = None if self._left() else await connect(self._socket)
        if reader_writer and self._left():
            reader_writer[1].close()
            return None
        return reader_writer

    def _left(self) -> bool:
        return self._detached or self._over

    async def _disconnect(self) -> None:
        commands, self._commands = self._commands, None
        stream, self._stream = self._stream, None
        if stream:
            stream[1].close()
        if commands:
            commands.close()
        # only now may it be cut off: nobody else knows of these connections any more
        if stream:
            await closed(stream[1])
        if commands:
            await commands.closed()

    def _take(self, record: Record) -> tuple[AgentEvent, ...]:
        driver, value = self._driver, record.value
        match record.kind:
            case "agent":
                return self._judged(driver.feed(value))
            case "sent":
                driver.sent(value)
            case "note":
                return self._act_on(value)
            case "start":
                return self._begun(value)
            case "attached":
                self._caught_up = value == self._name
                self._close_input = not driver.multi_turn or self._turns_round
            case "exit":
                return self._ended(value)
            case "too_long":
                message = f"It printed a line of {value:,} bytes, which is only in the transcript."
                return (Trouble(message, transient=False),)
        return ()

    def _begun(self, entry: Start) -> tuple[AgentEvent, ...]:
        new = [message_id for message_id in entry["told"] if message_id not in self._told]
        if entry["told"] or entry.get("turned"):
            self._told.update(entry["told"])
            self._unheard = {k: v for k, v in self._unheard.items() if k not in entry["told"]}
        else:  # begun by the engine, which tells it everything again
            self._told.clear()
            self._unheard.clear()
        self._exit, self._start, self._turns_round = None, entry, False
        self._heard.clear()
        spec = replace(self._spec, prompt=entry["prompt"], resume=entry["resume"])
        self._driver = self._make_driver(spec)
        self._driver.open()
        for text in self._unheard.values():
            self._driver.tell(text)
        return tuple(Told(message_id) for message_id in new)

    def _act_on(self, note: dict[str, Any]) -> tuple[AgentEvent, ...]:
        if "tell" in note and note["id"] not in self._told:
            self._told.add(note["id"])
            self._driver.tell(note["tell"])
            self._heard[note["id"]] = note["tell"]
            if not self._driver.multi_turn:
                self._unheard[note["id"]] = note["tell"]
            return (Told(note["id"]),)
        if "answer" in note:
            with contextlib.suppress(NotFound):  # withdrawn before the answer came
                decision = Decision(note["decision"])
                self._driver.answer(note["answer"], decision, note["text"])
        elif "interrupt" in note:
            self._driver.interrupt()
        return ()

    def _judged(self, events: tuple[AgentEvent, ...]) -> tuple[AgentEvent, ...]:
        """Without the end of a turn that only the session failed: that is tried the other way."""
        turned = self._start["resume"] is not self._spec.resume
        ends = any(isinstance(event, TurnEnded) for event in events)
        if turned or not (ends and self._driver.session_mismatch):
            return events
        self._turns_round = self._close_input = True
        told = Trouble(LOST if self._start["resume"] else THERE_ALREADY, transient=False)
        return (*(e for e in events if not isinstance(e, Trouble | TurnEnded)), told)

    def _ended(self, entry: dict[str, Any]) -> tuple[AgentEvent, ...]:
        self._exit = entry
        ended = self._driver.ended(entry["code"], entry["reason"], entry["stderr"])
        events = self._judged(ended)
        ends = [event for event in events if isinstance(event, TurnEnded)]
        well = all(end.outcome is Outcome.SUCCEEDED for end in ends)
        self._goes_on = well and bool(self._unheard)
        if self._goes_on:
            return tuple(event for event in events if not isinstance(event, TurnEnded))
        return events

    def _flush(self) -> None:
        """Send what the driver wants sent, unless an earlier hub may have sent it already."""
        if not (self._caught_up and self._commands):
            return
        for line in self._driver.outgoing():
            self._commands.send(send=line.decode("utf-8", "surrogateescape"))
        if self._close_input:
            self._commands.send(close=True)
            self._close_input = False

    async def found(self) -> bool:
        """Whether there is anything to report: a live bridge, or an exit record."""
        return await self._connect() or await asyncio.to_thread(
            (self._spec.folder / "exit.json").exists
        )

    async def _at_end(self) -> None:
        """The transcript is at its end and no bridge writes on: the run is over, or goes on."""
        if self._exit and self._turns_round and not self._finishing:
            await self._turn_round()
            return
        if self._exit and not self._driver.multi_turn and not self._finishing:
            if self._goes_on:
                await self._begin_another()
            else:
                await self._changed.wait()
                self._changed.clear()
            return
        entry = self._exit
        events: tuple[AgentEvent, ...] = ()
        if entry is None:
            entry = await asyncio.to_thread(read_exit, self._spec.folder) or GONE
            await self._end_survivors()
            events = self._driver.ended(entry["code"], entry["reason"], entry["stderr"])
        self._over = True
        ended = ProcessEnded(entry["code"], entry["reason"], entry["detail"])
        self._ready.append(Batch(self._reader.offset, (*events, ended)))
        await self._disconnect()

    async def _turn_round(self) -> None:
        """A new process for all that the last one was told, with its session begun or resumed."""
        words = "\n\n".join((self._start["prompt"], *self._heard.values()))
        lost = self._start["resume"]
        spec = replace(self._spec, prompt=without_memory(words) if lost else words, resume=not lost)
        told = (*self._start["told"], *self._heard)
        async with self._beginning:
            await self._begin(spec, start_entry(spec, told) | {"turned": True})

    async def _begin_another(self, message_id: str = "", text: str = "") -> bool:
        """A new process for what the last one did not hear. False when there is one already."""
        async with self._beginning:
            if await self._connect():
                return False
            messages = self._unheard | ({message_id: text} if message_id else {})
            spec = replace(self._spec, prompt="\n\n".join(messages.values()), resume=True)
            await self._begin(spec, start_entry(spec, tuple(messages)))
            return True

    # --- wishes ----------------------------------------------------------------------------------

    async def tell(self, message_id: str, text: str) -> None:
        note = {"tell": text, "id": message_id}
        while not await self._ask(note=note):
            if self._driver.multi_turn or self._finishing or self._detached:
                raise AgentGone("The agent's process has ended and hears nothing more.")
            if message_id in self._told:
                return
            if self._commands:
                await self._commands.ended()
            if await self._begin_another(message_id, text):
                self._changed.set()
                return

    async def answer(self, request_id: str, decision: Decision, text: str = "") -> None:
        note = {"answer": request_id, "decision": decision.value, "text": text}
        if not await self._ask(note=note):
            raise AgentGone("The agent's process has ended and waits for no answer.")

    async def interrupt(self) -> None:
        if self._driver.multi_turn:
            await self._ask(note={"interrupt": True})
        else:
            await self._ask(stop=FINISH_GRACE_S)

    async def rest(self, resting: bool) -> None:
        await self._ask(rest=resting)

    async def finish(self) -> None:
        self._finishing = True
        await self._ask(finish=FINISH_GRACE_S)
        await self._gone()
        self._changed.set()

    async def stop(self, grace_s: float = 5.0) -> None:
        self._finishing = True
        if not await self._ask(stop=grace_s):
            await self._end_survivors()
        await self._gone()
        self._changed.set()

    async def _gone(self) -> None:
        """Returns when nothing is left of the process and the bridge has said its last."""
        if commands := self._commands:
            await commands.ended()
            if not commands.over:
                await self._end_survivors()
            commands.close()

    async def detach(self) -> None:
        self._detached = True
        await self._disconnect()
        self._changed.set()

    async def _ask(self, **command: object) -> bool:
        """False when there is no process (any more) that it could be done to."""
        return await self._connect() and bool(
            self._commands and await self._commands.ask(**command)
        )


async def connect(socket: Path) -> Streams | None:
    """None when nobody listens there."""
    try:
        return await asyncio.open_unix_connection(socket, limit=CHUNK)
    except (FileNotFoundError, ConnectionError):
        return None


async def closed(writer: asyncio.StreamWriter) -> None:
    with contextlib.suppress(OSError):
        await writer.wait_closed()


def read_at(path: Path, offset: int) -> bytes:
    try:
        with path.open("rb") as transcript:
            transcript.seek(offset)
            return transcript.read(CHUNK)
    except FileNotFoundError:
        return b""


def read_exit(folder: Path) -> dict[str, Any] | None:
    """The exit record of a process whose transcript could not be written to its end."""
    try:
        entry: dict[str, Any] = json.loads((folder / "exit.json").read_bytes())
    except (OSError, ValueError):
        return None
    return entry if entry.get("unrecorded") else None
