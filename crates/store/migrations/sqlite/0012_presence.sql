-- When somebody has said that the person is outside whatever has been seen: in microseconds.
ALTER TABLE people ADD COLUMN let_out_at BIGINT;
