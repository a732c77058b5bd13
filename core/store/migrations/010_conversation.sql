-- What a chat needs to remember: what came in, what is being proposed, which message shows what.

-- An update is here before its sender is told that it arrived; it is handled once.
CREATE TABLE updates (
    id          INTEGER PRIMARY KEY,  -- as the messenger numbers them
    body        TEXT    NOT NULL,     -- JSON, as it came; emptied when finished
    received_at REAL    NOT NULL,     -- Unix time
    attempts    INTEGER NOT NULL DEFAULT 0,
    route       TEXT,                 -- JSON: what it was taken for
    finished_at REAL
) STRICT;
CREATE INDEX updates_pending ON updates (id) WHERE finished_at IS NULL;
CREATE INDEX updates_finished ON updates (finished_at) WHERE finished_at IS NOT NULL;

CREATE TABLE chats (
    id      INTEGER PRIMARY KEY,
    project TEXT,  -- last one chosen
    task    TEXT,  -- last one that was talked about
    waiting TEXT   -- JSON: what the next message will be taken for
) STRICT;

-- What was heard or typed, until it becomes a task.
CREATE TABLE drafts (
    id         INTEGER PRIMARY KEY,  -- of the update it came from
    chat_id    INTEGER NOT NULL,
    state      TEXT    NOT NULL,     -- hearing | open | sent | dropped
    message_id INTEGER,              -- the message that shows it
    body       TEXT    NOT NULL,     -- JSON
    updated_at REAL    NOT NULL
) STRICT;
CREATE INDEX drafts_message ON drafts (chat_id, message_id);
CREATE INDEX drafts_updated ON drafts (updated_at);

-- Which message shows what of which task.
CREATE TABLE cards (
    chat_id    INTEGER NOT NULL,
    key        TEXT    NOT NULL,  -- one message each: working:<task>:<run>, question:<request>, …
    message_id INTEGER NOT NULL,
    task_id    TEXT    NOT NULL,
    kind       TEXT    NOT NULL,  -- working | question | ended | page
    live       INTEGER NOT NULL,  -- 1: it will still change by itself
    shown_at   REAL    NOT NULL,
    PRIMARY KEY (chat_id, key)
) STRICT, WITHOUT ROWID;
CREATE INDEX cards_message ON cards (chat_id, message_id);
CREATE INDEX cards_task ON cards (task_id);
CREATE INDEX cards_live ON cards (live) WHERE live = 1;
CREATE INDEX cards_shown ON cards (shown_at);

-- What a button means. What the messenger carries is only the token.
CREATE TABLE buttons (
    token    TEXT PRIMARY KEY,
    chat_id  INTEGER NOT NULL,
    action   TEXT    NOT NULL,
    subject  TEXT    NOT NULL,  -- id of a task or draft
    args     TEXT    NOT NULL,  -- JSON: the head or request it is bound to, and the like
    shown_at REAL    NOT NULL
) STRICT, WITHOUT ROWID;
CREATE INDEX buttons_shown ON buttons (shown_at);
