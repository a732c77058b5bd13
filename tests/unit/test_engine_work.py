"""What a branch is called."""

from __future__ import annotations

import pytest

from core.engine import work


@pytest.mark.parametrize(
    ("title", "slug"),
    [
        ("Fix the bug, in cart.py!", "fix-the-bug-in-cart-py"),
        ("Schöne Grüße", "schone-grusse"),
        ("直して", "task"),
    ],
)
def test_a_branch_is_named_after_its_task(title: str, slug: str) -> None:
    assert work.slug(title) == slug
