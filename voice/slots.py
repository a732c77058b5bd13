"""What a template needs to know, taken from the sentences of a request.

Names come from the matches, never from guessing; sentences that begin like a condition ("don't …",
"preserve …") are constraints, and what is left over describes the work.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from voice.sentences import Mention, Sentence
from voice.spoken import ONES, TENS, Language

Slots = dict[str, Any]


def read_slots(
    template: str, sentences: Sequence[Sentence], mentions: Sequence[Mention], speech: Language
) -> Slots:
    """Only what was said; a slot that was not stays out."""
    reader = _READERS.get(template)
    if reader is None:
        return {}
    slots = reader(sentences, mentions, speech)
    return {name: value for name, value in slots.items() if value}


def _bug_fix(sentences: Sequence[Sentence], mentions: Sequence[Mention], speech: Language) -> Slots:
    constraints, rest = _split(sentences, speech)
    file = _first(mentions, "file")
    telling = [s for s in rest if not _only_names_the_place(s, file)]
    return {
        "file": file,
        "description": " ".join(sentence.text for sentence in telling or rest),
        "constraints": constraints,
    }


def _react_component(
    sentences: Sequence[Sentence], mentions: Sequence[Mention], speech: Language
) -> Slots:
    name = next((m.written for m in mentions if m.kind == "new"), None)
    constraints, rest = _split(sentences, speech)
    wanted = [_clean(sentence.text) for sentence in rest]
    if name and wanted and name in wanted[0]:
        wanted[0] = wanted[0].partition(name)[2].strip(" ,")
    return {
        "name": name or _first(mentions, "symbol"),
        "requirements": [*(text for text in wanted if text), *constraints],
    }


def _unit_tests(
    sentences: Sequence[Sentence], mentions: Sequence[Mention], speech: Language
) -> Slots:
    text = " ".join(sentence.text for sentence in sentences)
    lower = text.lower()
    frameworks = speech.data["slots"]["frameworks"]
    return {
        "target": _first(mentions, "symbol", "file", "folder"),
        "framework": next((f for f in frameworks if re.search(rf"\b{f}\b", lower)), None),
        "coverage": _coverage(text, speech),
    }


def _refactor(
    sentences: Sequence[Sentence], mentions: Sequence[Mention], speech: Language
) -> Slots:
    constraints, rest = _split(sentences, speech)
    target = _first(mentions, "symbol", "file", "folder")
    return {
        "target": target,
        "goal": _goal(" ".join(sentence.text for sentence in rest), target, speech),
        "constraints": constraints,
    }


_READERS: Mapping[str, Callable[[Sequence[Sentence], Sequence[Mention], Language], Slots]] = {
    "bug_fix": _bug_fix,
    "react_component": _react_component,
    "unit_tests": _unit_tests,
    "refactor": _refactor,
}


def _first(mentions: Sequence[Mention], *kinds: str) -> str | None:
    """The first name of these kinds."""
    return next((mention.written for mention in mentions if mention.kind in kinds), None)


def _split(sentences: Sequence[Sentence], speech: Language) -> tuple[list[str], Sequence[Sentence]]:
    """Constraints, whole sentences or clauses, and what is left of the rest."""
    phrases = speech.phrases("slots", "constraints")
    joining = "|".join(sorted(speech.words("slots", "joining")))
    constraints: list[str] = []
    rest: list[Sentence] = []
    for sentence in sentences:
        kept: list[str] = []
        for clause in _clauses(sentence.text, speech):
            said = type(sentence).of(re.sub(rf"^(?:{joining}) ", "", clause))
            if any(said.starts(phrase) for phrase in phrases):
                constraints.append(_clean(said.text))
            else:
                kept.append(clause)
        if kept:
            rest.append(type(sentence).of(" ".join(kept).rstrip(",")))
    return constraints, rest


def _clauses(text: str, speech: Language) -> list[str]:
    """Cut behind commas, and before "without …" where no comma is."""
    inside = "|".join(" ".join(phrase) for phrase in speech.phrases("slots", "inside"))
    return re.split(rf"(?<=,)\s+|\s+(?=(?:{inside}) )", text, flags=re.IGNORECASE)


def _only_names_the_place(sentence: Sentence, file: str | None) -> bool:
    """ "Fix the bug in src/cart.py." says nothing about what is wrong."""
    return file is not None and len(sentence.words) <= 6 and sentence.words[-1] == file.lower()


def _coverage(text: str, speech: Language) -> str | None:
    number = re.search(r"(\d{1,3}) ?(?:%|percent)", text)
    if number:
        return f"{number[1]}%"
    said = re.search(r"(\w+ty)(?:[ -](\w+))? percent", text.lower())
    if said and said[1] in TENS:
        ones = ONES.index(said[2]) if said[2] in ONES[1:10] else 0
        return f"{10 * TENS.index(said[1]) + ones}%"
    full = [phrase for phrase in speech.data["slots"]["coverage"] if " " in phrase]
    return "100%" if any(phrase in text.lower() for phrase in full) else None


def _goal(text: str, target: str | None, speech: Language) -> str:
    """What comes behind the target, without the word that leads there."""
    after = text.partition(target)[2] if target and target in text else text
    after = after.strip(" ,.?!")
    for lead in sorted(speech.data["slots"]["goal"], key=len, reverse=True):
        found = re.search(rf"(?:^|[\s,]){lead}\s+", after, re.IGNORECASE)
        if found:
            return _clean(after[found.end() :])
    return _clean(after)


def _clean(text: str) -> str:
    return text.strip().rstrip(".,").strip()
