"""A coding agent without a model: it speaks Claude Code's stream protocol and acts out a script.

The demo and the tests run it where an agent would run, so that driver, bridge, permission and
sandbox are the real ones. It asks before it writes, edits or runs a command; can be steered,
interrupted and resumed; and prints what Claude Code prints. Standard library only.

The script is a JSON list of steps: between `@@SCRIPT` and `@@` in a prompt, else in the file that
`--script` or GOFER_REHEARSAL names. Each step is an object with one key:

    text, think: "…"                        say it, think it
    plan: ["…", …]                          show a plan
    write: {path, content}                  write a file
    edit: {path, old, new}                  replace text in a file (all of it that matches once)
    bash: "…"                               run a command
    ask: {question, options: ["…", …]}      ask the owner in words
    sleep: seconds                          do nothing, ready to be interrupted
    wait: "…"                               wait until steered; says "… <what was said>"
    flood: n                                say n lines of text
    recall: true                            say how many prompts of this session it has seen
    overloaded: "once" | "always"           the model's API is overloaded (once: unless resumed)
    fail: "…"                               end the turn with this error
    garbage: true                           print lines that are no messages
    stderr: "…"                             print to standard error
    exit: code                              end the process in the middle of the turn
"""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import queue
import signal
import subprocess
import sys
import threading
import time
import uuid
from collections.abc import Callable, Iterator, Mapping
from difflib import SequenceMatcher
from pathlib import Path
from typing import Any

VERSION = "1.0"
MODEL = "rehearsal"
COST_PER_STEP = 0.001
Message = dict[str, Any]


class Interrupted(Exception):
    """The owner asked to break off."""


class TurnFailed(Exception):
    """The turn ends with an error. `status` as the model's API gave it."""

    def __init__(self, message: str, status: int | None = None) -> None:
        super().__init__(message)
        self.status = status


class Pipes:
    """Lines in and out. Reading happens in a thread, so that every wait can be interrupted."""

    def __init__(self, echo: bool) -> None:
        self.echo = echo
        self._lines: queue.Queue[Message | None] = queue.Queue()
        self._answers: dict[str, Message] = {}
        self._told: list[str] = []
        self._closed = False
        threading.Thread(target=self._read, daemon=True).start()

    def _read(self) -> None:
        for line in sys.stdin.buffer:
            with contextlib.suppress(ValueError):
                self._lines.put(json.loads(line))
        self._lines.put(None)

    def say(self, message: Message) -> None:
        sys.stdout.buffer.write(json.dumps(message).encode() + b"\n")
        sys.stdout.buffer.flush()

    def raw(self, data: bytes) -> None:
        sys.stdout.buffer.write(data)
        sys.stdout.buffer.flush()

    def pump(self, timeout_s: float | None) -> bool:
        """Take in one line; False when none came in time. Raises Interrupted."""
        if self._closed:
            time.sleep(timeout_s or 0)
            return False
        try:
            message = self._lines.get(timeout=timeout_s)
        except queue.Empty:
            return False
        if message is None:
            self._closed = True
            return False
        self._take(message)
        return True

    def _take(self, message: Message) -> None:
        match message.get("type"):
            case "user":
                self._told.append(str(message["message"]["content"]))
            case "control_response":
                response = message["response"]
                self._answers[response["request_id"]] = response.get("response", {})
            case "control_request":
                self._control(message["request_id"], message["request"])

    def _control(self, request_id: str, request: Message) -> None:
        response: Message = {"subtype": "success", "request_id": request_id}
        if request.get("subtype") == "initialize":
            response["response"] = {"commands": [], "pid": os.getpid()}
        self.say({"type": "control_response", "response": response})
        if request.get("subtype") == "interrupt":
            raise Interrupted

    def told(self) -> Iterator[str]:
        """What the owner said meanwhile, oldest first."""
        while self._told:
            text = self._told.pop(0)
            if self.echo:
                content = {"role": "user", "content": text}
                self.say({"type": "user", "message": content, "isReplay": True})
            yield text

    def drain(self) -> None:
        """Take in whatever has arrived."""
        while self.pump(0.001):
            pass

    def prompt(self) -> str | None:
        """Wait for the next turn; None when the owner closed the pipe."""
        while not self._told:
            with contextlib.suppress(Interrupted):
                if not self.pump(None) and self._closed:
                    return None
        return next(self.told())

    def answer(self, request_id: str) -> Message:
        """Wait for the owner's decision. Raises Interrupted, also when nobody is left to ask."""
        while request_id not in self._answers:
            if not self.pump(None) and self._closed:
                raise Interrupted
        return self._answers.pop(request_id)

    def wait_until_told(self) -> None:
        while not self._told:
            if not self.pump(None) and self._closed:
                raise Interrupted


