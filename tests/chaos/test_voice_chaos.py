"""Five hundred files that are no notes, one after the other, through one transcriber."""

from __future__ import annotations

from pathlib import Path

import pytest

from core.errors import UserError
from tests import recordings
from tests.fakes.shop import ShopSources
from voice.transcriber import Transcriber

pytestmark = [pytest.mark.chaos, pytest.mark.timeout(1_800)]

COUNT = 500
EVERY = 50  # a real note in between


async def test_every_broken_file_is_answered_and_the_next_note_is_heard(tmp_path: Path) -> None:
    hearing = Transcriber(
        model="tiny.en", cache=tmp_path, repositories=ShopSources(), projects=list
    )
    answered = 0
    refusals: list[str] = []
    try:
        for number, (name, content) in enumerate(recordings.broken(COUNT, seed=7)):
            path = tmp_path / name
            path.write_bytes(content)
            try:
                heard = await hearing.hear(path)
            except UserError as error:
                refusals.append(str(error))
            else:
                answered += 1
                assert heard.no_speech == (not heard.text)
            if number % EVERY == 0:
                assert "discount" in (await hearing.hear(recordings.DEMO_NOTE)).text
    finally:
        await hearing.close()
    assert answered + len(refusals) == COUNT
    assert len(refusals) > COUNT // 4
    assert all("cannot be heard" in refusal or "longer" in refusal for refusal in refusals)
