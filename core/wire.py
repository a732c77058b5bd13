"""The JSON shapes that front doors show: one task object everywhere (CLI, MCP, resources)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict
from datetime import UTC, datetime
from typing import Any

from core.hearing import Heard
from core.model import Event, Question, Review, Run, Task, Tokens


def time_json(at: datetime | None) -> str | None:
    """ISO 8601 in UTC, ending in Z."""
    if at is None:
        return None
    return at.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def task_json(task: Task) -> dict[str, Any]:
    tokens = sum((run.tokens for run in task.runs), Tokens())
    return {
        "id": task.id,
        "status": task.status.value,
        "title": task.title,
        "instructions": task.instructions,
        "project": task.project,
        "agent": task.agent,
        "template": task.template,
        "mode": task.mode.value,
        "branch": task.branch,
        "base": task.workspace.base if task.workspace else None,
        "head": task.head,
        "group": task.group,
        "after": task.after,
        "created_at": time_json(task.created_at),
        "updated_at": time_json(task.updated_at),
        "runs": [run_json(run) for run in task.runs],
        "answer": task.answer,
        "question": question_json(task.question) if task.question else None,
        "review": review_json(task.review) if task.review else None,
        "cost_usd": round(sum(run.cost_usd for run in task.runs), 6),
        "tokens": asdict(tokens),
        "error": asdict(task.error) if task.error else None,
    }


def run_json(run: Run) -> dict[str, Any]:
    return {
        "id": run.id,
        "agent": run.agent,
        "started_at": time_json(run.started_at),
        "ended_at": time_json(run.ended_at),
        "outcome": run.outcome.value if run.outcome else None,
        "cost_usd": round(run.cost_usd, 6),
        "tokens": asdict(run.tokens),
    }


def question_json(question: Question) -> dict[str, Any]:
    return {
        "request_id": question.request_id,
        "text": question.text,
        "detail": question.detail,
        "kind": question.kind,
        "command": question.command,
        "options": list(question.options),
        "expires_at": time_json(question.expires_at),
    }


def review_json(review: Review) -> dict[str, Any]:
    return {
        "state": review.state.value,
        "files": [asdict(change) for change in review.files],
        "added": review.added,
        "removed": review.removed,
        "check": review.check,
        "check_before": review.check_before,
        "check_tail": review.check_tail,
        "notes": list(review.notes),
        "merged_commit": review.merged_commit,
        "target": review.target,
        "url": review.url,
        "pushed": review.pushed,
        "waits": review.waits,
    }


def event_json(event: Event) -> dict[str, Any]:
    return {
        "id": event.id,
        "task_id": event.task_id,
        "seq": event.seq,
        "run_id": event.run_id,
        "type": event.type.value,
        "payload": dict(event.payload),
        "at": time_json(event.at),
    }


def heard_json(heard: Heard, file: str) -> dict[str, Any]:
    slots: Mapping[str, Any] = heard.intent.slots
    return {
        "file": file,
        "text": heard.text,
        "raw_text": heard.raw_text,
        "language": heard.language,
        "duration_s": round(heard.duration_s, 3),
        "seconds": round(heard.seconds, 3),
        "no_speech": heard.no_speech,
        "template": heard.intent.template,
        "slots": dict(slots),
        "words": [asdict(word) for word in heard.words],
        "replacements": [asdict(change) for change in heard.replacements],
        "project": heard.intent.project,
        "agent": heard.intent.agent,
        "notice": heard.notice,
    }
