-- One row a process with a gallery: by which version it decides, what it watches, and when it was last heard of (by the clock of
-- the database). cameras is a JSON list of ids.
CREATE TABLE nodes (
    owner TEXT PRIMARY KEY,
    node TEXT NOT NULL,
    kind TEXT NOT NULL,
    gallery_version BIGINT NOT NULL,
    cameras TEXT NOT NULL,
    started_at BIGINT NOT NULL,
    seen_at BIGINT NOT NULL
);
