"""What an agent gets of the owner's: listed variables, listed login files, tools; nothing else."""

from __future__ import annotations

import base64
import json
import os
from pathlib import Path

import pytest

from agents import catalogue, environment, logins, toolchains
from agents.environment import Folders
from cli import doctor
from core.errors import AgentError, NotInstalled, UserError
from core.model import AgentInfo, Mode
from tests.fakes.lab import PYTHON, lab

# --- variables -----------------------------------------------------------------------------------


def test_only_listed_variables_pass() -> None:
    source = {
        "PATH": "/bin", "HOME": "/h", "LC_ALL": "C", "https_proxy": "http://p", "NO_PROXY": "x",
        "ANTHROPIC_API_KEY": "k", "CLAUDE_CODE_USE_VERTEX": "1", "OPENAI_API_KEY": "o",
        "AWS_SECRET_ACCESS_KEY": "s", "SSH_AUTH_SOCK": "/s", "DBUS_SESSION_BUS_ADDRESS": "d",
    }  # fmt: skip
    assert set(environment.allowed(source, ("ANTHROPIC_*", "CLAUDE_*"))) == {
        "PATH", "HOME", "LC_ALL", "https_proxy", "NO_PROXY",
        "ANTHROPIC_API_KEY", "CLAUDE_CODE_USE_VERTEX",
    }  # fmt: skip


def test_settings_and_git_never_pass_even_when_listed() -> None:
    source = {"GOFER_MCP_TOKEN": "t", "TELEGRAM_BOT_TOKEN": "t", "GIT_DIR": "/g"}
    assert set(environment.allowed(source, ("*", "GOFER_MCP_TOKEN"))) == {"PATH", "HOME"}


# --- configuration folders and logins ------------------------------------------------------------


