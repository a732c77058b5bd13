"""Keeps secrets out of logs, events and messages.

Owns the set of known secrets: whoever reads one from the settings registers it, and whatever is
shown or stored passes through `redact`. Shapes that are secrets wherever they appear (bot tokens,
API keys, passwords inside URLs) are masked without being registered. Redacting twice changes
nothing.
"""

from __future__ import annotations

import re

MASK = "•••"
SHORTEST = 6  # a shorter "secret" would mask ordinary words

_known: set[str] = set()
_pattern: re.Pattern[str] | None = None

_SHAPES = (
    re.compile(r"(?<!\d)\d{6,12}:[A-Za-z0-9_-]{30,}"),  # a Telegram bot token
    re.compile(r"\bsk-[A-Za-z0-9_-]{16,}"),  # Anthropic, OpenAI and those who copy them
    re.compile(r"\b(?:gh[pousr]_|github_pat_)[A-Za-z0-9_]{20,}"),
    re.compile(r"\bglpat-[A-Za-z0-9_-]{16,}"),
    re.compile(r"\bAIza[A-Za-z0-9_-]{30,}"),  # Google
    re.compile(r"\bxox[abposr]-[A-Za-z0-9-]{10,}"),  # Slack
    re.compile(r"\bA(?:KIA|SIA)[A-Z0-9]{16}\b"),  # AWS
    re.compile(r"(?<=://)[^\s/:@'\"]*:[^\s/@'\"]+(?=@)"),  # user:password in a URL
    re.compile(r"(?i)(?<=\bbearer )[A-Za-z0-9._~+/-]{16,}=*"),
    re.compile(
        r"-----BEGIN [A-Z ]*PRIVATE KEY-----.*?(?:-----END [A-Z ]*PRIVATE KEY-----|\Z)", re.S
    ),
)


def register(secret: str | None) -> None:
    """Mask this text from now on, wherever it appears. Very short ones are left alone."""
    global _pattern
    if secret is None or len(secret.strip()) < SHORTEST:
        return
    _known.add(secret.strip())
    longest_first = sorted(_known, key=len, reverse=True)
    _pattern = re.compile("|".join(re.escape(known) for known in longest_first))


def redact(text: str) -> str:
    """The text with every known secret, and everything shaped like one, masked."""
    if _pattern is not None:
        text = _pattern.sub(MASK, text)
    for shape in _SHAPES:
        text = shape.sub(MASK, text)
    return text
