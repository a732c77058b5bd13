"""Paths of files that do not exist yet, spoken out: "source slash lib slash date range dot t s".

Such a path is written when it has a slash and an extension and no file of the project is meant.
Where a new file was asked for ("create the file …"), a file that only sounds a little like it does
not count as meant. Its folder is one of the project's where one sounds like it, and its name is
written as its neighbours write theirs.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache

from voice.alignment import align, sounds_like
from voice.matching import Match, folder_said
from voice.mending import mend
from voice.name_forms import form_of, write
from voice.name_kinds import Kinds
from voice.pronunciation import forms_of_name, parts_of, split_path
from voice.spoken import Language, Token, find_phrase, plain_letters
from voice.vocabulary import Kind, Vocabulary

MOST_WORDS = 4  # of the file's own name
MOST_SEGMENTS = 100  # names of folders that are looked through
LIKE = 0.8  # likeness of an extension that is said as a word
LOOK_BEHIND = 7  # tokens behind it in which it may be said to be new
LOOK_BACK = 6  # tokens before the path in which a new file may be asked for
HEARD = 0.5  # likeness of a file's own name without which it is another file,
TELLING = 6  # where that many sounds were heard
SURE = 0.92  # likeness at which an existing file is meant even so
MISHEARD_SOURCE = ("or", "who", "sore", "sores", "sort", "horse", "sauce")  # of "the file source"
EXTENSIONS = (
    "ts", "tsx", "js", "jsx", "mjs", "py", "go", "rs", "kt", "kts", "java", "rb", "php", "cs",
    "cpp", "swift", "vue", "svelte", "css", "scss", "html", "sql", "md", "json", "yml", "toml",
    "sh", "txt",
)  # fmt: skip
_USUAL = {"py": "snake", "rs": "snake", "go": "snake", "rb": "snake", "sql": "snake", "sh": "snake"}
_PASCAL = ("kt", "java", "cs", "tsx", "jsx", "swift", "svelte")


@dataclass(frozen=True, slots=True)
class NewPath:
    """The tokens from `first` up to `last` (exclusive) say a path that is to be made."""

    first: int
    last: int
    written: str


def find_paths(
    tokens: Sequence[Token], vocabulary: Vocabulary, speech: Language, matches: Sequence[Match]
) -> Iterator[NewPath]:
    files = [match for match in matches if match.entry.kind is Kind.FILE]
    for dot, token in enumerate(tokens):
        if token.mark != ".":
            continue
        extension, last = extension_at(tokens, dot, vocabulary)
        own = _own_name(tokens, dot, speech)
        if not extension or own is None:
            continue
        in_folder = tokens[own - 1].mark == "/"
        first = _first(tokens, own - 1) if in_folder else own
        asked = not in_folder or _asked_for(tokens, first, last, speech)
        said = tokens[own:dot]
        meant = [m for m in files if _meant(m, own if asked else first, last, asked)]
        if not any(asked or _own_name_said(match, said) for match in meant):
            start, folder = first, ""
            if in_folder:
                start, folder = _folder(tokens, first, own - 1, vocabulary)
            form = file_form(vocabulary, extension, folder)
            words = mend([word.word for word in said if not word.mark], vocabulary)
            name = write(words, form)
            yield NewPath(start, last, f"{folder}/{name}.{extension}".lstrip("/"))


def _meant(match: Match, first: int, last: int, asked: bool) -> bool:
    """Whether it is this file that the tokens say, all of them where a new one was asked for."""
    if asked:
        return match.first <= first < match.last == last and match.likeness >= SURE
    return match.first < last and first < match.last


def _own_name_said(match: Match, said: Sequence[Token]) -> bool:
    """Whether the file's own name may have been heard, and not only its folders. Of a short one
    too little is heard to tell."""
    _, stem, _ = split_path(match.entry.written)
    if plain_letters(stem) == plain_letters("".join(token.text for token in said)):
        return True  # "csvreader"
    short = sum(len(token.sounds) for token in said) < TELLING
    heard = align(list(forms_of_name(stem)), said, least_score=0.5, least_quality=HEARD)
    return short or next(heard, None) is not None


def extension_at(tokens: Sequence[Token], dot: int, vocabulary: Vocabulary) -> tuple[str, int]:
    """The extension said behind a dot, and the place behind it; empty where there is none."""
    known = [*vocabulary.extensions, *EXTENSIONS]
    for length in (4, 3, 2, 1):
        said = tokens[dot + 1 : dot + 1 + length]
        if len(said) < length or any(token.mark or token.pause for token in said[1:]):
            continue
        text = "".join(token.word for token in said)
        if text in known:
            return text, dot + 1 + length
        for extension in known if length == 1 else ():
            if len(extension) > 1 and sounds_like(said, extension, LIKE):
                return extension, dot + 2
    return "", dot


def file_form(vocabulary: Vocabulary, extension: str = "", folder: str = "") -> str:
    """How files are named here: beside it, else with its extension, else anywhere."""
    forms = _forms_of_files(vocabulary)
    for beside in ((extension, folder), (extension, ""), ("", "")):
        found = forms.get(beside)
        if found and (beside[0] or not extension):
            return found.most_common(1)[0][0]
    usual = "pascal" if extension in _PASCAL else _USUAL.get(extension)
    return usual or ("snake" if vocabulary.value_style == "snake" else "kebab")


@lru_cache(maxsize=8)
def _forms_of_files(vocabulary: Vocabulary) -> dict[tuple[str, str], Counter[str]]:
    """Forms of names of several words, by extension and folder; empty ones stand for any."""
    counted: dict[tuple[str, str], Counter[str]] = {}
    for entry in vocabulary.entries:
        if entry.kind is not Kind.FILE:
            continue
        folder = entry.written.rpartition("/")[0]
        _, stem, extension = split_path(entry.written)
        stem = stem.partition(".")[0]
        if len(parts_of(stem)) < 2 or not (form := form_of(stem)):
            continue
        for key in {(extension, folder), (extension, ""), ("", "")}:
            counted.setdefault(key, Counter())[form] += 1
    return counted


def _own_name(tokens: Sequence[Token], dot: int, speech: Language) -> int | None:
    """Where the words between the last slash, or "called", and the dot begin."""
    called = speech.phrases("names", "called")
    for place in range(dot - 1, max(-1, dot - 2 - MOST_WORDS), -1):
        if tokens[place].mark == "/":
            return place + 1 if 0 < place < dot - 1 else None
        if (tokens[place].word,) in called:
            if not _calls_a_file(tokens, place, speech):
                return None
            own = {token.word for token in tokens[place + 1 : dot]}
            passes_on = speech.words("names", "ends") | speech.words("names", "soft_ends")
            return place + 1 if own and not own & passes_on else None
        if tokens[place + 1].pause:
            return None
    return None


def _calls_a_file(tokens: Sequence[Token], called: int, speech: Language) -> bool:
    """ "A function called clip to trainer dot py" is about two names, and the file is there."""
    kinds = Kinds(tokens, speech)
    return kinds.style(kinds.before(called).name) in ("", "file", "module")


def _first(tokens: Sequence[Token], slash: int) -> int:
    """Where the first of the folders begins: one word before each slash, or its letters."""
    place = slash
    while place > 0 and tokens[place].mark == "/":
        place -= 1
        while place and len(tokens[place].word) == 1 == len(tokens[place - 1].word):
            place -= 1
        if place < 2 or tokens[place - 1].mark != "/":
            break
        place -= 1
    return place


def _asked_for(tokens: Sequence[Token], first: int, last: int, speech: Language) -> bool:
    """ "create the file …" before it, or "… that does not exist yet" behind it."""
    behind = [token.word for token in tokens[last : last + LOOK_BEHIND]]
    while behind and behind[0] in speech.words("names", "new_subject"):
        behind = behind[1:]
    if any(find_phrase(behind, new) == 0 for new in speech.phrases("names", "new_behind")):
        return True
    before = tokens[max(0, first - LOOK_BACK) : first]
    making, passing = speech.words("names", "making"), speech.words("names", "new_file")
    for token in reversed(before):
        if token.word in making:
            return True
        if token.word not in passing:
            break
    return False


def _folder(
    tokens: Sequence[Token], first: int, slash: int, vocabulary: Vocabulary
) -> tuple[int, str]:
    """Where the folders begin and how they are written: as the project has them, if it does."""
    inner = [place for place in range(first, slash) if tokens[place].mark == "/"]
    for end in (slash, *reversed(inner)):
        known = folder_said(tokens, max(0, first - 1), end, vocabulary)
        if known:
            start, folder = known
            return min(start, first), folder + _spelled(tokens[end:slash], vocabulary)
    return first, _spelled(tokens[first:slash], vocabulary)


def _spelled(tokens: Sequence[Token], vocabulary: Vocabulary) -> str:
    """Folders one by one: "source" is `src` where the project has folders of that name."""
    return "".join(token.mark or _segment(token, vocabulary) for token in tokens)


def _segment(token: Token, vocabulary: Vocabulary) -> str:
    usual = _usual_segments(vocabulary)
    if token.word in usual:
        return token.word
    if token.word in MISHEARD_SOURCE and "src" in usual[:-1]:
        return "src"
    return next((name for name in usual if sounds_like([token], name, LIKE)), token.word)


@lru_cache(maxsize=8)
def _usual_segments(vocabulary: Vocabulary) -> Sequence[str]:
    """What single folders are called here, the commonest first; "source" is `src` anywhere."""
    counted: Counter[str] = Counter()
    for entry in vocabulary.entries:
        if entry.kind is Kind.FOLDER:
            counted.update(entry.written.split("/"))
    usual = [name for name, _ in counted.most_common(MOST_SEGMENTS) if len(parts_of(name)) == 1]
    return [*usual, "src"]