@pytest.fixture
def owner(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    home = tmp_path / "owner"
    (home / ".claude").mkdir(parents=True)
    (home / ".claude" / ".credentials.json").write_text('{"token": 1}')
    (home / ".claude" / "settings.json").write_text('{"hooks": {}}')
    monkeypatch.setenv("HOME", str(home))
    return home


def claude(tmp_path: Path, project: str = "app") -> Folders:
    definition = catalogue.load(None)["claude"]
    return Folders(definition, project, tmp_path / "gofer")


def change(path: Path, content: str, at: float) -> None:
    path.write_text(content)
    os.utime(path, (at, at))


def test_a_login_is_brought_and_nothing_else(tmp_path: Path, owner: Path) -> None:
    folders = claude(tmp_path)
    folders.prepare({})
    (mount,) = folders.mounts()
    assert mount.target == owner / ".claude"
    assert mount.writable
    assert [file.name for file in mount.source.iterdir()] == [".credentials.json"]
    assert (mount.source / ".credentials.json").stat().st_mode & 0o777 == 0o600
    assert folders.variables(mounted=True) == {"CLAUDE_CONFIG_DIR": str(owner / ".claude")}
    assert folders.variables(mounted=False) == {"CLAUDE_CONFIG_DIR": str(mount.source)}


def login(token: str, **more: str) -> str:
    return json.dumps({"claudeAiOauth": {"accessToken": token, "expiresAt": 1}, **more})


def test_a_refreshed_login_reaches_other_projects_and_never_the_owner(
    tmp_path: Path, owner: Path
) -> None:
    owners = owner / ".claude" / ".credentials.json"
    change(owners, login("first"), 1_000)
    claude(tmp_path).prepare({})
    mine = claude(tmp_path).mounts()[0].source / ".credentials.json"
    change(mine, login("refreshed"), 2_000)
    claude(tmp_path).prepare({})
    claude(tmp_path, "other").prepare({})
    others = claude(tmp_path, "other").mounts()[0].source / ".credentials.json"
    assert others.read_text() == mine.read_text() == login("refreshed")
    assert owners.read_text() == login("first")
    change(owners, login("logged in again"), 3_000)
    claude(tmp_path).prepare({})
    assert mine.read_text() == login("logged in again")


def jwt(**claims: object) -> str:
    middle = base64.urlsafe_b64encode(json.dumps(claims).encode()).decode().rstrip("=")
    return f"e30.{middle}.signature"


@pytest.mark.parametrize(
    ("owners", "planted"),
    [
        (login("a", organizationUuid="owner"), login("b", organizationUuid="stranger")),
        (login("a"), login("b", apiKey="sk-stranger")),
        (login("a"), '{"apiKey": "sk-stranger"}'),
        ('{"OPENAI_API_KEY": "sk-owner"}', '{"OPENAI_API_KEY": "sk-stranger"}'),
        ('{"api": {"baseUrl": "https://a"}}', '{"api": {"baseUrl": "https://stranger"}}'),
        (
            json.dumps({"tokens": {"id_token": jwt(sub="owner")}}),
            json.dumps({"tokens": {"id_token": jwt(sub="stranger")}}),
        ),
        (
            json.dumps({"tokens": {"id_token": jwt(sub="owner")}}),
            json.dumps({"tokens": {"id_token": "opaque"}}),
        ),
        (login("a"), "[" * 100_000),
        (login("a"), "\x00 no JSON"),
    ],
)
def test_a_strangers_login_does_not_reach_other_projects(
    tmp_path: Path, owner: Path, owners: str, planted: str
) -> None:
    change(owner / ".claude" / ".credentials.json", owners, 1_000)
    claude(tmp_path).prepare({})
    mine = claude(tmp_path).mounts()[0].source / ".credentials.json"
    change(mine, planted, 2_000)
    claude(tmp_path).prepare({})
    claude(tmp_path, "other").prepare({})
    others = claude(tmp_path, "other").mounts()[0].source / ".credentials.json"
    assert others.read_text() == mine.read_text() == owners


def test_a_login_of_the_agents_own_stays_in_its_project(tmp_path: Path, owner: Path) -> None:
    (owner / ".claude" / ".credentials.json").unlink()
    claude(tmp_path).prepare({})
    mine = claude(tmp_path).mounts()[0].source / ".credentials.json"
    change(mine, login("planted"), 2_000)
    claude(tmp_path).prepare({})
    claude(tmp_path, "other").prepare({})
    assert mine.read_text() == login("planted")
    assert list(claude(tmp_path, "other").mounts()[0].source.iterdir()) == []


def test_who_a_token_is_for_may_not_change(tmp_path: Path) -> None:
    account = {"chatgpt_account_id": "1", "chatgpt_plan_type": "plus"}
    claim = "https://api.openai.com/auth"
    before = json.dumps({"id_token": jwt(sub="owner", **{claim: account}), "expires_at": 1})
    upgraded = account | {"chatgpt_plan_type": "pro"}
    after = json.dumps({"id_token": jwt(sub="owner", **{claim: upgraded}), "expires_at": 2.5})
    assert logins.refreshes(before.encode(), after.encode())


def test_a_login_from_the_future_does_not_outlive_the_owners_next_one(
    tmp_path: Path, owner: Path
) -> None:
    claude(tmp_path).prepare({})
    mine = claude(tmp_path).mounts()[0].source / ".credentials.json"
    change(mine, "planted", 9_999_999_999)
    claude(tmp_path, "other").prepare({})
    claude(tmp_path).prepare({})
    assert mine.read_text() == (owner / ".claude" / ".credentials.json").read_text()


def test_a_link_in_the_place_of_a_login_is_not_followed(tmp_path: Path, owner: Path) -> None:
    folders = claude(tmp_path)
    folders.prepare({})
    mine = folders.mounts()[0].source / ".credentials.json"
    victim = owner / "victim"
    victim.write_text("the owner's")
    mine.unlink()
    mine.symlink_to(victim)
    folders.prepare({})
    assert victim.read_text() == "the owner's"
    assert not mine.is_symlink()
    kept = tmp_path / "gofer" / "agents" / "claude" / "login"
    assert all(file.read_text() != "the owner's" for file in kept.rglob("*") if file.is_file())


def test_projects_do_not_share_conversations(tmp_path: Path, owner: Path) -> None:
    assert claude(tmp_path).mounts()[0].source != claude(tmp_path, "other").mounts()[0].source


def test_seeds_are_put_where_nothing_is(tmp_path: Path, owner: Path) -> None:
    folders = Folders(catalogue.load(None)["gemini"], "app", tmp_path / "gofer")
    folders.prepare({})
    settings = folders.mounts()[0].source / "settings.json"
    assert not settings.exists()
    folders.prepare({"GEMINI_API_KEY": "k"})
    assert "gemini-api-key" in settings.read_text()
    settings.write_text("{}")
    folders.prepare({"GEMINI_API_KEY": "k"})
    assert settings.read_text() == "{}"


def test_opencode_is_configured_to_ask(tmp_path: Path, owner: Path) -> None:
    folders = Folders(catalogue.load(None)["opencode"], "app", tmp_path / "gofer")
    folders.prepare({})
    (settings,) = [
        m.source / "opencode.json" for m in folders.mounts() if ".config" in str(m.target)
    ]
    permission = json.loads(settings.read_text())["permission"]
    assert permission == {"edit": "ask", "bash": "ask", "webfetch": "ask"}


def test_whether_it_is_logged_in(owner: Path) -> None:
    known = catalogue.load(None)
    assert environment.logged_in(known["claude"], {}) is True
    assert environment.logged_in(known["codex"], {}) is False
    assert environment.logged_in(known["codex"], {"OPENAI_API_KEY": "k"}) is True
    assert environment.logged_in(known["rehearsal"], {}) is None


# --- tools ---------------------------------------------------------------------------------------


def test_tools_in_the_home_are_found_and_other_things_are_not(tmp_path: Path) -> None:
    home = tmp_path / "home"
    for file in (
        ".nvm/versions/node/v22/bin/node", ".nvm/versions/node/v22/lib/x", ".local/bin/own",
        ".local/share/claude/versions/2.1", ".local/share/secrets/x", "venv/bin/python",
        "venv/pyvenv.cfg", ".npm-global/lib/node_modules/@a/cli/cli.js", ".ssh/id",
        ".cargo/bin/cargo", ".cargo/credentials.toml", "scripts/run",
    ):  # fmt: skip
        (home / file).parent.mkdir(parents=True, exist_ok=True)
        (home / file).touch()
    (home / ".local/bin/claude").symlink_to(home / ".local/share/claude/versions/2.1")
    (home / ".local/bin/cli").symlink_to(home / ".npm-global/lib/node_modules/@a/cli/cli.js")
    folders = (".nvm/versions/node/v22/bin", ".local/bin", "venv/bin", "scripts", "")
    path = ":".join(["/usr/bin", *(str(home / folder) for folder in folders)])
    found = toolchains.find(path, [], [], home, lambda place: place.is_relative_to(home))
    assert {str(place.relative_to(home)) for place in found} == {
        ".nvm", ".nvm/versions/node/v22", ".local/bin", ".local/share/claude/versions/2.1",
        ".npm-global/lib/node_modules", "venv", ".cargo/bin", "scripts",
    }  # fmt: skip


def test_a_program_is_found_where_it_is_named_and_where_that_leads(tmp_path: Path) -> None:
    for file in ("venv/pyvenv.cfg", "python/bin/python", "python/lib/x"):
        (tmp_path / file).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / file).touch()
    (tmp_path / "venv/bin").mkdir()
    (tmp_path / "venv/bin/python").symlink_to(tmp_path / "python/bin/python")
    program = tmp_path / "venv/bin/python"
    found = toolchains.find("", [program], [], tmp_path / "home", lambda place: True)
    assert found == {tmp_path / "venv", tmp_path / "python"}


