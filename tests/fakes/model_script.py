"""What the stand-in for a model says next, read from the conversation that the agent sends.

The last `@@SCRIPT [steps] @@` in what the person said is the script; the number of answers that
came after it is the step. So the server keeps nothing, and a resumed or steered agent goes on
where its conversation stands. A step is an object with one key:

    text: "…"                      say it (the turn ends)
    think: "…"                     think and go on with the next request
    write: {path, content}         use the agent's own tool for writing a file
    edit: {path, old, new}         … for editing one
    read: "path"                   … for reading one
    bash: "…"                      … for running a command
    ask: {question, options}       … for asking the person
    error: {status, times}         answer that many requests with an HTTP error, then go on
"""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

Json = dict[str, Any]
SCRIPT = re.compile(r"@@SCRIPT\s*(.*?)@@", re.DOTALL)


@dataclass(frozen=True)
class Turn:
    """One message of a conversation, whatever API it came over."""

    role: str  # user | assistant
    text: str


@dataclass(frozen=True)
class Say:
    text: str
    thought: str = ""


@dataclass(frozen=True)
class Use:
    """Use a tool of the agent's."""

    tool: str
    arguments: Json


@dataclass(frozen=True)
class Fail:
    status: int


Reply = Say | Use | Fail

# Tools of the agents, by step: name -> how their arguments are made.
WRITERS = {
    "Write": ("file_path", "content"),
    "write_file": ("file_path", "content"),
    "write": ("filePath", "content"),
}
READERS = {"Read": "file_path", "read_file": "file_path", "read": "filePath"}
EDITORS = {
    "Edit": ("file_path", "old_string", "new_string"),
    "replace": ("file_path", "old_string", "new_string"),
    "edit": ("filePath", "oldString", "newString"),
}
SHELLS = {
    "Bash": "command",
    "run_shell_command": "command",
    "bash": "command",
    "exec_command": "cmd",
    "shell_command": "command",
}


@dataclass
class Script:
    """Counts the errors that were given; all else is read from the conversation."""

    failed: Counter[str] = field(default_factory=Counter)

    def reply(self, turns: Sequence[Turn], tools: Sequence[str]) -> Reply:
        if not tools:
            return Say("ok")  # a side question: a title, a summary, a choice of model
        found = locate(turns)
        if found is None:
            return Say("There is no script in this conversation.")
        script, at = found
        for step in json.loads(script):
            if "error" in step and at == 0:
                self.failed[script] += 1
                if self.failed[script] <= step["error"].get("times", 1):
                    return Fail(step["error"]["status"])
            elif "error" not in step:
                if at == 0:
                    return act(step, tools)
                at -= 1
        return Say("done")


def locate(turns: Sequence[Turn]) -> tuple[str, int] | None:
    """The last script that the person gave, and how many answers came after it."""
    answers = 0
    for turn in reversed(turns):
        if turn.role == "assistant":
            answers += 1
        elif scripts := SCRIPT.findall(turn.text):
            return scripts[-1], answers
    return None


def act(step: Mapping[str, Any], tools: Sequence[str]) -> Reply:
    ((kind, what),) = step.items()
    match kind:
        case "text":
            return Say(what)
        case "think":
            return Say(what["text"], what["thought"])
        case "write":
            if tool := first(WRITERS, tools):
                return Use(
                    tool, dict(zip(WRITERS[tool], (what["path"], what["content"]), strict=True))
                )
            return shell(f"printf %s {quoted(what['content'])} > {quoted(what['path'])}", tools)
        case "edit":
            if tool := first(EDITORS, tools):
                values = (what["path"], what["old"], what["new"])
                given = dict(zip(EDITORS[tool], values, strict=True))
                return Use(tool, given if tool != "replace" else {"instruction": "edit", **given})
            return Say("There is no tool for editing.")
        case "bash":
            return shell(what, tools)
        case "read":
            if tool := first(READERS, tools):
                return Use(tool, {READERS[tool]: what})
            return shell(f"cat {quoted(what)}", tools)
        case "ask":
            options = [{"label": label, "description": label} for label in what["options"]]
            asked = {"question": what["question"], "header": "Choice", "options": options}
            return Use("AskUserQuestion", {"questions": [{**asked, "multiSelect": False}]})
    raise ValueError(f"no such step: {kind}")


def shell(command: str, tools: Sequence[str]) -> Reply:
    if tool := first(SHELLS, tools):
        return Use(tool, {SHELLS[tool]: command, "description": "a scripted step"})
    if "shell" in tools:
        return Use("shell", {"command": ["bash", "-lc", command]})
    return Say(f"There is no tool for commands among {', '.join(tools)}.")


def first(known: Mapping[str, Any] | Sequence[str], tools: Sequence[str]) -> str | None:
    return next((name for name in known if name in tools), None)


def quoted(text: str) -> str:
    return "'" + text.replace("'", "'\\''") + "'"
