"""Prompt templates: one Markdown file each, with a TOML head between `+++` lines.

Owns finding, checking and rendering them. A later folder's template replaces an earlier one of the
same name, so the owner's win over the built-in ones. What people say is data: it is filled into
the text and never read as template language. A broken file spoils nothing but itself.
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from jinja2 import StrictUndefined, TemplateError
from jinja2.sandbox import ImmutableSandboxedEnvironment
from pydantic import BaseModel, ConfigDict, ValidationError

from core.errors import NotFound, UserError

BUILTIN = Path(__file__).parent / "templates"
LONGEST_VALUE = 20_000  # characters of one argument

_HEAD = re.compile(r"\A\+\+\+\n(.*?)\n\+\+\+\n(.*)\Z", re.DOTALL)
_NAME = re.compile(r"[a-z][a-z0-9_]*")
# Text for an agent, not HTML: escaping would change what people said.
_JINJA = ImmutableSandboxedEnvironment(
    autoescape=False,
    undefined=StrictUndefined,
    trim_blocks=True,
    lstrip_blocks=True,
)
# what an owner's template may run into
_CANNOT_FILL = (TemplateError, ArithmeticError, LookupError, TypeError, ValueError)


@dataclass(frozen=True, slots=True)
class Argument:
    name: str
    required: bool
    many: bool  # a list of texts
    description: str


@dataclass(frozen=True, slots=True)
class Template:
    """`own_words` names the argument that the person's own words fill when it is not given."""

    name: str
    title: str
    arguments: tuple[Argument, ...]
    source: str
    own_words: str | None = None

    def missing(self, instructions: str, arguments: Mapping[str, Any]) -> tuple[Argument, ...]:
        """The required arguments that neither `arguments` nor the person's own words give."""
        values = _values(self, instructions, arguments)
        return tuple(a for a in self.arguments if a.required and not values[a.name])


class _ArgumentHead(BaseModel):
    model_config = ConfigDict(extra="forbid")
    description: str
    required: bool = False
    many: bool = False


class _Head(BaseModel):
    model_config = ConfigDict(extra="forbid")
    title: str
    own_words: str | None = None
    arguments: dict[str, _ArgumentHead] = {}


class Templates:
    def __init__(self, folders: Iterable[Path]) -> None:
        """`folders` from weakest to strongest; one that does not exist is empty."""
        self._folders = tuple(folders)

    def all(self) -> Sequence[Template]:
        """Every template that can be used, by name."""
        return tuple(found for found in self._read() if isinstance(found, Template))

    def problems(self) -> Sequence[str]:
        """One line for each file that cannot be used."""
        return tuple(str(found) for found in self._read() if isinstance(found, UserError))

    def get(self, name: str) -> Template:
        """Raises NotFound that lists what there is, UserError when its file is broken."""
        path = self._files().get(name)
        if path is None:
            names = ", ".join(template.name for template in self.all())
            raise NotFound(f"There is no template {name}. There are: {names}.")
        return _parse(path)

    def render(self, name: str | None, instructions: str, arguments: Mapping[str, Any]) -> str:
        """What the agent is told. Without a template: the instructions as they are.

        Raises UserError that names missing or unknown arguments.
        """
        if name is None:
            if arguments:
                raise UserError("Arguments need a template that takes them.")
            return instructions
        template = self.get(name)
        values = _values(template, instructions, arguments)
        missing = template.missing(instructions, arguments)
        if missing:
            wanted = "; ".join(f"{a.name} ({a.description})" for a in missing)
            raise UserError(f"The template {name} also needs: {wanted}.")
        try:
            return _JINJA.from_string(template.source).render(values).strip()
        except _CANNOT_FILL as error:
            raise UserError(f"The template {name} cannot be filled in: {error}.") from None

    def _files(self) -> Mapping[str, Path]:
        files = (path for folder in self._folders for path in sorted(folder.glob("*.md")))
        return dict(sorted({path.stem: path for path in files}.items()))

    def _read(self) -> Iterator[Template | UserError]:
        for path in self._files().values():
            try:
                yield _parse(path)
            except UserError as error:
                yield error


def _parse(path: Path) -> Template:
    try:
        found = _HEAD.match(path.read_text("utf-8").replace("\r\n", "\n"))
        if found is None:
            raise UserError(f"{path} needs a TOML head between two lines of +++.")
        head = _Head.model_validate(tomllib.loads(found[1]))
        _JINJA.parse(found[2])
    except (OSError, ValueError, TemplateError) as error:
        reason = _reason(error) if isinstance(error, ValidationError) else str(error)
        raise UserError(f"{path} is not a template: {reason}.") from None
    names = [path.stem, *head.arguments]
    bad = [name for name in names if not _NAME.fullmatch(name) or name == "instructions"]
    if bad or (head.own_words and head.own_words not in head.arguments):
        wrong = ", ".join(bad) or f"own_words = {head.own_words}"
        raise UserError(f"{path} is not a template: {wrong} cannot be used as a name.")
    return Template(
        name=path.stem,
        title=head.title,
        arguments=tuple(
            Argument(name, given.required, given.many, given.description)
            for name, given in head.arguments.items()
        ),
        source=found[2],
        own_words=head.own_words,
    )


def _reason(error: ValidationError) -> str:
    return "; ".join(
        f"{'.'.join(str(part) for part in item['loc'])}: {item['msg']}" for item in error.errors()
    )


def _values(template: Template, instructions: str, arguments: Mapping[str, Any]) -> dict[str, Any]:
    """A value for every argument, empty where there is none, and the words still unsaid."""
    known = {argument.name for argument in template.arguments}
    unknown = sorted(set(arguments) - known)
    if unknown:
        takes = ", ".join(sorted(known)) or "none"
        raise UserError(
            f"The template {template.name} takes no {', '.join(unknown)}; its arguments: {takes}."
        )
    values: dict[str, Any] = {a.name: _value(a, arguments.get(a.name)) for a in template.arguments}
    words = instructions.strip()
    if template.own_words and not values[template.own_words]:
        many = next(a.many for a in template.arguments if a.name == template.own_words)
        values[template.own_words] = [words] if many and words else words
        words = ""
    return {**values, "instructions": _unsaid(words, values)}


def _unsaid(words: str, values: Mapping[str, str | list[str]]) -> str:
    """What of the person's own words no argument says already, in whole sentences.

    Arguments that were read out of a spoken note repeat most of it.
    """
    said = "\n".join("\n".join(v) if isinstance(v, list) else v for v in values.values())
    sentences = re.split(r"(?<=[.!?])\s+", words)
    unsaid = [sentence for sentence in sentences if sentence.rstrip(".!?") not in said]
    return words if len(unsaid) == len(sentences) else " ".join(unsaid)


def _value(argument: Argument, given: Any) -> str | list[str]:
    """Texts as they are; for lists also one text with an item a line (or between semicolons)."""
    if argument.many:
        items = (
            given if isinstance(given, list | tuple) else re.split(r"[\n;]", _text(argument, given))
        )
        return [text for item in items if (text := _text(argument, item))]
    return _text(argument, given)


def _text(argument: Argument, given: Any) -> str:
    if given is None:
        return ""
    if not isinstance(given, str | int | float):
        raise UserError(f"The argument {argument.name} must be text.")
    text = str(given).replace("\0", "").strip()
    if len(text) > LONGEST_VALUE:
        raise UserError(f"The argument {argument.name} is longer than {LONGEST_VALUE} characters.")
    return text
