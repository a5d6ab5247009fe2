use std::collections::BTreeSet;

use sqlx::any::AnyRow;
use sqlx::{AnyConnection, AssertSqlSafe, Row};

use crate::corrections::forget_old_corrections;
use crate::event_filter::{Bound, conditions, first_id_of};
use crate::templates::encode;
use crate::visitors::{Keeping, refresh, remove_forsaken};
use crate::{EventFilter, Micros, Store, StoreError};

/// Rows removed in one statement: so that none takes longer than a server allows, nor locks others out for long.
const REMOVED_AT_ONCE: i64 = 1_000;

pub(crate) const COLUMNS: &str = "id, seq, opened_seq, person_id, person, status, reason, camera, direction, node, track, distance, \
                       raw_distance, quality, started_at, passed_at, last_seen_at, ended, has_face, has_frame, decision, door_group, \
                       visitor, corrected_at, was_person_id, was_person";

/// One passage of one person before one camera, as it is known so far.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Event {
    /// A UUIDv7 of the time of start in its usual form, so that ids sort by time.
    pub id: String,
    /// Who was accepted, for good: a name may be given to somebody else one day.
    pub person_id: Option<i64>,
    /// Who was accepted, by name; `None` for somebody unknown. Stays when the person is removed.
    pub person: Option<String>,
    /// `PASS` or `REJECT`.
    pub status: String,
    /// Why it is no PASS.
    pub reason: Option<String>,
    /// The camera's id.
    pub camera: String,
    /// `in` or `out`, where the camera has a direction.
    pub direction: Option<String>,
    /// The node that saw it, and keeps its pictures.
    pub node: String,
    /// The camera's number for the face that was followed.
    pub track: Option<i64>,
    /// Distance to the nearest person on the contract's scale.
    pub distance: Option<f64>,
    /// The same in the model's own terms.
    pub raw_distance: Option<f64>,
    /// Quality of the best shot.
    pub quality: Option<f64>,
    /// When the person was first seen.
    pub started_at: Micros,
    /// When it became a PASS: later than `started_at` for somebody who was refused first. `None` for a REJECT.
    pub passed_at: Option<Micros>,
    /// When the person was last seen, as far as is known.
    pub last_seen_at: Micros,
    /// Whether the passage is over.
    pub ended: bool,
    /// Whether there is a picture of the face.
    pub has_face: bool,
    /// Whether there is a picture of the whole frame.
    pub has_frame: bool,
    /// What the decision rests on, as JSON.
    pub decision: String,
    /// Which door group the camera belongs to: within it nobody may enter twice without having left.
    pub door_group: Option<String>,
    /// Which unknown person it was.
    pub visitor: Option<String>,
    /// The face, where it is to be kept. Not read back with the event: lists would be a hundred times as large.
    pub face: Option<StoredFace>,
    /// Who somebody said it was, after it had been decided otherwise: then `person` is that person.
    pub correction: Option<EventCorrection>,
}

/// A face as it is kept with an event.
#[derive(Clone, Debug, PartialEq)]
pub struct StoredFace {
    /// The model that made the embedding. Embeddings of different models cannot be compared.
    pub model: String,
    /// All shots of the face together.
    pub embedding: Vec<f32>,
}

/// An event's person was named by hand, or when a visitor was registered.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EventCorrection {
    /// When that was said.
    pub at: Micros,
    /// Who had been recognised, for good.
    pub was_person_id: Option<i64>,
    /// Who had been recognised, by name; `None` for nobody.
    pub was_person: Option<String>,
}

/// An event with its place in the order of changes.
#[derive(Clone, Debug, PartialEq)]
pub struct NumberedEvent {
    /// The event.
    pub event: Event,
    /// Grows with every change of any event: from where a reader goes on.
    pub seq: i64,
    /// The number of its first state.
    pub opened_seq: i64,
}

