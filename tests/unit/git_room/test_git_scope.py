"""Which changed files a task's words lead one to expect."""

from __future__ import annotations

from pathlib import Path

import pytest

from core.model import FileChange
from git_ops.repositories import Repositories
from git_ops.scope import outside_of
from tests.fakes.checkout import Checkout
from tests.unit.git_room.steps import prepared, turn

TRACKED = (
    "README.md", "src/api/users.py", "src/api/keys.py", "src/ui/form.tsx", "tests/test_users.py",
    "tests/test_keys.py", "web/form.test.tsx", "deploy/run.sh",
)  # fmt: skip


def strangers(words: str, *changed: str) -> str:
    notes = outside_of(words, [FileChange(path, 1, 1, "modified") for path in changed], TRACKED)
    return " ".join(notes).removeprefix("Outside of what the task names: ").removesuffix(".")


@pytest.mark.parametrize(
    ("words", "changed", "outside"),
    [
        ("fix the login", ("deploy/run.sh",), ""),
        ("bump to 2.0, e.g. and/or so", ("deploy/run.sh",), ""),
        ("fix src/api/users.py", ("src/api/users.py",), ""),
        ("fix src/api/users.py", ("src/api/keys.py", "tests/test_users.py"), ""),
        ("fix users.py", ("src/api/users.py", "deploy/run.sh"), "deploy/run.sh"),
        ("fix `users.py`.", ("tests/test_keys.py",), "tests/test_keys.py"),
        ("fix Users.PY", ("deploy/run.sh",), "deploy/run.sh"),
        ("tidy src/api/", ("src/api/deep/new.py",), ""),
        ("tidy src/api", ("src/api/new.py", "deploy/run.sh"), "deploy/run.sh"),
        ("the form.tsx flickers", ("src/ui/form.tsx", "web/form.test.tsx"), ""),
        ("write docs/new.md", ("docs/new.md", "deploy/run.sh"), "deploy/run.sh"),
        ("fix nowhere.py", ("deploy/run.sh",), ""),
    ],
)
def test_words(words: str, changed: tuple[str, ...], outside: str) -> None:
    assert strangers(words, *changed) == outside


def test_renamed_from_what_was_named_is_expected() -> None:
    moved = FileChange("lib/people.py", 0, 0, "renamed", "src/api/users.py")
    assert outside_of("rename users.py to people", [moved], TRACKED) == []


async def test_review_says_it(tmp_path: Path) -> None:
    owner = Checkout.make(tmp_path / "owner" / "app")
    owner.put("src/app.py")
    owner.commit("Start")
    repositories = Repositories(tmp_path / "home")
    workspace = await prepared(repositories, owner)
    for name in ("src/app.py", "src/more.py", "other.py"):
        (workspace.path / name).write_text("new\n")
    after = await turn(repositories, owner, workspace)
    _, notes = await repositories.changes(after, "Mend src/app.py please")
    assert "Outside of what the task names: other.py." in notes
    _, notes = await repositories.changes(after)
    assert notes == ()
