"""A loopback Bot API server that keeps chats in memory and refuses what Telegram refuses.

Speaks HTTP, so that the real client library is on the path. `tests.fakes.phone` is the person at
the other end. What each refusal says is what Telegram says.
"""

from __future__ import annotations

import asyncio
import json
import math
import time
from collections.abc import AsyncIterator, Callable, Iterator, Mapping
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass, field
from typing import Any

import uvicorn
from starlette.applications import Starlette
from starlette.datastructures import FormData, UploadFile
from starlette.requests import Request
from starlette.responses import JSONResponse, PlainTextResponse, Response
from starlette.routing import Route

TOKEN = "123456789:AAtest-token-of-the-loopback-server00"
BOT = {"id": 123456789, "is_bot": True, "first_name": "Gofer", "username": "gofer_test_bot"}
ENTITY_TYPES = {
    "bold", "italic", "underline", "strikethrough", "spoiler", "blockquote",
    "expandable_blockquote", "code", "pre", "text_link", "bot_command", "url",
}  # fmt: skip
DEADLINE_S = 30.0


class Refusal(Exception):
    def __init__(self, code: int, description: str, **parameters: Any) -> None:
        super().__init__(description)
        self.code = code
        self.parameters = parameters


@dataclass
class Shown:
    """A message as it stands in a chat. `versions` are the texts it had before."""

    chat_id: int
    message_id: int
    text: str
    entities: list[dict[str, Any]] = field(default_factory=list)
    buttons: list[list[dict[str, str]]] = field(default_factory=list)
    silent: bool = False
    reply_to: int | None = None
    document: tuple[str, bytes] | None = None
    versions: list[str] = field(default_factory=list)
    deleted: bool = False
    by_bot: bool = True

    @property
    def labels(self) -> list[list[str]]:
        return [[button["text"] for button in row] for row in self.buttons]

    def marked(self, kind: str) -> list[str]:
        """The pieces of text that carry this mark."""
        units = self.text.encode("utf-16-le")
        return [
            units[e["offset"] * 2 : (e["offset"] + e["length"]) * 2].decode("utf-16-le")
            for e in self.entities
            if e["type"] == kind
        ]


class _Server(uvicorn.Server):
    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Signals are the test runner's."""
        yield