impl Store {
    /// Writes the newest state of each event, in order; those that are not there yet are added. Who somebody has said it was
    /// stays, and what has become of its visitor. Each takes a number of its own, and the last one's is returned. All are
    /// written or none.
    ///
    /// # Errors
    /// What the database said.
    pub async fn put_events(&self, events: &[Event]) -> Result<i64, StoreError> {
        self.within(async {
            let mut session = self.writing().await?;
            let mut transaction = session.begin().await?;
            let count = i64::try_from(events.len()).unwrap_or(i64::MAX);
            let newest = take_numbers(&mut transaction, count).await?;
            let mut visitors = Keeping::default();
            for (seq, event) in (newest - count + 1..).zip(events) {
                let event = visitors.settle(&mut transaction, event).await?;
                upsert(&mut transaction, &event, seq).await?;
            }
            visitors.refresh(&mut transaction).await?;
            transaction.commit().await?;
            session.give_back();
            Ok(newest)
        })
        .await
    }

    /// The event with this id.
    ///
    /// # Errors
    /// When the database cannot answer.
    pub async fn event(&self, id: &str) -> Result<Option<Event>, StoreError> {
        let found = self.select_events("WHERE id = $1", vec![Bound::Text(id.to_owned())]).await?;
        Ok(found.into_iter().next().map(|numbered| numbered.event))
    }

    /// The events with these ids, the newest first; those that there are. At most some hundred at once.
    ///
    /// # Errors
    /// When the database cannot answer.
    pub async fn events_of(&self, ids: &[String]) -> Result<Vec<Event>, StoreError> {
        let places: Vec<String> = (1..=ids.len()).map(|place| format!("${place}")).collect();
        if places.is_empty() {
            return Ok(Vec::new());
        }
        let sql = format!("WHERE id IN ({}) ORDER BY id DESC", places.join(", "));
        let found = self.select_events(&sql, ids.iter().cloned().map(Bound::Text).collect()).await?;
        Ok(found.into_iter().map(|numbered| numbered.event).collect())
    }

    /// Up to `limit` events that `filter` wants, the newest first: those that are older than the event `before`, or the
    /// newest of all.
    ///
    /// # Errors
    /// When the database cannot answer.
    pub async fn events(
        &self,
        filter: &EventFilter,
        before: Option<&str>,
        limit: u32,
    ) -> Result<Vec<Event>, StoreError> {
        let (mut sql, mut bounds) = conditions(filter, before);
        bounds.push(Bound::Number(limit.into()));
        sql.push_str(&format!(" ORDER BY id DESC LIMIT ${}", bounds.len()));
        let found = self.select_events(&sql, bounds).await?;
        Ok(found.into_iter().map(|numbered| numbered.event).collect())
    }

    /// Up to `limit` events whose newest state has a higher number than `seq`, in order of their numbers.
    ///
    /// # Errors
    /// When the database cannot answer.
    pub async fn events_since(&self, seq: i64, limit: u32) -> Result<Vec<NumberedEvent>, StoreError> {
        let bounds = vec![Bound::Number(seq), Bound::Number(limit.into())];
        self.select_events("WHERE seq > $1 ORDER BY seq LIMIT $2", bounds).await
    }

    /// The number of the newest change of any event; 0 before the first. Cheap enough to ask several times a second.
    ///
    /// # Errors
    /// When the database cannot answer.
    pub async fn newest_event_seq(&self) -> Result<i64, StoreError> {
        self.within(async {
            let mut session = self.reading().await?;
            let seq = sqlx::query_scalar("SELECT seq FROM events_counter").fetch_one(&mut *session).await?;
            session.give_back();
            Ok(seq)
        })
        .await
    }

    /// Ends the events that a process left open which was killed: those of `node` last seen before `before`, and those of
    /// any node last seen before `long_before`. They end when they were last seen. Returns how many that were.
    ///
    /// # Errors
    /// What the database said.
    pub async fn end_abandoned_events(
        &self,
        node: &str,
        before: Micros,
        long_before: Micros,
    ) -> Result<usize, StoreError> {
        self.within(async {
            let mut session = self.reading().await?;
            let is_any = !abandoned(&mut session, node, before, long_before).await?.is_empty();
            session.give_back();
            // Mostly there is none, and then nobody needs to be kept from writing.
            if !is_any {
                return Ok(0);
            }
            let mut session = self.writing().await?;
            let mut transaction = session.begin().await?;
            take_numbers(&mut transaction, 0).await?;
            let left = abandoned(&mut transaction, node, before, long_before).await?;
            for id in &left {
                let seq = take_numbers(&mut transaction, 1).await?;
                sqlx::query("UPDATE events SET ended = 1, seq = $1 WHERE id = $2")
                    .bind(seq)
                    .bind(id)
                    .execute(&mut *transaction)
                    .await?;
            }
            transaction.commit().await?;
            session.give_back();
            Ok(left.len())
        })
        .await
    }

