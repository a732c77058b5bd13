"""Text with marks on it, as Telegram counts it.

Marks are offsets in UTF-16 units. Nothing is ever escaped or parsed by Telegram, so no text can
break a message; what cannot be marked is shown as it is.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass, replace

from telegram import MessageEntity
from telegram.constants import MessageLimit
from telegramify_markdown import MessageEntity as Mark
from telegramify_markdown import convert, utf16_len

from core.redact import redact

LIMIT = MessageLimit.MAX_TEXT_LENGTH.value
MORE = "…"


@dataclass(frozen=True, slots=True)
class Rich:
    """`marks` never reach outside `text`."""

    text: str = ""
    marks: tuple[Mark, ...] = ()

    def __add__(self, other: Rich | str) -> Rich:
        if isinstance(other, str):
            return Rich(self.text + other, self.marks)
        shift = utf16_len(self.text)
        moved = tuple(replace(mark, offset=mark.offset + shift) for mark in other.marks)
        return Rich(self.text + other.text, self.marks + moved)

    def __bool__(self) -> bool:
        return bool(self.text.strip())

    @property
    def entities(self) -> list[MessageEntity]:
        return [
            MessageEntity(mark.type, mark.offset, mark.length, url=mark.url, language=mark.language)
            for mark in self.marks
        ]


def plain(text: str) -> Rich:
    return Rich(_clean(text))


def bold(text: str) -> Rich:
    return _marked("bold", text)


def italic(text: str) -> Rich:
    return _marked("italic", text)


_DECEIVING = re.compile("[\u061c\u200b\u200e\u200f\u202a-\u202e\u2060-\u2069\ufeff]")


def code(text: str) -> Rich:
    return _marked("code", text)


def pre(text: str, language: str | None = None) -> Rich:
    return _marked("pre", text, language)


def quote(text: str, *, folded: bool = False) -> Rich:
    return _marked("expandable_blockquote" if folded else "blockquote", text)


def markdown(text: str) -> Rich:
    """What agents write. Text that cannot be read as Markdown is shown as it is."""
    text = _clean(text)
    try:
        shown, marks = convert(text, latex_escape=False)
    except Exception:  # noqa: BLE001 - somebody else's parser over anybody's text
        return Rich(text)
    stripped = shown.rstrip()
    return _clip(Rich(stripped, tuple(marks)))


def join(parts: Iterable[Rich | str], between: str = "\n") -> Rich:
    """Empty parts are left out."""
    whole = Rich()
    for part in parts:
        if part:
            whole = whole + (between if whole.text else "") + part
    return whole


def fit(rich: Rich, limit: int = LIMIT) -> Rich:
    """At most `limit` UTF-16 units, with an ellipsis where it was cut."""
    if utf16_len(rich.text) <= limit:
        return rich
    return _clip(Rich(head(rich.text, limit - 1).rstrip() + MORE, rich.marks))


def pages(rich: Rich, limit: int = LIMIT) -> list[Rich]:
    """Split at line ends, else between words. Marks go on across pages; no page is blank."""
    found: list[Rich] = []
    position = units = 0
    while position < len(rich.text):
        text = head(rich.text[position : position + limit], limit)
        if position + len(text) < len(rich.text):
            text = text[: _break(text)]
        end = units + utf16_len(text)
        if text.strip():
            found.append(_clip(Rich(text, rich.marks), units, end))
        position, units = position + len(text), end
    return found


def _break(text: str) -> int:
    """Where a page may end: behind its last line or word, unless it would be half empty."""
    for sign in ("\n", " "):
        if (at := text.rfind(sign) + 1) > len(text) // 2:
            return at
    return len(text)


def head(text: str, units: int) -> str:
    """The longest beginning of at most so many UTF-16 units."""
    raw = text.encode("utf-16-le", "surrogatepass")[: max(units, 0) * 2]
    return raw.decode("utf-16-le", "ignore")


def shorten(text: str, units: int) -> str:
    """One line of at most so many UTF-16 units."""
    line = " ".join(text.split())
    return line if utf16_len(line) <= units else head(line, units - 1).rstrip() + MORE


def tail(text: str, units: int) -> str:
    """The longest end of at most so many UTF-16 units."""
    raw = text.encode("utf-16-le", "surrogatepass")
    return raw[-units * 2 :].decode("utf-16-le", "ignore") if len(raw) > units * 2 else text


def ends(text: str, units: int) -> str:
    """Beginning and end of what is longer, with what is left out counted between them.

    For what somebody is asked to allow: the end of a command counts as much as its beginning.
    """
    if utf16_len(text) <= units:
        return text
    first, last = head(text, units // 2), tail(text, units // 2 - 80)
    hidden = len(text) - len(first) - len(last)
    return f"{first}\n⚠️ {hidden:,} characters are not shown here ⚠️\n{last}"


def visible(text: str) -> str:
    """Characters that turn or hide what is around them, spelled out."""
    return _DECEIVING.sub(lambda found: f"\\u{ord(found[0]):04x}", text)


def _clean(text: str) -> str:
    """Without secrets, and without halves of characters, which cannot be sent."""
    return redact(text).encode("utf-16-le", "surrogatepass").decode("utf-16-le", "replace")


def _marked(kind: str, text: str, language: str | None = None) -> Rich:
    text = _clean(text)
    if not text.strip():
        return Rich(text)
    return Rich(text, (Mark(kind, 0, utf16_len(text), language=language),))


def _clip(rich: Rich, start: int = 0, end: int | None = None) -> Rich:
    """`rich.text` is what lies between these units; its marks still count from the beginning."""
    end = start + utf16_len(rich.text) if end is None else end
    kept = (
        replace(
            mark,
            offset=max(mark.offset - start, 0),
            length=min(mark.offset + mark.length, end) - max(mark.offset, start),
        )
        for mark in rich.marks
    )
    return Rich(rich.text, tuple(mark for mark in kept if mark.length > 0))
