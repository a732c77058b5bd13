"""The owner's repositories: which there are, what they are called, how each is treated.

Owns `$GOFER_HOME/projects.toml`. Projects come from the folders in `GOFER_PROJECTS` (each is a
repository or holds some) and from `path` entries in that file. Read afresh on every question, so
an edit counts at once. Only what is listed here is ever worked on: a path from outside is looked
up, never trusted.
"""

from __future__ import annotations

import json
import os
import tomllib
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from core.config import Settings
from core.errors import NotFound, UserError
from core.model import Mode, Project


class _Entry(BaseModel):
    """One table `[projects.NAME]`."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    path: Path | None = None
    agent: str | None = None
    base: str | None = None
    mode: Mode | None = None
    setup: str | None = None
    check: str | None = None
    copy_in: tuple[str, ...] = Field((), alias="copy")
    link: tuple[str, ...] = ()
    max_concurrent: int | None = Field(None, ge=1)


_NO_SETTINGS = _Entry.model_validate({})


class Projects:
    def __init__(self, settings: Settings) -> None:
        self.file = settings.home / "projects.toml"
        self._folders = settings.projects

    def all(self) -> Sequence[Project]:
        """Every project, by name. Raises UserError when projects.toml cannot be read."""
        entries = self._entries()
        named = _name([*self._found(), *_paths(entries)], entries)
        return tuple(
            _project(name, path, entries.get(name, _NO_SETTINGS))
            for name, path in sorted(named.items())
        )

    def find(self, name: str | None, *, cwd: Path | None = None) -> Project:
        """By name or path; without one the only project, else the one that `cwd` lies in.

        Raises NotFound and UserError that list what there is.
        """
        projects = self.all()
        if not projects:
            raise UserError(
                "There is no project yet. Add one: `gofer projects add FOLDER`, "
                "or name its folder in GOFER_PROJECTS."
            )
        if name:
            return _by_name(projects, name)
        if len(projects) == 1:
            return projects[0]
        here = _by_path(projects, cwd) if cwd else None
        if here is None:
            raise UserError(f"Which project? Name one of: {_names(projects)}.")
        return here

    def problems(self) -> Sequence[str]:
        """What is wrong with the configured projects, one line each, saying what to do."""
        try:
            entries = self._entries()
            projects = self.all()
        except UserError as error:
            return (str(error),)
        known = {project.name for project in projects}
        wrong = [_folder_problem(folder) for folder in self._folders if not _repositories(folder)]
        wrong += [
            f"{entry.path} (project {name} in {self.file}) is not a git repository; "
            "mend its path or remove the entry."
            for name, entry in entries.items()
            if entry.path and not is_repository(entry.path.expanduser())
        ]
        wrong += [
            f"{self.file} has settings for {name}, but there is no such project; "
            f"there are: {_names(projects) or 'none'}."
            for name, entry in entries.items()
            if entry.path is None and name not in known
        ]
        return tuple(wrong)

    def add(self, path: Path, settings: Mapping[str, object] | None = None) -> Project:
        """Remember a repository, with settings for it, in projects.toml.

        One that only a folder of GOFER_PROJECTS led to gets its settings that way, too.
        Raises UserError as `name_for` does.
        """
        name = self.name_for(path, settings)
        self._append(name, {"path": str(path.expanduser().resolve()), **(settings or {})})
        return self.find(name)

    def name_for(self, path: Path, settings: Mapping[str, object] | None = None) -> str:
        """What a repository would be called when it is added.

        Raises UserError when it is no repository or is there already.
        """
        path = path.expanduser().resolve()
        if not is_repository(path):
            raise UserError(
                f"{path} is not a git repository. Name its top folder, or run `git init` there."
            )
        if not _is_text(path):
            raise UserError(f"The name {str(path)!r} is no UTF-8 text; rename the folder.")
        projects, entries = self.all(), self._entries()
        here = next((project.name for project in projects if project.path == path), None)
        if here is not None and (here in entries or not settings):
            raise UserError(f"{path} is already there, as project {here}{self._settings_of(here)}.")
        if here is not None:
            return here
        taken = {project.name for project in projects} | set(entries)
        longer = (_by_parents(path, depth) for depth in range(1, len(path.parts)))
        return next((name for name in longer if name not in taken), str(path))

    def _settings_of(self, name: str) -> str:
        return f"; its settings are in {self.file}" if name in self._entries() else ""

    def _append(self, name: str, values: Mapping[str, object]) -> None:
        # TOML's basic strings and arrays of them are written as JSON's are
        lines = [
            f"{key} = {json.dumps(value, ensure_ascii=False)}" for key, value in values.items()
        ]
        self.file.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        # one write, so that a crash leaves all of it or nothing
        with self.file.open("a", encoding="utf-8") as file:
            file.write(f"\n[projects.{json.dumps(name)}]\n" + "\n".join(lines) + "\n")

    def _found(self) -> Iterable[Path]:
        for folder in self._folders:
            yield from _repositories(folder)

    def _entries(self) -> Mapping[str, _Entry]:
        try:
            tables = tomllib.loads(self.file.read_text("utf-8")).get("projects", {})
        except FileNotFoundError:
            return {}
        except (OSError, ValueError) as error:
            raise UserError(f"{self.file} cannot be read: {error}.") from None
        if not isinstance(tables, dict):
            raise UserError(f"{self.file} needs tables like [projects.app], not `projects = …`.")
        return {name: _entry(self.file, name, table) for name, table in tables.items()}


def is_repository(path: Path) -> bool:
    """Whether this is the top of a work tree. Looks only; git itself is not asked."""
    return os.path.exists(path / ".git")  # noqa: PTH110 - False also where one may not look


def _is_text(path: Path) -> bool:
    """Names are shown and sent as UTF-8, so one that is not cannot be a project's."""
    try:
        str(path).encode()
    except UnicodeEncodeError:
        return False
    return True


