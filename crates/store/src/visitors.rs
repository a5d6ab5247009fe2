//! Unknown people: which events are of the same one, and what has become of them.
mod fate;
mod keeping;

use sqlx::any::AnyRow;
use sqlx::{AnyConnection, AssertSqlSafe, Row};

use crate::templates::decode_face;
use crate::{Micros, Store, StoreError};

pub use fate::{RegisteredVisitor, Registration};

pub(crate) use fate::forget_registered_as;
pub(crate) use keeping::{Keeping, refresh, remove_forsaken};

/// Pictures that a list shows of a visitor.
const SHOTS: i64 = 5;

/// An unknown person.
#[derive(Clone, Debug, PartialEq)]
pub struct Visitor {
    /// A UUIDv7 of the time when the person was grouped first.
    pub id: String,
    /// When the person was first seen, of the events that are kept.
    pub first_seen_at: Micros,
    /// When the person was last seen.
    pub last_seen_at: Micros,
    /// Whether nobody is to be told of the person.
    pub muted: bool,
    /// As whom the person was registered: then the events are that person's.
    pub person: Option<String>,
    /// How many events there are of the person.
    pub passages: u64,
    /// The cameras that saw the person, sorted.
    pub cameras: Vec<String>,
    /// Events with the best pictures of the face, the best first.
    pub shots: Vec<String>,
}

/// What it takes to tell visitors from one another.
#[derive(Clone, Debug, PartialEq)]
pub struct VisitorFace {
    /// Which visitor.
    pub id: String,
    /// The place of this state in the order of changes.
    pub seq: i64,
    /// The mean of the best faces, as long as they are; `None` when there is nobody (any more) to be grouped with.
    pub centroid: Option<Vec<f32>>,
    /// When the person was last seen.
    pub last_seen_at: Micros,
    /// Whether nobody is to be told of the person.
    pub muted: bool,
    /// The visitor that this one turned out to be.
    pub merged_into: Option<String>,
}

/// Where a page of visitors begins: after the one that was last seen then.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct VisitorCursor {
    /// When.
    pub last_seen_at: Micros,
    /// Which.
    pub id: String,
}

impl Store {
    /// Up to `limit` visitors, those seen last first; only muted ones, or only others, if `muted` says so.
    ///
    /// # Errors
    /// When the database cannot answer.
    pub async fn visitors(
        &self,
        muted: Option<bool>,
        before: Option<&VisitorCursor>,
        limit: u32,
    ) -> Result<Vec<Visitor>, StoreError> {
        // Each condition can be switched off, so that there is one query to prepare.
        let sql = format!(
            "SELECT {COLUMNS} FROM visitors WHERE centroid IS NOT NULL AND (muted = $1 OR $1 < 0) \
             AND (last_seen_at < $2 OR (last_seen_at = $2 AND id < $3)) ORDER BY last_seen_at DESC, id DESC LIMIT $4"
        );
        self.within(async {
            let mut session = self.reading().await?;
            let rows = sqlx::query(AssertSqlSafe(sql))
                .bind(muted.map_or(-1, i64::from))
                .bind(before.map_or(i64::MAX, |before| before.last_seen_at.0))
                .bind(before.map_or("", |before| &before.id))
                .bind(i64::from(limit))
                .fetch_all(&mut *session)
                .await?;
            let mut found = Vec::with_capacity(rows.len());
            for row in &rows {
                found.push(read_whole(&mut session, row).await?);
            }
            session.give_back();
            Ok(found)
        })
        .await
    }

    /// The visitor with this id, or the one that it has turned out to be; also one who was registered, then with that name and
    /// no events. `None` for one who was forgotten.
    ///
    /// # Errors
    /// When the database cannot answer.
    pub async fn visitor(&self, id: &str) -> Result<Option<Visitor>, StoreError> {
        self.within(async {
            let mut session = self.reading().await?;
            let lead = lead_of(&mut session, id).await?;
            let sql = format!(
                "SELECT {COLUMNS} FROM visitors WHERE id = $1 AND (centroid IS NOT NULL OR person_id IS NOT NULL)"
            );
            let row = sqlx::query(AssertSqlSafe(sql)).bind(lead).fetch_optional(&mut *session).await?;
            let visitor = match &row {
                Some(row) => Some(read_whole(&mut session, row).await?),
                None => None,
            };
            session.give_back();
            Ok(visitor)
        })
        .await
    }

