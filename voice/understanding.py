"""From raw words to what was meant: names written as the repository has them, and the intent.

The one entry point of this part of the room. The raw text stays as it was; every change is
recorded as a replacement.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import zip_longest

from core.hearing import HeardWord, Intent, Replacement
from voice.commands import find_verbs
from voice.intent import read_intent
from voice.matching import Match, find_names, neighbour
from voice.mending import mend
from voice.name_forms import form_of
from voice.names import Naming, NewName
from voice.new_paths import NewPath, file_form, find_paths
from voice.pronunciation import parts_of
from voice.sentences import Mention
from voice.slips import find_slips, taken_back
from voice.spoken import Language, Token, speech_of, tokenize
from voice.terms import Term, find_terms
from voice.vocabulary import Kind, Vocabulary, style_of

_SEAM = re.compile(r"(?<=\w)[-_.]$")  # "fix-Update Position"
ASKED_FOR = 0.9  # confidence in the form of a new name
MENDED = 0.6  # and in a word of it that was put in for another


@dataclass(frozen=True, slots=True)
class Understood:
    text: str
    raw_text: str
    replacements: tuple[Replacement, ...]
    intent: Intent


@dataclass(frozen=True, slots=True)
class _Edit:
    """Tokens from `first` up to `last` give way to `text`; with nothing, they vanish."""

    first: int
    last: int
    text: str
    confidence: float = 1.0
    choices: tuple[str, ...] = ()
    mention: Mention | None = None


def understand(
    words: Sequence[HeardWord] | str,
    vocabulary: Vocabulary,
    *,
    projects: Sequence[str] = (),
    templates: Sequence[str] = (),
    agents: Sequence[str] = (),
    language: str | None = "en",
    recent_files: Sequence[str] = (),
    corrections: Mapping[str, str] | None = None,
) -> Understood:
    """What was said, written out. `corrections` are the owner's: heard words to written ones."""
    raw = raw_text(words)
    speech = speech_of(language)
    tokens = tokenize(raw, speech)
    edits = _edits(tokens, vocabulary, speech, recent_files, corrections or {})
    text = _rewrite(raw, tokens, edits)
    mentions = [edit.mention for edit in edits if edit.mention]
    intent = read_intent(
        text, mentions, speech, projects=projects, templates=templates, agents=agents
    )
    changes = tuple(_replacement(raw, tokens, edit) for edit in edits if edit.mention)
    return Understood(text, raw, tuple(c for c in changes if c.heard != c.written), intent)


def raw_text(words: Sequence[HeardWord] | str) -> str:
    """The words as one text; Whisper's bring their own leading spaces."""
    if isinstance(words, str):
        return words.strip()
    parts = [word.word for word in words]
    spaced = any(part.startswith(" ") for part in parts)
    return ("" if spaced else " ").join(parts).strip()


def _edits(
    tokens: Sequence[Token],
    vocabulary: Vocabulary,
    speech: Language,
    recent: Sequence[str],
    corrections: Mapping[str, str],
) -> list[_Edit]:
    """All changes in order of place, none overlapping another."""
    known = list(_remembered(tokens, corrections, vocabulary))
    matches = find_names(tokens, vocabulary, speech, recent)
    paths = [_of_path(path) for path in find_paths(tokens, vocabulary, speech, matches)]
    names = _apart(_apart(known, paths), [_of_match(match) for match in matches])
    spans = [(edit.first, edit.last, edit.text) for edit in names]
    naming = Naming(
        _with_verbs(tokens, speech),
        speech,
        _styles_there(matches, vocabulary),
        lambda words: mend(words, vocabulary),
    )
    new = [_of_new(name) for name in naming.find(spans)]
    names = _apart(new, names)
    names = _apart(names, [_of_term(term) for term in find_terms(tokens, speech)])
    starts = [edit.first for edit in names]
    verbs = [_Edit(v.first, v.last, v.word) for v in find_verbs(tokens, speech, starts)]
    names = _apart(list(_self_corrected(names, tokens, speech, vocabulary)), verbs)
    return _apart(names, [_Edit(first, last, "") for first, last in find_slips(tokens, speech)])


def _with_verbs(tokens: Sequence[Token], speech: Language) -> Sequence[Token]:
    """With the verb that was meant where another was heard: "ride a function parse rows"."""
    meant = list(tokens)
    for verb in find_verbs(tokens, speech, ()):
        if verb.last == verb.first + 1:
            meant[verb.first] = replace(tokens[verb.first], text=verb.word)
    return meant


def _styles_there(matches: Sequence[Match], vocabulary: Vocabulary) -> Mapping[str, str]:
    """How what has no form of its own is named where the note goes."""
    value, file = _style_there(matches, vocabulary), file_form(vocabulary)
    return {
        "value": value,
        "file": file,
        "folder": "snake" if value == "snake" else "kebab",
        "module": "pascal" if "rb" in vocabulary.extensions[:1] else file,
        "part": "snake" if value == "snake" else "pascal",
        "interface": "dotnet" if "cs" in vocabulary.extensions[:1] else "pascal",
    }


def _style_there(matches: Sequence[Match], vocabulary: Vocabulary) -> str:
    """How functions are written where the note goes: in the file that it names, or beside the
    function; else as in most of the project."""
    files = [style_of(match.entry.written) for match in matches if match.entry.kind is Kind.FILE]
    symbols = [match.entry.written for match in matches if match.entry.kind is Kind.SYMBOL]
    beside = [form_of(name) for name in symbols if len(parts_of(name)) > 1]
    styles = [*files, *(form for form in beside if form in ("snake", "camel"))]
    return next((style for style in styles if style), vocabulary.value_style)


