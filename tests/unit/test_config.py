"""Settings: where they are read from, and who may not see that."""

from __future__ import annotations

from pathlib import Path

import pytest

from cli.app import make_agents
from core.config import Settings, load, runtime_folder
from core.errors import UserError
from core.model import Workspace
from core.projects import Projects
from tests.fakes.lab import HAS_BWRAP, NO_BWRAP


@pytest.fixture
def settings_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A settings file in an unusual place, and the runtime folder in another one."""
    for name in ("etc", "sockets", "home", "work"):
        (tmp_path / name).mkdir()
    monkeypatch.setenv("GOFER_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(tmp_path / "sockets"))
    file = tmp_path / "etc" / "gofer.env"
    file.write_text("GOFER_MCP_TOKEN=SECRET-token\n")
    return file


def test_what_lets_one_in_as_the_owner_is_private(
    settings_file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(settings_file.parent)
    settings = load(Path(settings_file.name))
    assert set(settings.private) == {settings_file, settings.runtime}


@pytest.mark.skipif(not HAS_BWRAP, reason=NO_BWRAP)
async def test_no_agent_reads_the_settings_file_wherever_it_lies(
    settings_file: Path, tmp_path: Path
) -> None:
    work = Workspace(tmp_path / "work", "app", "gofer/t1", "0", "0")
    seen = Workspace(settings_file.parent, "app", "gofer/t2", "0", "0")  # /tmp is hidden anyway
    for workspace in (work, seen):
        result = await make_agents(load(settings_file)).execute(
            f"cat {settings_file}; echo done", workspace
        )
        assert "done" in result.tail
        assert "SECRET" not in result.tail


@pytest.mark.skipif(not HAS_BWRAP, reason=NO_BWRAP)
async def test_no_agent_reads_a_project_that_was_added_while_gofer_runs(
    settings_file: Path, tmp_path: Path
) -> None:
    settings = load(settings_file)
    agents = make_agents(settings)
    workspace = Workspace(tmp_path, "app", "gofer/t1", "0", "0")
    (tmp_path / "late" / ".git").mkdir(parents=True)
    (tmp_path / "late" / "secret.txt").write_text("SECRET")
    before = await agents.execute("cat late/secret.txt", workspace)
    Projects(settings).add(tmp_path / "late")
    after = await agents.execute("cat late/secret.txt", workspace)
    (settings.home / "projects.toml").write_text("not = = toml")
    later = await agents.execute("cat late/secret.txt", workspace)
    assert ["SECRET" in result.tail for result in (before, after, later)] == [True, False, False]


@pytest.mark.parametrize("squat", ["file", "link", "dangling", "open"])
def test_a_runtime_folder_that_is_not_ours_alone_is_refused(
    settings_file: Path, tmp_path: Path, squat: str
) -> None:
    home = tmp_path / "home"
    folder = runtime_folder(home)
    folder.rmdir()
    match squat:
        case "file":
            folder.touch(mode=0o600)
        case "link":
            folder.symlink_to(home)
        case "dangling":
            folder.symlink_to(tmp_path / "nowhere")
        case _:
            folder.mkdir()
            folder.chmod(0o777)
    with pytest.raises(UserError, match="not a private folder of yours"):
        runtime_folder(home)


def test_a_comma_inside_a_push_address_is_its_own() -> None:
    urls = "mailto://me@example.org?to=a@x,b@y,ntfy://topic  json://host/, slack://a/b/c/#x,#y,"
    settings = Settings(_env_file=None, notify_urls=urls)  # type: ignore[call-arg, arg-type]
    assert [url.get_secret_value() for url in settings.notify_urls] == [
        "mailto://me@example.org?to=a@x,b@y",
        "ntfy://topic",
        "json://host/",
        "slack://a/b/c/#x,#y",
    ]


@pytest.mark.parametrize(
    ("host", "url"), [("127.0.0.1", "http://127.0.0.1:1"), ("::1", "http://[::1]:1")]
)
def test_the_address_of_the_mcp_server_can_be_opened(host: str, url: str) -> None:
    settings = Settings(_env_file=None, mcp_host=host)  # type: ignore[call-arg]
    assert settings.mcp_url(1) == url


def test_what_is_no_setting_is_named(settings_file: Path) -> None:
    lines = ["GOFER_DEFAULT_AGNET=x", "TELEGRAM_BOT_TOKEN=1:a", "GOFER_HOME=/x", "MY_KEY=1"]
    settings_file.write_text("\n".join(lines))
    assert load(settings_file).unknown() == ("GOFER_DEFAULT_AGNET",)
    assert Settings(_env_file=None).unknown() == ()
