"""Reading agents' JSON without ever raising: what is missing or of another type is empty.

Text that comes out of here can be stored and shown: lone surrogates are replaced.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

Json = Mapping[str, Any]


def parse(line: bytes) -> Json | None:
    """The JSON object in a line, or None when the line is something else."""
    try:
        value = json.loads(line)
    except (ValueError, RecursionError):
        return None
    return value if isinstance(value, dict) else None


def dump(message: Json) -> bytes:
    """One line, in the same bytes for the same message."""
    return json.dumps(message, separators=(",", ":")).encode()


def get(value: Any, *path: str) -> Any:
    """What stands at a path of keys, or None."""
    for key in path:
        if not isinstance(value, dict):
            return None
        value = value.get(key)
    return value


def text(value: Any, *path: str) -> str:
    found = get(value, *path)
    return _clean(found) if isinstance(found, str) else ""


def strings(value: Any, *path: str) -> list[str]:
    """The strings of a list."""
    found = get(value, *path)
    return (
        [_clean(item) for item in found if isinstance(item, str)] if isinstance(found, list) else []
    )


def _clean(found: str) -> str:
    return found if found.isascii() else found.encode("utf-8", "replace").decode()


def items(value: Any, *path: str) -> list[Json]:
    """The objects of a list."""
    found = get(value, *path)
    return [item for item in found if isinstance(item, dict)] if isinstance(found, list) else []


def count(value: Any, *path: str) -> int:
    """A whole number that is not negative."""
    found = get(value, *path)
    return found if isinstance(found, int) and not isinstance(found, bool) and found > 0 else 0


def number(value: Any, *path: str) -> float | None:
    """A finite number."""
    found = get(value, *path)
    if isinstance(found, bool) or not isinstance(found, int | float):
        return None
    try:
        found = float(found)
    except OverflowError:
        return None
    return found if abs(found) < float("inf") else None
