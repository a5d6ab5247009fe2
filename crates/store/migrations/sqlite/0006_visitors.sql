-- One row an unknown person. id is a UUIDv7. seq is the place of its newest change among those of events. centroid: the mean of
-- its best faces by the model; without one nobody is grouped with it any more. merged_into: the visitor that it turned out to
-- be. person_id, person: as whom it was registered.
CREATE TABLE visitors (
    id TEXT PRIMARY KEY,
    seq BIGINT NOT NULL UNIQUE,
    model TEXT NOT NULL,
    centroid BLOB,
    first_seen_at BIGINT NOT NULL,
    last_seen_at BIGINT NOT NULL,
    muted BIGINT NOT NULL DEFAULT 0,
    forgotten BIGINT NOT NULL DEFAULT 0,
    merged_into TEXT,
    person_id BIGINT,
    person TEXT
);

CREATE INDEX visitors_by_last_sight ON visitors (last_seen_at, id);
CREATE INDEX visitors_merged ON visitors (merged_into) WHERE merged_into IS NOT NULL;
CREATE INDEX visitors_registered ON visitors (person_id) WHERE person_id IS NOT NULL;

-- What somebody said of an event. wrong: who it was said not to be. said: who instead; null for nobody known. model, embedding:
-- the face. visitor, before_at: what stood in the event. taken_back_at: since then it does not count.
CREATE TABLE corrections (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    event_id TEXT NOT NULL,
    made_at BIGINT NOT NULL,
    taken_back_at BIGINT,
    wrong_person_id BIGINT,
    wrong_person TEXT,
    said_person_id BIGINT,
    said_person TEXT,
    model TEXT,
    embedding BLOB,
    visitor TEXT,
    before_at BIGINT
);

-- One counts for an event at a time.
CREATE UNIQUE INDEX corrections_standing ON corrections (event_id) WHERE taken_back_at IS NULL;
CREATE INDEX corrections_by_wrong_person ON corrections (wrong_person_id, model) WHERE wrong_person_id IS NOT NULL;
CREATE INDEX corrections_by_said_person ON corrections (said_person_id) WHERE said_person_id IS NOT NULL;
CREATE INDEX templates_by_event ON templates (event_id) WHERE event_id IS NOT NULL;