    /// Removes the events that started before `before` and are over, with visitors of whom none is left; returns how many events
    /// that were.
    ///
    /// # Errors
    /// What the database said; some may be removed then.
    pub async fn remove_events(&self, before: Micros) -> Result<u64, StoreError> {
        let mut removed = 0;
        loop {
            let now = self.remove_some_events(before).await?;
            removed += now;
            if now == 0 {
                return Ok(removed);
            }
        }
    }

    async fn remove_some_events(&self, before: Micros) -> Result<u64, StoreError> {
        self.within(async {
            let mut session = self.writing().await?;
            let mut transaction = session.begin().await?;
            take_numbers(&mut transaction, 0).await?;
            let sql = "DELETE FROM events WHERE id IN \
                       (SELECT id FROM events WHERE id < $1 AND ended = 1 ORDER BY id LIMIT $2) RETURNING visitor";
            let removed: Vec<Option<String>> = sqlx::query_scalar(sql)
                .bind(first_id_of(before))
                .bind(REMOVED_AT_ONCE)
                .fetch_all(&mut *transaction)
                .await?;
            // What is left of a face in the mean of a visitor goes as well.
            let visitors: BTreeSet<&String> = removed.iter().flatten().collect();
            for visitor in visitors {
                refresh(&mut transaction, visitor).await?;
            }
            remove_forsaken(&mut transaction, before).await?;
            forget_old_corrections(&mut transaction, before).await?;
            transaction.commit().await?;
            session.give_back();
            Ok(removed.len() as u64)
        })
        .await
    }

    /// `rest` is what comes after the table's name; it holds nothing from outside.
    async fn select_events(&self, rest: &str, bounds: Vec<Bound>) -> Result<Vec<NumberedEvent>, StoreError> {
        let sql = format!("SELECT {COLUMNS} FROM events {rest}");
        self.within(async {
            let mut session = self.reading().await?;
            let mut query = sqlx::query(AssertSqlSafe(sql));
            for bound in bounds {
                query = match bound {
                    Bound::Text(text) => query.bind(text),
                    Bound::Number(number) => query.bind(number),
                };
            }
            let rows = query.fetch_all(&mut *session).await?;
            session.give_back();
            Ok(rows.iter().map(read).collect::<Result<_, _>>()?)
        })
        .await
    }
}

/// Events that nobody will end.
async fn abandoned(
    connection: &mut AnyConnection,
    node: &str,
    before: Micros,
    long_before: Micros,
) -> Result<Vec<String>, sqlx::Error> {
    let sql = "SELECT id FROM events WHERE ended = 0 AND ((node = $1 AND last_seen_at < $2) OR last_seen_at < $3) \
               ORDER BY id";
    sqlx::query_scalar(sql).bind(node).bind(before.0).bind(long_before.0).fetch_all(connection).await
}

/// Takes the next `count` numbers and returns the last of them; must be the first statement of its transaction, so that
/// numbers become visible in order: see `next_version` in `changes`.
pub(crate) async fn take_numbers(connection: &mut AnyConnection, count: i64) -> Result<i64, sqlx::Error> {
    sqlx::query_scalar("UPDATE events_counter SET seq = seq + $1 RETURNING seq").bind(count).fetch_one(connection).await
}

