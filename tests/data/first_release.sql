BEGIN TRANSACTION;
CREATE TABLE buttons (
    token    TEXT PRIMARY KEY,
    chat_id  INTEGER NOT NULL,
    action   TEXT    NOT NULL,
    subject  TEXT    NOT NULL,  -- id of a task or draft
    args     TEXT    NOT NULL,  -- JSON: the head or request it is bound to, and the like
    shown_at REAL    NOT NULL
) STRICT, WITHOUT ROWID;
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
CREATE TABLE chats (
    id      INTEGER PRIMARY KEY,
    project TEXT,  -- last one chosen
    task    TEXT,  -- last one that was talked about
    waiting TEXT   -- JSON: what the next message will be taken for
) STRICT;
CREATE TABLE drafts (
    id         INTEGER PRIMARY KEY,  -- of the update it came from
    chat_id    INTEGER NOT NULL,
    state      TEXT    NOT NULL,     -- hearing | open | sent | dropped
    message_id INTEGER,              -- the message that shows it
    body       TEXT    NOT NULL,     -- JSON
    updated_at REAL    NOT NULL
) STRICT;
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
INSERT INTO "events" VALUES(1,'a1b2c3d4',1,'a1b2c3d4-1','started','{"kind": "submitted", "agent": "claude", "prompt": "Fix the total of the cart."}',1.79553758046713709834e+09);
INSERT INTO "events" VALUES(2,'a1b2c3d4',2,'a1b2c3d4-1','progress','{"kind": "status", "status": "QUEUED"}',1.79553758046713709834e+09);
INSERT INTO "events" VALUES(3,'a1b2c3d4',3,'a1b2c3d4-1','progress','{"kind": "status", "status": "EXECUTING"}',1.7955375804718029499e+09);
INSERT INTO "events" VALUES(4,'a1b2c3d4',4,'a1b2c3d4-1','progress','{"kind": "workspace", "branch": "gofer/a1b2c3d4-fix-the-total-of-the-cart", "base": "0000000000000000000000000000000000000000"}',1795537580.47521);
INSERT INTO "events" VALUES(5,'a1b2c3d4',5,'a1b2c3d4-1','started','{"kind": "run", "agent": "claude", "prompt": "Fix the total of the cart."}',1795537580.47521);
INSERT INTO "events" VALUES(6,'a1b2c3d4',6,'a1b2c3d4-1','progress','{"kind": "status", "status": "STREAMING"}',1.79553758048431396482e+09);
INSERT INTO "events" VALUES(7,'a1b2c3d4',7,'a1b2c3d4-1','output','{"kind": "text", "text": "I look around."}',1.79553758048431396482e+09);
INSERT INTO "events" VALUES(8,'a1b2c3d4',8,'a1b2c3d4-1','progress','{"kind": "usage", "cost_usd": 0.02, "tokens": {"input": 1200, "output": 80, "cached": 900}}',1.79553758048431396482e+09);
INSERT INTO "events" VALUES(9,'a1b2c3d4',9,'a1b2c3d4-1','question','{"kind": "question", "request_id": "r1", "text": "Run it?", "detail": "make test", "options": ["allow", "deny"], "expires_at": "2026-11-24T17:26:20.484Z", "asks": "execute"}',1.79553758048431396482e+09);
INSERT INTO "events" VALUES(10,'a1b2c3d4',10,'a1b2c3d4-1','progress','{"kind": "status", "status": "WAITING"}',1.79553758048431396482e+09);
INSERT INTO "events" VALUES(11,'a1b2c3d4',11,'a1b2c3d4-1','progress','{"kind": "steer", "text": "And the docs.", "by": "Ada"}',1.79553758048809909819e+09);
INSERT INTO "events" VALUES(12,'a1b2c3d4',12,'a1b2c3d4-1','answer','{"kind": "answer", "request_id": "r1", "decision": "allow", "by": "Ada", "text": ""}',1.7955375804920630455e+09);
INSERT INTO "events" VALUES(13,'a1b2c3d4',13,'a1b2c3d4-1','progress','{"kind": "status", "status": "STREAMING"}',1.7955375804920630455e+09);
INSERT INTO "events" VALUES(14,'a1b2c3d4',14,'a1b2c3d4-1','progress','{"kind": "checkpoint", "head": "d20f1c2e0ad4468bc6df97757b9454233d8269d2"}',1.79553758051215600968e+09);
INSERT INTO "events" VALUES(15,'a1b2c3d4',15,'a1b2c3d4-1','progress','{"kind": "status", "status": "COMPLETED"}',1.79553758051215600968e+09);
INSERT INTO "events" VALUES(16,'a1b2c3d4',16,'a1b2c3d4-1','completed','{"kind": "completed", "outcome": "succeeded", "answer": "The total is right now."}',1.79553758051215600968e+09);
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
INSERT INTO "grants" VALUES(1,'task','a1b2c3d4','app','execute','[]','Ada',NULL);
CREATE TABLE intents (
    task_id TEXT PRIMARY KEY REFERENCES tasks (id) ON DELETE CASCADE,
    kind    TEXT NOT NULL,
    args    TEXT NOT NULL,                    -- JSON
    at      REAL NOT NULL
) STRICT, WITHOUT ROWID;
CREATE TABLE messages (
    id      TEXT    PRIMARY KEY,
    task_id TEXT    NOT NULL REFERENCES tasks (id) ON DELETE CASCADE,
    text    TEXT    NOT NULL,
    sender  TEXT    NOT NULL,
    at      REAL    NOT NULL,
    told_at REAL
) STRICT;
INSERT INTO "messages" VALUES('m1','a1b2c3d4','And the docs.','Ada',1.79553758048809909819e+09,1.79553758049911189086e+09);
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
INSERT INTO "outbox" VALUES(1,'log:owner','question','a1b2c3d4','{"task": {"id": "a1b2c3d4", "status": "WAITING", "title": "Fix the total of the cart", "instructions": "Fix the total of the cart.", "project": "app", "agent": "claude", "template": null, "mode": "edits", "branch": "gofer/a1b2c3d4-fix-the-total-of-the-cart", "base": "0000000000000000000000000000000000000000", "head": "0000000000000000000000000000000000000000", "group": null, "after": null, "created_at": "2026-11-24T16:26:20.465Z", "updated_at": "2026-11-24T16:26:20.484Z", "runs": [{"id": "a1b2c3d4-1", "agent": "claude", "started_at": "2026-11-24T16:26:20.475Z", "ended_at": null, "outcome": null, "cost_usd": 0.02, "tokens": {"input": 1200, "output": 80, "cached": 900}}], "answer": null, "question": {"request_id": "r1", "text": "Run it?", "detail": "make test", "kind": "execute", "options": ["allow", "deny"], "expires_at": "2026-11-24T17:26:20.484Z"}, "review": null, "cost_usd": 0.02, "tokens": {"input": 1200, "output": 80, "cached": 900}, "error": null}, "question": {"request_id": "r1", "text": "Run it?", "detail": "make test", "kind": "execute", "options": ["allow", "deny"], "expires_at": "2026-11-24T17:26:20.484Z"}}',1.79553758048431396482e+09,0,0.0,NULL);
INSERT INTO "outbox" VALUES(2,'log:owner','finished','a1b2c3d4','{"task": {"id": "a1b2c3d4", "status": "COMPLETED", "title": "Fix the total of the cart", "instructions": "Fix the total of the cart.", "project": "app", "agent": "claude", "template": null, "mode": "edits", "branch": "gofer/a1b2c3d4-fix-the-total-of-the-cart", "base": "0000000000000000000000000000000000000000", "head": "d20f1c2e0ad4468bc6df97757b9454233d8269d2", "group": null, "after": null, "created_at": "2026-11-24T16:26:20.465Z", "updated_at": "2026-11-24T16:26:20.512Z", "runs": [{"id": "a1b2c3d4-1", "agent": "claude", "started_at": "2026-11-24T16:26:20.475Z", "ended_at": "2026-11-24T16:26:20.512Z", "outcome": "succeeded", "cost_usd": 0.02, "tokens": {"input": 1200, "output": 80, "cached": 900}}], "answer": "The total is right now.", "question": null, "review": {"state": "open", "files": [{"path": "cart.py", "added": 1, "removed": 0, "status": "added", "old_path": null, "accepted": false}], "added": 1, "removed": 0, "check": null, "check_before": null, "check_tail": "", "notes": [], "merged_commit": null, "target": null, "url": null}, "cost_usd": 0.02, "tokens": {"input": 1200, "output": 80, "cached": 900}, "error": null}}',1.79553758051215600968e+09,0,0.0,NULL);
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
INSERT INTO "questions" VALUES('a1b2c3d4','a1b2c3d4-1','r1',9,'{"request_id":"r1","title":"Run it?","kind":"execute","detail":"","paths":[],"command":"make test","options":["allow","deny"]}',1.79554118048431396482e+09,'allow','','Ada',1);
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
INSERT INTO "runs" VALUES('a1b2c3d4',1,'a1b2c3d4-1','claude','Fix the total of the cart.','3cba55ef-fc12-45e0-bc81-86770270e72a',1795537580.47521,1.79553758051215600968e+09,'succeeded',8,0.02,1200,80,900,'{"attempt":0,"prompt":null,"resume":false,"started":true,"session":"3cba55ef-fc12-45e0-bc81-86770270e72a","retries":0,"fixes":0,"stored_output":14,"turn":{"outcome":"succeeded","text":"The total is right now.","transient":false},"ended":{"exit_code":0,"reason":"exited","detail":""}}',1);
CREATE TABLE status_counts (
    status TEXT    PRIMARY KEY,
    tasks  INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
INSERT INTO "status_counts" VALUES('COMPLETED',1);
INSERT INTO "status_counts" VALUES('EXECUTING',0);
INSERT INTO "status_counts" VALUES('QUEUED',0);
INSERT INTO "status_counts" VALUES('STREAMING',0);
INSERT INTO "status_counts" VALUES('WAITING',0);
CREATE TABLE submissions (
    key     TEXT    NOT NULL,
    number  INTEGER NOT NULL,
    task_id TEXT    NOT NULL REFERENCES tasks (id) ON DELETE CASCADE,
    PRIMARY KEY (key, number)
) STRICT, WITHOUT ROWID;
INSERT INTO "submissions" VALUES('k1',0,'a1b2c3d4');
CREATE TABLE subscribers (
    name     TEXT    PRIMARY KEY,
    position INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
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
INSERT INTO "tasks" VALUES(1,'a1b2c3d4','Fix the total of the cart','Fix the total of the cart.','Fix the total of the cart.','app','claude','edits','COMPLETED',1.79553758046555495255e+09,1.79553758051215600968e+09,NULL,'{}','cli',NULL,NULL,NULL,'{"path":"/home/ada/home/worktrees/a1b2c3d4","project":"app","branch":"gofer/a1b2c3d4-fix-the-total-of-the-cart","base":"0000000000000000000000000000000000000000","head":"d20f1c2e0ad4468bc6df97757b9454233d8269d2","mounts":[],"protected":[]}',NULL,'{"state":"open","files":[{"path":"cart.py","added":1,"removed":0,"status":"added","old_path":null,"accepted":false}],"added":1,"removed":0,"check":null,"check_before":null,"check_tail":"","notes":[],"merged_commit":null,"target":null,"url":null}',NULL,'{"include_uncommitted":false,"prepared":false,"check_before":null,"cancel_by":null}','The total is right now.',16,0.0,1);
CREATE TABLE updates (
    id          INTEGER PRIMARY KEY,  -- as the messenger numbers them
    body        TEXT    NOT NULL,     -- JSON, as it came; emptied when finished
    received_at REAL    NOT NULL,     -- Unix time
    attempts    INTEGER NOT NULL DEFAULT 0,
    route       TEXT,                 -- JSON: what it was taken for
    finished_at REAL
) STRICT;
CREATE INDEX tasks_status ON tasks (status, number);
CREATE INDEX tasks_project ON tasks (project, number);
CREATE INDEX tasks_origin ON tasks (origin, number);
CREATE INDEX tasks_siblings ON tasks (sibling_of) WHERE sibling_of IS NOT NULL;
CREATE INDEX tasks_worktree ON tasks (number) WHERE worktree = 1;
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
CREATE INDEX events_errors ON events (id) WHERE type = 'error';
CREATE INDEX messages_waiting ON messages (task_id, at) WHERE told_at IS NULL;
CREATE INDEX messages_task ON messages (task_id);
CREATE INDEX questions_open ON questions (task_id, number) WHERE decision IS NULL;
CREATE INDEX questions_untold ON questions (task_id) WHERE told = 0;
CREATE INDEX submissions_task ON submissions (task_id);
CREATE INDEX outbox_destination ON outbox (destination, id);
CREATE INDEX grants_project ON grants (project);
CREATE INDEX grants_task ON grants (task_id);
CREATE INDEX updates_pending ON updates (id) WHERE finished_at IS NULL;
CREATE INDEX updates_finished ON updates (finished_at) WHERE finished_at IS NOT NULL;
CREATE INDEX drafts_message ON drafts (chat_id, message_id);
CREATE INDEX drafts_updated ON drafts (updated_at);
CREATE INDEX cards_message ON cards (chat_id, message_id);
CREATE INDEX cards_task ON cards (task_id);
CREATE INDEX cards_live ON cards (live) WHERE live = 1;
CREATE INDEX cards_shown ON cards (shown_at);
CREATE INDEX buttons_shown ON buttons (shown_at);
DELETE FROM "sqlite_sequence";
INSERT INTO "sqlite_sequence" VALUES('tasks',1);
INSERT INTO "sqlite_sequence" VALUES('events',16);
INSERT INTO "sqlite_sequence" VALUES('outbox',2);
INSERT INTO "sqlite_sequence" VALUES('grants',1);
COMMIT;
PRAGMA user_version=10;
