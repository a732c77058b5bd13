"""What may be forgotten, and what lies about."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from core.store.database import Transaction
from core.store.tasks import NUMBER, Rows, run_id

AT_ONCE = 1000


async def undelivered(rows: Rows) -> dict[str, Any]:
    [row] = await rows("SELECT COUNT(*) AS n, MIN(created_at) AS oldest FROM outbox", ())
    return {"waiting": row["n"], "oldest": row["oldest"]}


async def old_transcripts(rows: Rows, until: float) -> Sequence[str]:
    """Ids of runs that ended before, and may still have a folder."""
    found = await rows(
        "SELECT tasks.id, runs.number FROM runs JOIN tasks ON tasks.number = task"
        " WHERE transcript = 1 AND ended_at < ? LIMIT ?",
        (until, AT_ONCE),
    )
    return [run_id(row["id"], row["number"]) for row in found]


async def forget_transcripts(tx: Transaction, run_ids: Sequence[str]) -> None:
    await tx.execute_many(
        f"UPDATE runs SET transcript = 0 WHERE task = {NUMBER} AND number = ?",  # noqa: S608 - ours
        [tuple(run_id.split("-")) for run_id in run_ids],
    )


async def old_tasks(rows: Rows, until: float) -> Sequence[str]:
    """Ended long ago, holding nothing that is not merged or given up, and awaited by nobody.

    The one last heard of stays, so that no event is given the id of one that was forgotten.
    """
    found = await rows(
        "SELECT id FROM tasks WHERE updated_at < ? AND worktree = 0"
        " AND status IN ('COMPLETED', 'FAILED', 'CANCELLED')"
        " AND COALESCE(json_extract(review, '$.state'), 'no_change')"
        "     IN ('merged', 'discarded', 'no_change')"
        " AND id NOT IN (SELECT after FROM tasks WHERE status = 'CREATED' AND after IS NOT NULL)"
        " AND number <> (SELECT task FROM events ORDER BY events.id DESC LIMIT 1)"
        " LIMIT ?",
        (until, AT_ONCE),
    )
    return [row["id"] for row in found]


async def forget_tasks(tx: Transaction, task_ids: Sequence[str]) -> None:
    """With everything that hangs off them."""
    await tx.execute_many("DELETE FROM tasks WHERE id = ?", [(task_id,) for task_id in task_ids])
