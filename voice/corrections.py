"""What the owner corrected, per project: words heard and what they should have been.

One JSON file per project, small and rewritten whole (a person corrects a few names, not thousands);
it is replaced in one step, so a crash leaves the old one.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from hashlib import sha256
from pathlib import Path

MOST = 500  # the oldest go first


class Corrections:
    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def of(self, project: str) -> Mapping[str, str]:
        """What was heard, in lower case, with what is to be written. Empty where none is known."""
        try:
            known = json.loads(self._file(project).read_text("utf-8"))
        except (FileNotFoundError, ValueError):
            return {}
        return {str(heard): str(written) for heard, written in known.items()}

    def remember(self, project: str, heard: str, written: str) -> None:
        """Last one wins. An empty `written`, or the same words, means: leave those alone."""
        heard = " ".join(heard.lower().split())
        if not heard:
            return
        known = dict(self.of(project))
        known.pop(heard, None)
        known[heard] = written.strip()
        kept = dict(list(known.items())[-MOST:])
        file = self._file(project)
        file.parent.mkdir(parents=True, exist_ok=True)
        fresh = file.with_suffix(".new")
        fresh.write_text(json.dumps(kept, ensure_ascii=False, indent=1), "utf-8")
        fresh.replace(file)

    def _file(self, project: str) -> Path:
        name = re.sub(r"[^\w.-]", "_", project)[:60]
        return self._folder / f"{name}-{sha256(project.encode()).hexdigest()[:8]}.json"
