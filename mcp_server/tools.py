"""The tools. Each is a thin reading of arguments around one method of the engine.

A task is the same object as everywhere (`core.wire`). What the engine refuses comes back as a tool
error in the engine's own words. Decisions take the `head` that was seen.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from contextlib import aclosing
from functools import wraps
from typing import Annotated, Any, Literal, ParamSpec, TypeVar

from mcp.server.mcpserver import Context, MCPServer
from mcp.server.mcpserver.exceptions import ToolError
from mcp_types import ToolAnnotations
from pydantic import Field, ValidationError

from core.engine import Engine
from core.errors import GoferError
from core.model import ENDED, Decision, Event, EventType, Status, Submission
from core.redact import redact
from core.wire import event_json, task_json
from mcp_server.resources import ALL

BY = "mcp"
LONGEST_WAIT_S = 50.0  # some clients cut a call at 60
HEARTBEAT_S = 5.0
MOST_EVENTS = 200

P = ParamSpec("P")
R = TypeVar("R")
Json = dict[str, Any]

READS = ToolAnnotations(read_only_hint=True, open_world_hint=False)
CHANGES = ToolAnnotations(read_only_hint=False, destructive_hint=False)
DESTROYS = ToolAnnotations(read_only_hint=False, destructive_hint=True)

Value = str | int | float
TaskId = Annotated[str, Field(description="The task's id, or its first four characters or more")]
Head = Annotated[str, Field(description="The task's `head` as you last saw it")]


def explained(tool: Callable[P, Awaitable[R]]) -> Callable[P, Awaitable[R]]:
    """Turns Gofer's errors into tool errors, which the model reads."""

    @wraps(tool)
    async def call(*args: P.args, **kwargs: P.kwargs) -> R:
        try:
            return await tool(*args, **kwargs)
        except GoferError as error:
            raise ToolError(str(error)) from error

    return call


def wrong_arguments(error: ValidationError) -> str:
    """What is wrong with each, without the page numbers of the library that found it."""
    found = error.errors(include_url=False, include_input=False, include_context=False)
    return "; ".join(f"{'.'.join(map(str, e['loc']))}: {e['msg']}" for e in found) + "."


def add_tools(server: MCPServer[Any], engine: Engine) -> None:
    for tools in (_tasks, _watching, _steering, _review, _upkeep):
        for tool, hints in tools(engine):
            server.add_tool(explained(tool), annotations=hints)


Tools = list[tuple[Callable[..., Awaitable[Any]], ToolAnnotations]]


def _tasks(engine: Engine) -> Tools:
    async def create_task(
        instructions: Annotated[str, Field(description="What to do, in plain words")],
        project_path: Annotated[
            str | None, Field(description="A project's name or folder; the only one if left out")
        ] = None,
        agent: Annotated[str | None, Field(description="claude, codex, gemini, …")] = None,
        template: Annotated[str | None, Field(description="A prompt's name, e.g. bug_fix")] = None,
        arguments: Annotated[
            Mapping[str, Value | list[Value]] | None, Field(description="The template's arguments")
        ] = None,
        key: Annotated[
            str | None, Field(description="Sent again, the same key gives the same task again")
        ] = None,
    ) -> Json:
        """Give a coding agent a task in a git branch of its own; then wait_task."""
        submission = Submission(
            instructions=instructions,
            project=project_path,
            agents=(agent,) if agent else (),
            template=template,
            arguments=arguments or {},
            origin=BY,
            key=f"{BY}:{key}" if key else None,
        )
        return task_json((await engine.submit(submission))[0])

    async def list_tasks(
        limit: Annotated[int, Field(ge=1, le=200)] = 20,
        before: Annotated[str | None, Field(description="Only those older than this task")] = None,
        status: Status | None = None,
        project: str | None = None,
    ) -> Json:
        """Tasks, newest first."""
        found = await engine.tasks(limit=limit, before=before, status=status, project=project)
        return {"tasks": [task_json(task) for task in found]}

    return [(create_task, CHANGES), (list_tasks, READS)]


def _watching(engine: Engine) -> Tools:
    async def check_status() -> Json:
        """How Gofer is: tasks by status, queue, agents, sandbox, what is wrong."""
        return await engine.health()

    async def wait_task(
        ctx: Context[Any, Any],
        task_id: TaskId,
        since_seq: Annotated[int, Field(ge=0, description="`last_seq` of the last answer")] = 0,
        timeout_s: Annotated[float, Field(gt=0, le=LONGEST_WAIT_S)] = LONGEST_WAIT_S,
    ) -> Json:
        """Wait until the task ends or asks something, at most 50 s; then call again.

        Answers with the task, the newest events behind since_seq (older ones are only counted, as
        `left_out`), and `last_seq` for the next call.
        """
        wait = _Wait(engine, ctx, since_seq)
        await wait.until_it_matters(task_id, timeout_s)
        task = await engine.task(task_id)
        return {
            "task": task_json(task),
            "events": [event_json(event) for event in wait.seen[-MOST_EVENTS:]],
            "left_out": max(len(wait.seen) - MOST_EVENTS, 0),
            "last_seq": wait.last_seq,
            "settled": task.status in ENDED or task.question is not None,
        }

    async def report_task(task_id: TaskId | None = None) -> str:
        """A report in Markdown, of one task or of all."""
        return await engine.report(task_id)

    return [(check_status, READS), (wait_task, READS), (report_task, READS)]


