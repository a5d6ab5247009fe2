use std::time::Duration;

use sqlx::AssertSqlSafe;

use crate::{Store, StoreError};

/// The events of one node, on their way to a broker under one prefix: how far they were published is kept in the database,
/// and of several processes that could publish them one does, by a lease.
#[derive(Clone, Debug)]
pub struct Publishing {
    store: Store,
    node: String,
    prefix: String,
    owner: String,
    lease: Duration,
}

impl Store {
    /// The events of `node` below `prefix`, for the process `owner`, whose lease lasts for `lease` after each call. The first
    /// time ever they begin with what comes from now on.
    ///
    /// # Errors
    /// What the database said.
    pub async fn publishing(
        &self,
        node: &str,
        prefix: &str,
        owner: &str,
        lease: Duration,
    ) -> Result<Publishing, StoreError> {
        let sql = "INSERT INTO publishing (node, prefix, seq) SELECT $1, $2, seq FROM events_counter WHERE true \
                   ON CONFLICT (node, prefix) DO NOTHING";
        self.write(sqlx::query(sql).bind(node).bind(prefix)).await?;
        let [node, prefix, owner] = [node, prefix, owner].map(str::to_owned);
        Ok(Publishing { store: self.clone(), node, prefix, owner, lease })
    }
}

impl Publishing {
    /// Takes the lease, or renews it. The number of the last event that was published; `None` while another process has the
    /// lease.
    ///
    /// # Errors
    /// What the database said.
    pub async fn lead(&self) -> Result<Option<i64>, StoreError> {
        let now = self.store.engine().now();
        let sql = format!(
            "UPDATE publishing SET owner = $1, until = {now} + $2 \
             WHERE node = $3 AND prefix = $4 AND (owner = $1 OR until <= {now}) RETURNING seq"
        );
        self.store
            .within(async {
                let mut session = self.store.writing().await?;
                let query = sqlx::query_scalar(AssertSqlSafe(sql)).bind(&self.owner).bind(self.lease());
                let seq = query.bind(&self.node).bind(&self.prefix).fetch_optional(&mut *session).await?;
                session.give_back();
                Ok(seq)
            })
            .await
    }

    /// All up to the number `seq` were published. Renews the lease; false if another process has it.
    ///
    /// # Errors
    /// What the database said.
    pub async fn advance(&self, seq: i64) -> Result<bool, StoreError> {
        let now = self.store.engine().now();
        let sql = format!(
            "UPDATE publishing SET seq = $1, until = {now} + $2 WHERE node = $3 AND prefix = $4 AND owner = $5"
        );
        let query = sqlx::query(AssertSqlSafe(sql)).bind(seq).bind(self.lease());
        let changed = self.store.write(query.bind(&self.node).bind(&self.prefix).bind(&self.owner)).await?;
        Ok(changed > 0)
    }

    /// Gives the lease back, so that another process need not wait for its end.
    ///
    /// # Errors
    /// What the database said; the lease runs out by itself then.
    pub async fn leave(&self) -> Result<(), StoreError> {
        let sql = "UPDATE publishing SET owner = '', until = 0 WHERE node = $1 AND prefix = $2 AND owner = $3";
        self.store.write(sqlx::query(sql).bind(&self.node).bind(&self.prefix).bind(&self.owner)).await?;
        Ok(())
    }

    fn lease(&self) -> i64 {
        i64::try_from(self.lease.as_micros()).unwrap_or(i64::MAX)
    }
}
