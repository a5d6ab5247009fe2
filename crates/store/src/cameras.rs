use crate::{Micros, Store, StoreError};

/// A camera as it is kept. What its definition may be is not decided here.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StoredCamera {
    /// Unique.
    pub id: String,
    /// JSON.
    pub definition: String,
    /// When it was added.
    pub created_at: Micros,
    /// When it was last changed.
    pub updated_at: Micros,
}

type Row = (String, String, i64, i64);

fn read((id, definition, created_at, updated_at): Row) -> StoredCamera {
    StoredCamera { id, definition, created_at: Micros(created_at), updated_at: Micros(updated_at) }
}

impl Store {
    /// Every camera, in the order in which they were added.
    ///
    /// # Errors
    /// When the database cannot answer.
    pub async fn cameras(&self) -> Result<Vec<StoredCamera>, StoreError> {
        self.within(async {
            let mut session = self.reading().await?;
            let rows: Vec<Row> =
                sqlx::query_as("SELECT id, definition, created_at, updated_at FROM cameras ORDER BY created_at, id")
                    .fetch_all(&mut *session)
                    .await?;
            session.give_back();
            Ok(rows.into_iter().map(read).collect())
        })
        .await
    }

    /// One camera; `None` when there is none of this id.
    ///
    /// # Errors
    /// When the database cannot answer.
    pub async fn camera(&self, id: &str) -> Result<Option<StoredCamera>, StoreError> {
        self.within(async {
            let mut session = self.reading().await?;
            let row: Option<Row> =
                sqlx::query_as("SELECT id, definition, created_at, updated_at FROM cameras WHERE id = $1")
                    .bind(id)
                    .fetch_optional(&mut *session)
                    .await?;
            session.give_back();
            Ok(row.map(read))
        })
        .await
    }

    /// Adds a camera.
    ///
    /// # Errors
    /// [`StoreError::CameraExists`], and what the database said.
    pub async fn add_camera(&self, id: &str, definition: &str) -> Result<(), StoreError> {
        self.within(async {
            let mut session = self.writing().await?;
            let now = Micros::now().0;
            let added = sqlx::query(
                "INSERT INTO cameras (id, definition, created_at, updated_at) VALUES ($1, $2, $3, $4) \
                 ON CONFLICT (id) DO NOTHING",
            )
            .bind(id)
            .bind(definition)
            .bind(now)
            .bind(now)
            .execute(&mut *session)
            .await?;
            session.give_back();
            match added.rows_affected() {
                0 => Err(StoreError::CameraExists { camera: id.to_owned() }.into()),
                _ => Ok(()),
            }
        })
        .await
    }

    /// Puts `definition` in the place of `before`. `false` when the camera's definition is no longer `before`: somebody
    /// else has changed or removed it meanwhile, and nothing was done.
    ///
    /// # Errors
    /// What the database said.
    pub async fn change_camera(&self, id: &str, before: &str, definition: &str) -> Result<bool, StoreError> {
        self.within(async {
            let mut session = self.writing().await?;
            let changed =
                sqlx::query("UPDATE cameras SET definition = $1, updated_at = $2 WHERE id = $3 AND definition = $4")
                    .bind(definition)
                    .bind(Micros::now().0)
                    .bind(id)
                    .bind(before)
                    .execute(&mut *session)
                    .await?;
            session.give_back();
            Ok(changed.rows_affected() > 0)
        })
        .await
    }

    /// Removes a camera; `false` when there was none of this id. Who watches it keeps the claim until it has let go.
    ///
    /// # Errors
    /// What the database said.
    pub async fn remove_camera(&self, id: &str) -> Result<bool, StoreError> {
        let removed = self.write(sqlx::query("DELETE FROM cameras WHERE id = $1").bind(id)).await?;
        Ok(removed > 0)
    }
}
