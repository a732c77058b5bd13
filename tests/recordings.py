"""Sound files for the tests: spoken, silent, noisy, and broken in every way that we know of."""

from __future__ import annotations

import io
import random
import struct
import wave
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

DEMO_NOTE = Path(__file__).parent.parent / "cli" / "demo_note.ogg"
RATE = 16_000


def wav(samples: NDArray[np.floating], rate: int = RATE, channels: int = 1) -> bytes:
    """16-bit sound; `samples` in -1..1."""
    file = io.BytesIO()
    with wave.open(file, "wb") as out:
        out.setnchannels(channels)
        out.setsampwidth(2)
        out.setframerate(rate)
        out.writeframes((np.clip(samples, -1, 1) * 32767).astype("<i2").tobytes())
    return file.getvalue()


def silence(seconds: float) -> bytes:
    return wav(np.zeros(round(seconds * RATE)))


def noise(seconds: float, loudness: float = 0.2) -> bytes:
    sound = np.random.default_rng(1).standard_normal(round(seconds * RATE))
    return wav(loudness * sound)


def music(seconds: float) -> bytes:
    """A broken chord, each tone dying away."""
    time = np.arange(round(seconds * RATE)) / RATE
    tone = np.choose((time * 2).astype(int) % 4, [220.0, 277.2, 329.6, 440.0])
    fading = np.exp(-4 * (time % 0.5))
    return wav(0.3 * fading * np.sin(2 * np.pi * tone * time))


def band(seconds: float) -> bytes:
    """Held chords with overtones, a bass and a drum on each beat."""
    time = np.arange(round(seconds * RATE)) / RATE
    root = np.choose((time / 2).astype(int) % 4, [220.0, 174.6, 261.6, 196.0])
    chord = sum(
        np.sin(2 * np.pi * root * step * overtone * time) / overtone
        for step in (1.0, 1.26, 1.5)
        for overtone in (1, 2, 3)
    )
    bass = np.sin(np.pi * root * time / 2)
    hiss = np.random.default_rng(2).standard_normal(time.size)
    drum = np.exp(-30 * (time % 0.5)) * hiss
    return wav(0.06 * chord + 0.15 * bass + 0.3 * drum)


def muddled(speech: NDArray[np.float32]) -> NDArray[np.float32]:
    """As if in a language that nobody speaks: each twentieth of it backwards."""
    return np.concatenate([part[::-1] for part in np.array_split(speech, 20)])


def broken(count: int, seed: int = 0) -> Iterator[tuple[str, bytes]]:
    """File names and contents, as many as asked for, the same for the same seed."""
    chance = random.Random(seed)
    makers = list(MAKERS)
    for number in range(count):
        make = makers[number % len(makers)]
        yield f"{number:03}-{make.__name__.strip('_')}.ogg", make(chance)


def _cut_short(chance: random.Random) -> bytes:
    note = DEMO_NOTE.read_bytes()
    return note[: chance.randrange(len(note))]


def _beheaded(chance: random.Random) -> bytes:
    note = DEMO_NOTE.read_bytes()
    return note[chance.randrange(1, len(note)) :]


def _flipped(chance: random.Random) -> bytes:
    note = bytearray(DEMO_NOTE.read_bytes())
    for _ in range(chance.randrange(1, 400)):
        note[chance.randrange(len(note))] = chance.randrange(256)
    return bytes(note)


def _shuffled(chance: random.Random) -> bytes:
    note = DEMO_NOTE.read_bytes()
    parts = [note[start : start + 997] for start in range(0, len(note), 997)]
    chance.shuffle(parts)
    return b"".join(parts)


def _random_bytes(chance: random.Random) -> bytes:
    return chance.randbytes(chance.randrange(1, 60_000))


def _mislabelled(chance: random.Random) -> bytes:
    """The beginning of another kind of file, and then anything."""
    heads = (
        b"OggS\0\x02", b"RIFF\xff\xff\xff\xffWAVEfmt ", b"ID3\x04\0\0\x7f\x7f\x7f\x7f", b"fLaC\0\0",
        b"\0\0\0\x20ftypM4A ", b"\x1aE\xdf\xa3", b"#!AMR\n", b"FORM\0\0\0\0AIFF", b"PK\x03\x04",
        b"\x89PNG\r\n\x1a\n", b"%PDF-1.7\n", b"MZ", b"\x7fELF", b"caff\0\x01", b"GIF89a",
    )  # fmt: skip
    return chance.choice(heads) + chance.randbytes(chance.randrange(5_000))


def _playlist(chance: random.Random) -> bytes:
    """Lists that a careless reader follows to other files and addresses."""
    lists = (
        "#EXTM3U\n#EXT-X-MEDIA-SEQUENCE:0\n#EXTINF:10,\n{}\n#EXT-X-ENDLIST\n",
        "ffconcat version 1.0\nfile '{}'\n",
        "[playlist]\nFile1={}\n",
        "v=0\nm=audio 5004 RTP/AVP 0\nc=IN IP4 127.0.0.1\na={}\n",
    )
    return chance.choice(lists).format(DEMO_NOTE).encode()


def _absurd_header(chance: random.Random) -> bytes:
    """WAVE with numbers nobody means."""
    values = (0, 1, 2, 255, 65_535)
    channels, width = chance.choice(values), chance.choice((0, 1, 7, 16, 64, 65_535))
    rate = chance.choice((0, 1, 7, 8_000, 1 << 31, (1 << 32) - 1))
    kind = chance.choice((1, 3, 6, 0x55, 0xFFFE, 0))
    form = struct.pack("<HHIIHH", kind, channels, rate, rate, chance.choice(values), width)
    data = chance.randbytes(chance.randrange(20_000))
    size = chance.choice((len(data), 0, (1 << 32) - 1))
    body = b"WAVEfmt " + struct.pack("<I", len(form)) + form + b"data" + struct.pack("<I", size)
    return b"RIFF" + struct.pack("<I", size) + body + data


def _no_numbers(chance: random.Random) -> bytes:
    """Floating point sound of infinities and worse."""
    strange = np.array([np.nan, np.inf, -np.inf, 1e30, -1e30, 0.0, 1.0], np.float32)
    data = np.random.default_rng(chance.randrange(1 << 30)).choice(strange, 8_000).tobytes()
    form = struct.pack("<HHIIHH", 3, 1, RATE, RATE * 4, 4, 32)
    body = b"WAVEfmt " + struct.pack("<I", 16) + form + b"data" + struct.pack("<I", len(data))
    return b"RIFF" + struct.pack("<I", len(body) + len(data)) + body + data


def _quiet(chance: random.Random) -> bytes:
    return silence(chance.choice((0.001, 0.1, 1, 5)))


def _loud(chance: random.Random) -> bytes:
    return noise(chance.choice((0.01, 0.5, 3)), loudness=chance.choice((0.01, 1, 50)))


def _text(chance: random.Random) -> bytes:
    texts = ("", "\0", "hello", "<html>" * 500, "$(touch /tmp/owned)", "\n" * 10_000, "🎤" * 99)
    return chance.choice(texts).encode()


def _many_notes(chance: random.Random) -> bytes:
    """Streams chained and overlapping, of the same serial number."""
    note = DEMO_NOTE.read_bytes()
    return note[: chance.randrange(100, len(note))] + note[chance.randrange(100) :]


MAKERS: tuple[Callable[[random.Random], bytes], ...] = (
    _cut_short, _beheaded, _flipped, _shuffled, _random_bytes, _mislabelled, _playlist,
    _absurd_header, _no_numbers, _quiet, _loud, _text, _many_notes,
)  # fmt: skip
