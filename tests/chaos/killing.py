"""Kills hubs, starts them again, and looks at what they left."""

from __future__ import annotations

import json
import os
import signal
import sqlite3
import subprocess
import sys
import time
from dataclasses import dataclass
from itertools import groupby
from pathlib import Path

import psutil

from tests.fakes.checkout import git

REPOSITORY = Path(__file__).parents[2]
DEADLINE_S = 120.0
ENDED = {"COMPLETED", "FAILED", "CANCELLED"}


@dataclass(frozen=True)
class Ground:
    """A home and a project for hubs to live and die on."""

    home: Path
    project: Path
    tasks: int

    @classmethod
    def make(cls, folder: Path, tasks: int) -> Ground:
        project = folder / "app"
        project.mkdir()
        git(project, "init", "-q", "-b", "main")
        git(project, "config", "user.name", "Ann")
        git(project, "config", "user.email", "ann@example.com")
        (project / "README").write_text("hello\n")
        git(project, "add", "-A")
        git(project, "commit", "-q", "-m", "first")
        return cls(folder / "home", project, tasks)

    def hub(self, fault: str = "") -> subprocess.Popen[str]:
        return subprocess.Popen(
            [
                sys.executable,
                "-m",
                "tests.fakes.killable",
                self.home,
                self.project,
                str(self.tasks),
            ],
            cwd=REPOSITORY,
            env={**os.environ, "GOFER_FAULT": fault},
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )

    def finish(self) -> None:
        """A hub that nobody kills sees everything through."""
        with self.hub() as hub:
            _, errors = hub.communicate(timeout=DEADLINE_S)
        assert hub.returncode == 0, errors

    def die_at(self, fault: str) -> None:
        with self.hub(fault) as hub:
            _, errors = hub.communicate(timeout=DEADLINE_S)
        assert hub.returncode == -signal.SIGKILL, (hub.returncode, errors)

    def check(self, *, all_completed: bool) -> None:
        """No task or event lost or doubled, nothing stray left on the machine."""
        connection = sqlite3.connect(self.home / "gofer.db")
        connection.row_factory = sqlite3.Row
        assert connection.execute("PRAGMA integrity_check").fetchone()[0] == "ok"
        tasks = connection.execute("SELECT id, status FROM tasks").fetchall()
        assert len(tasks) == self.tasks
        assert {task["status"] for task in tasks} <= ({"COMPLETED"} if all_completed else ENDED)
        completed = {task["id"] for task in tasks if task["status"] == "COMPLETED"}
        self._check_events(connection, completed)
        connection.close()
        self._check_machine({task["id"] for task in tasks})
        merged = git(self.project, "ls-tree", "--name-only", "main").splitlines()
        assert len(merged) == 1 + len(completed)
        sent = (self.home / "sent.log").read_text().splitlines()
        assert {line.split()[1] for line in sent} == {task["id"] for task in tasks}

    def _check_events(self, connection: sqlite3.Connection, completed: set[str]) -> None:
        events = connection.execute(
            "SELECT events.*, tasks.id AS task_id FROM events JOIN tasks ON number = task"
            " ORDER BY task, seq"
        ).fetchall()
        for task_id, rows in groupby(events, key=lambda row: row["task_id"]):
            log = list(rows)
            assert [row["seq"] for row in log] == list(range(1, len(log) + 1))
            assert [row["type"] for row in log].count("completed") == 1
            if task_id in completed:
                payloads = [json.loads(row["payload"]) for row in log]
                lines = [p["text"] for p in payloads if p["kind"] == "text"]
                numbers = [line.split()[1] for text in lines for line in text.splitlines()]
                assert numbers == ["1", "2", "3", "4", "5"]

    def _check_machine(self, tasks: set[str]) -> None:
        end = time.monotonic() + 5
        while (left := self.processes()) and time.monotonic() < end:
            time.sleep(0.05)
        assert left == []
        trees = {path.name.split("-")[0] for path in self.home.glob("worktrees/*/*")}
        assert trees <= tasks | {".spare"}  # made ahead for the next one

    def processes(self) -> list[str]:
        """Whatever still runs for this home."""
        found = []
        for process in psutil.process_iter(["cmdline", "status"]):
            line = " ".join(process.info["cmdline"] or ())
            if str(self.home) in line and process.info["status"] != psutil.STATUS_ZOMBIE:
                found.append(line)
        return found
