"""What an agent tries against the owner, and cannot. Everything runs in the real bubblewrap."""

from __future__ import annotations

import asyncio
import os
import shlex
import socket
import stat
import subprocess
import tempfile
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from agents import sandbox
from agents.sandbox import Sandbox, can_close_off
from core.errors import AgentError
from core.model import AgentEvent, Decision, Mode, Mount, Request, TurnEnded
from tests.fakes.boxed import NOT_HIDDEN, attempt, boxed_lab, needs_bwrap
from tests.fakes.lab import Lab, follow, lab, script


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Lab]:
    with boxed_lab(tmp_path, monkeypatch) as made:
        yield made


@needs_bwrap
async def test_secrets_are_not_there_to_be_read(here: Lab) -> None:
    owner = here.home.parent / "owner"
    tried = [
        *(owner / name for name in (".ssh/id_ed25519", ".aws/credentials", ".env")),
        *(owner / name for name in (".claude/settings.json", "other/secret.txt")),
        owner / "project/.git/config",
        here.hidden[0] / "secret.txt",
        here.hidden[1],
        here.home / "gofer.db",
        here.home / "workspaces/t2/file",
        Path("/etc/shadow"),
    ]
    printed = await attempt(here, "; ".join(f"cat {path}" for path in tried))
    assert "SECRET" not in printed
    assert ":99999:" not in printed
    listing = await attempt(here, f"ls -A {owner} {here.home} {here.home.parent}")
    assert not any(name in listing for name in (".ssh", ".aws", "other", "gofer.db", "t2"))


