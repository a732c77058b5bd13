"""Text and voice as they come in: fetched, heard, understood, and then routed."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from telegram import Message, Update
from telegram.constants import FileSizeLimit

from bot.cards import Card, listening, note
from bot.desk import Desk, Incoming, incoming
from bot.handlers import drafts, orders, routing
from core.config import Settings
from core.errors import GoferError, UserError
from core.hearing import Heard
from core.model import Project
from core.store.conversation import Draft, DraftState

LARGEST = FileSizeLimit.FILESIZE_DOWNLOAD.value
ONLY_WORDS = "Agents get your words only; the picture or file stays here."
NO_WORDS = (
    "I take text, voice notes, audio and video. Of pictures and other files I take only the words "
    "under them, and here are none."
)
ONE_PART = (
    "This message is one part of a longer text, and I keep it as it was. Tap Edit at the draft and"
    " send the whole text again, or drop it."
)
SILENCE = "🎙 I heard no speech in this note, so nothing was started."
DAY_S = 86_400.0
LONG_NOTE_S = 20  # from here on its progress is shown
SUFFIXES = {"voice": ".ogg", "video_note": ".mp4", "video": ".mp4", "audio": ".audio"}


async def text(desk: Desk, update: Update, _context: object) -> None:
    await _written(desk, update)


async def other(desk: Desk, update: Update, _context: object) -> None:
    """Pictures, files and the like: the words that come with them count, nothing else does."""
    message = update.effective_message
    assert message is not None
    album = message.media_group_id
    first = album is None or desk.albums.get(message.chat_id) != album  # one answer for all of it
    if album is not None:
        desk.albums[message.chat_id] = album
    if message.caption:
        await _written(desk, update, ONLY_WORDS)
    elif first:
        await orders.say(desk, incoming(update), NO_WORDS)


async def edited(desk: Desk, update: Update, _context: object) -> None:
    """A text put right in its own message puts the draft right that came from it."""
    message, sent = update.effective_message, incoming(update)
    assert message is not None
    words = _words(desk, message)
    draft = await desk.conversation.draft_said_in(sent.chat_id, sent.message_id)
    if draft is None or words in {"", draft.raw_text}:
        return
    if draft.last_part and draft.state is DraftState.OPEN:
        await orders.say(desk, sent, ONE_PART)
    elif draft.state is DraftState.OPEN:
        await drafts.rewritten(desk, draft, await _understand(desk, sent, words))
    elif draft.state is DraftState.SENT:
        await orders.say(desk, sent, "It is started already. Reply to its message to say more.")


async def _written(desk: Desk, update: Update, notice: str | None = None) -> None:
    message, sent = update.effective_message, incoming(update)
    assert message is not None
    if await routing.resumed(desk, sent):
        return
    words = _words(desk, message)
    understood = await _understand(desk, sent, words)
    draft = Draft(
        sent.update_id,
        sent.chat_id,
        forwarded=sent.forwarded,
        rest_until=routing.rest_until(sent, words),
        said_in=sent.message_id,
    )
    await routing.take(desk, sent, draft, replace(understood, notice=notice or understood.notice))


async def _understand(desk: Desk, sent: Incoming, words: str) -> Heard:
    if sent.forwarded:
        return Heard(words, words, None, 0, 0)
    project = await _project(desk, sent.chat_id)
    recent = await _recent_files(desk, project)
    return await desk.hearing.understand(words, project=project, recent_files=recent)


def _words(desk: Desk, message: Message) -> str:
    words = message.text or message.caption or ""
    return words.replace(f"@{desk.bot.username}", "").strip()


async def voice(desk: Desk, update: Update, _context: object) -> None:
    message, sent = update.effective_message, incoming(update)
    assert message is not None
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
    understood = _with_caption(understood, _words(desk, message))
    if not understood.text:
        why = f"🎙 {understood.notice}" if understood.notice else SILENCE
        await routing.close(desk, draft, note(why))
        return
    await routing.take(desk, sent, draft, understood)


def _with_caption(heard: Heard, caption: str) -> Heard:
    """What was said, and what was written under it."""
    spoken = "" if heard.no_speech else heard.text.strip()
    raw = "" if heard.no_speech else heard.raw_text.strip()
    return replace(
        heard,
        text=f"{spoken}\n{caption}".strip(),
        raw_text=f"{raw}\n{caption}".strip(),
        no_speech=False,
    )


async def unknown_command(desk: Desk, update: Update, _context: object) -> None:
    message = update.effective_message
    _, at, bot = (message.text or "").split()[0].partition("@") if message else ("", "", "")
    if at and bot.casefold() != desk.bot.username.casefold():
        return  # in a group, and meant for another bot
    await orders.say(desk, incoming(update), "I do not know that command; /help lists them.")


async def forget_old(settings: Settings) -> None:
    """Audio is kept as long as transcripts are."""
    before = time.time() - settings.keep_transcripts_days * DAY_S

    def remove() -> None:
        for file in (settings.home / "attachments").glob("*"):
            if file.stat().st_mtime < before:
                file.unlink(missing_ok=True)

    await asyncio.to_thread(remove)


async def _hear(desk: Desk, update: Update, draft: Draft) -> Heard | None:
    """None: its owner dropped it meanwhile."""
    audio, seconds = await _download(desk, update)
    fetched = await desk.conversation.draft(draft.id)
    if fetched is None or fetched.state is not DraftState.HEARING:
        return None
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
        part = file.with_suffix(".part")
        await desk.sender.fetch(media.file_id, part)
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
