"""The commands as programs beside a real hub, with the rehearsal agent under a real bridge."""

from __future__ import annotations

import json
import signal
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from cli.client import open_hub
from core.config import Settings
from core.errors import UserError
from tests.fakes.checkout import Checkout
from tests.fakes.running_hub import (
    RunningHub,
    cart,
    environment,
    run,
    running_hub,
    scripted,
    write,
)

DEMO_NOTE = Path(__file__).parents[2] / "cli" / "demo_note.ogg"
HELLO = scripted(write("hello.txt", "hello\n"), {"text": "I wrote a greeting."})


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Checkout:
    return cart(tmp_path_factory.mktemp("projects") / "cart")


@pytest.fixture(scope="module")
def hub(tmp_path_factory: pytest.TempPathFactory, project: Checkout) -> Iterator[RunningHub]:
    home = tmp_path_factory.mktemp("gofer") / "home"
    with running_hub(environment(home, GOFER_PROJECTS=str(project.path))) as hub:
        yield hub


def test_a_task_from_run_to_merge(hub: RunningHub, project: Checkout) -> None:
    done = hub.json("run", HELLO, "--wait", cwd=project.path)
    assert (done["status"], done["review"]["state"]) == ("COMPLETED", "open")
    assert [change["path"] for change in done["review"]["files"]] == ["hello.txt"]
    assert done["answer"] == "I wrote a greeting."
    shown = hub.run("show", done["id"][:5])
    assert "gofer merge" in shown.stdout
    assert "+hello" in hub.run("diff", done["id"]).stdout
    assert hub.json("diff", done["id"])["diff"].startswith("diff --git")
    assert hub.json("tasks")[0]["id"] == done["id"]
    merged = hub.json("merge", done["id"])
    assert merged["review"]["state"] == "merged"
    assert project.show("main:hello.txt") == "hello"


def test_the_log_is_one_object_a_line_while_it_is_followed(hub: RunningHub) -> None:
    task = hub.json("run", scripted({"text": "one"}, {"text": "two"}))
    followed = hub.run("logs", task["id"], "--follow", "--json")
    events = [json.loads(line) for line in followed.stdout.splitlines()]
    assert [event["seq"] for event in events] == list(range(1, len(events) + 1))
    assert events[-1]["type"] == "completed"
    assert hub.json("logs", task["id"]) == events
    assert "two" in hub.run("logs", task["id"]).stdout


def test_a_question_is_answered_from_another_terminal(hub: RunningHub) -> None:
    task = hub.json("run", scripted({"bash": "echo hi > said.txt"}))
    asked = hub.until(task["id"], "WAITING")
    request = asked["question"]["request_id"]
    answered = hub.run("answer", task["id"], request, "allow")
    assert answered.returncode == 0, answered.stderr
    done = hub.until(task["id"], "COMPLETED")
    assert [change["path"] for change in done["review"]["files"]] == ["said.txt"]


def test_what_was_allowed_for_longer_is_listed_and_taken_back(hub: RunningHub) -> None:
    task = hub.json("run", scripted({"bash": "echo one > one"}))
    request = hub.until(task["id"], "WAITING")["question"]["request_id"]
    hub.json("answer", task["id"], request, "allow", "--grant", "task")
    [grant] = hub.json("grants")
    assert grant["covers"] == f"everything of the kind “execute” in task {task['id']}"
    wrong = hub.run("grants", "--revoke", "4711")
    assert (wrong.returncode, wrong.stderr) == (2, "gofer: There is no grant 4711.\n")
    left = hub.run("grants", "--revoke", str(grant["id"]))
    assert left.stdout == "Nothing is allowed for longer than once.\n"


def test_a_question_in_words_says_how_it_is_answered(hub: RunningHub) -> None:
    asks = {"question": "Which one?", "options": ["left", "right"]}
    task = hub.json("run", scripted({"ask": asks}))
    hub.until(task["id"], "WAITING")
    assert f'gofer steer {task["id"]} "left|right"' in hub.run("show", task["id"]).stdout
    hub.json("steer", task["id"], "left")
    assert hub.until(task["id"], "COMPLETED")["answer"] == "You said: left"
    assert "left (by cli)" in hub.run("logs", task["id"]).stdout


def test_stopping_following_up_and_dropping(hub: RunningHub) -> None:
    task = hub.json("run", scripted(write("a.txt", "a\n"), {"wait": "ready"}))
    hub.until(task["id"], "STREAMING")
    assert hub.json("cancel", task["id"])["status"] == "CANCELLED"
    assert hub.json("steer", task["id"], scripted(write("b.txt", "b\n")))["status"] != "CANCELLED"
    done = hub.until(task["id"], "COMPLETED")
    assert "b.txt" in {change["path"] for change in done["review"]["files"]}
    assert hub.json("discard", task["id"])["review"]["state"] == "discarded"
    assert hub.json("restore", task["id"])["review"]["state"] == "open"


