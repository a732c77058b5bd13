"""Claude Code's tools: what a use of one means, before it (a request) and after it (its result)."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from agents import patch
from agents.driver import TAIL, explained, headline, plain, within
from agents.fields import Json, get, items, text
from core.model import (
    AgentEvent,
    Command,
    FileEdit,
    Plan,
    PlanStep,
    Request,
    ToolCall,
    ToolKind,
)

KINDS = {
    "Read": ToolKind.READ,
    "NotebookRead": ToolKind.READ,
    "LS": ToolKind.SEARCH,
    "Glob": ToolKind.SEARCH,
    "Grep": ToolKind.SEARCH,
    "WebSearch": ToolKind.FETCH,
    "WebFetch": ToolKind.FETCH,
    "Write": ToolKind.EDIT,
    "Edit": ToolKind.EDIT,
    "MultiEdit": ToolKind.EDIT,
    "NotebookEdit": ToolKind.EDIT,
    "Bash": ToolKind.EXECUTE,
    "BashOutput": ToolKind.EXECUTE,
    "KillShell": ToolKind.EXECUTE,
    "PowerShell": ToolKind.EXECUTE,
    "Monitor": ToolKind.EXECUTE,
    "TodoWrite": ToolKind.THINK,
    "ExitPlanMode": ToolKind.THINK,
    "EnterPlanMode": ToolKind.THINK,
}
QUESTION = "AskUserQuestion"
PLAN_STATUS = {"in_progress": "active", "completed": "done"}
PATHS = ("file_path", "notebook_path", "path")
_EXIT = re.compile(r"(?:Error: )?Exit code (\d{1,3})\b")


@dataclass(frozen=True, slots=True)
class Call:
    """One use of a tool, from its start to its result."""

    id: str
    name: str
    input: Json

    @classmethod
    def read(cls, block: Json) -> Call:
        given = get(block, "input")
        return cls(text(block, "id"), text(block, "name"), given if isinstance(given, dict) else {})

    @property
    def kind(self) -> ToolKind:
        return KINDS.get(self.name, ToolKind.OTHER)

    def started(self, root: Path) -> list[AgentEvent]:
        if self.name == "TodoWrite":
            return [plan(self.input)]
        return [ToolCall(self.id, self.kind, title(self.name, self.input, root), "started")]

    def abandoned(self, root: Path) -> list[AgentEvent]:
        if self.name == "TodoWrite":
            return []
        return [ToolCall(self.id, self.kind, title(self.name, self.input, root), "failed")]

    def ended(self, block: Json, result: Any, root: Path) -> list[AgentEvent]:
        """`block` is the tool's result as the model reads it, `result` the structured one."""
        failed = get(block, "is_error") is True
        if self.name == "TodoWrite":
            return []
        status = "failed" if failed else "succeeded"
        events: list[AgentEvent] = [
            ToolCall(self.id, self.kind, title(self.name, self.input, root), status)
        ]
        match self.kind:
            case ToolKind.EDIT if not failed:
                events.append(edit(self.input, result, root))
            case ToolKind.EXECUTE if text(self.input, "command"):
                events += command(self.input, block, failed)
        return events


def title(name: str, given: Json, root: Path) -> str:
    """One line that says what the tool does; paths inside `root` are shown without it."""
    subject = next(
        (
            found
            for key in ("command", *PATHS, "pattern", "url", "query", "description", "skill")
            if (found := text(given, key))
        ),
        "",
    )
    return headline(f"{name} {subject}", root)


def paths(given: Json) -> tuple[str, ...]:
    return tuple(found for key in PATHS if (found := text(given, key)))


def plan(given: Json) -> Plan:
    return Plan(
        tuple(
            PlanStep(text(todo, "content"), PLAN_STATUS.get(text(todo, "status"), "pending"))
            for todo in items(given, "todos")
        )
    )