def _apart(first: Sequence[_Edit], second: Sequence[_Edit]) -> list[_Edit]:
    """Both, where the second ones yield."""
    free = [
        edit
        for edit in second
        if not any(edit.first < other.last and other.first < edit.last for other in first)
    ]
    return sorted([*first, *free], key=lambda edit: edit.first)


def _of_match(match: Match) -> _Edit:
    mention = Mention(match.entry.written, match.entry.kind.value)
    return _Edit(match.first, match.last, mention.written, match.confidence, match.choices, mention)


def _of_term(term: Term) -> _Edit:
    mention = Mention(term.written, "word")
    return _Edit(term.first, term.last, term.written, ASKED_FOR, (), mention)


def _of_path(path: NewPath) -> _Edit:
    mention = Mention(path.written, "new", "file")
    return _Edit(path.first, path.last, path.written, ASKED_FOR, (), mention)


def _of_new(name: NewName) -> _Edit:
    mention = Mention(name.written, "new", name.kind)
    if name.heard:
        choices = (name.written, name.heard)
        return _Edit(name.first, name.last, name.written, MENDED, choices, mention)
    return _Edit(name.first, name.last, name.written, ASKED_FOR, (), mention)


def _remembered(
    tokens: Sequence[Token], corrections: Mapping[str, str], vocabulary: Vocabulary
) -> Iterable[_Edit]:
    """Words that the owner once corrected, the longest first."""
    kinds: dict[str, Kind] = {}
    if corrections:
        kinds = {entry.written: entry.kind for entry in vocabulary.entries}
    words = [token.word for token in tokens]
    taken: set[int] = set()
    for heard, written in sorted(corrections.items(), key=lambda pair: -len(pair[0])):
        said = [token.word for token in tokenize(heard, speech_of("en"))]
        for place in range(len(words) - len(said) + 1):
            span = range(place, place + len(said))
            if said and words[place : place + len(said)] == said and not taken & set(span):
                taken |= set(span)
                if not written:
                    continue
                mention = Mention(written, kinds.get(written, "word"))
                yield _Edit(place, place + len(said), written, 1.0, (), mention)


def _self_corrected(
    names: Sequence[_Edit], tokens: Sequence[Token], speech: Language, vocabulary: Vocabulary
) -> Iterable[_Edit]:
    """ "login.ts, no, logging.ts": the first name and what comes between vanish.

    Where both were heard as the same name, the second must have been its neighbour.
    """
    wrong: _Edit | None = None
    done = 0
    for name, after in zip_longest(names, names[1:]):
        first = taken_back(name.first, done, tokens, speech) if name.mention else name.first
        if first < name.first:
            yield _Edit(first, name.first, "")
        done = name.last
        if wrong and wrong.text == name.text:
            meant = neighbour(tokens[name.first : name.last], vocabulary, name.text)
            if meant:
                mention = Mention(meant.written, meant.kind.value)
                name = replace(name, text=meant.written, confidence=0.5, mention=mention)
        wrong = name if after and _takes_back(tokens[name.last : after.first], speech) else None
        yield replace(name, last=after.first, text="", mention=None) if wrong and after else name


def _takes_back(between: Sequence[Token], speech: Language) -> bool:
    """Whether nothing but "no, I mean in" stands between two names."""
    said = speech.words("corrections")
    passing = speech.words("determiners") | speech.words("leads", "words")
    words = [token.word for token in between]
    while words and words[-1] in passing and " ".join(words) not in said:
        words.pop()
    return " ".join(words) in said


def _rewrite(raw: str, tokens: Sequence[Token], edits: Sequence[_Edit]) -> str:
    text, done = "", 0
    for edit in edits:
        text += _SEAM.sub(" ", raw[done : tokens[edit.first].start]) + edit.text
        done = _behind(raw, tokens, edit)
        text += " " if edit.text and raw[done : done + 1].isalnum() else ""
    return tidy(text + raw[done:])


def _behind(raw: str, tokens: Sequence[Token], edit: _Edit) -> int:
    """Where the text goes on: without what only belonged to the words that gave way."""
    final = tokens[edit.last - 1]
    rest = raw[final.end :]
    if not edit.text:
        return final.end + len(rest) - len(rest.lstrip(" ,"))
    joined = re.match(r"[-_.](?=\w)", rest)  # "connection.py-So"
    spelled = re.match(r"\.(?= [a-z])", rest) if len(final.text) == 1 else None  # "P. Y. now"
    skipped = joined or spelled
    return final.end + (skipped.end() if skipped else 0)


def tidy(text: str) -> str:
    """Single spaces, no comma before a stop, a capital to begin with."""
    text = re.sub(r"\s+", " ", text).strip(" ,")
    text = re.sub(r"\s+([,.;:!?])(?=\s|$)", r"\1", text)
    text = re.sub(r"(?:,\s*)+(?=[,.!?])", "", text)
    first = text.split(" ", 1)[0].rstrip(",.;:!?")
    return text[0].upper() + text[1:] if first.isalpha() and first.islower() else text


def _replacement(raw: str, tokens: Sequence[Token], edit: _Edit) -> Replacement:
    heard = raw[tokens[edit.first].start : tokens[edit.last - 1].end]
    return Replacement(heard, edit.text, edit.confidence, edit.choices)