class FakeTelegram:
    def __init__(self) -> None:
        self.base_url = ""
        self.messages: list[Shown] = []
        self.toasts: dict[str, str | None] = {}  # text by callback query; None: not answered yet
        self.commands: list[dict[str, str]] = []
        self.calls: list[tuple[float, str, int | None]] = []  # (when, method, chat)
        self.files: dict[str, bytes] = {}
        self.fetched: list[str] = []
        self.blocked: set[int] = set()
        self.migrated: dict[int, int] = {}  # groups that became supergroups, with new ids
        self.down = False
        self.files_down = False
        self.token = TOKEN
        self.marks_refused = False
        self.updates: list[dict[str, Any]] = []  # that the offset has not moved past
        self.arrived: dict[int, dict[str, Any]] = {}  # every update's content
        self._next_update = 1000
        self._next_message = 1
        self._poll = 0
        self._floods: dict[int, tuple[float, int]] = {}  # chat: (until, retry_after it says)
        self.during_penalty: list[str] = []
        self._changed = asyncio.Condition()

    # --- what tests do ---------------------------------------------------------------------------

    async def arrives(self, **content: Any) -> int:
        """An update for the bot. Returns its id."""
        self._next_update += 1
        self.updates.append({"update_id": self._next_update, **content})
        self.arrived[self._next_update] = content
        await self._tell()
        return self._next_update

    def next_message_id(self) -> int:
        self._next_message += 1
        return self._next_message

    def flood(self, chat_id: int, seconds: float) -> None:
        """Answer every call for this chat with 429 until then; calls meanwhile are noted."""
        self._floods[chat_id] = (time.monotonic() + seconds, math.ceil(seconds))

    def chat(self, chat_id: int) -> list[Shown]:
        return [m for m in self.messages if m.chat_id == chat_id and m.by_bot and not m.deleted]

    async def until(self, condition: Callable[[], Any], what: str) -> Any:
        """Wait until the condition gives something true, and return that."""

        async def wait() -> Any:
            async with self._changed:
                while not (found := condition()):
                    await self._changed.wait()
                return found

        try:
            return await asyncio.wait_for(wait(), DEADLINE_S)
        except TimeoutError:
            shown = "\n---\n".join(f"{m.text}\n{m.labels}" for m in self.messages if not m.deleted)
            raise AssertionError(f"Never came: {what}. The chat shows:\n{shown}") from None

    # --- the server ------------------------------------------------------------------------------

    @asynccontextmanager
    async def serving(self) -> AsyncIterator[FakeTelegram]:
        app = Starlette(
            routes=[
                Route("/bot{token}/{method}", self._call, methods=["GET", "POST"]),
                Route("/file/bot{token}/{path:path}", self._file),
            ]
        )
        config = uvicorn.Config(
            app, port=0, log_config=None, lifespan="off", timeout_graceful_shutdown=1
        )
        server = _Server(config)
        sockets = [config.bind_socket()]
        self.base_url = f"http://127.0.0.1:{sockets[0].getsockname()[1]}"
        running = asyncio.create_task(server.serve(sockets))
        try:
            yield self
        finally:
            server.should_exit = True
            self._poll += 1
            await self._tell()
            await running
            for socket in sockets:
                socket.close()

    async def _tell(self) -> None:
        async with self._changed:
            self._changed.notify_all()

    async def _file(self, request: Request) -> Response:
        path = request.path_params["path"]
        if self.files_down:
            return PlainTextResponse("Bad Gateway", 502)
        if request.path_params["token"] != TOKEN or path not in self.files:
            return PlainTextResponse("Not Found", 404)
        self.fetched.append(path)
        return Response(self.files[path])

    async def _call(self, request: Request) -> Response:
        name = request.path_params["method"]
        async with request.form() as form:
            given = await _parameters(form)
        chat = given.get("chat_id")
        self.calls.append((time.monotonic(), name, chat))
        await self._tell()
        if self.down:
            return PlainTextResponse("Bad Gateway", 502)
        try:
            if request.path_params["token"] != self.token:
                raise Refusal(401, "Unauthorized")
            method = getattr(self, f"_{name}", None)
            if method is None:
                raise Refusal(404, "Not Found: method not found")
            self._check_chat(name, chat)
            result = await method(given)
        except Refusal as refusal:
            return JSONResponse(
                {
                    "ok": False,
                    "error_code": refusal.code,
                    "description": str(refusal),
                    "parameters": refusal.parameters,
                },
                refusal.code,
            )
        await self._tell()
        return JSONResponse({"ok": True, "result": result})

    def _check_chat(self, method: str, chat: int | None) -> None:
        if chat in self.blocked:
            raise Refusal(403, "Forbidden: bot was blocked by the user")
        if (to := self.migrated.get(chat or 0)) is not None:
            why = "Bad Request: group chat was upgraded to a supergroup chat"
            raise Refusal(400, why, migrate_to_chat_id=to)
        until, says = self._floods.get(chat or 0, (0.0, 0))
        if time.monotonic() < until:
            self.during_penalty.append(method)
            raise Refusal(429, f"Too Many Requests: retry after {says}", retry_after=says)

    # --- methods ---------------------------------------------------------------------------------

    async def _getMe(self, _given: Mapping[str, Any]) -> Any:
        return BOT

    async def _deleteWebhook(self, _given: Mapping[str, Any]) -> Any:
        return True

    async def _setMyCommands(self, given: Mapping[str, Any]) -> Any:
        self.commands = given["commands"]
        return True

    async def _getUpdates(self, given: Mapping[str, Any]) -> Any:
        """Offsets confirm; a second poller ends the first one's wait with 409."""
        self._poll += 1
        mine = self._poll
        offset = int(given.get("offset", 0))
        self.updates = [u for u in self.updates if u["update_id"] >= offset]
        await self._tell()
        ends = time.monotonic() + float(given.get("timeout", 0))
        async with self._changed:
            while not self.updates and self._poll == mine and (left := ends - time.monotonic()) > 0:
                try:
                    await asyncio.wait_for(self._changed.wait(), left)
                except TimeoutError:
                    break
        if self._poll != mine:
            raise Refusal(
                409,
                "Conflict: terminated by other getUpdates request; "
                "make sure that only one bot instance is running",
            )
        return self.updates[: int(given.get("limit", 100))]

    async def _sendMessage(self, given: Mapping[str, Any]) -> Any:
        text, entities = self._content(given, "Bad Request: message is too long")
        shown = Shown(
            given["chat_id"],
            self.next_message_id(),
            text,
            entities,
            _keyboard(given),
            silent=bool(given.get("disable_notification")),
            reply_to=(given.get("reply_parameters") or {}).get("message_id"),
        )
        self.messages.append(shown)
        return message_json(shown)

    async def _editMessageText(self, given: Mapping[str, Any]) -> Any:
        shown = self._find(given, "edit")
        text, entities = self._content(given, "Bad Request: MESSAGE_TOO_LONG")
        buttons = _keyboard(given)
        if (text, entities, buttons) == (shown.text, shown.entities, shown.buttons):
            raise Refusal(
                400,
                "Bad Request: message is not modified: specified new message content and reply "
                "markup are exactly the same as a current content and reply markup of the message",
            )
        shown.versions.append(shown.text)
        shown.text, shown.entities, shown.buttons = text, entities, buttons
        return message_json(shown)

    async def _deleteMessage(self, given: Mapping[str, Any]) -> Any:
        self._find(given, "delete").deleted = True
        return True

    async def _sendDocument(self, given: Mapping[str, Any]) -> Any:
        caption = given.get("caption", "")
        if len(caption) > 1024:
            raise Refusal(400, "Bad Request: message caption is too long")
        shown = Shown(
            given["chat_id"],
            self.next_message_id(),
            caption,
            silent=bool(given.get("disable_notification")),
            document=given["document"],
        )
        self.messages.append(shown)
        return message_json(shown)

    async def _answerCallbackQuery(self, given: Mapping[str, Any]) -> Any:
        query = given["callback_query_id"]
        if query not in self.toasts or self.toasts[query] is not None:
            raise Refusal(
                400,
                "Bad Request: query is too old and response timeout expired or query ID is invalid",
            )
        text = given.get("text", "")
        if len(text) > 200:
            raise Refusal(400, "Bad Request: MESSAGE_TOO_LONG")
        self.toasts[query] = text
        return True

    async def _getFile(self, given: Mapping[str, Any]) -> Any:
        file_id = given["file_id"]
        if file_id not in self.files:
            raise Refusal(400, "Bad Request: invalid file_id")
        size = len(self.files[file_id])
        if size > 20_000_000:
            raise Refusal(400, "Bad Request: file is too big")
        return {
            "file_id": file_id,
            "file_unique_id": f"u{file_id}",
            "file_size": size,
            "file_path": file_id,
        }

    # --- what Telegram checks --------------------------------------------------------------------

    def _find(self, given: Mapping[str, Any], what: str) -> Shown:
        for shown in self.messages:
            if (shown.chat_id, shown.message_id) == (given["chat_id"], given["message_id"]):
                if not shown.deleted and shown.by_bot:
                    return shown
                break
        raise Refusal(400, f"Bad Request: message to {what} not found")

    def _content(self, given: Mapping[str, Any], too_long: str) -> tuple[str, list[dict[str, Any]]]:
        text = str(given.get("text", "")).rstrip()
        if not text:
            raise Refusal(400, "Bad Request: message text is empty")
        if len(text) > 4096:
            raise Refusal(400, too_long)
        entities = list(given.get("entities", ()))
        units = text.encode("utf-16-le")
        for entity in entities:
            start, end = entity["offset"], entity["offset"] + entity["length"]
            try:
                units[start * 2 : end * 2].decode("utf-16-le")
            except UnicodeDecodeError:
                raise Refusal(400, "Bad Request: ENTITY_BOUNDS_INVALID") from None
            if start < 0 or end * 2 > len(units) + 2 or entity["type"] not in ENTITY_TYPES:
                raise Refusal(400, "Bad Request: ENTITY_BOUNDS_INVALID")
        if entities and self.marks_refused:
            raise Refusal(400, "Bad Request: can't parse entities: no reason given")
        return text, entities


