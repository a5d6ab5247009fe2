//! What becomes of visitors: they turn out to be one, are muted, forgotten, or registered.
use sqlx::AnyConnection;

use super::{lead_of, refresh};
use crate::changes::{next_version, record};
use crate::corrections::refuted_events;
use crate::events::take_numbers;
use crate::people::{find, find_or_create};
use crate::templates::decode_face;
use crate::{ChangeKind, Enrolled, Micros, NewTemplate, PersonId, Store, StoreError, templates};

/// As whom a visitor is to be registered, and from what.
#[derive(Clone, Copy, Debug)]
pub struct Registration<'a> {
    /// The name; one that exists gets more templates.
    pub name: &'a str,
    /// The model whose faces are taken.
    pub model: &'a str,
    /// How many at most: the best.
    pub faces: u32,
    /// The least quality.
    pub quality: f32,
}

/// What came of a registration.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum RegisteredVisitor {
    /// The visitor is a person now.
    Done {
        /// What the enrolment came to.
        enrolled: Enrolled,
        /// How many events follow.
        events: usize,
        /// The events whose faces were taken, the best first.
        faces: Vec<String>,
    },
    /// There is no such visitor.
    Unknown,
    /// It is registered already, under this name.
    Already(String),
    /// None of its faces may be taken.
    NoFace,
}

impl Store {
    /// Mutes a visitor, or hears of it again. `false`: there is none.
    ///
    /// # Errors
    /// What the database said.
    pub async fn mute_visitor(&self, id: &str, muted: bool) -> Result<bool, StoreError> {
        self.within(async {
            let mut session = self.writing().await?;
            let mut transaction = session.begin().await?;
            let seq = take_numbers(&mut transaction, 1).await?;
            let lead = lead_of(&mut transaction, id).await?;
            let changed =
                sqlx::query("UPDATE visitors SET muted = $1, seq = $2 WHERE id = $3 AND centroid IS NOT NULL")
                    .bind(i64::from(muted))
                    .bind(seq)
                    .bind(lead)
                    .execute(&mut *transaction)
                    .await?;
            transaction.commit().await?;
            session.give_back();
            Ok(changed.rows_affected() > 0)
        })
        .await
    }

    /// Forgets a visitor: the faces of its events are erased, also of one that still lasts. The events stay, of nobody known.
    /// `false`: there is none.
    ///
    /// # Errors
    /// What the database said; nothing is forgotten then (after [`StoreError::TimedOut`] that is not known).
    pub async fn forget_visitor(&self, id: &str) -> Result<bool, StoreError> {
        self.within(async {
            let mut session = self.writing().await?;
            let mut transaction = session.begin().await?;
            take_numbers(&mut transaction, 0).await?;
            let lead = lead_of(&mut transaction, id).await?;
            let is_there = is_live(&mut transaction, &lead).await?;
            if is_there {
                sqlx::query("UPDATE events SET visitor = NULL, model = NULL, embedding = NULL WHERE visitor = $1")
                    .bind(&lead)
                    .execute(&mut *transaction)
                    .await?;
                for id in merged_into(&mut transaction, &lead).await?.into_iter().chain([lead]) {
                    sqlx::query("UPDATE corrections SET visitor = NULL WHERE visitor = $1")
                        .bind(&id)
                        .execute(&mut *transaction)
                        .await?;
                    let seq = take_numbers(&mut transaction, 1).await?;
                    sqlx::query(
                        "UPDATE visitors SET forgotten = 1, muted = 0, merged_into = NULL, centroid = NULL, seq = $1 \
                         WHERE id = $2",
                    )
                    .bind(seq)
                    .bind(&id)
                    .execute(&mut *transaction)
                    .await?;
                }
            }
            transaction.commit().await?;
            session.give_back();
            Ok(is_there)
        })
        .await
    }

