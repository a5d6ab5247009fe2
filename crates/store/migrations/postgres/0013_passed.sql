-- When the person was let pass: later than started_at for who was refused first. In microseconds; null where nobody was, and for
-- events from before.
ALTER TABLE events ADD COLUMN passed_at BIGINT;

-- Passages that were taken for a person's at first.
CREATE INDEX events_by_was_person_id ON events (was_person_id, id) WHERE was_person_id IS NOT NULL;

CREATE INDEX punches_by_time ON punches (punched_at);
