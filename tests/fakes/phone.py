"""A person with Telegram: writes, speaks, taps, and looks at what the chat shows."""

from __future__ import annotations

import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any

from tests.fakes.telegram import FakeTelegram, Shown, chat_json


@dataclass
class Phone:
    telegram: FakeTelegram
    user_id: int = 4242
    name: str = "Ada"
    chat_id: int = 0
    ahead_s: int = 0  # its clock, before the true one
    before_reply: Callable[[Shown], Awaitable[None]] | None = None  # nobody replies in no time

    def __post_init__(self) -> None:
        self.chat_id = self.chat_id or self.user_id

    async def writes(
        self, text: str, *, reply_to: Shown | None = None, forwarded: bool = False
    ) -> int:
        """Returns the id of the update."""
        content: dict[str, Any] = {"text": text}
        if text.startswith("/"):
            command = text.split()[0]
            content["entities"] = [{"type": "bot_command", "offset": 0, "length": len(command)}]
        return await self._sends(content, reply_to, forwarded)

    async def speaks(
        self,
        audio: bytes,
        *,
        kind: str = "voice",
        seconds: int = 5,
        reply_to: Shown | None = None,
        claimed_size: int | None = None,
        forwarded: bool = False,
    ) -> int:
        file_id = f"{kind}/file_{len(self.telegram.files)}.oga"
        self.telegram.files[file_id] = audio
        media: dict[str, Any] = {
            "file_id": file_id,
            "file_unique_id": f"u{file_id}",
            "duration": seconds,
            "file_size": claimed_size or len(audio),
        }
        if kind == "video_note":
            media["length"] = 240
        elif kind == "video":
            media |= {"width": 640, "height": 480}
        return await self._sends({kind: media}, reply_to, forwarded)

    async def sends(self, **content: Any) -> int:
        return await self._sends(content, None, False)

    async def puts_right(self, update_id: int, text: str) -> int:
        """Edit the message that came with this update."""
        message = self.telegram.arrived[update_id]["message"]
        edited = {**message, "text": text, "edit_date": int(time.time())}
        return await self.telegram.arrives(edited_message=edited)

    async def taps(self, shown: Shown, label: str) -> str:
        """Tap the button whose label holds this, and wait until the phone's spinner ends.

        Returns what the phone then shows for a moment.
        """
        found = [b for row in shown.buttons for b in row if label in b["text"]]
        assert len(found) == 1, f"{label!r} is {len(found)} of the buttons {shown.labels}"
        return await self.taps_data(shown, found[0]["callback_data"])

    async def taps_data(self, shown: Shown, data: str) -> str:
        query = f"q{len(self.telegram.toasts)}"
        self.telegram.toasts[query] = None
        await self.telegram.arrives(
            callback_query={
                "id": query,
                "from": self._me(),
                "chat_instance": "1",
                "data": data,
                "message": {
                    "message_id": shown.message_id,
                    "date": int(time.time()),
                    "chat": chat_json(shown.chat_id),
                    "text": shown.text,
                },
            }
        )
        toasts = self.telegram.toasts
        await self.telegram.until(
            lambda: toasts[query] is not None, f"an answer to {label_of(shown, data)}"
        )
        return toasts[query] or ""

    async def sees(
        self, *texts: str, button: str | None = None, than: Shown | None = None
    ) -> Shown:
        """The newest message that holds all these texts (and a button). `than`: newer than that."""

        def newest() -> Shown | None:
            for shown in reversed(self.telegram.chat(self.chat_id)):
                if than is not None and shown.message_id <= than.message_id:
                    return None
                labels = [label for row in shown.labels for label in row]
                if all(text in shown.text for text in texts) and (
                    button is None or any(button in label for label in labels)
                ):
                    return shown
            return None

        found: Shown = await self.telegram.until(newest, f"a message with {texts} {button or ''}")
        return found

    async def handled(self, update_id: int) -> None:
        """The bot's offset has moved past this update."""
        await self.telegram.until(
            lambda: all(u["update_id"] != update_id for u in self.telegram.updates),
            f"update {update_id} confirmed",
        )

    async def _sends(self, content: dict[str, Any], reply_to: Shown | None, forwarded: bool) -> int:
        message: dict[str, Any] = {
            "message_id": self.telegram.next_message_id(),
            "date": int(time.time()) + self.ahead_s,
            "chat": chat_json(self.chat_id),
            "from": self._me(),
            **content,
        }
        if reply_to is not None:
            if self.before_reply is not None:
                await self.before_reply(reply_to)
            message["reply_to_message"] = {
                "message_id": reply_to.message_id,
                "date": int(time.time()),
                "chat": chat_json(self.chat_id),
                "text": reply_to.text,
            }
        if forwarded:
            message["forward_origin"] = {
                "type": "hidden_user", "date": int(time.time()), "sender_user_name": "Mallory",
            }  # fmt: skip
        return await self.telegram.arrives(message=message)

    def _me(self) -> dict[str, Any]:
        return {"id": self.user_id, "is_bot": False, "first_name": self.name}


def label_of(shown: Shown, data: str) -> str:
    labels = [b["text"] for row in shown.buttons for b in row if b.get("callback_data") == data]
    return f"the tap on {labels[0] if labels else data}"
