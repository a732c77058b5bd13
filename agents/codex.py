"""Codex over its app-server: threads, turns and items over JSON-RPC.

A turn can be steered; a word that comes too late for that starts the next turn, before any
`TurnEnded`. Approval is asked for every command that is not known to be harmless and for every
edit (`untrusted`). Codex's own sandbox cannot work inside another one, so it is set aside where
ours is in force, and confines it where ours is not. Token counts are totals of the thread.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any, ClassVar

from agents import codex_items as threads
from agents.driver import short_id
from agents.fields import Json, count, get, items, text
from agents.jsonrpc import JsonRpc, RpcId
from agents.trouble import LOGIN_STATUS, judge
from core.model import (
    AgentEvent,
    Decision,
    Outcome,
    Plan,
    PlanStep,
    Request,
    RunSpec,
    SessionStarted,
    Tokens,
    Trouble,
    TurnEnded,
    Usage,
)

LOGIN = "Log in with `codex login` in a terminal, or set OPENAI_API_KEY where Gofer runs."
NO_MEMORY = "Codex cannot take up its earlier thread; it starts without that memory."
PLAN_STATUS = {"inProgress": "active", "completed": "done"}
BEGINNINGS = ("initialize", "thread/start", "turn/start")
TRANSIENT = frozenset(
    {
        "rateLimitExceeded",
        "serverOverloaded",
        "flexUnavailable",
        "internalServerError",
        "httpConnectionFailed",
        "responseStreamConnectionFailed",
        "responseStreamDisconnected",
        "responseTooManyFailedAttempts",
        "policyCapacityUnavailable",
    }
)


class Codex(JsonRpc):
    tried_with = "codex 0.169.0"
    version: ClassVar[Json] = {}
    silent = threads.SILENT

    def __init__(self, spec: RunSpec, *, sandboxed: bool, options: Mapping[str, Any]) -> None:
        super().__init__(spec, sandboxed=sandboxed, options=options)
        self._thread: str | None = None
        self._turn: str | None = None
        self._latest_turn = ""  # running or not
        self._starting = False  # a turn was asked for and has no id yet
        self._steering: dict[RpcId, str] = {}  # words on their way into the turn
        self._items: dict[str, Json] = {}  # that have started and not ended
        self._answer = ""
        self._total = Tokens()

    def arguments(self) -> tuple[str, ...]:
        return ("app-server",)

    def open(self) -> None:
        self.running = True
        self._call("initialize", {"clientInfo": self.client})

    def tell(self, text: str) -> None:
        self.running = True
        if self._turn is not None and self._thread is not None:
            where = {"threadId": self._thread, "expectedTurnId": self._turn}
            self._call("turn/steer", {**where, "input": words(text)})
            self._steering[self._last_id] = text
        else:
            self.unheard = (*self.unheard, text)
            self._start_turn()

    def interrupt(self) -> None:
        if self._turn is not None:
            self._call("turn/interrupt", {"threadId": self._thread, "turnId": self._turn})
        elif self.running:
            self._break_off()

    def _start_turn(self) -> None:
        waits = self._opening is not None or self.unheard
        if waits and self._thread is not None and self._turn is None and not self._starting:
            given = words(self._next_words())
            self._call("turn/start", {"threadId": self._thread, "input": given})

    def _begin_thread(self, method: str) -> None:
        # Codex cannot confine a command inside our sandbox: it would run none and say "completed".
        sandbox = "danger-full-access" if self.sandboxed else "workspace-write"
        how = {"cwd": str(self.root), "approvalPolicy": "untrusted", "sandbox": sandbox}
        thread = {"threadId": self.spec.session_id} if method == "thread/resume" else {}
        self._call(method, {**thread, **how})

    def _reply(self, request: Request, decision: Decision, text: str) -> None:
        rpc_id, params = self._asked[request.request_id]
        if request.kind is None:
            self._respond(rpc_id, {"answers": threads.answers(params, decision, text)})
            return
        self._respond(rpc_id, {"decision": "accept" if decision is Decision.ALLOW else "decline"})
        if decision is Decision.DENY and text:
            self.tell(text)  # the answer itself has no place for it

    def _on_call(self, rpc_id: RpcId, method: str) -> None:
        if method == "turn/start":
            self.running = self._starting = True
            self._opening = None
            self._answer = ""

    # --- what Codex says -------------------------------------------------------------------------

    def _on_result(self, method: str, rpc_id: RpcId, result: Any) -> list[AgentEvent]:
        match method:
            case "initialize":
                self._notify("initialized")
                self._begin_thread("thread/resume" if self.spec.resume else "thread/start")
            case "thread/start" | "thread/resume":
                self._thread = text(result, "thread", "id")
                self._start_turn()
                started = SessionStarted(self._thread, text(result, "model") or None)
                return [started, *([] if self._starting else self._ended_early())]
            case "turn/start":
                self._turn_started(text(result, "turn", "id"))
            case "turn/steer":
                self._steering.pop(rpc_id, None)
        return []

    def _on_error(self, method: str, rpc_id: RpcId, error: Any) -> list[AgentEvent]:
        if method == "thread/resume":
            self._lose_memory()
            self._begin_thread("thread/start")
            return [Trouble(NO_MEMORY, transient=False)]
        if method == "turn/steer":  # the turn was over
            if late := self._steering.pop(rpc_id, None):
                self.unheard = (*self.unheard, late)
                self._start_turn()
            return []
        if method not in BEGINNINGS:
            return []
        trouble = judge(text(error, "message"), login=LOGIN)
        return [trouble, *self._end_turn(Outcome.FAILED, trouble)]

    def _on_request(self, rpc_id: RpcId, method: str, params: Json) -> list[AgentEvent]:
        item_id = text(params, "itemId")
        item = self._items.get(item_id, {})
        match method:
            case "item/commandExecution/requestApproval":
                request = threads.command_request(params, item, self.root)
            case "item/fileChange/requestApproval":
                request = threads.edit_request(params, item, self.root)
            case "item/tool/requestUserInput" if items(params, "questions"):
                request = threads.question(params)
            case _:
                self._refuse(rpc_id, method)
                return []
        request_id = self._ask(rpc_id, params, about=item_id or short_id(method))
        return list(self._pose(replace(request, request_id=request_id)))

    def _on_notification(self, method: str, params: Json) -> list[AgentEvent]:
        if self._of_another_thread(params):
            return []
        match method:
            case "turn/started":
                self._turn_started(text(params, "turn", "id"))
            case "item/started":
                return self._item_started(get(params, "item"))
            case "item/completed":
                return self._item_completed(get(params, "item"))
            case "turn/plan/updated":
                return [plan(params)]
            case "thread/tokenUsage/updated":
                return self._usage(params)
            case "serverRequest/resolved":
                return list(self._resolved(get(params, "requestId")))
            case "error":
                return self._error(params)
            case "turn/completed":
                return self._turn_completed(get(params, "turn"))
            case _:
                self.unknown[method] += 1
        return []

    def _of_another_thread(self, params: Json) -> bool:
        """Subagents have threads of their own; what they do shows in the items of ours."""
        thread = text(params, "threadId")
        return bool(thread and self._thread and thread != self._thread)

    def _turn_started(self, turn: str) -> None:
        if self._starting and turn:
            self._turn = self._latest_turn = turn
            self._starting = False
            if self._broken_off:
                self._broken_off = False
                self.interrupt()

    def _item_started(self, item: Any) -> list[AgentEvent]:
        if not isinstance(item, dict):
            return []
        self._items[text(item, "id")] = item
        return threads.started(item, self.root)

    def _item_completed(self, item: Any) -> list[AgentEvent]:
        if not isinstance(item, dict):
            return []
        self._items.pop(text(item, "id"), None)
        if get(item, "type") == "agentMessage":
            self._answer = text(item, "text")
        return threads.completed(item, self.root)

    def _usage(self, params: Json) -> list[AgentEvent]:
        total = get(params, "tokenUsage", "total")
        cached = count(total, "cachedInputTokens")
        fresh = max(0, count(total, "inputTokens") - cached)
        now, before = Tokens(fresh, count(total, "outputTokens"), cached), self._total
        self._total = now
        if text(params, "turnId") != self._latest_turn:
            return []  # a resumed thread tells what its earlier turns used
        used = Tokens(
            max(0, now.input - before.input),
            max(0, now.output - before.output),
            max(0, now.cached - before.cached),
        )
        return [Usage(used)] if used != Tokens() else []

    def _error(self, params: Json) -> list[AgentEvent]:
        trouble = failure(get(params, "error"))
        return [trouble] if get(params, "willRetry") is True else []  # else `turn/completed` has it

    def _turn_completed(self, turn: Any) -> list[AgentEvent]:
        match text(turn, "status"):
            case "interrupted":
                return self._end_turn(Outcome.CANCELLED, None)
            case "failed":
                trouble = failure(get(turn, "error"))
                return [trouble, *self._end_turn(Outcome.FAILED, trouble)]
        return self._end_turn(Outcome.SUCCEEDED, None)

    def _end_turn(self, outcome: Outcome, trouble: Trouble | None) -> list[AgentEvent]:
        self._turn, self._starting, self._broken_off = None, False, False
        events = list(self._withdraw_all())
        for item in self._items.values():  # broken off
            events += threads.abandoned(item, self.root)
        self._items.clear()
        if outcome is not Outcome.FAILED and (self.unheard or self._steering):
            self._start_turn()  # where a steer came too late, Codex's answer to it does this
            return events
        self.running = False
        if trouble:
            return [*events, TurnEnded(outcome, trouble.message, trouble.transient)]
        return [*events, TurnEnded(outcome, self._answer)]


def words(told: str) -> list[Json]:
    return [{"type": "text", "text": told}]


def plan(params: Json) -> Plan:
    return Plan(
        tuple(
            PlanStep(text(step, "step"), PLAN_STATUS.get(text(step, "status"), "pending"))
            for step in items(params, "plan")
        )
    )


def failure(error: Any) -> Trouble:
    """`codexErrorInfo` is a word, or an object of one key that may know the HTTP status."""
    info = get(error, "codexErrorInfo")
    kind = info if isinstance(info, str) else ""
    status: int | None = None
    if isinstance(info, dict) and info:
        kind = next(iter(info))
        status = count(info, kind, "httpStatusCode") or None
    details = text(error, "additionalDetails")
    message = "\n".join(filter(None, (text(error, "message"), details)))
    if kind == "unauthorized":
        status = 401
    trouble = judge(message, status=status, login=LOGIN)
    if kind in TRANSIENT and status not in LOGIN_STATUS:
        return replace(trouble, message=message.strip() or trouble.message, transient=True)
    return trouble
