"""Sound files to samples: what is accepted, how much of it, and what is said when it is not.

Every file is hostile until decoded. Only demuxers of plain recordings are allowed (no playlists,
which could name other files or addresses), FFmpeg reads an open file and opens nothing itself, and
reading stops at the limit whatever the header promised.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO

import av
import numpy as np
from numpy.typing import NDArray

from core.errors import UserError

Samples = NDArray[np.float32]

RATE = 16_000  # samples per second; what Whisper and the voice activity detector expect
MAX_SECONDS = 30 * 60
MAX_BYTES = 400_000_000  # half an hour of uncompressed stereo fits
FORMATS = "ogg,mov,mp3,wav,matroska,flac,aac,amr,aiff,caf,w64,au"

TOO_LONG = f"The recording is longer than {MAX_SECONDS // 60} minutes. Please send a shorter one."


def read(path: Path) -> Samples:
    """Mono samples in -1..1. Raises UserError: not audio, damaged, too long, too large."""
    _check(path)
    try:
        with path.open("rb") as file:
            blocks = list(_blocks(file))
    except (av.FFmpegError, OSError, ValueError) as error:
        raise _unreadable(path, _reason(error)) from None
    if not blocks:
        raise _unreadable(path, "no sound is left of it")
    return np.concatenate(blocks).astype(np.float32) / 32768.0


def _check(path: Path) -> None:
    """Refuse what need not be opened."""
    if path.is_dir():
        raise UserError(f"{path} is a folder. Name the recordings in it.")
    if not path.exists():
        raise UserError(f"There is no file {path}.")
    if not path.is_file():
        raise UserError(f"{path} is a pipe or a device, which may never end. Name a recording.")
    size = path.stat().st_size
    if size == 0:
        raise _unreadable(path, "the file is empty")
    if size > MAX_BYTES:
        raise UserError(
            f"{path.name} is larger than {MAX_BYTES // 1_000_000} MB. Please send a shorter one."
        )


def _blocks(file: BinaryIO) -> Iterator[NDArray[np.int16]]:
    """Resampled pieces of the first audio stream, up to the limit."""
    options = {"format_whitelist": FORMATS}
    left = MAX_SECONDS * RATE
    with av.open(file, mode="r", metadata_errors="ignore", options=options) as container:
        if not container.streams.audio:
            raise ValueError("it holds no sound")
        if container.duration and container.duration / av.time_base > 10 * MAX_SECONDS:
            raise UserError(TOO_LONG)
        for frame in _resampled(_frames(container)):
            block = frame.to_ndarray().reshape(-1).astype(np.int16, copy=False)
            left -= block.size
            if left < 0:
                raise UserError(TOO_LONG)
            yield block


def _frames(container: av.container.InputContainer) -> Iterator[av.AudioFrame]:
    """Decoded frames. Damaged packets are passed over; a damaged container ends the sound."""
    packets = container.demux(container.streams.audio[0])
    while True:
        try:
            packet = next(packets, None)
        except av.FFmpegError:
            return
        if packet is None:
            return
        try:
            yield from packet.decode()
        except av.FFmpegError:
            continue


def _resampled(frames: Iterator[av.AudioFrame]) -> Iterator[av.AudioFrame]:
    """To the rate and format wanted, also where the sound's own changes on the way."""
    shape: tuple[str, str, int] | None = None
    resampler: av.AudioResampler | None = None
    for frame in frames:
        frame.pts = None  # time stamps lie in damaged files, the order does not
        found = (frame.format.name, frame.layout.name, frame.sample_rate)
        if found != shape:
            if resampler:
                yield from resampler.resample(None)
            shape, resampler = found, av.AudioResampler(format="s16", layout="mono", rate=RATE)
        assert resampler
        yield from resampler.resample(frame)
    if resampler:
        yield from resampler.resample(None)


def _unreadable(path: Path, reason: str) -> UserError:
    return UserError(f"{path.name} cannot be heard: {reason}. Record it again, or type it.")


def _reason(error: Exception) -> str:
    if isinstance(error, av.InvalidDataError | av.ArgumentError | av.EOFError):
        return "it is not a recording, or damaged"
    return str(error).strip().rstrip(".") or type(error).__name__
