"""A work tree that changes under Gofer's eyes: nothing outside of it ever gets into a commit."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

from git_ops.clone import Clone
from git_ops.copying import copy_out
from git_ops.repositories import Repositories
from tests.fakes.checkout import Checkout, git
from tests.unit.git_room.steps import prepared, turn

SECRET = "the owner's own key\n"
SWAP = """
import os, sys
tree, outside, aside = sys.argv[1:]
os.mkdir(f"{aside}/plain")
open(f"{aside}/plain/key", "w").write("plain")
os.symlink(outside, f"{aside}/link")
print("swapping", flush=True)
while True:
    for name in ("plain", "link"):
        os.rename(f"{aside}/{name}", f"{tree}/z")
        os.rename(f"{tree}/z", f"{aside}/{name}")
"""
TURNS = 8
FILES = 400  # which git reads first, so that it comes to `z/key` late


def test_links_are_never_followed(tmp_path: Path) -> None:
    outside, tree, target = tmp_path / "outside", tmp_path / "tree", tmp_path / "target"
    for folder in (outside / "deep", tree / "plain"):
        folder.mkdir(parents=True)
    (outside / "key").write_text(SECRET)
    (outside / "deep/key").write_text(SECRET)
    (tree / "folder").symlink_to(outside)
    (tree / "link").symlink_to(outside / "key")
    (tree / "plain/run.sh").write_text("run\n")
    (tree / "plain/run.sh").chmod(0o755)
    os.mkfifo(tree / "pipe")
    paths = [b"folder/key", b"folder/deep/key", b"link", b"pipe", b"plain/run.sh", b"gone"]
    failed = copy_out(tree, paths, target)
    assert failed == [b"folder/key", b"folder/deep/key", b"pipe", b"gone"]
    assert (target / "link").readlink() == outside / "key"
    assert os.access(target / "plain/run.sh", os.X_OK)
    found = [p for p in target.rglob("*") if p.is_file() and not p.is_symlink()]
    assert found == [target / "plain/run.sh"]


async def test_folder_swapped_for_a_link_while_files_are_read(tmp_path: Path) -> None:
    owner = Checkout.make(tmp_path / "owner" / "app")
    owner.commit("Start")
    outside, aside = tmp_path / "outside", tmp_path / "aside"
    for folder in (outside, aside):
        folder.mkdir()
    (outside / "key").write_text(SECRET)
    repositories = Repositories(tmp_path / "home")
    workspace = await prepared(repositories, owner)
    command = [sys.executable, "-c", SWAP, *map(str, (workspace.path, outside, aside))]
    with subprocess.Popen(command, stdout=subprocess.PIPE) as swapping:  # noqa: ASYNC220
        assert swapping.stdout is not None
        swapping.stdout.readline()
        try:
            for attempt in range(TURNS):
                for number in range(FILES):
                    (workspace.path / f"{number}.txt").write_text(f"{attempt} {number}\n")
                workspace = await turn(repositories, owner, workspace)
        finally:
            swapping.kill()
    assert swapping.returncode == -signal.SIGKILL
    secret = git(tmp_path, "hash-object", "--no-filters", str(outside / "key"))
    clone = Clone.of(tmp_path / "home", owner.project.name).path
    objects = git(clone, "cat-file", "--batch-all-objects", "--batch-check=%(objectname)")
    assert secret not in objects.split()
