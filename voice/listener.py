"""The model, wherever its process is in its life: notes are heard one at a time, in order.

The child is started at the first need, kept while notes come, and let go when idle. A note that is
cancelled, or that the child dies of, takes the child with it. A child that dies with a graphics
card in use is tried once more without.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from core.errors import Refused, UserError
from voice.child import Advise, Child, ChildDied

log = logging.getLogger(__name__)

LOADING_S = 300.0  # longest silence while the model is loaded or fetched (progress breaks it)
HEARING_S = 400.0  # and while half a minute of speech is heard; large models are slow

Progress = Callable[[float], None]
Message = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Model:
    """What the child said of the model it loaded."""

    english_only: bool
    device: str  # cpu | cuda


class Listener:
    def __init__(
        self, model: str, cache: Path, *, idle_s: float, hearing_s: float = HEARING_S
    ) -> None:
        self._opening = {"model": model, "cache": str(cache), "device": "auto"}
        self._idle_s = idle_s
        self._hearing_s = hearing_s
        self._turn = asyncio.Lock()
        self._child: Child | None = None
        self._model: Model | None = None
        self._rest: asyncio.TimerHandle | None = None

    async def load(self, on_progress: Progress) -> Model:
        """Have the model ready, fetched if need be. Raises UserError."""
        async with self._turn:
            _, model = await self._ask(None, on_progress)
            return model

    async def hear(
        self, request: Message, on_progress: Progress, advise: Advise | None = None
    ) -> tuple[Message, Model]:
        """What the child makes of one note, with what `advise` knows of names.

        Raises UserError; Refused when the child died of it.
        """
        async with self._turn:
            request = {**request, "advised": advise is not None}
            answer, model = await self._ask(request, on_progress, advise)
            return answer["heard"], model

    async def close(self) -> None:
        await self._end_child()

    async def _ask(
        self, request: Message | None, on_progress: Progress, advise: Advise | None = None
    ) -> tuple[Message, Model]:
        try:
            return await self._ask_once(request, on_progress, advise)
        except ChildDied as error:
            if self._opening["device"] == "cpu" or (self._model and self._model.device == "cpu"):
                raise _lost(error) from None
            log.warning("The voice worker failed (%s); it is tried without CUDA.", error)
        self._opening["device"] = "cpu"
        try:
            return await self._ask_once(request, on_progress, advise)
        except ChildDied as error:
            raise _lost(error) from None

    async def _ask_once(
        self, request: Message | None, on_progress: Progress, advise: Advise | None
    ) -> tuple[Message, Model]:
        if self._rest:
            self._rest.cancel()
        answered = False
        try:
            child, model = await self._ready(on_progress if request is None else _ignore)
            answer: Message = {}
            if request:
                answer = await child.ask(request, on_progress, self._hearing_s, advise)
            answered = True
            return answer, model
        except UserError:
            answered = True
            raise
        finally:
            if answered:
                self._rest = asyncio.get_running_loop().call_later(self._idle_s, self._let_go)
            else:
                await self._end_child()

    async def _ready(self, on_progress: Progress) -> tuple[Child, Model]:
        """A live child with its model loaded."""
        if self._child and self._model and self._child.alive:
            return self._child, self._model
        await self._end_child()
        self._child = await Child.start()
        answer = await self._child.ask(self._opening, on_progress, LOADING_S)
        self._model = Model(**answer["ready"])
        return self._child, self._model

    async def _end_child(self) -> None:
        if self._rest:
            self._rest.cancel()
        child, self._child = self._child, None
        self._model = None
        if child:
            await child.end()

    def _let_go(self) -> None:
        if self._child:
            self._child.kill()  # reaped by the next note, or by close


def _ignore(_done: float) -> None:
    pass


def _lost(error: ChildDied) -> Refused:
    return Refused(
        f"Hearing this note failed ({error}). The next one is not affected; send it again, or type"
        " it."
    )
