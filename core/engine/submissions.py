"""From what a person said to tasks in the queue."""

from __future__ import annotations

import re
from dataclasses import replace
from datetime import UTC, datetime

from core.engine.change import Change, new_run, writing
from core.engine.parts import Parts
from core.errors import Refused, UserError
from core.health import look
from core.model import EventType, Mode, Project, Status, Submission, Task
from core.store import tasks
from core.store.tasks import Rows, RunState, Stored, TaskState

LONGEST_INSTRUCTIONS = 100_000  # characters
TITLE_LENGTH = 60


async def submit(parts: Parts, submission: Submission) -> tuple[Task, ...]:
    """All tasks of one submission, durable on return. The same key gives the same tasks again.

    Raises UserError, NotFound, Refused (queue full, no room, a key used for something else),
    AgentError.
    """
    if known := await _submitted(parts.database.read, submission):
        return known
    if submission.template is None or submission.instructions.strip():
        check_text(submission.instructions)
    check_room(parts)
    made = await _tasks(parts, submission)
    changes: list[Change] = []
    async with writing(parts) as tx:
        if known := await _submitted(tx.rows, submission):
            return known
        await check_queue(parts, tx.rows, len(made))
        for stored in made:
            change = Change(tx, stored)
            change.log(
                EventType.STARTED, "submitted", agent=stored.task.agent, prompt=stored.task.prompt
            )
            if stored.task.after is None:
                change.move(Status.QUEUED)
            await change.write(parts, created=True, key=submission.key)
            changes.append(change)
    for change in changes:
        change.ring(parts)
    return tuple(change.task for change in changes)


async def _submitted(rows: Rows, submission: Submission) -> tuple[Task, ...]:
    """What this very submission made before. Raises Refused when another one had its key."""
    if submission.key is None:
        return ()
    known = tuple(stored.task for stored in await tasks.submitted(rows, submission.key))
    if any(task.instructions != submission.instructions for task in known):
        raise Refused(
            f"This key was used before with other instructions, for task {known[0].id} "
            f"({known[0].title}). Take another key for new work."
        )
    return known


async def _tasks(parts: Parts, submission: Submission) -> list[Stored]:
    project = parts.projects.find(submission.project)
    agents = submission.agents or (project.agent or parts.settings.default_agent,)
    most = parts.settings.max_agents_per_task
    if len(agents) > most:
        raise UserError(
            f"At most {most} agents may work on one request (GOFER_MAX_AGENTS_PER_TASK)."
        )
    for agent in agents:
        await parts.agents.require(agent)
    if submission.base is not None or submission.after is None:
        await parts.repositories.require_base(project, submission.base or project.base)
    prompt = parts.templates.render(
        submission.template, submission.instructions, submission.arguments
    )
    after = None
    if submission.after is not None:
        after = await tasks.full_id(parts.database.read, submission.after)
    group = tasks.new_id() if len(agents) > 1 else None
    return [
        _task(parts, replace(submission, after=after), project, agent, prompt, group)
        for agent in agents
    ]


def _task(
    parts: Parts,
    submission: Submission,
    project: Project,
    agent: str,
    prompt: str,
    group: str | None,
) -> Stored:
    now, task_id = datetime.now(UTC), tasks.new_id()
    own_mode = parts.agents.default_mode(agent)
    mode = submission.mode or (Mode(own_mode) if own_mode else project.mode) or Mode.EDITS
    task = Task(
        id=task_id,
        title=title(submission.instructions or prompt),
        instructions=submission.instructions,
        prompt=prompt,
        project=project.name,
        agent=agent,
        mode=mode,
        status=Status.CREATED,
        created_at=now,
        updated_at=now,
        template=submission.template,
        arguments=submission.arguments,
        origin=submission.origin,
        base_ref=submission.base or project.base,
        group=group,
        after=submission.after,
        runs=(new_run(task_id, 1, agent, prompt, None),),
    )
    state = TaskState(include_uncommitted=submission.include_uncommitted)
    return Stored(task, state, RunState(), last_seq=0)


def title(instructions: str) -> str:
    """The first sentence, at most 60 characters, cut between words."""
    first = re.split(r"(?<=[.!?])\s|\n", instructions.strip(), maxsplit=1)[0]
    words = " ".join(first.split()).rstrip(".")
    if len(words) <= TITLE_LENGTH:
        return words
    cut = words[: TITLE_LENGTH - 1]
    return (cut.rpartition(" ")[0] or cut).rstrip(" ,;:") + "…"


def check_text(text: str) -> None:
    """Raises UserError."""
    if not text.strip():
        raise UserError("There are no instructions; say what is to be done.")
    if len(text) > LONGEST_INSTRUCTIONS:
        raise UserError(
            f"The instructions are {len(text):,} characters long; at most "
            f"{LONGEST_INSTRUCTIONS:,} are taken. Put the rest into a file of the project."
        )


def check_room(parts: Parts) -> None:
    """Raises Refused when the machine is short of something."""
    shortage = look(parts.settings.home).shortage(parts.settings)
    if shortage:
        raise Refused(f"No new work is taken: {shortage}")


async def check_queue(parts: Parts, rows: Rows, more: int) -> None:
    """Raises Refused when the queue has no place for so many more."""
    counts = await tasks.counts(rows)
    waiting = counts.get(Status.QUEUED, 0) + counts.get(Status.CREATED, 0)
    limit = parts.settings.task_queue_size
    if waiting + more > limit:
        raise Refused(
            f"The queue is full ({waiting} of {limit} tasks wait). "
            "Try again when some have ended, or cancel one."
        )
