"""The vocabulary: tasks, runs, events, what agents report, and which status may follow which.

Only plain frozen data lives here; nothing in this module does I/O. Ids of tasks are 8 lowercase
characters, times are aware UTC datetimes, costs are US dollars, paths are absolute.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from pathlib import Path
from typing import Any


class Status(StrEnum):
    CREATED = "CREATED"
    QUEUED = "QUEUED"
    EXECUTING = "EXECUTING"  # workspace and process are being made
    STREAMING = "STREAMING"  # from the agent's first event; checks and fixing turns included
    WAITING = "WAITING"  # the agent asked the owner something
    COMPLETED = "COMPLETED"
    FAILED = "FAILED"
    CANCELLED = "CANCELLED"


ENDED = frozenset({Status.COMPLETED, Status.FAILED, Status.CANCELLED})
ACTIVE = frozenset({Status.EXECUTING, Status.STREAMING, Status.WAITING})

TRANSITIONS: Mapping[Status, frozenset[Status]] = {
    Status.CREATED: frozenset({Status.QUEUED, Status.FAILED, Status.CANCELLED}),
    Status.QUEUED: frozenset({Status.EXECUTING, Status.FAILED, Status.CANCELLED}),
    # back to QUEUED: the hub died before the agent's process existed
    Status.EXECUTING: frozenset({Status.STREAMING, Status.QUEUED, Status.FAILED, Status.CANCELLED}),
    # back to QUEUED: a passing failure; the agent is started again when its time has come
    Status.STREAMING: frozenset(
        {
            Status.WAITING,
            Status.EXECUTING,
            Status.QUEUED,
            Status.COMPLETED,
            Status.FAILED,
            Status.CANCELLED,
        }
    ),
    Status.WAITING: frozenset({Status.STREAMING, Status.FAILED, Status.CANCELLED}),
    # a follow-up or retry starts a new run
    Status.COMPLETED: frozenset({Status.QUEUED}),
    Status.FAILED: frozenset({Status.QUEUED}),
    Status.CANCELLED: frozenset({Status.QUEUED}),
}


class Outcome(StrEnum):
    SUCCEEDED = "succeeded"
    FAILED = "failed"
    CANCELLED = "cancelled"


class Mode(StrEnum):
    """What an agent may do without asking."""

    ASK = "ask"  # whatever the agent asks about goes to the owner
    EDITS = "edits"  # edits inside the workspace pass, the rest asks
    TRUSTED = "trusted"  # everything passes; only under a working sandbox


class ReviewState(StrEnum):
    OPEN = "open"
    MERGED = "merged"
    PULL_REQUEST = "pull_request"
    DISCARDED = "discarded"
    NO_CHANGE = "no_change"


class EventType(StrEnum):
    STARTED = "started"
    PROGRESS = "progress"
    OUTPUT = "output"
    COMPLETED = "completed"
    ERROR = "error"
    QUESTION = "question"
    ANSWER = "answer"


@dataclass(frozen=True, slots=True)
class Tokens:
    input: int = 0
    output: int = 0
    cached: int = 0

    def __add__(self, other: Tokens) -> Tokens:
        return Tokens(
            self.input + other.input, self.output + other.output, self.cached + other.cached
        )


# --- what an agent reports (drivers make these, the engine turns them into events) --------------


class ToolKind(StrEnum):
    READ = "read"
    EDIT = "edit"
    EXECUTE = "execute"
    SEARCH = "search"
    FETCH = "fetch"
    THINK = "think"
    OTHER = "other"


@dataclass(frozen=True, slots=True)
class SessionStarted:
    """The agent's own name for the conversation, for resuming it."""

    session_id: str
    model: str | None = None


@dataclass(frozen=True, slots=True)
class Text:
    text: str


@dataclass(frozen=True, slots=True)
class Thinking:
    text: str


@dataclass(frozen=True, slots=True)
class PlanStep:
    text: str
    status: str  # pending | active | done


@dataclass(frozen=True, slots=True)
class Plan:
    """The whole plan as it stands now; a later one replaces it."""

    steps: tuple[PlanStep, ...]


@dataclass(frozen=True, slots=True)
class ToolCall:
    """One use of a tool. The same `id` comes again when `status` changes."""

    id: str
    kind: ToolKind
    title: str
    status: str  # started | succeeded | failed


@dataclass(frozen=True, slots=True)
class FileEdit:
    path: str
    diff: str = ""  # unified, empty where the agent does not tell


@dataclass(frozen=True, slots=True)
class Command:
    """A shell command that ended (or whose end the agent does not tell: `exit_code` None)."""

    command: str
    output_tail: str = ""
    exit_code: int | None = None


