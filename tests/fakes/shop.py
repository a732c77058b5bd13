"""A small shop's repository, as far as hearing looks at one."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

from core.model import Project, TrackedFile

SHOP = Project("shop", Path("/nowhere/shop"))


class ShopSources:
    """Implements `voice.vocabularies.Sources`."""

    async def tracked_files(self, project: Project) -> Sequence[TrackedFile]:
        return [TrackedFile("src/cart.py", "a" * 40), TrackedFile("tests/test_cart.py", "b" * 40)]

    async def read_blobs(self, project: Project, blobs: Sequence[str]) -> Mapping[str, bytes]:
        return {}

    async def branches(self, project: Project) -> Sequence[str]:
        return ["main"]

    async def recently_changed(self, project: Project) -> Sequence[str]:
        return []
