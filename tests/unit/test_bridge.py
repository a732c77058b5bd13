"""A bridge holds any program: whatever it prints, however it ends, within its limits."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import socket
from collections.abc import Iterator
from pathlib import Path

import pytest

from agents import processes, runner
from core.errors import AgentError
from core.model import Limits, Outcome, RunSpec, Trouble, TurnEnded
from tests.fakes.lab import Lab, Seen, follow, lab, said, transcript, until


@pytest.fixture
def here(tmp_path: Path) -> Iterator[Lab]:
    with lab(tmp_path) as made:
        yield made


async def run_program(here: Lab, body: str, limits: Limits | None = None):  # type: ignore[no-untyped-def]
    spec = here.spec(here.program(body), "hello", limits=limits or Limits())
    run = await here.start(spec)

    async def finish(event: object) -> None:
        if isinstance(event, TurnEnded):
            await run.finish()

    return spec, await follow(run, finish)


async def test_the_prompt_goes_in_and_text_comes_out(here: Lab) -> None:
    spec, seen = await run_program(here, "import sys; print('heard', sys.stdin.read().strip())")
    assert seen.texts == ["heard hello"]
    assert seen.of(TurnEnded) == [TurnEnded(Outcome.SUCCEEDED, "heard hello")]
    assert (seen.end.exit_code, seen.end.reason) == (0, "exited")
    exit_record = json.loads((spec.folder / "exit.json").read_text())
    assert exit_record["code"] == 0
    assert [batch.position for batch in seen.batches] == sorted(
        batch.position for batch in seen.batches
    )
    modes = {file.name: file.stat().st_mode & 0o777 for file in spec.folder.iterdir()}
    assert set(modes.values()) == {0o600}


async def test_any_bytes_are_kept_exactly(here: Lab) -> None:
    body = r"""
import sys
out = sys.stdout.buffer
out.write(b'\xff\xfe not utf-8\n\0nul\n\x1b[31mred\x1b[0m\n' + 'ünï😀\n'.encode())
out.write(b'no newline')
"""
    spec, seen = await run_program(here, body)
    lines = [line.encode("utf-8", "surrogateescape") for line in said(spec)]
    assert lines == [
        b"\xff\xfe not utf-8",
        b"\0nul",
        b"\x1b[31mred\x1b[0m",
        "ünï😀".encode(),
        b"no newline",
    ]
    assert seen.texts[-2:] == ["ünï😀", "no newline"]


async def test_a_line_of_50_mb_and_a_flooded_stderr(here: Lab) -> None:
    body = """
import os, sys
sys.stderr.write("x" * 5_000_000)
for _ in range(50):
    sys.stdout.write("y" * 1_000_000)
print("z")
print("after")
"""
    spec, seen = await run_program(here, body)
    assert [len(text) for text in seen.texts] == [50_000_001, 5]
    logs = [file for file in spec.folder.iterdir() if file.name.startswith("stderr")]
    assert sum(file.stat().st_size for file in logs) <= 2_100_000
    exit_record = json.loads((spec.folder / "exit.json").read_text())
    assert exit_record["stderr_bytes"] == 5_000_000


async def test_an_agent_that_closes_its_pipes_early_goes_on(here: Lab) -> None:
    body = """
import os, time
print("last words", flush=True)
os.close(0); os.close(1)
open("done", "w").close()
"""
    _, seen = await run_program(here, body)
    assert seen.texts == ["last words"]
    assert (here.workspace.path / "done").exists()
    assert seen.end.exit_code == 0


async def test_memory_does_not_grow_with_what_the_agent_prints(here: Lab) -> None:
    body = """
import sys, time
for _ in range(100):
    sys.stdout.write("y" * 1_000_000)
    sys.stderr.write("x" * 100_000)
print()
print("all of it", flush=True)
time.sleep(1000)
"""
    spec = here.spec(here.program(body))
    run = await here.start(spec)
    seen = Seen()
    async for batch in run.batches():
        seen.batches.append(batch)
        if seen.texts[-1:] == ["all of it"]:
            break
    assert seen.of(Trouble)  # the line is too long to be looked at, and that is said
    status = await asyncio.to_thread(Path(f"/proc/{(await bridge_of(spec)).pid}/status").read_text)
    (peak,) = (line.split()[1] for line in status.splitlines() if line.startswith("VmHWM"))
    assert int(peak) < 40_000  # kB, Python itself included
    await run.stop(0)
    await follow(run)


async def bridge_of(spec: RunSpec) -> processes.Process:
    found = await until(
        lambda: processes.marked(processes.BRIDGE, lambda mark: mark.endswith(spec.run_id)),
        "the bridge",
    )
    process: processes.Process = found[0][0]
    return process


@pytest.mark.parametrize("hears", ["closes it", "never reads it"])
async def test_an_agent_that_does_not_hear_holds_nobody_up(here: Lab, hears: str) -> None:
    """Neither itself nor the hub; what it was sent is in the transcript all the same."""
    close = "os.close(0)" if hears == "closes it" else ""
    body = f"""
