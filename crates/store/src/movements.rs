use sqlx::Row;
use sqlx::any::AnyRow;

use crate::event_filter::first_id_of;
use crate::{Micros, PersonId, Store, StoreError};

/// The newest PASS of one person in one door group.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Movement {
    /// The door group.
    pub door_group: String,
    /// Who.
    pub person: PersonId,
    /// Who, by name.
    pub name: String,
    /// `in` or `out`.
    pub direction: String,
    /// The camera's id.
    pub camera: String,
    /// The event's id.
    pub event: String,
    /// When the passage began.
    pub started_at: Micros,
    /// When the person was last seen on it, as far as is known.
    pub last_seen_at: Micros,
    /// Until then the person was outside: see [`Profile::let_out_at`](crate::Profile).
    pub let_out_at: Option<Micros>,
}

/// A passage so far ahead, in microseconds, is of a node whose clock is wrong.
const FARTHEST_AHEAD: i64 = 60_000_000;

impl Movement {
    /// The latest time of a passage that counts at `now`.
    pub fn latest(now: Micros) -> Micros {
        Micros(now.0.saturating_add(FARTHEST_AHEAD))
    }

    /// Whether the person is inside since.
    pub fn is_inside(&self) -> bool {
        self.direction == "in" && self.let_out_at.is_none_or(|out| out < self.last_seen_at)
    }
}

impl Store {
    /// How each person who is enrolled last passed in each door group, of the passages that began at `from` or later; in order
    /// of door groups, and then of time. A passage more than a minute ahead of this clock does not count: it is of a node whose
    /// clock is wrong, and would be the newest for as long as it is ahead.
    ///
    /// # Errors
    /// When the database cannot answer.
    pub async fn newest_movements(&self, from: Micros) -> Result<Vec<Movement>, StoreError> {
        self.movements(from, None).await
    }

    /// The same of one person.
    ///
    /// # Errors
    /// When the database cannot answer.
    pub async fn newest_movements_of(&self, person: PersonId, from: Micros) -> Result<Vec<Movement>, StoreError> {
        self.movements(from, Some(person)).await
    }

    async fn movements(&self, from: Micros, of: Option<PersonId>) -> Result<Vec<Movement>, StoreError> {
        // Ids sort by the time of start: with them the search ends there, however many older events there are. The condition on
        // the person can be switched off, so that there is one query to prepare; nobody is the person 0.
        let sql = "SELECT e.door_group, e.person_id, people.name, e.direction, e.camera, e.id, e.started_at, e.last_seen_at, \
                   people.let_out_at \
                   FROM (SELECT door_group, person_id, direction, camera, id, started_at, last_seen_at, \
                   ROW_NUMBER() OVER (PARTITION BY door_group, person_id ORDER BY started_at DESC, id DESC) AS place \
                   FROM events WHERE id >= $1 AND started_at >= $2 AND started_at <= $3 AND last_seen_at <= $3 \
                   AND (person_id = $4 OR $4 = 0) AND status = 'PASS' AND door_group IS NOT NULL \
                   AND direction IS NOT NULL AND person_id IS NOT NULL) AS e \
                   JOIN people ON people.id = e.person_id WHERE e.place = 1 ORDER BY e.door_group, e.started_at, e.id";
        self.within(async {
            let mut session = self.reading().await?;
            let rows = sqlx::query(sql)
                .bind(first_id_of(from))
                .bind(from.0)
                .bind(Movement::latest(Micros::now()).0)
                .bind(of.map_or(0, |person| person.0))
                .fetch_all(&mut *session)
                .await?;
            session.give_back();
            Ok(rows.iter().map(read).collect::<Result<_, _>>()?)
        })
        .await
    }
}

fn read(row: &AnyRow) -> Result<Movement, sqlx::Error> {
    Ok(Movement {
        door_group: row.try_get("door_group")?,
        person: PersonId(row.try_get("person_id")?),
        name: row.try_get("name")?,
        direction: row.try_get("direction")?,
        camera: row.try_get("camera")?,
        event: row.try_get("id")?,
        started_at: Micros(row.try_get("started_at")?),
        last_seen_at: Micros(row.try_get("last_seen_at")?),
        let_out_at: row.try_get::<Option<i64>, _>("let_out_at")?.map(Micros),
    })
}
