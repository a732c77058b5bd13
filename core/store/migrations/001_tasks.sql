-- Tasks, their runs and their log; what is on its way to agents and to people. Times are Unix time.
-- Primary keys come first: SQLite 3.40 checks tables without rowid wrongly where they do not.

CREATE TABLE tasks (
    number       INTEGER PRIMARY KEY AUTOINCREMENT,  -- newest is highest
    id           TEXT    NOT NULL UNIQUE,
    title        TEXT    NOT NULL,
    instructions TEXT    NOT NULL,
    prompt       TEXT    NOT NULL,
    project      TEXT    NOT NULL,
    agent        TEXT    NOT NULL,
    mode         TEXT    NOT NULL,
    status       TEXT    NOT NULL,
    created_at   REAL    NOT NULL,
    updated_at   REAL    NOT NULL,
    template     TEXT,
    arguments    TEXT    NOT NULL,            -- JSON
    origin       TEXT    NOT NULL,
    base_ref     TEXT,
    sibling_of   TEXT,                        -- Task.group
    after        TEXT,
    workspace    TEXT,                        -- JSON, as are the next four
    question     TEXT,
    review       TEXT,
    error        TEXT,
    state        TEXT    NOT NULL,            -- what the engine alone needs
    answer       TEXT,
    last_seq     INTEGER NOT NULL DEFAULT 0,
    not_before   REAL    NOT NULL DEFAULT 0,  -- a queued one rests until then
    worktree     INTEGER NOT NULL DEFAULT 0   -- 1: there may be one on disk
) STRICT;
CREATE INDEX tasks_status ON tasks (status, number);
CREATE INDEX tasks_project ON tasks (project, number);
CREATE INDEX tasks_origin ON tasks (origin, number);
CREATE INDEX tasks_siblings ON tasks (sibling_of) WHERE sibling_of IS NOT NULL;
CREATE INDEX tasks_worktree ON tasks (number) WHERE worktree = 1;

