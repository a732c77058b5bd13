"""For all tests: what they put into the runtime folder ends with them."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator

import pytest


@pytest.fixture(scope="session", autouse=True)
def runtime() -> Iterator[None]:
    """Every home has a folder for its sockets there; their paths have to be short."""
    with (
        tempfile.TemporaryDirectory(prefix="gofer-") as folder,
        pytest.MonkeyPatch.context() as patch,
    ):
        patch.setenv("XDG_RUNTIME_DIR", folder)
        yield
