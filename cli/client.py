"""The commands' end of the hub's socket; says so when no hub is running."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import httpx

from core.config import Settings
from core.errors import GoferError, NoHub, UserError

ANSWER_TIMEOUT_S = 300.0  # a cancel waits for processes to end, a merge for git


class Hub:
    def __init__(self, http: httpx.Client) -> None:
        self._http = http

    def call(self, name: str, **arguments: Any) -> Any:
        """The JSON answer of one of `cli.hub.CALLS`. Raises UserError when it refuses,
        GoferError when it fails."""
        with _reachable():
            return _checked(self._http.post(f"/call/{name}", json=arguments))

    def follow(self, task: str, since: int = 0) -> Iterator[dict[str, Any]]:
        """A task's events from `since` on, live, until the task has ended."""
        query: dict[str, str | int] = {"task": task, "since": since}
        with (
            _reachable(),
            self._http.stream("GET", "/follow", params=query, timeout=None) as answer,
        ):
            if answer.is_error:
                answer.read()
                _checked(answer)
            for line in answer.iter_lines():
                if line:
                    yield json.loads(line)


@contextmanager
def open_hub(settings: Settings) -> Iterator[Hub]:
    transport = httpx.HTTPTransport(uds=str(settings.socket))
    with httpx.Client(
        transport=transport, base_url="http://gofer", timeout=ANSWER_TIMEOUT_S
    ) as http:
        yield Hub(http)


@contextmanager
def _reachable() -> Iterator[None]:
    try:
        yield
    except UnicodeEncodeError:
        raise UserError("What you typed holds bytes that are no UTF-8 text; mend them.") from None
    except httpx.ConnectError:
        raise NoHub() from None
    except httpx.TransportError as error:
        raise GoferError(f"The hub stopped answering ({type(error).__name__}).") from None


def _checked(answer: httpx.Response) -> Any:
    if answer.is_success:
        return answer.json()
    try:
        error = answer.json()["error"]
        message, refused = error["message"], error["refused"]
    except (ValueError, KeyError, TypeError):
        raise GoferError(f"The hub failed ({answer.status_code}); its log says why.") from None
    raise UserError(message) if refused else GoferError(message)
