-- Less to write for each task.

-- Log and runs by the numbers of tasks: what a task writes lies together, and most of it at the end.
-- A key of eight random letters sent every entry to another page.

CREATE TABLE numbered_events (
    id      INTEGER PRIMARY KEY,              -- never used again: the task last heard of is kept
    task    INTEGER NOT NULL REFERENCES tasks (number) ON DELETE CASCADE,
    seq     INTEGER NOT NULL,
    run     INTEGER NOT NULL,                 -- number of the run
    type    TEXT    NOT NULL,
    payload TEXT    NOT NULL,                 -- JSON
    at      REAL    NOT NULL,
    UNIQUE (task, seq)
) STRICT;
INSERT INTO numbered_events
    SELECT events.id, tasks.number, seq, CAST(SUBSTR(run_id, INSTR(run_id, '-') + 1) AS INTEGER),
           type, payload, at
    FROM events JOIN tasks ON tasks.id = task_id ORDER BY events.id;
DROP TABLE events;
ALTER TABLE numbered_events RENAME TO events;
CREATE INDEX events_errors ON events (id) WHERE type = 'error';
UPDATE subscribers SET position = MIN(position, (SELECT COALESCE(MAX(id), 0) FROM events));

CREATE TABLE numbered_runs (
    task       INTEGER NOT NULL REFERENCES tasks (number) ON DELETE CASCADE,
    number     INTEGER NOT NULL,
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
    PRIMARY KEY (task, number)
) STRICT, WITHOUT ROWID;
INSERT INTO numbered_runs
    SELECT tasks.number, runs.number, runs.agent, runs.prompt, session_id, started_at, ended_at,
           outcome, position, cost_usd, input, output, cached, runs.state, transcript
    FROM runs JOIN tasks ON tasks.id = task_id;
DROP TABLE runs;
ALTER TABLE numbered_runs RENAME TO runs;

-- Only those that have ended are counted; the others are few, and move on several times each.
DROP TRIGGER tasks_counted;
DROP TRIGGER tasks_uncounted;
DROP TRIGGER tasks_recounted;
DELETE FROM status_counts WHERE status NOT IN ('COMPLETED', 'FAILED', 'CANCELLED');
CREATE TRIGGER tasks_entered AFTER INSERT ON tasks
    WHEN new.status IN ('COMPLETED', 'FAILED', 'CANCELLED') BEGIN
    INSERT INTO status_counts VALUES (new.status, 1)
        ON CONFLICT (status) DO UPDATE SET tasks = tasks + 1;
END;
CREATE TRIGGER tasks_ended AFTER UPDATE OF status ON tasks
    WHEN new.status IN ('COMPLETED', 'FAILED', 'CANCELLED') AND old.status <> new.status BEGIN
    INSERT INTO status_counts VALUES (new.status, 1)
        ON CONFLICT (status) DO UPDATE SET tasks = tasks + 1;
END;
CREATE TRIGGER tasks_taken_up AFTER UPDATE OF status ON tasks
    WHEN old.status IN ('COMPLETED', 'FAILED', 'CANCELLED') AND old.status <> new.status BEGIN
    UPDATE status_counts SET tasks = tasks - 1 WHERE status = old.status;
END;
CREATE TRIGGER tasks_forgotten AFTER DELETE ON tasks BEGIN
    UPDATE status_counts SET tasks = tasks - 1 WHERE status = old.status;
END;
