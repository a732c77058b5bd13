"""What is done ahead while nothing runs: the files of the next task of the projects used last."""

from __future__ import annotations

import asyncio
import logging
from contextlib import suppress

from core.engine.parts import Parts
from core.engine.scheduler import Scheduler
from core.errors import GoferError
from core.model import Project
from core.store import tasks

LATEST = 20  # tasks that tell which projects are in use
MOST = 3  # projects with a work tree made ahead
CALM_S = 1.0  # after the last task, so that one behind it goes first

log = logging.getLogger(__name__)


async def keep_ready(parts: Parts, scheduler: Scheduler) -> None:
    """For ever. Where the disk is short, nothing is kept ready."""
    while True:
        await scheduler.idle.wait()
        await asyncio.sleep(CALM_S)
        scheduler.idle.clear()
        if scheduler.running:
            continue
        try:
            wanted = [] if scheduler.shortage else await _in_use(parts)
            await parts.repositories.keep_spares(wanted)
        except GoferError as error:
            log.info("nothing is made ahead: %s", error)
        except Exception:
            log.exception("making work trees ahead failed")


async def _in_use(parts: Parts) -> list[Project]:
    """The projects of the newest tasks, as far as they are still there."""
    newest = await tasks.newest(parts.database.read, limit=LATEST, before=None, equal={})
    projects = []
    for name in list(dict.fromkeys(stored.task.project for stored in newest))[:MOST]:
        with suppress(GoferError):
            projects.append(parts.projects.find(name))
    return projects
