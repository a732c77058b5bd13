"""The running hub's ear for `gofer …` commands: HTTP over a unix socket of its owner alone.

Owns the list of calls (`CALLS`), each a thin reading of JSON around one method of the engine, and
the stream of events. Every answer is the JSON of `core.wire`; a refusal is
`{"error": {"kind", "message", "refused"}}` with the kinds of `core.errors`; one that is not
`refused` failed. `cli/client.py` is the other end.
"""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import aclosing
from enum import StrEnum
from pathlib import Path
from typing import Any, TypeVar

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response, StreamingResponse
from starlette.routing import Route

from core.engine import Engine
from core.errors import AgentError, GoferError, MergeConflict, UserError
from core.model import Decision, Mode, Status, Submission
from core.projects import Projects
from core.wire import event_json, task_json

BY = "cli"

C = TypeVar("C", bound=StrEnum)


class Arguments(dict[str, Any]):
    """Of one call. What is missing or none of the choices is said in words."""

    def __missing__(self, name: str) -> Any:
        raise UserError(f"This call needs `{name}`.")

    def choice(self, kinds: type[C], name: str) -> C:
        given = self[name]
        if given not in tuple(kinds):
            raise UserError(f"`{name}` is one of {', '.join(kinds)}.")
        return kinds(given)


Call = Callable[[Engine, Arguments], Awaitable[Any]]


async def _submit(engine: Engine, a: Arguments) -> Any:
    key = a.get("key")
    submission = Submission(
        instructions=a["instructions"],
        project=a.get("project"),
        agents=tuple(a.get("agents") or ()),
        template=a.get("template"),
        arguments=a.get("arguments") or {},
        mode=a.choice(Mode, "mode") if a.get("mode") else None,
        base=a.get("base"),
        include_uncommitted=bool(a.get("include_uncommitted")),
        after=a.get("after"),
        origin=BY,
        key=f"{BY}:{key}" if key else None,
    )
    return [task_json(task) for task in await engine.submit(submission)]


async def _tasks(engine: Engine, a: Arguments) -> Any:
    found = await engine.tasks(
        limit=a.get("limit", 50),
        before=a.get("before"),
        status=a.choice(Status, "status") if a.get("status") else None,
        project=a.get("project"),
    )
    return [task_json(task) for task in found]


async def _task(engine: Engine, a: Arguments) -> Any:
    return task_json(await engine.task(a["task"]))


async def _events(engine: Engine, a: Arguments) -> Any:
    found = await engine.events(a["task"], since=a.get("since", 0), limit=a.get("limit", 1000))
    return [event_json(event) for event in found]


async def _diff(engine: Engine, a: Arguments) -> Any:
    return await engine.diff(a["task"], a.get("path"))


async def _checkpoints(engine: Engine, a: Arguments) -> Any:
    found = await engine.checkpoints(a["task"])
    return [{"commit": commit, "subject": subject} for commit, subject in found]


async def _steer(engine: Engine, a: Arguments) -> Any:
    return task_json(await engine.steer(a["task"], a["text"], by=BY, key=a.get("key")))


async def _answer(engine: Engine, a: Arguments) -> Any:
    answered = await engine.answer(
        a["task"],
        a["request"],
        a.choice(Decision, "decision"),
        by=BY,
        text=a.get("text") or "",
        grant=a.get("grant", "once"),
    )
    return task_json(answered)


async def _cancel(engine: Engine, a: Arguments) -> Any:
    return task_json(await engine.cancel(a["task"], by=BY))


async def _retry(engine: Engine, a: Arguments) -> Any:
    return task_json(await engine.retry(a["task"], by=BY))


async def _undo(engine: Engine, a: Arguments) -> Any:
    return task_json(await engine.undo(a["task"], a.get("checkpoint"), by=BY))


async def _merge(engine: Engine, a: Arguments) -> Any:
    merged = await engine.merge(
        a["task"], expected_head=a["head"], how=a.get("how", "merge"), by=BY
    )
    return task_json(merged)


async def _resolve(engine: Engine, a: Arguments) -> Any:
    return task_json(await engine.resolve(a["task"], by=BY))


async def _undo_merge(engine: Engine, a: Arguments) -> Any:
    return task_json(await engine.undo_merge(a["task"], by=BY))


async def _pull_request_plan(engine: Engine, a: Arguments) -> Any:
    return await engine.pull_request_plan(a["task"])


async def _open_pull_request(engine: Engine, a: Arguments) -> Any:
    return task_json(await engine.open_pull_request(a["task"], expected_head=a["head"], by=BY))


async def _accept(engine: Engine, a: Arguments) -> Any:
    accepted = await engine.accept_files(a["task"], a["files"], expected_head=a["head"], by=BY)
    return task_json(accepted)


