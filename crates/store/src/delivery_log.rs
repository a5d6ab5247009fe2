use std::collections::BTreeMap;

use sqlx::any::AnyRow;
use sqlx::{AnyConnection, AssertSqlSafe, Row};

use crate::{Micros, NewDelivery, Store, StoreError, outbox};

/// Rows moved in one transaction: so that none takes longer than a server allows, nor locks others out for long.
const MOVED_AT_ONCE: i64 = 500;

/// Columns that both tables have, in the order in which they are moved.
const MOVED: &str = "id, target, body, facts, camera, created_at, attempts";

/// Both tables as one; `at` is when it was settled or is tried next.
const ALL: &str = "(SELECT id, target, camera, 'waiting' AS state, created_at, attempts, next_attempt_at AS at, \
                   0 AS answer, last_error AS reason, body, facts FROM deliveries UNION ALL \
                   SELECT id, target, camera, state, created_at, attempts, settled_at AS at, answer, reason, body, facts \
                   FROM delivery_log) AS deliveries";

/// What has become of a delivery.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DeliveryState {
    /// It is in the outbox.
    Waiting,
    /// The receiver has it.
    Delivered,
    /// It was given up.
    Dead,
}

impl DeliveryState {
    /// All there are.
    pub const ALL: [Self; 3] = [Self::Waiting, Self::Delivered, Self::Dead];

    /// The word for it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Waiting => "waiting",
            Self::Delivered => "delivered",
            Self::Dead => "dead",
        }
    }
}

/// How a delivery ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Settlement {
    /// Whether the receiver has it; otherwise it is given up.
    pub delivered: bool,
    /// How often it was tried.
    pub attempts: u32,
    /// The HTTP status of the last answer.
    pub answer: Option<u16>,
    /// Why it was given up.
    pub reason: String,
    /// When it ended.
    pub at: Micros,
}

/// A delivery, whatever has become of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LoggedDelivery {
    /// Unique: what the receiver was told.
    pub id: String,
    /// Where to: an address, or the name of a webhook.
    pub target: String,
    /// Which camera it came from.
    pub camera: String,
    /// What has become of it.
    pub state: DeliveryState,
    /// When what it tells happened.
    pub created_at: Micros,
    /// How often it was tried; of one that waits, how often it has failed.
    pub attempts: u32,
    /// When it was settled; of one that waits, when it is tried next.
    pub at: Micros,
    /// The HTTP status of the last answer, of one that is settled.
    pub answer: Option<u16>,
    /// Why it was given up, or has failed last.
    pub reason: String,
    /// What was sent, or is to be.
    pub body: String,
    /// What the target's address and headers are filled with, as JSON.
    pub facts: String,
}

/// Which deliveries are wanted.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct DeliveryFilter {
    /// Those of one state.
    pub state: Option<DeliveryState>,
    /// Those to one of these; `None` for all.
    pub targets: Option<Vec<String>>,
    /// Those created before this one: its time and id.
    pub before: Option<(Micros, String)>,
}

/// What there is of deliveries to one target.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Target {
    /// How many wait.
    pub waiting: u64,
    /// How many that were given up are kept.
    pub dead: u64,
    /// When the last was delivered, as far as that is kept.
    pub last_delivered: Option<Micros>,
    /// When the last was given up, as far as that is kept.
    pub last_dead: Option<Micros>,
    /// The oldest that waits, if it has failed: how often, and why it did last.
    pub failing: Option<(u32, String)>,
}

/// What became of the wish to send a delivery again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Resent {
    /// It is in the outbox.
    Yes,
    /// There is none of this id, or no more.
    Unknown,
    /// It is not given up.
    NotDead(DeliveryState),
}

impl Store {
    /// Takes a delivery out of the outbox and keeps how it ended.
    ///
    /// # Errors
    /// What the database said; the delivery will come again then.
    pub async fn settle(&self, seq: i64, settlement: &Settlement) -> Result<(), StoreError> {
        self.within(async {
            let mut session = self.writing().await?;
            let mut transaction = session.begin().await?;
            let sql = format!("DELETE FROM deliveries WHERE seq = $1 RETURNING {MOVED}");
            let row = sqlx::query(AssertSqlSafe(sql)).bind(seq).fetch_optional(&mut *transaction).await?;
            if let Some(row) = row {
                log(&mut transaction, &row, settlement).await?;
            }
            transaction.commit().await?;
            session.give_back();
            Ok(())
        })
        .await
    }

