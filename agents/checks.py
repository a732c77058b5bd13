"""Running one command to its end: a project's check or set-up, a probe, a question for a version.

What always holds: only the last of what it prints is kept, however much that is; when this
returns, cancelled or not, nothing that it started is left, background processes included.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from agents import landlock, processes
from agents.driver import plain

TAIL = 4_000  # characters
CHUNK = 65_536
NICE = ("nice", "-n", "5")


@dataclass(frozen=True, slots=True)
class Boxed:
    """A command line as it has to be started."""

    argv: tuple[str, ...]
    environment: Mapping[str, str]
    user: int | None = None  # to change to, in a container
    closed_off: bool = False  # from abstract sockets, which whoever starts it sees to

    @property
    def command(self) -> tuple[str, ...]:
        """For who cannot see to it: a command line that does."""
        return (*landlock.COMMAND, *self.argv) if self.closed_off else self.argv


async def run(boxed: Boxed, mark: str, folder: Path, timeout_s: float) -> tuple[int | None, str]:
    """Exit code and tail of both streams. The code is None when it could not run or was stopped.

    `mark` is in the environment of everything that it starts; by it even that is found which
    bubblewrap leaves behind when it is killed while it sets up.
    """
    environment = {**boxed.environment, processes.RUN: mark}
    output, inside = os.pipe()
    reader = asyncio.StreamReader(limit=CHUNK)
    transport, _ = await asyncio.get_running_loop().connect_read_pipe(
        lambda: asyncio.StreamReaderProtocol(reader), os.fdopen(output, "rb", buffering=0)
    )
    try:
        reading = asyncio.create_task(read_tail(reader))
        try:
            code, note = await run_within(boxed, environment, folder, inside, timeout_s)
        finally:
            os.close(inside)
            await asyncio.to_thread(processes.end_marked, mark.__eq__)
        tail = plain((await reading).decode(errors="replace"))
    finally:
        transport.close()
    return code, (tail[-TAIL:] + note)[-TAIL:]


async def run_within(
    boxed: Boxed, environment: dict[str, str], folder: Path, output: int, timeout_s: float
) -> tuple[int | None, str]:
    try:
        process = await asyncio.create_subprocess_exec(
            *(*NICE, *boxed.command),
            cwd=folder,
            env=environment,
            stdin=asyncio.subprocess.DEVNULL,
            stdout=output,
            stderr=output,
            user=boxed.user,
            group=boxed.user,
            extra_groups=None if boxed.user is None else (),
            start_new_session=True,
        )
    except OSError as error:
        return None, f"It could not be started: {error}"
    try:
        return await asyncio.wait_for(process.wait(), timeout_s), ""
    except TimeoutError:
        return None, f"\nIt was stopped after {timeout_s:g} s."
    finally:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        await process.wait()


async def read_tail(reader: asyncio.StreamReader) -> bytes:
    tail = b""
    while data := await reader.read(CHUNK):
        tail = (tail + data)[-4 * TAIL :]
    return tail
