"""Real git servers on loopback: git's own daemon, and its `http-backend` behind a password."""

from __future__ import annotations

import base64
import contextlib
import os
import socket
import subprocess
import threading
import time
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

from tests.fakes.checkout import CLEAN, Checkout, git

USER = "ada"
DEADLINE_S = 30


@contextlib.contextmanager
def http_backend(folder: Path, *, password: str) -> Iterator[int]:
    """Serve the bare repositories of a folder; yields the port."""
    wanted = "Basic " + base64.b64encode(f"{USER}:{password}".encode()).decode()

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self._serve()

        def do_POST(self) -> None:
            self._serve()

        def log_message(self, *_: object) -> None:
            pass

        def _serve(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
            if self.headers.get("Authorization") != wanted:
                self.send_response(401)
                self.send_header("WWW-Authenticate", 'Basic realm="git"')
                self.send_header("Content-Length", "0")
                self.end_headers()
                return
            path, _, query = self.path.partition("?")
            variables = {
                "GIT_PROJECT_ROOT": str(folder), "GIT_HTTP_EXPORT_ALL": "1", "PATH_INFO": path,
                "QUERY_STRING": query, "REQUEST_METHOD": self.command, "REMOTE_USER": USER,
                "CONTENT_TYPE": self.headers.get("Content-Type") or "",
                "CONTENT_LENGTH": str(len(body)),
                "HTTP_CONTENT_ENCODING": self.headers.get("Content-Encoding") or "",
                "GIT_PROTOCOL": self.headers.get("Git-Protocol") or "",
            }  # fmt: skip
            done = subprocess.run(
                ["git", "http-backend"],
                input=body, env={**CLEAN, **variables}, capture_output=True, check=False,
            )  # fmt: skip
            self._answer(done.stdout)

        def _answer(self, output: bytes) -> None:
            head, _, content = output.partition(b"\r\n\r\n")
            headers = dict(line.split(": ", 1) for line in head.decode().split("\r\n"))
            self.send_response(int(headers.pop("Status", "200").split()[0]))
            for name, value in headers.items():
                self.send_header(name, value)
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        try:
            yield server.server_address[1]
        finally:
            server.shutdown()
            thread.join()


@contextlib.contextmanager
def daemon(folder: Path) -> Iterator[int]:
    """`git daemon` on loopback, which anybody may push to; yields the port."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port: int = free.getsockname()[1]
    command = [
        "git", "daemon", "--listen=127.0.0.1", f"--port={port}", f"--base-path={folder}",
        "--export-all", "--enable=receive-pack", "--reuseaddr",
    ]  # fmt: skip
    process = subprocess.Popen(
        command, env=CLEAN, stderr=subprocess.DEVNULL, start_new_session=True
    )
    try:
        deadline = time.monotonic() + DEADLINE_S
        while True:
            try:
                socket.create_connection(("127.0.0.1", port), 1).close()
                break
            except OSError:
                assert time.monotonic() < deadline, "git daemon did not start"
        yield port
    finally:
        os.killpg(process.pid, 15)
        process.wait()


@contextlib.contextmanager
def origin_of(owner: Checkout, folder: Path) -> Iterator[Path]:
    """A bare repository behind `daemon`, set as the owner's `origin`; yields its place."""
    git(owner.path, "clone", "--quiet", "--bare", str(owner.path), str(folder / "app.git"))
    with daemon(folder) as port:
        owner.git("remote", "add", "origin", f"git://127.0.0.1:{port}/app.git")
        yield folder / "app.git"
