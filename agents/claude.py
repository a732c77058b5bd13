"""Claude Code over stdio: its two-way stream of JSON lines.

The session id is chosen by Gofer; permission is asked over the same pipe (`can_use_tool`); a user
line sent while a turn runs steers it. Each user line comes back when Claude has taken it in, so a
`result` that arrives while one is still unheard does not end the turn: Claude goes on with it by
itself. `total_cost_usd` and `modelUsage` count up over the process; usage is
what they grew by. `claude_tools.py` knows the tools, this module the conversation.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from agents import claude_tools as tools
from agents.driver import Machine, short_id
from agents.fields import Json, count, dump, get, items, number, parse, strings, text
from agents.trouble import judge
from core.model import (
    AgentEvent,
    Decision,
    Outcome,
    Request,
    RequestWithdrawn,
    RunSpec,
    SessionStarted,
    Text,
    Thinking,
    Tokens,
    TurnEnded,
    Usage,
)

LOGIN = (
    "Log in with `claude` in a terminal and then /login, or set ANTHROPIC_API_KEY where Gofer runs."
)
DENIED = "The owner of this machine did not allow this."
NO_SESSION = "No conversation found with session ID"  # with --resume
SESSION_TAKEN = "is already in use"  # with --session-id; said on standard error
UNANSWERED = "The owner did not answer; go on as you think best, or end here."
SILENT = frozenset({
    "control_cancel_request", "control_response", "keep_alive", "auth_status", "prompt_suggestion",
    "stream_event", "streamlined_text", "tool_progress", "tool_use_summary",
    *(
        f"system/{name}"
        for name in (
            "status", "task_started", "task_notification", "task_progress", "task_updated",
            "compact_boundary", "hook_started", "hook_progress", "hook_response",
            "local_command_output", "session_state_changed", "files_persisted",
            "thinking_tokens", "commands_changed",
        )
    ),
})  # fmt: skip


class Claude(Machine):
    tried_with = "claude-code 2.1.197"

    def __init__(self, spec: RunSpec, *, sandboxed: bool, options: Mapping[str, Any]) -> None:
        super().__init__(spec, sandboxed=sandboxed, options=options)
        self._asked: dict[str, tuple[str, Json]] = {}  # request id -> Claude's id, tool input
        self._calls: dict[str, tools.Call] = {}  # uses of tools that have not ended
        self._session: str | None = None
        self._tokens, self._cost = Tokens(), 0.0  # as counted by the process so far
        self._lines = 0  # of ours
        self._unheard = 0  # user lines that Claude has not taken in yet
        self._echoes = False  # it tells which user lines it has taken in
        self._interrupting = False

    def arguments(self) -> tuple[str, ...]:
        session = "--resume" if self.spec.resume else "--session-id"
        return (
            *("--output-format", "stream-json", "--input-format", "stream-json", "--verbose"),
            *("--permission-prompt-tool", "stdio", "--permission-mode", "default"),
            *("--replay-user-messages", session, self.spec.session_id),
        )

    def open(self) -> None:
        self._control({"subtype": "initialize", "hooks": None})
        self.tell(self.spec.prompt)

    def tell(self, text: str) -> None:
        self._send(
            dump(
                {
                    "type": "user",
                    "message": {"role": "user", "content": text},
                    "parent_tool_use_id": None,
                    "session_id": "",
                }
            )
        )

    def interrupt(self) -> None:
        if self.running:
            self._control({"subtype": "interrupt"})

    def ended(self, exit_code: int | None, reason: str, stderr_tail: str) -> tuple[AgentEvent, ...]:
        self.session_mismatch |= self.running and SESSION_TAKEN in stderr_tail
        return super().ended(exit_code, reason, stderr_tail)

    def _control(self, request: Json) -> None:
        request_id = f"gofer-{self._lines + 1}"
        self._send(dump({"type": "control_request", "request_id": request_id, "request": request}))

    def _reply(self, request: Request, decision: Decision, text: str) -> None:
        claude_id, tool_input = self._asked[request.request_id]
        if decision is Decision.DENY:
            reason = text or (DENIED if request.kind else UNANSWERED)
            answer: Json = {"behavior": "deny", "message": reason, "interrupt": False}
        elif request.kind is None:
            answered = tools.answered(tool_input, text)
            answer = {"behavior": "allow", "updatedInput": answered}
        else:
            answer = {"behavior": "allow", "updatedInput": tool_input}
        self._respond({"subtype": "success", "request_id": claude_id, "response": answer})

    def _respond(self, response: Json) -> None:
        self._send(dump({"type": "control_response", "response": response}))

    def _on_sent(self, line: bytes) -> None:
        message = parse(line)
        self._lines += 1
        match get(message, "type"):
            case "user":
                self.running = True
                self._unheard += 1
            case "control_request" if get(message, "request", "subtype") == "interrupt":
                self._interrupting = True
            case "control_response":
                self._forget(text(message, "response", "request_id"))

    def _forget(self, claude_id: str) -> str | None:
        """Drop an open request by Claude's id for it. Returns ours."""
        for request_id, (known, _) in self._asked.items():
            if known == claude_id:
                del self._asked[request_id]
                self.requests.pop(request_id, None)
                return request_id
        return None

    # --- what Claude says ------------------------------------------------------------------------

    def feed(self, line: bytes) -> tuple[AgentEvent, ...]:
        message = parse(line)
        if message is None:
            self.unknown["not json"] += bool(line.strip())
            return ()
        match get(message, "type"):
            case "assistant":
                return tuple(self._assistant(message))
            case "user":
                return tuple(self._user(message))
            case "result":
                return self._result(message)
            case "system" if get(message, "subtype") == "init":
                return self._init(message)
            case "system" if get(message, "subtype") == "api_retry":
                return (self._retry(message),)
            case "control_request":
                return self._control_request(message)
            case "control_cancel_request":
                request_id = self._forget(text(message, "request_id"))
                return (RequestWithdrawn(request_id),) if request_id else ()
            case "rate_limit_event":
                return self._rate_limit(message)
        kind = "/".join(filter(None, (text(message, "type"), text(message, "subtype"))))
        if kind not in SILENT:
            self.unknown[kind] += 1
        return ()

    def _init(self, message: Json) -> tuple[AgentEvent, ...]:
        session = text(message, "session_id")
        if session == self._session:
            return ()  # it comes again with every turn
        self._session = session
        return (SessionStarted(session, text(message, "model") or None),)

    def _assistant(self, message: Json) -> list[AgentEvent]:
        if text(message, "error"):
            return []  # an API error in words; the result that follows has it too
        by_subagent = bool(text(message, "parent_tool_use_id"))
        events: list[AgentEvent] = []
        for block in items(message, "message", "content"):
            match get(block, "type"):
                case "text":
                    said = text(block, "text")
                    if said.strip():
                        events.append(Thinking(said) if by_subagent else Text(said))
                case "thinking":
                    if thought := text(block, "thinking"):
                        events.append(Thinking(thought))
                case "tool_use":
                    call = tools.Call.read(block)
                    self._calls[call.id] = call
                    events += call.started(self.root)
                case kind:
                    self.unknown[f"assistant/{kind}"] += 1
        return events

    def _user(self, message: Json) -> list[AgentEvent]:
        if get(message, "isReplay") is True:
            self._echoes = True
            self._unheard = max(0, self._unheard - 1)
            return []
        events: list[AgentEvent] = []
        for block in items(message, "message", "content"):
            if get(block, "type") == "tool_result":
                call = self._calls.pop(text(block, "tool_use_id"), None)
                if call:
                    events += call.ended(block, get(message, "tool_use_result"), self.root)
        return events

    def _control_request(self, message: Json) -> tuple[AgentEvent, ...]:
        claude_id = text(message, "request_id")
        asked = get(message, "request")
        if get(asked, "subtype") != "can_use_tool":
            kind = text(asked, "subtype")
            self.unknown[f"control_request/{kind}"] += 1
            refusal = f"Gofer does not know {kind}."
            self._respond({"subtype": "error", "request_id": claude_id, "error": refusal})
            return ()
        request = tools.request(short_id(claude_id), asked, self.root)
        tool_input = get(asked, "input")
        self._asked[request.request_id] = (
            claude_id,
            tool_input if isinstance(tool_input, dict) else {},
        )
        self.requests[request.request_id] = request
        return (request,)

    def _retry(self, message: Json) -> AgentEvent:
        what = text(message, "error").replace("_", " ") or "The model's API did not answer"
        status = count(message, "error_status") or None
        delay = number(message, "retry_delay_ms")
        code = f" (HTTP {status})" if status else ""
        attempt, most = count(message, "attempt"), count(message, "max_retries")
        return judge(
            f"{what}{code}; Claude tries again ({attempt} of {most}).",
            status=status,
            login=LOGIN,
            retry_after_s=None if delay is None else delay / 1000,
        )

    def _rate_limit(self, message: Json) -> tuple[AgentEvent, ...]:
        if text(message, "rate_limit_info", "status") != "rejected":
            return ()
        limit = text(message, "rate_limit_info", "rateLimitType").replace("_", " ")
        return (judge(f"Claude's rate limit is used up ({limit or 'unnamed'}).", login=LOGIN),)

    def _result(self, message: Json) -> tuple[AgentEvent, ...]:
        events: list[AgentEvent] = self._usage(message)
        if self._echoes and self._unheard:
            self._interrupting = False
            return tuple(events)  # it goes on by itself with what it was told meanwhile
        events += self._withdraw_all()
        self._asked.clear()
        for call in self._calls.values():  # broken off
            events += call.abandoned(self.root)
        self._calls.clear()
        events += self._verdict(message)
        self.running = self._interrupting = False
        self._unheard = 0
        return tuple(events)

    def _verdict(self, message: Json) -> list[AgentEvent]:
        said = text(message, "result")
        self.session_mismatch = any(NO_SESSION in one for one in strings(message, "errors"))
        aborted = text(message, "terminal_reason").startswith("aborted")
        failed = get(message, "is_error") is True or text(message, "subtype") != "success"
        if aborted or (failed and self._interrupting):
            return [TurnEnded(Outcome.CANCELLED, said)]
        if not failed:
            return [TurnEnded(Outcome.SUCCEEDED, said)]
        status = count(message, "api_error_status") or None
        trouble = judge(self._complaint(message), status=status, login=LOGIN)
        return [trouble, TurnEnded(Outcome.FAILED, trouble.message, trouble.transient)]

    def _complaint(self, message: Json) -> str:
        said = text(message, "result") or "\n".join(strings(message, "errors"))
        match text(message, "subtype"):
            case "error_max_turns":
                return "Claude reached its limit of turns."
            case "error_max_budget_usd":
                return "Claude reached its budget."
        return said or f"Claude ended its turn with {text(message, 'subtype') or 'an error'}."

    def _usage(self, message: Json) -> list[AgentEvent]:
        """What the process's counters grew by; subagents are in them."""
        models = get(message, "modelUsage")
        total = Tokens()
        for model in models.values() if isinstance(models, dict) else ():
            fresh = count(model, "inputTokens") + count(model, "cacheCreationInputTokens")
            total += Tokens(
                fresh, count(model, "outputTokens"), count(model, "cacheReadInputTokens")
            )
        if total == Tokens():  # an older version: this turn alone
            usage = get(message, "usage")
            fresh = count(usage, "input_tokens") + count(usage, "cache_creation_input_tokens")
            turn = Tokens(
                fresh, count(usage, "output_tokens"), count(usage, "cache_read_input_tokens")
            )
        else:
            before, self._tokens = self._tokens, total
            turn = Tokens(
                max(0, total.input - before.input),
                max(0, total.output - before.output),
                max(0, total.cached - before.cached),
            )
        cost = number(message, "total_cost_usd")
        spent = None
        if cost is not None:
            spent, self._cost = round(max(0.0, cost - self._cost), 9), cost
        return [Usage(turn, spent)] if spent or turn != Tokens() else []
