-- Where a delivery goes is now an address, or the name of a webhook whose address stands in the settings.
ALTER TABLE deliveries RENAME COLUMN url TO target;
-- What a named webhook fills its address and headers with, as JSON.
ALTER TABLE deliveries ADD COLUMN facts TEXT NOT NULL DEFAULT '';
-- From here its age counts: later than created_at for one that is sent again.
ALTER TABLE deliveries ADD COLUMN queued_at BIGINT NOT NULL DEFAULT 0;
UPDATE deliveries SET queued_at = created_at;

-- Apart from those that wait, so that the outbox stays as small as it was.
CREATE TABLE delivery_log (
    id TEXT NOT NULL PRIMARY KEY,
    target TEXT NOT NULL,
    body TEXT NOT NULL,
    facts TEXT NOT NULL,
    camera TEXT NOT NULL,
    created_at BIGINT NOT NULL,
    attempts BIGINT NOT NULL,
    state TEXT NOT NULL,
    settled_at BIGINT NOT NULL,
    -- The HTTP status of the last answer; 0 for none.
    answer BIGINT NOT NULL,
    reason TEXT NOT NULL
);

CREATE INDEX delivery_log_by_state ON delivery_log (state, settled_at);
CREATE INDEX delivery_log_by_target ON delivery_log (target, state, settled_at);
