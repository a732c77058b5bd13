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

from agents import cgroup, processes
from agents.child import Agent, leave_the_terminal, watch_children
from agents.limits import Limits
from agents.recording import ErrorLog, Lines, Transcript, encode, write_whole

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

CHUNK = 65_536
TICK_S = 0.05  # between looks at a tree that is being ended
FINALE_S = 2.0  # for what is still in the pipes when the agent has ended
LEFTOVER_GRACE_S = 1.0


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
        self.limits = Limits(config["limits"], config["measured"])
        self.listener = listen(config["socket"])
        self.transcript = Transcript(os.path.join(config["run"], "transcript.jsonl"))
        self.errors = ErrorLog(config["run"])
        self.lines = Lines()
        self.clients: list[Client] = []
        self.pending = b""  # for the agent's standard input
        self.closing = False  # its standard input, once `pending` is through
        self.reason = ""  # why it is being ended
        self.detail = ""
        self.kill_at: float | None = None  # a tree that still lives then is killed
        self.finish_at: float | None = None
        self.wake = watch_children()
        mark = config["environment"][processes.RUN]
        self.group = cgroup.make(f"gofer-{mark}", self.limits.memory_bytes)
        with contextlib.suppress(FileNotFoundError):
            os.unlink(os.path.join(config["run"], "exit.json"))  # of an earlier process
        try:
            self.agent = Agent(config, self.group)
        except OSError:
            if self.group:
                self.group.remove()
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
        if self.group:
            self.leave_the_group(self.group)
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
            if self.group:
                self.group.kill()
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
        excess = self.limits.exceeded() if self.kill_at is None else None
        if excess:
            self.end(*excess)

    def patience(self) -> float:
        """Seconds until something has to be looked at unasked."""
        if self.kill_at is not None:
            return TICK_S
        seconds = self.limits.patience()
        if self.finish_at is not None:
            seconds = min(seconds, max(0.0, self.finish_at - time.monotonic()))
        return seconds + 0.001 if seconds else 0.0

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
        self.limits.stir()
        self.limits.printed += len(data)
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

    def leave_the_group(self, group: cgroup.Group) -> None:
        if self.reason == "exited" and group.ran_out_of_memory():
            self.reason, self.detail = self.limits.out_of_memory()
        group.remove()

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
            self.send(str(command["send"]))
        elif "note" in command:
            self.transcript.record(note=command["note"])
            self.limits.stir()
        elif "rest" in command:
            self.limits.rest(bool(command["rest"]))
        elif "close" in command or "finish" in command:
            if "finish" in command:
                self.finish_at = time.monotonic() + float(command["finish"])
            self.closing = True
            self.close_when_written()
        else:
            return False
        return True

    def send(self, text: str) -> None:
        self.limits.stir()
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
            "printed_bytes": self.limits.printed,
            "seconds": round(time.monotonic() - self.limits.began, 3),
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
