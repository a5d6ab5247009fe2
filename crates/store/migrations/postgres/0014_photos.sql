-- What is kept of the photos that people were enrolled from, so that another model can embed them again.
CREATE TABLE photos (
    id BIGINT GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    person_id BIGINT NOT NULL REFERENCES people (id) ON DELETE CASCADE,
    image BYTEA NOT NULL,
    created_at BIGINT NOT NULL
);

CREATE INDEX photos_by_person ON photos (person_id, id);

-- The photo that shows the face; null where none is kept.
ALTER TABLE templates ADD COLUMN photo_id BIGINT REFERENCES photos (id) ON DELETE SET NULL;

CREATE INDEX templates_by_photo ON templates (photo_id) WHERE photo_id IS NOT NULL;
