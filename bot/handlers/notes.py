"""Text and voice as they come in: fetched, heard, understood, and then routed."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from telegram import Update
from telegram.constants import FileSizeLimit

from bot.cards import Card, listening, note
from bot.desk import Desk, incoming
from bot.handlers import orders, routing
from core.config import Settings
from core.errors import GoferError, UserError
from core.hearing import Heard
from core.model import Project
from core.store.conversation import Draft, DraftState

LARGEST = FileSizeLimit.FILESIZE_DOWNLOAD.value
SILENCE = "🎙 I heard no speech in this note, so nothing was started."
DAY_S = 86_400.0
LONG_NOTE_S = 20  # from here on its progress is shown
SUFFIXES = {"voice": ".ogg", "video_note": ".mp4", "video": ".mp4", "audio": ".audio"}


async def text(desk: Desk, update: Update, _context: object) -> None:
    message, sent = update.effective_message, incoming(update)
    assert message is not None
    if await routing.resumed(desk, sent):
        return
    words = (message.text or "").replace(f"@{desk.bot.username}", "").strip()
    project = await _project(desk, sent.chat_id)
    if sent.forwarded:
        understood = Heard(words, words, None, 0, 0)
    else:
        understood = await desk.hearing.understand(
            words, project=project, recent_files=await _recent_files(desk, project)
        )
    draft = Draft(
        sent.update_id,
        sent.chat_id,
        forwarded=sent.forwarded,
        rest_until=routing.rest_until(sent, words),
    )
    await routing.take(desk, sent, draft, understood)


async def voice(desk: Desk, update: Update, _context: object) -> None:
    sent = incoming(update)
    if await routing.resumed(desk, sent):
        return
    draft = await desk.conversation.draft(sent.update_id)
    if draft is None:
        draft = Draft(
            sent.update_id, sent.chat_id, DraftState.HEARING, spoken=True, forwarded=sent.forwarded
        )
        message_id = await desk.sender.send(
            sent.chat_id, listening(draft.id), silent=True, reply_to=sent.message_id
        )
        draft = await desk.conversation.save_draft(replace(draft, message_id=message_id))
    try:
        understood = await _hear(desk, update, draft)
    except GoferError as error:
        await routing.close(desk, draft, note(f"🎙 {error}"))
        return
    now = await desk.conversation.draft(draft.id)
    if understood is None or now is None or now.state is not DraftState.HEARING:
        return  # its owner dropped it meanwhile
    if understood.no_speech or not understood.text.strip():
        await routing.close(desk, draft, note(SILENCE))
        return
    await routing.take(desk, sent, draft, understood)


async def unknown_command(desk: Desk, update: Update, _context: object) -> None:
    await orders.say(desk, incoming(update), "I do not know that command; /help lists them.")


async def forget_old(settings: Settings) -> None:
    """Audio is kept as long as transcripts are."""
    before = time.time() - settings.keep_transcripts_days * DAY_S

    def remove() -> None:
        for file in (settings.home / "attachments").glob("*"):
            if file.stat().st_mtime < before:
                file.unlink(missing_ok=True)

    await asyncio.to_thread(remove)


async def unknown(desk: Desk, update: Update, _context: object) -> None:
    text = "I take text, voice notes, audio files and video notes. This was none of them."
    await orders.say(desk, incoming(update), text)


async def _hear(desk: Desk, update: Update, draft: Draft) -> Heard | None:
    """None: its owner dropped it meanwhile."""
    audio, seconds = await _download(desk, update)
    project = await _project(desk, draft.chat_id)

    def show(share: float) -> None:
        async def render() -> Card:
            return listening(draft.id, share)

        if seconds >= LONG_NOTE_S and draft.message_id is not None:
            desk.sender.refresh(draft.chat_id, draft.message_id, render)

    job = asyncio.create_task(
        desk.hearing.hear(
            audio,
            project=project,
            language=desk.settings.voice_language,
            recent_files=await _recent_files(desk, project),
            on_progress=show,
        )
    )
    desk.hearings[draft.id] = job
    try:
        return await job
    except asyncio.CancelledError:
        now = await desk.conversation.draft(draft.id)
        if now is not None and now.state is DraftState.DROPPED:
            return None
        raise  # the hub stops; the note is heard again at its next start
    finally:
        del desk.hearings[draft.id]


async def _download(desk: Desk, update: Update) -> tuple[Path, float]:
    """Kept under the home, so that a note survives restarts. (file, its length as claimed)"""
    message = update.effective_message
    assert message is not None
    kind, media = next(
        (kind, found)
        for kind in (*SUFFIXES, "document")
        if (found := getattr(message, kind)) is not None
    )
    if (media.file_size or 0) > LARGEST:
        raise UserError(
            "This file is over the 20 MB that Telegram gives to bots. Send a shorter one."
        )
    folder = desk.settings.home / "attachments"
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    file = folder / f"{update.update_id}{SUFFIXES.get(kind, '.audio')}"
    if not file.exists():
        remote = await desk.bot.get_file(media.file_id)
        part = file.with_suffix(".part")
        await remote.download_to_drive(part)
        part.rename(file)
    duration = getattr(media, "duration", None)
    return file, duration.total_seconds() if duration is not None else 0.0


async def _project(desk: Desk, chat_id: int) -> Project | None:
    """The one this chat is about: the last one used, else the only one."""
    chat = await desk.conversation.chat(chat_id)
    projects = desk.projects.all()
    return desk.project(chat.project) or (projects[0] if len(projects) == 1 else None)


async def _recent_files(desk: Desk, project: Project | None) -> Sequence[str]:
    if project is None:
        return ()
    tasks = await desk.engine.tasks(limit=5, project=project.name)
    return tuple(change.path for task in tasks if task.review for change in task.review.files)
