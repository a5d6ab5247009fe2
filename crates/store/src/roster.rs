use std::collections::BTreeMap;
use std::sync::Arc;

use sqlx::any::AnyRow;
use sqlx::{AnyConnection, AssertSqlSafe, Row};

use crate::db::SNAPSHOT_LIMIT;
use crate::error::Fault;
use crate::event_filter::ids_of;
use crate::people::{add_faces, without_templates};
use crate::profile::PROFILE_COLUMNS;
use crate::whom::Whom;
use crate::{Micros, Person, PersonId, Store, StoreError};

/// People that are read in one statement; both engines allow far more places in one.
const AT_ONCE: usize = 500;

/// A person as lists show them.
#[derive(Clone, Debug, PartialEq)]
pub struct Enrolment {
    /// Who; the templates are not read.
    pub person: Person,
    /// How many templates of the model that was asked for the person has.
    pub templates: u32,
    /// How many the person has of other models.
    pub of_other_models: u32,
}

impl Store {
    /// Everybody, in order of registration, with how many templates of `model` and of others they have.
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
             (SELECT COUNT(*) FROM templates WHERE person_id = people.id AND model = $1) AS held, \
             (SELECT COUNT(*) FROM templates WHERE person_id = people.id) AS held_in_all FROM people {} ORDER BY id",
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

    /// Everybody, in order of registration, without templates.
    ///
    /// # Errors
    /// When the database cannot answer.
    pub async fn everybody(&self) -> Result<Vec<Person>, StoreError> {
        self.within(async {
            let mut session = self.reading().await?;
            let sql = format!("SELECT id, name, created_at, {PROFILE_COLUMNS} FROM people ORDER BY id");
            let rows = sqlx::query(AssertSqlSafe(sql)).fetch_all(&mut *session).await?;
            session.give_back();
            Ok(rows.iter().map(without_templates).collect::<Result<_, _>>()?)
        })
        .await
    }

    /// One person with their templates of `model`; `None` if there is no such person (any more).
    ///
    /// # Errors
    /// When the database cannot answer, or a template is broken.
    pub async fn person(&self, id: PersonId, model: &str) -> Result<Option<Person>, StoreError> {
        Ok(self.people_of(&[id], &[model]).await?.remove(&id))
    }

    /// Those of `ids` that are enrolled, with their templates of these models, as of one moment: in few statements for every 500 of
    /// them, where many have changed at once.
    ///
    /// # Errors
    /// When the database cannot answer, or a template is broken.
    pub async fn people_of(&self, ids: &[PersonId], models: &[&str]) -> Result<BTreeMap<PersonId, Person>, StoreError> {
        let models: Vec<Arc<str>> = models.iter().map(|model| Arc::from(*model)).collect();
        self.within_limit(SNAPSHOT_LIMIT, async {
            let mut session = self.reading().await?;
            let mut transaction = session.begin().await?;
            let mut people = BTreeMap::new();
            for some in ids.chunks(AT_ONCE) {
                let read = read_some(&mut transaction, some, &models).await?;
                people.extend(read.into_iter().map(|person| (person.id, person)));
            }
            transaction.commit().await?;
            session.give_back();
            Ok(people)
        })
        .await
    }

    /// People who are no longer enrolled and passed, or were said to have come or gone, between the two times: their ids and the
    /// names by which they were known, in order of the ids.
    ///
    /// # Errors
    /// When the database cannot answer.
    pub async fn former_people(&self, from: Micros, to: Micros) -> Result<Vec<(PersonId, String)>, StoreError> {
        let sql = "SELECT person_id, MAX(person) FROM ( \
                   SELECT person_id, person FROM events WHERE person_id IS NOT NULL AND person IS NOT NULL \
                   AND status = 'PASS' AND id >= $1 AND id < $4 \
                   AND COALESCE(passed_at, started_at) >= $2 AND COALESCE(passed_at, started_at) < $3 \
                   UNION ALL \
                   SELECT person_id, person FROM punches WHERE event_id IS NULL AND withdrawn_at IS NULL \
                   AND punched_at >= $2 AND punched_at < $3) AS known \
                   WHERE person_id NOT IN (SELECT id FROM people) GROUP BY person_id ORDER BY person_id";
        self.within(async {
            let mut session = self.reading().await?;
            let ids = ids_of(from, to);
            let rows: Vec<(i64, String)> = sqlx::query_as(sql)
                .bind(ids.start)
                .bind(from.0)
                .bind(to.0)
                .bind(ids.end)
                .fetch_all(&mut *session)
                .await?;
            session.give_back();
            Ok(rows.into_iter().map(|(id, name)| (PersonId(id), name)).collect())
        })
        .await
    }
}

fn read(row: &AnyRow) -> Result<Enrolment, sqlx::Error> {
    let held: i64 = row.try_get("held")?;
    let in_all: i64 = row.try_get("held_in_all")?;
    let count = |templates: i64| u32::try_from(templates).unwrap_or(u32::MAX);
    Ok(Enrolment { person: without_templates(row)?, templates: count(held), of_other_models: count(in_all - held) })
}

async fn read_some(
    connection: &mut AnyConnection,
    ids: &[PersonId],
    models: &[Arc<str>],
) -> Result<Vec<Person>, Fault> {
    let whom = Whom::Each(ids);
    let sql =
        format!("SELECT id, name, created_at, {PROFILE_COLUMNS} FROM people WHERE {} ORDER BY id", whom.have("id"));
    let rows = whom.bind(sqlx::query(AssertSqlSafe(sql))).fetch_all(&mut *connection).await?;
    let mut people = rows.iter().map(without_templates).collect::<Result<Vec<_>, _>>()?;
    add_faces(connection, whom, models, &mut people).await?;
    Ok(people)
}
