"""Which words names in Python code are made of: what `found` in voice/code_words.toml was made by.

    python -m bench.code_words [LEAST]

Counts, for each word, the packages of the standard library and of this environment in which a
function, class or variable has it, and prints those that LEAST packages have. Words that are no
English were left out by hand.
"""

from __future__ import annotations

import re
import sys
import sysconfig
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path

from voice.pronunciation import parts_of

_NAMED = re.compile(r"(?:def|class)\s+(\w+)|^\s*(\w+)\s*(?::[^=\n]+)?=[^=]|self\.(\w+)", re.M)
LEAST = 9  # packages
SHORTEST, LONGEST = 4, 50  # letters of a word, and of a name


def sources() -> Iterator[tuple[str, str]]:
    """Each file of Python with its package."""
    for root in map(Path, (sysconfig.get_paths()["stdlib"], sysconfig.get_paths()["purelib"])):
        for file in root.rglob("*.py"):
            package = file.relative_to(root).parts[0]
            if package not in ("site-packages", "test", "idlelib"):
                yield f"{root.name}/{package}", file.read_text("utf-8", "replace")


def main() -> None:
    least = int(sys.argv[1]) if len(sys.argv) > 1 else LEAST
    packages: dict[str, set[str]] = defaultdict(set)
    for package, text in sources():
        for named in _NAMED.finditer(text):
            name = next(filter(None, named.groups()), "")
            for word in parts_of(name) if len(name) < LONGEST else ():
                packages[word.lower()].add(package)
    counted = {word: len(found) for word, found in packages.items() if len(word) >= SHORTEST}
    for word in sorted(word for word, count in counted.items() if count >= least):
        print(word)


if __name__ == "__main__":
    main()
