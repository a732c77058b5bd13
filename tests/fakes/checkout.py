"""A real repository as its owner has it, driven by plain git; and a sandbox for git.

Not a fake of git: every command here is the real program, run the way a person would run it.
"""

from __future__ import annotations

import os
import subprocess
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from core.model import Project, Workspace

CLEAN = {name: value for name, value in os.environ.items() if not name.startswith("GIT_")}
IDENTITY = {"GIT_CONFIG_GLOBAL": os.devnull, "GIT_CONFIG_NOSYSTEM": "1", "LC_ALL": "C"}


def git(folder: Path, *arguments: str | bytes, stdin: bytes = b"") -> str:
    """Run git as a person would, with the configuration of the repository alone."""
    done = subprocess.run(
        ["git", *arguments],
        cwd=folder,
        input=stdin,
        env={**CLEAN, **IDENTITY},
        capture_output=True,
        check=False,
    )
    assert done.returncode == 0, (arguments, done.stdout, done.stderr)
    return os.fsdecode(done.stdout).strip()


@dataclass(frozen=True, slots=True)
class Checkout:
    """The owner's folder."""

    path: Path

    @classmethod
    def make(cls, path: Path, *options: str) -> Checkout:
        path.mkdir(parents=True)
        git(path, "init", "--quiet", "--initial-branch=main", *options)
        git(path, "config", "user.name", "Ada Owner")
        git(path, "config", "user.email", "ada@example.org")
        return cls(path)

    @property
    def project(self) -> Project:
        return Project(self.path.name, self.path)

    def git(self, *arguments: str | bytes, stdin: bytes = b"") -> str:
        return git(self.path, *arguments, stdin=stdin)

    def put(self, name: str, content: str = "content\n") -> Path:
        path = self.path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(content)
        return path

    def commit(self, message: str = "Work") -> str:
        """Commit everything that lies there, and return the commit."""
        self.git("add", "--all")
        self.git("commit", "--quiet", "--allow-empty", "--message", message)
        return self.head()

    def head(self, ref: str = "HEAD") -> str:
        return self.git("rev-parse", "--verify", ref)

    def show(self, spec: str) -> str:
        return self.git("show", spec)

    def status(self) -> str:
        return self.git("status", "--porcelain")


def in_bubblewrap(command: Sequence[str], workspace: Workspace) -> list[str]:
    """Enough of a sandbox for git: the system read-only, the workspace writable, nothing else."""
    mounts = [
        part
        for mount in workspace.mounts
        for part in ("--bind" if mount.writable else "--ro-bind", mount.source, mount.target)
    ]
    return [
        "bwrap", "--unshare-all", "--die-with-parent", "--cap-drop", "ALL",
        "--ro-bind", "/", "/", "--tmpfs", "/tmp", "--proc", "/proc", "--dev", "/dev",
        "--bind", str(workspace.path), str(workspace.path),
        *map(str, mounts), "--chdir", str(workspace.path), *command,
    ]  # fmt: skip
