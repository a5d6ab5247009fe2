use sqlx::any::AnyRow;
use sqlx::{AnyConnection, AssertSqlSafe, Row};

use crate::event_filter::ids_of;
use crate::{Micros, PersonId, Store, StoreError};

const COLUMNS: &str = "id, person_id, person, event_id, punched_at, direction, source, verify, note, by_whom, created_at, \
                       withdrawn_at, withdrawn_note, withdrawn_by";

/// Where a punch comes from that no camera saw.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PunchSource {
    /// Somebody said so.
    Hand,
    /// Another door's log.
    Log,
}

impl PunchSource {
    /// `hand` or `log`.
    pub fn as_str(self) -> &'static str {
        match self {
            PunchSource::Hand => "hand",
            PunchSource::Log => "log",
        }
    }
}

/// A coming or going that is to be added.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NewPunch {
    /// Whose.
    pub person_id: PersonId,
    /// Whose, by name.
    pub person: String,
    /// When.
    pub at: Micros,
    /// `in` or `out`; `None` when nobody knows.
    pub direction: Option<String>,
    /// Where it comes from.
    pub source: PunchSource,
    /// How another door's reader knew the person, in its own numbers.
    pub verify: Option<u8>,
    /// Why.
    pub note: Option<String>,
    /// Who says so.
    pub by: Option<String>,
}

/// What was said of a coming or going: that it was, or (with `event_id`) that an event's does not count.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Punch {
    /// Its number.
    pub id: i64,
    /// What was said. Of an event that does not count: whose it was, when and in which direction.
    pub said: NewPunch,
    /// The event that does not count.
    pub event_id: Option<String>,
    /// When it was said.
    pub created_at: Micros,
    /// Taken back: it counts no more, and is kept.
    pub withdrawn: Option<Withdrawal>,
}

/// What was said was taken back.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Withdrawal {
    /// When.
    pub at: Micros,
    /// Why.
    pub note: Option<String>,
    /// By whom.
    pub by: Option<String>,
}

/// A passage as a punch.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Pass {
    /// The event.
    pub event: String,
    /// When it became a PASS.
    pub at: Micros,
    /// `in` or `out`, where the camera has a direction.
    pub direction: Option<String>,
    /// The camera's id.
    pub camera: String,
    /// Somebody said that it does not count, or that it was somebody else.
    pub is_void: bool,
    /// Somebody said that it was this person.
    pub is_corrected: bool,
}

/// Which punches are wanted; `None` everywhere wants all.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct PunchFilter {
    /// Those of the person with this name.
    pub person: Option<String>,
    /// Those at this time or later.
    pub from: Option<Micros>,
    /// Those before this time.
    pub to: Option<Micros>,
}

impl Store {
    /// Keeps a punch; the same one (person, time, direction) twice is one. Returns it as it is kept, and whether it is new.
    ///
    /// # Errors
    /// What the database said.
    pub async fn add_punch(&self, punch: &NewPunch) -> Result<(Punch, bool), StoreError> {
        self.within(async {
            let mut session = self.writing().await?;
            let mut transaction = session.begin().await?;
            let id = insert(&mut transaction, punch, None).await?;
            let sql = format!(
                "SELECT {COLUMNS} FROM punches WHERE person_id = $1 AND punched_at = $2 AND direction = $3 \
                 AND event_id IS NULL AND withdrawn_at IS NULL"
            );
            let row = sqlx::query(AssertSqlSafe(sql))
                .bind(punch.person_id.0)
                .bind(punch.at.0)
                .bind(punch.direction.as_deref().unwrap_or_default())
                .fetch_one(&mut *transaction)
                .await?;
            let kept = read(&row)?;
            transaction.commit().await?;
            session.give_back();
            Ok((kept, id.is_some()))
        })
        .await
    }

    /// Keeps those of `punches` that were never said before: also one that was taken back meanwhile is not said anew by a log that
    /// is read a second time. Says of each whether it is new. All are kept or none.
    ///
    /// # Errors
    /// What the database said.
    pub async fn add_log(&self, punches: &[NewPunch]) -> Result<Vec<bool>, StoreError> {
        self.within(async {
            let mut session = self.writing().await?;
            let mut transaction = session.begin().await?;
            let mut new = Vec::with_capacity(punches.len());
            for punch in punches {
                let known: i64 = sqlx::query_scalar(
                    "SELECT COUNT(*) FROM punches \
                     WHERE person_id = $1 AND punched_at = $2 AND direction = $3 AND event_id IS NULL",
                )
                .bind(punch.person_id.0)
                .bind(punch.at.0)
                .bind(punch.direction.as_deref().unwrap_or_default())
                .fetch_one(&mut *transaction)
                .await?;
                new.push(known == 0 && insert(&mut transaction, punch, None).await?.is_some());
            }
            transaction.commit().await?;
            session.give_back();
            Ok(new)
        })
        .await
    }

