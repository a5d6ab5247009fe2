use std::collections::BTreeMap;

use sqlx::any::{AnyArguments, AnyRow};
use sqlx::query::Query;
use sqlx::{Any, AnyConnection, AssertSqlSafe, Row};

use crate::{Micros, Store, StoreError};

/// What a lease brings along.
const LEASED: &str =
    "seq, id, target, body, facts, camera, created_at, queued_at, attempts, last_error, next_attempt_at";

/// A webhook delivery to be kept until it has been made.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NewDelivery {
    /// Unique: what lets the receiver, and the outbox, recognise a delivery that comes twice.
    pub id: String,
    /// Where to: an address, or the name of a webhook. Deliveries to one target are made in the order in which they were
    /// pushed.
    pub target: String,
    /// What is sent.
    pub body: String,
    /// What the target's address and headers are filled with, as JSON; empty for nothing.
    pub facts: String,
    /// Which camera it came from.
    pub camera: String,
    /// When what it tells happened.
    pub created_at: Micros,
}

/// A delivery that waits, leased to the caller.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Delivery {
    /// Its place in the outbox, by which it is reported delivered or failed.
    pub seq: i64,
    /// Unique: what lets the receiver recognise a delivery that comes twice.
    pub id: String,
    /// Where to: an address, or the name of a webhook.
    pub target: String,
    /// What is sent.
    pub body: String,
    /// What the target's address and headers are filled with, as JSON; empty for nothing.
    pub facts: String,
    /// Which camera it came from.
    pub camera: String,
    /// When what it tells happened.
    pub created_at: Micros,
    /// When it was put into the outbox: its age counts from here. Later than `created_at` for one that is sent again.
    pub queued_at: Micros,
    /// How often it has failed.
    pub attempts: u32,
    /// Why it has failed last; empty when it has not.
    pub last_error: String,
    /// Not to be tried before this moment.
    pub next_attempt_at: Micros,
}

impl From<NewDelivery> for Delivery {
    /// One that nobody has tried, and that is in no outbox.
    fn from(new: NewDelivery) -> Self {
        let NewDelivery { id, target, body, facts, camera, created_at } = new;
        Self {
            seq: 0,
            id,
            target,
            body,
            facts,
            camera,
            created_at,
            queued_at: created_at,
            attempts: 0,
            last_error: String::new(),
            next_attempt_at: created_at,
        }
    }
}

/// What waits in the outbox.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Outbox {
    /// How many deliveries.
    pub depth: u64,
    /// When what the oldest of them tells happened.
    pub oldest: Option<Micros>,
    /// How many that were given up are kept.
    pub dead: u64,
}

impl Store {
    /// Puts a delivery last in the outbox; on the disk when it returns. One with the same id that still waits stays
    /// as it is.
    ///
    /// # Errors
    /// What the database said.
    pub async fn push_delivery(&self, delivery: &NewDelivery) -> Result<(), StoreError> {
        self.write(insert(delivery)).await?;
        Ok(())
    }

    /// Leases the oldest delivery for `target` to `owner` until `lease_until`, also when its next attempt is not due yet:
    /// the caller waits. `None` when nothing waits for `target`, or another owner's lease on the oldest has not expired;
    /// a younger delivery never overtakes. An owner may renew its own lease.
    ///
    /// # Errors
    /// What the database said.
    pub async fn lease_delivery(
        &self,
        target: &str,
        owner: &str,
        now: Micros,
        lease_until: Micros,
    ) -> Result<Option<Delivery>, StoreError> {
        self.within(async {
            let mut session = self.writing().await?;
            let mut transaction = session.begin().await?;
            let delivery = lease_oldest(&mut transaction, target, owner, now, lease_until).await?;
            transaction.commit().await?;
            session.give_back();
            Ok(delivery)
        })
        .await
    }

    /// The same for commands, of which each gets its turn: the one that has failed least often, the oldest of those. None of
    /// `except`, by their ids.
    ///
    /// # Errors
    /// What the database said.
    pub async fn lease_command(
        &self,
        target: &str,
        owner: &str,
        except: &[String],
        now: Micros,
        lease_until: Micros,
    ) -> Result<Option<Delivery>, StoreError> {
        let places: Vec<String> = (5..5 + except.len()).map(|place| format!("${place}")).collect();
        let excepted = if places.is_empty() { String::new() } else { format!("AND id NOT IN ({})", places.join(", ")) };
        let sql = format!(
            "UPDATE deliveries SET lease_owner = $1, lease_until = $2 WHERE seq = \
             (SELECT seq FROM deliveries WHERE target = $3 {excepted} ORDER BY attempts, seq LIMIT 1) \
             AND (lease_owner = $1 OR lease_until <= $4) RETURNING {LEASED}"
        );
        self.within(async {
            let mut session = self.writing().await?;
            let mut transaction = session.begin().await?;
            let query = sqlx::query(AssertSqlSafe(sql)).bind(owner).bind(lease_until.0).bind(target).bind(now.0);
            let query = except.iter().fold(query, sqlx::query::Query::bind);
            let row = query.fetch_optional(&mut *transaction).await?;
            let delivery = row.as_ref().map(read).transpose()?;
            transaction.commit().await?;
            session.give_back();
            Ok(delivery)
        })
        .await
    }

