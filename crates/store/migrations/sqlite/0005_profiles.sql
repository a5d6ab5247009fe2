-- Who a person is beside the face: groups is a JSON list of names, times are microseconds, flags 0 or 1.
ALTER TABLE people ADD COLUMN code TEXT;
ALTER TABLE people ADD COLUMN member_of TEXT NOT NULL DEFAULT '[]';
ALTER TABLE people ADD COLUMN valid_from BIGINT;
ALTER TABLE people ADD COLUMN valid_until BIGINT;
ALTER TABLE people ADD COLUMN suspended BIGINT NOT NULL DEFAULT 0;
ALTER TABLE people ADD COLUMN watched BIGINT NOT NULL DEFAULT 0;

-- The event whose face a template was taken from.
ALTER TABLE templates ADD COLUMN event_id TEXT;

-- door_group: where the same person may not enter twice. visitor: which unknown person it was. embedding: the face, by the
-- model. corrected_at: since then person is who somebody said it was, and was_person who was recognised.
ALTER TABLE events ADD COLUMN door_group TEXT;
ALTER TABLE events ADD COLUMN visitor TEXT;
ALTER TABLE events ADD COLUMN model TEXT;
ALTER TABLE events ADD COLUMN embedding BLOB;
ALTER TABLE events ADD COLUMN corrected_at BIGINT;
ALTER TABLE events ADD COLUMN was_person_id BIGINT;
ALTER TABLE events ADD COLUMN was_person TEXT;

CREATE INDEX events_by_visitor ON events (visitor, id) WHERE visitor IS NOT NULL;
CREATE INDEX events_by_person_id ON events (person_id, id) WHERE person_id IS NOT NULL;
