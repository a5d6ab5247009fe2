use sqlx::any::AnyRow;
use sqlx::{AssertSqlSafe, Row};

use crate::db::SNAPSHOT_LIMIT;
use crate::people::without_templates;
use crate::profile::PROFILE_COLUMNS;
use crate::{Person, Store, StoreError};

/// A person as lists show them.
#[derive(Clone, Debug, PartialEq)]
pub struct Enrolment {
    /// Who; the templates are not read.
    pub person: Person,
    /// How many templates of the model that was asked for the person has.
    pub templates: u32,
}

impl Store {
    /// Everybody, in order of registration, with how many templates of `model` they have.
    ///
    /// # Errors
    /// When the database cannot answer.
    pub async fn roster(&self, model: &str) -> Result<Vec<Enrolment>, StoreError> {
        self.enrolments(model, None).await
    }

    /// The same of the person called `name`; `None` if nobody is.
    ///
    /// # Errors
    /// When the database cannot answer.
    pub async fn enrolment(&self, model: &str, name: &str) -> Result<Option<Enrolment>, StoreError> {
        Ok(self.enrolments(model, Some(name)).await?.pop())
    }

    async fn enrolments(&self, model: &str, name: Option<&str>) -> Result<Vec<Enrolment>, StoreError> {
        let sql = format!(
            "SELECT id, name, created_at, {PROFILE_COLUMNS}, \
             (SELECT COUNT(*) FROM templates WHERE person_id = people.id AND model = $1) AS held FROM people {} ORDER BY id",
            if name.is_some() { "WHERE name = $2" } else { "" }
        );
        self.within_limit(SNAPSHOT_LIMIT, async {
            let mut session = self.reading().await?;
            let mut query = sqlx::query(AssertSqlSafe(sql)).bind(model);
            if let Some(name) = name {
                query = query.bind(name);
            }
            let rows = query.fetch_all(&mut *session).await?;
            session.give_back();
            Ok(rows.iter().map(read).collect::<Result<_, _>>()?)
        })
        .await
    }
}

fn read(row: &AnyRow) -> Result<Enrolment, sqlx::Error> {
    let held: i64 = row.try_get("held")?;
    Ok(Enrolment { person: without_templates(row)?, templates: u32::try_from(held).unwrap_or(u32::MAX) })
}
