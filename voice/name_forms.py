"""The forms that names are written in: camelCase, PascalCase, snake_case, kebab-case, CONSTANT."""

from __future__ import annotations

import re
from collections.abc import Sequence

from voice.spoken import Token

# What a number is one word with.
_NUMBERED = ("sha", "md", "utf", "base", "v", "h", "http", "ipv", "s", "ec", "oauth", "int", "uint")


def write(words: Sequence[str], form: str) -> str:
    """The words joined in a form: camel, pascal, snake, kebab, constant, flag or dotnet."""
    lower = [word.lower() for word in words]
    match form:
        case "camel":
            return lower[0] + "".join(word.capitalize() for word in lower[1:])
        case "pascal":
            return "".join(word.capitalize() for word in lower)
        case "snake":
            return "_".join(lower)
        case "constant":
            return "_".join(lower).upper()
        case "kebab":
            return "-".join(lower)
        case "dotnet":  # an interface of C#
            return write(lower if lower[0] == "i" else ["i", *lower], "pascal")
        case "flag":
            return "--" + "-".join(lower)
    raise ValueError(form)


def form_of(written: str) -> str:
    """The form that a name is in; empty for a path."""
    if "." in written or "/" in written:
        return ""
    if "_" in written or written.isupper():
        return "constant" if written.isupper() else "snake"
    if "-" in written:
        return "kebab"
    return "pascal" if written[:1].isupper() else "camel"


def words_of(tokens: Sequence[Token]) -> list[str]:
    """The words of a name; letters said one by one are one word, and so is "sha 256"."""
    words: list[str] = []
    spelling = False
    for token in tokens:
        if token.mark:
            spelling = False
            continue
        for part in re.findall(r"\w+", token.word):
            letter = len(part) == 1 and part.isalpha()
            numbered = part.isdigit() and bool(words) and words[-1] in _NUMBERED
            if (letter and spelling) or numbered:
                words[-1] += part
            else:
                words.append(part)
            spelling = letter
    return words


def form_in(tokens: Sequence[Token]) -> str:
    """The form that marks between the words say: "parse underscore rows"."""
    marks = {token.mark for token in tokens[1:] if token.mark and not token.joined}
    return "snake" if marks == {"_"} else "kebab" if marks == {"-"} else ""


def sliced(tokens: Sequence[Token]) -> str:
    """ "feature slash dark mode" as `feature/dark-mode`."""
    parts: list[list[Token]] = [[]]
    for token in tokens:
        if token.mark == "/":
            parts.append([])
        else:
            parts[-1].append(token)
    return "/".join(write(words_of(part), "kebab") for part in parts)