    /// Keeps how a delivery ended that the outbox may not have.
    ///
    /// # Errors
    /// What the database said.
    pub async fn log_delivery(&self, delivery: &NewDelivery, settlement: &Settlement) -> Result<(), StoreError> {
        self.within(async {
            let mut session = self.writing().await?;
            let mut transaction = session.begin().await?;
            outbox::insert(delivery).execute(&mut *transaction).await?;
            let sql = format!("DELETE FROM deliveries WHERE id = $1 RETURNING {MOVED}");
            let row = sqlx::query(AssertSqlSafe(sql)).bind(&delivery.id).fetch_one(&mut *transaction).await?;
            log(&mut transaction, &row, settlement).await?;
            transaction.commit().await?;
            session.give_back();
            Ok(())
        })
        .await
    }

    /// Gives up the deliveries for `target` that were queued before `before`, have failed, and that nobody holds a lease
    /// on; returns how many that were. One that was never tried stays, however old it is: nobody has refused it yet.
    ///
    /// # Errors
    /// What the database said; some may be given up then.
    pub async fn expire_deliveries(&self, target: &str, before: Micros, now: Micros) -> Result<u64, StoreError> {
        let mut expired = 0;
        loop {
            let some = self.expire_some(target, before, now).await?;
            expired += some;
            if some < MOVED_AT_ONCE.unsigned_abs() {
                return Ok(expired);
            }
        }
    }

    async fn expire_some(&self, target: &str, before: Micros, now: Micros) -> Result<u64, StoreError> {
        self.within(async {
            let mut session = self.writing().await?;
            let mut transaction = session.begin().await?;
            let sql = format!(
                "DELETE FROM deliveries WHERE lease_owner = '' AND seq IN (SELECT seq FROM deliveries WHERE target = $1 \
                 AND queued_at < $2 AND attempts > 0 AND lease_owner = '' ORDER BY seq LIMIT $3) \
                 RETURNING {MOVED}, last_error"
            );
            let query = sqlx::query(AssertSqlSafe(sql)).bind(target).bind(before.0).bind(MOVED_AT_ONCE);
            let rows = query.fetch_all(&mut *transaction).await?;
            for row in &rows {
                let last_error: String = row.try_get("last_error")?;
                let settlement = Settlement {
                    delivered: false,
                    attempts: attempts(row)?,
                    answer: None,
                    reason: format!("too old when it failed: {last_error}"),
                    at: now,
                };
                log(&mut transaction, row, &settlement).await?;
            }
            transaction.commit().await?;
            session.give_back();
            Ok(rows.len() as u64)
        })
        .await
    }

    /// Puts a delivery that was given up back into the outbox, at the end, with its own id, body and time; it is as young
    /// as a new one.
    ///
    /// # Errors
    /// What the database said; nothing is changed then.
    pub async fn resend(&self, id: &str, now: Micros) -> Result<Resent, StoreError> {
        let known = match self.delivery(id).await? {
            None => return Ok(Resent::Unknown),
            Some(known) => known.state,
        };
        let revived = self.revive("id = $1", id, now).await?;
        Ok(match known {
            DeliveryState::Dead if revived == 0 => Resent::Unknown,
            DeliveryState::Dead => Resent::Yes,
            other => Resent::NotDead(other),
        })
    }

    /// Puts all deliveries to `target` that were given up back into the outbox, in the order of their time; returns how
    /// many that were.
    ///
    /// # Errors
    /// What the database said; some may be back then.
    pub async fn resend_all(&self, target: &str, now: Micros) -> Result<u64, StoreError> {
        let mut resent = 0;
        loop {
            let some = self.revive("target = $1", target, now).await?;
            resent += some;
            if some < MOVED_AT_ONCE.unsigned_abs() {
                return Ok(resent);
            }
        }
    }

