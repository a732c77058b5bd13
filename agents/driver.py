"""What every driver is: a protocol machine for one agent process, without any I/O.

The owner of the pipes (the hub's end of a bridge) holds one driver per process and does this:

    start      driver = load(protocol)(spec, sandboxed=…, options=…)
               run command + driver.arguments(), with driver.environment() on top
               driver.open(); send everything that driver.outgoing() gives
    live       a line of the agent's  -> driver.feed(line) gives what it means
               a person's wish        -> driver.tell / answer / interrupt
               after each of these    -> send everything that driver.outgoing() gives
    re-attach  the same constructor and open(), then the transcript from its first line, in order:
               driver.feed(line) for the agent's lines (reports already stored are thrown away)
               driver.sent(line) for ours; then send what outgoing() still holds
    the end    driver.ended(…) when the process is gone; its reports come before `ProcessEnded`
               a new process over the same folder is a new driver with `resume` and a new prompt

What always holds: lines are bytes without their newline; nothing that an agent says makes `feed`
raise; lines of unknown kinds are counted in `unknown` and mean nothing; `open` and `feed` are
deterministic, so what a dead hub had decided to send but did not is in `outgoing()` again, and
what it had sent is struck out by `sent`; a `TurnEnded` comes exactly once for each time the agent
has nothing more to do, and never while something it was told is still unheard.
"""

from __future__ import annotations

import re
from abc import ABC, abstractmethod
from collections import Counter
from collections.abc import Mapping
from hashlib import sha256
from pathlib import Path
from typing import Any, ClassVar, Protocol

from core.errors import NotFound
from core.model import (
    AgentEvent,
    Decision,
    Outcome,
    Request,
    RequestWithdrawn,
    RunSpec,
    TurnEnded,
)

ENTRY_POINTS = "gofer.agents"
TAIL = 4_000  # characters kept of a command's output


class Driver(Protocol):
    """One agent process as the rest of Gofer sees it. See the module's text for the order."""

    tried_with: ClassVar[str]
    """Programs and versions it was tried with, for people: `claude-code 2.1.197`."""

    multi_turn: bool
    """False: its stdin is closed behind the opening lines, and a process takes one turn."""

    running: bool
    """A turn runs: something was told and no `TurnEnded` has been reported since."""

    requests: Mapping[str, Request]
    """What it waits to be answered, by request id."""

    unheard: tuple[str, ...]
    """What it was told and could not take in. When its process ends, that is for the next one."""

    session_mismatch: bool
    """The turn failed because the session to begin exists already, or the one to resume does not:
    `agents.link` starts a process with the spec's `resume` turned round."""

    unknown: Counter[str]
    """How many lines of each unknown kind came."""

    def __init__(self, spec: RunSpec, *, sandboxed: bool, options: Mapping[str, Any]) -> None:
        """`sandboxed`: ours is in force. `options`: the definition's own keys, for this driver."""
        ...

    def arguments(self) -> tuple[str, ...]:
        """What follows the configured command."""
        ...

    def environment(self) -> Mapping[str, str]:
        """Variables to add to the agent's environment."""
        ...

    def open(self) -> None:
        """Begin the conversation and the first turn, with the spec's prompt."""
        ...

    def feed(self, line: bytes) -> tuple[AgentEvent, ...]:
        """What a line from the agent means. Never raises."""
        ...

    def sent(self, line: bytes) -> None:
        """This line went to the agent (an earlier hub sent it, or the transcript echoes ours)."""
        ...

    def outgoing(self) -> tuple[bytes, ...]:
        """The lines to send now, each given once."""
        ...

    def tell(self, text: str) -> None:
        """Steer the running turn, or start the next one.

        An agent that cannot be steered hears it when its turn ends, before any `TurnEnded`;
        one that takes a single turn leaves it in `unheard`.
        """
        ...

    def answer(self, request_id: str, decision: Decision, text: str = "") -> None:
        """Answer one of `requests`, once. Raises NotFound when the agent does not wait for it.

        `text` is the answer to a question in words, or a note that goes with a denial.
        """
        ...

    def interrupt(self) -> None:
        """Ask it to break off; a `TurnEnded` with CANCELLED follows. Nothing when none runs.

        One that takes a single turn (`multi_turn` False) cannot be asked: stop its process.
        """
        ...

    def ended(self, exit_code: int | None, reason: str, stderr_tail: str) -> tuple[AgentEvent, ...]:
        """The process is over (`reason` as in `ProcessEnded`): withdraws its open requests and
        ends a turn that still ran."""
        ...


