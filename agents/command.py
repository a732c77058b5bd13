"""Any program: the prompt on its standard input, text on its output, its exit code the verdict.

One process takes one turn and can ask nothing. What it is told while it runs stays in `unheard`,
for the next process.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from agents.driver import Machine, describe_exit, last_lines, plain
from agents.trouble import judge
from core.model import AgentEvent, Decision, Outcome, Request, RunSpec, Text, TurnEnded

LOGIN = "Log in to the agent in a terminal, or let its key through with `env` in GOFER_AGENTS."
ANSWER = 2_000  # characters of its last output that count as what it said


class Command(Machine):
    tried_with = "any program that reads a prompt and prints text"
    multi_turn = False

    def __init__(self, spec: RunSpec, *, sandboxed: bool, options: Mapping[str, Any]) -> None:
        super().__init__(spec, sandboxed=sandboxed, options=options)
        self._said = ""

    def open(self) -> None:
        for line in self.spec.prompt.encode("utf-8", "replace").split(b"\n"):
            self._send(line)

    def feed(self, line: bytes) -> tuple[AgentEvent, ...]:
        text = plain(line.decode("utf-8", "replace"))
        self._said = f"{self._said}\n{text}"[-ANSWER:]
        return (Text(text),) if text.strip() else ()

    def tell(self, text: str) -> None:
        self.unheard = (*self.unheard, text)

    def interrupt(self) -> None:
        """It cannot be asked; the owner of its process stops it."""

    def ended(self, exit_code: int | None, reason: str, stderr_tail: str) -> tuple[AgentEvent, ...]:
        if not self.running or reason != "exited":
            return super().ended(exit_code, reason, stderr_tail)
        self.running = False
        said = last_lines(self._said, ANSWER)
        if exit_code == 0:
            return (TurnEnded(Outcome.SUCCEEDED, said),)
        why = last_lines(stderr_tail) or last_lines(said)
        trouble = judge(f"It ended with {describe_exit(exit_code)}.\n{why}", login=LOGIN)
        return (trouble, TurnEnded(Outcome.FAILED, trouble.message, trouble.transient))

    def _reply(self, request: Request, decision: Decision, text: str) -> None:
        raise AssertionError("a command asks nothing")

    def _on_sent(self, line: bytes) -> None:
        self.running = True
