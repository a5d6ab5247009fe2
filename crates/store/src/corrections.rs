//! What people said of events afterwards: "this was somebody else".
use std::sync::Arc;

use sqlx::{AnyConnection, AssertSqlSafe, Row};

use crate::changes::{next_version, record};
use crate::error::Fault;
use crate::events::{COLUMNS, read, take_numbers};
use crate::people::find;
use crate::templates::decode_face;
use crate::visitors::{forget_registered_as, lead_of, refresh};
use crate::whom::Whom;
use crate::{ChangeKind, Event, Micros, PersonId, Refuted, Store, StoreError, Version};

/// A correction that stands.
#[derive(Clone, Debug, PartialEq)]
pub struct Correction {
    /// The event as it is now.
    pub event: Event,
    /// Who it was said not to be.
    pub wrong_person: Option<String>,
    /// Whether there is a face that counts against that person from now on.
    pub is_evidence: bool,
}

/// What came of a correction.
#[derive(Clone, Debug, PartialEq)]
pub enum Corrected {
    /// It stands.
    Done(Box<Correction>),
    /// There is no such event.
    UnknownEvent,
    /// Nobody has the name that was said.
    UnknownPerson,
    /// The event says so already.
    Same,
    /// That is who had been recognised: the correction that stands is to be taken back.
    WasRecognised,
}

/// What came of taking a correction back.
#[derive(Clone, Debug, PartialEq)]
pub enum TakenBack {
    /// The event is as it was before.
    Done(Box<Event>),
    /// There is no such event.
    UnknownEvent,
    /// No correction of it stands.
    Uncorrected,
}

/// A correction that stands, as the database has it.
struct Standing {
    id: i64,
    wrong: (Option<i64>, Option<String>),
    visitor: Option<String>,
    before_at: Option<i64>,
    face: Option<(String, Vec<u8>)>,
}

impl Store {
    /// Somebody says that an event was of the person called `said`, or of nobody known. The event's face counts against the
    /// person who was named before, until that is taken back. A correction that stands is replaced.
    ///
    /// # Errors
    /// What the database said; nothing is changed then (after [`StoreError::TimedOut`] that is not known).
    pub async fn correct_event(&self, id: &str, said: Option<&str>) -> Result<Corrected, StoreError> {
        self.within(async {
            let mut session = self.writing().await?;
            let mut transaction = session.begin().await?;
            let version = next_version(&mut transaction).await?;
            take_numbers(&mut transaction, 0).await?;
            let done = correct(&mut transaction, id, said, version).await?;
            match done {
                Corrected::Done(_) => transaction.commit().await?,
                // The number goes back with the transaction.
                _ => transaction.rollback().await?,
            }
            session.give_back();
            Ok(done)
        })
        .await
    }

    /// Takes back the correction of an event that stands. It is kept as one that was taken back.
    ///
    /// # Errors
    /// What the database said; nothing is changed then (after [`StoreError::TimedOut`] that is not known).
    pub async fn take_back_correction(&self, id: &str) -> Result<TakenBack, StoreError> {
        self.within(async {
            let mut session = self.writing().await?;
            let mut transaction = session.begin().await?;
            let version = next_version(&mut transaction).await?;
            take_numbers(&mut transaction, 0).await?;
            let done = take_back(&mut transaction, id, version).await?;
            match done {
                TakenBack::Done(_) => transaction.commit().await?,
                _ => transaction.rollback().await?,
            }
            session.give_back();
            Ok(done)
        })
        .await
    }
}

