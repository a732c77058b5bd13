"""What is accepted as sound, and what is said of the rest."""

from __future__ import annotations

import os
from pathlib import Path

import av
import numpy as np
import pytest

from core.errors import UserError
from tests import recordings
from voice import audio


def save(folder: Path, content: bytes, name: str = "note.ogg") -> Path:
    path = folder / name
    path.write_bytes(content)
    return path


def encoded(folder: Path, name: str, codec: str, rate: int, layout: str) -> Path:
    """Two seconds of a tone."""
    path = folder / name
    time = np.arange(2 * rate) / rate
    tone = (8_000 * np.sin(2 * np.pi * 440 * time)).astype(np.int16).reshape(1, -1)
    with av.open(str(path), "w") as out:
        stream = out.add_stream(codec, rate=rate, layout=layout)
        frame = av.AudioFrame.from_ndarray(tone, format="s16", layout="mono")
        frame.sample_rate = rate
        resampler = av.AudioResampler(stream.format.name, layout, rate, stream.frame_size or 1024)
        for part in (*resampler.resample(frame), *resampler.resample(None)):
            out.mux(stream.encode(part))
        out.mux(stream.encode(None))
    return path


@pytest.mark.parametrize(
    ("name", "codec", "rate", "layout"),
    [
        ("note.ogg", "libopus", 48_000, "mono"),
        ("note.m4a", "aac", 44_100, "stereo"),
        ("note.mp4", "aac", 48_000, "mono"),
        ("note.mp3", "libmp3lame", 44_100, "stereo"),
        ("note.wav", "pcm_s16le", 8_000, "mono"),
        ("note.flac", "flac", 96_000, "stereo"),
        ("note.webm", "libopus", 48_000, "stereo"),
    ],
)
def test_phones_formats_become_mono_at_16_khz(
    tmp_path: Path, name: str, codec: str, rate: int, layout: str
) -> None:
    samples = audio.read(encoded(tmp_path, name, codec, rate, layout))
    assert samples.dtype == np.float32
    assert samples.ndim == 1
    assert samples.size / audio.RATE == pytest.approx(2, abs=0.15)
    assert 0.1 < np.abs(samples).max() <= 1


def test_the_sound_of_a_video_note_is_heard(tmp_path: Path) -> None:
    """What Telegram sends as a round video: MP4 with pictures first."""
    path = tmp_path / "round.mp4"
    with av.open(str(path), "w") as out:
        pictures = out.add_stream("mpeg4", rate=10)
        pictures.width = pictures.height = 64
        sound = out.add_stream("aac", rate=48_000, layout="mono")
        black = av.VideoFrame.from_ndarray(np.zeros((64, 64, 3), np.uint8), format="rgb24")
        for _ in range(10):
            out.mux(pictures.encode(black))
        out.mux(pictures.encode(None))
        tone = (0.2 * np.sin(np.arange(48_000) / 17)).astype(np.float32).reshape(1, -1)
        for start in range(0, 48_000, 1_024):
            frame = av.AudioFrame.from_ndarray(
                np.ascontiguousarray(tone[:, start : start + 1_024]), format="fltp", layout="mono"
            )
            frame.sample_rate = 48_000
            out.mux(sound.encode(frame))
        out.mux(sound.encode(None))
    samples = audio.read(path)
    assert samples.size / audio.RATE == pytest.approx(1, abs=0.15)
    assert np.abs(samples).max() > 0.05


@pytest.mark.parametrize("content", [b"", b"hello", b"OggS", b"\0" * 5_000])
def test_what_is_no_sound_is_refused_by_name(tmp_path: Path, content: bytes) -> None:
    with pytest.raises(UserError, match=r"note\.ogg cannot be heard") as refused:
        audio.read(save(tmp_path, content))
    assert "Errno" not in str(refused.value)


def test_a_missing_file_and_a_pipe_are_refused(tmp_path: Path) -> None:
    pipe = tmp_path / "pipe.ogg"
    os.mkfifo(pipe)
    for path, said in ((tmp_path / "none.ogg", "There is no file"), (pipe, "is a pipe")):
        with pytest.raises(UserError, match=said):
            audio.read(path)
    with pytest.raises(UserError, match="is a folder"):
        audio.read(tmp_path)


@pytest.mark.parametrize(
    "content",
    [
        "#EXTM3U\n#EXT-X-MEDIA-SEQUENCE:0\n#EXTINF:10,\n{}\n#EXT-X-ENDLIST\n",
        "ffconcat version 1.0\nfile '{}'\n",
    ],
)
def test_a_playlist_is_not_followed(tmp_path: Path, content: str) -> None:
    target = save(tmp_path, recordings.noise(1), "private.wav")
    with pytest.raises(UserError):
        audio.read(save(tmp_path, content.format(target).encode(), "note.m3u8"))


def test_half_an_hour_is_the_limit(tmp_path: Path) -> None:
    rate = 8_000
    minutes = np.zeros(31 * 60 * rate)
    with pytest.raises(UserError, match="longer than 30 minutes"):
        audio.read(save(tmp_path, recordings.wav(minutes, rate), "long.wav"))


def test_a_file_too_large_is_not_opened(tmp_path: Path) -> None:
    path = tmp_path / "huge.wav"
    with path.open("wb") as file:
        file.truncate(audio.MAX_BYTES + 1)  # sparse
    with pytest.raises(UserError, match="larger than"):
        audio.read(path)


def test_a_note_cut_short_keeps_what_is_left(tmp_path: Path) -> None:
    note = recordings.DEMO_NOTE.read_bytes()
    whole = audio.read(recordings.DEMO_NOTE).size
    half = audio.read(save(tmp_path, note[: len(note) // 2])).size
    assert 0.3 * whole < half < 0.7 * whole


def test_broken_files_give_sound_or_a_clear_refusal(tmp_path: Path) -> None:
    refusals = []
    for name, content in recordings.broken(65):
        path = save(tmp_path, content, name)
        try:
            samples = audio.read(path)
        except UserError as error:
            refusals.append(str(error).replace(name, "NAME"))
            continue
        assert samples.size <= audio.MAX_SECONDS * audio.RATE
        assert np.isfinite(samples).all()
    assert 20 < len(refusals) < 65
    assert all("NAME" in refusal or "longer than" in refusal for refusal in refusals)
