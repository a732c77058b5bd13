"""Tool calls as the Agent Client Protocol tells of them: in pieces that are put together here."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from agents import patch
from agents.driver import TAIL, explained, headline, plain, within
from agents.fields import Json, get, items, strings, text
from core.model import AgentEvent, Command, FileEdit, Plan, PlanStep, Request, ToolCall, ToolKind

KINDS = {  # the rest, "move" among it, is OTHER: it is not sure to name all that it touches
    "read": ToolKind.READ,
    "edit": ToolKind.EDIT,
    "delete": ToolKind.EDIT,
    "search": ToolKind.SEARCH,
    "execute": ToolKind.EXECUTE,
    "think": ToolKind.THINK,
    "fetch": ToolKind.FETCH,
}
STATUS = {"completed": "succeeded", "failed": "failed"}
PLAN_STATUS = {"in_progress": "active", "completed": "done"}
PATH_KEYS = ("file_path", "filePath", "filepath", "absolute_path", "path")


@dataclass(frozen=True, slots=True)
class Call:
    """What is known of one tool call so far."""

    id: str
    title: str = ""
    kind: str = ""
    status: str = "started"
    input: Json | None = None
    content: tuple[Json, ...] = ()
    locations: tuple[str, ...] = ()
    output: Any = None

    def updated(self, update: Json) -> Call:
        """With what an update adds; fields that it leaves out stay."""
        given = get(update, "rawInput")
        content, places = items(update, "content"), items(update, "locations")
        locations = tuple(filter(None, (text(place, "path") for place in places)))
        return replace(
            self,
            title=text(update, "title") or self.title,
            kind=text(update, "kind") or self.kind,
            status=STATUS.get(text(update, "status"), self.status),
            input={**(self.input or {}), **given} if isinstance(given, dict) else self.input,
            content=self._replaced(content) if "content" in update else self.content,
            locations=locations or self.locations,
            output=update.get("rawOutput", self.output),
        )

    def _replaced(self, content: list[Json]) -> tuple[Json, ...]:
        """New content replaces the old, but for diffs that it does not tell again."""
        if any(get(block, "type") == "diff" for block in content):
            return tuple(content)
        return (*content, *(block for block in self.content if get(block, "type") == "diff"))

    @property
    def tool_kind(self) -> ToolKind:
        return KINDS.get(self.kind, ToolKind.OTHER)

    @property
    def command(self) -> str | None:
        """The shell command, where this is one."""
        if self.tool_kind is not ToolKind.EXECUTE:
            return None
        words = strings(self.input, "command")
        return text(self.input, "command") or (words[-1] if words else None) or self.title or None

    @property
    def paths(self) -> tuple[str, ...]:
        """Every file that it says it touches."""
        if self.tool_kind is ToolKind.EXECUTE:
            return ()
        named = (text(self.input, key) for key in PATH_KEYS)
        diffs = (text(block, "path") for block in self.content)
        return tuple(dict.fromkeys(filter(None, (*self.locations, *named, *diffs))))

    def report(self, root: Path) -> ToolCall:
        words = self.title or self.kind or "tool"
        return ToolCall(self.id, self.tool_kind, headline(words, root), self.status)

    def results(self, root: Path) -> list[AgentEvent]:
        """What it did, once it has ended."""
        if command := self.command:
            return [Command(command, plain(self.printed())[-TAIL:], self.exit_code())]
        if self.status != "succeeded" or self.tool_kind is not ToolKind.EDIT:
            return []
        edits = self.diffs(root) or [(path, "") for path in self.paths]
        return [FileEdit(within(path, root), diff) for path, diff in edits]

    def diffs(self, root: Path) -> list[tuple[str, str]]:
        return [
            (
                path,
                patch.from_texts(
                    within(path, root), text(block, "oldText"), text(block, "newText")
                ),
            )
            for block in self.content
            if get(block, "type") == "diff" and (path := text(block, "path"))
        ]

    def printed(self) -> str:
        for key in ("aggregated_output", "formatted_output", "output", "stdout"):
            if found := text(self.output, key):
                return found
        if isinstance(self.output, str):
            return text(self.output)
        return "\n".join(text(block, "content", "text") for block in self.content)

    def exit_code(self) -> int | None:
        for path in (("exit_code",), ("exitCode",), ("metadata", "exit")):
            found = get(self.output, *path)
            if isinstance(found, int) and not isinstance(found, bool):
                return found
        return None

    def request(self, request_id: str, root: Path) -> Request:
        shown = "".join(diff for _, diff in self.diffs(root))
        words = "\n".join(text(block, "content", "text") for block in self.content)
        words = text(self.input, "description") or words.strip()
        title = headline(self.title or self.kind or "use a tool", root)
        return Request(
            request_id,
            title,
            self.tool_kind,
            detail=shown or explained(self.command or "", words, title, root),
            paths=self.paths,
            command=self.command,
        )


def plan(update: Json) -> Plan:
    return Plan(
        tuple(
            PlanStep(text(entry, "content"), PLAN_STATUS.get(text(entry, "status"), "pending"))
            for entry in items(update, "entries")
        )
    )