def test_a_decision_about_what_was_not_seen_is_refused(hub: RunningHub) -> None:
    task = hub.json("run", scripted(write("c.txt", "c\n")), "--wait")
    refused = hub.run("merge", task["id"], "--head", "0" * 40)
    assert refused.returncode == 2
    assert len(refused.stderr.strip().splitlines()) == 1


def test_an_unknown_checkpoint_is_answered_with_those_there_are(hub: RunningHub) -> None:
    task = hub.json("run", scripted(write("d.txt", "d\n")), "--wait")
    refused = hub.run("undo", task["id"], "nope")
    assert refused.returncode == 2
    assert f"There are: {task['head'][:10]}, {task['base'][:10]}." in refused.stderr


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("show", "zzzzzzzz"), "zzzzzzzz"),
        (("run", "x", "--project", "nope"), "There are: cart"),
        (("run", "x", "--agent", "nope"), "nope"),
        (("run", "x", "--template", "nope"), "bug_fix"),
        (("run", "x", "--template", "bug_fix"), "file"),
        (("run", "x", "--set", "novalue"), "K=V"),
        (("run", ""), ""),
        (("answer", "x", "y", "maybe"), "allow"),
        (("nonsense",), "nonsense"),
        (("run", "x", "--agent", "nope"), "'nope' is not known"),
        (("demo", "--agent", "nope"), "'nope' is not known"),
        (("run",), "There are no instructions"),
        (("tasks", "--status", "asleep"), "waiting"),
        (("run", "caf\udce9"), "UTF-8"),
    ],
)
def test_what_cannot_be_is_refused_in_words_with_exit_code_2(
    hub: RunningHub, arguments: tuple[str, ...], words: str
) -> None:
    refused = hub.run(*arguments)
    assert refused.returncode == 2, refused.stdout + refused.stderr
    assert words in refused.stderr
    assert refused.stderr.startswith("gofer: ")
    assert refused.stderr.count("\n") == 1


@pytest.mark.parametrize(
    ("call", "arguments", "words"),
    [
        ("steer", {"task": "abcd"}, "This call needs `text`."),
        ("merge", {}, "This call needs `task`."),
        ("tasks", {"status": "ASLEEP"}, "`status` is one of CREATED, "),
        ("answer", {"task": "a", "request": "b", "decision": ["allow"]}, "`decision` is one of "),
    ],
)
def test_what_a_call_lacks_is_said_in_words(
    hub: RunningHub, call: str, arguments: dict[str, Any], words: str
) -> None:
    settings = Settings(_env_file=None, home=hub.home)  # type: ignore[call-arg]
    with open_hub(settings) as client, pytest.raises(UserError) as refused:
        client.call(call, **arguments)
    assert str(refused.value).startswith(words)


def test_a_template_that_is_filled_in_needs_no_text(hub: RunningHub) -> None:
    filled = ("--set", "file=src/cart.py", "--set", "description=The total is wrong")
    done = hub.json("run", "--template", "bug_fix", *filled, "--wait")
    assert done["status"] == "COMPLETED"
    assert done["title"]


def test_a_failed_task_exits_1(hub: RunningHub) -> None:
    failed = hub.run("run", scripted({"fail": "I give up."}), "--wait")
    assert failed.returncode == 1, failed.stdout
    assert "I give up." in failed.stdout


def test_a_second_hub_on_the_same_home_is_refused(hub: RunningHub) -> None:
    second = hub.run("up")
    assert second.returncode == 2
    assert "already running" in second.stderr
    assert str(hub.process.pid) in second.stderr
    assert hub.run("tasks").returncode == 0


def test_a_taken_port_stops_the_port_alone(
    hub: RunningHub, project: Checkout, tmp_path: Path
) -> None:
    port = hub.url.rsplit(":", 1)[1]
    env = environment(tmp_path / "home", GOFER_PROJECTS=str(project.path), GOFER_MCP_PORT=port)
    with running_hub(env) as other:
        assert "GOFER_MCP_PORT" in other.output
        assert other.run("tasks").returncode == 0
        assert f"does not answer on http://127.0.0.1:{port}" in other.run("doctor").stdout


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_ends_it_quickly_and_says_what_goes_on(
    number: int, project: Checkout, tmp_path: Path
) -> None:
    env = environment(tmp_path / "home", GOFER_PROJECTS=str(project.path))
    with running_hub(env) as hub:
        assert "@BotFather" in hub.output
        task = hub.json("run", scripted({"wait": "ready"}))
        hub.until(task["id"], "STREAMING")
        took = hub.stop(number)
        assert hub.process.returncode == 0, hub.output
        assert took < 10
        assert "1 agent" in hub.output
    assert run(env, "tasks").returncode == 2
    with running_hub(env) as again:
        assert again.json("cancel", task["id"])["status"] == "CANCELLED"


