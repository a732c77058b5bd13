from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.fakes.bot_house import BotHouse, make_checkout
from tests.fakes.telegram import FakeTelegram


@pytest.fixture
async def bot_house(tmp_path: Path) -> AsyncIterator[BotHouse]:
    """Everything but the hub, which the test starts (and stops, and starts again)."""
    async with FakeTelegram().serving() as telegram:
        yield BotHouse(tmp_path / "home", make_checkout(tmp_path / "shop"), telegram)