async def _revert(engine: Engine, a: Arguments) -> Any:
    reverted = await engine.revert_files(a["task"], a["files"], expected_head=a["head"], by=BY)
    return task_json(reverted)


async def _discard(engine: Engine, a: Arguments) -> Any:
    return task_json(await engine.discard(a["task"], expected_head=a.get("head"), by=BY))


async def _restore(engine: Engine, a: Arguments) -> Any:
    return task_json(await engine.restore(a["task"], by=BY))


async def _grants(engine: Engine, a: Arguments) -> Any:
    return [
        {
            "id": grant.id,
            "covers": grant.covers(),
            "by": grant.by,
            "expires_at": grant.expires_at and grant.expires_at.isoformat(),
        }
        for grant in await engine.grants()
    ]


async def _revoke_grant(engine: Engine, a: Arguments) -> Any:
    await engine.revoke_grant(int(a["grant"]))


async def _health(engine: Engine, a: Arguments) -> Any:
    return await engine.health()


async def _report(engine: Engine, a: Arguments) -> Any:
    return await engine.report(a.get("task"))


async def _clean(engine: Engine, a: Arguments) -> Any:
    return await engine.clean(dry_run=bool(a.get("dry_run")))


async def _backup(engine: Engine, a: Arguments) -> Any:
    await engine.backup(Path(a["path"]))
    return a["path"]


CALLS: Mapping[str, Call] = {
    "submit": _submit,
    "tasks": _tasks,
    "task": _task,
    "events": _events,
    "diff": _diff,
    "checkpoints": _checkpoints,
    "steer": _steer,
    "answer": _answer,
    "cancel": _cancel,
    "retry": _retry,
    "undo": _undo,
    "merge": _merge,
    "resolve": _resolve,
    "undo_merge": _undo_merge,
    "pull_request_plan": _pull_request_plan,
    "open_pull_request": _open_pull_request,
    "accept": _accept,
    "revert": _revert,
    "discard": _discard,
    "restore": _restore,
    "grants": _grants,
    "revoke_grant": _revoke_grant,
    "health": _health,
    "report": _report,
    "clean": _clean,
    "backup": _backup,
}


def hub_app(engine: Engine, projects: Projects) -> Starlette:
    async def call(request: Request) -> Response:
        name = request.path_params["name"]
        handler = CALLS.get(name)
        if handler is None:
            raise UserError(f"This hub knows no {name}; it may be older than this command.")
        arguments = await _arguments(request)
        if name == "submit":
            arguments = _placed(projects, arguments)
        return JSONResponse(await handler(engine, arguments))

    async def follow(request: Request) -> Response:
        task_id = request.query_params.get("task")
        since = _number(request.query_params.get("since", "0"))
        if task_id is not None:
            task_id = (await engine.task(task_id)).id
        lines = _lines(engine, task_id, since)
        return StreamingResponse(lines, media_type="application/x-ndjson")

    return Starlette(
        routes=[
            Route("/call/{name}", call, methods=["POST"]),
            Route("/follow", follow, methods=["GET"]),
        ],
        exception_handlers={GoferError: _error},
    )


async def _arguments(request: Request) -> Arguments:
    try:
        arguments = await request.json()
    except ValueError:
        raise UserError("A call takes its arguments as JSON.") from None
    if not isinstance(arguments, dict):
        raise UserError("A call takes its arguments as one JSON object.")
    return Arguments(arguments)


def _number(text: str) -> int:
    if not text.isdecimal():
        raise UserError(f"`since` is the number of an event, and {text} is none.")
    return int(text)


def _placed(projects: Projects, arguments: Arguments) -> Arguments:
    """Where no project is named, the folder that the command was typed in decides."""
    cwd = arguments.get("cwd")
    project = projects.find(arguments.get("project"), cwd=Path(cwd) if cwd else None)
    return Arguments(arguments, project=project.name)


async def _lines(engine: Engine, task_id: str | None, since: int) -> AsyncIterator[str]:
    async with aclosing(engine.follow(task_id=task_id, since=since)) as events:
        async for event in events:
            yield json.dumps(event_json(event), ensure_ascii=False) + "\n"


async def _error(request: Request, error: Exception) -> Response:
    message = str(error)
    if isinstance(error, MergeConflict):
        message += " `gofer resolve` has the agent resolve it."
    # without its agent a task is not begun, and a conflict leaves all as it was
    refused = isinstance(error, UserError | AgentError | MergeConflict)
    said = {"kind": type(error).__name__, "message": message, "refused": refused}
    return JSONResponse({"error": said}, status_code=400)