    /// Two visitors turned out to be one: the events of `other` are those of `kept` from now on, and the id of `other` leads
    /// there. `false` when one of them is not there any more: somebody else was faster.
    ///
    /// # Errors
    /// What the database said; nothing is changed then (after [`StoreError::TimedOut`] that is not known).
    pub async fn merge_visitors(&self, kept: &str, other: &str) -> Result<bool, StoreError> {
        self.within(async {
            let mut session = self.writing().await?;
            let mut transaction = session.begin().await?;
            take_numbers(&mut transaction, 0).await?;
            let both: Vec<(String, i64)> = sqlx::query_as(
                "SELECT model, muted FROM visitors WHERE id IN ($1, $2) AND centroid IS NOT NULL ORDER BY id",
            )
            .bind(kept)
            .bind(other)
            .fetch_all(&mut *transaction)
            .await?;
            let can = matches!(&both[..], [(one, _), (two, _)] if one == two);
            if can {
                sqlx::query("UPDATE events SET visitor = $1 WHERE visitor = $2")
                    .bind(kept)
                    .bind(other)
                    .execute(&mut *transaction)
                    .await?;
                for id in merged_into(&mut transaction, other).await?.into_iter().chain([other.to_owned()]) {
                    let seq = take_numbers(&mut transaction, 1).await?;
                    sqlx::query("UPDATE visitors SET merged_into = $1, centroid = NULL, seq = $2 WHERE id = $3")
                        .bind(kept)
                        .bind(seq)
                        .bind(&id)
                        .execute(&mut *transaction)
                        .await?;
                }
                // Whoever wanted to hear no more of either wants to hear no more.
                sqlx::query("UPDATE visitors SET muted = $1 WHERE id = $2")
                    .bind(i64::from(both.iter().any(|(_, muted)| *muted != 0)))
                    .bind(kept)
                    .execute(&mut *transaction)
                    .await?;
                refresh(&mut transaction, kept).await?;
            }
            transaction.commit().await?;
            session.give_back();
            Ok(can)
        })
        .await
    }

    /// Makes a visitor a person, enrolled from the best faces of its events; faces of which somebody said that they are not that
    /// person's are not taken. The events become that person's, and the visitor's id leads to the person.
    ///
    /// # Errors
    /// What the database said; nothing is changed then (after [`StoreError::TimedOut`] that is not known).
    pub async fn register_visitor(
        &self,
        id: &str,
        registration: Registration<'_>,
    ) -> Result<RegisteredVisitor, StoreError> {
        self.within(async {
            let mut session = self.writing().await?;
            let mut transaction = session.begin().await?;
            let version = next_version(&mut transaction).await?;
            take_numbers(&mut transaction, 0).await?;
            let lead = lead_of(&mut transaction, id).await?;
            let refused = why_not(&mut transaction, &lead).await?;
            let faces = match refused {
                Some(_) => Vec::new(),
                None => best_faces(&mut transaction, &lead, registration).await?,
            };
            if faces.is_empty() {
                // The number goes back with the transaction.
                transaction.rollback().await?;
                session.give_back();
                return Ok(refused.unwrap_or(RegisteredVisitor::NoFace));
            }
            let now = Micros::now();
            let (person, created) = find_or_create(&mut transaction, registration.name, now).await?;
            for (event, embedding, norm) in &faces {
                let template =
                    NewTemplate { model: registration.model, embedding, norm: *norm, event: Some(event), photo: None };
                templates::insert(&mut transaction, person, &template, now).await?;
            }
            let held = templates::count(&mut transaction, person, registration.model).await?;
            let events = give_events(&mut transaction, &lead, person, registration.name, now).await?;
            record(&mut transaction, version, person, ChangeKind::Enrolled).await?;
            transaction.commit().await?;
            session.give_back();
            let enrolled = Enrolled { person, created, templates: held, version };
            let faces = faces.into_iter().map(|(event, ..)| event).collect();
            Ok(RegisteredVisitor::Done { enrolled, events, faces })
        })
        .await
    }
}

/// Visitors that were registered as somebody who is no more.
pub(crate) async fn forget_registered_as(connection: &mut AnyConnection, person: PersonId) -> Result<(), sqlx::Error> {
    // The id stays as that of one who was forgotten: an event on its way into the database may still name it.
    sqlx::query("UPDATE visitors SET forgotten = 1, person_id = NULL, person = NULL WHERE person_id = $1")
        .bind(person.0)
        .execute(connection)
        .await?;
    Ok(())
}

