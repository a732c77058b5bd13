"""The parent's end of the child process that holds the model.

One note at a time. Whatever goes wrong with the child (it dies, hangs, floods memory) costs the
note it was hearing: it is killed, and the next note gets a fresh one. The child sees none of the
hub's secrets in its environment.
"""

from __future__ import annotations

import asyncio
import json
import logging
import os
import sys
from asyncio.subprocess import DEVNULL, PIPE, Process
from collections.abc import Awaitable, Callable, Mapping
from typing import Any

from core.errors import UserError

log = logging.getLogger(__name__)

LINE_LIMIT = 1 << 26  # the words of half an hour fit
COMMAND = (sys.executable, "-P", "-m", "voice.worker")  # -P: never modules of the current folder
PASSED = ("PATH", "HOME", "LANG", "TMPDIR", "TZ", "LD_LIBRARY_PATH", "XDG_CACHE_HOME")
PASSED_FAMILIES = ("LC_", "HF_", "CUDA_", "NVIDIA_", "OMP_", "SSL_CERT_", "CT2_")
PROXIES = ("http_proxy", "https_proxy", "all_proxy", "no_proxy")
# A plain download resumes and reports progress. Without the other two, libraries tell their makers
# about this machine; ONNX Runtime from the moment it is loaded, with an id that it leaves behind.
LIBRARIES = {
    "HF_HUB_DISABLE_XET": "1",
    "HF_HUB_DISABLE_TELEMETRY": "1",
    "ORT_DISABLE_TELEMETRY": "1",
}

Message = Mapping[str, Any]
Progress = Callable[[float], None]
Advise = Callable[[Message], Awaitable[Any]]  # answers what the child asks in between


class ChildDied(Exception):
    """The child ended, or said nothing for too long, before it answered."""


class Child:
    """A started child; it has to be told first which model to load."""

    def __init__(self, process: Process) -> None:
        self._process = process

    @classmethod
    async def start(cls) -> Child:
        process = await asyncio.create_subprocess_exec(
            *COMMAND,
            stdin=PIPE,
            stdout=PIPE,
            stderr=None if log.isEnabledFor(logging.DEBUG) else DEVNULL,
            env=environment(),
            limit=LINE_LIMIT,
            start_new_session=True,  # Ctrl-C in the terminal is the hub's to handle
        )
        return cls(process)

    @property
    def alive(self) -> bool:
        return self._process.returncode is None

    async def ask(
        self,
        request: Message,
        on_progress: Progress,
        patience_s: float,
        advise: Advise | None = None,
    ) -> Message:
        """The answer to one request; `patience_s` is the longest silence before it.

        Raises UserError that the child answered with, and ChildDied.
        """
        try:
            await self._tell(request)
            while True:
                answer = await self._line(patience_s)
                if "asked" in answer and advise:
                    await self._tell(await advise(answer["asked"]))
                elif "progress" in answer:
                    on_progress(answer["progress"])
                else:
                    break
        except ConnectionError as error:
            raise ChildDied(str(error)) from None
        if "refused" in answer:
            raise UserError(answer["refused"])
        return answer

    async def _tell(self, message: Any) -> None:
        assert self._process.stdin
        self._process.stdin.write(json.dumps(message).encode() + b"\n")
        await self._process.stdin.drain()

    async def _line(self, patience_s: float) -> dict[str, Any]:
        assert self._process.stdout
        try:
            async with asyncio.timeout(patience_s):
                line = await self._process.stdout.readline()
        except TimeoutError:
            raise ChildDied(f"no sign of life for {patience_s:.0f} s") from None
        if not line.endswith(b"\n"):
            raise ChildDied(f"it ended with code {await self._process.wait()}")
        answer: dict[str, Any] = json.loads(line)
        return answer

    def kill(self) -> None:
        if self.alive:
            self._process.kill()

    async def end(self) -> None:
        """Kill it and wait until it is gone."""
        self.kill()
        if self._process.stdin:
            self._process.stdin.close()
        await self._process.wait()


def environment() -> dict[str, str]:
    """What the child may see: what its libraries need, and no token of anybody.

    The parent's own settings of those libraries do not count.
    """
    passed = {
        name: value
        for name, value in os.environ.items()
        if name in PASSED or name.startswith(PASSED_FAMILIES) or name.lower() in PROXIES
    }
    return {**passed, **LIBRARIES}
