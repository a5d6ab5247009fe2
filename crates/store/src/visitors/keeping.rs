//! What an event that is written means for the visitor that it is of.
use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet};

use sqlx::{AnyConnection, Row};

use crate::events::take_numbers;
use crate::templates::{decode_face, encode};
use crate::{Event, EventCorrection, Micros, PersonId};

/// Faces that make a visitor's mean: the best ones. More add nothing, and a bound keeps the mean from wandering off with
/// whom it was mistaken for.
const BEST: i64 = 16;

/// What the events of one transaction change about visitors.
#[derive(Debug, Default)]
pub(crate) struct Keeping {
    /// Visitors whose events have changed.
    changed: BTreeSet<String>,
    /// Visitors that were only seen longer.
    seen: BTreeMap<String, Micros>,
}

/// What stands in the database of an event that comes again.
struct Before {
    visitor: Option<String>,
    embedding: Option<Vec<u8>>,
    is_corrected: bool,
    person: Option<i64>,
}

/// What has become of a visitor that an event names.
enum Fate {
    Here,
    Merged(String),
    Registered(i64, String),
    Forgotten,
}

impl Keeping {
    /// The event as it may be written: an event that was made before its visitor was forgotten, merged or registered, or
    /// before its person was removed, must not bring that back. With a correction, the event is to get it as well.
    pub async fn settle<'a>(
        &mut self,
        connection: &mut AnyConnection,
        event: &'a Event,
    ) -> Result<Cow<'a, Event>, sqlx::Error> {
        let mut event = Cow::Borrowed(event);
        let before = before(connection, &event.id).await?;
        let is_corrected = before.as_ref().is_some_and(|before| before.is_corrected);
        if event.correction.is_some() {
            event.to_mut().correction = None;
        }
        if let Some(visitor) = event.visitor.clone().filter(|_| !is_corrected) {
            match fate(connection, &visitor).await? {
                Fate::Here => {}
                Fate::Merged(into) => event.to_mut().visitor = Some(into),
                Fate::Forgotten => {
                    let event = event.to_mut();
                    (event.visitor, event.face) = (None, None);
                }
                Fate::Registered(id, name) => {
                    let event = event.to_mut();
                    event.correction = Some(EventCorrection {
                        at: Micros::now(),
                        was_person_id: event.person_id.replace(id),
                        was_person: event.person.replace(name),
                    });
                    event.visitor = None;
                }
            }
        }
        let person = if is_corrected { before.as_ref().and_then(|before| before.person) } else { event.person_id };
        if let Some(person) = person.filter(|_| event.face.is_some())
            && !is_there(connection, PersonId(person)).await?
        {
            event.to_mut().face = None;
        }
        self.note(before.as_ref(), &event);
        Ok(event)
    }

    fn note(&mut self, before: Option<&Before>, event: &Event) {
        let was = before.and_then(|before| before.visitor.as_ref());
        let is_corrected = before.is_some_and(|before| before.is_corrected);
        let is = if is_corrected { was } else { event.visitor.as_ref() };
        let face = event.face.as_ref().map(|face| encode(&face.embedding));
        if was == is && before.is_some_and(|before| before.embedding == face) {
            if let Some(visitor) = is {
                self.seen.insert(visitor.clone(), event.last_seen_at);
            }
        } else {
            self.changed.extend(was.into_iter().chain(is).cloned());
        }
    }

    /// Brings the visitors up to date, after the events were written.
    pub async fn refresh(self, connection: &mut AnyConnection) -> Result<(), sqlx::Error> {
        for (visitor, at) in &self.seen {
            sqlx::query("UPDATE visitors SET last_seen_at = $1 WHERE id = $2 AND last_seen_at < $1")
                .bind(at.0)
                .bind(visitor)
                .execute(&mut *connection)
                .await?;
        }
        for visitor in &self.changed {
            refresh(connection, visitor).await?;
        }
        Ok(())
    }
}

/// Makes a visitor what its events say; one that is left without a face is nobody's any more.
pub(crate) async fn refresh(connection: &mut AnyConnection, visitor: &str) -> Result<(), sqlx::Error> {
    let seq = take_numbers(connection, 1).await?;
    let faces: Vec<(String, Vec<u8>, f64)> = sqlx::query_as(
        "SELECT model, embedding, COALESCE(quality, 0.0) FROM events WHERE visitor = $1 AND embedding IS NOT NULL \
         ORDER BY COALESCE(quality, 0.0) DESC, id LIMIT $2",
    )
    .bind(visitor)
    .bind(BEST)
    .fetch_all(&mut *connection)
    .await?;
    let (Some((model, ..)), Some(centroid)) = (faces.first(), mean(&faces)) else {
        sqlx::query("UPDATE visitors SET centroid = NULL, seq = $1 WHERE id = $2")
            .bind(seq)
            .bind(visitor)
            .execute(connection)
            .await?;
        return Ok(());
    };
    let (first, last): (i64, i64) =
        sqlx::query_as("SELECT MIN(started_at), MAX(last_seen_at) FROM events WHERE visitor = $1")
            .bind(visitor)
            .fetch_one(&mut *connection)
            .await?;
    sqlx::query(
        "INSERT INTO visitors (id, seq, model, centroid, first_seen_at, last_seen_at) VALUES ($1, $2, $3, $4, $5, $6) \
         ON CONFLICT (id) DO UPDATE SET seq = excluded.seq, centroid = excluded.centroid, \
         first_seen_at = excluded.first_seen_at, last_seen_at = excluded.last_seen_at",
    )
    .bind(visitor)
    .bind(seq)
    .bind(model)
    .bind(encode(&centroid))
    .bind(first)
    .bind(last)
    .execute(connection)
    .await?;
    Ok(())
}

