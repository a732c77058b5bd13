"""The process that holds one agent: its pipes, its transcript, its limits, its end.

It outlives the hub. Started detached by `agents.runner`, it reads one JSON configuration from its
standard input, starts the agent, prints `ready` (or what went wrong) and serves a unix socket.

The transcript is the record of everything, one JSON object a line, only ever appended to:

    {"start": {…}}                      a process begins; the hub's words about it
    {"agent": "…", "at": 1.5}           a line that the agent printed
    {"agent": "…", "more": true, …}     a part of a long line; the rest follows in the next
    {"sent": "…", "at": 1.5}            a line that was sent to it
    {"note": {…}}                       what the hub wants remembered in this place
    {"attached": "…"}                   a hub came; what is before this line was replay to it
    {"exit": {"code", "reason", "detail", …}}   always the last of a process; also in exit.json

Bytes that are not UTF-8 are kept as lone surrogates, so that every line can be had back exactly.
Whatever is sent to the agent is in the transcript first. A connection's first line decides:

    {"attach": OFFSET, "name": "…"}     the transcript's bytes from there, live, until it is over
    anything else                       commands, each answered by {"ok": true|false} in order:
      {"send": "…"}   {"note": {…}}   {"close": true}  (its standard input)   {"rest": true|false}
      {"finish": GRACE}  close its input, kill what remains after the grace
      {"stop": GRACE}    kill the tree; answered when nothing is left of it

What always holds: the agent's output is read at once and goes to disk, so it never waits for a
hub; memory does not grow with what the agent prints; when the bridge ends, its tree has ended.
Standard library only, and little of it, so that it starts fast and stays small.
"""

from __future__ import annotations

import contextlib
import errno
import json
import os
import select
import signal
import socket
import sys
import time

if __name__ == "__main__":  # run by path, isolated: the package's folder is not on the path yet
    sys.path.append(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))

from agents import processes

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import Any

CHUNK = 65_536
PART = 262_144  # bytes of one line that are held in memory
STDERR_FILE = 1_000_000  # bytes of each of the two standard error logs
TAIL = 4_000
TICK_S = 0.05  # between looks at a tree that is being ended
FINALE_S = 2.0  # for what is still in the pipes when the agent has ended
LEFTOVER_GRACE_S = 1.0
MEMORY_CHECK_S = 1.0
DISK_CHECK_S = 15.0
DISK_SLICE = 2_000  # directory entries looked at between two looks at the pipes


class Transcript:
    def __init__(self, path: str) -> None:
        flags = os.O_RDWR | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC
        self.fd = os.open(path, flags, 0o600)
        self.size = os.fstat(self.fd).st_size
        if self.size and os.pread(self.fd, 1, self.size - 1) != b"\n":
            self.append(b"\n")  # the last bridge, or the power, died within a line

    def append(self, data: bytes) -> None:
        while data:
            written = os.write(self.fd, data)
            self.size += written
            data = data[written:]

    def record(self, **entry: object) -> None:
        self.append(encode(entry))


class Agent:
    """The agent's process and its three pipes. A file descriptor is -1 once it is closed."""

    def __init__(self, config: dict[str, Any]) -> None:
        inside_in, self.stdin = os.pipe()
        self.stdout, inside_out = os.pipe()
        self.stderr, inside_err = os.pipe()
        failed, fail = os.pipe()
        self.status: int | None = None  # as of waitpid
        self.pid = os.fork()
        if self.pid == 0:
            become(config, (inside_in, inside_out, inside_err), fail)
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


