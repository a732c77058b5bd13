"""The words of voice/known_words.txt: English that Whisper writes in one piece.

    python -m bench.known_words TOKENIZER.json CMUDICT > voice/known_words.txt

The first is of an English Whisper model, whose words come from GPT-2's vocabulary (MIT); the second
is the file `cmudict.dict` of the CMU Pronouncing Dictionary (BSD), which tells words from pieces of
words. Short ones and those that only have an ending are left out: `mending` knows these anyway.
"""

from __future__ import annotations

import json
import re
import sys
import textwrap
from pathlib import Path

from voice.mending import SHORTEST_STRANGE, stems_of


def main(tokenizer: Path, dictionary: Path) -> None:
    vocabulary = json.loads(tokenizer.read_text("utf-8"))["model"]["vocab"]
    whole = {token[1:] for token in vocabulary if re.fullmatch(r"Ġ[a-z]+", token)}
    spoken = {line.split()[0] for line in dictionary.read_text("utf-8").splitlines() if line}
    words = {word for word in whole & spoken if len(word) >= SHORTEST_STRANGE}
    least = sorted(word for word in words if stems_of(word).isdisjoint(words - {word}))
    print(textwrap.fill(" ".join(least), 100))


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]))
