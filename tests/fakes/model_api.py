"""A loopback stand-in for the models' APIs: Anthropic's, OpenAI's and Gemini's, streaming.

It says what the script in the conversation says (`model_script`). `requests` holds what came, for
tests to look at.
"""

from __future__ import annotations

import json
import threading
from collections.abc import Iterable
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import TracebackType
from typing import Any, Self
from urllib.parse import urlsplit

from tests.fakes import model_anthropic, model_gemini, model_openai
from tests.fakes.model_script import Fail, Script

APIS = (model_anthropic, model_openai, model_gemini)


class ModelApi:
    """A running server. `url` has no trailing slash and no version in it."""

    def __init__(self) -> None:
        self.script = Script()
        self.requests: list[tuple[str, dict[str, Any]]] = []
        self._lock = threading.Lock()
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), self._handler())
        self._server.daemon_threads = True
        self.url = f"http://127.0.0.1:{self._server.server_address[1]}"

    def __enter__(self) -> Self:
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.05,))
        self._thread.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()

    def respond(self, path: str, body: dict[str, Any]) -> tuple[int, str, Iterable[bytes]]:
        """(status, content type, parts of the body)."""
        with self._lock:
            self.requests.append((path, body))
        for api in APIS:
            if not api.serves(path):
                continue
            if (other := api.other(path, body)) is not None:
                return 200, "application/json", [json.dumps(other).encode()]
            with self._lock:
                reply = self.script.reply(api.turns(body), api.tools(body))
            if isinstance(reply, Fail):
                error = api.error(reply.status)
                return reply.status, "application/json", [json.dumps(error).encode()]
            if api.streams(path, body):
                return 200, "text/event-stream", api.stream(path, body, reply)
            return 200, "application/json", [json.dumps(api.whole(path, body, reply)).encode()]
        return 404, "application/json", [b'{"error":{"message":"no such path","type":"not_found"}}']

    def _handler(api) -> type[BaseHTTPRequestHandler]:  # noqa: N805 - the handler has a self too
        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.0"

            def do_POST(self) -> None:
                length = int(self.headers.get("content-length") or 0)
                sent = self.rfile.read(length)
                try:
                    body = json.loads(sent) if sent else {}
                except ValueError:
                    body = {}
                self._answer(body)

            def do_GET(self) -> None:
                self._answer({})

            def do_HEAD(self) -> None:
                self.send_response(200)
                self.end_headers()

            def _answer(self, body: dict[str, Any]) -> None:
                status, kind, parts = api.respond(urlsplit(self.path).path, body)
                try:
                    self.send_response(status)
                    self.send_header("content-type", kind)
                    self.send_header("connection", "close")
                    self.end_headers()
                    for part in parts:
                        self.wfile.write(part)
                        self.wfile.flush()
                except ConnectionError:
                    self.close_connection = True  # the agent was interrupted

            def log_message(self, *_: object) -> None:
                """Quiet."""

        return Handler
