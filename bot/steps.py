"""The latest steps of a task, read off its events: what a message shows while an agent works."""

from __future__ import annotations

from collections import deque
from collections.abc import Mapping
from typing import Any

from bot.text import Rich, italic, join, plain, shorten
from core.model import Event, EventType

LATEST = 6
LINE = 140
PLAN_STEPS = 8

TOOL_MARKS = {"started": "▸", "succeeded": "✓", "failed": "✗"}
PLAN_MARKS = {"pending": "○", "active": "◐", "done": "●"}


class Steps:
    """Fed every event of one task in order; a new run begins afresh."""

    def __init__(self) -> None:
        self.seq = 0
        self._lines: deque[tuple[str, str]] = deque(maxlen=LATEST)  # (id, line)
        self._plan: list[Mapping[str, Any]] = []
        self._said = ""
        self._questions: dict[str, tuple[str, str, str]] = {}

    def take(self, event: Event) -> None:
        if event.seq <= self.seq:
            return
        self.seq = event.seq
        payload = event.payload
        kind = str(payload.get("kind", ""))
        self._note_question(event.type, payload)
        if event.type is EventType.STARTED:
            self._lines.clear()
            self._plan, self._said = [], ""
        elif kind == "plan":
            self._plan = list(payload.get("steps", ()))
        elif kind == "text" and event.type is EventType.OUTPUT:
            self._said = str(payload.get("text", "")) or self._said
        elif line := _line(event.type, kind, payload):
            self._put(str(payload.get("id") or f"#{event.seq}"), line)

    def answered(self, request_id: str) -> tuple[str, str, str]:
        """(what was asked, what was decided, by whom)"""
        return self._questions.get(request_id, ("A question", "no longer needed", "the agent"))

    def shown(self) -> Rich:
        plan = [
            plain(f"{PLAN_MARKS.get(step.get('status', ''), '○')} {shorten(step['text'], LINE)}")
            for step in self._plan[:PLAN_STEPS]
        ]
        lines = [plain(line) for _, line in self._lines]
        said = italic(shorten(self._said, 300)) if self._said else Rich()
        return join([join(plan), join(lines), said], "\n\n")

    def _note_question(self, type_: EventType, payload: Mapping[str, Any]) -> None:
        request_id = str(payload.get("request_id", ""))
        if type_ is EventType.QUESTION:
            text = str(payload.get("text") or "A question")
            self._questions[request_id] = (text, "no longer needed", "the agent went on")
        elif type_ is EventType.ANSWER and request_id in self._questions:
            decision = {"allow": "✅ Allowed", "deny": "🚫 Denied"}.get(
                str(payload.get("decision")), "Answered"
            )
            said = shorten(str(payload.get("text") or ""), LINE)
            decision = f"{decision}: {said}" if said else decision
            self._questions[request_id] = (
                self._questions[request_id][0],
                decision,
                str(payload.get("by") or ""),
            )

    def _put(self, step: str, line: str) -> None:
        for at, (known, _) in enumerate(self._lines):
            if known == step:
                self._lines[at] = (step, line)
                return
        self._lines.append((step, line))


def _line(type_: EventType, kind: str, payload: Mapping[str, Any]) -> str:
    """One line about an event, empty for those that are no step."""

    def said(name: str) -> str:
        return shorten(str(payload.get(name) or ""), LINE)

    match type_, kind:
        case EventType.PROGRESS, "tool":
            return f"{TOOL_MARKS.get(said('status'), '▸')} {said('title') or said('tool')}"
        case EventType.OUTPUT, "edit":
            return f"✎ {said('path')}"
        case EventType.OUTPUT, "command":
            code = payload.get("exit_code")
            return f"$ {said('command')}" + (f" → {code}" if code else "")
        case EventType.PROGRESS, "setup" | "check":
            word = "passed" if payload.get("passed") else "failed"
            when = " before the work" if payload.get("when") == "before" else ""
            return f"{'✓' if payload.get('passed') else '✗'} {kind} {word}{when}"
        case EventType.PROGRESS, "fix":
            count = f"{payload.get('attempt')} of {payload.get('of')}"
            return f"🔧 The check is red; the agent mends it ({count})"
        case EventType.PROGRESS, "retry":
            return (
                f"↻ {said('message')}; trying again in {float(payload.get('delay_s') or 0):.0f} s"
            )
        case EventType.PROGRESS, "steer":
            return f"💬 You: {said('text')}"
        case EventType.PROGRESS, "note":
            return f"· {said('text')}"
        case EventType.QUESTION, _:
            return f"🙋 {said('text')}"
        case EventType.ANSWER, _:
            return f"{said('decision') or 'answered'} · {said('by')}"
        case EventType.ERROR, _:
            return f"⚠️ {said('message')}"
        case _:
            return ""
