"""How long a workspace takes to be ready, and a review: `python -m bench.git_ops [--quick]`.

Each figure is the least of several runs, against `git worktree add` on the same repository in the
same run, and against a clone that borrows its objects. A workspace is made from nothing, from a
spare (files made ahead while idle), and from a spare that is some commits behind. Prints one JSON
object a line.
"""

from __future__ import annotations

import argparse
import asyncio
import itertools
import json
import subprocess
import tempfile
import time
from collections.abc import Awaitable, Callable
from pathlib import Path

from core.model import Project
from git_ops.repositories import Repositories

SIZES = (30, 2_000, 20_000)
ROUNDS = 5
BEHIND = 20  # files that the owner changed since a spare was made


def git(folder: Path, *arguments: str) -> None:
    subprocess.run(["git", *arguments], cwd=folder, check=True, capture_output=True)


def make(folder: Path, files: int) -> Project:
    """A repository with so many files of about 2 KB, 100 to a folder."""
    folder.mkdir()
    git(folder, "init", "--quiet", "--initial-branch=main")
    git(folder, "config", "user.name", "Bench")
    git(folder, "config", "user.email", "bench@example.org")
    for number in range(files):
        path = folder / f"src{number // 100}" / f"module{number}.py"
        path.parent.mkdir(exist_ok=True)
        path.write_text(f"value_{number} = {number}\n" * 80)
    git(folder, "add", "--all")
    git(folder, "commit", "--quiet", "--message", "Start")
    return Project(folder.name, folder)


Step = Callable[[int], Awaitable[None]]


async def least(act: Step, before: Step | None = None) -> float:
    """Seconds; what comes `before` each round is not counted."""
    times = []
    for number in range(ROUNDS):
        if before is not None:
            await before(number)
        start = time.perf_counter()
        await act(number)
        times.append(time.perf_counter() - start)
    return min(times)


async def measure(folder: Path, files: int) -> dict[str, float | int]:
    project = make(folder / f"app{files}", files)
    repositories = Repositories(folder / "home")
    tasks = itertools.count()

    async def prepare(_: int) -> None:
        await repositories.prepare(project, f"t{files}n{next(tasks)}", "bench", base=None)

    async def worktree(number: int) -> None:
        target = folder / f"worktree{files}-{number}"
        git(project.path, "worktree", "add", "--no-track", "-b", f"b{number}", str(target))

    async def clone(number: int) -> None:
        git(folder, "clone", "--shared", str(project.path), f"clone{files}-{number}")

    async def spare(_: int) -> None:
        await repositories.keep_spares([project])

    async def spare_behind(number: int) -> None:
        await repositories.keep_spares([project])
        for path in list(project.path.glob("src*/*.py"))[:BEHIND]:
            path.write_text(f"changed = {number}\n")
        git(project.path, "commit", "--quiet", "--all", "--message", "Meanwhile")

    await prepare(0)  # makes the bare clone
    ready, added, cloned = await least(prepare), await least(worktree), await least(clone)
    warm, behind = await least(prepare, spare), await least(prepare, spare_behind)
    return {
        "files": files,
        "workspace_s": round(ready, 4),
        "from_spare_s": round(warm, 4),
        "from_spare_behind_s": round(behind, 4),
        "worktree_add_s": round(added, 4),
        "clone_shared_s": round(cloned, 4),
        "ratio": round(ready / added, 2),
        "ratio_from_spare": round(warm / added, 2),
    }


async def review(folder: Path) -> dict[str, float | int]:
    """A turn that changes 5,000 lines: saving it, and reading its review and diff."""
    project = make(folder / "reviewed", 100)
    repositories = Repositories(folder / "home")
    workspace = await repositories.prepare(project, "reviewed", "bench", base=None)
    for path in sorted(workspace.path.glob("src*/*.py"))[:50]:
        path.write_text("".join(f"changed_{line} = {line}\n" for line in range(100)))
    start = time.perf_counter()
    saved = await repositories.checkpoint(project, workspace, "Turn", {})
    checkpointed = time.perf_counter()
    files, _ = await repositories.changes(saved)
    await repositories.diff(saved)
    end = time.perf_counter()
    return {
        "added_lines": sum(file.added or 0 for file in files),
        "checkpoint_s": round(checkpointed - start, 3),
        "review_s": round(end - checkpointed, 3),
    }


async def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true", help="leave out the largest repository")
    sizes = SIZES[:-1] if parser.parse_args().quick else SIZES
    with tempfile.TemporaryDirectory(prefix="gofer-bench-") as folder:
        for files in sizes:
            print(json.dumps(await measure(Path(folder), files)), flush=True)
        print(json.dumps(await review(Path(folder))), flush=True)


if __name__ == "__main__":
    asyncio.run(main())
