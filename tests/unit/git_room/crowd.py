"""Many tasks, crashes and a busy owner on one repository, for the quick and the full tests."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from types import FrameType

import psutil

from core.model import Workspace
from git_ops import merge, spare
from git_ops.repositories import Repositories
from git_ops.workspace import Site
from tests.fakes.checkout import Checkout, git

TASKS = 10
PAUSE_S = 0.2  # between two commits of the owner's
PACKAGE = "/git_ops/"
STEPS = ("prepare", "checkpoint", "merge", "undo", "discard", "restore", "spare", "take")


def with_two_files(path: Path) -> Checkout:
    """An owner's folder at which the steps below start."""
    checkout = Checkout.make(path)
    checkout.git("config", "gc.autoDetach", "false")  # packing behind it, it would blind `fsck`
    checkout.put("app.py", "one\n")
    checkout.put("gone.txt")
    checkout.commit("Start")
    return checkout


async def merge_at_once(repositories: Repositories, owner: Checkout, round_: int) -> None:
    """Ten tasks land at the same time while the owner commits; nothing of anybody's is lost."""
    prepared = await asyncio.gather(
        *(
            repositories.prepare(owner.project, f"r{round_}t{number}", "x", base=None)
            for number in range(TASKS)
        )
    )
    for number, workspace in enumerate(prepared):
        (workspace.path / f"r{round_}t{number}.txt").write_text("done\n")
    saved = await asyncio.gather(
        *(repositories.checkpoint(owner.project, workspace, "Turn", {}) for workspace in prepared)
    )
    hows = ("merge", "squash", "rebase")
    stop = asyncio.Event()
    owners = asyncio.create_task(commit_until(owner, stop, round_))
    landed = await asyncio.gather(
        *(
            land(repositories, owner, workspace, hows[number % 3])
            for number, workspace in enumerate(saved)
        )
    )
    stop.set()
    mine = await owners
    history = owner.git("rev-list", "HEAD").split()
    assert set(landed) <= set(history)
    assert set(mine) <= set(history)
    for number in range(TASKS):
        assert (owner.path / f"r{round_}t{number}.txt").read_text() == "done\n"
    assert owner.status() == ""
    owner.git("fsck", "--no-dangling")
    for workspace in saved:
        await repositories.discard(owner.project, workspace)


async def land(repositories: Repositories, owner: Checkout, workspace: Workspace, how: str) -> str:
    commit, _ = await repositories.merge(
        owner.project, workspace, expected_head=workspace.head, how=how, message="Land"
    )
    return commit


async def commit_until(owner: Checkout, stop: asyncio.Event, round_: int) -> list[str]:
    """The owner commits a few times a second, each time one file of their own."""
    commits: list[str] = []
    while not stop.is_set():
        name = f"mine-{round_}-{len(commits)}.txt"
        commits.append(await asyncio.to_thread(commit_file, owner, name))
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(stop.wait(), PAUSE_S)
    return commits


def commit_file(owner: Checkout, name: str) -> str:
    """Again and again while Gofer holds the index, as any other git might."""
    owner.put(name)
    for command in (("add", name), ("commit", "--quiet", "--message", name, "--", name)):
        while (
            done := subprocess.run(
                ["git", *command], cwd=owner.path, capture_output=True, text=True, check=False
            )
        ).returncode:
            assert "lock" in done.stderr, done.stderr
    return owner.git("log", "-1", "--format=%H", "--", name)


def crash_at(line: int | None, act: Callable[[], object], *, within: str = PACKAGE) -> int:
    """Do something in a child that is killed (SIGKILL) before its n-th line of `git_ops` runs.

    Returns how many lines it came to; with `line` None it lives to the end.
    """
    reader, writer = os.pipe()
    child = os.fork()
    if child == 0:
        os.close(reader)
        _run_and_die(line, act, writer, within)
    os.close(writer)
    with os.fdopen(reader) as counts:
        counted = counts.read()
    os.waitpid(child, 0)
    return int(counted or 0)


def _run_and_die(line: int | None, act: Callable[[], object], writer: int, within: str) -> None:
    seen = 0

    def trace(frame: FrameType, event: str, _: object) -> object:
        nonlocal seen
        if within not in frame.f_code.co_filename:
            return None
        if event == "line":
            seen += 1
            if seen == line:
                os.kill(os.getpid(), signal.SIGKILL)
        return trace

    status = 1
    try:
        sys.settrace(trace)  # type: ignore[arg-type]
        act()
        sys.settrace(None)
        os.write(writer, str(seen).encode())
        status = 0
    finally:
        os._exit(status)


def kill_while(act: Callable[[], object], delay_s: float) -> None:
    """Do something in a child, and after a while kill it and all that it started."""
    child = os.fork()
    if child == 0:
        try:
            act()
        finally:
            os._exit(0)
    process = psutil.Process(child)
    try:
        process.wait(delay_s)
    except psutil.TimeoutExpired:
        process.suspend()  # so that it starts nothing more while its children go
        for member in (*process.children(recursive=True), process):
            with contextlib.suppress(psutil.NoSuchProcess):
                member.kill()
        os.waitpid(child, 0)