class Machine(ABC):
    """The part that all drivers share: the queue of outgoing lines and the open requests.

    A subclass sends with `_send` alone and changes its own state on what it sends in `_on_sent`,
    which thereby also sees the lines that an earlier hub sent.
    """

    tried_with: ClassVar[str] = "nothing yet"
    multi_turn: bool = True

    def __init__(self, spec: RunSpec, *, sandboxed: bool, options: Mapping[str, Any]) -> None:
        self.spec = spec
        self.root = spec.workspace.path
        self.sandboxed = sandboxed
        self.options = options
        self.running = False
        self.requests: dict[str, Request] = {}
        self.unheard: tuple[str, ...] = ()
        self.session_mismatch = False
        self.unknown: Counter[str] = Counter()
        self._queue: list[bytes] = []  # to be fetched
        self._fetched: list[bytes] = []  # and not yet seen in the transcript

    def arguments(self) -> tuple[str, ...]:
        return ()

    def environment(self) -> Mapping[str, str]:
        return {}

    @abstractmethod
    def open(self) -> None: ...

    @abstractmethod
    def feed(self, line: bytes) -> tuple[AgentEvent, ...]: ...

    @abstractmethod
    def tell(self, text: str) -> None: ...

    @abstractmethod
    def interrupt(self) -> None: ...

    @abstractmethod
    def _reply(self, request: Request, decision: Decision, text: str) -> None:
        """Send the answer to an open request."""

    @abstractmethod
    def _on_sent(self, line: bytes) -> None:
        """Follow a line of ours: turns begun, requests answered, ids used."""

    def outgoing(self) -> tuple[bytes, ...]:
        lines, self._queue = tuple(self._queue), []
        self._fetched += lines
        return lines

    def sent(self, line: bytes) -> None:
        for ours in (self._fetched, self._queue):
            if line in ours:
                ours.remove(line)
                return
        self._on_sent(line)

    def answer(self, request_id: str, decision: Decision, text: str = "") -> None:
        request = self.requests.get(request_id)
        if request is None:
            raise NotFound("The agent does not wait for this answer (any more).")
        self._reply(request, decision, text)

    def ended(self, exit_code: int | None, reason: str, stderr_tail: str) -> tuple[AgentEvent, ...]:
        events = self._withdraw_all()
        if not self.running:
            return events
        self.running = False
        if reason == "stopped":
            return (*events, TurnEnded(Outcome.CANCELLED))
        message = f"The agent ended in the middle of its turn ({describe_exit(exit_code)})."
        why = f"{message}\n{last_lines(stderr_tail)}".strip()
        return (*events, TurnEnded(Outcome.FAILED, why))

    def _send(self, line: bytes) -> None:
        self._queue.append(line)
        self._on_sent(line)

    def _withdraw_all(self) -> tuple[AgentEvent, ...]:
        withdrawn = tuple(RequestWithdrawn(request_id) for request_id in self.requests)
        self.requests.clear()
        return withdrawn


def without_memory(prompt: str) -> str:
    """A prompt for an agent whose earlier session is lost: what it needs is in the work tree."""
    return (
        "(An earlier session about this is lost. What was done in it is in this work tree and its "
        f"history: look at `git log -p` and `git status` first.)\n\n{prompt}"
    )


def short_id(*parts: object) -> str:
    """A typeable request id, the same for the same parts."""
    return sha256("\0".join(map(str, parts)).encode("utf-8", "surrogatepass")).hexdigest()[:8]


def within(path: str, root: Path) -> str:
    """A path as it is shown: relative to the work tree where it lies in it."""
    return path.removeprefix(f"{root}/")


HEADLINE = 200


def headline(text: str, root: Path) -> str:
    """One line of at most HEADLINE characters, paths inside the work tree shown without it."""
    words = " ".join(text.replace(f"{root}/", "").split())
    return words if len(words) <= HEADLINE else words[: HEADLINE - 1] + "…"


def explained(command: str, words: str, shown: str, root: Path) -> str:
    """What a permission shows below `shown`: the whole command, unless that is it, then the words.

    Words are the agent's own, and may speak of something else than it does.
    """
    plainly = len(command) <= HEADLINE and "\n" not in command.strip()
    whole = not command or (plainly and shown == headline(command, root))
    return words if whole else "\n\n".join(part for part in (command, words) if part)


def describe_exit(exit_code: int | None) -> str:
    if exit_code is None:
        return "its exit code is unknown"
    return f"signal {-exit_code}" if exit_code < 0 else f"exit code {exit_code}"


def last_lines(text: str, limit: int = 600) -> str:
    """The end of what a program printed, without colours, cut at a line where possible."""
    text = plain(text).strip()
    if len(text) <= limit:
        return text
    cut = text[-limit:]
    return cut[cut.find("\n") + 1 :]


_ESCAPES = re.compile(r"\x1b(?:\[[0-?]*[ -/]*[@-~]|\][^\x07\x1b]*(?:\x07|\x1b\\)?|[@-Z\\-_])")
_CONTROLS = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f]")


def plain(text: str) -> str:
    """Text as a person reads it: no terminal escapes or control characters, `\\r` resolved."""
    text = _ESCAPES.sub("", text)
    if "\r" in text:
        text = "\n".join(line.rstrip("\r").rpartition("\r")[2] for line in text.split("\n"))
    return _CONTROLS.sub("", text)