async fn correct(
    connection: &mut AnyConnection,
    id: &str,
    said: Option<&str>,
    version: Version,
) -> Result<Corrected, Fault> {
    let Some((event, face)) = event_with_face(connection, id).await? else { return Ok(Corrected::UnknownEvent) };
    let said_id = match said {
        Some(name) => match find(connection, name).await? {
            Some(person) => Some(person.0),
            None => return Ok(Corrected::UnknownPerson),
        },
        None => None,
    };
    let now = (event.person_id, event.person.clone());
    if said_id == now.0 && (said_id.is_some() || now.1.is_none()) {
        return Ok(Corrected::Same);
    }
    let standing = standing(connection, id).await?;
    if standing.as_ref().is_some_and(|standing| standing.wrong.0 == said_id) {
        return Ok(Corrected::WasRecognised);
    }
    if let Some(standing) = &standing {
        withdraw(connection, standing.id).await?;
    }
    let at = Micros::now();
    let corrected_at = event.correction.as_ref().map(|correction| correction.at.0);
    // The event loses its face with whoever was said, the correction does not.
    let (wrong, visitor, before_at, face) = match standing {
        Some(standing) => (standing.wrong, standing.visitor, standing.before_at, face.or(standing.face)),
        None => (now.clone(), event.visitor.clone(), corrected_at, face),
    };
    sqlx::query(
        "INSERT INTO corrections (event_id, made_at, wrong_person_id, wrong_person, said_person_id, said_person, model, \
         embedding, visitor, before_at) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)",
    )
    .bind(id)
    .bind(at.0)
    .bind(wrong.0)
    .bind(wrong.1.as_deref())
    .bind(said_id)
    .bind(said)
    .bind(face.as_ref().map(|(model, _)| model.as_str()))
    .bind(face.as_ref().map(|(_, embedding)| embedding.clone()))
    .bind(visitor.as_deref())
    .bind(before_at)
    .execute(&mut *connection)
    .await?;
    let was = match &event.correction {
        Some(earlier) => (earlier.was_person_id, earlier.was_person.clone()),
        None => now,
    };
    let names = Names { person: (said_id, said.map(str::to_owned)), at: Some(at.0), was, visitor: None };
    rename(connection, id, &names).await?;
    if let Some(visitor) = &event.visitor {
        refresh(connection, visitor).await?;
    }
    // Whoever it is: a number that was taken must be used, and nobody is the person 0.
    let person = wrong.0.or(said_id).unwrap_or_default();
    record(connection, version, PersonId(person), ChangeKind::Updated).await?;
    let is_evidence = face.is_some() && wrong.0.is_some();
    let Some((event, _)) = event_with_face(connection, id).await? else { return Ok(Corrected::UnknownEvent) };
    Ok(Corrected::Done(Box::new(Correction { event, wrong_person: wrong.1, is_evidence })))
}

async fn take_back(connection: &mut AnyConnection, id: &str, version: Version) -> Result<TakenBack, Fault> {
    let Some((event, _)) = event_with_face(connection, id).await? else { return Ok(TakenBack::UnknownEvent) };
    let Some(Standing { id: number, wrong, visitor, before_at, .. }) = standing(connection, id).await? else {
        return Ok(TakenBack::Uncorrected);
    };
    withdraw(connection, number).await?;
    let visitor = match visitor {
        Some(visitor) => still_there(connection, &visitor).await?,
        None => None,
    };
    let was = match (before_at, &event.correction) {
        (Some(_), Some(earlier)) => (earlier.was_person_id, earlier.was_person.clone()),
        _ => (None, None),
    };
    let changed = wrong.0.or(event.person_id).unwrap_or_default();
    let names = Names { person: wrong, at: before_at, was, visitor: visitor.clone() };
    rename(connection, id, &names).await?;
    if let Some(visitor) = &visitor {
        refresh(connection, visitor).await?;
    }
    record(connection, version, PersonId(changed), ChangeKind::Updated).await?;
    let Some((event, _)) = event_with_face(connection, id).await? else { return Ok(TakenBack::UnknownEvent) };
    Ok(TakenBack::Done(Box::new(event)))
}

/// Who an event is said to be of.
struct Names {
    person: (Option<i64>, Option<String>),
    at: Option<i64>,
    was: (Option<i64>, Option<String>),
    visitor: Option<String>,
}

async fn rename(connection: &mut AnyConnection, id: &str, names: &Names) -> Result<(), sqlx::Error> {
    let seq = take_numbers(connection, 1).await?;
    sqlx::query(
        "UPDATE events SET seq = $1, person_id = $2, person = $3, corrected_at = $4, was_person_id = $5, was_person = $6, \
         visitor = $7 WHERE id = $8",
    )
    .bind(seq)
    .bind(names.person.0)
    .bind(names.person.1.as_deref())
    .bind(names.at)
    .bind(names.was.0)
    .bind(names.was.1.as_deref())
    .bind(names.visitor.as_deref())
    .bind(id)
    .execute(connection)
    .await?;
    Ok(())
}

async fn event_with_face(
    connection: &mut AnyConnection,
    id: &str,
) -> Result<Option<(Event, Option<(String, Vec<u8>)>)>, sqlx::Error> {
    let sql = format!("SELECT {COLUMNS}, model, embedding FROM events WHERE id = $1");
    let Some(row) = sqlx::query(AssertSqlSafe(sql)).bind(id).fetch_optional(connection).await? else { return Ok(None) };
    let face: (Option<String>, Option<Vec<u8>>) = (row.try_get("model")?, row.try_get("embedding")?);
    Ok(Some((read(&row)?.event, face.0.zip(face.1))))
}

