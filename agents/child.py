"""The agent's process, as its bridge starts and sees it.

Standard library only: the bridge loads this.
"""

from __future__ import annotations

import os
import signal

from agents import landlock

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, NoReturn

    from agents.cgroup import Group

CHUNK = 65_536


class Agent:
    """The agent's process and its three pipes. A file descriptor is -1 once it is closed."""

    def __init__(self, config: dict[str, Any], group: Group | None = None) -> None:
        inside_in, self.stdin = os.pipe()
        self.stdout, inside_out = os.pipe()
        self.stderr, inside_err = os.pipe()
        failed, fail = os.pipe()
        self.status: int | None = None  # as of waitpid
        self.pid = os.fork()
        if self.pid == 0:
            become(config, group, (inside_in, inside_out, inside_err), fail)
        for fd in (inside_in, inside_out, inside_err, fail):
            os.close(fd)
        for fd in (self.stdin, self.stdout, self.stderr):
            os.set_blocking(fd, False)
        problem = os.read(failed, CHUNK)
        os.close(failed)
        if problem:
            os.waitpid(self.pid, 0)
            raise OSError(problem.decode(errors="replace"))

    @property
    def exit_code(self) -> int | None:
        return None if self.status is None else os.waitstatus_to_exitcode(self.status)

    def close_stdin(self) -> None:
        if self.stdin >= 0:
            os.close(self.stdin)
            self.stdin = -1


def become(
    config: dict[str, Any], group: Group | None, pipes: tuple[int, int, int], fail: int
) -> NoReturn:
    """In the forked child: turn into the agent. Never returns."""
    try:
        os.setsid()
        if group:
            group.enter()
        for target, fd in enumerate(pipes):
            os.dup2(fd, target)
        for signum in (signal.SIGPIPE, signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            signal.signal(signum, signal.SIG_DFL)
        os.nice(config["nice"])
        if config["closed_off"]:
            landlock.restrict()
        os.chdir(config["folder"])
        if config["user"] is not None:
            os.get_exec_path()  # imports, which that user may not be able to read
            os.setgroups([])
            os.setgid(config["user"])
            os.setuid(config["user"])
        os.umask(0o077 if config["user"] is None else 0o022)
        os.execvpe(config["argv"][0], config["argv"], config["environment"])  # noqa: S606
    except BaseException as error:  # noqa: BLE001 - a forked child must not go on with our code
        os.write(fail, f"{config['argv'][0]}: {error}".encode(errors="replace"))
    os._exit(127)


def watch_children() -> int:
    """A descriptor that becomes readable when a child ends."""
    wake, noise = os.pipe()
    os.set_blocking(wake, False)
    os.set_blocking(noise, False)
    signal.signal(signal.SIGCHLD, lambda *_: None)
    signal.set_wakeup_fd(noise, warn_on_full_buffer=False)
    return wake


def leave_the_terminal() -> None:
    """Survive whatever ends the hub: its terminal, its signals, its parents' interest."""
    if os.fork():
        os._exit(0)
    os.setsid()
    for signum in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGPIPE):
        signal.signal(signum, signal.SIG_IGN)
    os.chdir("/")
