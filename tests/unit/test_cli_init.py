"""`gofer init` writes what the settings then read, for its owner's eyes alone."""

from __future__ import annotations

from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from cli.init import save
from cli.main import gofer
from core.config import Settings, load
from core.errors import UserError


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    for field in Settings.model_fields:
        monkeypatch.delenv(f"GOFER_{field.upper()}", raising=False)
    monkeypatch.delenv("TELEGRAM_BOT_TOKEN", raising=False)
    monkeypatch.setenv("GOFER_HOME", str(tmp_path / "home"))
    monkeypatch.chdir(tmp_path)
    return tmp_path / "home"


def init(*answers: str) -> Result:
    return CliRunner().invoke(gofer, ["init"], input="\n".join(answers) + "\n")


def test_what_was_answered_is_what_the_settings_say(tmp_path: Path, home: Path) -> None:
    project = tmp_path / "my app"
    (project / ".git").mkdir(parents=True)
    asked = init("123:abc", "11,12", str(project), "codex", "ntfy://topic#1 json://u:p@h/x,y")
    assert asked.exit_code == 0, asked.output
    settings = load()
    assert settings.telegram_bot_token is not None
    assert settings.telegram_bot_token.get_secret_value() == "123:abc"
    assert settings.allowed_users == (11, 12)
    assert settings.projects == (project,)
    assert settings.default_agent == "codex"
    assert [url.get_secret_value() for url in settings.notify_urls] == [
        "ntfy://topic#1",
        "json://u:p@h/x,y",
    ]
    assert (home / ".env").stat().st_mode & 0o777 == 0o600


def test_the_repository_one_is_in_is_offered_but_never_gofer_itself(
    tmp_path: Path, home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / ".git").mkdir()
    assert f"Folders [{tmp_path}]" in init("", "").output
    monkeypatch.chdir(Path(__file__).parents[2])
    assert "Folders: " in init("", "").output


def test_answers_that_cannot_be_are_asked_again(home: Path) -> None:
    asked = init("", "me", "11", "/no/such/folder", "", "nobody", "codex", "foo://x", "")
    assert "There is no agent nobody. There are: claude, codex" in asked.output
    assert "Address 1 in GOFER_NOTIFY_URLS is none that Apprise understands" in asked.output
    assert load().default_agent == "codex"
    assert "Not a numeric id: me" in asked.output
    assert "/no/such/folder is not a folder" in asked.output
    assert load().allowed_users == (11,)


def test_one_who_stops_in_the_middle_is_told_that_nothing_was_written(home: Path) -> None:
    stopped = CliRunner().invoke(gofer, ["init"], input="123:abc\n")
    assert "nothing was written" in stopped.output
    assert not (home / ".env").exists()


def test_a_settings_file_that_is_no_text_is_left_alone_and_named(home: Path) -> None:
    home.mkdir(exist_ok=True)
    (home / ".env").write_bytes(b"A=\xff\n")
    refused = init("", "", "", "", "")
    assert isinstance(refused.exception, UserError)
    assert str(home / ".env") in str(refused.exception)
    assert (home / ".env").read_bytes() == b"A=\xff\n"


def test_a_second_time_enter_keeps_what_is_there_and_shows_no_secret(home: Path) -> None:
    init("123:abc", "11", "", "claude", "ntfy://topic")
    with (home / ".env").open("a") as file:
        file.write("# mine\nGOFER_MCP_PORT=9000\n")
    before = (home / ".env").read_text()
    again = init("", "", "", "", "")
    assert (home / ".env").read_text() == before
    assert "123:abc" not in again.output
    assert "ntfy://topic" not in again.output


def test_the_file_is_private_even_if_it_was_not(tmp_path: Path) -> None:
    file = tmp_path / ".env"
    file.write_text("A=1\n")
    file.chmod(0o644)
    save(file, {"B": "2"})
    assert file.stat().st_mode & 0o777 == 0o600
    assert file.read_text() == "A=1\nB=2\n"
