"""Every setting and every command is documented, once."""

from __future__ import annotations

import re
from pathlib import Path

import click
import pytest

from cli.main import COMMANDS, gofer
from core.config import Settings

ROOT = Path(__file__).parents[2]
EXAMPLE = (ROOT / ".env.example").read_text()
README = (ROOT / "README.md").read_text()


def variable(field: str) -> str:
    alias = Settings.model_fields[field].validation_alias
    return alias if isinstance(alias, str) else f"GOFER_{field.upper()}"


SETTINGS = [variable(field) for field in Settings.model_fields]


def test_the_example_lists_every_setting_once() -> None:
    listed = re.findall(r"^#?([A-Z_]+)=", EXAMPLE, re.MULTILINE)
    assert sorted(listed) == sorted(SETTINGS)


@pytest.mark.parametrize("field", Settings.model_fields)
def test_the_examples_default_is_the_real_one(field: str) -> None:
    found = re.search(rf"^#{variable(field)}=(.*)$", EXAMPLE, re.MULTILINE)
    if found is None or not found[1]:
        assert not Settings.model_fields[field].default
        return
    default = Settings.model_fields[field].default
    shown = str(default).lower() if isinstance(default, bool) else str(default)
    assert found[1] == shown


@pytest.mark.parametrize("name", COMMANDS)
def test_every_command_is_in_the_readme_and_explains_itself(name: str) -> None:
    assert f"gofer {name}" in README
    command = gofer.get_command(click.Context(gofer), name)
    assert command is not None
    assert command.name == name
    assert len(command.help or "") > 20