class Rehearsal:
    """One session: turns, their steps, and what they cost."""

    def __init__(self, pipes: Pipes, session_id: str, resumed: bool, script: list[Message]) -> None:
        self.pipes = pipes
        self.session_id = session_id
        self.resumed = resumed
        self.script = script
        self.steps = 0  # of the whole process
        self.said = ""
        self.denials: list[Message] = []
        self.perform: Mapping[str, Callable[[Any], None]] = {
            "text": self.text,
            "think": lambda text: self.assistant({"type": "thinking", "thinking": text}),
            "plan": self.plan,
            "write": self.write,
            "edit": self.edit,
            "bash": self.bash,
            "ask": self.ask,
            "sleep": self.sleep,
            "wait": self.wait,
            "flood": self.flood,
            "recall": lambda _: self.text(f"I have seen {len(self.history())} prompts."),
            "overloaded": self.overloaded,
            "fail": self.fail,
            "garbage": lambda _: pipes.raw(b'\xff\xfe\x00 no message\n{"type":\n[1,2]\n"x"\n\n'),
            "stderr": lambda text: print(text, file=sys.stderr, flush=True),
            "exit": lambda code: os._exit(int(code)),
        }

    # --- turns -----------------------------------------------------------------------------------

    def run(self) -> None:
        while (prompt := self.pipes.prompt()) is not None:
            self.turn(prompt)

    def turn(self, prompt: str) -> None:
        self.remember(prompt)
        self.system("init", cwd=str(Path.cwd()), model=MODEL, permissionMode="default", tools=[])
        before, self.said, self.denials = self.steps, "", []
        steps = scripted(prompt) or self.script or [{"text": f"I would now do: {prompt}"}]
        try:
            self.act(list(steps))
        except Interrupted:
            self.said = ""
            self.result(before, "error_during_execution", terminal_reason="aborted_tools")
        except TurnFailed as error:
            self.assistant({"type": "text", "text": str(error)}, error="server_error")
            self.said = str(error)
            self.result(before, "success", failed=True, api_error_status=error.status)
        else:
            self.result(before, "success", terminal_reason="completed")

    def act(self, steps: list[Message]) -> None:
        while steps:
            for kind, what in steps.pop(0).items():
                self.steps += 1
                self.perform[kind](what)
            self.pipes.drain()
            if steps and "wait" in steps[0]:
                continue  # that step hears what was said
            for text in self.pipes.told():
                steps += scripted(text) or [{"text": f"Heard: {text}"}]

    def result(self, before: int, subtype: str, *, failed: bool = False, **more: Any) -> None:
        taken = self.steps - before
        tokens = {"inputTokens": 100 * self.steps, "outputTokens": 20 * self.steps}
        self.say(
            "result",
            subtype=subtype,
            is_error=failed or subtype != "success",
            result=self.said,
            num_turns=taken,
            total_cost_usd=round(COST_PER_STEP * self.steps, 6),
            usage={"input_tokens": 100 * taken, "output_tokens": 20 * taken},
            modelUsage={MODEL: tokens},
            permission_denials=self.denials,
            **more,
        )

    # --- steps -----------------------------------------------------------------------------------

    def text(self, text: str) -> None:
        self.said = text
        self.assistant({"type": "text", "text": text})

    def flood(self, lines: int) -> None:
        for number in range(lines):
            self.text(f"line {number}")

    def plan(self, steps: list[str]) -> None:
        todos = [{"content": step, "status": "pending", "activeForm": step} for step in steps]
        tool_id = self.use("TodoWrite", {"todos": todos})
        self.tool_result(tool_id, "Todos have been modified successfully")

    def write(self, what: Message) -> None:
        path = Path.cwd() / what["path"]
        given = {"file_path": str(path), "content": what["content"]}
        tool_id = self.use("Write", given)
        if self.allowed("Write", given, tool_id) is None:
            return
        old = path.read_text() if path.exists() else None
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(what["content"])
        self.edited(tool_id, path, old, what["content"])

    def edit(self, what: Message) -> None:
        path = Path.cwd() / what["path"]
        given = {"file_path": str(path), "old_string": what["old"], "new_string": what["new"]}
        tool_id = self.use("Edit", given)
        old = path.read_text() if path.exists() else ""
        if old.count(what["old"]) != 1:
            self.tool_result(tool_id, "String to replace not found in file.", failed=True)
            return
        if self.allowed("Edit", given, tool_id) is None:
            return
        new = old.replace(what["old"], what["new"])
        path.write_text(new)
        self.edited(tool_id, path, old, new)

    def edited(self, tool_id: str, path: Path, old: str | None, new: str) -> None:
        structured = {
            "type": "create" if old is None else "update",
            "filePath": str(path),
            "content": new,
            "structuredPatch": [] if old is None else hunks(old, new),
            "originalFile": old,
        }
        self.tool_result(tool_id, f"The file {path} has been updated.", structured)

    def bash(self, command: str) -> None:
        given = {"command": command, "description": "a step of the script"}
        tool_id = self.use("Bash", given)
        if self.allowed("Bash", given, tool_id) is None:
            return
        process = subprocess.Popen(
            ["/bin/sh", "-c", command],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            start_new_session=True,  # as the real ones do
        )
        output: list[bytes] = []
        reader = threading.Thread(target=lambda: output.append(process.stdout.read()))  # type: ignore[union-attr]
        reader.start()
        try:
            while process.poll() is None:
                self.pipes.pump(0.02)
        except Interrupted:
            os.killpg(process.pid, signal.SIGKILL)
            self.tool_result(tool_id, "The tool use was rejected.", failed=True)
            raise
        finally:
            process.wait()
            reader.join(timeout=1)
        printed = b"".join(output).decode(errors="replace")
        if process.returncode:
            self.tool_result(tool_id, f"Exit code {process.returncode}\n{printed}", failed=True)
        else:
            self.tool_result(tool_id, printed, {"stdout": printed, "stderr": ""})

    def ask(self, what: Message) -> None:
        options = [{"label": label, "description": ""} for label in what.get("options", [])]
        asked = {"question": what["question"], "header": "", "options": options}
        given = {"questions": [asked]}
        tool_id = self.use("AskUserQuestion", given)
        answered = self.allowed("AskUserQuestion", given, tool_id)
        if answered is not None:
            answer = answered.get("answers", {}).get(what["question"], "")
            self.tool_result(tool_id, f"The owner answered: {answer}")
            self.text(f"You said: {answer}")

    def sleep(self, seconds: float) -> None:
        end = time.monotonic() + seconds
        while (left := end - time.monotonic()) > 0:
            self.pipes.pump(min(left, 0.05))

    def wait(self, words: str) -> None:
        self.pipes.wait_until_told()
        for text in self.pipes.told():
            self.text(f"{words} {text}")

    def overloaded(self, when: str) -> None:
        if when == "once" and self.resumed:
            return
        delay = {"attempt": 1, "max_retries": 1, "retry_delay_ms": 10}
        self.system("api_retry", error="overloaded", error_status=529, **delay)
        raise TurnFailed("API Error: 529 Overloaded", 529)

    def fail(self, message: str) -> None:
        raise TurnFailed(message)

    # --- messages --------------------------------------------------------------------------------

    def say(self, kind: str, **more: Any) -> None:
        ids = {"session_id": self.session_id, "uuid": str(uuid.uuid4())}
        self.pipes.say({"type": kind, **more, **ids})

    def system(self, subtype: str, **more: Any) -> None:
        self.say("system", subtype=subtype, **more)

    def assistant(self, block: Message, **more: Any) -> None:
        message = {"id": f"msg_{uuid.uuid4().hex[:12]}", "role": "assistant", "content": [block]}
        self.say("assistant", message=message, parent_tool_use_id=None, **more)

    def use(self, name: str, given: Message) -> str:
        tool_id = f"toolu_{uuid.uuid4().hex[:12]}"
        self.assistant({"type": "tool_use", "id": tool_id, "name": name, "input": given})
        return tool_id

    def tool_result(
        self, tool_id: str, text: str, structured: Any = None, *, failed: bool = False
    ) -> None:
        block: Message = {"type": "tool_result", "tool_use_id": tool_id, "content": text}
        if failed:
            block["is_error"] = True
        message = {"role": "user", "content": [block]}
        self.say("user", message=message, parent_tool_use_id=None, tool_use_result=structured)

    def allowed(self, name: str, given: Message, tool_id: str) -> Message | None:
        """Ask for permission. Returns the input to use, None when it was denied."""
        request_id = str(uuid.uuid4())
        request = {"subtype": "can_use_tool", "tool_name": name, "input": given}
        request["tool_use_id"] = tool_id
        self.pipes.say({"type": "control_request", "request_id": request_id, "request": request})
        try:
            answer = self.pipes.answer(request_id)
        except Interrupted:
            self.pipes.say({"type": "control_cancel_request", "request_id": request_id})
            raise
        if answer.get("behavior") == "allow":
            updated: Message = answer.get("updatedInput", given)
            return updated
        self.denials.append({"tool_name": name, "tool_use_id": tool_id, "tool_input": given})
        self.tool_result(tool_id, answer.get("message", "denied"), failed=True)
        return None

    # --- memory ----------------------------------------------------------------------------------

    def memory(self) -> Path | None:
        """Where this session's prompts are kept; None without a folder of the agent's own."""
        folder = os.environ.get("CLAUDE_CONFIG_DIR")
        return Path(folder) / "rehearsal" / f"{self.session_id}.json" if folder else None

    def history(self) -> list[str]:
        file = self.memory()
        return json.loads(file.read_text()) if file and file.exists() else []

    def remember(self, prompt: str) -> None:
        if file := self.memory():
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_text(json.dumps([*self.history(), prompt]))