    /// Keeps that the event `event` does not count as a punch. Returns that as it is kept, and whether it is new; `None` when
    /// there is no such event, or it is nobody's PASS.
    ///
    /// # Errors
    /// What the database said.
    pub async fn void_event(
        &self,
        event: &str,
        note: Option<&str>,
        by: Option<&str>,
    ) -> Result<Option<(Punch, bool)>, StoreError> {
        self.within(async {
            let mut session = self.writing().await?;
            let mut transaction = session.begin().await?;
            let found: Option<(i64, String, i64, Option<String>)> = sqlx::query_as(
                "SELECT person_id, person, COALESCE(passed_at, started_at), direction FROM events \
                 WHERE id = $1 AND status = 'PASS' AND person_id IS NOT NULL AND person IS NOT NULL",
            )
            .bind(event)
            .fetch_optional(&mut *transaction)
            .await?;
            let Some((person_id, person, at, direction)) = found else {
                transaction.rollback().await?;
                session.give_back();
                return Ok(None);
            };
            let void = NewPunch {
                person_id: PersonId(person_id),
                person,
                at: Micros(at),
                direction,
                source: PunchSource::Hand,
                verify: None,
                note: note.map(str::to_owned),
                by: by.map(str::to_owned),
            };
            let id = insert(&mut transaction, &void, Some(event)).await?;
            let sql = format!("SELECT {COLUMNS} FROM punches WHERE event_id = $1 AND withdrawn_at IS NULL");
            let kept = read(&sqlx::query(AssertSqlSafe(sql)).bind(event).fetch_one(&mut *transaction).await?)?;
            transaction.commit().await?;
            session.give_back();
            Ok(Some((kept, id.is_some())))
        })
        .await
    }

    /// Takes back what was said with number `id`; it is kept, and counts no more. What was taken back before stays as it is.
    /// `None` when nothing has this number.
    ///
    /// # Errors
    /// What the database said.
    pub async fn withdraw_punch(
        &self,
        id: i64,
        note: Option<&str>,
        by: Option<&str>,
    ) -> Result<Option<Punch>, StoreError> {
        self.within(async {
            let mut session = self.writing().await?;
            let mut transaction = session.begin().await?;
            sqlx::query(
                "UPDATE punches SET withdrawn_at = $1, withdrawn_note = $2, withdrawn_by = $3 \
                 WHERE id = $4 AND withdrawn_at IS NULL",
            )
            .bind(Micros::now().0)
            .bind(note)
            .bind(by)
            .bind(id)
            .execute(&mut *transaction)
            .await?;
            let sql = format!("SELECT {COLUMNS} FROM punches WHERE id = $1");
            let row = sqlx::query(AssertSqlSafe(sql)).bind(id).fetch_optional(&mut *transaction).await?;
            let punch = row.as_ref().map(read).transpose()?;
            transaction.commit().await?;
            session.give_back();
            Ok(punch)
        })
        .await
    }

    /// Up to `limit` of what was said, also what was taken back, the newest first: older than number `before`, or the newest of
    /// all.
    ///
    /// # Errors
    /// When the database cannot answer.
    pub async fn punches(
        &self,
        filter: &PunchFilter,
        before: Option<i64>,
        limit: u32,
    ) -> Result<Vec<Punch>, StoreError> {
        let sql = format!(
            "SELECT {COLUMNS} FROM punches WHERE id < $1 AND punched_at >= $2 AND punched_at < $3 \
             AND (person = $4 OR $5 = 0) ORDER BY id DESC LIMIT $6"
        );
        self.within(async {
            let mut session = self.reading().await?;
            let rows = sqlx::query(AssertSqlSafe(sql))
                .bind(before.unwrap_or(i64::MAX))
                .bind(filter.from.map_or(i64::MIN, |from| from.0))
                .bind(filter.to.map_or(i64::MAX, |to| to.0))
                .bind(filter.person.as_deref().unwrap_or_default())
                .bind(i64::from(filter.person.is_some()))
                .bind(i64::from(limit))
                .fetch_all(&mut *session)
                .await?;
            session.give_back();
            Ok(rows.iter().map(read).collect::<Result<_, _>>()?)
        })
        .await
    }