@needs_bwrap
async def test_what_is_not_for_everybody_is_hidden_from_root_too(
    here: Lab, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Of the machine's configuration, in whose place a folder stands that is as readable."""
    if not os.access(NOT_HIDDEN, os.W_OK):
        pytest.skip(f"{NOT_HIDDEN} CANNOT BE WRITTEN BY US: it is not tested here")
    with tempfile.TemporaryDirectory(dir=NOT_HIDDEN) as folder:
        monkeypatch.setattr(sandbox, "CONFIGURATION", Path(folder))
        Path(folder).chmod(0o755)
        for name, mode in {"closed/key": 0o644, "key": 0o600, "config": 0o644}.items():
            Path(folder, name).parent.mkdir(exist_ok=True, mode=0o700)
            Path(folder, name).write_text("for everybody" if name == "config" else "SECRET")
            Path(folder, name).chmod(mode)
        printed = await attempt(here, f"cat {folder}/closed/* {folder}/*")
    assert "SECRET" not in printed
    assert "for everybody" in printed


@needs_bwrap
async def test_writes_outside_the_workspace_do_not_arrive(here: Lab) -> None:
    owner = here.home.parent / "owner"
    before = {path: path.read_bytes() for path in here.home.parent.rglob("*") if path.is_file()}
    places = (owner, owner / ".ssh", owner / "project/.git", here.home, "/etc", "/usr", "/tmp")
    commands = [f"mkdir -p {place}; echo mine > {place}/gofer-was-here" for place in places]
    await attempt(here, "; ".join(commands))
    for place in places:
        assert not (Path(place) / "gofer-was-here").exists()
    after = {path: path.read_bytes() for path in before if path.exists()}
    assert after == before


@needs_bwrap
async def test_the_system_cannot_be_remounted(here: Lab) -> None:
    for attack in (
        "mount -o remount,rw /",
        "mount -o bind,remount,rw /etc",
        "umount /root /home /tmp /run",
        "unshare -Urm sh -c 'mount -o remount,bind,rw / && touch /etc/gofer-was-here'",
        f"unshare -Urm sh -c 'umount -l {here.home}; cat {here.home}/gofer.db'",
        "nsenter -t 1 -m cat /etc/shadow",
    ):
        result = await here.runner().execute(attack, here.workspace)
        assert "SECRET" not in result.tail
        assert ":99999:" not in result.tail
    assert not Path("/etc/gofer-was-here").exists()
    status = await attempt(here, "grep -E 'Cap(Inh|Prm|Eff|Amb)|NoNewPrivs' /proc/self/status")
    *capabilities, no_new = [line.split()[1] for line in status.splitlines()]
    assert set("".join(capabilities)) == {"0"}
    assert no_new == "1"


@needs_bwrap
async def test_the_kernels_settings_cannot_be_written(here: Lab) -> None:
    """The pattern for core dumps names a program that runs as root, outside."""
    settings = "/proc/sys/kernel/core_pattern /proc/sys/vm/swappiness /proc/sysrq-trigger"
    writable = f"for file in {settings}; do test -w $file && echo $file; done; ls /proc/sys"
    assert "/proc/" not in await attempt(here, writable)


@needs_bwrap
async def test_the_owners_sockets_cannot_be_reached(here: Lab) -> None:
    path = here.runtime / "hub.sock"
    with socket.socket(socket.AF_UNIX) as server:
        server.bind(str(path))
        server.listen()
        program = (
            "import socket; s = socket.socket(socket.AF_UNIX)\n"
            f"try: s.connect({str(path)!r}); print('REACHED')\n"
            "except OSError as e: print('no', e)"
        )
        assert "REACHED" not in await attempt(here, f'python3 -c "{program}"')
    assert (await attempt(here, "ls -A /run /tmp | grep -v gofer; ls /run/user")).count("sock") == 0


CALL = """
import socket
for name in ("\\0{name}", "\\0own"):
    with socket.socket(socket.AF_UNIX) as own, socket.socket(socket.AF_UNIX) as call:
        own.bind("\\0own")
        own.listen()
        try: call.connect(name); print("reached", name[1:])
        except OSError as error: print(error)
"""


@needs_bwrap
@pytest.mark.parametrize("who", ["a check", "an agent", "git"])
async def test_sockets_without_a_path_cannot_be_reached(here: Lab, who: str) -> None:
    """As an older D-Bus or an X server has them; the agent's own are its own."""
    if not can_close_off():
        pytest.skip("THIS KERNEL CANNOT CLOSE OFF ABSTRACT SOCKETS: agents can connect to them")
    name = f"gofer-test-{os.urandom(4).hex()}"
    program = CALL.format(name=name)
    command = ("python3", "-c", program)
    with socket.socket(socket.AF_UNIX) as server:
        server.bind(f"\0{name}")
        server.listen()
        if who == "an agent":
            run = await here.start(here.spec(here.program(program), mode=Mode.TRUSTED))
            await run.finish()
            printed = "\n".join((await follow(run)).texts)
        elif who == "git":
            argv = here.runner().confine(command, here.workspace)
            done = await asyncio.to_thread(subprocess.run, argv, capture_output=True, text=True)
            printed = done.stdout
        else:
            printed = await attempt(here, shlex.join(command))
    assert printed.splitlines() == ["[Errno 1] Operation not permitted", "reached own"]
    assert (await here.runner().sandbox()).gap is None


@needs_bwrap
@pytest.mark.parametrize("place", ["/", "/opt", "/srv", "/mnt", "/media", "/var", "/var/lib"])
async def test_what_nobody_named_is_not_there(here: Lab, place: str) -> None:
    """A folder of the owner's that is no project and lies outside of the home."""
    if not os.access(place, os.W_OK):
        pytest.skip(f"{place} CANNOT BE WRITTEN BY US: it is not tested here")
    with tempfile.TemporaryDirectory(dir=place) as folder:
        Path(folder, "secret").write_text("SECRET data")
        attack = f"cat {folder}/*; ls {place}; mkdir -p {folder}; echo theirs > {folder}/planted"
        printed = await attempt(here, attack)
        assert "SECRET" not in printed
        assert Path(folder).name not in printed.replace(folder, "")
        assert not Path(folder, "planted").exists()


@needs_bwrap
async def test_other_processes_are_not_visible(here: Lab) -> None:
    printed = await attempt(here, "ls /proc | grep -c '^[0-9]'; cat /proc/[0-9]*/environ")
    assert int(printed.split()[0]) < 10
    assert "PYTEST" not in printed


@needs_bwrap
async def test_the_git_folder_can_be_neither_changed_nor_moved_aside(here: Lab) -> None:
    git = here.workspace.path / ".git"
    git.mkdir()
    (git / "config").write_text("ours")
    workspace = replace(here.workspace, protected=(git,))
    attack = "mv .git .g; cp -r .g .git; echo theirs > .git/config; rm -rf .git; ln -sf /x .git"
    await here.runner().execute(attack, workspace)
    assert (git / "config").read_text() == "ours"
    assert not (here.workspace.path / ".g").exists()


@needs_bwrap
async def test_a_mount_is_read_only_unless_it_says_otherwise(here: Lab) -> None:
    for name in ("objects", "scratch"):
        (here.home / name).mkdir()
        (here.home / name / "file").write_text("ours")
    workspace = replace(
        here.workspace,
        mounts=(
            Mount(here.home / "objects", here.home / "objects"),
            Mount(here.home / "scratch", here.home / "scratch", writable=True),
        ),
    )
    attack = f"for f in {here.home}/*/file; do echo theirs > $f; ln $f ./linked; done"
    await here.runner().execute(attack, workspace)
    assert (here.home / "objects" / "file").read_text() == "ours"
    assert (here.home / "scratch" / "file").read_text() == "theirs\n"
    assert (here.home / "objects" / "file").stat().st_nlink == 1


@needs_bwrap
async def test_a_planted_hook_stays_with_gofer(here: Lab) -> None:
    hook = {"bash": "echo planted > ~/.rehearsal/settings.json; echo planted > ~/.bashrc"}
    spec = here.spec(prompt=script(hook, {"text": "done"}), mode=Mode.TRUSTED)
    run = await here.start(spec)

    async def on(event: AgentEvent) -> None:
        if isinstance(event, Request):
            await run.answer(event.request_id, Decision.ALLOW)
        if isinstance(event, TurnEnded):
            await run.finish()

    assert (await follow(run, on)).texts == ["done"]
    owner = here.home.parent / "owner"
    assert not (owner / ".rehearsal").exists()
    assert not (owner / ".bashrc").exists()
    planted = list(here.home.rglob("settings.json"))
    assert [path.relative_to(here.home).parts[:4] for path in planted] == [
        ("agents", "rehearsal", "projects", "app")
    ]


@needs_bwrap
async def test_no_setting_reaches_the_agent(here: Lab) -> None:
    canary = "canary-5e77"
    here.source = {
        **here.source,
        **dict.fromkeys(("TELEGRAM_BOT_TOKEN", "GOFER_MCP_TOKEN", "GOFER_HOME"), canary),
        "GIT_DIR": canary,
        "AWS_SECRET_ACCESS_KEY": canary,
        "ANTHROPIC_API_KEY": canary,
        "SSH_AUTH_SOCK": canary,
        "MY_TOKEN": canary,
    }
    spec = here.spec(here.program("import os; print(dict(os.environ))"), mode=Mode.TRUSTED)
    run = await here.start(spec)
    await run.finish()
    (printed,) = (await follow(run)).texts
    assert canary not in printed
    assert canary not in await attempt(here, "env; cat /proc/*/environ")
    stored = [p for p in here.home.rglob("*") if p.is_file() and canary.encode() in p.read_bytes()]
    assert stored == []


# --- without one -----------------------------------------------------------------------------


async def test_nothing_runs_without_a_sandbox(here: Lab, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "/nowhere")
    here.sandbox = "auto"
    runner = here.runner()
    info = await runner.sandbox()
    assert not info.working
    for attempt_it in (
        runner.start(here.spec()),
        runner.execute("true", here.workspace),
        runner.require("rehearsal"),
    ):
        with pytest.raises(AgentError, match="GOFER_SANDBOX"):
            await attempt_it
    assert not (here.workspace.path.parent.parent / "runs").exists()


async def test_other_systems_hear_what_the_choices_are(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sys.platform", "darwin")
    with pytest.raises(AgentError, match=r"Linux only[\s\S]*container[\s\S]*off.*unprotected"):
        await Sandbox("auto", home=tmp_path).require()


async def test_who_would_not_ask_needs_a_sandbox_or_the_owners_word(here: Lab) -> None:
    here.sandbox = "off"
    with pytest.raises(AgentError, match="allow_unsandboxed"):
        await here.runner().start(here.spec(mode=Mode.TRUSTED))
    name = here.program("print('x')", allow_unsandboxed=False)
    with pytest.raises(AgentError, match="allow_unsandboxed"):
        await here.runner().start(here.spec(name))
    assert (await here.runner().available())[-1].problem


def test_in_a_container_the_agent_is_somebody_else(
    here: Lab, monkeypatch: pytest.MonkeyPatch
) -> None:
    if os.getuid() != 0:
        pytest.skip("only root can give files away")
    secret = here.home / "gofer.db"
    secret.chmod(0o644)
    (here.workspace.path / "file").write_text("x")
    box = Sandbox("container", home=here.home)
    boxed = box.wrap(("sh",), {"PATH": os.environ["PATH"]}, here.workspace)
    assert boxed.user
    assert (here.workspace.path / "file").stat().st_uid == boxed.user
    assert stat.S_IMODE(secret.stat().st_mode) == 0o600
    assert stat.S_IMODE(here.home.stat().st_mode) == 0o711


async def test_an_agent_in_a_container_works_as_somebody_else() -> None:
    if os.getuid() != 0 or not os.access(NOT_HIDDEN, os.W_OK):
        pytest.skip("ONLY ROOT CAN BECOME SOMEBODY ELSE: the container's way is not tested here")
    with tempfile.TemporaryDirectory(dir=NOT_HIDDEN) as folder:
        Path(folder).chmod(0o755)
        home = Path(folder, "gofer")
        home.mkdir()
        source = {"PATH": "/usr/bin:/bin", "GOFER_MCP_TOKEN": "SECRET token"}
        with lab(home, sandbox="container", source=source) as here:
            (home / "gofer.db").write_text("SECRET database")
            attack = f"""id -u; echo made > file; cat {home}/gofer.db /proc/*/environ
                ls {home}; echo theirs > {home}/planted; echo ended"""
            here.agents["shell"] = {"protocol": "command", "command": ["sh", "-c", attack]}
            run = await here.start(here.spec("shell", mode=Mode.TRUSTED))
            await run.finish()
            seen = await follow(run)
            printed = "\n".join(seen.texts)
            assert printed.split()[0] not in ("", "0")
            assert printed.rstrip().endswith("ended")
            assert "SECRET" not in printed
            assert "gofer.db" not in printed
            assert not (home / "planted").exists()
            assert (here.workspace.path / "file").read_text() == "made\n"
            checked = await here.runner().execute("id -u; cat file", here.workspace)
            assert checked.tail.split()[1] == "made"


@needs_bwrap
async def test_another_project_is_unreadable_wherever_it_lies(here: Lab) -> None:
    """Also one that is added while agents run."""
    runner = here.runner()
    (elsewhere,) = {path.parent for path in here.hidden}
    late = elsewhere / "late"
    late.mkdir()
    (late / "secret.txt").write_text("SECRET late")
    assert "SECRET" in (await runner.execute(f"cat {late}/*", here.workspace)).tail
    here.hidden = (*here.hidden, late)
    look = f"cat {late}/* {elsewhere}/project/*; echo theirs > {late}/planted"
    assert "SECRET" not in (await runner.execute(look, here.workspace)).tail
    assert not (late / "planted").exists()
