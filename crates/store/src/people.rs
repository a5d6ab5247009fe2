use std::fmt;
use std::sync::Arc;

use sqlx::any::AnyRow;
use sqlx::{AnyConnection, Row};

use crate::changes::{next_version, record};
use crate::error::Fault;
use crate::profile::read_profile;
use crate::whom::Whom;
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

impl Person {
    /// Another face that is not this person's, older than all before of its model.
    fn refute(&mut self, face: Refuted) {
        if self.refuted.iter().filter(|other| other.model == face.model).count() < MOST_REFUTED {
            self.refuted.push(face);
        }
    }

    /// Brings what there is of each model into the order of the models; of one model it stays in its own.
    fn sort_by(&mut self, models: &[Arc<str>]) {
        let place = |model: &Arc<str>| models.iter().position(|other| other == model);
        self.templates.sort_by_key(|template| place(&template.model));
        self.refuted.sort_by_key(|face| place(&face.model));
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
}

/// Gives these people, who are in order of their ids, their templates of these models, and the faces that are not theirs.
pub(crate) async fn add_faces(
    connection: &mut AnyConnection,
    whom: Whom<'_>,
    models: &[Arc<str>],
    people: &mut [Person],
) -> Result<(), Fault> {
    // Always found: the database keeps no template without its person, and all this is one moment.
    templates::of_people(connection, whom, models, |owner, template| {
        if let Ok(at) = people.binary_search_by_key(&owner, |person| person.id) {
            people[at].templates.push(template);
        }
    })
    .await?;
    corrections::refuted_faces_of(connection, whom, models, |owner, face| {
        if let Ok(at) = people.binary_search_by_key(&owner, |person| person.id) {
            people[at].refute(face);
        }
    })
    .await?;
    people.iter_mut().for_each(|person| person.sort_by(models));
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
