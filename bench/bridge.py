"""What a bridge costs: memory, time to the agent's first instruction, time to a report.

python -m bench.bridge            prints one line per figure; --json for one JSON object
"""

from __future__ import annotations

import asyncio
import json
import statistics
import sys
import tempfile
import time
from datetime import datetime
from pathlib import Path

from agents import processes
from core.model import Text, TurnEnded
from tests.fakes.lab import Lab, follow, lab, until
from tests.fakes.running_hub import cart, environment, running_hub

FIRST = "import time; print(time.monotonic(), flush=True)"
CLOCK = """
import sys, time
sys.stdin.read()
for _ in range(200):
    print(time.monotonic(), flush=True)
    time.sleep(0.005)
"""
STEADY = """
import sys, time
sys.stdin.read()
for _ in range(300):
    print(time.time(), flush=True)
    time.sleep(0.005)
"""
HOLD = "import sys, time; print('up', flush=True); time.sleep(100)"


async def first_instruction(here: Lab) -> float:
    """Seconds from the order to the first line of the agent, its interpreter included."""
    name = here.program(FIRST, "first")
    runner = here.runner()
    await runner.sandbox()
    took = []
    for _ in range(15):
        began = time.monotonic()
        run = await runner.start(here.spec(name))
        await run.finish()
        seen = await follow(run)
        took.append(float(seen.texts[0]) - began)
    return statistics.median(took)


async def interpreter() -> float:
    """The same without a bridge: what Python itself takes."""
    took = []
    for _ in range(15):
        began = time.monotonic()
        process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-I", "-S", "-c", FIRST), stdout=asyncio.subprocess.PIPE
        )
        printed, _ = await process.communicate()
        took.append(float(printed) - began)
    return statistics.median(took)


async def latency(here: Lab) -> float:
    """Seconds from a line of the agent's to its report in the hub."""
    run = await here.start(here.spec(here.program(CLOCK, "clock")))
    took = []

    async def on(event: object) -> None:
        if isinstance(event, Text):
            took.append(time.monotonic() - float(event.text))
        if isinstance(event, TurnEnded):
            await run.finish()

    await follow(run, on)
    return statistics.median(took)


def storing(folder: Path) -> float:
    """Seconds from a line to its event in the store of a whole hub, at 200 lines a second."""
    project = cart(folder / "cart")
    command = [sys.executable, "-I", "-S", "-c", STEADY]
    agent = f'[agents.clock]\nprotocol = "command"\ncommand = {json.dumps(command)}\n'
    (folder / "agents.toml").write_text(f"{agent}allow_unsandboxed = true\n")
    env = environment(
        folder / "home",
        GOFER_PROJECTS=str(project.path),
        GOFER_AGENTS=str(folder / "agents.toml"),
        GOFER_DEFAULT_AGENT="clock",
    )
    with running_hub(env) as hub:
        events = hub.json("logs", hub.json("run", "go", "--wait")["id"])
    return statistics.median(
        datetime.fromisoformat(event["at"]).timestamp() - float(line)
        for event in events
        if event["payload"]["kind"] == "text"
        for line in event["payload"]["text"].split()
    )


async def memory(here: Lab) -> int:
    """Bytes that a bridge takes for itself (proportional set size)."""
    spec = here.spec(here.program(HOLD, "hold"))
    run = await here.start(spec)
    (bridge,) = await until(
        lambda: processes.marked(processes.BRIDGE, lambda mark: mark.endswith(spec.run_id))
    )
    rollup = await asyncio.to_thread(Path(f"/proc/{bridge[0].pid}/smaps_rollup").read_text)
    await run.stop(0)
    await follow(run)
    return int(next(line for line in rollup.splitlines() if line.startswith("Pss:")).split()[1])


async def replay(here: Lab) -> float:
    """Seconds to read 100,000 lines of transcript again."""
    spec = here.spec()
    spec.folder.mkdir(parents=True)
    message = {"role": "assistant", "content": [{"type": "text", "text": "some words of it"}]}
    line = json.dumps({"type": "assistant", "message": message, "session_id": "s", "uuid": "u"})
    entries = [json.dumps({"start": {"prompt": "x", "resume": False, "told": []}})]
    entries += [json.dumps({"agent": line, "at": 1.5})] * 100_000
    ended = {"code": 0, "reason": "exited", "detail": "", "stderr": ""}
    body = "\n".join([*entries, json.dumps({"exit": ended}), ""])
    (spec.folder / "transcript.jsonl").write_text(body)
    (spec.folder / "exit.json").write_text("{}")
    began = time.monotonic()
    await follow(await here.runner().attach(spec, len(body)))
    return time.monotonic() - began


async def measure() -> dict[str, float]:
    figures: dict[str, float] = {"python_alone_ms": round(await interpreter() * 1000, 1)}
    for sandbox in ("off", "bwrap"):
        with tempfile.TemporaryDirectory() as folder, lab(Path(folder), sandbox=sandbox) as here:
            took = await first_instruction(here)
            figures[f"first_instruction_{sandbox}_ms"] = round(took * 1000, 1)
            figures[f"line_to_report_{sandbox}_ms"] = round(await latency(here) * 1000, 2)
            figures[f"bridge_pss_{sandbox}_kb"] = await memory(here)
            if sandbox == "off":
                figures["replay_100000_lines_s"] = round(await replay(here), 2)
    with tempfile.TemporaryDirectory() as folder:
        took = await asyncio.to_thread(storing, Path(folder))
        figures["line_to_stored_ms"] = round(took * 1000, 2)
    return figures


def main() -> None:
    figures = asyncio.run(measure())
    if "--json" in sys.argv:
        print(json.dumps(figures))
        return
    for name, value in figures.items():
        print(f"{name:36} {value:>10}")


if __name__ == "__main__":
    main()
