"""Unified diffs out of what agents tell about their edits."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from difflib import unified_diff

from agents.fields import Json, count, strings

LIMIT = 200_000  # characters of a diff that are kept; git has the whole of it
COMPARABLE = 500_000  # characters beyond which two texts are not compared line by line


def from_texts(path: str, old: str | None, new: str) -> str:
    """A unified diff; no old text means a new file. Empty for texts too long to compare."""
    if len(old or "") + len(new) > COMPARABLE:
        return ""
    before, after = (old or "").splitlines(keepends=True), new.splitlines(keepends=True)
    name = path.lstrip("/")
    lines = unified_diff(before, after, f"a/{name}" if old else "/dev/null", f"b/{name}")
    return _joined(
        line if line.endswith("\n") else f"{line}\n\\ No newline at end of file\n" for line in lines
    )


def from_hunks(path: str, hunks: Sequence[Json]) -> str:
    """The same from hunks whose lines are marked already (Claude's `structuredPatch`)."""
    name = path.lstrip("/")
    lines = [f"--- a/{name}\n", f"+++ b/{name}\n"]
    for hunk in hunks:
        old = f"{count(hunk, 'oldStart')},{count(hunk, 'oldLines')}"
        new = f"{count(hunk, 'newStart')},{count(hunk, 'newLines')}"
        lines.append(f"@@ -{old} +{new} @@\n")
        lines += [f"{line}\n" for line in strings(hunk, "lines")]
    return _joined(lines)


def _joined(lines: Iterable[str]) -> str:
    whole = "".join(lines)
    if len(whole) <= LIMIT:
        return whole
    return whole[: whole.rfind("\n", 0, LIMIT) + 1] + "… (the diff goes on)\n"
