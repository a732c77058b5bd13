"""What passes without asking: the table, and the ways round it that must not work."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from core.model import Mode, Request, ToolKind, Workspace
from core.permission import Grant, Scope, Verdict, decide, prefix_of

NOW = datetime(2026, 1, 1, tzinfo=UTC)


@pytest.fixture
def workspace(tmp_path: Path) -> Workspace:
    path = tmp_path / "tree"
    (path / ".git").mkdir(parents=True)
    (path / "out").symlink_to(tmp_path)
    return Workspace(path, "app", "gofer/x", "0" * 40, "0" * 40, protected=(path / ".git",))


def ask(kind: ToolKind | None, *paths: str, command: str | None = None) -> Request:
    return Request("r", "?", kind, paths=paths, command=command)


def grant(prefix: tuple[str, ...], expires: timedelta | None = timedelta(minutes=1)) -> Grant:
    until = NOW + expires if expires is not None else None
    scope = Scope.PREFIX if prefix else Scope.TASK
    return Grant(1, scope, None, "app", ToolKind.EXECUTE, prefix, "ann", until)


@pytest.mark.parametrize(
    ("mode", "request_", "expected"),
    [
        (Mode.ASK, ask(ToolKind.READ, "a.py"), Verdict.ASK),
        (Mode.EDITS, ask(ToolKind.READ, "a.py"), Verdict.ALLOW),
        (Mode.EDITS, ask(ToolKind.EDIT, "a.py"), Verdict.ALLOW),
        (Mode.EDITS, ask(ToolKind.EDIT, "new/deep/a.py"), Verdict.ALLOW),
        (Mode.EDITS, ask(ToolKind.EDIT), Verdict.ASK),
        (Mode.EDITS, ask(ToolKind.EDIT, "/etc/passwd"), Verdict.ASK),
        (Mode.EDITS, ask(ToolKind.EDIT, "../other/a.py"), Verdict.ASK),
        (Mode.EDITS, ask(ToolKind.EDIT, "out/a.py"), Verdict.ASK),
        (Mode.EDITS, ask(ToolKind.EDIT, "a.py", "out/a.py"), Verdict.ASK),
        (Mode.EDITS, ask(ToolKind.READ, "/etc/shadow"), Verdict.ASK),
        (Mode.EDITS, ask(ToolKind.EXECUTE, command="make"), Verdict.ASK),
        (Mode.EDITS, ask(ToolKind.FETCH), Verdict.ASK),
        (Mode.EDITS, ask(ToolKind.EDIT, ".git/config"), Verdict.DENY),
        (Mode.TRUSTED, ask(ToolKind.EDIT, ".git/hooks/x"), Verdict.DENY),
        (Mode.TRUSTED, ask(ToolKind.EXECUTE, command="make"), Verdict.ALLOW),
        (Mode.TRUSTED, ask(None), Verdict.ASK),
    ],
)
def test_the_table(workspace: Workspace, mode: Mode, request_: Request, expected: Verdict) -> None:
    assert decide(mode, request_, workspace, (), NOW) is expected


@pytest.mark.parametrize(
    ("command", "passes"),
    [
        ("npm test", True),
        ("npm test -- --watch", True),
        ("npm  'test' x", True),
        ("npm", False),
        ("npm testing", False),
        ("npm run test", False),
        ("npm test; rm -rf /", False),
        ("npm test && rm x", False),
        ("npm test | sh", False),
        ("npm test $(rm x)", False),
        ("npm test `rm x`", False),
        ("npm test > ../x", False),
        ("npm test\nrm x", False),
        ("npm test 'unclosed", False),
    ],
)
def test_a_prefix_covers_one_plain_command(
    workspace: Workspace, command: str, passes: bool
) -> None:
    request = ask(ToolKind.EXECUTE, command=command)
    verdict = decide(Mode.EDITS, request, workspace, [grant(("npm", "test"))], NOW)
    assert (verdict is Verdict.ALLOW) is passes


def test_a_prefix_ends_with_its_time(workspace: Workspace) -> None:
    over = grant(("npm", "test"), timedelta(0))
    request = ask(ToolKind.EXECUTE, command="npm test")
    assert decide(Mode.EDITS, request, workspace, [over], NOW) is Verdict.ASK


def test_a_task_grant_covers_its_kind_alone(workspace: Workspace) -> None:
    for_task = grant((), None)
    run, fetch = ask(ToolKind.EXECUTE, command="a | b"), ask(ToolKind.FETCH)
    assert decide(Mode.ASK, run, workspace, [for_task], NOW) is Verdict.ALLOW
    assert decide(Mode.ASK, fetch, workspace, [for_task], NOW) is Verdict.ASK


@pytest.mark.parametrize(
    ("command", "prefix"),
    [
        ("git push origin main", ("git", "push")),
        ("make", ("make",)),
        ("bash x.sh", ()),
        ("/usr/bin/python3 x.py", ()),
        ("a && b", ()),
        (None, ()),
    ],
)
def test_what_can_be_granted_ahead(command: str | None, prefix: tuple[str, ...]) -> None:
    assert prefix_of(command) == prefix
