//! People as a whole, on their way from one database to another.
use sqlx::{AnyConnection, AssertSqlSafe, Row};

use crate::changes::{next_version, record};
use crate::error::Fault;
use crate::people::{find_or_create, without_templates};
use crate::photos::{self, Photo, PhotoId};
use crate::profile::{PROFILE_COLUMNS, holder_of_code, write_profile};
use crate::{ChangeKind, Micros, NewTemplate, PersonId, Profile, Store, StoreError, templates};

/// Everything that a person is recognised by, and who the person is beside that.
#[derive(Clone, Debug, PartialEq)]
pub struct WholePerson {
    /// Unique.
    pub name: String,
    /// When the person was enrolled.
    pub created_at: Micros,
    /// Groups, validity and the like.
    pub profile: Profile,
    /// Of every model, oldest first.
    pub templates: Vec<WholeTemplate>,
    /// What is kept of the photos, oldest first.
    pub photos: Vec<Photo>,
}

/// A template with the model that made it.
#[derive(Clone, Debug, PartialEq)]
pub struct WholeTemplate {
    /// The model.
    pub model: String,
    /// As the model's pack has it.
    pub embedding: Vec<f32>,
    /// Length of the model's raw output.
    pub norm: f32,
    /// The photo of [`WholePerson::photos`] that shows the face.
    pub photo: Option<PhotoId>,
}

/// What came of putting a person into a database.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Restored {
    /// Whether the name was new.
    pub created: bool,
    /// Templates that were not there yet.
    pub templates: u32,
    /// The person's code belongs to somebody else by this name, and was left out.
    pub code_taken_by: Option<String>,
}

impl Store {
    /// Everything of the person called `name`; `None` if nobody is.
    ///
    /// # Errors
    /// When the database cannot answer, or a template is broken.
    pub async fn whole_person(&self, name: &str) -> Result<Option<WholePerson>, StoreError> {
        self.within(async {
            let mut session = self.reading().await?;
            let mut transaction = session.begin().await?;
            let sql = format!("SELECT id, name, created_at, {PROFILE_COLUMNS} FROM people WHERE name = $1");
            let row = sqlx::query(AssertSqlSafe(sql)).bind(name).fetch_optional(&mut *transaction).await?;
            let whole = match row {
                None => None,
                Some(row) => {
                    let bare = without_templates(&row)?;
                    Some(WholePerson {
                        name: bare.name,
                        created_at: bare.created_at,
                        profile: bare.profile,
                        templates: templates_of(&mut transaction, bare.id, templates::UNREFUTED).await?,
                        photos: photos::of_person(&mut transaction, bare.id).await?,
                    })
                }
            };
            transaction.commit().await?;
            session.give_back();
            Ok(whole)
        })
        .await
    }

    /// Puts a person in. Who is there by that name keeps the profile and gets the templates that are not there yet, with their photos.
    /// The templates must belong to photos of the person, or to none.
    ///
    /// # Errors
    /// [`StoreError::BadTemplate`] before anything is written; otherwise what the database said, with nothing written.
    pub async fn restore(&self, whole: &WholePerson) -> Result<Restored, StoreError> {
        whole.templates.iter().try_for_each(|template| template.as_new().check(&whole.name))?;
        self.within(async {
            let mut session = self.writing().await?;
            let mut transaction = session.begin().await?;
            let version = next_version(&mut transaction).await?;
            let (person, created) = find_or_create(&mut transaction, &whole.name, whole.created_at).await?;
            let mut restored = Restored { created, ..Restored::default() };
            if created {
                let mut profile = whole.profile.clone();
                restored.code_taken_by = holder_of_code(&mut transaction, person, profile.code.as_deref()).await?;
                if restored.code_taken_by.is_some() {
                    profile.code = None;
                }
                write_profile(&mut transaction, person, &profile).await?;
            }
            restored.templates = add_missing(&mut transaction, person, whole).await?;
            if created || restored.templates > 0 {
                record(&mut transaction, version, person, ChangeKind::Enrolled).await?;
                transaction.commit().await?;
            } else {
                // The number goes back with the transaction.
                transaction.rollback().await?;
            }
            session.give_back();
            Ok(restored)
        })
        .await
    }
}

impl WholeTemplate {
    fn as_new(&self) -> NewTemplate<'_> {
        NewTemplate { model: &self.model, embedding: &self.embedding, norm: self.norm, event: None, photo: None }
    }

    /// Whether another one says the same, bit for bit.
    fn is(&self, other: &Self) -> bool {
        self.model == other.model && self.embedding == other.embedding
    }
}

/// Adds the templates that the person does not have yet, and the photos that they belong to; says how many they were. A photo of which nothing is
/// missing is there already.
async fn add_missing(connection: &mut AnyConnection, person: PersonId, whole: &WholePerson) -> Result<u32, Fault> {
    // Also those that stand refuted: they are not to come back.
    let held = templates_of(connection, person, "1 = 1").await?;
    let (now, mut added) = (Micros::now(), 0);
    let mut kept: Vec<(PhotoId, PhotoId)> = whole
        .templates
        .iter()
        .filter_map(|new| {
            let there = held.iter().find(|held| held.is(new))?;
            Some((new.photo?, there.photo?))
        })
        .collect();
    for template in whole.templates.iter().filter(|new| !held.iter().any(|held| held.is(new))) {
        let photo = match template.photo {
            None => None,
            Some(id) => match kept.iter().find(|(theirs, _)| *theirs == id) {
                Some((_, ours)) => Some(*ours),
                None => match whole.photos.iter().find(|photo| photo.id == id) {
                    None => None,
                    Some(photo) => {
                        let ours = photos::insert(connection, person, &photo.image, now).await?;
                        kept.push((id, ours));
                        Some(ours)
                    }
                },
            },
        };
        templates::insert_of_photo(connection, person, &template.as_new(), photo, now).await?;
        added += 1;
    }
    Ok(added)
}

async fn templates_of(
    connection: &mut AnyConnection,
    person: PersonId,
    which: &'static str,
) -> Result<Vec<WholeTemplate>, Fault> {
    let sql = format!(
        "SELECT id, person_id, dimensions, embedding, norm, model, photo_id FROM templates \
         WHERE person_id = $1 AND {which} ORDER BY id"
    );
    let rows = sqlx::query(AssertSqlSafe(sql)).bind(person.0).fetch_all(connection).await?;
    let mut whole = Vec::with_capacity(rows.len());
    for row in &rows {
        let norm: f64 = row.try_get("norm")?;
        whole.push(WholeTemplate {
            model: row.try_get("model")?,
            embedding: templates::read(row)?.1,
            #[expect(clippy::cast_possible_truncation, reason = "it was an f32 when it was written")]
            norm: norm as f32,
            photo: row.try_get::<Option<i64>, _>("photo_id")?.map(PhotoId),
        });
    }
    Ok(whole)
}
