"""The tree of everything that goes wrong on purpose.

GoferError
├── UserError            shown to the person as it stands; says what to do
│   ├── NotFound         the named thing does not exist; lists what does
│   ├── NoHub            no Gofer is running that could do it
│   ├── Refused          well-formed, but not now (queue full, disk short, head moved, wrong state)
│   └── Denied           this person or client may not do this
├── TransientError       worth another try; the only one that is retried
├── GitError             git said no
│   ├── MergeConflict    `.files` are in conflict
│   └── UnsafeRepository the repository tries to run code of its own
└── AgentError           the agent or its process failed
    ├── NotInstalled     its program is not on this machine
    ├── AgentGone        its bridge is gone and left no exit record
    ├── TimedOut         a wall, idle or output limit ended it
    └── ProtocolError    it said something that its protocol does not allow

Each error's text is one message in the user's words; `recoverable` says whether the same request
may succeed later without anybody changing it.
"""

from __future__ import annotations


class GoferError(Exception):
    """Something went wrong in Gofer."""

    recoverable = False

    def __init__(self, message: str | None = None) -> None:
        super().__init__(message or (type(self).__doc__ or "").strip())


class UserError(GoferError):
    """The request cannot be done as it stands."""


class NotFound(UserError):
    """No such thing."""


class NoHub(UserError):
    """Gofer is not running. Start it with `gofer up`, then try again."""


class Refused(UserError):
    """Not possible right now."""

    recoverable = True


class Denied(UserError):
    """You are not allowed to do this."""


class TransientError(GoferError):
    """A passing failure; it will be tried again."""

    recoverable = True

    def __init__(self, message: str | None = None, retry_after_s: float | None = None) -> None:
        super().__init__(message)
        self.retry_after_s = retry_after_s


class GitError(GoferError):
    """Git could not do this."""


class MergeConflict(GitError):
    """The change conflicts with its target."""

    recoverable = True

    def __init__(self, files: tuple[str, ...], message: str | None = None) -> None:
        named = ", ".join(files)
        super().__init__(message or f"The change conflicts with its target in: {named}.")
        self.files = files


class UnsafeRepository(GitError):
    """The repository tries to run code of its own, so it was not touched."""


class AgentError(GoferError):
    """The agent failed."""


class NotInstalled(AgentError):
    """The agent's program is not installed."""


class AgentGone(AgentError):
    """The agent's process is gone."""


class TimedOut(AgentError):
    """The agent reached a limit and was stopped."""

    recoverable = True


class ProtocolError(AgentError):
    """The agent broke its protocol."""
