"""Hearing with the real model in its real process: notes, noise, and a process that fails."""

from __future__ import annotations

import asyncio
import signal
from collections.abc import AsyncIterator, Callable, Sequence
from pathlib import Path

import psutil
import pytest
import pytest_asyncio

from core.errors import Refused, UserError
from core.model import Project, TrackedFile
from tests import recordings
from tests.fakes.lab import until
from tests.fakes.shop import SHOP, ShopSources
from tests.recordings import DEMO_NOTE
from voice import audio
from voice.transcriber import Transcriber

pytestmark = pytest.mark.asyncio(loop_scope="module")  # one model for all of them

DEADLINE_S = 60.0  # the machine may be busy; nothing waits that long on purpose


def make(
    cache: Path,
    *,
    idle_s: float = 600,
    hearing_s: float = 400,
    sources: ShopSources | None = None,
) -> Transcriber:
    return Transcriber(
        model="tiny.en",
        cache=cache,
        repositories=sources or ShopSources(),
        projects=lambda: [SHOP],
        templates=("bug_fix", "unit_tests"),
        agents=("claude",),
        idle_s=idle_s,
        hearing_s=hearing_s,
    )


@pytest_asyncio.fixture(loop_scope="module", scope="module")
async def hearing(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Transcriber]:
    transcriber = make(tmp_path_factory.mktemp("voice"))
    yield transcriber
    await transcriber.close()


@pytest.fixture
def long_note(tmp_path: Path) -> Path:
    """The demo note, over and over: more than a minute."""
    path = tmp_path / "long.ogg"
    path.write_bytes(DEMO_NOTE.read_bytes() * 8)
    return path


def workers() -> list[psutil.Process]:
    return [
        child
        for child in psutil.Process().children()
        if child.status() != psutil.STATUS_ZOMBIE and "voice.worker" in child.cmdline()
    ]


def save(folder: Path, name: str, content: bytes) -> Path:
    path = folder / name
    path.write_bytes(content)
    return path


class LostSources(ShopSources):
    """A repository that cannot be read."""

    async def tracked_files(self, project: Project) -> Sequence[TrackedFile]:
        raise UserError("There is no repository.")


async def test_a_repository_that_cannot_be_read_costs_its_own_note_only(tmp_path: Path) -> None:
    transcriber = make(tmp_path, sources=LostSources())
    try:
        with pytest.raises(UserError, match="no repository"):
            await transcriber.hear(DEMO_NOTE, project=SHOP)
        assert "cart" in (await transcriber.hear(DEMO_NOTE)).raw_text
    finally:
        await transcriber.close()


async def test_a_note_about_a_file_of_the_repository(hearing: Transcriber) -> None:
    progress: list[float] = []
    heard = await hearing.hear(DEMO_NOTE, project=SHOP, on_progress=progress.append)
    assert "src/cart.py" in heard.text
    assert "cart" in heard.raw_text
    assert heard.raw_text != heard.text
    assert heard.intent.template == "bug_fix"
    assert heard.intent.slots["file"] == "src/cart.py"
    assert heard.language == "en"
    assert not heard.no_speech
    assert heard.notice is None
    assert progress[-1] == 1
    assert heard.duration_s == pytest.approx(heard.words[-1].end, abs=2)
    starts = [word.start for word in heard.words]
    assert starts == sorted(starts)
    assert " ".join(word.word for word in heard.words) == heard.raw_text


@pytest.mark.parametrize(
    "sound", [recordings.silence, recordings.noise, recordings.music, recordings.band]
)
async def test_where_nobody_speaks_nothing_is_heard(
    hearing: Transcriber, tmp_path: Path, sound: Callable[[float], bytes]
) -> None:
    heard = await hearing.hear(save(tmp_path, "quiet.wav", sound(6)))
    assert heard.no_speech
    assert heard.text == heard.raw_text == ""
    assert heard.words == ()


async def test_a_refused_file_costs_nobody_anything(hearing: Transcriber, tmp_path: Path) -> None:
    await hearing.load()
    before = workers()
    with pytest.raises(UserError, match=r"bad\.ogg cannot be heard"):
        await hearing.hear(save(tmp_path, "bad.ogg", b"no sound"))
    assert (await hearing.hear(DEMO_NOTE)).text
    assert workers() == before


async def test_an_english_model_says_that_it_is_one(hearing: Transcriber) -> None:
    heard = await hearing.hear(DEMO_NOTE, language="de")
    assert heard.notice is not None
    assert "tiny.en understands English only" in heard.notice


async def test_a_note_that_nobody_can_understand_is_answered_so(
    hearing: Transcriber, tmp_path: Path
) -> None:
    muddled = recordings.wav(recordings.muddled(audio.read(DEMO_NOTE)))
    heard = await hearing.hear(save(tmp_path, "muddled.wav", muddled))
    assert heard.text == ""
    assert heard.notice is not None
    assert "No words could be made out" in heard.notice


async def test_a_worker_that_dies_costs_one_note(hearing: Transcriber, long_note: Path) -> None:
    def kill(_done: float) -> None:
        for worker in workers():
            worker.kill()

    with pytest.raises(Refused, match="next one is not affected"):
        await hearing.hear(long_note, on_progress=kill)
    assert "discount" in (await hearing.hear(DEMO_NOTE)).text


async def test_a_worker_that_hangs_costs_one_note(tmp_path: Path, long_note: Path) -> None:
    before = set(workers())
    hearing = make(tmp_path / "voice", hearing_s=2)

    def freeze(_done: float) -> None:
        for worker in set(workers()) - before:
            worker.send_signal(signal.SIGSTOP)

    with pytest.raises(Refused, match="no sign of life for 2 s"):
        await hearing.hear(long_note, on_progress=freeze)
    assert not set(workers()) - before
    await hearing.close()


async def test_cancelling_stops_the_work(hearing: Transcriber, long_note: Path) -> None:
    begun = asyncio.Event()
    job = asyncio.create_task(hearing.hear(long_note, on_progress=lambda _: begun.set()))
    waiting = asyncio.create_task(hearing.hear(DEMO_NOTE))
    await asyncio.wait_for(begun.wait(), DEADLINE_S)
    job.cancel()
    with pytest.raises(asyncio.CancelledError):
        await job
    assert "discount" in (await waiting).text


async def test_an_idle_model_is_let_go(tmp_path: Path) -> None:
    before = set(workers())
    hearing = make(tmp_path / "voice", idle_s=0.01)
    await hearing.load()
    await until(lambda: not set(workers()) - before)
    assert (await hearing.hear(DEMO_NOTE)).text
    await hearing.close()


async def test_typed_text_is_understood_alike(hearing: Transcriber) -> None:
    heard = await hearing.understand("Fix the bug in source slash cart dot pie.", project=SHOP)
    assert "src/cart.py" in heard.text
    assert heard.intent.template == "bug_fix"


async def test_a_correction_is_remembered(hearing: Transcriber) -> None:
    await hearing.correct(SHOP, "shopping wagon", "src/cart.py")
    heard = await hearing.understand("Fix the shopping wagon, please.", project=SHOP)
    assert "src/cart.py" in heard.text