    /// `which` holds nothing from outside.
    async fn revive(&self, which: &'static str, value: &str, now: Micros) -> Result<u64, StoreError> {
        self.within(async {
            let mut session = self.writing().await?;
            let mut transaction = session.begin().await?;
            let sql = format!(
                "DELETE FROM delivery_log WHERE id IN (SELECT id FROM delivery_log WHERE {which} AND state = 'dead' \
                 ORDER BY created_at, id LIMIT $2) RETURNING {MOVED}"
            );
            let query = sqlx::query(AssertSqlSafe(sql)).bind(value).bind(MOVED_AT_ONCE);
            let mut rows = query.fetch_all(&mut *transaction).await?;
            // RETURNING promises no order.
            rows.sort_by_cached_key(|row| (row.get::<i64, _>("created_at"), row.get::<String, _>("id")));
            for row in &rows {
                let insert = sqlx::query(
                    "INSERT INTO deliveries (id, target, body, facts, camera, created_at, queued_at, next_attempt_at) \
                     VALUES ($1, $2, $3, $4, $5, $6, $7, $7) ON CONFLICT (id) DO NOTHING",
                );
                moved(insert, row)?.bind(now.0).execute(&mut *transaction).await?;
            }
            transaction.commit().await?;
            session.give_back();
            Ok(rows.len() as u64)
        })
        .await
    }

    /// Deliveries, the newest first, without what they say: `body` and `facts` are empty.
    ///
    /// # Errors
    /// When the database cannot answer.
    pub async fn deliveries(&self, filter: &DeliveryFilter, limit: u32) -> Result<Vec<LoggedDelivery>, StoreError> {
        let (conditions, texts) = conditions(filter);
        let sql = format!(
            "SELECT id, target, camera, state, created_at, attempts, at, answer, reason, '' AS body, '' AS facts \
             FROM {ALL} {conditions} ORDER BY created_at DESC, id DESC LIMIT {limit}"
        );
        self.within(async {
            let mut session = self.reading().await?;
            let mut query = sqlx::query(AssertSqlSafe(sql));
            for text in texts {
                query = query.bind(text);
            }
            let rows = query.fetch_all(&mut *session).await?;
            session.give_back();
            Ok(rows.iter().map(read).collect::<Result<_, _>>()?)
        })
        .await
    }

    /// One delivery, whatever has become of it; `None` if there is none of this id, or no more.
    ///
    /// # Errors
    /// When the database cannot answer.
    pub async fn delivery(&self, id: &str) -> Result<Option<LoggedDelivery>, StoreError> {
        let sql = format!("SELECT * FROM {ALL} WHERE id = $1 LIMIT 1");
        self.within(async {
            let mut session = self.reading().await?;
            let row = sqlx::query(AssertSqlSafe(sql)).bind(id).fetch_optional(&mut *session).await?;
            session.give_back();
            Ok(row.as_ref().map(read).transpose()?)
        })
        .await
    }

    /// What there is of deliveries, for each target that has any.
    ///
    /// # Errors
    /// When the database cannot answer.
    pub async fn targets(&self) -> Result<BTreeMap<String, Target>, StoreError> {
        self.within(async {
            let mut session = self.reading().await?;
            let mut targets = BTreeMap::<String, Target>::new();
            let sql = "SELECT target, state, COUNT(*), MAX(settled_at) FROM delivery_log GROUP BY target, state";
            let settled: Vec<(String, String, i64, i64)> = sqlx::query_as(sql).fetch_all(&mut *session).await?;
            for (target, state, count, last) in settled {
                let target = targets.entry(target).or_default();
                if state == DeliveryState::Dead.as_str() {
                    (target.dead, target.last_dead) = (count.unsigned_abs(), Some(Micros(last)));
                } else {
                    target.last_delivered = Some(Micros(last));
                }
            }
            let sql = "SELECT oldest.target, oldest.count, deliveries.attempts, deliveries.last_error FROM \
                       (SELECT target, COUNT(*) AS count, MIN(seq) AS seq FROM deliveries GROUP BY target) AS oldest \
                       JOIN deliveries ON deliveries.seq = oldest.seq";
            let waiting: Vec<(String, i64, i64, String)> = sqlx::query_as(sql).fetch_all(&mut *session).await?;
            for (target, count, attempts, last_error) in waiting {
                let target = targets.entry(target).or_default();
                target.waiting = count.unsigned_abs();
                let attempts = u32::try_from(attempts).unwrap_or(u32::MAX);
                target.failing = (attempts > 0).then_some((attempts, last_error));
            }
            session.give_back();
            Ok(targets)
        })
        .await
    }