def test_transcribing_needs_no_hub(project: Checkout, tmp_path: Path) -> None:
    (tmp_path / "noise.ogg").write_bytes(b"no audio at all")
    env = environment(tmp_path / "home", GOFER_PROJECTS=str(project.path))
    files = [str(DEMO_NOTE), str(tmp_path / "noise.ogg")]
    heard = run(env, "transcribe", "--project", "cart", "--json", *files)
    assert heard.returncode == 1
    assert "noise.ogg" in heard.stderr
    (line,) = heard.stdout.splitlines()
    note = json.loads(line)
    assert note["template"] == "bug_fix"
    assert note["slots"]["file"] == "src/cart.py"
    assert {
        "file", "text", "raw_text", "language", "duration_s", "seconds", "no_speech", "words",
    } <= set(note)  # fmt: skip


def test_a_persons_own_notes_are_heard_plainly_and_by_gofer(
    project: Checkout, tmp_path: Path
) -> None:
    env = environment(tmp_path / "home", GOFER_PROJECTS=str(project.path))
    compared = run(env, "voice", "bench", "--project", "cart", "/no/note.ogg", str(DEMO_NOTE))
    assert compared.returncode == 1
    assert "There is no file /no/note.ogg" in compared.stderr
    plain, gofer = (line for line in compared.stdout.splitlines() if " s  " in line)
    assert "src/cart.py" not in plain
    assert "src/cart.py" in gofer


def test_the_doctor_names_a_remedy_for_each_failure(tmp_path: Path) -> None:
    (tmp_path / "plain").mkdir()
    env = environment(
        tmp_path / "home",
        GOFER_PROJECTS=str(tmp_path / "plain"),
        GOFER_NOTIFY_URLS="nonsense://secret-thing",
        TELEGRAM_BOT_TOKEN="1:abc",
        TELEGRAM_API_BASE_URL="http://127.0.0.1:9",
    )
    looked = run(env, "doctor", "--json")
    assert looked.returncode == 1
    assert "secret-thing" not in looked.stdout
    found = {finding["name"]: finding for finding in json.loads(looked.stdout)["findings"]}
    assert found["git"]["status"] == "ok"
    assert found["agent rehearsal (the default)"]["status"] == "ok"
    for name in ("projects", "telegram", "push"):
        assert found[name]["status"] == "failed"
        assert found[name]["remedy"]


def test_without_a_hub_a_command_says_how_to_start_one(tmp_path: Path) -> None:
    refused = run(environment(tmp_path / "home"), "tasks")
    assert refused.returncode == 2
    assert "gofer up" in refused.stderr


def test_a_home_that_cannot_be_is_refused_in_words(tmp_path: Path) -> None:
    (tmp_path / "home").touch()
    env = environment(tmp_path / "home")
    for command in ("up", "init"):
        refused = run(env, command, stdin="\n" * 9)
        assert refused.returncode == 2
        assert "Set GOFER_HOME" in refused.stderr
        assert "Traceback" not in refused.stderr


def test_the_doctor_looks_at_the_rest_when_a_file_cannot_be_read(tmp_path: Path) -> None:
    home = tmp_path / "home"
    home.mkdir()
    (home / "projects.toml").write_text("[projects.app")
    looked = run(environment(home), "doctor", "--json")
    assert looked.returncode == 1
    found = {finding["name"]: finding for finding in json.loads(looked.stdout)["findings"]}
    assert "projects.toml cannot be read" in found["agents"]["remedy"]
    assert found["hub"]["status"] == "ok"


def test_a_settings_file_that_is_no_text_is_refused_in_words(tmp_path: Path) -> None:
    (tmp_path / ".env").write_bytes(b"GOFER_MCP_PORT=\xff\n")
    refused = run(environment(tmp_path), "tasks")
    assert refused.returncode == 2
    assert "cannot be read" in refused.stderr
    assert refused.stderr.count("\n") == 1


def test_the_doctor_leaves_nothing_behind(tmp_path: Path) -> None:
    looked = run(environment(tmp_path / "home", GOFER_SANDBOX="auto"), "doctor", "--json")
    assert "findings" in json.loads(looked.stdout)
    assert not (tmp_path / "home").exists()


def test_an_address_that_is_nobodys_stops_the_port_alone(tmp_path: Path) -> None:
    env = environment(tmp_path / "home", GOFER_MCP_HOST="no-such-host.invalid")
    with running_hub(env) as hub:
        assert "cannot listen on no-such-host.invalid:0" in hub.output
        assert hub.run("tasks").returncode == 0


def test_bad_settings_are_all_named_and_their_values_are_not(tmp_path: Path) -> None:
    env = environment(tmp_path, GOFER_MCP_PORT="se7en", GOFER_SANDBOX="maybe")
    refused = run(env, "up")
    assert refused.returncode == 2
    assert "GOFER_MCP_PORT" in refused.stderr
    assert "GOFER_SANDBOX" in refused.stderr
    assert "se7en" not in refused.stderr
