//! The faces that are kept with events.
use sqlx::{AssertSqlSafe, Row};

use crate::event_filter::{Bound, conditions};
use crate::templates::decode_face;
use crate::{EventFilter, Store, StoreError};

/// The face of an event.
#[derive(Clone, Debug, PartialEq)]
pub struct EventFace {
    /// Which event.
    pub event: String,
    /// As it was kept.
    pub embedding: Vec<f32>,
}

impl Store {
    /// Up to `limit` faces by `model` of events that `filter` wants, the newest first: those of events older than the event
    /// `before`, or the newest of all. Each takes some 2 KB.
    ///
    /// # Errors
    /// When the database cannot answer.
    pub async fn faces(
        &self,
        model: &str,
        filter: &EventFilter,
        before: Option<&str>,
        limit: u32,
    ) -> Result<Vec<EventFace>, StoreError> {
        let (conditions, mut bounds) = conditions(filter, before);
        let and = if conditions.is_empty() { "WHERE" } else { "AND" };
        bounds.push(Bound::Text(model.to_owned()));
        bounds.push(Bound::Number(limit.into()));
        let sql = format!(
            "SELECT id, embedding FROM events {conditions} {and} embedding IS NOT NULL AND model = ${} \
             ORDER BY id DESC LIMIT ${}",
            bounds.len() - 1,
            bounds.len()
        );
        self.within(async {
            let mut session = self.reading().await?;
            let mut query = sqlx::query(AssertSqlSafe(sql));
            for bound in bounds {
                query = match bound {
                    Bound::Text(text) => query.bind(text),
                    Bound::Number(number) => query.bind(number),
                };
            }
            let rows = query.fetch_all(&mut *session).await?;
            session.give_back();
            let mut faces = Vec::with_capacity(rows.len());
            for row in &rows {
                let bytes: Vec<u8> = row.try_get("embedding")?;
                // One that is torn is like none, but the page must not end there.
                let embedding = decode_face(&bytes).unwrap_or_default();
                faces.push(EventFace { event: row.try_get("id")?, embedding });
            }
            Ok(faces)
        })
        .await
    }

    /// The face by `model` that is kept with an event.
    ///
    /// # Errors
    /// When the database cannot answer.
    pub async fn event_face(&self, event: &str, model: &str) -> Result<Option<Vec<f32>>, StoreError> {
        let sql = "SELECT embedding FROM events WHERE id = $1 AND model = $2 AND embedding IS NOT NULL";
        self.one_face(sql, event, model).await
    }

    /// What a visitor, or the one that it has turned out to be, looks like to `model`: the mean of its best faces.
    ///
    /// # Errors
    /// When the database cannot answer.
    pub async fn visitor_face(&self, visitor: &str, model: &str) -> Result<Option<Vec<f32>>, StoreError> {
        let sql = "SELECT centroid FROM visitors WHERE centroid IS NOT NULL AND model = $2 AND \
                   id = COALESCE((SELECT merged_into FROM visitors AS asked WHERE asked.id = $1), $1)";
        self.one_face(sql, visitor, model).await
    }

    async fn one_face(&self, sql: &'static str, id: &str, model: &str) -> Result<Option<Vec<f32>>, StoreError> {
        self.within(async {
            let mut session = self.reading().await?;
            let bytes: Option<Vec<u8>> =
                sqlx::query_scalar(sql).bind(id).bind(model).fetch_optional(&mut *session).await?;
            session.give_back();
            Ok(bytes.and_then(|bytes| decode_face(&bytes)))
        })
        .await
    }
}