    /// What counts of what was said of a person's comings and goings between the two times, in order of time.
    ///
    /// # Errors
    /// When the database cannot answer.
    pub async fn punches_of(&self, person: PersonId, from: Micros, to: Micros) -> Result<Vec<Punch>, StoreError> {
        let sql = format!(
            "SELECT {COLUMNS} FROM punches WHERE person_id = $1 AND punched_at >= $2 AND punched_at < $3 \
             AND event_id IS NULL AND withdrawn_at IS NULL ORDER BY punched_at, id"
        );
        self.within(async {
            let mut session = self.reading().await?;
            let rows =
                sqlx::query(AssertSqlSafe(sql)).bind(person.0).bind(from.0).bind(to.0).fetch_all(&mut *session).await?;
            session.give_back();
            Ok(rows.iter().map(read).collect::<Result<_, _>>()?)
        })
        .await
    }

    /// Up to `limit` passages of a person, and those that were taken for the person's at first, that became a PASS between the two
    /// times; in order of their ids: those after the event `after`, or the first.
    ///
    /// # Errors
    /// When the database cannot answer.
    pub async fn passes_of(
        &self,
        person: PersonId,
        from: Micros,
        to: Micros,
        after: Option<&str>,
        limit: u32,
    ) -> Result<Vec<Pass>, StoreError> {
        let sql = "SELECT id, COALESCE(passed_at, started_at) AS passed, direction, camera, person_id, corrected_at, \
                   (SELECT COUNT(*) FROM punches \
                   WHERE punches.event_id = events.id AND punches.withdrawn_at IS NULL) AS void \
                   FROM events WHERE (person_id = $1 OR was_person_id = $1) AND status = 'PASS' AND id >= $2 AND id > $3 \
                   AND id < $7 AND COALESCE(passed_at, started_at) >= $4 AND COALESCE(passed_at, started_at) < $5 \
                   ORDER BY id LIMIT $6";
        self.within(async {
            let mut session = self.reading().await?;
            let ids = ids_of(from, to);
            let rows = sqlx::query(sql)
                .bind(person.0)
                .bind(ids.start)
                .bind(after.unwrap_or_default())
                .bind(from.0)
                .bind(to.0)
                .bind(i64::from(limit))
                .bind(ids.end)
                .fetch_all(&mut *session)
                .await?;
            session.give_back();
            let pass = |row: &AnyRow| {
                let is_theirs = row.try_get::<Option<i64>, _>("person_id")? == Some(person.0);
                Ok(Pass {
                    event: row.try_get("id")?,
                    at: Micros(row.try_get("passed")?),
                    direction: row.try_get("direction")?,
                    camera: row.try_get("camera")?,
                    is_void: !is_theirs || row.try_get::<i64, _>("void")? > 0,
                    is_corrected: is_theirs && row.try_get::<Option<i64>, _>("corrected_at")?.is_some(),
                })
            };
            Ok(rows.iter().map(pass).collect::<Result<_, sqlx::Error>>()?)
        })
        .await
    }
}

/// The number that it was given; `None` when the same is kept already.
async fn insert(
    connection: &mut AnyConnection,
    punch: &NewPunch,
    event: Option<&str>,
) -> Result<Option<i64>, sqlx::Error> {
    sqlx::query_scalar(
        "INSERT INTO punches (person_id, person, event_id, punched_at, direction, source, verify, note, by_whom, created_at) \
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10) ON CONFLICT DO NOTHING RETURNING id",
    )
    .bind(punch.person_id.0)
    .bind(&punch.person)
    .bind(event)
    .bind(punch.at.0)
    .bind(punch.direction.as_deref().unwrap_or_default())
    .bind(punch.source.as_str())
    .bind(punch.verify.map(i64::from))
    .bind(punch.note.as_deref())
    .bind(punch.by.as_deref())
    .bind(Micros::now().0)
    .fetch_optional(connection)
    .await
}

fn read(row: &AnyRow) -> Result<Punch, sqlx::Error> {
    let direction: String = row.try_get("direction")?;
    let source: String = row.try_get("source")?;
    let verify: Option<i64> = row.try_get("verify")?;
    let said = NewPunch {
        person_id: PersonId(row.try_get("person_id")?),
        person: row.try_get("person")?,
        at: Micros(row.try_get("punched_at")?),
        direction: Some(direction).filter(|direction| !direction.is_empty()),
        source: if source == PunchSource::Log.as_str() { PunchSource::Log } else { PunchSource::Hand },
        verify: verify.and_then(|verify| u8::try_from(verify).ok()),
        note: row.try_get("note")?,
        by: row.try_get("by_whom")?,
    };
    let withdrawn_at: Option<i64> = row.try_get("withdrawn_at")?;
    let withdrawn = match withdrawn_at {
        Some(at) => {
            Some(Withdrawal { at: Micros(at), note: row.try_get("withdrawn_note")?, by: row.try_get("withdrawn_by")? })
        }
        None => None,
    };
    Ok(Punch {
        id: row.try_get("id")?,
        said,
        event_id: row.try_get("event_id")?,
        created_at: Micros(row.try_get("created_at")?),
        withdrawn,
    })
}