async fn upsert(connection: &mut AnyConnection, event: &Event, seq: i64) -> Result<(), sqlx::Error> {
    sqlx::query(
        "INSERT INTO events (id, seq, opened_seq, person_id, person, status, reason, camera, direction, node, track, distance, \
         raw_distance, quality, started_at, last_seen_at, ended, has_face, has_frame, decision, door_group, visitor, model, \
         embedding, corrected_at, was_person_id, was_person, passed_at) \
         VALUES ($1, $2, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17, $18, $19, $20, $21, $22, $23, \
         $24, $25, $26, $27) \
         ON CONFLICT (id) DO UPDATE SET seq = excluded.seq, \
         corrected_at = COALESCE(events.corrected_at, excluded.corrected_at), \
         was_person_id = CASE WHEN events.corrected_at IS NULL THEN excluded.was_person_id ELSE events.was_person_id END, \
         was_person = CASE WHEN events.corrected_at IS NULL THEN excluded.was_person ELSE events.was_person END, \
         person_id = CASE WHEN events.corrected_at IS NULL THEN excluded.person_id ELSE events.person_id END, \
         person = CASE WHEN events.corrected_at IS NULL THEN excluded.person ELSE events.person END, \
         visitor = CASE WHEN events.corrected_at IS NULL THEN excluded.visitor ELSE events.visitor END, \
         model = excluded.model, embedding = excluded.embedding, \
         status = excluded.status, reason = excluded.reason, track = excluded.track, distance = excluded.distance, \
         raw_distance = excluded.raw_distance, quality = excluded.quality, started_at = excluded.started_at, passed_at = excluded.passed_at, \
         last_seen_at = excluded.last_seen_at, ended = excluded.ended, has_face = excluded.has_face, \
         has_frame = excluded.has_frame, decision = excluded.decision",
    )
    .bind(&event.id)
    .bind(seq)
    .bind(event.person_id)
    .bind(event.person.as_deref())
    .bind(&event.status)
    .bind(event.reason.as_deref())
    .bind(&event.camera)
    .bind(event.direction.as_deref())
    .bind(&event.node)
    .bind(event.track)
    .bind(event.distance)
    .bind(event.raw_distance)
    .bind(event.quality)
    .bind(event.started_at.0)
    .bind(event.last_seen_at.0)
    .bind(i64::from(event.ended))
    .bind(i64::from(event.has_face))
    .bind(i64::from(event.has_frame))
    .bind(&event.decision)
    .bind(event.door_group.as_deref())
    .bind(event.visitor.as_deref())
    .bind(event.face.as_ref().map(|face| face.model.as_str()))
    .bind(event.face.as_ref().map(|face| encode(&face.embedding)))
    .bind(event.correction.as_ref().map(|correction| correction.at.0))
    .bind(event.correction.as_ref().and_then(|correction| correction.was_person_id))
    .bind(event.correction.as_ref().and_then(|correction| correction.was_person.as_deref()))
    .bind(event.passed_at.map(|at| at.0))
    .execute(connection)
    .await?;
    Ok(())
}

fn correction(row: &AnyRow) -> Result<Option<EventCorrection>, sqlx::Error> {
    let Some(at) = row.try_get::<Option<i64>, _>("corrected_at")? else { return Ok(None) };
    Ok(Some(EventCorrection {
        at: Micros(at),
        was_person_id: row.try_get("was_person_id")?,
        was_person: row.try_get("was_person")?,
    }))
}

pub(crate) fn read(row: &AnyRow) -> Result<NumberedEvent, sqlx::Error> {
    let flag = |column| row.try_get::<i64, _>(column).map(|number| number != 0);
    let event = Event {
        id: row.try_get("id")?,
        person_id: row.try_get("person_id")?,
        person: row.try_get("person")?,
        status: row.try_get("status")?,
        reason: row.try_get("reason")?,
        camera: row.try_get("camera")?,
        direction: row.try_get("direction")?,
        node: row.try_get("node")?,
        track: row.try_get("track")?,
        distance: row.try_get("distance")?,
        raw_distance: row.try_get("raw_distance")?,
        quality: row.try_get("quality")?,
        started_at: Micros(row.try_get("started_at")?),
        passed_at: row.try_get::<Option<i64>, _>("passed_at")?.map(Micros),
        last_seen_at: Micros(row.try_get("last_seen_at")?),
        ended: flag("ended")?,
        has_face: flag("has_face")?,
        has_frame: flag("has_frame")?,
        decision: row.try_get("decision")?,
        door_group: row.try_get("door_group")?,
        visitor: row.try_get("visitor")?,
        face: None,
        correction: correction(row)?,
    };
    Ok(NumberedEvent { event, seq: row.try_get("seq")?, opened_seq: row.try_get("opened_seq")? })
}