import os, time
{close}
print("up", flush=True)
while not os.path.exists("sent"):
    time.sleep(0.01)
print("goes on", flush=True)
"""
    spec = here.spec(here.program(body))
    run = await here.start(spec)
    await until(lambda: "up" in said(spec), "the agent to be up")
    (path,) = here.runtime.iterdir()
    words = "w" * 1_000_000

    def talk() -> bytes:
        with socket.socket(socket.AF_UNIX) as client:
            client.settimeout(30)
            client.connect(str(path))
            for _ in range(3):
                client.sendall(json.dumps({"send": words}).encode() + b"\n")
            answers = b""
            while answers.count(b"\n") < 3:
                answers += client.recv(1000)
            return answers

    assert await asyncio.to_thread(talk) == b'{"ok":true}\n' * 3
    (here.workspace.path / "sent").touch()
    await until(lambda: "goes on" in said(spec), "the agent to go on")
    await run.finish()
    await follow(run)
    assert [entry.get("sent") for entry in transcript(spec)].count(words) == 3


async def test_agents_give_way_to_what_the_owner_does(here: Lab) -> None:
    body = "import os, subprocess; print(os.nice(0), subprocess.getoutput('nice'))"
    _, seen = await run_program(here, body)
    lower = min(os.nice(0) + runner.NICE, 19)
    assert seen.texts == [f"{lower} {lower}"]
    checked = await here.runner().execute("nice", here.workspace)
    assert checked.tail.strip() == str(lower)


async def test_what_it_says_on_stderr_explains_a_failure(here: Lab) -> None:
    _, seen = await run_program(here, "import sys; sys.exit('no key is set')")
    (end,) = seen.of(TurnEnded)
    assert end.outcome is Outcome.FAILED
    assert "no key is set" in seen.end.detail
    assert seen.end.exit_code == 1


CHATTER = "import time\nwhile True: print('.', flush=True); time.sleep(.01)"
FILL = "open('big', 'wb').write(b'x' * 30_000_000); import time; time.sleep(100)"
HOARD = "x = b'x' * 200_000_000; import time; time.sleep(100)"


@pytest.mark.parametrize(
    ("body", "limits", "reason"),
    [
        (CHATTER, {"wall_s": 0.5}, "wall"),
        ("import time; time.sleep(100)", {"idle_s": 0.3}, "idle"),
        ("while True: print('x' * 999)", {"output_bytes": 100_000}, "output"),
        (HOARD, {"memory_bytes": 90_000_000}, "memory"),
        (FILL, {"disk_bytes": 10_000_000}, "disk"),
    ],
)
async def test_a_limit_ends_it(here: Lab, body: str, limits: dict[str, float], reason: str) -> None:
    _, seen = await run_program(here, body, Limits(**limits))  # type: ignore[arg-type]
    assert seen.end.reason == reason
    assert seen.end.detail
    (end,) = seen.of(TurnEnded)
    assert end.outcome is Outcome.FAILED


async def test_a_limit_holds_without_a_hub(here: Lab) -> None:
    limits = Limits(idle_s=0.5)
    spec = here.spec(here.program("import time; time.sleep(100)"), limits=limits)
    run = await here.start(spec)
    await run.detach()
    await until((spec.folder / "exit.json").exists, "the bridge to end it")
    run = await here.runner().attach(spec, 0)
    await run.finish()
    seen = await follow(run)
    assert seen.end.reason == "idle"


async def test_the_idle_limit_does_not_count_while_resting(here: Lab) -> None:
    body = "import sys, time; sys.stdin.read(); time.sleep(1.5); print('rested')"
    spec = here.spec(here.program(body), limits=Limits(idle_s=0.6))
    run = await here.start(spec)
    await run.rest(True)
    await run.finish()
    assert (await follow(run)).texts == ["rested"]


async def test_a_workspace_that_grows_too_large_ends_it(
    here: Lab, monkeypatch: pytest.MonkeyPatch
) -> None:
    from agents import limits

    folder = here.workspace.path
    for number in range(30):
        (folder / f"{number}").write_bytes(b"x" * 100_000)
    seen = list(limits.measure(str(folder)))
    assert seen[-1] >= 3_000_000
    config = {"wall_s": 9, "idle_s": 9, "output_bytes": 9, "memory_bytes": None}
    watch = limits.Limits({**config, "disk_bytes": 2_000_000}, str(folder))
    assert watch.exceeded() is None
    monkeypatch.setattr(watch, "_disk_at", 0.0)
    excess = watch.exceeded()
    assert excess
    assert excess[0] == "disk"


async def test_it_is_started_in_a_session_of_its_own_and_survives_signals(here: Lab) -> None:
    body = "import sys; print(sys.stdin.readline(), flush=True); sys.stdin.read()"
    spec = here.spec(here.program(body), "x")
    run = await here.start(spec)
    pid = (await bridge_of(spec)).pid
    assert os.getsid(pid) != os.getsid(0)
    for signum in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        os.kill(pid, signum)
    await run.finish()
    seen = await follow(run)
    assert seen.end.reason == "exited"


async def test_stop_returns_when_nothing_is_left(here: Lab) -> None:
    body = "import time; print('up', flush=True); time.sleep(100)"
    spec = here.spec(here.program(body))
    run = await here.start(spec)
    await run.stop(grace_s=0.1)
    assert not processes.marked(processes.RUN, lambda mark: mark.endswith(spec.run_id))
    seen = await follow(run)
    assert seen.end.reason == "stopped"
    assert [end.outcome for end in seen.of(TurnEnded)] == [Outcome.CANCELLED]


async def test_a_program_that_cannot_start_leaves_nothing(here: Lab) -> None:
    bad = here.home / "bad"
    bad.write_text("#!/nowhere/at/all\n")
    bad.chmod(0o755)
    here.agents["bad"] = {
        "protocol": "command",
        "command": [str(bad)],
        "allow_unsandboxed": True,
    }
    with pytest.raises(AgentError, match="could not be started"):
        await here.start(here.spec("bad"))
    assert not list(here.runtime.iterdir())
    assert not await here.runner().sweep([])


async def test_nobody_else_may_connect(here: Lab) -> None:
    spec = here.spec(here.program("import sys; sys.stdin.read(); input"))
    run = await here.start(spec)
    (path,) = here.runtime.iterdir()
    assert path.stat().st_mode & 0o077 == 0
    await run.stop(0)
    await follow(run)


async def test_nonsense_on_the_socket_is_answered_with_no(here: Lab) -> None:
    spec = here.spec(here.program("import sys, time; sys.stdin.read(); time.sleep(100)"))
    run = await here.start(spec)
    (path,) = here.runtime.iterdir()

    def talk() -> bytes:
        with socket.socket(socket.AF_UNIX) as client:
            client.settimeout(10)
            client.connect(str(path))
            client.sendall(b'garbage\n[]\n{}\n{"finish": null}\n')
            answers = b""
            while answers.count(b"\n") < 4:
                answers += client.recv(1000)
            return answers

    assert await asyncio.to_thread(talk) == b'{"ok":false}\n' * 4
    await run.stop(0)
    assert (await follow(run)).end.reason == "stopped"


async def test_two_bridges_never_hold_the_same_run(here: Lab) -> None:
    spec = here.spec(here.program("import time; time.sleep(100)"))
    run = await here.start(spec)
    with pytest.raises(AgentError, match="already"):
        await here.start(spec)
    await run.stop(0)
    await follow(run)


async def test_a_full_disk_ends_the_run_and_says_so(here: Lab) -> None:
    if not Path("/dev/full").exists():
        pytest.skip("there is no /dev/full here")
    spec = here.spec(here.program("print('x')"))
    spec.folder.mkdir(parents=True)
    (spec.folder / "transcript.jsonl").symlink_to("/dev/full")
    with pytest.raises(AgentError):
        await here.start(spec)


async def test_the_start_is_the_first_entry_and_the_exit_the_last(here: Lab) -> None:
    spec, _ = await run_program(here, "print('x')")
    entries = transcript(spec)
    assert entries[0]["start"]["prompt"] == "hello"
    assert entries[-1]["exit"]["printed_bytes"] == 2
