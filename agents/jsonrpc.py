"""What Codex's app-server and the Agent Client Protocol share: JSON-RPC over lines, both ways.

Calls of ours are numbered 1, 2, 3 …; the agent numbers its own. What a person says before the
conversation stands, or while a turn runs that cannot be steered, waits in `unheard`.
"""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Mapping
from typing import Any, ClassVar

from agents.driver import Machine, short_id, without_memory
from agents.fields import Json, dump, get, parse, text
from core.model import AgentEvent, Outcome, Request, RequestWithdrawn, RunSpec, TurnEnded

METHOD_NOT_FOUND = -32601
RpcId = int | str


class JsonRpc(Machine):
    version: ClassVar[Json] = {"jsonrpc": "2.0"}
    client: ClassVar[Json] = {"name": "gofer", "title": "Gofer", "version": "1"}
    silent: ClassVar[frozenset[str]] = frozenset()
    """Notifications that are known and mean nothing to us."""

    def __init__(self, spec: RunSpec, *, sandboxed: bool, options: Mapping[str, Any]) -> None:
        super().__init__(spec, sandboxed=sandboxed, options=options)
        self._last_id = 0
        self._calls: dict[RpcId, str] = {}  # ours that wait for their result
        self._asked: dict[str, tuple[RpcId, Json]] = {}  # request id -> the agent's id, parameters
        self._posed = 0  # requests of the agent's so far
        self._opening: str | None = spec.prompt  # until it is sent
        self._broken_off = False  # before a turn began

    # --- to the agent ----------------------------------------------------------------------------

    def _call(self, method: str, params: Json) -> None:
        message = {**self.version, "id": self._last_id + 1, "method": method, "params": params}
        self._send(dump(message))

    def _notify(self, method: str, params: Json | None = None) -> None:
        message = {**self.version, "method": method}
        self._send(dump(message if params is None else {**message, "params": params}))

    def _respond(self, rpc_id: RpcId, result: Any) -> None:
        self._send(dump({**self.version, "id": rpc_id, "result": result}))

    def _refuse(self, rpc_id: RpcId, method: str) -> None:
        self.unknown[method] += 1
        error = {"code": METHOD_NOT_FOUND, "message": f"Gofer does not offer {method}."}
        self._send(dump({**self.version, "id": rpc_id, "error": error}))

    def _on_sent(self, line: bytes) -> None:
        message = parse(line)
        method, rpc_id = text(message, "method"), get(message, "id")
        if method and isinstance(rpc_id, int):
            self._last_id = max(self._last_id, rpc_id)
            self._calls[rpc_id] = method
            self._on_call(rpc_id, method)
        elif method:
            self._on_notify(method)
        else:
            self._on_answered(self._forget(rpc_id), get(message, "result"))

    def _on_call(self, rpc_id: RpcId, method: str) -> None:
        """A call of ours went out."""

    def _on_notify(self, method: str) -> None:
        """A notification of ours went out."""

    def _on_answered(self, request_id: str | None, result: Any) -> None:
        """An answer of ours went out."""

    def _ask(self, rpc_id: RpcId, params: Json, *, about: str) -> str:
        """Keep a request of the agent's until it is answered. Returns our id for it."""
        self._posed += 1
        request_id = short_id(about, rpc_id, self._posed)
        self._asked[request_id] = (rpc_id, params)
        return request_id

    def _forget(self, rpc_id: Any) -> str | None:
        for request_id, (known, _) in self._asked.items():
            if known == rpc_id:
                del self._asked[request_id]
                self.requests.pop(request_id, None)
                return request_id
        return None

    def _withdraw_all(self) -> tuple[AgentEvent, ...]:
        self._asked.clear()
        return super()._withdraw_all()

    def _pose(self, request: Request) -> tuple[AgentEvent, ...]:
        self.requests[request.request_id] = request
        return (request,)

    def _resolved(self, rpc_id: Any) -> tuple[AgentEvent, ...]:
        """The agent itself took a request back."""
        request_id = self._forget(rpc_id)
        return (RequestWithdrawn(request_id),) if request_id else ()

    def _break_off(self) -> None:
        """Interrupted before a turn began: what was to be said is not."""
        self._opening, self.unheard, self._broken_off = None, (), True

    def _ended_early(self) -> list[AgentEvent]:
        """The conversation stands: the end of a turn that was broken off before it began."""
        broken_off, self._broken_off = self._broken_off, False
        if not broken_off or self.unheard:
            return []
        self.running = False
        return [TurnEnded(Outcome.CANCELLED)]

    def _lose_memory(self) -> None:
        if self._opening is not None:
            self._opening = without_memory(self._opening)

    def _next_words(self) -> str:
        """All that waits to be said."""
        words = [self._opening] if self._opening is not None else []
        told = "\n\n".join((*words, *self.unheard))
        self._opening, self.unheard = None, ()
        return told

    # --- from the agent --------------------------------------------------------------------------

    def feed(self, line: bytes) -> tuple[AgentEvent, ...]:
        message = parse(line)
        if message is None:
            self.unknown["not json"] += bool(line.strip())
            return ()
        method, rpc_id = text(message, "method"), get(message, "id")
        params = get(message, "params")
        params = params if isinstance(params, dict) else {}
        if not isinstance(rpc_id, int | str):
            if method in self.silent:
                return ()
            if method:
                return tuple(self._on_notification(method, params))
        elif method:
            return tuple(self._on_request(rpc_id, method, params))
        elif called := self._calls.pop(rpc_id, None):
            if "error" in message:
                return tuple(self._on_error(called, rpc_id, get(message, "error")))
            return tuple(self._on_result(called, rpc_id, get(message, "result")))
        self.unknown["message without a method"] += 1
        return ()

    @abstractmethod
    def _on_notification(self, method: str, params: Json) -> list[AgentEvent]: ...

    @abstractmethod
    def _on_request(self, rpc_id: RpcId, method: str, params: Json) -> list[AgentEvent]: ...

    @abstractmethod
    def _on_result(self, method: str, rpc_id: RpcId, result: Any) -> list[AgentEvent]: ...

    @abstractmethod
    def _on_error(self, method: str, rpc_id: RpcId, error: Any) -> list[AgentEvent]: ...
