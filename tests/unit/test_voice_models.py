"""Where a model comes from: a folder, a package, or the Hub (a small one of our own here)."""

from __future__ import annotations

import hashlib
import json
import re
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from core.errors import UserError
from voice import models

REPOSITORY = "someone/whisper-mini"
COMMIT = "a" * 40
FILES = {
    "config.json": b'{"tiny": true}',
    "model.bin": bytes(range(256)) * 93_750,  # the client keeps what came in blocks of 10 MB
    "README.md": b"not wanted",
}


class Hub(ThreadingHTTPServer):
    """As much of the Hugging Face Hub as a download needs."""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Answers)
        self.sent: list[tuple[str, str | None]] = []  # file and the range asked for
        self.break_at: int | None = None  # bytes after which a large file breaks off, once
        self.damage = False

    @property
    def address(self) -> str:
        return f"http://127.0.0.1:{self.server_address[1]}"


class Answers(BaseHTTPRequestHandler):
    server: Hub
    protocol_version = "HTTP/1.1"

    def do_HEAD(self) -> None:
        self.do_GET(body=False)

    def do_GET(self, *, body: bool = True) -> None:
        path = self.path.partition("?")[0]
        if path.startswith(f"/api/models/{REPOSITORY}"):
            self._send(json.dumps(_listing()).encode(), body=body)
        elif found := re.fullmatch(rf"/{REPOSITORY}/resolve/\w+/(.+)", path):
            self._send_file(found[1], body=body)
        else:
            self.send_response(404)
            self.send_header("X-Error-Code", "RepoNotFound")
            self.send_header("Content-Length", "0")
            self.end_headers()

    def _send_file(self, name: str, *, body: bool) -> None:
        content = FILES[name]
        asked = self.headers.get("Range")
        if body:
            self.server.sent.append((name, asked))
            if self.server.damage and name == "model.bin":
                content = content[:-1] + b"!"
        start = int(asked[6:].partition("-")[0]) if asked else 0
        broken = self.server.break_at if name == "model.bin" and body else None
        self._send(content[start:], body=body, start=start, total=len(content), broken=broken)

    def _send(
        self,
        content: bytes,
        *,
        body: bool,
        start: int = 0,
        total: int | None = None,
        broken: int | None = None,
    ) -> None:
        self.send_response(206 if start else 200)
        self.send_header("Content-Length", str(len(content)))
        self.send_header("ETag", f'"{hashlib.sha256(content).hexdigest()}"')
        self.send_header("X-Repo-Commit", COMMIT)
        self.send_header("Accept-Ranges", "bytes")
        if start and total:
            self.send_header("Content-Range", f"bytes {start}-{total - 1}/{total}")
        self.end_headers()
        if body:
            self.wfile.write(content[:broken])
        if broken is not None:
            self.server.break_at = None
            self.close_connection = True

    def log_message(self, *_: object) -> None:
        pass


def _listing() -> dict[str, object]:
    files = []
    for name, content in FILES.items():
        blob = hashlib.sha1(b"blob %d\0" % len(content) + content).hexdigest()
        file: dict[str, object] = {"rfilename": name, "size": len(content), "blobId": blob}
        if name == "model.bin":
            sha = hashlib.sha256(content).hexdigest()
            file["lfs"] = {"sha256": sha, "size": len(content), "pointerSize": 130}
        files.append(file)
    return {"id": REPOSITORY, "modelId": REPOSITORY, "sha": COMMIT, "siblings": files}


@pytest.fixture
def hub() -> Iterator[Hub]:
    server = Hub()
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield server
    server.shutdown()
    thread.join()
    server.server_close()


def no_progress(_done: float) -> None:
    pass


def test_a_folder_is_taken_as_it_is(tmp_path: Path) -> None:
    (tmp_path / "model.bin").write_bytes(b"x")
    assert models.resolve(str(tmp_path), tmp_path / "cache", no_progress) == tmp_path


def test_a_folder_put_into_the_cache_by_hand_is_found_by_name(tmp_path: Path) -> None:
    folder = tmp_path / "small"
    folder.mkdir()
    (folder / "model.bin").write_bytes(b"x")
    assert models.find("small", tmp_path) == folder
    assert models.find("large-v3", tmp_path) is None


def test_the_packaged_model_is_found_by_name(tmp_path: Path) -> None:
    found = models.find("tiny.en", tmp_path)
    assert found is not None
    assert (found / "model.bin").stat().st_size > 10_000_000


def test_a_missing_folder_is_named(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="GOFER_WHISPER_MODEL"):
        models.resolve(str(tmp_path / "none"), tmp_path, no_progress)


def test_an_unknown_name_lists_the_known_ones(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"Known are: .*small.*large-v3"):
        models.resolve("smal", tmp_path, no_progress)


def test_a_model_is_downloaded_with_progress(tmp_path: Path, hub: Hub) -> None:
    seen: list[float] = []
    folder = models.download(REPOSITORY, tmp_path, seen.append, hub.address)
    assert (folder / "model.bin").read_bytes() == FILES["model.bin"]
    assert not (folder / "README.md").exists()
    assert seen == sorted(seen)
    assert seen[-1] == pytest.approx(1)
    assert models.find(REPOSITORY, tmp_path) == folder


def test_a_broken_download_goes_on_where_it_stopped(tmp_path: Path, hub: Hub) -> None:
    hub.break_at = 15_000_000
    folder = models.download(REPOSITORY, tmp_path, no_progress, hub.address)
    assert (folder / "model.bin").read_bytes() == FILES["model.bin"]
    ranges = [asked for name, asked in hub.sent if name == "model.bin"]
    assert ranges == [None, "bytes=10485760-"]


def test_a_damaged_download_is_removed_and_named(tmp_path: Path, hub: Hub) -> None:
    hub.damage = True
    with pytest.raises(UserError, match=r"model\.bin arrived damaged"):
        models.download(REPOSITORY, tmp_path, no_progress, hub.address)
    assert models.find(REPOSITORY, tmp_path) is None
    hub.damage = False
    assert models.download(REPOSITORY, tmp_path, no_progress, hub.address)


def test_offline_it_says_where_to_put_the_files(tmp_path: Path, hub: Hub) -> None:
    closed = "http://127.0.0.1:9"
    with pytest.raises(UserError) as error:
        models.download("small", tmp_path, no_progress, closed)
    assert "https://huggingface.co/Systran/faster-whisper-small" in str(error.value)
    assert str(tmp_path / "small") in str(error.value)


def test_a_repository_that_is_not_there(tmp_path: Path, hub: Hub) -> None:
    with pytest.raises(UserError, match="someone/else"):
        models.download("someone/else", tmp_path, no_progress, hub.address)
