"""A disk that becomes full: a small file system in a namespace of its own, that goes with it."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ON_A_SMALL_DISK = 'mount -t tmpfs -o size=8m tmpfs "$1" && exec "$2" -m tests.fakes.cramped "$1"'
ROOT = Path(__file__).parents[2]


def may_mount() -> bool:
    tried = ["unshare", "-rm", "mount", "-t", "tmpfs", "tmpfs", "/mnt"]
    return (
        shutil.which("unshare") is not None and subprocess.run(tried, check=False).returncode == 0
    )


def test_a_full_disk_makes_the_hub_wait_and_loses_nothing(tmp_path: Path) -> None:
    if not may_mount():
        pytest.skip("NO FILE SYSTEM MAY BE MOUNTED HERE: the full disk is not tested")
    done = subprocess.run(
        ["unshare", "-rm", "sh", "-c", ON_A_SMALL_DISK, "sh", tmp_path, sys.executable],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=100,
        check=False,
    )
    assert done.returncode == 0, done.stderr
