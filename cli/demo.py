"""`gofer demo`: the whole path with real parts, explained as it goes.

A spoken note that is shipped with Gofer is heard by Whisper, becomes a task in a small project with
a real bug, and ends as a merged branch and a push that is really received. All of it lives in a
temporary home; nothing outside is touched, no account is needed, no setting is read. The agent is a
rehearsal (it speaks Claude Code's protocol and makes a scripted edit) unless another is named.
"""

from __future__ import annotations

import asyncio
import json
import shutil
import tempfile
from contextlib import AsyncExitStack, aclosing
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from cli import display, sample
from core.errors import GoferError, UserError

if TYPE_CHECKING:
    from cli.app import House
    from cli.receiver import Receiver
    from core.config import Settings
    from core.hearing import Heard
    from core.model import Event, Project, Task

NOTE = Path(__file__).with_name("demo_note.ogg")
SCRIPT = Path(__file__).with_name("demo_script.json")
IN_CHECKOUT = (Path(__file__).parents[1] / "Makefile").exists()  # else installed from a wheel
MODEL = "tiny.en"
REHEARSAL = "rehearsal"
PUSH_TIMEOUT_S = 30.0


@click.command()
@click.option("--agent", default=REHEARSAL, help="Use an installed agent, e.g. claude.")
@click.option("--keep", is_flag=True, help="Leave the temporary home for a look around.")
def demo(agent: str, keep: bool) -> None:
    """Watch a real voice note become a merged branch. Needs no account and changes nothing."""
    folder = Path(tempfile.mkdtemp(prefix="gofer-demo-"))
    try:
        asyncio.run(_play(folder, agent))
        if keep:
            click.echo(f"\nLeft for you: {folder}")
    finally:
        if not keep:
            shutil.rmtree(folder, ignore_errors=True)


async def _play(folder: Path, agent: str) -> None:
    from cli.app import make_agents, open_house
    from cli.receiver import receiving

    click.echo(f"Everything happens in {folder}, which is removed at the end (--keep leaves it).")
    _step(1, "A small project with a bug: src/cart.py takes a discount of 25 % off as 25.00")
    repository = _make_project(folder)
    async with AsyncExitStack() as stack:
        pushes = await stack.enter_async_context(receiving())
        settings = await _settings(folder, repository, agent, pushes.url)
        stack.callback(shutil.rmtree, settings.runtime, ignore_errors=True)
        await make_agents(settings).require(agent)
        house = await stack.enter_async_context(open_house(settings))
        await house.engine.start()
        stack.push_async_callback(house.engine.stop)
        project = house.projects.find(None)
        heard = await _hear(house, project)
        task = await _work(house, agent, heard)
        await _review(house, task)
        await _show_push(pushes)
        await _merge(house, task, repository)
    _farewell(agent)


def _step(number: int, words: str) -> None:
    click.echo("\n" + click.style(f"{number}  {words}", bold=True))


def _say(words: str) -> None:
    click.echo("   " + words.replace("\n", "\n   "))


def _make_project(folder: Path) -> Path:
    from git_ops.git import owners

    repository = folder / "projects" / "cart"
    sample.write(repository)
    git = owners(repository).configured("user.name=Demo", "user.email=demo@example.invalid")
    git.run("init", "--quiet", "--initial-branch=main")
    git.run("add", "--all")
    git.run("commit", "--quiet", "--message=A shopping cart")
    return repository


async def _settings(folder: Path, repository: Path, agent: str, push_url: str) -> Settings:
    from cli.app import make_agents
    from core.config import SandboxChoice, Settings

    class Only(Settings):
        """Reads neither the environment nor any file: the demo is the same for everyone."""

        @classmethod
        def settings_customise_sources(cls, *args: Any, **sources: Any) -> tuple[Any, ...]:
            return (sources["init_settings"],)

    home = folder / "home"
    home.mkdir()
    check = json.dumps(sample.CHECK)
    (home / "projects.toml").write_text(f"[projects.cart]\ncheck = {check}\n", "utf-8")
    (home / "agents.toml").write_text(_rehearsal_definition(), "utf-8")
    settings: Settings = Only.model_validate(
        {
            "home": home,
            "projects": (repository,),
            "default_agent": agent,
            "agents": home / "agents.toml",
            "whisper_model": MODEL,
            "notify_urls": (push_url,),
            "min_free_disk_mb": 0,
            "min_free_memory_mb": 0,
        }
    )
    box = await make_agents(settings).sandbox()
    if box.working:
        _say(f"Agents and checks run in a sandbox here: {box.kind}.")
        return settings
    _say(f"No sandbox on this machine: {box.problem}")
    _say("The demo goes on without one; with your own projects nothing would run like this.")
    return settings.model_copy(update={"sandbox": SandboxChoice.OFF})