@dataclass(frozen=True, slots=True)
class Request:
    """The agent waits for an answer that carries this `request_id`.

    `kind` None means a question in words; otherwise a permission to use a tool of that kind.
    `paths` are the files it would touch, `command` the shell command it would run, where known.
    `options` are what may be answered: `allow` and `deny` for a permission, free labels otherwise.
    """

    request_id: str
    title: str
    kind: ToolKind | None
    detail: str = ""
    paths: tuple[str, ...] = ()
    command: str | None = None
    options: tuple[str, ...] = ("allow", "deny")


@dataclass(frozen=True, slots=True)
class RequestWithdrawn:
    """The agent no longer waits for this answer."""

    request_id: str


@dataclass(frozen=True, slots=True)
class Usage:
    """What was used since the last `Usage` of this process (never a running total)."""

    tokens: Tokens = Tokens()
    cost_usd: float | None = None


@dataclass(frozen=True, slots=True)
class Trouble:
    """Something went wrong, says the agent; `transient`: rate limit, overload, network."""

    message: str
    transient: bool
    retry_after_s: float | None = None


@dataclass(frozen=True, slots=True)
class Told:
    """Where among the reports a message was taken in: behind a `TurnEnded` it begins a turn."""

    message_id: str


@dataclass(frozen=True, slots=True)
class TurnEnded:
    """The agent is done with what it was last told. Says nothing about whether the work is good."""

    outcome: Outcome
    text: str = ""  # its last message
    transient: bool = False  # with FAILED: worth another try


@dataclass(frozen=True, slots=True)
class ProcessEnded:
    """The agent's process is over; always the last report. `reason` is what ended it."""

    exit_code: int | None
    reason: str  # exited | wall | idle | output | memory | disk | stopped | gone
    detail: str = ""  # tail of standard error, or what the limit was


AgentEvent = (
    SessionStarted
    | Text
    | Thinking
    | Plan
    | ToolCall
    | FileEdit
    | Command
    | Request
    | RequestWithdrawn
    | Usage
    | Trouble
    | Told
    | TurnEnded
    | ProcessEnded
)


@dataclass(frozen=True, slots=True)
class Batch:
    """What one transcript line meant. `position` is the byte offset just behind that line."""

    position: int
    events: tuple[AgentEvent, ...]


# --- tasks ---------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Project:
    """A git repository of the owner's and how Gofer treats it (`projects.toml`)."""

    name: str
    path: Path
    agent: str | None = None
    base: str | None = None  # branch, tag or commit; None: the checked-out branch's head
    mode: Mode | None = None
    setup: str | None = None  # shell command, once per workspace, in the sandbox
    check: str | None = None  # shell command, before the first turn and after each
    copy: tuple[str, ...] = ()  # untracked files to copy in, never overwriting
    link: tuple[str, ...] = ()  # untracked folders to show read-only
    max_concurrent: int | None = None


@dataclass(frozen=True, slots=True)
class TrackedFile:
    path: str  # relative to the repository, `/`-separated
    blob: str  # object id of its content


@dataclass(frozen=True, slots=True)
class Mount:
    """A path that the sandbox shows to the agent at `target` (default: the same place)."""

    source: Path
    target: Path
    writable: bool = False


@dataclass(frozen=True, slots=True)
class Workspace:
    """Where one task works. `path` is the work tree; it never moves (agents resume by folder)."""

    path: Path
    project: str
    branch: str
    base: str  # commit id that the branch started from
    head: str  # commit id of the branch as last published
    mounts: tuple[Mount, ...] = ()  # what else of the file system git and the checks need
    protected: tuple[Path, ...] = ()  # inside `path`, shown read-only (its `.git`)


@dataclass(frozen=True, slots=True)
class FileChange:
    path: str
    added: int | None  # lines; None for binaries
    removed: int | None
    status: str  # added | modified | deleted | renamed | mode
    old_path: str | None = None
    accepted: bool = False


@dataclass(frozen=True, slots=True)
class CheckResult:
    """One run of the project's check (or set-up) command."""

    command: str
    exit_code: int | None  # None: it could not be run or was stopped; `tail` says why
    tail: str  # the last lines it printed, both streams, at most 4,000 characters
    seconds: float

    @property
    def passed(self) -> bool:
        return self.exit_code == 0