    /// Removes settled deliveries of `state` that ended before `before`, and all but about the newest `most`; returns how many
    /// that were.
    ///
    /// # Errors
    /// What the database said; some may be removed then.
    pub async fn prune_deliveries(&self, state: DeliveryState, before: Micros, most: u32) -> Result<u64, StoreError> {
        let state = state.as_str();
        let old = "DELETE FROM delivery_log WHERE state = $1 AND settled_at < $2";
        let removed = self.write(sqlx::query(old).bind(state).bind(before.0)).await?;
        let many = "DELETE FROM delivery_log WHERE state = $1 AND settled_at < \
                    (SELECT settled_at FROM delivery_log WHERE state = $1 ORDER BY settled_at DESC LIMIT 1 OFFSET $2)";
        // The last one that is kept, counted from 0.
        let last_kept = i64::from(most.max(1)) - 1;
        Ok(removed + self.write(sqlx::query(many).bind(state).bind(last_kept)).await?)
    }
}

type Statement<'q> = sqlx::query::Query<'q, sqlx::Any, sqlx::any::AnyArguments>;

/// Binds what `row` brings along, as [`MOVED`] lists it, but the attempts.
fn moved<'q>(statement: Statement<'q>, row: &AnyRow) -> Result<Statement<'q>, sqlx::Error> {
    Ok(statement
        .bind(row.try_get::<String, _>("id")?)
        .bind(row.try_get::<String, _>("target")?)
        .bind(row.try_get::<String, _>("body")?)
        .bind(row.try_get::<String, _>("facts")?)
        .bind(row.try_get::<String, _>("camera")?)
        .bind(row.try_get::<i64, _>("created_at")?))
}

async fn log(connection: &mut AnyConnection, row: &AnyRow, settlement: &Settlement) -> Result<(), sqlx::Error> {
    let state = if settlement.delivered { DeliveryState::Delivered } else { DeliveryState::Dead };
    let insert = sqlx::query(
        "INSERT INTO delivery_log (id, target, body, facts, camera, created_at, attempts, state, settled_at, answer, reason) \
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11) ON CONFLICT (id) DO UPDATE SET \
         attempts = excluded.attempts, state = excluded.state, settled_at = excluded.settled_at, \
         answer = excluded.answer, reason = excluded.reason",
    );
    moved(insert, row)?
        .bind(i64::from(settlement.attempts))
        .bind(state.as_str())
        .bind(settlement.at.0)
        .bind(i64::from(settlement.answer.unwrap_or_default()))
        .bind(settlement.reason.as_str())
        .execute(connection)
        .await?;
    Ok(())
}

/// The text holds numbers of our own and places for `texts`.
fn conditions(filter: &DeliveryFilter) -> (String, Vec<String>) {
    let (mut conditions, mut texts) = (Vec::new(), Vec::new());
    let mut place = |text: &str| {
        texts.push(text.to_owned());
        format!("${}", texts.len())
    };
    if let Some(state) = filter.state {
        conditions.push(format!("state = {}", place(state.as_str())));
    }
    if let Some(targets) = &filter.targets {
        let places: Vec<String> = targets.iter().map(|target| place(target)).collect();
        conditions.push(if places.is_empty() { "1 = 0".into() } else { format!("target IN ({})", places.join(", ")) });
    }
    if let Some((Micros(at), id)) = &filter.before {
        conditions.push(format!("(created_at < {at} OR (created_at = {at} AND id < {}))", place(id)));
    }
    let sql = if conditions.is_empty() { String::new() } else { format!("WHERE {}", conditions.join(" AND ")) };
    (sql, texts)
}

fn attempts(row: &AnyRow) -> Result<u32, sqlx::Error> {
    Ok(u32::try_from(row.try_get::<i64, _>("attempts")?).unwrap_or(u32::MAX))
}

fn read(row: &AnyRow) -> Result<LoggedDelivery, sqlx::Error> {
    let state: String = row.try_get("state")?;
    let answer: i64 = row.try_get("answer")?;
    Ok(LoggedDelivery {
        id: row.try_get("id")?,
        target: row.try_get("target")?,
        camera: row.try_get("camera")?,
        state: DeliveryState::ALL.into_iter().find(|known| known.as_str() == state).unwrap_or(DeliveryState::Dead),
        created_at: Micros(row.try_get("created_at")?),
        attempts: attempts(row)?,
        at: Micros(row.try_get("at")?),
        answer: u16::try_from(answer).ok().filter(|status| *status > 0),
        reason: row.try_get("reason")?,
        body: row.try_get("body")?,
        facts: row.try_get("facts")?,
    })
}
