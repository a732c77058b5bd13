"""An agent's login in each project's folder: the owner's, and what the agent refreshed it to.

What always holds: the owner's own file is only read; a login in a project's folder, where agents
write, goes on to other projects only as a refresh of the login that Gofer brought, and never when
it names another account, key or address. So an agent cannot make the others work under a login of
a stranger's. Where the tokens themselves say nothing of an account (Claude's), a stranger's token
in the same shape cannot be told from a refreshed one.
"""

from __future__ import annotations

import base64
import contextlib
import json
import os
import stat
import time
import uuid
from pathlib import Path
from typing import Any

SIZE = 1_000_000
CLOCK_SKEW_S = 60.0
FRESH = (  # what a refresh renews, in the words of all agents
    "accessToken", "access_token", "access", "refreshToken", "refresh_token", "refresh",
    "id_token", "idToken", "expiresAt", "expires_at", "expires", "expiry_date", "expiry",
    "refreshTokenExpiresAt", "last_refresh",
)  # fmt: skip
WHO = ("iss", "sub", "email", "azp", "client_id", "https://api.openai.com/auth")
TIMES = (int, float)
JWT_PARTS = 3


def bring(owners: Path, kept: Path, mine: Path) -> None:
    """Put the right login into a project's folder, and keep it for the other projects.

    The owner logging in again is newer than ours; an agent's refresh is newer than either.
    """
    trusted = max((owners, kept), key=changed_at)
    content = read_plain(trusted)
    if content is None:  # an agent that logged in by itself keeps that to its project
        return
    found = read_plain(mine)
    newest, at = trusted, changed_at(trusted)
    if found is not None and changed_at(mine) > at and refreshes(content, found):
        newest, content, at = mine, found, changed_at(mine)
    for place in (kept, mine):
        if place != newest and read_plain(place) != content:
            place.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
            write_private(place, content)
            os.utime(place, (at, at), follow_symlinks=False)


def refreshes(before: bytes, after: bytes) -> bool:
    """Whether a login is an earlier one with new tokens, and nothing else that is new."""
    try:
        return alike(json.loads(before), json.loads(after))
    except (ValueError, RecursionError):
        return False


def alike(before: Any, after: Any) -> bool:
    if not (isinstance(before, dict) and isinstance(after, dict)):
        return bool(before == after)
    return before.keys() == after.keys() and all(
        renewed(value, after[key]) if key in FRESH else alike(value, after[key])
        for key, value in before.items()
    )


def renewed(before: Any, after: Any) -> bool:
    """A time for a time, a token for a token of the same person."""
    if isinstance(before, str) and isinstance(after, str):
        return holder(before) == holder(after)
    return before == after or (isinstance(before, TIMES) and isinstance(after, TIMES))


def holder(token: str) -> tuple[Any, ...]:
    """Whom a token names; nobody when it is not one that can be read (no JWT)."""
    parts = token.split(".")
    if len(parts) != JWT_PARTS:
        return ()
    try:
        padded = parts[1] + "=" * (-len(parts[1]) % 4)
        claims = json.loads(base64.urlsafe_b64decode(padded))
    except (ValueError, RecursionError):
        return ()
    return tuple(identity(claims.get(name)) for name in WHO) if isinstance(claims, dict) else ()


def identity(claim: Any) -> Any:
    """Of OpenAI's object only the account; the rest of it changes with a subscription."""
    return claim.get("chatgpt_account_id") if isinstance(claim, dict) else claim


def changed_at(path: Path) -> float:
    """Seconds; 0 where there is no plain file, or one that claims to be from the future.

    Agents can set such a time, and the owner's next login would never be newer.
    """
    try:
        found = path.lstat()
    except OSError:
        return 0.0
    believable = stat.S_ISREG(found.st_mode) and found.st_mtime <= time.time() + CLOCK_SKEW_S
    return found.st_mtime if believable else 0.0


def read_plain(path: Path) -> bytes | None:
    """The content of a plain file of a login's size; agents can write some of these places."""
    with contextlib.suppress(OSError):
        fd = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
        with os.fdopen(fd, "rb") as file:
            if stat.S_ISREG(os.fstat(fd).st_mode):
                content = file.read(SIZE + 1)
                return content if len(content) <= SIZE else None
    return None


def write_private(path: Path, content: bytes) -> None:
    """Replace a file as a whole, without following what stands in its place."""
    new = path.with_name(f".{uuid.uuid4().hex}.new")
    fd = os.open(new, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
    with os.fdopen(fd, "wb") as file:
        file.write(content)
    new.replace(path)
