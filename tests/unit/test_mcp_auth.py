"""The bearer token that is made on first use."""

from __future__ import annotations

import stat
from pathlib import Path

import pytest

from core.config import Settings
from mcp_server.auth import TOKEN_FILE, token_of


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return Settings(_env_file=None, home=tmp_path / "home", mcp_token=None)


def test_it_is_made_once_and_its_owners_alone(settings: Settings) -> None:
    token = token_of(settings)
    assert len(token) >= 32
    assert token_of(settings) == token
    assert stat.S_IMODE((settings.home / TOKEN_FILE).stat().st_mode) == 0o600


def test_one_that_a_crash_left_empty_is_made_again(settings: Settings) -> None:
    settings.home.mkdir()
    (settings.home / TOKEN_FILE).write_text("\n")
    assert len(token_of(settings)) >= 32