def become(config: dict[str, Any], pipes: tuple[int, int, int], fail: int) -> None:
    """In the forked child: turn into the agent. Never returns."""
    try:
        os.setsid()
        for target, fd in enumerate(pipes):
            os.dup2(fd, target)
        for signum in (signal.SIGPIPE, signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            signal.signal(signum, signal.SIG_DFL)
        os.nice(config["nice"])
        os.chdir(config["folder"])
        if config["user"] is not None:
            os.setgroups([])
            os.setgid(config["user"])
            os.setuid(config["user"])
        os.umask(0o077 if config["user"] is None else 0o022)
        os.execvpe(config["argv"][0], config["argv"], config["environment"])  # noqa: S606
    except BaseException as error:  # noqa: BLE001 - a forked child must not go on with our code
        os.write(fail, f"{config['argv'][0]}: {error}".encode(errors="replace"))
    os._exit(127)


class Lines:
    """Cuts the agent's output into transcript entries."""

    def __init__(self) -> None:
        self.partial = bytearray()

    def entries(self, data: bytes) -> bytes:
        *whole, rest = data.split(b"\n")
        found = []
        at = f',"at":{time.time():.3f}}}\n'
        for line in whole:
            self.partial += line
            found.append('{"agent":' + quote(bytes(self.partial)) + at)
            self.partial.clear()
        self.partial += rest
        if len(self.partial) > PART:
            found.append('{"agent":' + quote(bytes(self.partial)) + ',"more":true' + at)
            self.partial.clear()
        return "".join(found).encode()

    def last(self) -> bytes:
        """A last line that had no newline."""
        return self.entries(b"\n") if self.partial else b""


class ErrorLog:
    """Standard error, bounded: its newest megabyte or two, and the tail in memory."""

    def __init__(self, folder: str) -> None:
        self.path = os.path.join(folder, "stderr.log")
        self.fd = self._open()
        self.size = os.fstat(self.fd).st_size
        self.total = 0
        self.tail = b""

    def _open(self) -> int:
        return os.open(self.path, os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC, 0o600)

    def write(self, data: bytes) -> None:
        if self.size + len(data) > STDERR_FILE:
            os.close(self.fd)
            os.replace(self.path, f"{self.path}.1")
            self.fd, self.size = self._open(), 0
        os.write(self.fd, data)
        self.size += len(data)
        self.total += len(data)
        self.tail = (self.tail + data)[-TAIL:]


class Client:
    """One connection of a hub: a reader of the transcript, or a giver of commands."""

    def __init__(self, connection: socket.socket) -> None:
        connection.setblocking(False)
        self.connection = connection
        self.received = bytearray()
        self.replies = b""
        self.offset: int | None = None  # of the transcript, once it is a reader
        self.awaits_end = False

    def lines(self) -> list[bytes] | None:
        """What has arrived; None when the hub has left."""
        gone = False
        while not gone:
            try:
                data = self.connection.recv(CHUNK)
            except BlockingIOError:
                break
            except OSError:
                data = b""
            self.received += data
            gone = not data
        *whole, rest = bytes(self.received).split(b"\n")
        self.received[:] = rest
        return None if gone and not whole else whole

    def behind(self, transcript: Transcript) -> bool:
        return bool(self.replies) or (self.offset is not None and self.offset < transcript.size)

    def push(self, transcript: Transcript) -> None:
        """Send some of what it is behind. Raises OSError when the hub has left."""
        data = self.replies
        if self.offset is not None:
            data = os.pread(transcript.fd, CHUNK, self.offset)
        try:
            sent = self.connection.send(data)
        except BlockingIOError:
            return
        if self.offset is None:
            self.replies = data[sent:]
        else:
            self.offset += sent


class Bridge:
    def __init__(self, config: dict[str, Any]) -> None:
        self.config = config
        self.limits = config["limits"]
        self.listener = listen(config["socket"])
        self.transcript = Transcript(os.path.join(config["run"], "transcript.jsonl"))
        self.errors = ErrorLog(config["run"])
        self.lines = Lines()
        self.clients: list[Client] = []
        self.pending = b""  # for the agent's standard input
        self.closing = False  # its standard input, once `pending` is through
        self.printed = 0
        self.began = self.active = time.monotonic()
        self.resting = False
        self.reason = ""  # why it is being ended
        self.detail = ""
        self.kill_at: float | None = None  # a tree that still lives then is killed
        self.finish_at: float | None = None
        self.check_memory_at = self.began + MEMORY_CHECK_S
        self.check_disk_at = self.began + DISK_CHECK_S
        self.measuring: Iterator[int] | None = None
        self.wake = watch_children()
        with contextlib.suppress(FileNotFoundError):
            os.unlink(os.path.join(config["run"], "exit.json"))  # of an earlier process
        try:
            self.agent = Agent(config)
        except OSError:
            os.unlink(config["socket"])
            raise
        self.transcript.record(start=config["start"], at=time.time())

    # --- the loop --------------------------------------------------------------------------------

    def run(self) -> None:
        try:
            while not self.over():
                self.step()
            self.drain_output()
        except OSError as error:  # the disk is full, most likely
            self.reason, self.detail = "disk", f"The transcript cannot be written: {error}"
        finally:
            processes.kill_all(self.tree)
        self.reap()
        self.write_exit()
        self.say_goodbye()

    def over(self) -> bool:
        """Move an ending forward. True when nothing of the tree is left."""
        now = time.monotonic()
        if self.agent.status is not None and self.kill_at is None:
            self.end("exited", "", LEFTOVER_GRACE_S)
        if self.finish_at is not None and now > self.finish_at:
            self.finish_at = None
            self.end("stopped", "It did not end by itself.", LEFTOVER_GRACE_S)
        if self.kill_at is None:
            return False
        tree = self.tree()
        if now > self.kill_at:
            for process in tree:
                processes.send(process, signal.SIGKILL)
        return not tree and self.agent.status is not None

    def step(self) -> None:
        agent = self.agent
        readers = [self.listener.fileno(), self.wake]
        readers += [fd for fd in (agent.stdout, agent.stderr) if fd >= 0]
        readers += [client.connection.fileno() for client in self.clients]
        writers = [c.connection.fileno() for c in self.clients if c.behind(self.transcript)]
        if self.pending and agent.stdin >= 0:
            writers.append(agent.stdin)
        ready, writable, _ = select.select(readers, writers, [], self.patience())
        if self.wake in ready:
            self.reap()
        if agent.stdout in ready:
            self.read_output()
        if agent.stderr in ready:
            self.read_errors()
        if agent.stdin in writable:
            self.write_input()
        if self.listener.fileno() in ready:
            self.clients.append(Client(self.listener.accept()[0]))
        for client in list(self.clients):
            self.serve(client, ready, writable)
        self.watch_limits()

    def patience(self) -> float:
        """Seconds until something has to be looked at unasked."""
        if self.measuring is not None:
            return 0
        if self.kill_at is not None:
            return TICK_S
        times: list[float] = [self.began + self.limits["wall_s"]]
        if not self.resting:
            times.append(self.active + self.limits["idle_s"])
        if self.limits["memory_bytes"]:
            times.append(self.check_memory_at)
        if self.limits["disk_bytes"]:
            times.append(self.check_disk_at)
        if self.finish_at is not None:
            times.append(self.finish_at)
        return max(0.0, min(times) - time.monotonic()) + 0.001

    # --- the agent -------------------------------------------------------------------------------

    def reap(self) -> None:
        """Take note of ended children, the adopted ones too."""
        with contextlib.suppress(BlockingIOError):
            os.read(self.wake, CHUNK)
        while True:
            try:
                pid, status = os.waitpid(-1, os.WNOHANG)
            except ChildProcessError:
                return
            if pid == 0:
                return
            if pid == self.agent.pid:
                self.agent.status = status

    def read_output(self) -> bool:
        """Take in a piece of its output. False when there is none now."""
        try:
            data = os.read(self.agent.stdout, CHUNK)
        except BlockingIOError:
            return False
        if not data:
            os.close(self.agent.stdout)
            self.agent.stdout = -1
            data = self.lines.last()
            self.transcript.append(data)
            return False
        self.active = time.monotonic()
        self.printed += len(data)
        self.transcript.append(self.lines.entries(data))
        return True

    def read_errors(self) -> bool:
        try:
            data = os.read(self.agent.stderr, CHUNK)
        except BlockingIOError:
            return False
        if not data:
            os.close(self.agent.stderr)
            self.agent.stderr = -1
            return False
        self.errors.write(data)
        return True

    def drain_output(self) -> None:
        """What is in the pipes when the tree has ended. Nobody writes into them any more."""
        end = time.monotonic() + FINALE_S
        for fd, read in (("stdout", self.read_output), ("stderr", self.read_errors)):
            while getattr(self.agent, fd) >= 0 and time.monotonic() < end and read():
                pass
        self.transcript.append(self.lines.last())

    def write_input(self) -> None:
        try:
            written = os.write(self.agent.stdin, self.pending[:CHUNK])
            self.pending = self.pending[written:]
        except BlockingIOError:
            return
        except OSError:  # it closed its end; that it did not hear this shows in what it does
            self.pending = b""
            self.agent.close_stdin()
        self.close_when_written()

    def close_when_written(self) -> None:
        if self.closing and not self.pending:
            self.agent.close_stdin()

    def tree(self) -> list[processes.Process]:
        """What lives of the run, however far it removed itself."""
        found = {process.pid: process for process in processes.descendants(os.getpid())}
        mark = self.config["environment"][processes.RUN]
        for process, _ in processes.marked(processes.RUN, mark.__eq__):
            found.setdefault(process.pid, process)
        return list(found.values())

    def end(self, reason: str, detail: str, grace_s: float) -> None:
        """Begin to end the tree. The first reason stands, the shortest grace counts."""
        kill_at = time.monotonic() + grace_s
        if self.kill_at is not None:
            self.kill_at = min(self.kill_at, kill_at)
            return
        self.reason, self.detail, self.kill_at = reason, detail, kill_at
        for process in self.tree():
            if process.name != "bwrap":  # its end would be the immediate end of all inside
                processes.send(process, signal.SIGTERM)

    # --- limits ----------------------------------------------------------------------------------

    def watch_limits(self) -> None:
        if self.kill_at is not None:
            return
        now, limits = time.monotonic(), self.limits
        if now - self.began > limits["wall_s"]:
            self.end("wall", f"It ran longer than {limits['wall_s']:g} s.", LEFTOVER_GRACE_S)
        elif not self.resting and now - self.active > limits["idle_s"]:
            self.end("idle", f"It was silent for {limits['idle_s']:g} s.", LEFTOVER_GRACE_S)
        elif self.printed > limits["output_bytes"]:
            self.end("output", f"It printed more than {limits['output_bytes']:,} bytes.", 0)
        elif limits["memory_bytes"] and now > self.check_memory_at:
            self.check_memory_at = now + MEMORY_CHECK_S
            self.watch_memory(limits["memory_bytes"])
        elif limits["disk_bytes"] and (self.measuring is not None or now > self.check_disk_at):
            self.watch_disk(limits["disk_bytes"])

    def watch_memory(self, limit: int) -> None:
        used = sum(process.resident for process in processes.descendants(os.getpid()))
        if used > limit:
            self.end("memory", f"It used {used:,} bytes of memory; {limit:,} are allowed.", 0)

    def watch_disk(self, limit: int) -> None:
        if self.measuring is None:
            self.measuring = measure(self.config["measured"])
        used = next(self.measuring, None)
        if used is None:
            self.measuring = None
            self.check_disk_at = time.monotonic() + DISK_CHECK_S
        elif used > limit:
            self.measuring = None
            self.end("disk", f"Its workspace is larger than {limit:,} bytes.", 0)

    # --- hubs ------------------------------------------------------------------------------------

    def serve(self, client: Client, ready: list[int], writable: list[int]) -> None:
        fd = client.connection.fileno()
        try:
            if fd in ready and not self.listen_to(client):
                self.drop(client)
                return
            if fd in writable:
                client.push(self.transcript)
        except OSError as error:
            if error.errno in (errno.ENOSPC, errno.EDQUOT, errno.EIO):
                raise
            self.drop(client)

    def listen_to(self, client: Client) -> bool:
        """Do what has arrived. False when the hub has left."""
        lines = client.lines()
        for line in lines or ():
            try:
                command = json.loads(line)
                if "attach" in command:
                    self.attach(client, command)
                else:
                    self.reply(client, self.obey(client, command))
            except (ValueError, TypeError, KeyError):
                self.reply(client, False)
        return lines is not None

    def attach(self, client: Client, command: dict[str, Any]) -> None:
        for other in self.clients:  # an earlier hub's last words come before the newcomer
            if other is not client and other.offset is None:
                self.listen_to(other)
        self.transcript.record(attached=command["name"])
        client.offset = int(command["attach"])

    def obey(self, client: Client, command: dict[str, Any]) -> bool | None:
        """Returns whether it was done; None when the answer comes later."""
        if "stop" in command:
            client.awaits_end = True
            self.end("stopped", "", float(command["stop"]))
            return None
        if self.kill_at is not None:
            return False
        if "send" in command:
            self.send(command["send"])
        elif "note" in command:
            self.transcript.record(note=command["note"])
            self.active = time.monotonic()
        elif "rest" in command:
            self.resting, self.active = bool(command["rest"]), time.monotonic()
        elif "close" in command or "finish" in command:
            self.closing = True
            self.close_when_written()
            if "finish" in command:
                self.finish_at = time.monotonic() + float(command["finish"])
        else:
            return False
        return True

    def send(self, text: str) -> None:
        self.active = time.monotonic()
        self.transcript.record(sent=text, at=time.time())
        if self.agent.stdin >= 0:
            self.pending += text.encode("utf-8", "surrogateescape") + b"\n"
            self.write_input()

    def reply(self, client: Client, done: bool | None) -> None:
        if done is not None:
            client.replies += encode({"ok": done})

    def drop(self, client: Client) -> None:
        client.connection.close()
        self.clients.remove(client)

    # --- the end ---------------------------------------------------------------------------------

    def write_exit(self) -> None:
        detail = self.detail
        if self.reason == "exited":
            detail = self.errors.tail.decode(errors="replace")
        entry = {
            "code": self.agent.exit_code,
            "reason": self.reason,
            "detail": detail,
            "stderr": self.errors.tail.decode(errors="replace"),
            "stderr_bytes": self.errors.total,
            "printed_bytes": self.printed,
            "seconds": round(time.monotonic() - self.began, 3),
        }
        path = os.path.join(self.config["run"], "exit.json")
        try:
            self.transcript.record(exit=entry)
            os.fsync(self.transcript.fd)
        except OSError:
            entry["unrecorded"] = True  # the transcript does not have it
        write_whole(path, encode(entry))

    def say_goodbye(self) -> None:
        """Give the hubs the rest of the transcript, as long as they take it."""
        with contextlib.suppress(FileNotFoundError):
            os.unlink(self.config["socket"])
        self.listener.close()
        for client in self.clients:
            self.reply(client, True if client.awaits_end else None)
        end = time.monotonic() + FINALE_S
        while (waiting := [c for c in self.clients if c.behind(self.transcript)]) and (
            left := end - time.monotonic()
        ) > 0:
            fds = {client.connection.fileno(): client for client in waiting}
            _, writable, _ = select.select([], list(fds), [], left)
            for fd in writable:
                try:
                    fds[fd].push(self.transcript)
                except OSError:
                    self.drop(fds[fd])


def quote(data: bytes) -> str:
    return json.dumps(data.decode("utf-8", "surrogateescape"))


def encode(entry: dict[str, Any]) -> bytes:
    return json.dumps(entry, separators=(",", ":")).encode() + b"\n"


def measure(folder: str) -> Iterator[int]:
    """The bytes that a folder takes on disk, counted so far, once per slice of entries."""
    total = seen = 0
    waiting = [folder]
    while waiting:
        try:
            entries = list(os.scandir(waiting.pop()))
        except OSError:
            continue  # removed meanwhile, or not readable for us
        for entry in entries:
            try:
                total += entry.stat(follow_symlinks=False).st_blocks * 512
                if entry.is_dir(follow_symlinks=False):
                    waiting.append(entry.path)
            except OSError:
                continue
            seen += 1
            if seen % DISK_SLICE == 0:
                yield total
    yield total


def write_whole(path: str, data: bytes) -> None:
    """All of it or nothing, whatever dies meanwhile."""
    fd = os.open(f"{path}.new", os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o600)
    try:
        os.write(fd, data)
        os.fsync(fd)
    finally:
        os.close(fd)
    os.replace(f"{path}.new", path)


def listen(path: str) -> socket.socket:
    """Raises OSError when another bridge serves this run."""
    listener = socket.socket(socket.AF_UNIX)
    probe = socket.socket(socket.AF_UNIX)
    try:
        probe.connect(path)
    except OSError:
        pass  # nobody there
    else:
        raise OSError("this run has a bridge already")
    finally:
        probe.close()
    with contextlib.suppress(FileNotFoundError):
        os.unlink(path)
    os.umask(0o077)
    listener.bind(path)
    listener.listen(8)
    listener.setblocking(False)
    return listener


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


def main() -> None:
    with open(0, "rb", closefd=False) as stdin:
        config = json.load(stdin)
    leave_the_terminal()
    processes.adopt_orphans()
    try:
        bridge = Bridge(config)
    except OSError as error:
        os.write(1, str(error).encode(errors="replace"))
        os._exit(1)
    os.write(1, b"ready")
    null = os.open(os.devnull, os.O_RDWR)
    for fd in (0, 1, 2):
        os.dup2(null, fd)
    bridge.run()


if __name__ == "__main__":
    main()
