"""Where the hub's log goes and what never gets into it."""

from __future__ import annotations

import logging

from core.redact import redact

QUIET = ("httpx", "httpcore", "telegram", "mcp", "asyncio", "uvicorn", "apprise", "faster_whisper")


class _Redacted(logging.Formatter):
    def format(self, record: logging.LogRecord) -> str:
        return redact(super().format(record))


def log_to_stderr(level: int = logging.INFO) -> None:
    """Ours from INFO on, libraries' warnings, secrets masked everywhere."""
    handler = logging.StreamHandler()
    handler.setFormatter(_Redacted("%(asctime)s %(levelname)s %(name)s: %(message)s"))
    logging.basicConfig(level=level, handlers=[handler], force=True)
    for name in QUIET:  # httpx logs each address it calls, and the bot's hold the token
        logging.getLogger(name).setLevel(logging.WARNING)
