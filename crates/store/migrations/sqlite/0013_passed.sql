-- When the person was let pass: later than started_at for who was refused first. In microseconds; null where nobody was, and for
-- events from before.
ALTER TABLE events ADD COLUMN passed_at BIGINT;

-- A person's passages, and those that were taken for the person's at first.
CREATE INDEX events_by_person_id ON events (person_id, id) WHERE person_id IS NOT NULL;
CREATE INDEX events_by_was_person_id ON events (was_person_id, id) WHERE was_person_id IS NOT NULL;

CREATE INDEX punches_by_time ON punches (punched_at);