def test_a_folder_that_we_may_not_look_into_is_no_tool(tmp_path: Path) -> None:
    """As where the PATH is another user's still."""
    closed = tmp_path / "another" / "bin"
    closed.mkdir(parents=True)
    closed.parent.chmod(0)
    was = os.geteuid()
    os.seteuid(65_534 if was == 0 else was)  # root may look everywhere
    try:
        assert toolchains.find(str(closed), [], [], tmp_path / "home", lambda place: True) == set()
    finally:
        os.seteuid(was)
        closed.parent.chmod(0o700)


# --- definitions ---------------------------------------------------------------------------------


def test_an_agents_file_adds_and_changes(tmp_path: Path) -> None:
    file = tmp_path / "agents.toml"
    file.write_text(
        """
        [agents.claude]
        command = ["claude-next"]
        model = "opus"
        [agents.mine]
        protocol = "command"
        command = ["bash", "my-agent.sh"]
        env = ["MY_KEY"]
        mode = "trusted"
        writable = ["~/.mine"]
        """
    )
    known = catalogue.load(file)
    assert known["claude"].command == ("claude-next",)
    assert known["claude"].env == ("ANTHROPIC_*", "CLAUDE_*")
    assert known["claude"].options == {"model": "opus"}
    assert known["mine"].mode is Mode.TRUSTED
    assert known["mine"].writable == ("~/.mine",)
    assert {"codex", "gemini", "opencode", "qwen", "goose", "copilot"} <= known.keys()


@pytest.mark.parametrize(
    ("content", "says"),
    [
        ("[agents.x]\ncommand = ['x']", "protocol is one of"),
        ("[agents.x]\nprotocol = 'morse'\ncommand = ['x']", "morse"),
        ("[agents.x]\nprotocol = 'command'", "command is missing"),
        ("[agents.x]\nprotocol = 'command'\ncommand = 'x'", "list of strings"),
        ("[agents.x]\nprotocol = 'command'\ncommand = ['x']\nmode = 'bold'", "bold"),
        ("[agents.x]\nprotocol = 'acp'\ncommand = ['x']\nfolders = [{ on = 'x' }]", "on"),
        ("agents = 5", "table"),
        ("no toml", "no TOML"),
    ],
)
def test_a_bad_agents_file_is_explained(tmp_path: Path, content: str, says: str) -> None:
    file = tmp_path / "agents.toml"
    file.write_text(content)
    with pytest.raises(UserError, match=says):
        catalogue.load(file)
    with pytest.raises(UserError, match="cannot be read"):
        catalogue.load(tmp_path / "none.toml")