@dataclass(frozen=True, slots=True)
class Review:
    state: ReviewState
    files: tuple[FileChange, ...] = ()
    added: int = 0
    removed: int = 0
    check: str | None = None  # passed | failed | None: the project has none
    check_before: str | None = None  # the same before the first turn
    check_tail: str = ""
    notes: tuple[str, ...] = ()  # what deserves a look
    merged_commit: str | None = None
    target: str | None = None  # branch it was merged into
    url: str | None = None  # of the pull request
    pushed: str | None = None  # head that was last sent to it
    waits: str | None = None  # why it does not have what came since


@dataclass(frozen=True, slots=True)
class Question:
    request_id: str
    text: str
    options: tuple[str, ...]
    expires_at: datetime
    detail: str = ""
    kind: str | None = None  # ToolKind of a permission, None for a question in words
    command: str | None = None  # the shell command that would run, where known


@dataclass(frozen=True, slots=True)
class Failure:
    message: str
    recoverable: bool


@dataclass(frozen=True, slots=True)
class Run:
    id: str
    task_id: str
    number: int  # 1 for the first
    agent: str
    prompt: str
    session_id: str | None = None
    started_at: datetime | None = None
    ended_at: datetime | None = None
    outcome: Outcome | None = None
    position: int = 0  # transcript offset up to which events are stored
    cost_usd: float = 0.0
    tokens: Tokens = Tokens()


@dataclass(frozen=True, slots=True)
class Task:
    id: str
    title: str
    instructions: str  # what the person said
    prompt: str  # what the agent is told (the rendered template)
    project: str
    agent: str
    mode: Mode
    status: Status
    created_at: datetime
    updated_at: datetime
    template: str | None = None
    arguments: Mapping[str, Any] = field(default_factory=dict)
    origin: str = "cli"  # telegram:<chat id> | cli | mcp | ...
    base_ref: str | None = None
    group: str | None = None  # ties the siblings of a duel
    after: str | None = None  # id of the task it waits for
    workspace: Workspace | None = None
    runs: tuple[Run, ...] = ()
    answer: str | None = None
    question: Question | None = None
    review: Review | None = None
    error: Failure | None = None

    @property
    def branch(self) -> str | None:
        return self.workspace.branch if self.workspace else None

    @property
    def head(self) -> str | None:
        return self.workspace.head if self.workspace else None


@dataclass(frozen=True, slots=True)
class Submission:
    """A request for a task. `key` makes it idempotent: the same key gives the same task again."""

    instructions: str
    project: str | None = None  # name or path; None: the only one
    agents: tuple[str, ...] = ()  # none: the project's, else the default; several: a duel
    template: str | None = None
    arguments: Mapping[str, Any] = field(default_factory=dict)
    mode: Mode | None = None
    base: str | None = None
    include_uncommitted: bool = False
    after: str | None = None
    origin: str = "cli"
    key: str | None = None


@dataclass(frozen=True, slots=True)
class Event:
    """One entry of a task's log. `seq` counts 1, 2, 3 … within the task, `id` over all tasks.

    `payload["kind"]` names what `payload` holds; the kinds are listed in docs/architecture.md.
    """

    id: int
    task_id: str
    seq: int
    run_id: str | None
    type: EventType
    payload: Mapping[str, Any]
    at: datetime


class Decision(StrEnum):
    ALLOW = "allow"
    DENY = "deny"


@dataclass(frozen=True, slots=True)
class Limits:
    """Enforced by the bridge, hub or no hub. Seconds and bytes."""

    wall_s: float = 3600
    idle_s: float = 600
    output_bytes: int = 2_000_000_000
    memory_bytes: int | None = None
    disk_bytes: int | None = None


@dataclass(frozen=True, slots=True)
class RunSpec:
    """All that is needed to start an agent, or to find it again."""

    run_id: str
    task_id: str
    project: str
    agent: str
    folder: Path  # transcript.jsonl, stderr.log, exit.json; kept by Gofer, unseen by the agent
    workspace: Workspace
    prompt: str
    mode: Mode
    limits: Limits
    session_id: str  # chosen by the engine, stored before the agent starts
    resume: bool = False  # an earlier run had this session


@dataclass(frozen=True, slots=True)
class AgentInfo:
    name: str
    protocol: str
    installed: bool
    version: str | None = None
    tried_with: str | None = None  # versions the driver was tried with
    logged_in: bool | None = None  # None: cannot be known
    problem: str | None = None  # why it cannot run, and what to do


@dataclass(frozen=True, slots=True)
class SandboxInfo:
    """`working` is proved by a probe. `choice` is GOFER_SANDBOX."""

    choice: str
    kind: str  # bwrap | container | none
    working: bool
    problem: str | None = None
    gap: str | None = None  # what it cannot hold here, though it works