def site(owner: Checkout, home: Path) -> Site:
    return Site.of(home, owner.project, "abcd1234", None)


def do(owner: Checkout, home: Path, step: str) -> object:
    """One step of a task, the way that `Repositories` does it."""
    here = site(owner, home)
    match step:
        case "prepare" | "take":
            return here.prepare("x", None, False)
        case "spare":
            spare.keep(home, [owner.project])
        case "checkpoint":
            return here.checkpoint("Turn", {})
        case "merge":
            head = here.clone.tip_of(here.origin().branch)
            return here.locked(
                lambda *all_: merge.land(*all_, expected_head=head, how="merge", message="Land")
            )
        case "undo":
            return here.undo(None)
        case "discard":
            here.discard()
        case _:
            return here.restore()
    return None


def lead_up_to(owner: Checkout, home: Path, step: str) -> None:
    """Everything that comes before a step."""
    if step == "prepare":
        return
    if step in ("spare", "take"):
        Site.of(home, owner.project, "before", None).prepare("x", None, False)
        spare.keep(home, [owner.project])
        owner.put("app.py", "changed\n")
        owner.put("more.txt")
        owner.git("add", "app.py", "more.txt")
        someone = ("-c", "user.name=Ada", "-c", "user.email=ada@example.org")
        owner.git(*someone, "commit", "--quiet", "--message", "Meanwhile")
        return
    workspace = site(owner, home).prepare("x", None, False)
    (workspace.path / "app.py").write_text("two\n")
    (workspace.path / "work.txt").write_text("work\n")
    (workspace.path / "gone.txt").unlink()
    if step != "checkpoint":
        do(owner, home, "checkpoint")
    if step == "restore":
        do(owner, home, "discard")


def crash_from_the_start(folder: Path, pattern: Checkout, step: str, line: int | None) -> int:
    """A fresh repository, a step killed at a line, and the step again. Returns lines counted."""
    git(pattern.path, "clone", "--quiet", "--no-hardlinks", str(pattern.path), str(folder / "app"))
    owner, home = Checkout(folder / "app"), folder / "home"
    owner.put("mine.txt", "not committed\n")
    lead_up_to(owner, home, step)
    counted = crash_at(line, lambda: do(owner, home, step))
    asyncio.run(put_in_order(home))
    if step == "undo":
        do(owner, home, "prepare")  # finishes what was cut off; a second undo would be one more
    if not (step == "undo" and is_at_base(owner, home)):
        do(owner, home, step)
    check(owner, home, step)
    return counted


def is_at_base(owner: Checkout, home: Path) -> bool:
    origin = site(owner, home).origin()
    return site(owner, home).clone.tip_of(origin.branch) == origin.base


async def put_in_order(home: Path) -> None:
    known: dict[str, Workspace | None] = {"abcd1234": None, "before": None}
    await Repositories(home).reconcile(known)


def check(owner: Checkout, home: Path, step: str) -> None:
    """Nothing lost, nothing left lying about."""
    assert owner.status() == "?? mine.txt"
    assert (owner.path / "mine.txt").read_text() == "not committed\n"
    owner.git("fsck", "--no-dangling")
    assert not list((owner.path / ".git").rglob("*.lock"))
    assert not list((owner.path / ".git").glob("*gofer*"))
    here = site(owner, home)
    git(here.clone.path, "fsck", "--no-dangling")
    if step == "spare":
        do(owner, home, "take")
    if step in ("spare", "take"):
        assert (here.path / "app.py").read_text() == "changed\n"
        names = {path.name for path in here.path.iterdir()}
        assert names == {".git", "app.py", "gone.txt", "more.txt"}
        assert git(here.path, "status", "--porcelain") == ""
    if step in ("checkpoint", "restore"):
        assert owner.show("gofer/abcd1234-x:work.txt") == "work"
    if step == "merge":
        assert owner.show("main:work.txt") == "work"
        assert (owner.path / "app.py").read_text() == "two\n"
        assert not (owner.path / "gone.txt").exists()
    if step == "undo":
        assert (here.path / "app.py").read_text() == "one\n"
        assert here.clone.git.text("for-each-ref", "refs/gofer/undone")
    if step == "discard":
        kept = here.clone.git.text("rev-parse", "refs/gofer/kept/gofer/abcd1234-x")
        assert here.clone.git.text("show", f"{kept}:work.txt") == "work"
        assert not here.path.exists()


def crash_everywhere(folder: Path, pattern: Checkout, step: str, *, points: int) -> None:
    """Kill a step at so many places, evenly spread over its lines."""
    total = crash_from_the_start(folder / "whole", pattern, step, None)
    for line in range(1, total, max(1, total // points)):
        crash_from_the_start(folder / str(line), pattern, step, line)