def proposed(given: Json, root: Path) -> str:
    """The diff of an edit that has not been made, from what the tool was given."""
    path = within(next(iter(paths(given)), ""), root)
    if "content" in given:
        return patch.from_texts(path, None, text(given, "content"))
    if "new_source" in given:
        return patch.from_texts(path, None, text(given, "new_source"))
    edits = items(given, "edits") or [given]
    return "".join(
        patch.from_texts(path, f"{text(one, 'old_string')}\n", f"{text(one, 'new_string')}\n")
        for one in edits
    )


def edit(given: Json, result: Any, root: Path) -> FileEdit:
    path = within(text(result, "filePath") or next(iter(paths(given)), ""), root)
    hunks = items(result, "structuredPatch")
    if hunks:
        return FileEdit(path, patch.from_hunks(path, hunks))
    if text(result, "type") == "create":
        return FileEdit(path, patch.from_texts(path, None, text(result, "content")))
    return FileEdit(path, proposed(given, root))


def command(given: Json, block: Json, failed: bool) -> list[AgentEvent]:
    """Nothing for a command that was refused or broken off: it has no exit code."""
    printed, code = content(block), None
    if failed:
        found = _EXIT.match(printed)
        if found is None:
            return []
        printed, code = printed[found.end() :].lstrip("\n"), int(found[1])
    elif get(given, "run_in_background") is not True:
        code = 0
    return [Command(text(given, "command"), plain(printed)[-TAIL:], code)]


def content(block: Json) -> str:
    """A tool's result as text; it is a string or a list of blocks."""
    return text(block, "content") or "\n".join(
        text(part, "text") for part in items(block, "content")
    )


def request(request_id: str, asked: Json, root: Path) -> Request:
    """A `can_use_tool` request. Questions in words have kind None."""
    name, given = text(asked, "tool_name"), get(asked, "input")
    given = given if isinstance(given, dict) else {}
    if name == QUESTION and items(given, "questions"):
        return question(request_id, given)
    blocked = text(asked, "blocked_path")
    return Request(
        request_id,
        title(name, given, root),
        KINDS.get(name, ToolKind.OTHER),
        detail=detail(name, given, root) or text(asked, "decision_reason"),
        paths=tuple(dict.fromkeys((*paths(given), *([blocked] if blocked else [])))),
        command=text(given, "command") or None,
    )


def detail(name: str, given: Json, root: Path) -> str:
    match KINDS.get(name):
        case ToolKind.EDIT:
            return proposed(given, root)
        case ToolKind.EXECUTE | ToolKind.FETCH:
            words = text(given, "description") or text(given, "prompt")
            shown = title(name, given, root).removeprefix(f"{name} ")
            return explained(text(given, "command"), words, shown, root)
    return text(given, "plan")


def question(request_id: str, given: Json) -> Request:
    asked = items(given, "questions")
    if len(asked) == 1:
        (only,) = asked
        labels = tuple(text(option, "label") for option in items(only, "options"))
        return Request(
            request_id, text(only, "question"), None, detail=choices(only), options=labels
        )
    return Request(
        request_id,
        "\n".join(f"{number}. {text(one, 'question')}" for number, one in enumerate(asked, 1)),
        None,
        detail="\n\n".join(f"{text(one, 'question')}\n{choices(one)}" for one in asked),
        options=(),
    )


def choices(asked: Json) -> str:
    return "\n".join(
        f"{text(option, 'label')}: {text(option, 'description')}"
        for option in items(asked, "options")
        if text(option, "description")
    )


def answered(given: Json, reply: str) -> Json:
    """The question's input with its answers: a line per question, or one answer for all."""
    asked = [text(one, "question") for one in items(given, "questions")]
    lines = [line.strip() for line in reply.splitlines() if line.strip()]
    if len(lines) != len(asked):
        lines = [reply.strip()] * len(asked)
    return {**given, "answers": dict(zip(asked, lines, strict=True))}