def _repositories(folder: Path) -> Sequence[Path]:
    """The folder itself when it is a repository, else those directly inside it."""
    folder = folder.expanduser()
    if is_repository(folder):
        return (folder.resolve(),)
    try:
        found = (path.resolve() for path in folder.iterdir() if is_repository(path))
        return tuple(sorted(path for path in found if _is_text(path)))
    except OSError:
        return ()


def _folder_problem(folder: Path) -> str:
    if not folder.expanduser().is_dir():
        return f"{folder} (in GOFER_PROJECTS) is not a folder; mend the path."
    return (
        f"{folder} (in GOFER_PROJECTS) is not a git repository and holds none; "
        "run `git init` and make a first commit there, or mend the path."
    )


def _entry(file: Path, name: str, table: Any) -> _Entry:
    try:
        return _Entry.model_validate(table)
    except ValidationError as error:
        wrong = "; ".join(
            f"{'.'.join(str(part) for part in item['loc'])}: {item['msg']}"
            for item in error.errors(include_url=False, include_input=False)
        )
        raise UserError(f"{file}, [projects.{name}]: {wrong}.") from None


def _paths(entries: Mapping[str, _Entry]) -> Iterable[Path]:
    for entry in entries.values():
        if entry.path and is_repository(entry.path.expanduser()):
            yield entry.path.expanduser().resolve()


def _name(paths: Sequence[Path], entries: Mapping[str, _Entry]) -> dict[str, Path]:
    """A name for each: the one given in projects.toml, else the folder's, else a longer one."""
    given = {
        entry.path.expanduser().resolve(): name for name, entry in entries.items() if entry.path
    }
    paths = tuple(dict.fromkeys(paths))
    named = {given[path]: path for path in paths if path in given}
    left = [path for path in paths if path not in given]
    for depth in range(1, max((len(path.parts) for path in left), default=0)):
        counts = Counter(_by_parents(path, depth) for path in left)
        named |= {
            name: path
            for path in left
            if counts[name := _by_parents(path, depth)] == 1 and name not in named
        }
        left = [path for path in left if named.get(_by_parents(path, depth)) != path]
    return named | {str(path): path for path in left}


def _by_parents(path: Path, depth: int) -> str:
    """The folder's name, behind those of its nearest parents when it is to be longer."""
    return "-".join(path.parts[1:][-depth:])


def _project(name: str, path: Path, entry: _Entry) -> Project:
    return Project(
        name=name,
        path=path,
        agent=entry.agent,
        base=entry.base,
        mode=entry.mode,
        setup=entry.setup,
        check=entry.check,
        copy=entry.copy_in,
        link=entry.link,
        max_concurrent=entry.max_concurrent,
    )


def _by_name(projects: Sequence[Project], name: str) -> Project:
    for project in projects:
        if project.name == name:
            return project
    folded = [project for project in projects if project.name.casefold() == name.casefold()]
    if len(folded) == 1:
        return folded[0]
    if "/" in name or name.startswith((".", "~")):
        found = _by_path(projects, Path(name))
        if found is not None:
            return found
    raise NotFound(f"There is no project {name}. There are: {_names(projects)}.")


def _by_path(projects: Sequence[Project], path: Path) -> Project | None:
    """The innermost project that this path lies in."""
    try:
        path = path.expanduser().resolve()
    except (OSError, RuntimeError, ValueError):  # no such user, a circle of links, a NUL
        return None
    inside = [project for project in projects if path.is_relative_to(project.path)]
    return max(inside, key=lambda project: len(project.path.parts), default=None)


def _names(projects: Iterable[Project]) -> str:
    return ", ".join(project.name for project in projects)
