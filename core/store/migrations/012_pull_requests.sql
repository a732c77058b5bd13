-- 1: its newest work is to be sent to its pull request, which has not been done yet.
ALTER TABLE tasks ADD COLUMN unsent INTEGER NOT NULL DEFAULT 0;
CREATE INDEX tasks_unsent ON tasks (number) WHERE unsent = 1;
