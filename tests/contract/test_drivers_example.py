"""docs/drivers.md is true: its package is found by entry point, and its driver runs its agent."""

from __future__ import annotations

import re
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

from agents.protocols import load, names
from core.errors import UserError
from core.model import Decision, Outcome, Request, Text, TurnEnded
from tests.contract.conversations import make_spec

PAGE = Path(__file__).parents[2] / "docs" / "drivers.md"


def block(title: str) -> str:
    """The code block behind the line that begins with this title."""
    found = re.search(rf"^{re.escape(title)}.*?^```\w+\n(.*?)^```", PAGE.read_text(), re.M | re.S)
    assert found, title
    return found[1]


@pytest.fixture
def package(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The example's package, installed as pip would leave it."""
    project = tomllib.loads(block("`pyproject.toml`"))["project"]
    folder = tmp_path / "site-packages"
    info = folder / "gofer_parrot-1.0.dist-info"
    info.mkdir(parents=True)
    (info / "METADATA").write_text(f"Name: {project['name']}\nVersion: {project['version']}\n")
    points = [
        f"[{group}]\n" + "\n".join(f"{name} = {where}" for name, where in entries.items())
        for group, entries in project["entry-points"].items()
    ]
    (info / "entry_points.txt").write_text("\n".join(points))
    (folder / "gofer_parrot.py").write_text(block("`gofer_parrot.py`"))
    (folder / "parrot.py").write_text(block("`parrot.py`, the agent"))
    monkeypatch.syspath_prepend(folder)
    monkeypatch.delitem(sys.modules, "gofer_parrot", raising=False)
    return folder


def test_the_examples_driver_is_found_and_runs_its_agent(package: Path, tmp_path: Path) -> None:
    protocol = tomllib.loads(block("The agents file"))["agents"]["parrot"]["protocol"]
    assert protocol in names()
    driver = load(protocol)(make_spec("hello", root=tmp_path), sandboxed=True, options={})
    driver.open()
    events = []
    with subprocess.Popen(
        [sys.executable, package / "parrot.py"],
        cwd=tmp_path,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    ) as agent:
        assert agent.stdin
        assert agent.stdout
        while driver.running:
            for line in driver.outgoing():
                agent.stdin.write(line + b"\n")
            agent.stdin.flush()
            events += driver.feed(agent.stdout.readline())
            for request_id in tuple(driver.requests):
                driver.answer(request_id, Decision.ALLOW)
        agent.stdin.close()
    assert [type(event) for event in events] == [Text, Request, TurnEnded]
    assert events[-1] == TurnEnded(Outcome.SUCCEEDED, "said it")
    assert (tmp_path / "said.txt").read_text() == "hello"
    assert not driver.unknown


def test_an_unknown_protocol_names_those_there_are() -> None:
    with pytest.raises(UserError, match="claude, codex, acp, command"):
        load("telepathy")


def test_a_broken_package_is_named(package: Path) -> None:
    (package / "gofer_parrot.py").write_text("import no_such_module\n")
    with pytest.raises(UserError, match="gofer_parrot:Parrot"):
        load("parrot")