def scripted(prompt: str) -> list[Message]:
    """The script inside a prompt; empty without one."""
    _, found, rest = prompt.partition("@@SCRIPT")
    body, closed, _ = rest.partition("@@")
    return read_script(body) if found and closed else []


def read_script(body: str) -> list[Message]:
    steps = json.loads(body)
    return list(steps["steps"] if isinstance(steps, dict) else steps)


def hunks(old: str, new: str) -> list[Message]:
    """Claude's `structuredPatch`."""
    before, after = old.splitlines(), new.splitlines()
    patches = []
    for group in SequenceMatcher(None, before, after).get_grouped_opcodes(3):
        lines: list[str] = []
        for tag, a, b, c, d in group:
            if tag == "equal":
                lines += [f" {line}" for line in before[a:b]]
            else:
                lines += [f"-{line}" for line in before[a:b]] + [f"+{line}" for line in after[c:d]]
        first, last = group[0], group[-1]
        patches.append(
            {
                "oldStart": first[1] + 1,
                "oldLines": last[2] - first[1],
                "newStart": first[3] + 1,
                "newLines": last[4] - first[3],
                "lines": lines,
            }
        )
    return patches


def main() -> None:
    parser = argparse.ArgumentParser(description="A scripted stand-in for a coding agent.")
    parser.add_argument("--version", action="version", version=f"rehearsal {VERSION}")
    parser.add_argument("--session-id", default=str(uuid.uuid4()))
    parser.add_argument("--resume")
    parser.add_argument("--script", default=os.environ.get("GOFER_REHEARSAL"))
    parser.add_argument("--replay-user-messages", action="store_true")
    given, _ = parser.parse_known_args()  # the rest of Claude Code's arguments change nothing here
    script = read_script(Path(given.script).read_text()) if given.script else []
    session = given.resume or given.session_id
    pipes = Pipes(given.replay_user_messages)
    Rehearsal(pipes, session, bool(given.resume), script).run()


if __name__ == "__main__":
    main()