def test_all_that_is_wrong_in_an_agents_file_is_said_at_once(tmp_path: Path) -> None:
    file = tmp_path / "agents.toml"
    file.write_text("[agents.x]\ncommand = ['x']\n[agents.y]\nprotocol = 'command'\n")
    with pytest.raises(UserError, match=r"(?s)agents\.x\].*agents\.y\]"):
        catalogue.load(file)


async def test_what_is_installed_and_what_is_not(tmp_path: Path) -> None:
    with lab(tmp_path) as here:
        here.source = {"PATH": "/usr/bin:/bin", "HOME": str(tmp_path)}
        here.agents["claude"] = {"command": ["no-such-claude"]}
        silent = tmp_path / "silent"
        silent.write_text("#!/bin/sh\n")
        silent.chmod(0o755)
        here.agents["silent"] = {"protocol": "acp", "command": [str(silent)]}
        runner = here.runner()
        found = {info.name: info for info in await runner.available()}
        assert found["rehearsal"].version == "1.0"
        assert found["rehearsal"].problem is None
        assert not found["claude"].installed
        assert "npm install" in (found["claude"].problem or "")
        assert "nothing" in (found["silent"].problem or "")
        with pytest.raises(NotInstalled, match=r"rehearsal") as error:
            await runner.require("claude")
        assert "not installed" in str(error.value)
        with pytest.raises(NotInstalled, match="not known"):
            await runner.require("nobody")


async def test_versions_that_were_tried_are_told(tmp_path: Path) -> None:
    with lab(tmp_path) as here:
        here.agents["mine"] = {"protocol": "acp", "command": ["mine"]}
        found = {info.name: info.tried_with for info in await here.runner().available()}
    assert found["claude"] == "2.1.197"
    assert found["goose"] is None
    assert "gemini-cli" in (found["mine"] or "")


@pytest.mark.parametrize(
    ("version", "tried", "says"),
    [
        ("2.1.197", "2.1.197", "2.1.197"),
        ("2.2.0", "2.1.197", "2.2.0 (Gofer was tried with 2.1.197)"),
        ("1.0", None, "1.0 (Gofer was never tried with it)"),
        (None, "2.1.197", "installed"),
    ],
)
def test_the_doctor_compares_versions(version: str | None, tried: str | None, says: str) -> None:
    assert doctor.described_version(AgentInfo("x", "acp", True, version, tried)) == says


async def test_a_version_is_asked_for_once_a_minute(tmp_path: Path) -> None:
    with lab(tmp_path) as here:
        count = tmp_path / "count"
        asked = here.home / "asked.py"
        asked.write_text(f"open({str(count)!r}, 'a').write('x'); print('v 1.2.3-beta')")
        here.agents["counted"] = {"protocol": "acp", "command": [PYTHON, str(asked)]}
        runner = here.runner()
        for _ in range(3):
            assert (await runner.require("counted")).version == "1.2.3-beta"
        assert count.read_text() == "x"


def test_a_command_agent_is_trusted_unless_it_says_otherwise(tmp_path: Path) -> None:
    with lab(tmp_path) as here:
        here.program("")
        here.program("", "asks", mode="ask")
        runner = here.runner()
        assert runner.default_mode("script") == "trusted"
        assert runner.default_mode("asks") == "ask"
        assert runner.default_mode("claude") is None
        assert runner.default_mode("nobody") is None


async def test_a_sweep_kills_runs_that_nobody_knows(tmp_path: Path) -> None:
    with lab(tmp_path) as here:
        name = here.program("import time; print('up', flush=True); time.sleep(1000)")
        keep, drop = here.spec(name), here.spec(name)
        runs = [await here.start(keep), await here.start(drop)]
        for run in runs:
            await run.detach()
        killed = await here.runner().sweep([keep.run_id])
        assert len(killed) == 2
        assert all(drop.run_id in line for line in killed)
        assert await here.runner().sweep([keep.run_id]) == []
        run = await here.runner().attach(keep, 0)
        await run.stop(0)
        await run.detach()


async def test_two_homes_leave_each_other_alone(tmp_path: Path) -> None:
    with lab(tmp_path / "a") as one, lab(tmp_path / "b") as other:
        spec = one.spec(one.program("import time; time.sleep(1000)"))
        run = await one.start(spec)
        assert await other.runner().sweep([]) == []
        await run.stop(0)
        await run.detach()


async def test_an_unknown_agent_cannot_start(tmp_path: Path) -> None:
    with lab(tmp_path) as here, pytest.raises(AgentError, match="Installed: rehearsal"):
        here.agents = {
            name: {"command": ["no-such-program"]}
            for name in catalogue.load(None)
            if name != "rehearsal"
        }
        await here.start(here.spec("claude"))
