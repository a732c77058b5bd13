"""What works in the sandbox: tools are found wherever they are, and checks run with them."""

from __future__ import annotations

import asyncio
import os
import shutil
import sys
import tempfile
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from tests.fakes.boxed import attempt, boxed_lab, needs_bwrap
from tests.fakes.lab import Lab

OWNER = str(Path.home())  # whoever runs the tests


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Lab]:
    with boxed_lab(tmp_path, monkeypatch) as made:
        yield made


@needs_bwrap
@pytest.mark.parametrize("place", ["/opt", "/var/lib"])
async def test_a_tool_is_found_wherever_it_is_installed(here: Lab, place: str) -> None:
    """By the PATH, or by a variable that names where it is; what lies beside it is not there."""
    if not os.access(place, os.W_OK):
        pytest.skip(f"{place} CANNOT BE WRITTEN BY US: it is not tested here")
    with tempfile.TemporaryDirectory(dir=place) as folder:
        for name in ("tool/bin/gofer-tool", "java/run"):
            program = Path(folder, name)
            program.parent.mkdir(parents=True)
            program.write_text(f"#!/bin/sh\necho {name} runs; cat {folder}/tool/lib/part\n")
            program.chmod(0o755)
        Path(folder, "tool/lib").mkdir()
        Path(folder, "tool/lib/part").write_text("with its parts\n")
        path = f"{folder}/tool/bin:{here.source['PATH']}"
        here.source = {**here.source, "PATH": path, "JAVA_HOME": f"{folder}/java"}
        printed = await attempt(here, "gofer-tool; $JAVA_HOME/run")
    assert "tool/bin/gofer-tool runs\nwith its parts\n" in printed
    assert "java/run runs" in printed


@needs_bwrap
async def test_caches_are_kept_for_the_project_alone(here: Lab) -> None:
    await attempt(here, "echo kept > ~/.npm/x; echo lost > ~/y; echo lost > /tmp/z")
    assert (
        await attempt(here, "cat ~/.npm/x; ls ~/y /tmp/z 2>&1 | grep -c 'No such'") == "kept\n2\n"
    )
    other = replace(here.workspace, project="other")
    assert (await here.runner().execute("cat ~/.npm/x", other)).exit_code != 0