/// Removes visitors of whom no event is left and none came since `before`.
pub(crate) async fn remove_forsaken(connection: &mut AnyConnection, before: Micros) -> Result<(), sqlx::Error> {
    let sql = "DELETE FROM visitors WHERE last_seen_at < $1 AND person_id IS NULL \
               AND NOT EXISTS (SELECT 1 FROM events WHERE events.visitor = visitors.id)";
    sqlx::query(sql).bind(before.0).execute(connection).await?;
    Ok(())
}

/// Faces whose length differs from 1 by no more than this are of unit length.
const ROUNDING: f32 = 1e-3;

/// The mean of faces, each weighted by its quality. Of faces of unit length, which are compared by their cosine, it is of unit length as
/// well; others, which are compared by the length of their difference, are left as long as they are.
fn mean(faces: &[(String, Vec<u8>, f64)]) -> Option<Vec<f32>> {
    let (mut sum, mut weights, mut are_unit) = (Vec::new(), 0.0, true);
    for (_, bytes, quality) in faces.iter().filter(|(model, ..)| *model == faces[0].0) {
        let face = decode_face(bytes)?;
        sum.resize(face.len(), 0.0);
        #[expect(clippy::cast_possible_truncation, reason = "a weight")]
        let weight = quality.max(0.1) as f32;
        sum.iter_mut().zip(&face).for_each(|(sum, number)| *sum += weight * number);
        weights += weight;
        are_unit &= (length(&face) - 1.0).abs() <= ROUNDING;
    }
    let whole = if are_unit { length(&sum) } else { weights };
    (whole > 1e-6).then(|| sum.iter().map(|number| number / whole).collect())
}

fn length(face: &[f32]) -> f32 {
    face.iter().map(|number| number * number).sum::<f32>().sqrt()
}

async fn before(connection: &mut AnyConnection, id: &str) -> Result<Option<Before>, sqlx::Error> {
    let row = sqlx::query("SELECT visitor, embedding, corrected_at, person_id FROM events WHERE id = $1")
        .bind(id)
        .fetch_optional(connection)
        .await?;
    let Some(row) = row else { return Ok(None) };
    Ok(Some(Before {
        visitor: row.try_get("visitor")?,
        embedding: row.try_get("embedding")?,
        is_corrected: row.try_get::<Option<i64>, _>("corrected_at")?.is_some(),
        person: row.try_get("person_id")?,
    }))
}

async fn fate(connection: &mut AnyConnection, visitor: &str) -> Result<Fate, sqlx::Error> {
    let row = sqlx::query("SELECT forgotten, merged_into, person_id, person FROM visitors WHERE id = $1")
        .bind(visitor)
        .fetch_optional(connection)
        .await?;
    let Some(row) = row else { return Ok(Fate::Here) };
    let registered: (Option<i64>, Option<String>) = (row.try_get("person_id")?, row.try_get("person")?);
    Ok(match (registered, row.try_get::<Option<String>, _>("merged_into")?) {
        _ if row.try_get::<i64, _>("forgotten")? != 0 => Fate::Forgotten,
        ((Some(id), Some(name)), _) => Fate::Registered(id, name),
        (_, Some(into)) => Fate::Merged(into),
        _ => Fate::Here,
    })
}

async fn is_there(connection: &mut AnyConnection, person: PersonId) -> Result<bool, sqlx::Error> {
    let found: Option<i64> =
        sqlx::query_scalar("SELECT id FROM people WHERE id = $1").bind(person.0).fetch_optional(connection).await?;
    Ok(found.is_some())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn mean_of(faces: &[([f32; 2], f64)]) -> Option<Vec<f32>> {
        let stored = |(face, quality): &([f32; 2], f64)| ("a model".to_owned(), encode(face), *quality);
        mean(&faces.iter().map(stored).collect::<Vec<_>>())
    }

    #[test]
    fn the_mean_of_unit_faces_is_one_and_that_of_others_keeps_their_length() {
        assert_eq!(mean_of(&[([1.0, 0.0], 3.0), ([0.0, 1.0], 4.0)]), Some(vec![0.6, 0.8]));
        assert_eq!(mean_of(&[([1.5, 0.0], 1.0), ([0.0, 2.0], 3.0)]), Some(vec![0.375, 1.5]));
        assert_eq!(mean_of(&[([1.0, 0.0], 1.0), ([-1.0, 0.0], 1.0)]), None);
    }
}
