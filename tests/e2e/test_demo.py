"""The demo, as a person runs it: nothing of the machine's settings counts, nothing is left."""

from __future__ import annotations

from pathlib import Path

from tests.fakes.running_hub import environment, run


def test_the_demo_from_the_note_to_the_merge(tmp_path: Path) -> None:
    env = environment(tmp_path / "home", TMPDIR=str(tmp_path), GOFER_MCP_PORT="no number")
    played = run(env, "demo")
    assert played.returncode == 0, played.stdout + played.stderr
    for words in (
        "The total is wrong when there is a discount.",
        "template bug_fix",
        "a rehearsal: no model, a scripted edit",
        "check before the work: failed",
        "check after the work: passed",
        "-        return full - self.discount",
        "Done: ",
        "(HEAD -> main)",
        "make init",
    ):
        assert words in played.stdout
    assert "sandbox" in played.stdout.lower()
    assert list(tmp_path.glob("gofer*")) == []


def test_an_agent_that_is_not_there_is_said_and_nothing_is_left(tmp_path: Path) -> None:
    refused = run(environment(tmp_path / "home", TMPDIR=str(tmp_path)), "demo", "--agent", "nope")
    assert refused.returncode == 2
    assert "nope" in refused.stderr
    assert "Traceback" not in refused.stderr
    assert list(tmp_path.glob("gofer*")) == []
