use std::time::Duration;

use sqlx::{AssertSqlSafe, Row};

use crate::changes::newest_version;
use crate::{Micros, Store, StoreError, Version};

/// A process that is not heard of again for so long is forgotten.
const KEPT: Duration = Duration::from_hours(24 * 7);

/// What a process says of itself.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NodeReport {
    /// The process, unique.
    pub owner: String,
    /// What its machine is called.
    pub node: String,
    /// What it does: `serve`, `api` or `detect`.
    pub kind: String,
    /// The version of the gallery by which it decides.
    pub gallery_version: Version,
    /// The ids of the cameras that it watches.
    pub cameras: Vec<String>,
    /// When it was started, by its own clock.
    pub started_at: Micros,
}

/// A process as the others see it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StoredNode {
    /// What it last said.
    pub report: NodeReport,
    /// How long ago that was, by the clock of the database.
    pub seen_ago: Duration,
}

impl Store {
    /// Says how `report`'s process is doing. A process of the same machine and kind that was not heard of for `dead` is taken
    /// for an earlier life of this one, and forgotten.
    ///
    /// # Errors
    /// What the database said.
    pub async fn report_node(&self, report: &NodeReport, dead: Duration) -> Result<(), StoreError> {
        let now = self.engine().now();
        let upsert = format!(
            "INSERT INTO nodes (owner, node, kind, gallery_version, cameras, started_at, seen_at) \
             VALUES ($1, $2, $3, $4, $5, $6, {now}) ON CONFLICT (owner) DO UPDATE \
             SET gallery_version = excluded.gallery_version, cameras = excluded.cameras, seen_at = excluded.seen_at"
        );
        let forget = format!(
            "DELETE FROM nodes WHERE seen_at < {now} - $1 \
             OR (node = $2 AND kind = $3 AND owner <> $4 AND seen_at < {now} - $5)"
        );
        // Strings, which always have a form in JSON.
        let cameras = serde_json::to_string(&report.cameras).unwrap_or_else(|_| "[]".to_owned());
        self.within(async {
            let mut session = self.writing().await?;
            sqlx::query(AssertSqlSafe(upsert))
                .bind(&report.owner)
                .bind(&report.node)
                .bind(&report.kind)
                .bind(report.gallery_version.0)
                .bind(cameras)
                .bind(report.started_at.0)
                .execute(&mut *session)
                .await?;
            sqlx::query(AssertSqlSafe(forget))
                .bind(micros(KEPT))
                .bind(&report.node)
                .bind(&report.kind)
                .bind(&report.owner)
                .bind(micros(dead))
                .execute(&mut *session)
                .await?;
            session.give_back();
            Ok(())
        })
        .await
    }

    /// Every process that was heard of, in order of their names, and the newest version of the gallery at that moment.
    ///
    /// # Errors
    /// When the database cannot answer.
    pub async fn nodes(&self) -> Result<(Version, Vec<StoredNode>), StoreError> {
        let now = self.engine().now();
        let sql = format!(
            "SELECT owner, node, kind, gallery_version, cameras, started_at, {now} - seen_at AS seen_ago FROM nodes \
             ORDER BY node, kind, started_at, owner"
        );
        self.within(async {
            let mut session = self.reading().await?;
            let rows = sqlx::query(AssertSqlSafe(sql)).fetch_all(&mut *session).await?;
            // Read after them: none of them can be ahead.
            let newest = newest_version(&mut session).await?;
            session.give_back();
            let nodes = rows.iter().map(|row| {
                let seen_ago: i64 = row.try_get("seen_ago")?;
                let cameras: String = row.try_get("cameras")?;
                let report = NodeReport {
                    owner: row.try_get("owner")?,
                    node: row.try_get("node")?,
                    kind: row.try_get("kind")?,
                    gallery_version: Version(row.try_get("gallery_version")?),
                    cameras: serde_json::from_str(&cameras).unwrap_or_default(),
                    started_at: Micros(row.try_get("started_at")?),
                };
                Ok(StoredNode { report, seen_ago: Duration::from_micros(u64::try_from(seen_ago).unwrap_or(0)) })
            });
            Ok((newest, nodes.collect::<Result<_, sqlx::Error>>()?))
        })
        .await
    }

    /// The process `owner` is leaving.
    ///
    /// # Errors
    /// What the database said; the process counts as dead after a while.
    pub async fn forget_node(&self, owner: &str) -> Result<(), StoreError> {
        self.write(sqlx::query("DELETE FROM nodes WHERE owner = $1").bind(owner)).await?;
        Ok(())
    }
}

fn micros(time: Duration) -> i64 {
    i64::try_from(time.as_micros()).unwrap_or(i64::MAX)
}