def message_json(shown: Shown) -> dict[str, Any]:
    return {
        "message_id": shown.message_id,
        "date": int(time.time()),
        "chat": chat_json(shown.chat_id),
        "from": BOT,
        "text": shown.text,
    }


def chat_json(chat_id: int) -> dict[str, Any]:
    kind = "private" if chat_id > 0 else "group"
    return {"id": chat_id, "type": kind, "title" if chat_id < 0 else "first_name": "Somebody"}


def _keyboard(given: Mapping[str, Any]) -> list[list[dict[str, str]]]:
    rows: list[list[dict[str, str]]] = (given.get("reply_markup") or {}).get("inline_keyboard", [])
    for row in rows:
        for button in row:
            data = button.get("callback_data")
            if not button.get("text") or (data is None) == (button.get("url") is None):
                raise Refusal(400, "Bad Request: BUTTON_TYPE_INVALID")
            if data is not None and not 1 <= len(data.encode()) <= 64:
                raise Refusal(400, "Bad Request: BUTTON_DATA_INVALID")
    if sum(map(len, rows)) > 100:
        raise Refusal(400, "Bad Request: REPLY_MARKUP_TOO_LONG")
    return rows


async def _parameters(form: FormData) -> dict[str, Any]:
    given: dict[str, Any] = {}
    for name, value in form.multi_items():
        if isinstance(value, UploadFile):
            given[name] = (value.filename or "", await value.read())
        elif name in {"text", "caption", "callback_query_id", "file_id"}:
            given[name] = value
        else:
            try:
                given[name] = json.loads(value)
            except ValueError:
                given[name] = value
    return given
