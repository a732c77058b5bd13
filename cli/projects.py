"""`gofer projects`: list them, or add one with what its own files suggest. Needs no hub."""

from __future__ import annotations

import json
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from cli import display
from cli.main import settings_of
from cli.options import as_json

if TYPE_CHECKING:
    from core.model import Project

# manifest: (check, folders of dependencies that a work tree can borrow); the first found decides
_BY_FILE = (
    ("Cargo.toml", "cargo test", ("target",)),
    ("go.mod", "go test ./...", ()),
    ("Gemfile", "bundle exec rake test", ("vendor/bundle",)),
    ("mix.exs", "mix test", ("deps", "_build")),
    ("pom.xml", "mvn -q test", ()),
    ("build.gradle", "./gradlew test", ()),
)


@click.group(invoke_without_command=True)
@as_json
@click.pass_context
def projects(ctx: click.Context, as_json: bool) -> None:
    """List projects; `gofer projects add FOLDER` adds one."""
    from core.projects import Projects

    if ctx.invoked_subcommand:
        return
    found = Projects(settings_of(ctx))
    if as_json:
        display.print_json([project_json(project) for project in found.all()])
        return
    rows = [[p.name, str(p.path), p.agent or "", p.check or "no check"] for p in found.all()]
    click.echo(display.table(rows) or "No projects yet. Add one: gofer projects add FOLDER")
    for problem in found.problems():
        click.echo(click.style(problem, fg="red"), err=True)


@projects.command()
@click.argument("folder", type=click.Path(path_type=Path, file_okay=False, exists=True))
@click.option("--check", help="Shell command that tells whether the work is good.")
@click.option("--setup", help="Shell command that prepares a fresh work tree, once.")
@click.option("--link", multiple=True, help="Untracked folder to show read-only.")
@click.option("--agent", help="The agent for this project.")
@click.option("-y", "--yes", is_flag=True, help="Take what is proposed; ask nothing.")
@as_json
@click.pass_context
def add(ctx: click.Context, /, folder: Path, yes: bool, as_json: bool, **given: Any) -> None:
    """Add the git repository in FOLDER; what its own files suggest is proposed."""
    from core.projects import Projects

    wanted = {**propose(folder), **{key: value for key, value in given.items() if value}}
    found = Projects(settings_of(ctx))
    found.name_for(folder, wanted)  # what cannot be added is not asked about
    if wanted and not yes and not as_json:
        for key, value in wanted.items():
            click.echo(f"  {key} = {json.dumps(value, ensure_ascii=False)}")
        if not click.confirm("Add it with these settings?", default=True):
            wanted = {}
    project = found.add(folder, wanted)
    if as_json:
        display.print_json(project_json(project))
    else:
        click.echo(f"Added {project.name}. Its settings are in {found.file}.")


def project_json(project: Project) -> dict[str, Any]:
    return {
        "name": project.name,
        "path": str(project.path),
        "agent": project.agent,
        "base": project.base,
        "mode": project.mode.value if project.mode else None,
        "setup": project.setup,
        "check": project.check,
        "copy": list(project.copy),
        "link": list(project.link),
    }


def propose(folder: Path) -> dict[str, Any]:
    """Settings for a project, read from its manifests; nothing of it is run."""
    proposed = _node(folder) or _python(folder) or _by_file(folder) or _make(folder)
    links = [link for link in proposed.get("link", ()) if (folder / link).is_dir()]
    proposed.pop("link", None)
    return {**proposed, **({"link": links} if links else {})}


def _node(folder: Path) -> dict[str, Any]:
    try:
        manifest = json.loads((folder / "package.json").read_text("utf-8"))
    except (OSError, ValueError):
        return {}
    tools = {"pnpm-lock.yaml": "pnpm", "yarn.lock": "yarn", "bun.lock": "bun"}
    tool = next((tool for lock, tool in tools.items() if (folder / lock).exists()), "npm")
    proposed: dict[str, Any] = {"link": ["node_modules"]}
    test = (manifest.get("scripts") or {}).get("test", "")
    if test and "no test specified" not in test:
        proposed["check"] = f"{tool} test"
    return proposed


def _python(folder: Path) -> dict[str, Any]:
    if not any((folder / name).exists() for name in ("pyproject.toml", "setup.py", "setup.cfg")):
        return {}
    environment = next((name for name in (".venv", "venv") if (folder / name).is_dir()), None)
    python = f"{environment}/bin/python" if environment else "python3"
    runner = "pytest -q" if _uses_pytest(folder) else _unittest(folder)
    return {
        "check": f"{python} -m {runner}",
        "link": [environment] if environment else [],
    }


def _unittest(folder: Path) -> str:
    """Unittest finds nothing by itself in a folder that is no package, and calls that a success."""
    loose = (name for name in ("tests", "test") if (folder / name).is_dir())
    name = next((name for name in loose if not (folder / name / "__init__.py").exists()), None)
    return f"unittest discover -s {name}" if name else "unittest"


def _uses_pytest(folder: Path) -> bool:
    if (folder / "pytest.ini").exists() or (folder / "conftest.py").exists():
        return True
    try:
        return "pytest" in json.dumps(tomllib.loads((folder / "pyproject.toml").read_text("utf-8")))
    except (OSError, ValueError):
        return False


def _by_file(folder: Path) -> dict[str, Any]:
    for name, check, links in _BY_FILE:
        if (folder / name).exists():
            return {"check": check, "link": list(links)}
    return {}


def _make(folder: Path) -> dict[str, Any]:
    return {"check": "make test"} if "test" in _targets(folder / "Makefile") else {}


def _targets(makefile: Path) -> Iterator[str]:
    try:
        lines = makefile.read_text("utf-8", "replace").splitlines()
    except OSError:
        return
    for row in lines:
        if ":" in row and not row.startswith(("\t", " ", "#", ".")):
            yield from row.split(":")[0].split()