    /// Up to `limit` visitors of `model` who may be met again, those seen last first, and the number of the newest change that
    /// is in it.
    ///
    /// # Errors
    /// When the database cannot answer.
    pub async fn visitor_faces(&self, model: &str, limit: u32) -> Result<(i64, Vec<VisitorFace>), StoreError> {
        let sql = "SELECT id, seq, centroid, last_seen_at, muted, merged_into FROM visitors \
                   WHERE model = $1 AND centroid IS NOT NULL ORDER BY last_seen_at DESC, id DESC LIMIT $2";
        self.within(async {
            let mut session = self.reading().await?;
            let mut transaction = session.begin().await?;
            let seq = sqlx::query_scalar("SELECT seq FROM events_counter").fetch_one(&mut *transaction).await?;
            let rows = sqlx::query(sql).bind(model).bind(i64::from(limit)).fetch_all(&mut *transaction).await?;
            transaction.commit().await?;
            session.give_back();
            Ok((seq, rows.iter().map(read_face).collect::<Result<_, _>>()?))
        })
        .await
    }

    /// Up to `limit` visitors of `model` who have changed after the change `seq`, in order.
    ///
    /// # Errors
    /// When the database cannot answer.
    pub async fn visitor_faces_since(&self, seq: i64, model: &str, limit: u32) -> Result<Vec<VisitorFace>, StoreError> {
        let sql = "SELECT id, seq, centroid, last_seen_at, muted, merged_into FROM visitors \
                   WHERE seq > $1 AND model = $2 ORDER BY seq LIMIT $3";
        self.within(async {
            let mut session = self.reading().await?;
            let rows = sqlx::query(sql).bind(seq).bind(model).bind(i64::from(limit)).fetch_all(&mut *session).await?;
            session.give_back();
            Ok(rows.iter().map(read_face).collect::<Result<_, _>>()?)
        })
        .await
    }
}

const COLUMNS: &str = "id, first_seen_at, last_seen_at, muted, person";

/// The visitor that `id` has turned out to be, or `id` itself.
pub(crate) async fn lead_of(connection: &mut AnyConnection, id: &str) -> Result<String, sqlx::Error> {
    let lead: Option<Option<String>> = sqlx::query_scalar("SELECT merged_into FROM visitors WHERE id = $1")
        .bind(id)
        .fetch_optional(connection)
        .await?;
    Ok(lead.flatten().unwrap_or_else(|| id.to_owned()))
}

async fn read_whole(connection: &mut AnyConnection, row: &AnyRow) -> Result<Visitor, sqlx::Error> {
    let id: String = row.try_get("id")?;
    let counted: Vec<(String, i64)> =
        sqlx::query_as("SELECT camera, COUNT(*) FROM events WHERE visitor = $1 GROUP BY camera ORDER BY camera")
            .bind(&id)
            .fetch_all(&mut *connection)
            .await?;
    let shots = sqlx::query_scalar(
        "SELECT id FROM events WHERE visitor = $1 AND has_face = 1 ORDER BY COALESCE(quality, 0) DESC, id LIMIT $2",
    )
    .bind(&id)
    .bind(SHOTS)
    .fetch_all(connection)
    .await?;
    Ok(Visitor {
        id,
        first_seen_at: Micros(row.try_get("first_seen_at")?),
        last_seen_at: Micros(row.try_get("last_seen_at")?),
        muted: row.try_get::<i64, _>("muted")? != 0,
        person: row.try_get("person")?,
        passages: counted.iter().map(|(_, count)| u64::try_from(*count).unwrap_or_default()).sum(),
        cameras: counted.into_iter().map(|(camera, _)| camera).collect(),
        shots,
    })
}

fn read_face(row: &AnyRow) -> Result<VisitorFace, sqlx::Error> {
    let centroid: Option<Vec<u8>> = row.try_get("centroid")?;
    Ok(VisitorFace {
        id: row.try_get("id")?,
        seq: row.try_get("seq")?,
        centroid: centroid.and_then(|bytes| decode_face(&bytes)),
        last_seen_at: Micros(row.try_get("last_seen_at")?),
        muted: row.try_get::<i64, _>("muted")? != 0,
        merged_into: row.try_get("merged_into")?,
    })
}
