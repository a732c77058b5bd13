"""Which agent works on a task: the one that it names, else its project's, else the default."""

from __future__ import annotations

from pathlib import Path

import pytest

from core.errors import NotInstalled
from core.model import Submission
from tests.fakes.agents import ScriptedAgents
from tests.fakes.hall import Hall

PROJECT = '[projects.app]\nagent = "codex"\n'


@pytest.mark.parametrize(
    ("named", "projects_toml", "chosen"),
    [
        (("gemini",), PROJECT, "gemini"),
        ((), PROJECT, "codex"),
        ((), "", "claude"),
    ],
)
async def test_who_works(
    tmp_path: Path, named: tuple[str, ...], projects_toml: str, chosen: str
) -> None:
    agents = ScriptedAgents(names=("claude", "codex", "gemini"))
    hall = Hall(tmp_path / "home", {}, agents, projects_toml=projects_toml)
    engine = await hall.open()
    try:
        (task,) = await engine.submit(Submission("Do it", agents=named))
        assert task.agent == chosen
    finally:
        await hall.leave()


async def test_who_is_not_installed_is_refused_and_the_others_are_named(tmp_path: Path) -> None:
    hall = Hall(tmp_path / "home")
    engine = await hall.open()
    try:
        with pytest.raises(NotInstalled, match="claude, codex"):
            await engine.submit(Submission("Do it", agents=("gemini",)))
        assert await engine.tasks() == []
    finally:
        await hall.leave()
