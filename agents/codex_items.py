"""The items of a Codex thread: messages, commands, edits, and what it asks about them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from agents.driver import TAIL, explained, headline, plain, within
from agents.fields import Json, get, items, strings, text
from core.model import (
    AgentEvent,
    Command,
    Decision,
    FileEdit,
    Request,
    Text,
    Thinking,
    ToolCall,
    ToolKind,
)

KINDS = {
    "commandExecution": ToolKind.EXECUTE,
    "fileChange": ToolKind.EDIT,
    "webSearch": ToolKind.FETCH,
    "imageView": ToolKind.READ,
    "mcpToolCall": ToolKind.OTHER,
    "dynamicToolCall": ToolKind.OTHER,
    "collabAgentToolCall": ToolKind.OTHER,
    "imageGeneration": ToolKind.OTHER,
}
FAILED = frozenset({"failed", "declined"})
SILENT = frozenset(
    """
    account/rateLimits/updated account/updated configWarning deprecationNotice warning
    guardianWarning hook/completed hook/started item/agentMessage/delta
    item/commandExecution/outputDelta item/commandExecution/terminalInteraction
    item/fileChange/outputDelta item/fileChange/patchUpdated item/mcpToolCall/progress
    item/plan/delta item/reasoning/summaryPartAdded item/reasoning/summaryTextDelta
    item/reasoning/textDelta mcpServer/startupStatus/updated model/rerouted model/verification
    remoteControl/status/changed skills/changed thread/compacted thread/name/updated
    thread/goal/cleared thread/settings/updated thread/started thread/status/changed
    turn/diff/updated
    """.split()  # noqa: SIM905 - a list of seventy lines reads worse
)


def started(item: Json, root: Path) -> list[AgentEvent]:
    kind = KINDS.get(text(item, "type"))
    return [ToolCall(text(item, "id"), kind, title(item, root), "started")] if kind else []


def abandoned(item: Json, root: Path) -> list[AgentEvent]:
    kind = KINDS.get(text(item, "type"))
    return [ToolCall(text(item, "id"), kind, title(item, root), "failed")] if kind else []


def completed(item: Json, root: Path) -> list[AgentEvent]:
    match text(item, "type"):
        case "agentMessage":
            return [Text(said)] if (said := text(item, "text")).strip() else []
        case "reasoning":
            thought = "\n".join(strings(item, "summary") or strings(item, "content"))
            return [Thinking(thought)] if thought.strip() else []
        case "plan":
            return [Text(said)] if (said := text(item, "text")).strip() else []
        case kind if kind in KINDS:
            status = "failed" if is_failed(item) else "succeeded"
            call = ToolCall(text(item, "id"), KINDS[kind], title(item, root), status)
            return [call, *results(item, root)]
    return []


def is_failed(item: Json) -> bool:
    code = get(item, "exitCode")
    return text(item, "status") in FAILED or (isinstance(code, int) and code != 0)


def results(item: Json, root: Path) -> list[AgentEvent]:
    status = text(item, "status")
    match text(item, "type"):
        case "commandExecution" if status != "declined":
            code = get(item, "exitCode")
            code = code if isinstance(code, int) and not isinstance(code, bool) else None
            printed = plain(text(item, "aggregatedOutput"))[-TAIL:]
            return [Command(unwrapped(text(item, "command")), printed, code)]
        case "fileChange" if status == "completed":
            return [
                FileEdit(within(text(change, "path"), root), text(change, "diff"))
                for change in items(item, "changes")
            ]
    return []


def title(item: Json, root: Path) -> str:
    match text(item, "type"):
        case "commandExecution":
            return headline(unwrapped(text(item, "command")), root)
        case "fileChange":
            return headline("Edit " + ", ".join(changed(item)), root)
        case "webSearch":
            return headline(f"Search {text(item, 'query')}", root)
        case "mcpToolCall":
            return headline(f"{text(item, 'server')} {text(item, 'tool')}", root)
    return headline(text(item, "tool") or text(item, "path") or text(item, "type"), root)


def changed(item: Json) -> tuple[str, ...]:
    """Every file of a change, both names of one that moves."""
    paths = []
    for change in items(item, "changes"):
        paths += [text(change, "path"), text(change, "kind", "move_path")]
    return tuple(dict.fromkeys(filter(None, paths)))


def unwrapped(command: str) -> str:
    """Without the shell that Codex puts around every command."""
    for shell in ("/bin/bash -lc ", "bash -lc ", "/bin/zsh -lc ", "/bin/sh -c "):
        if command.startswith(shell):
            inner = command.removeprefix(shell)
            quote = inner[:1]
            if quote in ("'", '"') and len(inner) > 1 and inner.endswith(quote):
                return inner[1:-1]
            return inner
    return command


def command_request(params: Json, item: Json, root: Path) -> Request:
    command = unwrapped(text(params, "command") or text(item, "command"))
    host = text(params, "networkApprovalContext", "host")
    if host:
        return Request("", headline(f"Connect to {host}", root), ToolKind.FETCH, command=command)
    reason = text(params, "reason")
    shown = headline(command, root)
    detail = explained(command, reason, shown, root)
    return Request("", shown, ToolKind.EXECUTE, detail, command=command)


def edit_request(params: Json, item: Json, root: Path) -> Request:
    """The request names no file; the item that it belongs to does."""
    grant = text(params, "grantRoot")
    paths = (*changed(item), *([grant] if grant else []))
    diff = "".join(f"{text(one, 'path')}\n{text(one, 'diff')}\n" for one in items(item, "changes"))
    # An edit of unknown files must not pass as one inside the work tree.
    kind = ToolKind.EDIT if paths and not grant else ToolKind.OTHER
    detail = text(params, "reason") or diff
    return Request("", title(item, root) if item else "Edit files", kind, detail, paths)


def question(params: Json) -> Request:
    asked = items(params, "questions")
    options = tuple(text(option, "label") for option in items(asked[0], "options"))
    return Request(
        "",
        "\n".join(text(one, "question") for one in asked),
        None,
        options=options if len(asked) == 1 else (),
    )


def answers(params: Json, decision: Decision, reply: str) -> Json:
    """An answer per question: a line each, or the same for all; none when it was denied."""
    asked = [text(one, "id") for one in items(params, "questions")]
    if decision is Decision.DENY:
        return {}
    lines: list[Any] = [line.strip() for line in reply.splitlines() if line.strip()]
    if len(lines) != len(asked):
        lines = [reply.strip()] * len(asked)
    return {name: {"answers": [line]} for name, line in zip(asked, lines, strict=True)}
