"""What every test of git starts with: an owner's repository, and Gofer's side of it.

A test that needs another set-up has its own of the same name.
"""

from __future__ import annotations

from pathlib import Path

import pytest

from git_ops.repositories import Repositories
from tests.fakes.checkout import Checkout
from tests.unit.git_room.steps import confined


@pytest.fixture
def owner(tmp_path: Path) -> Checkout:
    """The owner's folder, with one commit."""
    checkout = Checkout.make(tmp_path / "owner" / "app")
    checkout.put("app.py", "one\n")
    checkout.commit("Start")
    return checkout


@pytest.fixture
def home(tmp_path: Path) -> Path:
    return tmp_path / "home"


@pytest.fixture(params=["sandbox", "none"])
def repositories(request: pytest.FixtureRequest, home: Path) -> Repositories:
    """With agents in a sandbox, and without one."""
    return confined(home) if request.param == "sandbox" else Repositories(home)