def _rehearsal_definition() -> str:
    command = json.dumps(["{python}", "-I", "-S", "{agents}/rehearsal.py", "--script", str(SCRIPT)])
    return (
        f"[agents.{REHEARSAL}]\ncommand = {command}\nreadable = [{json.dumps(str(SCRIPT))}]\n"
        "allow_unsandboxed = true\n"
    )


async def _hear(house: House, project: Project) -> Heard:
    _step(2, f"The voice note ({NOTE.name}), heard by Whisper {MODEL} on this machine")
    heard = await house.hearing.hear(NOTE, project=project)
    _say(f"heard       {heard.raw_text}")
    _say(f"understood  {heard.text}")
    _say(f"{heard.duration_s:.1f} s of speech in {heard.seconds:.1f} s")
    return heard


async def _work(house: House, agent: str, heard: Heard) -> Task:
    from core.model import Submission

    template, slots = heard.intent.template, heard.intent.slots
    if template is None:
        raise GoferError(f"The note was not understood as a bug to fix: {heard.text}")
    _step(3, f"It asks for a bug to be fixed: the template {template}")
    for name, value in slots.items():
        _say(f"{name}: {'; '.join(value) if isinstance(value, list | tuple) else value}")
    submission = Submission(
        heard.text, template=template, arguments=slots, agents=(agent,), origin="demo"
    )
    (task,) = await house.engine.submit(submission)
    who = "a rehearsal: no model, a scripted edit" if agent == REHEARSAL else "the real one"
    _step(4, f"Task {task.id}, in a branch of its own; the agent is {agent} ({who})")
    async with aclosing(house.engine.follow(task_id=task.id)) as events:
        async for event in events:
            await _tell(house, event, agent)
    task = await house.engine.task(task.id)
    if task.error is not None:
        raise GoferError(f"The task failed: {task.error.message}")
    return task


async def _tell(house: House, event: Event, agent: str) -> None:
    from core.model import Decision, EventType
    from core.wire import event_json

    words = display.event(event_json(event))
    if words:
        _say(words)
    if event.type is not EventType.QUESTION:
        return
    allowed = True
    if agent == REHEARSAL:
        _say("          (on your phone: Allow · Deny; the demo taps Allow)")
    else:
        allowed = await asyncio.to_thread(click.confirm, "   Allow it?")
    decision = Decision.ALLOW if allowed else Decision.DENY
    request = str(event.payload["request_id"])
    await house.engine.answer(event.task_id, request, decision, by="the demo")


async def _review(house: House, task: Task) -> None:
    from core.wire import review_json

    _step(5, "What it changed")
    _say(display.diff(await house.engine.diff(task.id)))
    assert task.review is not None
    _step(6, "The review")
    for line in display.review_lines(review_json(task.review)):
        _say(line)


async def _show_push(pushes: Receiver) -> None:
    _step(7, f"What Apprise pushed, received on this machine ({pushes.url})")
    async with asyncio.timeout(PUSH_TIMEOUT_S):
        push = await pushes.next()
        while push["type"] == "warning":  # a question; the end comes behind it
            _say(f"{push['title']}\n{push['message']}\n")
            push = await pushes.next()
    _say(f"{push['title']}\n{push['message']}")


async def _merge(house: House, task: Task, repository: Path) -> None:
    from git_ops.git import owners

    _step(8, "Merge (one tap, or gofer merge)")
    if task.head is None or task.review is None or not task.review.files:
        raise UserError("The agent changed nothing, so there is nothing to merge.")
    await house.engine.merge(task.id, expected_head=task.head, by="the demo")
    _say(owners(repository).text("log", "--oneline", "--graph", "--decorate", "-n", "5"))


def _farewell(agent: str) -> None:
    click.echo(
        "\nA spoken sentence became a reviewed, tested and merged change; your own files were not "
        "touched."
    )
    if agent == REHEARSAL:
        click.echo("The agent was a rehearsal; an installed one does the same: --agent claude")
    init, run = ("make init", "make run") if IN_CHECKOUT else ("gofer init", "gofer up")
    click.echo(f"Next: {init} (asks for your bot and your projects), then {run}.")