@needs_bwrap
async def test_places_keep_the_names_that_lead_to_them_through_links(
    here: Lab, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A home, or Gofer's, on another disk."""
    for name in ("owner", "gofer"):
        (tmp_path / f"other-{name}").symlink_to(tmp_path / name)
    monkeypatch.setenv("HOME", str(tmp_path / "other-owner"))
    tree = tmp_path / "other-gofer" / here.workspace.path.relative_to(here.home)
    there = replace(here.workspace, path=tree)
    command = "echo kept > ~/.npm/x; echo made > made; pwd; echo $HOME; cat $HOME/.npm/x"
    printed = (await here.runner().execute(command, there)).tail
    assert printed.splitlines() == [str(tree), str(tmp_path / "other-owner"), "kept"]
    assert (here.workspace.path / "made").read_text() == "made\n"


@needs_bwrap
async def test_a_home_behind_a_link_stays_hidden_whatever_the_path_names(
    here: Lab, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """`bin` beside a `lib` is how an installed program looks, but not in a home."""
    owner = tmp_path / "other-owner"
    owner.symlink_to(tmp_path / "owner")
    monkeypatch.setenv("HOME", str(owner))
    for name in ("bin", "lib"):
        (owner / name).mkdir()
    (owner / "bin" / "mine").write_text("#!/bin/sh\necho mine runs\n")
    (owner / "bin" / "mine").chmod(0o755)
    path = f"{owner}/bin:{owner}:{here.source['PATH']}"
    here.source = {**here.source, "PATH": path, "HOME": str(owner)}
    printed = await attempt(here, "mine; cat ~/.ssh/*; touch ~/.npm/x && echo written")
    assert "mine runs" in printed
    assert "SECRET" not in printed
    assert "written" in printed


@needs_bwrap
async def test_links_to_devices_and_processes_show_nothing_of_the_machine(
    here: Lab, tmp_path: Path
) -> None:
    """A link to /dev/null is how a program is masked."""
    folder = tmp_path / "masks"
    folder.mkdir()
    for name, target in {"masked": "/dev/null", "mtab": "/proc/self/mounts"}.items():
        (folder / name).symlink_to(target)
    here.source = {**here.source, "PATH": f"{folder}:{here.source['PATH']}"}
    assert "written" in await attempt(here, "echo > /dev/null && echo written")


@needs_bwrap
async def test_tools_are_found(here: Lab) -> None:
    printed = await attempt(here, "python3 -c 'import json; print(1+1)'; git --version; node -v")
    assert "2\n" in printed
    assert "git version" in printed


CHECKS = {
    "npm": (
        {"package.json": '{"scripts": {"test": "node --version && echo it passed"}}'},
        "npm test",
    ),
    "pytest": ({"test_it.py": "def test_it() -> None: ...\n"}, "pytest -q -p no:cacheprovider"),
    "cargo": (
        {
            "Cargo.toml": '[package]\nname = "it"\nversion = "0.1.0"\nedition = "2021"\n',
            "src/lib.rs": "#[test]\nfn passes() {}\n",
        },
        "cargo test --offline",
    ),
}


@needs_bwrap
@pytest.mark.parametrize("tool", CHECKS)
async def test_real_checks_run(here: Lab, tool: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """With the tools of whoever runs the tests, wherever these are installed."""
    monkeypatch.setenv("HOME", OWNER)
    path = f"{Path(sys.executable).parent}:{os.environ['PATH']}"
    if not shutil.which(tool, path=path):
        pytest.skip(f"{tool.upper()} IS NOT INSTALLED: whether its checks run is not tested here")
    here.source = {"PATH": path, "HOME": OWNER}
    files, command = CHECKS[tool]
    for name, content in files.items():
        (here.workspace.path / name).parent.mkdir(exist_ok=True)
        (here.workspace.path / name).write_text(content)
    result = await here.runner().execute(command, here.workspace)
    assert result.passed, result.tail
    assert "passed" in result.tail


@needs_bwrap
async def test_a_name_can_be_looked_up(here: Lab) -> None:
    printed = await attempt(here, "cat /etc/resolv.conf; getent hosts localhost")
    assert "localhost" in printed
    assert printed.count("No such file") == 0


@needs_bwrap
async def test_a_check_is_stopped_with_all_that_it_started(here: Lab) -> None:
    command = "(setsid sleep 1000 &) ; echo begun; sleep 1000"
    result = await here.runner().execute(command, here.workspace, timeout_s=0.5)
    assert result.exit_code is None
    assert result.tail.startswith("begun")
    assert "stopped after 0.5 s" in result.tail
    assert await here.runner().sweep([]) == []


@pytest.mark.parametrize("sandbox", ["off", pytest.param("bwrap", marks=needs_bwrap)])
async def test_a_check_says_how_it_went(here: Lab, sandbox: str) -> None:
    here.sandbox = sandbox
    passed = await here.runner().execute("echo out; echo err >&2", here.workspace)
    assert (passed.passed, passed.exit_code, passed.tail) == (True, 0, "out\nerr\n")
    failed = await here.runner().execute("seq 100000; sleep 1000 & exit 3", here.workspace)
    assert failed.exit_code == 3
    assert failed.tail.endswith("99999\n100000\n")
    assert len(failed.tail) <= 4_000
    cancelled = asyncio.create_task(here.runner().execute("sleep 1000", here.workspace))
    await asyncio.sleep(0)
    cancelled.cancel()
    with pytest.raises(asyncio.CancelledError):
        await cancelled
    assert await here.runner().sweep([]) == []
