use std::fmt;
use std::sync::Arc;

use sqlx::any::AnyRow;
use sqlx::{AnyConnection, AssertSqlSafe, Row};

use crate::changes::{newest_version, next_version, record};
use crate::db::SNAPSHOT_LIMIT;
use crate::error::Fault;
use crate::profile::{PROFILE_COLUMNS, read_profile};
use crate::{ChangeKind, Micros, NewTemplate, Profile, Store, StoreError, Template, Version, corrections, templates};

/// Which person, whatever their name; never given to another person, even after a removal.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct PersonId(pub i64);

impl fmt::Display for PersonId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// A person with the templates of the models that were asked for.
#[derive(Clone, Debug, PartialEq)]
pub struct Person {
    /// Who.
    pub id: PersonId,
    /// Unique, as it was enrolled.
    pub name: String,
    /// When the first template was enrolled.
    pub created_at: Micros,
    /// Groups, validity and the like.
    pub profile: Profile,
    /// Those of one model after the other, in the order that was asked for, each model's oldest first; empty when the person has none.
    pub templates: Vec<Template>,
    /// Faces of which somebody said that they are not this person's: in the same order of models the newest [`MOST_REFUTED`] of each.
    pub refuted: Vec<Refuted>,
}

/// A face of which somebody said that it is not the person's for whom it was taken.
#[derive(Clone, Debug, PartialEq)]
pub struct Refuted {
    /// The model that made the embedding.
    pub model: Arc<str>,
    /// As it was kept with the event.
    pub embedding: Vec<f32>,
}

/// Refuted faces of one model that count against a person. More would say that the person should be enrolled anew.
pub const MOST_REFUTED: usize = 100;

/// What an enrolment came to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Enrolled {
    /// Who it was.
    pub person: PersonId,
    /// Whether the name was new.
    pub created: bool,
    /// How many templates of this model the person holds now.
    pub templates: u32,
    /// The gallery's version with this change.
    pub version: Version,
}

/// Everybody, at one moment.
#[derive(Clone, Debug, PartialEq)]
pub struct Snapshot {
    /// The moment: all changes up to this one are in it, none after.
    pub version: Version,
    /// In order of registration.
    pub people: Vec<Person>,
}

impl Person {
    /// Another face that is not this person's, older than all before of its model.
    pub(crate) fn refute(&mut self, model: &Arc<str>, embedding: Vec<f32>) {
        if self.refuted.iter().filter(|face| face.model == *model).count() < MOST_REFUTED {
            self.refuted.push(Refuted { model: Arc::clone(model), embedding });
        }
    }
}

