CREATE TABLE cameras (
    id TEXT NOT NULL PRIMARY KEY,
    definition TEXT NOT NULL,
    created_at BIGINT NOT NULL,
    updated_at BIGINT NOT NULL
);

CREATE TABLE camera_claims (
    camera_id TEXT NOT NULL PRIMARY KEY,
    node TEXT NOT NULL,
    owner TEXT NOT NULL,
    until BIGINT NOT NULL,
    report TEXT NOT NULL DEFAULT ''
);