async fn standing(connection: &mut AnyConnection, event: &str) -> Result<Option<Standing>, sqlx::Error> {
    let sql = "SELECT id, wrong_person_id, wrong_person, visitor, before_at, model, embedding FROM corrections \
               WHERE event_id = $1 AND taken_back_at IS NULL";
    let Some(row) = sqlx::query(sql).bind(event).fetch_optional(connection).await? else { return Ok(None) };
    Ok(Some(Standing {
        id: row.try_get("id")?,
        wrong: (row.try_get("wrong_person_id")?, row.try_get("wrong_person")?),
        visitor: row.try_get("visitor")?,
        before_at: row.try_get("before_at")?,
        face: row.try_get::<Option<_>, _>("model")?.zip(row.try_get("embedding")?),
    }))
}

/// It stays on record; its face serves nobody any more.
async fn withdraw(connection: &mut AnyConnection, correction: i64) -> Result<(), sqlx::Error> {
    sqlx::query("UPDATE corrections SET taken_back_at = $1, model = NULL, embedding = NULL WHERE id = $2")
        .bind(Micros::now().0)
        .bind(correction)
        .execute(connection)
        .await?;
    Ok(())
}

/// The visitor, or the one that it has turned out to be, if an event may still be of it.
async fn still_there(connection: &mut AnyConnection, visitor: &str) -> Result<Option<String>, sqlx::Error> {
    let lead = lead_of(connection, visitor).await?;
    let is_there: Option<i64> =
        sqlx::query_scalar("SELECT seq FROM visitors WHERE id = $1 AND forgotten = 0 AND person_id IS NULL")
            .bind(&lead)
            .fetch_optional(connection)
            .await?;
    Ok(is_there.map(|_| lead))
}

/// Events of which it stands that they were not of this person.
pub(crate) async fn refuted_events(
    connection: &mut AnyConnection,
    person: PersonId,
) -> Result<Vec<String>, sqlx::Error> {
    sqlx::query_scalar("SELECT event_id FROM corrections WHERE wrong_person_id = $1 AND taken_back_at IS NULL")
        .bind(person.0)
        .fetch_all(connection)
        .await
}

/// Hands the faces of these models of which it stands that they are not of these people to `take`, the newest first.
pub(crate) async fn refuted_faces_of(
    connection: &mut AnyConnection,
    people: Whom<'_>,
    models: &[Arc<str>],
    mut take: impl FnMut(PersonId, Refuted),
) -> Result<(), sqlx::Error> {
    let sql = format!(
        "SELECT wrong_person_id, model, embedding FROM corrections WHERE {} \
         AND taken_back_at IS NULL AND model IS NOT NULL AND embedding IS NOT NULL ORDER BY id DESC",
        people.have("wrong_person_id")
    );
    for row in &people.bind(sqlx::query(AssertSqlSafe(sql))).fetch_all(connection).await? {
        let name: &str = row.try_get("model")?;
        let model = models.iter().find(|known| ***known == *name);
        if let (Some(model), Some(embedding)) = (model, decode_face(row.try_get("embedding")?)) {
            take(PersonId(row.try_get("wrong_person_id")?), Refuted { model: Arc::clone(model), embedding });
        }
    }
    Ok(())
}

/// Erases what events and corrections keep of a person who is removed. A face that counts against somebody else stays, as that of
/// nobody known: it keeps whoever has it from passing as the person for whom it was taken before.
pub(crate) async fn forget_person(connection: &mut AnyConnection, person: PersonId) -> Result<(), sqlx::Error> {
    // No event of the person may be on its way into the database meanwhile.
    take_numbers(connection, 0).await?;
    for sql in [
        "UPDATE events SET model = NULL, embedding = NULL WHERE person_id = $1",
        "DELETE FROM corrections WHERE wrong_person_id = $1 \
         OR (said_person_id = $1 AND (wrong_person_id IS NULL OR taken_back_at IS NOT NULL))",
        "UPDATE corrections SET said_person_id = NULL, said_person = NULL WHERE said_person_id = $1",
    ] {
        sqlx::query(sql).bind(person.0).execute(&mut *connection).await?;
    }
    forget_registered_as(connection, person).await
}

/// Removes corrections that were taken back before `before`.
pub(crate) async fn forget_old_corrections(connection: &mut AnyConnection, before: Micros) -> Result<(), sqlx::Error> {
    sqlx::query("DELETE FROM corrections WHERE taken_back_at < $1").bind(before.0).execute(connection).await?;
    Ok(())
}
