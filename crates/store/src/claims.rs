use std::time::Duration;

use sqlx::AssertSqlSafe;

use crate::{Store, StoreError};

/// Who watches a camera.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Claim {
    /// The camera's id.
    pub camera: String,
    /// What the machine is called.
    pub node: String,
    /// The process, unique.
    pub owner: String,
    /// What the owner last said of the camera, JSON; empty before it has.
    pub report: String,
}

impl Store {
    /// Takes camera `id` for `owner` on `node` during `lease`, if nobody has it, its owner's lease is over, or it is
    /// `owner`'s already. Says whether it is `owner`'s now. Of many who try at once, one gets it.
    ///
    /// # Errors
    /// What the database said.
    pub async fn claim_camera(&self, id: &str, node: &str, owner: &str, lease: Duration) -> Result<bool, StoreError> {
        let now = self.engine().now();
        let sql = format!(
            "INSERT INTO camera_claims (camera_id, node, owner, until) VALUES ($1, $2, $3, {now} + $4) \
             ON CONFLICT (camera_id) DO UPDATE \
             SET node = excluded.node, owner = excluded.owner, until = excluded.until, report = '' \
             WHERE camera_claims.owner = excluded.owner OR camera_claims.until <= {now}"
        );
        let claimed =
            self.write(sqlx::query(AssertSqlSafe(sql)).bind(id).bind(node).bind(owner).bind(micros(lease))).await?;
        Ok(claimed > 0)
    }

    /// Renews `owner`'s claims on the cameras of `reports` for `lease` from now, each with what is to be said of it.
    /// Returns those that are still `owner`'s; another has taken the rest.
    ///
    /// # Errors
    /// What the database said; no claim is renewed then.
    pub async fn renew_claims(
        &self,
        owner: &str,
        lease: Duration,
        reports: &[(String, String)],
    ) -> Result<Vec<String>, StoreError> {
        let now = self.engine().now();
        let sql = format!(
            "UPDATE camera_claims SET until = {now} + $1, report = $2 \
             WHERE camera_id = $3 AND owner = $4"
        );
        self.within(async {
            let mut session = self.writing().await?;
            let mut transaction = session.begin().await?;
            let mut kept = Vec::new();
            for (id, report) in reports {
                let renewed = sqlx::query(AssertSqlSafe(sql.clone()))
                    .bind(micros(lease))
                    .bind(report)
                    .bind(id)
                    .bind(owner)
                    .execute(&mut *transaction)
                    .await?;
                if renewed.rows_affected() > 0 {
                    kept.push(id.clone());
                }
            }
            transaction.commit().await?;
            session.give_back();
            Ok(kept)
        })
        .await
    }

    /// Gives up `owner`'s claim on camera `id`; another may take it at once.
    ///
    /// # Errors
    /// What the database said; the lease runs out by itself then.
    pub async fn release_claim(&self, id: &str, owner: &str) -> Result<(), StoreError> {
        self.write(sqlx::query("DELETE FROM camera_claims WHERE camera_id = $1 AND owner = $2").bind(id).bind(owner))
            .await?;
        Ok(())
    }

    /// Gives up every claim of `owner`, who is leaving.
    ///
    /// # Errors
    /// What the database said; the leases run out by themselves then.
    pub async fn release_claims(&self, owner: &str) -> Result<(), StoreError> {
        self.write(sqlx::query("DELETE FROM camera_claims WHERE owner = $1").bind(owner)).await?;
        Ok(())
    }

    /// Every claim whose lease is not over.
    ///
    /// # Errors
    /// When the database cannot answer.
    pub async fn claims(&self) -> Result<Vec<Claim>, StoreError> {
        let now = self.engine().now();
        let sql =
            format!("SELECT camera_id, node, owner, report FROM camera_claims WHERE until > {now} ORDER BY camera_id");
        self.within(async {
            let mut session = self.reading().await?;
            let rows: Vec<(String, String, String, String)> =
                sqlx::query_as(AssertSqlSafe(sql)).fetch_all(&mut *session).await?;
            session.give_back();
            let claim = |(camera, node, owner, report)| Claim { camera, node, owner, report };
            Ok(rows.into_iter().map(claim).collect())
        })
        .await
    }
}

fn micros(time: Duration) -> i64 {
    i64::try_from(time.as_micros()).unwrap_or(i64::MAX)
}