    /// Counts an attempt that is about to be made, for one that is to be made once: whoever finds it counted knows that what
    /// came of it was never written. The lease stays.
    ///
    /// # Errors
    /// What the database said.
    pub async fn attempting(&self, seq: i64) -> Result<(), StoreError> {
        self.write(sqlx::query("UPDATE deliveries SET attempts = attempts + 1 WHERE seq = $1").bind(seq)).await?;
        Ok(())
    }

    /// Counts a failed attempt, keeps its reason, and gives up the lease.
    ///
    /// # Errors
    /// What the database said.
    pub async fn failed(&self, seq: i64, error: &str, next_attempt_at: Micros) -> Result<(), StoreError> {
        self.write(
            sqlx::query(
                "UPDATE deliveries SET attempts = attempts + 1, last_error = $1, next_attempt_at = $2, \
                 lease_owner = '', lease_until = 0 WHERE seq = $3",
            )
            .bind(error)
            .bind(next_attempt_at.0)
            .bind(seq),
        )
        .await?;
        Ok(())
    }

    /// Gives up every lease of `owner`, who is leaving; another may take over at once.
    ///
    /// # Errors
    /// What the database said; the leases expire by themselves then.
    pub async fn release_leases(&self, owner: &str) -> Result<(), StoreError> {
        self.write(
            sqlx::query("UPDATE deliveries SET lease_owner = '', lease_until = 0 WHERE lease_owner = $1").bind(owner),
        )
        .await?;
        Ok(())
    }

    /// Throws away the deliveries for `target` that were created before `before`, tried or not; returns how many that were.
    /// Nobody may be left who would deliver them.
    ///
    /// # Errors
    /// What the database said.
    pub async fn drop_abandoned_deliveries(&self, target: &str, before: Micros) -> Result<u64, StoreError> {
        let sql = "DELETE FROM deliveries WHERE target = $1 AND created_at < $2";
        self.write(sqlx::query(sql).bind(target).bind(before.0)).await
    }

    /// How many deliveries wait for each target for which any do.
    ///
    /// # Errors
    /// When the database cannot answer.
    pub async fn deliveries_by_target(&self) -> Result<BTreeMap<String, u64>, StoreError> {
        self.within(async {
            let mut session = self.reading().await?;
            let rows: Vec<(String, i64)> = sqlx::query_as("SELECT target, COUNT(*) FROM deliveries GROUP BY target")
                .fetch_all(&mut *session)
                .await?;
            session.give_back();
            Ok(rows.into_iter().map(|(target, count)| (target, count.unsigned_abs())).collect())
        })
        .await
    }

    /// What waits in the outbox, for all targets together.
    ///
    /// # Errors
    /// When the database cannot answer.
    pub async fn outbox(&self) -> Result<Outbox, StoreError> {
        self.within(async {
            let mut session = self.reading().await?;
            let (depth, oldest): (i64, Option<i64>) =
                sqlx::query_as("SELECT COUNT(*), MIN(created_at) FROM deliveries").fetch_one(&mut *session).await?;
            let sql = "SELECT COUNT(*) FROM delivery_log WHERE state = 'dead'";
            let dead: i64 = sqlx::query_scalar(sql).fetch_one(&mut *session).await?;
            session.give_back();
            Ok(Outbox { depth: depth.unsigned_abs(), oldest: oldest.map(Micros), dead: dead.unsigned_abs() })
        })
        .await
    }
}

/// One statement, so that of two who lease at once the second finds the first one's lease: PostgreSQL makes it wait
/// for the row and then checks the row's new state.
async fn lease_oldest(
    connection: &mut AnyConnection,
    target: &str,
    owner: &str,
    now: Micros,
    lease_until: Micros,
) -> Result<Option<Delivery>, sqlx::Error> {
    let sql = format!(
        "UPDATE deliveries SET lease_owner = $1, lease_until = $2 \
         WHERE seq = (SELECT MIN(seq) FROM deliveries WHERE target = $3) AND (lease_owner = $1 OR lease_until <= $4) \
         RETURNING {LEASED}"
    );
    let query = sqlx::query(AssertSqlSafe(sql)).bind(owner).bind(lease_until.0).bind(target).bind(now.0);
    let row = query.fetch_optional(connection).await?;
    row.as_ref().map(read).transpose()
}

/// Puts a delivery into the outbox; one that is there already stays as it is.
pub(crate) fn insert(delivery: &NewDelivery) -> Query<'_, Any, AnyArguments> {
    sqlx::query(
        "INSERT INTO deliveries (id, target, body, facts, camera, created_at, queued_at, next_attempt_at) \
         VALUES ($1, $2, $3, $4, $5, $6, $6, $6) ON CONFLICT (id) DO NOTHING",
    )
    .bind(&delivery.id)
    .bind(&delivery.target)
    .bind(&delivery.body)
    .bind(&delivery.facts)
    .bind(&delivery.camera)
    .bind(delivery.created_at.0)
}

fn read(row: &AnyRow) -> Result<Delivery, sqlx::Error> {
    let attempts: i64 = row.try_get("attempts")?;
    Ok(Delivery {
        seq: row.try_get("seq")?,
        id: row.try_get("id")?,
        target: row.try_get("target")?,
        body: row.try_get("body")?,
        facts: row.try_get("facts")?,
        camera: row.try_get("camera")?,
        created_at: Micros(row.try_get("created_at")?),
        queued_at: Micros(row.try_get("queued_at")?),
        attempts: u32::try_from(attempts).unwrap_or(u32::MAX),
        last_error: row.try_get("last_error")?,
        next_attempt_at: Micros(row.try_get("next_attempt_at")?),
    })
}
