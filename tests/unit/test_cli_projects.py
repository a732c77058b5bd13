"""What `gofer projects add` proposes from a project's own files, and that it runs none of it."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from click.testing import CliRunner

from cli import doctor
from cli.main import gofer
from cli.projects import propose
from core.config import Settings
from core.errors import UserError
from tests.fakes.checkout import Checkout


def files(folder: Path, *names: str, **texts: str) -> Path:
    for name in names:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        if name.endswith("/"):
            (folder / name).mkdir(parents=True, exist_ok=True)
        else:
            (folder / name).touch()
    for name, text in texts.items():
        (folder / name.replace("__", ".")).write_text(text)
    return folder


NODE = json.dumps({"scripts": {"test": "vitest run"}})
NO_TEST = json.dumps({"scripts": {"test": 'echo "Error: no test specified" && exit 1'}})


@pytest.mark.parametrize(
    ("names", "texts", "expected"),
    [
        ([], {}, {}),
        (
            ["node_modules/"],
            {"package__json": NODE},
            {"check": "npm test", "link": ["node_modules"]},
        ),
        (["pnpm-lock.yaml"], {"package__json": NODE}, {"check": "pnpm test"}),
        ([], {"package__json": NO_TEST}, {}),
        (["setup.py"], {}, {"check": "python3 -m unittest"}),
        (["setup.py", "tests/__init__.py"], {}, {"check": "python3 -m unittest"}),
        (["setup.py", "tests/test_x.py"], {}, {"check": "python3 -m unittest discover -s tests"}),
        (
            [".venv/"],
            {"pyproject__toml": '[tool.pytest.ini_options]\ntestpaths = ["tests"]'},
            {"check": ".venv/bin/python -m pytest -q", "link": [".venv"]},
        ),
        (["Cargo.toml", "target/"], {}, {"check": "cargo test", "link": ["target"]}),
        (["go.mod"], {}, {"check": "go test ./..."}),
        ([], {"Makefile": "all: x\n\ntest check: all\n\ttrue\n"}, {"check": "make test"}),
        ([], {"Makefile": "VERSION := test\nall:\n"}, {}),
        ([], {"package__json": "not json"}, {}),
    ],
)
def test_what_is_proposed(
    tmp_path: Path, names: list[str], texts: dict[str, str], expected: dict[str, object]
) -> None:
    assert propose(files(tmp_path, *names, **texts)) == expected


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    for name in ("GOFER_PROJECTS", "GOFER_NOTIFY_URLS", "TELEGRAM_BOT_TOKEN"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("GOFER_HOME", str(tmp_path / "home"))
    return tmp_path / "home"


def test_adding_and_listing_need_no_hub(tmp_path: Path, home: Path) -> None:
    app = files(tmp_path / "app", ".git/", "go.mod")
    runner = CliRunner()
    added = runner.invoke(gofer, ["projects", "add", str(app), "--json"])
    assert json.loads(added.output)["check"] == "go test ./..."
    listed = runner.invoke(gofer, ["projects", "--json"])
    assert [p["name"] for p in json.loads(listed.output)] == ["app"]
    assert (home / "projects.toml").exists()


def test_what_is_proposed_can_be_refused(tmp_path: Path, home: Path) -> None:
    app = files(tmp_path / "app", ".git/", "go.mod")
    answered = CliRunner().invoke(gofer, ["projects", "add", str(app)], input="n\n")
    assert 'check = "go test ./..."' in answered.output
    assert "check =" not in (home / "projects.toml").read_text()


def test_what_is_there_already_is_not_asked_about(tmp_path: Path, home: Path) -> None:
    app = files(tmp_path / "app", ".git/", "go.mod")
    assert CliRunner().invoke(gofer, ["projects", "add", str(app), "-y"]).exit_code == 0
    again = CliRunner().invoke(gofer, ["projects", "add", str(app)])
    assert isinstance(again.exception, UserError)
    assert "already there" in str(again.exception)
    assert "go test" not in again.output


async def test_the_doctor_names_the_check_that_a_project_could_have(
    tmp_path: Path, home: Path
) -> None:
    checkout = Checkout.make(tmp_path / "many" / "my app")
    checkout.put("go.mod")
    checkout.git("add", ".")
    checkout.git("commit", "--quiet", "-m", "Start")
    settings = Settings(_env_file=None, home=home, projects=(tmp_path / "many",))
    (finding,) = [finding async for finding in doctor._projects(settings)]
    remedy = f"For the check `go test ./...`: gofer projects add '{checkout.path}'"
    assert (finding.status, finding.remedy) == (doctor.OK, remedy)
