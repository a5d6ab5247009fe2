-- What people said of comings and goings: punches added by hand or from another door's log, and events that are not to count
-- (event_id). Nothing is ever removed: what is taken back is marked as withdrawn. An empty direction is an unknown one.
CREATE TABLE punches (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    person_id BIGINT NOT NULL,
    person TEXT NOT NULL,
    event_id TEXT,
    punched_at BIGINT NOT NULL,
    direction TEXT NOT NULL,
    source TEXT NOT NULL,
    verify BIGINT,
    note TEXT,
    by_whom TEXT,
    created_at BIGINT NOT NULL,
    withdrawn_at BIGINT,
    withdrawn_note TEXT,
    withdrawn_by TEXT
);

-- The same said twice is said once.
CREATE UNIQUE INDEX punches_once ON punches (person_id, punched_at, direction)
    WHERE event_id IS NULL AND withdrawn_at IS NULL;
CREATE UNIQUE INDEX punches_void_once ON punches (event_id)
    WHERE event_id IS NOT NULL AND withdrawn_at IS NULL;
CREATE INDEX punches_by_person ON punches (person_id, punched_at);
