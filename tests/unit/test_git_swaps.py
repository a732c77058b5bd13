"""A work tree that changes under Gofer's eyes: nothing outside of it ever gets into a commit."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

from git_ops.clone import Clone
from git_ops.copying import copy_out
from git_ops.repositories import Repositories
from tests.fakes.checkout import Checkout, git

SECRET = "the owner's own key\n"
SWAP = """
import os, sys
from pathlib import Path
tree, secret = Path(sys.argv[1]), sys.argv[2]
print("swapping", flush=True)
while True:
    for number in range(40):
        for make in (lambda p: p.symlink_to(secret), lambda p: p.write_text(f"{number}\\n")):
            fresh = tree.parent / f"fresh{number}"
            make(fresh)
            os.replace(fresh, tree / f"{number}.txt")
"""


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


async def test_file_swapped_for_a_link_while_it_is_read(tmp_path: Path) -> None:
    owner = Checkout.make(tmp_path / "owner" / "app")
    owner.commit("Start")
    secret = tmp_path / "secret"
    secret.write_text(SECRET)
    repositories = Repositories(tmp_path / "home")
    workspace = await repositories.prepare(owner.project, "abcd1234", "x", base=None)
    command = [sys.executable, "-c", SWAP, str(workspace.path), str(secret)]
    with subprocess.Popen(command, stdout=subprocess.PIPE) as swapping:  # noqa: ASYNC220
        assert swapping.stdout is not None
        swapping.stdout.readline()
        try:
            for _ in range(15):
                workspace = await repositories.checkpoint(owner.project, workspace, "Turn", {})
        finally:
            swapping.kill()
    assert workspace.head != workspace.base
    blob = git(tmp_path, "hash-object", "--no-filters", str(secret))
    clone = Clone.of(tmp_path / "home", owner.project.name).path
    objects = git(clone, "cat-file", "--batch-all-objects", "--batch-check=%(objectname)")
    assert blob not in objects.split()
