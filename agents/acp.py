"""The Agent Client Protocol, version 1: Gemini CLI, OpenCode, Qwen Code, Goose, Copilot and more.

The agent names the session; an earlier one is loaded where the agent can, and the history that it
then tells again is not reported. A turn cannot be steered: what is said meanwhile is the next
prompt, and no `TurnEnded` comes between. Permission is chosen by an option's kind, once and never
for good. The client's own files and terminals are not offered, whatever an agent asks.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from agents import acp_tools as tools
from agents.fields import Json, count, get, items, number, text
from agents.jsonrpc import JsonRpc, RpcId
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
    Trouble,
    TurnEnded,
    Usage,
)

HANDSHAKE = ("initialize", "session/new", "session/load")
AUTH_REQUIRED = -32000
FLUSH_AT = 400  # characters of a message that are gathered before they are reported
ALLOWING = ("allow_once", "allow_always")  # the first that is offered
DENYING = ("reject_once", "reject_always")
NO_MEMORY = "The agent cannot take up its earlier session; it starts without that memory."
STOPPED = {
    "max_tokens": "The agent reached its limit of tokens.",
    "max_turn_requests": "The agent reached its limit of requests in a turn.",
    "refusal": "The model refused to go on.",
}
HISTORY = ("user_message_chunk", "agent_message_chunk", "agent_thought_chunk", "tool_call", "plan")
SILENT_UPDATES = frozenset(
    {
        "available_commands_update",
        "config_option_update",
        "current_mode_update",
        "session_info_update",
        "user_message_chunk",
    }
)


class Acp(JsonRpc):
    tried_with = (
        "gemini-cli 0.61.0, opencode 1.18.33, qwen-code 0.15.10, claude-agent-acp 0.49.0, "
        "codex-acp 0.16.0"
    )

    def __init__(self, spec: RunSpec, *, sandboxed: bool, options: Mapping[str, Any]) -> None:
        super().__init__(spec, sandboxed=sandboxed, options=options)
        self._session: str | None = None
        self._logins: tuple[str, ...] = ()  # ways to log in, by the agent's own words
        self._loading = False  # it may still be telling the history of an earlier session
        self._history = 0  # messages of it since we last asked
        self._prompting = False
        self._interrupting = False
        self._withdrawn: list[str] = []  # requests that we took back, to be reported
        self._tools: dict[str, tools.Call] = {}
        self._said = ""  # not reported yet
        self._thought = ""
        self._answer = ""  # all that was said since the last tool
        self._tokens = Tokens()  # of this turn, as told along the way
        self._cost = 0.0  # of the session, as told

    @property
    def login(self) -> str:
        ways = f" ({'; '.join(self._logins)})" if self._logins else ""
        return f"Log in to {self.spec.agent} in a terminal, or let its key through{ways}."

    def open(self) -> None:
        self.running = True
        no_files = {"readTextFile": False, "writeTextFile": False}
        self._call(
            "initialize",
            {
                "protocolVersion": 1,
                "clientCapabilities": {"fs": no_files, "terminal": False},
                "clientInfo": self.client,
            },
        )

    def tell(self, text: str) -> None:
        self.running = True
        self.unheard = (*self.unheard, text)
        self._prompt()

    def interrupt(self) -> None:
        if self._prompting:
            self._notify("session/cancel", {"sessionId": self._session})
            for rpc_id, _ in tuple(self._asked.values()):
                self._respond(rpc_id, {"outcome": {"outcome": "cancelled"}})
        elif self.running:
            self._break_off()

    def ended(self, exit_code: int | None, reason: str, stderr_tail: str) -> tuple[AgentEvent, ...]:
        return (*self._flush(), *super().ended(exit_code, reason, stderr_tail))

    def _prompt(self) -> None:
        if self._session is None or self._prompting or self._loading:
            return
        if self._opening is None and not self.unheard:
            return
        words = [{"type": "text", "text": self._next_words()}]
        self._call("session/prompt", {"sessionId": self._session, "prompt": words})

    def _reply(self, request: Request, decision: Decision, text: str) -> None:
        rpc_id, params = self._asked[request.request_id]
        wanted = ALLOWING if decision is Decision.ALLOW else DENYING
        option = chosen(items(params, "options"), wanted)
        if option is None:
            self._respond(rpc_id, {"outcome": {"outcome": "cancelled"}})
        else:
            self._respond(rpc_id, {"outcome": {"outcome": "selected", "optionId": option}})
        if decision is Decision.DENY and text:
            self.unheard = (*self.unheard, text)  # the protocol has no place for it

    def _on_call(self, rpc_id: RpcId, method: str) -> None:
        if method == "session/prompt":
            self.running = self._prompting = True
            self._interrupting = False
            self._opening = None
            self._answer = ""

    def _on_notify(self, method: str) -> None:
        self._interrupting |= method == "session/cancel"

    def _on_answered(self, request_id: str | None, result: Any) -> None:
        if request_id and self._interrupting:
            self._withdrawn.append(request_id)

    # --- what the agent says ---------------------------------------------------------------------

    def feed(self, line: bytes) -> tuple[AgentEvent, ...]:
        withdrawn = tuple(RequestWithdrawn(request_id) for request_id in self._withdrawn)
        self._withdrawn.clear()
        return (*withdrawn, *super().feed(line))

    def _on_result(self, method: str, rpc_id: RpcId, result: Any) -> list[AgentEvent]:
        match method:
            case "initialize":
                return self._initialized(result)
            case "session/new":
                return self._begin(text(result, "sessionId"), result)
            case "session/load":
                return self._begin(self.spec.session_id, result)
            case "_gofer/ping":
                return self._settle()
            case "session/prompt":
                return self._turn_ended(result)
        return []

    def _initialized(self, result: Any) -> list[AgentEvent]:
        self._logins = tuple(
            text(way, "description") or text(way, "name") for way in items(result, "authMethods")
        )
        if self.spec.resume and get(result, "agentCapabilities", "loadSession") is True:
            self._loading = True
            self._history = 1  # at the least: ask once
            self._call("session/load", {"sessionId": self.spec.session_id, **self._where()})
            return []
        return self._new_session()

    def _new_session(self) -> list[AgentEvent]:
        self._call("session/new", self._where())
        if not self.spec.resume:
            return []
        self._lose_memory()
        return [Trouble(NO_MEMORY, transient=False)]

    def _where(self) -> Json:
        return {"cwd": str(self.root), "mcpServers": []}

    def _begin(self, session: str, result: Any) -> list[AgentEvent]:
        self._session = session
        mode = self.options.get("session_mode")
        offered = [text(one, "id") for one in items(result, "modes", "availableModes")]
        if mode in offered:
            self._call("session/set_mode", {"sessionId": session, "modeId": mode})
        started = SessionStarted(session, text(result, "models", "currentModelId") or None)
        return [started, *self._settle()]

    def _settle(self) -> list[AgentEvent]:
        """Prompt once the history is over. Gemini tells it behind the answer to `session/load`,
        without an end; when nothing of it came between a question and its answer, it is over.
        Every agent answers a method that it does not know.
        """
        if self._loading and self._history:
            self._history = 0
            self._call("_gofer/ping", {})
            return []
        self._loading = False
        ended = self._ended_early()
        self._prompt()
        return ended

    def _on_error(self, method: str, rpc_id: RpcId, error: Any) -> list[AgentEvent]:
        if method == "session/load":
            self._loading = False
            return self._new_session()
        if method == "_gofer/ping":
            return self._settle()
        if method not in (*HANDSHAKE, "session/prompt"):
            return []
        code = get(error, "code")
        details = text(error, "data", "details") or text(error, "data", "message")
        message = "\n".join(dict.fromkeys(filter(None, (text(error, "message"), details))))
        status = code if isinstance(code, int) and 400 <= code < 600 else None
        if code == AUTH_REQUIRED:
            status = 401
        return self._failed(judge(message, status=status, login=self.login))

    def _failed(self, trouble: Trouble) -> list[AgentEvent]:
        self.running = self._prompting = False
        ended = TurnEnded(Outcome.FAILED, trouble.message, trouble.transient)
        return [*self._flush(), *self._withdraw_all(), trouble, ended]

    def _turn_ended(self, result: Any) -> list[AgentEvent]:
        self._prompting = False
        events = [*self._flush(), *self._withdraw_all(), *self._abandoned()]
        events += self._turn_usage(result)
        reason = text(result, "stopReason")
        if self.unheard:
            self._prompt()
            return events
        if reason in STOPPED:
            return [*events, *self._failed(Trouble(STOPPED[reason], transient=False))]
        self.running = False
        outcome = Outcome.CANCELLED if self._interrupting else Outcome.SUCCEEDED
        return [*events, TurnEnded(outcome, self._answer.strip())]

    def _abandoned(self) -> list[AgentEvent]:
        """Tools whose end was never told: Gemini says no more of one that was not allowed."""
        left = [call for call in self._tools.values() if call.status == "started"]
        self._tools.clear()
        return [replace(call, status="failed").report(self.root) for call in left]

    def _turn_usage(self, result: Any) -> list[AgentEvent]:
        """What the end of a turn tells, else what was told along the way."""
        told = usage_tokens(get(result, "usage")) or usage_tokens(
            get(result, "_meta", "quota", "token_count")
        )
        tokens, self._tokens = told or self._tokens, Tokens()
        return [Usage(tokens)] if tokens != Tokens() else []

    def _on_request(self, rpc_id: RpcId, method: str, params: Json) -> list[AgentEvent]:
        if method != "session/request_permission":
            self._refuse(rpc_id, method)
            return []
        told = get(params, "toolCall")
        call_id = text(told, "toolCallId")
        events = self._tool(call_id, told if isinstance(told, dict) else {})
        request_id = self._ask(rpc_id, params, about=call_id)
        call = self._tools[call_id]
        return [*events, *self._pose(call.request(request_id, self.root))]

    def _on_notification(self, method: str, params: Json) -> list[AgentEvent]:
        if method != "session/update":
            self.unknown[method] += 1
            return []
        update = get(params, "update")
        update = update if isinstance(update, dict) else {}
        cost = number(update, "cost", "amount")
        if self._loading:
            self._history += get(update, "sessionUpdate") in HISTORY
            self._cost = self._cost if cost is None else cost
            return []
        return self._update(text(update, "sessionUpdate"), update, cost)

    def _update(self, kind: str, update: Json, cost: float | None) -> list[AgentEvent]:
        match kind:
            case "agent_message_chunk":
                self._tokens += usage_tokens(get(update, "_meta", "usage")) or Tokens()
                return self._say(text(update, "content", "text"))
            case "agent_thought_chunk":
                self._thought += text(update, "content", "text")
                return self._flush() if len(self._thought) > FLUSH_AT else []
            case "tool_call" | "tool_call_update":
                self._answer = ""
                return [*self._flush(), *self._tool(text(update, "toolCallId"), update)]
            case "plan":
                return [*self._flush(), tools.plan(update)]
            case "usage_update" if cost is not None:
                spent, self._cost = round(max(0.0, cost - self._cost), 9), cost
                return [Usage(cost_usd=spent)] if spent else []
        if kind not in SILENT_UPDATES and kind != "usage_update":
            self.unknown[f"session/update {kind}"] += 1
        return []

    def _say(self, chunk: str) -> list[AgentEvent]:
        thoughts: list[AgentEvent] = self._flush() if self._thought and chunk else []
        self._said += chunk
        self._answer += chunk
        if len(self._said) < FLUSH_AT:
            return thoughts
        if len(self._said) > 10 * FLUSH_AT:
            return [*thoughts, *self._flush()]
        whole, _, self._said = self._said.rpartition("\n")
        return [*thoughts, Text(whole)] if whole.strip() else thoughts

    def _flush(self) -> list[AgentEvent]:
        events: list[AgentEvent] = []
        if self._thought.strip():
            events.append(Thinking(self._thought))
        if self._said.strip():
            events.append(Text(self._said))
        self._thought = self._said = ""
        return events

    def _tool(self, call_id: str, update: Json) -> list[AgentEvent]:
        known = self._tools.get(call_id)
        call = (known or tools.Call(call_id)).updated(update)
        self._tools[call_id] = call
        events: list[AgentEvent] = []
        if known is None or call.report(self.root) != known.report(self.root):
            events.append(call.report(self.root))
        ended = call.status != "started" and (known is None or known.status == "started")
        return events + call.results(self.root) if ended else events


def chosen(options: list[Json], kinds: tuple[str, ...]) -> str | None:
    for kind in kinds:
        for option in options:
            if get(option, "kind") == kind:
                return text(option, "optionId")
    return None


def usage_tokens(usage: Any) -> Tokens | None:
    """Agents write the same fields in two ways; None where there are none."""
    fresh = count(usage, "inputTokens") or count(usage, "input_tokens")
    written = count(usage, "outputTokens") or count(usage, "output_tokens")
    cached = count(usage, "cachedReadTokens") or count(usage, "cached_tokens")
    tokens = Tokens(fresh, written, cached)
    return tokens if tokens != Tokens() else None
