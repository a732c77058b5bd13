"""Downloading a model from the Hugging Face Hub: with progress, resumable, checked.

Files gather in `<folder>.partial`, each is compared with the checksum that the Hub gave for it, and
only a complete set is renamed to `<folder>`; so a folder that exists is whole.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence
from fnmatch import fnmatch
from functools import partial
from pathlib import Path
from typing import Any

from faster_whisper.utils import _MODELS as REPOSITORIES
from huggingface_hub import HfApi
from huggingface_hub.errors import (  # type: ignore[attr-defined]  # whichever HTTP library it uses
    HTTPError,
    RepositoryNotFoundError,
)
from huggingface_hub.hf_api import RepoSibling
from huggingface_hub.utils.tqdm import tqdm

from core.errors import UserError

BLOCK = 1 << 20


def fetch(
    model: str,
    folder: Path,
    wanted: Sequence[str],
    on_progress: Callable[[float], None],
    endpoint: str | None = None,
) -> None:
    """Raises UserError: no such model, Hub not reached, checksum wrong, disk full."""
    repository = model if "/" in model else REPOSITORIES.get(model)
    if repository is None:
        raise UserError(
            f"There is no Whisper model named {model}. Known are: {', '.join(REPOSITORIES)};"
            " a folder or a repository of the Hugging Face Hub will do as well."
        )
    try:
        _fetch(HfApi(endpoint=endpoint), repository, folder, wanted, on_progress)
    except RepositoryNotFoundError:
        raise UserError(f"The Hugging Face Hub has no model {repository}.") from None
    except (HTTPError, OSError) as error:
        raise UserError(
            f"The Whisper model {model} is not on this machine, and fetching it failed"
            f" ({_brief(error)}). What has arrived is kept: try again when you are online. Or get"
            f" the files of https://huggingface.co/{repository} elsewhere, put them into {folder},"
            " or anywhere else and set GOFER_WHISPER_MODEL to that folder."
        ) from None


def _fetch(
    hub: HfApi,
    repository: str,
    folder: Path,
    wanted: Sequence[str],
    on_progress: Callable[[float], None],
) -> None:
    info = hub.model_info(repository, files_metadata=True)
    files = [
        file
        for file in info.siblings or ()
        if any(fnmatch(file.rfilename, pattern) for pattern in wanted)
    ]
    total = sum(file.size or 0 for file in files) or 1
    gathered = folder.with_name(folder.name + ".partial")
    gathered.mkdir(parents=True, exist_ok=True)
    before = 0
    for file in files:
        bar = _bar(partial(_report, on_progress, before, total))
        path = Path(
            hub.hf_hub_download(
                repository,
                file.rfilename,
                revision=info.sha,
                local_dir=gathered,
                tqdm_class=bar,
            )
        )
        _verify(path, file)
        before += file.size or 0
    gathered.rename(folder)


def _report(on_progress: Callable[[float], None], before: int, total: int, done: int) -> None:
    on_progress(min((before + done) / total, 1.0))


def _bar(report: Callable[[int], None]) -> type[tqdm]:
    """A progress bar that draws nothing and reports the bytes done."""

    class Silent(tqdm):
        def __init__(self, *args: Any, **kwargs: Any) -> None:
            super().__init__(*args, **{**kwargs, "disable": True})  # type: ignore[no-untyped-call]
            self.bytes_done = int(kwargs.get("initial") or 0)

        def update(self, n: float | None = 1) -> None:
            self.bytes_done += int(n or 0)
            report(self.bytes_done)

    return Silent


def _verify(path: Path, file: RepoSibling) -> None:
    """Large files carry a SHA-256; small ones the id that git gives to their content."""
    if file.lfs:
        found, expected = _digest(path, hashlib.sha256()), file.lfs.sha256
    elif file.blob_id:
        header = f"blob {path.stat().st_size}\0".encode()
        found = _digest(path, hashlib.sha1(header, usedforsecurity=False))
        expected = file.blob_id
    else:
        return
    if found != expected:
        path.unlink()
        raise UserError(
            f"{file.rfilename} arrived damaged (its checksum is wrong) and was removed."
            " Try again; if it happens again, something between here and the Hub changes files."
        )


def _digest(path: Path, state: Any) -> str:
    with path.open("rb") as file:
        while block := file.read(BLOCK):
            state.update(block)
    return str(state.hexdigest())


def _brief(error: Exception) -> str:
    lines = str(error).strip().splitlines()
    return (lines[0] if lines else type(error).__name__)[:200]