class _Wait:
    """One `wait_task`: what was seen so far, told to the client as progress."""

    def __init__(self, engine: Engine, ctx: Context[Any, Any], since_seq: int) -> None:
        self._engine = engine
        self._ctx = ctx
        self._ticks = 0
        self.last_seq = since_seq
        self.seen: list[Event] = []

    async def until_it_matters(self, task_id: str, timeout_s: float) -> None:
        task = await self._engine.task(task_id)
        if task.status in ENDED or task.question is not None:
            for event in await self._engine.events(task.id, since=self.last_seq, limit=ALL):
                self._note(event)
            return
        heart = asyncio.create_task(self._beat())
        try:
            async with asyncio.timeout(timeout_s):
                await self._follow(task.id)
        except TimeoutError:
            pass
        finally:
            heart.cancel()

    async def _follow(self, task_id: str) -> None:
        async with aclosing(self._engine.follow(task_id=task_id, since=self.last_seq)) as events:
            async for event in events:
                self._note(event)
                await self._progress(str(event.payload.get("kind", event.type)))
                if event.type is EventType.QUESTION:
                    return

    def _note(self, event: Event) -> None:
        self.seen.append(event)
        self.last_seq = event.seq

    async def _beat(self) -> None:
        while True:
            await asyncio.sleep(HEARTBEAT_S)
            await self._progress("still working")

    async def _progress(self, words: str) -> None:
        self._ticks += 1
        await self._ctx.report_progress(self._ticks, message=words)


def _steering(engine: Engine) -> Tools:
    async def update_task(
        task_id: TaskId,
        instructions: Annotated[str, Field(description="What to tell the agent")],
    ) -> Json:
        """Tell the agent something while it runs, as an answer, or as a follow-up when it ended."""
        return task_json(await engine.steer(task_id, instructions, by=BY))

    async def answer_task(
        task_id: TaskId,
        request_id: Annotated[str, Field(description="`request_id` of the task's question")],
        decision: Literal["allow", "deny"],
        note: Annotated[str, Field(description="A reason, or the answer in words")] = "",
    ) -> Json:
        """Answer what the agent asks for."""
        answered = await engine.answer(task_id, request_id, Decision(decision), by=BY, text=note)
        return task_json(answered)

    async def end_task(task_id: TaskId) -> Json:
        """Stop a task. Returns when its agent's processes are gone; its branch stays."""
        return task_json(await engine.cancel(task_id, by=BY))

    async def retry_task(task_id: TaskId) -> Json:
        """Run an ended task again in the same branch and conversation."""
        return task_json(await engine.retry(task_id, by=BY))

    async def undo_task(
        task_id: TaskId,
        checkpoint: Annotated[str | None, Field(description="A commit of the task")] = None,
    ) -> Json:
        """Put the task's files back to a checkpoint, or to the one before the last."""
        return task_json(await engine.undo(task_id, checkpoint, by=BY))

    return [
        (update_task, CHANGES),
        (answer_task, CHANGES),
        (end_task, CHANGES),
        (retry_task, CHANGES),
        (undo_task, CHANGES),
    ]


def _review(engine: Engine) -> Tools:
    async def review_task(
        task_id: TaskId,
        path: Annotated[str | None, Field(description="Only this file's diff")] = None,
    ) -> Json:
        """The task with its review, and its diff."""
        task = await engine.task(task_id)
        diff = await engine.diff(task_id, path) if task.workspace else ""
        return {"task": task_json(task), "diff": redact(diff)}

    async def merge_task(
        task_id: TaskId,
        expected_head: Head,
        how: Literal["merge", "squash", "rebase"] = "merge",
    ) -> Json:
        """Merge the task's branch into the branch it started from."""
        merged = await engine.merge(task_id, expected_head=expected_head, how=how, by=BY)
        return task_json(merged)

    async def resolve_task(task_id: TaskId) -> Json:
        """After a merge conflict: take the target in and have the agent resolve it; wait_task."""
        return task_json(await engine.resolve(task_id, by=BY))

    async def open_pull_request(task_id: TaskId, expected_head: Head) -> Json:
        """Push the task's branch and open a pull request; later turns are pushed to it as well.

        Where `review.waits` says why one was not, this sends it.
        """
        opened = await engine.open_pull_request(task_id, expected_head=expected_head, by=BY)
        return task_json(opened)

    async def discard_task(
        task_id: TaskId,
        expected_head: Annotated[str | None, Field(description="The `head` you saw")] = None,
    ) -> Json:
        """Drop the task's branch and files. They can be restored on the machine."""
        discarded = await engine.discard(task_id, expected_head=expected_head, by=BY)
        return task_json(discarded)

    return [
        (review_task, READS),
        (merge_task, DESTROYS),
        (resolve_task, CHANGES),
        (open_pull_request, CHANGES),
        (discard_task, DESTROYS),
    ]


def _upkeep(engine: Engine) -> Tools:
    async def clean_state(
        dry_run: Annotated[bool, Field(description="Only say what would go")] = False,
    ) -> Json:
        """Free the disk of old work trees and transcripts. Unmerged commits are always kept."""
        return await engine.clean(dry_run=dry_run)

    return [(clean_state, DESTROYS)]