impl Store {
    /// Adds `templates` (all of one model) to the person called `name`, who is created if nobody has that name; with
    /// no templates the person is only created. All or nothing, and on the disk when it returns.
    ///
    /// `name` is taken as it is: the caller has checked that it is no longer than 200 characters and means something.
    ///
    /// # Errors
    /// [`StoreError::BadTemplate`] before anything is written; otherwise what the database said, with nothing
    /// written, except after [`StoreError::TimedOut`], when that is not known.
    pub async fn enrol(&self, name: &str, templates: &[NewTemplate<'_>]) -> Result<Enrolled, StoreError> {
        templates.iter().try_for_each(|template| template.check(name))?;
        let model = templates.first().map_or("", |template| template.model);
        self.within(async {
            let mut session = self.writing().await?;
            let mut transaction = session.begin().await?;
            let version = next_version(&mut transaction).await?;
            let now = Micros::now();
            let (person, created) = find_or_create(&mut transaction, name, now).await?;
            for template in templates {
                templates::insert(&mut transaction, person, template, now).await?;
            }
            let held = templates::count(&mut transaction, person, model).await?;
            record(&mut transaction, version, person, ChangeKind::Enrolled).await?;
            transaction.commit().await?;
            session.give_back();
            Ok(Enrolled { person, created, templates: held, version })
        })
        .await
    }

    /// Removes the person called `name` with all templates, of every model, and what events and corrections keep of the face.
    /// `None` if nobody has that name.
    ///
    /// # Errors
    /// What the database said; nothing is removed then (after [`StoreError::TimedOut`] that is not known).
    pub async fn remove(&self, name: &str) -> Result<Option<Version>, StoreError> {
        self.within(async {
            let mut session = self.writing().await?;
            let mut transaction = session.begin().await?;
            let version = next_version(&mut transaction).await?;
            let removed = match find(&mut transaction, name).await? {
                Some(person) => {
                    delete(&mut transaction, person).await?;
                    record(&mut transaction, version, person, ChangeKind::Removed).await?;
                    corrections::forget_person(&mut transaction, person).await?;
                    transaction.commit().await?;
                    Some(version)
                }
                // The number goes back with the transaction.
                None => {
                    transaction.rollback().await?;
                    None
                }
            };
            session.give_back();
            Ok(removed)
        })
        .await
    }

    /// Every name, in order of registration.
    ///
    /// # Errors
    /// When the database cannot answer.
    pub async fn names(&self) -> Result<Vec<String>, StoreError> {
        self.within(async {
            let mut session = self.reading().await?;
            let names = sqlx::query_scalar("SELECT name FROM people ORDER BY id").fetch_all(&mut *session).await?;
            session.give_back();
            Ok(names)
        })
        .await
    }

    /// Everybody with their templates of these models, as of one moment.
    ///
    /// # Errors
    /// When the database cannot answer, or a template is broken.
    pub async fn people(&self, models: &[&str]) -> Result<Snapshot, StoreError> {
        self.within_limit(SNAPSHOT_LIMIT, async {
            let mut session = self.reading().await?;
            let mut transaction = session.begin().await?;
            let version = newest_version(&mut transaction).await?;
            let mut people = everybody(&mut transaction).await?;
            for model in models {
                add_faces(&mut transaction, &Arc::from(*model), &mut people).await?;
            }
            transaction.commit().await?;
            session.give_back();
            Ok(Snapshot { version, people })
        })
        .await
    }
}

/// Gives everybody their templates of `model`, and the faces of it that are not theirs.
async fn add_faces(connection: &mut AnyConnection, model: &Arc<str>, people: &mut [Person]) -> Result<(), Fault> {
    // Always found: the database keeps no template without its person, and all this is one moment.
    templates::each_of_model(connection, model, |owner, template| {
        if let Ok(index) = people.binary_search_by_key(&owner, |person| person.id) {
            people[index].templates.push(template);
        }
    })
    .await?;
    corrections::each_refuted_face(connection, model, |owner, face| {
        if let Ok(index) = people.binary_search_by_key(&owner, |person| person.id) {
            people[index].refute(model, face);
        }
    })
    .await?;
    Ok(())
}

pub(crate) async fn find_or_create(
    connection: &mut AnyConnection,
    name: &str,
    now: Micros,
) -> Result<(PersonId, bool), sqlx::Error> {
    if let Some(person) = find(connection, name).await? {
        return Ok((person, false));
    }
    // Nobody else can have created the name meanwhile: `next_version` lets one change the gallery at a time.
    let id = sqlx::query_scalar("INSERT INTO people (name, created_at) VALUES ($1, $2) RETURNING id")
        .bind(name)
        .bind(now.0)
        .fetch_one(connection)
        .await?;
    Ok((PersonId(id), true))
}

pub(crate) async fn find(connection: &mut AnyConnection, name: &str) -> Result<Option<PersonId>, sqlx::Error> {
    let id = sqlx::query_scalar("SELECT id FROM people WHERE name = $1").bind(name).fetch_optional(connection).await?;
    Ok(id.map(PersonId))
}

async fn delete(connection: &mut AnyConnection, person: PersonId) -> Result<(), sqlx::Error> {
    sqlx::query("DELETE FROM people WHERE id = $1").bind(person.0).execute(connection).await?;
    Ok(())
}

/// In order of registration, still without templates.
pub(crate) async fn everybody(connection: &mut AnyConnection) -> Result<Vec<Person>, sqlx::Error> {
    let sql = format!("SELECT id, name, created_at, {PROFILE_COLUMNS} FROM people ORDER BY id");
    let rows = sqlx::query(AssertSqlSafe(sql)).fetch_all(connection).await?;
    rows.iter().map(without_templates).collect()
}

pub(crate) fn without_templates(row: &AnyRow) -> Result<Person, sqlx::Error> {
    Ok(Person {
        id: PersonId(row.try_get("id")?),
        name: row.try_get("name")?,
        created_at: Micros(row.try_get("created_at")?),
        profile: read_profile(row)?,
        templates: Vec::new(),
        refuted: Vec::new(),
    })
}
