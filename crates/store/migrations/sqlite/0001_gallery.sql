-- AUTOINCREMENT: the number of a removed person or a delivered event is never given to another.
CREATE TABLE people (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    name TEXT NOT NULL UNIQUE,
    created_at BIGINT NOT NULL
);

CREATE TABLE templates (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    person_id BIGINT NOT NULL REFERENCES people (id) ON DELETE CASCADE,
    model TEXT NOT NULL,
    dimensions BIGINT NOT NULL,
    embedding BLOB NOT NULL,
    norm DOUBLE PRECISION NOT NULL,
    created_at BIGINT NOT NULL
);

CREATE INDEX templates_by_model ON templates (model, id);
CREATE INDEX templates_by_person ON templates (person_id, model);

-- One row: the number of the newest change. Taking the next number locks the row until the transaction ends.
CREATE TABLE gallery (
    id BIGINT PRIMARY KEY CHECK (id = 1),
    version BIGINT NOT NULL
);

INSERT INTO gallery (id, version) VALUES (1, 0);

CREATE TABLE changes (
    version BIGINT PRIMARY KEY,
    person_id BIGINT NOT NULL,
    kind TEXT NOT NULL,
    created_at BIGINT NOT NULL
);
