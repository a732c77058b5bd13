"""What an agent reports, as entries of the log."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import asdict
from typing import Any, assert_never

from core.model import (
    AgentEvent,
    Command,
    EventType,
    FileEdit,
    Plan,
    ProcessEnded,
    Request,
    RequestWithdrawn,
    SessionStarted,
    Text,
    Thinking,
    Told,
    ToolCall,
    Trouble,
    TurnEnded,
    Usage,
)

Entry = tuple[EventType, str, Mapping[str, Any]]


def entry(event: AgentEvent) -> Entry | None:
    """Type, kind and payload; None for what shows in the task's state instead."""
    match event:
        case Text(text):
            return EventType.OUTPUT, "text", {"text": text}
        case Thinking(text):
            return EventType.OUTPUT, "thinking", {"text": text}
        case FileEdit(path, diff):
            return EventType.OUTPUT, "edit", {"path": path, "diff": diff}
        case Command(command, tail, exit_code):
            payload = {"command": command, "output_tail": tail, "exit_code": exit_code}
            return EventType.OUTPUT, "command", payload
        case Plan(steps):
            return EventType.PROGRESS, "plan", {"steps": [asdict(step) for step in steps]}
        case ToolCall(id_, kind, title, status):
            payload = {"id": id_, "tool": kind.value, "title": title, "status": status}
            return EventType.PROGRESS, "tool", payload
        case Usage(tokens, cost):
            return EventType.PROGRESS, "usage", {"cost_usd": cost, "tokens": asdict(tokens)}
        case Trouble(message, transient, _):
            return EventType.ERROR, "error", {"message": message, "recoverable": transient}
        case SessionStarted() | Request() | RequestWithdrawn() | Told():
            return None
        case TurnEnded() | ProcessEnded():
            return None
        case _:
            assert_never(event)


def joined(events: Iterable[AgentEvent]) -> list[AgentEvent]:
    """Neighbouring texts as one: a flood of short lines becomes few entries."""
    result: list[AgentEvent] = []
    pieces: list[str] = []
    for event in events:
        if isinstance(event, Text):
            pieces.append(event.text)
            continue
        _flush(pieces, result)
        result.append(event)
    _flush(pieces, result)
    return result


def _flush(pieces: list[str], result: list[AgentEvent]) -> None:
    if pieces:
        result.append(Text("\n".join(pieces)))
        pieces.clear()