-- How many tasks have which status, so that nobody has to count them.
CREATE TABLE status_counts (
    status TEXT    PRIMARY KEY,
    tasks  INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
CREATE TRIGGER tasks_counted AFTER INSERT ON tasks BEGIN
    INSERT INTO status_counts VALUES (new.status, 1)
        ON CONFLICT (status) DO UPDATE SET tasks = tasks + 1;
END;
CREATE TRIGGER tasks_uncounted AFTER DELETE ON tasks BEGIN
    UPDATE status_counts SET tasks = tasks - 1 WHERE status = old.status;
END;
CREATE TRIGGER tasks_recounted AFTER UPDATE OF status ON tasks WHEN old.status <> new.status BEGIN
    UPDATE status_counts SET tasks = tasks - 1 WHERE status = old.status;
    INSERT INTO status_counts VALUES (new.status, 1)
        ON CONFLICT (status) DO UPDATE SET tasks = tasks + 1;
END;

CREATE TABLE runs (
    task_id    TEXT    NOT NULL REFERENCES tasks (id) ON DELETE CASCADE,
    number     INTEGER NOT NULL,
    id         TEXT    NOT NULL,              -- <task id>-<number>
    agent      TEXT    NOT NULL,
    prompt     TEXT    NOT NULL,
    session_id TEXT,
    started_at REAL,
    ended_at   REAL,
    outcome    TEXT,
    position   INTEGER NOT NULL DEFAULT 0,
    cost_usd   REAL    NOT NULL DEFAULT 0,
    input      INTEGER NOT NULL DEFAULT 0,    -- tokens
    output     INTEGER NOT NULL DEFAULT 0,
    cached     INTEGER NOT NULL DEFAULT 0,
    state      TEXT    NOT NULL,              -- JSON: what the engine alone needs
    transcript INTEGER NOT NULL DEFAULT 1,    -- 1: its folder may be on disk
    PRIMARY KEY (task_id, number)
) STRICT, WITHOUT ROWID;

CREATE TABLE events (
    id      INTEGER PRIMARY KEY AUTOINCREMENT,
    task_id TEXT    NOT NULL REFERENCES tasks (id) ON DELETE CASCADE,
    seq     INTEGER NOT NULL,
    run_id  TEXT,
    type    TEXT    NOT NULL,
    payload TEXT    NOT NULL,                 -- JSON
    at      REAL    NOT NULL,
    UNIQUE (task_id, seq)
) STRICT;
CREATE INDEX events_errors ON events (id) WHERE type = 'error';

-- What an agent is to be told; kept until the task is forgotten, so a key works once.
CREATE TABLE messages (
    id      TEXT    PRIMARY KEY,
    task_id TEXT    NOT NULL REFERENCES tasks (id) ON DELETE CASCADE,
    text    TEXT    NOT NULL,
    sender  TEXT    NOT NULL,
    at      REAL    NOT NULL,
    told_at REAL
) STRICT;
CREATE INDEX messages_waiting ON messages (task_id, at) WHERE told_at IS NULL;
CREATE INDEX messages_task ON messages (task_id);

-- What agents asked, and what was answered by whom.
CREATE TABLE questions (
    task_id     TEXT    NOT NULL REFERENCES tasks (id) ON DELETE CASCADE,
    run_id      TEXT    NOT NULL,
    request_id  TEXT    NOT NULL,
    number      INTEGER NOT NULL,             -- seq of the event that asked, or 0
    request     TEXT    NOT NULL,             -- JSON
    expires_at  REAL    NOT NULL,
    decision    TEXT,
    text        TEXT    NOT NULL DEFAULT '',
    answered_by TEXT,
    told        INTEGER NOT NULL DEFAULT 0,   -- 1: the agent knows
    PRIMARY KEY (task_id, run_id, request_id)
) STRICT, WITHOUT ROWID;
CREATE INDEX questions_open ON questions (task_id, number) WHERE decision IS NULL;
CREATE INDEX questions_untold ON questions (task_id) WHERE told = 0;

-- Which request made which tasks, so that a repeated one makes none.
CREATE TABLE submissions (
    key     TEXT    NOT NULL,
    number  INTEGER NOT NULL,
    task_id TEXT    NOT NULL REFERENCES tasks (id) ON DELETE CASCADE,
    PRIMARY KEY (key, number)
) STRICT, WITHOUT ROWID;
CREATE INDEX submissions_task ON submissions (task_id);

-- A decision about a task's branch that has been taken and is being carried out in git.
CREATE TABLE intents (
    task_id TEXT PRIMARY KEY REFERENCES tasks (id) ON DELETE CASCADE,
    kind    TEXT NOT NULL,
    args    TEXT NOT NULL,                    -- JSON
    at      REAL NOT NULL
) STRICT, WITHOUT ROWID;

CREATE TABLE outbox (
    id          INTEGER PRIMARY KEY AUTOINCREMENT,
    destination TEXT    NOT NULL,
    kind        TEXT    NOT NULL,
    task_id     TEXT,
    payload     TEXT    NOT NULL,             -- JSON
    created_at  REAL    NOT NULL,
    attempts    INTEGER NOT NULL DEFAULT 0,
    not_before  REAL    NOT NULL DEFAULT 0,
    problem     TEXT
) STRICT;
CREATE INDEX outbox_destination ON outbox (destination, id);

CREATE TABLE grants (
    id         INTEGER PRIMARY KEY AUTOINCREMENT,
    scope      TEXT    NOT NULL,              -- task | prefix
    task_id    TEXT    REFERENCES tasks (id) ON DELETE CASCADE,
    project    TEXT    NOT NULL,
    kind       TEXT    NOT NULL,
    prefix     TEXT    NOT NULL,              -- JSON list of words
    granted_by TEXT    NOT NULL,
    expires_at REAL
) STRICT;
CREATE INDEX grants_project ON grants (project);
CREATE INDEX grants_task ON grants (task_id);

CREATE TABLE subscribers (
    name     TEXT    PRIMARY KEY,
    position INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