async fn is_live(connection: &mut AnyConnection, id: &str) -> Result<bool, sqlx::Error> {
    let found: Option<i64> = sqlx::query_scalar("SELECT seq FROM visitors WHERE id = $1 AND centroid IS NOT NULL")
        .bind(id)
        .fetch_optional(connection)
        .await?;
    Ok(found.is_some())
}

async fn merged_into(connection: &mut AnyConnection, id: &str) -> Result<Vec<String>, sqlx::Error> {
    sqlx::query_scalar("SELECT id FROM visitors WHERE merged_into = $1 ORDER BY id")
        .bind(id)
        .fetch_all(connection)
        .await
}

async fn why_not(connection: &mut AnyConnection, id: &str) -> Result<Option<RegisteredVisitor>, sqlx::Error> {
    let person: Option<Option<String>> =
        sqlx::query_scalar("SELECT person FROM visitors WHERE id = $1 AND forgotten = 0")
            .bind(id)
            .fetch_optional(&mut *connection)
            .await?;
    Ok(match person {
        Some(Some(name)) => Some(RegisteredVisitor::Already(name)),
        Some(None) if is_live(connection, id).await? => None,
        _ => Some(RegisteredVisitor::Unknown),
    })
}

/// Event, face and quality of the best faces that may be taken, the best first.
async fn best_faces(
    connection: &mut AnyConnection,
    visitor: &str,
    registration: Registration<'_>,
) -> Result<Vec<(String, Vec<f32>, f32)>, sqlx::Error> {
    let refuted = match find(connection, registration.name).await? {
        Some(person) => refuted_events(connection, person).await?,
        None => Vec::new(),
    };
    // So many more as may have to be left out.
    let most = i64::from(registration.faces) + i64::try_from(refuted.len()).unwrap_or_default();
    let found: Vec<(String, Vec<u8>, f64)> = sqlx::query_as(
        "SELECT id, embedding, quality FROM events WHERE visitor = $1 AND model = $2 AND embedding IS NOT NULL \
         AND quality >= $3 ORDER BY quality DESC, id LIMIT $4",
    )
    .bind(visitor)
    .bind(registration.model)
    .bind(f64::from(registration.quality))
    .bind(most)
    .fetch_all(connection)
    .await?;
    #[expect(clippy::cast_possible_truncation, reason = "it was an f32 when it was written")]
    let face = |(event, bytes, quality): (String, Vec<u8>, f64)| Some((event, decode_face(&bytes)?, quality as f32));
    let allowed = found.into_iter().filter(|(event, ..)| !refuted.contains(event));
    Ok(allowed.filter_map(face).take(registration.faces as usize).collect())
}

/// The visitor's events become the person's, each with a number of its own, so that followers hear of them.
async fn give_events(
    connection: &mut AnyConnection,
    visitor: &str,
    person: PersonId,
    name: &str,
    now: Micros,
) -> Result<usize, sqlx::Error> {
    let events: Vec<String> = sqlx::query_scalar("SELECT id FROM events WHERE visitor = $1 ORDER BY id")
        .bind(visitor)
        .fetch_all(&mut *connection)
        .await?;
    for event in &events {
        let seq = take_numbers(connection, 1).await?;
        sqlx::query(
            "UPDATE events SET seq = $1, person_id = $2, person = $3, corrected_at = $4, visitor = NULL WHERE id = $5",
        )
        .bind(seq)
        .bind(person.0)
        .bind(name)
        .bind(now.0)
        .bind(event)
        .execute(&mut *connection)
        .await?;
    }
    for id in merged_into(connection, visitor).await?.into_iter().chain([visitor.to_owned()]) {
        let seq = take_numbers(connection, 1).await?;
        sqlx::query(
            "UPDATE visitors SET person_id = $1, person = $2, centroid = NULL, muted = 0, seq = $3 WHERE id = $4",
        )
        .bind(person.0)
        .bind(name)
        .bind(seq)
        .bind(id)
        .execute(&mut *connection)
        .await?;
    }
    Ok(events.len())
}
