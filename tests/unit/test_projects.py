"""Which projects there are, what they are called, and what is said when one is not there."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from core.config import Settings
from core.errors import NotFound, UserError
from core.model import Mode
from core.projects import Projects


def repository(path: Path) -> Path:
    (path / ".git").mkdir(parents=True)
    return path


def projects(home: Path, *folders: Path, toml: str = "") -> Projects:
    home.mkdir(exist_ok=True)
    if toml:
        (home / "projects.toml").write_text(toml)
    return Projects(Settings(_env_file=None, home=home, projects=folders))


def names(found: Projects) -> list[str]:
    return [project.name for project in found.all()]


def test_a_folder_is_a_project_or_holds_some(tmp_path: Path) -> None:
    app = repository(tmp_path / "app")
    repository(tmp_path / "many" / "one")
    repository(tmp_path / "many" / "two")
    (tmp_path / "many" / "no-repository").mkdir()
    assert names(projects(tmp_path / "home", app, tmp_path / "many")) == ["app", "one", "two"]


def test_where_two_names_collide_the_parents_is_added(tmp_path: Path) -> None:
    folders = [repository(tmp_path / owner / "app") for owner in ("work", "play")]
    assert names(projects(tmp_path / "home", *folders)) == ["play-app", "work-app"]


def test_where_the_parents_collide_too_theirs_are_added(tmp_path: Path) -> None:
    folders = [repository(tmp_path / owner / "x" / "app") for owner in ("work", "play")]
    assert names(projects(tmp_path / "home", *folders)) == ["play-x-app", "work-x-app"]


def test_a_third_one_of_the_same_name_and_parent_spoils_nothing(tmp_path: Path) -> None:
    found = projects(tmp_path / "home")
    added = [found.add(repository(tmp_path / n / "x" / "app")).name for n in ("a", "b", "c")]
    assert added == ["app", "x-app", "c-x-app"]
    assert names(found) == sorted(added)


@pytest.mark.skipif(os.geteuid() == 0, reason="root may look everywhere")
def test_a_folder_that_is_closed_to_us_hides_no_other(tmp_path: Path) -> None:
    repository(tmp_path / "many" / "one")
    closed = repository(tmp_path / "many" / "closed")
    closed.chmod(0)
    assert names(projects(tmp_path / "home", tmp_path / "many")) == ["one"]
    closed.chmod(0o700)


def test_a_folder_whose_name_is_no_text_is_no_project(tmp_path: Path) -> None:
    repository(tmp_path / "many" / "one")
    odd = repository(tmp_path / "many" / os.fsdecode(b"odd\xff"))
    found = projects(tmp_path / "home", tmp_path / "many")
    assert names(found) == ["one"]
    with pytest.raises(UserError, match="no UTF-8 text"):
        found.add(odd)
    assert names(found) == ["one"]


def test_settings_of_a_project(tmp_path: Path) -> None:
    toml = """
        [projects.app]
        agent = "gemini"
        base = "main"
        mode = "ask"
        setup = "npm ci"
        check = "npm test"
        copy = [".env.test"]
        link = ["node_modules"]
    """
    found = projects(tmp_path / "home", repository(tmp_path / "app"), toml=toml).find("app")
    assert (found.agent, found.base, found.mode) == ("gemini", "main", Mode.ASK)
    assert (found.setup, found.check) == ("npm ci", "npm test")
    assert (found.copy, found.link) == ((".env.test",), ("node_modules",))


def test_an_edit_counts_at_once(tmp_path: Path) -> None:
    found = projects(tmp_path / "home", repository(tmp_path / "app"))
    assert found.find("app").check is None
    found.file.write_text('[projects.app]\ncheck = "true"')
    assert found.find("app").check == "true"


@pytest.mark.parametrize(
    ("toml", "words"),
    [
        ("[projects.app", "cannot be read"),
        ("projects = 'app'", "needs tables like [projects.app]"),
        ("[projects.app]\nchekc = 'true'", "chekc"),
        ("[projects.app]\nmode = 'yolo'", "mode"),
        ("[projects.gone]\ncheck = 'true'", "no such project"),
        ("[projects.gone]\npath = '/nowhere/at/all'", "not a git repository"),
    ],
)
def test_a_wrong_file_is_named_with_its_remedy(tmp_path: Path, toml: str, words: str) -> None:
    found = projects(tmp_path / "home", repository(tmp_path / "app"), toml=toml)
    assert any(words in problem for problem in found.problems())


def test_a_folder_that_is_no_repository_is_named_and_the_others_stay(tmp_path: Path) -> None:
    (tmp_path / "plain").mkdir()
    found = projects(
        tmp_path / "home", repository(tmp_path / "app"), tmp_path / "plain", tmp_path / "missing"
    )
    assert names(found) == ["app"]
    holds_none, no_folder = found.problems()
    assert "git init" in holds_none
    assert "not a folder" in no_folder


def test_finding_one(tmp_path: Path) -> None:
    app, site = repository(tmp_path / "App"), repository(tmp_path / "site")
    (site / "src").mkdir()
    found = projects(tmp_path / "home", app, site)
    assert found.find("App").path == app
    assert found.find("app").path == app
    assert found.find(str(site)).path == site
    assert found.find(None, cwd=site / "src").path == site
    with pytest.raises(NotFound, match="App, site"):
        found.find("nope")
    with pytest.raises(NotFound):
        found.find(str(tmp_path))
    with pytest.raises(UserError, match="Which project"):
        found.find(None, cwd=tmp_path)


@pytest.mark.parametrize("name", ["/app/\0", "~nobody-of-that-name/app", "/circle/x"])
def test_what_is_no_path_at_all_is_no_project(tmp_path: Path, name: str) -> None:
    repository(tmp_path / "app")
    (tmp_path / "circle").symlink_to("circle")
    found = projects(tmp_path / "home", tmp_path / "app")
    with pytest.raises(NotFound):
        found.find(name.replace("/circle", f"{tmp_path}/circle"))


def test_the_only_project_needs_no_name(tmp_path: Path) -> None:
    assert projects(tmp_path / "home", repository(tmp_path / "app")).find(None).name == "app"


def test_without_projects_the_message_says_how_to_add_one(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="gofer projects add"):
        projects(tmp_path / "home").find(None)


def test_adding_one(tmp_path: Path) -> None:
    found = projects(tmp_path / "home")
    path = repository(tmp_path / 'odd "name"')
    added = found.add(path, {"check": 'test "x" = y', "link": ["a", "b"]})
    assert found.find(added.name) == added
    assert (added.path, added.check, added.link) == (path, 'test "x" = y', ("a", "b"))
    with pytest.raises(UserError, match="already"):
        found.add(path)
    with pytest.raises(UserError, match="not a git repository"):
        found.add(tmp_path)


def test_adding_a_second_one_of_the_same_name_keeps_the_first(tmp_path: Path) -> None:
    found = projects(tmp_path / "home")
    first = found.add(repository(tmp_path / "work" / "app"))
    second = found.add(repository(tmp_path / "play" / "app"))
    assert (first.name, second.name) == ("app", "play-app")
    assert found.find("app") == first


def test_one_that_a_folder_led_to_gets_settings_once(tmp_path: Path) -> None:
    path = repository(tmp_path / "many" / "app")
    found = projects(tmp_path / "home", tmp_path / "many")
    with pytest.raises(UserError, match="already there, as project app"):
        found.add(path)
    assert found.add(path, {"check": "make test"}).check == "make test"
    assert names(found) == ["app"]
    with pytest.raises(UserError, match=r"its settings are in .*projects\.toml"):
        found.add(path, {"check": "true"})
