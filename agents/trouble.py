"""What an agent's own error message means: worth another try, or something for its owner to do."""

from __future__ import annotations

import re

from core.model import Trouble

TRANSIENT_STATUS = frozenset({408, 409, 425, 429, 500, 502, 503, 504, 520, 522, 524, 529})
LOGIN_STATUS = frozenset({401, 403})

_LOGIN = re.compile(
    r"invalid api key|invalid x-api-key|authentication|unauthori[sz]ed|not logged in|log ?in\b"
    r"|api key not valid|oauth token|expired token|please set an auth|\b401\b|\b403\b",
    re.IGNORECASE,
)
_SPENT = re.compile(
    r"credit balance|billing|usage limit|session limit|weekly limit|insufficient[_ ]quota"
    r"|exceeded your current quota|payment",
    re.IGNORECASE,
)
_TRANSIENT = re.compile(
    r"overload|rate.?limit|too many requests|\b(?:408|429|500|502|503|504|529)\b|timed? ?out"
    r"|timeout|connection|network|ECONN|ETIMEDOUT|EAI_AGAIN|socket hang up|fetch failed"
    r"|temporarily|unavailable|resource.?exhausted|stream disconnected|internal server error",
    re.IGNORECASE,
)


def judge(
    message: str, *, status: int | None = None, login: str, retry_after_s: float | None = None
) -> Trouble:
    """`status` is the HTTP status of the model's API where known; `login` says how to log in."""
    message = message.strip() or "The agent reported an error without a message."
    if status in LOGIN_STATUS or (status is None and _LOGIN.search(message)):
        return Trouble(f"{message}\n{login}", transient=False)
    if _SPENT.search(message):
        return Trouble(message, transient=False)
    transient = status in TRANSIENT_STATUS if status else bool(_TRANSIENT.search(message))
    return Trouble(message, transient, retry_after_s if transient else None)
