"""Who may talk to the HTTP port: whoever shows the bearer token. There is no open mode.

Owns the token (the one in the settings, else one made here and kept in the home, readable by its
owner alone) and the check. Where a request comes from never counts: a tunnel comes from loopback.
"""

from __future__ import annotations

import secrets
from collections.abc import Collection
from pathlib import Path

from starlette.datastructures import Headers
from starlette.responses import JSONResponse
from starlette.types import ASGIApp, Receive, Scope, Send

from core.config import Settings
from core.redact import register

TOKEN_FILE = "mcp-token"  # noqa: S105 - a file's name


def token_of(settings: Settings) -> str:
    """The token of the settings, else the generated one, which is made on first use."""
    if settings.mcp_token is not None:
        token = settings.mcp_token.get_secret_value()
    else:
        token = _generated(settings.home / TOKEN_FILE)
    register(token)
    return token


def token_place(settings: Settings) -> str:
    """Where its owner finds the token, in words."""
    if settings.mcp_token is not None:
        return "GOFER_MCP_TOKEN"
    file = settings.home / TOKEN_FILE
    return str(file) if file.exists() else f"{file} (made at the first start)"


def _generated(file: Path) -> str:
    if file.exists() and (kept := file.read_text("ascii").strip()):
        return kept  # an empty one was cut off by a crash, and would let everybody in
    file.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    token = secrets.token_urlsafe(32)
    file.touch(mode=0o600)
    file.write_text(token + "\n", "ascii")
    return token


class BearerOnly:
    """Lets a request through to `app` when it carries the token or asks for an `open_path`."""

    def __init__(self, app: ASGIApp, token: str, open_paths: Collection[str]) -> None:
        self._app = app
        self._expected = f"Bearer {token}".encode()
        self._open_paths = frozenset(open_paths)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or scope["path"] in self._open_paths:
            await self._app(scope, receive, send)
            return
        shown = Headers(scope=scope).get("authorization", "").encode()
        if secrets.compare_digest(shown, self._expected):
            await self._app(scope, receive, send)
            return
        refusal = JSONResponse(
            {"error": "The bearer token is missing or wrong; `gofer doctor` says where it is."},
            status_code=401,
            headers={"WWW-Authenticate": "Bearer"},
        )
        await refusal(scope, receive, send)
