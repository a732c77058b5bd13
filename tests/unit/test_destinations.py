"""Who is told of a task's end and of its questions."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import pytest
from pydantic import SecretStr

from cli.app import destinations
from core.config import Settings
from core.model import Mode, Status, Task
from core.notify import Pushes

NOW = datetime(2026, 1, 1, tzinfo=UTC)


def task_from(origin: str) -> Task:
    return Task(
        "abcd2345", "title", "words", "words", "shop", "claude", Mode.EDITS, Status.QUEUED,
        NOW, NOW, origin=origin,
    )  # fmt: skip


def settings(home: Path, token: str | None, *users: int) -> Settings:
    secret = SecretStr(token) if token else None
    return Settings(home=home, allowed_users=users, TELEGRAM_BOT_TOKEN=secret)  # type: ignore[call-arg]


@pytest.mark.parametrize(
    ("origin", "token", "users", "chats"),
    [
        ("telegram:-7", "1:a", (5, 6), ["telegram:-7"]),  # where it came from, a group too
        ("cli", "1:a", (5, 6), ["telegram:5"]),  # begun at the desk, decided on the phone
        ("mcp", None, (5,), []),
        ("mcp", "1:a", (), []),
    ],
)
def test_a_chat_is_told(
    tmp_path: Path, origin: str, token: str | None, users: tuple[int, ...], chats: list[str]
) -> None:
    assert [
        *destinations(task_from(origin), settings(tmp_path, token, *users), Pushes([]))
    ] == chats


def test_every_push_address_is_told(tmp_path: Path) -> None:
    pushes = Pushes([SecretStr("json://a"), SecretStr("json://b")])
    told = destinations(task_from("cli"), settings(tmp_path, None), pushes)
    assert [*told] == [*pushes.destinations]
    assert len(told) == 2
