-- How far the events of each node were published below a topic prefix, and which process of the node does so until when.
CREATE TABLE publishing (
    node TEXT NOT NULL,
    prefix TEXT NOT NULL,
    seq BIGINT NOT NULL,
    owner TEXT NOT NULL DEFAULT '',
    until BIGINT NOT NULL DEFAULT 0,
    PRIMARY KEY (node, prefix)
);
