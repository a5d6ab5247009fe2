-- One row a passage. An id is a UUIDv7, so ids sort by the time of start. seq is the place of the row's newest state in the
-- order in which readers see changes, opened_seq that of its first.
CREATE TABLE events (
    id TEXT PRIMARY KEY,
    seq BIGINT NOT NULL UNIQUE,
    opened_seq BIGINT NOT NULL,
    person_id BIGINT,
    person TEXT,
    status TEXT NOT NULL,
    reason TEXT,
    camera TEXT NOT NULL,
    direction TEXT,
    node TEXT NOT NULL,
    track BIGINT,
    distance DOUBLE PRECISION,
    raw_distance DOUBLE PRECISION,
    quality DOUBLE PRECISION,
    started_at BIGINT NOT NULL,
    last_seen_at BIGINT NOT NULL,
    ended BIGINT NOT NULL,
    has_face BIGINT NOT NULL,
    has_frame BIGINT NOT NULL,
    decision TEXT NOT NULL
);

CREATE INDEX events_by_person ON events (person, id);
CREATE INDEX events_by_camera ON events (camera, id);
-- Few are open at any time.
CREATE INDEX events_open ON events (node) WHERE ended = 0;

-- One row: the newest seq. Taking the next numbers locks the row until the transaction ends.
CREATE TABLE events_counter (
    id BIGINT PRIMARY KEY CHECK (id = 1),
    seq BIGINT NOT NULL
);

INSERT INTO events_counter (id, seq) VALUES (1, 0);
