"""Short pushes through Apprise: a task ended, or an agent asks something.

The only module that imports apprise, and it does so in the thread that sends, when there is
something to send. Each URL is a destination of its own (`apprise:<digest>`), so that one dead
service makes no other one buzz twice. URLs hold passwords: they are never logged or shown, and a
push carries names and numbers, not code.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from hashlib import sha256
from typing import TYPE_CHECKING, Any

from pydantic import SecretStr

from core.errors import TransientError, UserError
from core.redact import redact, register

if TYPE_CHECKING:
    from core.outbox import Delivery

SCHEME = "apprise"
SEND_TIMEOUT_S = 8.0  # below the ten seconds in which the hub ends
LONGEST_LINE = 200

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Push:
    title: str
    body: str
    tone: str  # success | failure | warning | info


class Pushes:
    def __init__(self, urls: Iterable[SecretStr]) -> None:
        self._urls = {_destination(url): url for url in urls}
        for url in self._urls.values():
            register(url.get_secret_value())

    @property
    def destinations(self) -> Sequence[str]:
        return tuple(self._urls)

    async def deliver(self, delivery: Delivery) -> None:
        """Send one. Raises TransientError when the service did not take it."""
        url = self._urls.get(delivery.destination)
        if url is None:
            log.info("dropped a push for an address that is no longer in GOFER_NOTIFY_URLS")
            return
        push = compose(delivery.kind, delivery.payload)
        await asyncio.to_thread(_send, url.get_secret_value(), push)

    async def problems(self) -> Sequence[str]:
        """One line for each URL that Apprise does not understand (by its place, not its text)."""
        wrong = await asyncio.to_thread(_not_understood, tuple(self._urls.values()))
        return tuple(
            f"Address {place} in GOFER_NOTIFY_URLS is none that Apprise understands; "
            "see https://appriseit.com/services/ for their forms."
            for place in wrong
        )


def compose(kind: str, payload: Mapping[str, Any]) -> Push:
    """The words of a push."""
    task: Mapping[str, Any] = payload.get("task") or {}
    match kind:
        case "finished":
            push = _finished(task)
        case "question":
            text = payload["question"]["text"]
            push = Push(
                f"{task['agent']} asks about: {task['title']}",
                f"{text}\n{task['project']} · gofer show {task['id']}",
                "warning",
            )
        case _:
            push = Push("Gofer", str(payload.get("text", "")), "info")
    return Push(_short(push.title), redact(push.body)[: 4 * LONGEST_LINE], push.tone)


def _finished(task: Mapping[str, Any]) -> Push:
    word, tone = {
        "COMPLETED": ("Done", "success"),
        "FAILED": ("Failed", "failure"),
        "CANCELLED": ("Cancelled", "warning"),
    }[task["status"]]
    review = task["review"]
    if task["error"]:
        result = _short(task["error"]["message"])
    elif review and review["files"]:
        count = len(review["files"])
        result = f"{count} file{'s' * (count != 1)}, +{review['added']} −{review['removed']}"
        result += f", check {review['check']}" if review["check"] else ""
    else:
        result = "no change"
    if review and review["check"] == "failed":
        tone = "warning"
    where = f"{task['project']} · gofer show {task['id']}"
    return Push(f"{word}: {task['title']}", f"{result}\n{where}", tone)


def _short(text: str) -> str:
    line = " ".join(redact(text).split())
    return line if len(line) <= LONGEST_LINE else line[: LONGEST_LINE - 1] + "…"


def _destination(url: SecretStr) -> str:
    return f"{SCHEME}:{sha256(url.get_secret_value().encode()).hexdigest()[:8]}"


def _service(url: str) -> Any:
    """An Apprise object with this one URL, or None when it does not understand it."""
    import apprise

    # without Apprise's logos: some services would fetch them from the network
    asset = apprise.AppriseAsset(app_id="Gofer", app_desc="Gofer", image_url_mask=None)
    logging.getLogger("apprise").propagate = False  # its messages can hold parts of URLs
    service = apprise.Apprise(asset=asset)
    return service if service.add(url) else None


def _send(url: str, push: Push) -> None:
    import apprise

    service = _service(url)
    if service is None:
        raise UserError("An address in GOFER_NOTIFY_URLS is none that Apprise understands.")
    capture = apprise.LogCapture(level=logging.WARNING, fmt="%(message)s")  # type: ignore[no-untyped-call]
    with capture as captured:
        sent = service.notify(
            title=push.title,
            body=push.body,
            body_format=apprise.NotifyFormat.TEXT,
            notify_type=push.tone,
            timeout=SEND_TIMEOUT_S,
        )
        reason = " ".join(captured.getvalue().split())
    if not sent:
        raise TransientError(f"A push was not delivered: {_short(reason) or 'no reason given'}")


def _not_understood(urls: Sequence[SecretStr]) -> Sequence[int]:
    return [
        place for place, url in enumerate(urls, start=1) if _service(url.get_secret_value()) is None
    ]
