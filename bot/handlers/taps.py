"""Buttons: what was tapped is looked up, done, and the phone told how it went."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping

from telegram import Update

from bot.cards import note
from bot.desk import Desk, Tap, by
from bot.handlers import commands, drafts, files, reviews
from bot.sender import TOAST
from core.errors import GoferError

PATIENCE_S = 3.0  # a tap that takes longer is confirmed before it is done

Action = Callable[[Desk, Tap], Awaitable[str | None]]

ACTIONS: Mapping[str, Action] = {
    # of drafts
    "run": drafts.run,
    "template": drafts.choose_template,
    "pick": drafts.pick,
    "project": drafts.choose_project,
    "agent": drafts.choose_agent,
    "back": drafts.back,
    "choose": drafts.choose_word,
    "raw": drafts.as_spoken,
    "look": drafts.look_only,
    "edit": drafts.edit,
    "drop": drafts.drop,
    # of tasks
    "stop": reviews.stop,
    "decide": reviews.decide,
    "answer": reviews.answer,
    "merge": reviews.merge,
    "squash": reviews.squash,
    "undo_merge": reviews.undo_merge,
    "resolve": reviews.resolve,
    "pr": reviews.pull_request,
    "pr_open": reviews.open_pull_request,
    "fix": reviews.fix,
    "never_mind": reviews.never_mind,
    "diff": reviews.diff,
    "undo": reviews.undo,
    "discard": reviews.discard,
    "discard_yes": reviews.discard_now,
    "restore": reviews.restore,
    "retry": reviews.retry,
    "keep": reviews.keep,
    "show": reviews.show,
    "older": reviews.older,
    # of the files of a task
    "files": files.listing,
    "files_more": files.more,
    "file": files.look,
    "file_accept": files.accept,
    "file_revert": files.revert,
    # of chats
    "this_project": commands.this_project,
    "projects_more": commands.more_projects,
    "revoke": commands.revoke,
}


async def tapped(desk: Desk, update: Update, _context: object) -> None:
    query, chat = update.callback_query, update.effective_chat
    assert query is not None
    if query.message is None or chat is None:
        await desk.sender.toast(query.id, "This message is too old.", alert=True)
        return
    button = await desk.conversation.button(chat.id, query.data or "")
    if button is None or button.action not in ACTIONS:
        await desk.sender.toast(
            query.id, "This button is too old. /tasks shows how things stand.", alert=True
        )
        return
    tap = Tap(
        update.update_id,
        chat.id,
        query.message.message_id,
        by(update),
        button.subject,
        dict(button.args),
    )
    await _act(desk, query.id, tap, ACTIONS[button.action])


async def _act(desk: Desk, query_id: str, tap: Tap, action: Action) -> None:
    work = asyncio.ensure_future(action(desk, tap))
    done: set[asyncio.Future[str | None]] = set()
    said, refused = "", False
    try:
        done, _ = await asyncio.wait([work], timeout=PATIENCE_S)
        if not done:
            await desk.sender.toast(query_id)
        said = await work or ""
    except GoferError as error:
        said, refused = str(error), True
    finally:
        work.cancel()  # the hub stops; else it is done
        if done:
            await desk.sender.toast(query_id, said if len(said) <= TOAST else "", alert=refused)
    if refused and (not done or len(said) > TOAST):
        await desk.sender.send(tap.chat_id, note(said), reply_to=tap.message_id)
