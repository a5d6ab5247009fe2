use sqlx::any::AnyRow;
use sqlx::{AnyConnection, Row};

use crate::changes::{next_version, record};
use crate::db::SNAPSHOT_LIMIT;
use crate::{ChangeKind, Micros, NewTemplate, PersonId, Store, StoreError, templates};

/// Which kept photo.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct PhotoId(pub i64);

/// What is kept of a photo that a person was enrolled from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Photo {
    /// Which.
    pub id: PhotoId,
    /// The face with some surroundings: an image file.
    pub image: Vec<u8>,
}

/// How far a person is on the way to another model.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Coverage {
    /// Who.
    pub person: PersonId,
    /// By name.
    pub name: String,
    /// Templates of the model that was asked for.
    pub templates: u32,
    /// Photos that are kept of the person.
    pub photos: u32,
    /// Those of them that have no template of that model.
    pub unembedded: u32,
    /// Templates of other models of which no photo is kept.
    pub without_photo: u32,
}

impl Store {
    /// How far everybody is on the way to `model`, in order of registration.
    ///
    /// # Errors
    /// When the database cannot answer.
    pub async fn coverage(&self, model: &str) -> Result<Vec<Coverage>, StoreError> {
        const SQL: &str = "SELECT id, name, \
             (SELECT COUNT(*) FROM templates WHERE person_id = people.id AND model = $1) AS templates, \
             (SELECT COUNT(*) FROM photos WHERE person_id = people.id) AS photos, \
             (SELECT COUNT(*) FROM photos WHERE person_id = people.id AND NOT EXISTS \
                 (SELECT 1 FROM templates WHERE photo_id = photos.id AND model = $1)) AS unembedded, \
             (SELECT COUNT(*) FROM templates WHERE person_id = people.id AND model <> $1 AND photo_id IS NULL) AS without_photo \
             FROM people ORDER BY id";
        self.within_limit(SNAPSHOT_LIMIT, async {
            let mut session = self.reading().await?;
            let rows = sqlx::query(SQL).bind(model).fetch_all(&mut *session).await?;
            session.give_back();
            Ok(rows.iter().map(read_coverage).collect::<Result<_, _>>()?)
        })
        .await
    }

    /// The photos that are kept of a person and have no template of `model`, oldest first.
    ///
    /// # Errors
    /// When the database cannot answer.
    pub async fn unembedded_photos(&self, person: PersonId, model: &str) -> Result<Vec<Photo>, StoreError> {
        const SQL: &str = "SELECT id, image FROM photos WHERE person_id = $1 AND NOT EXISTS \
             (SELECT 1 FROM templates WHERE photo_id = photos.id AND model = $2) ORDER BY id";
        self.within(async {
            let mut session = self.reading().await?;
            let rows = sqlx::query(SQL).bind(person.0).bind(model).fetch_all(&mut *session).await?;
            session.give_back();
            Ok(rows.iter().map(read_photo).collect::<Result<_, _>>()?)
        })
        .await
    }

    /// Adds templates of kept photos to a person. `false`: the person is gone, or all of the photos are. A template for a photo that is gone, or
    /// has one of the model meanwhile, is left out.
    ///
    /// # Errors
    /// [`StoreError::BadTemplate`] before anything is written; otherwise what the database said, with nothing written.
    pub async fn embed_photos(
        &self,
        person: PersonId,
        embedded: &[(PhotoId, NewTemplate<'_>)],
    ) -> Result<bool, StoreError> {
        embedded.iter().try_for_each(|(_, template)| template.check(&person.to_string()))?;
        self.within(async {
            let mut session = self.writing().await?;
            let mut transaction = session.begin().await?;
            let version = next_version(&mut transaction).await?;
            let now = Micros::now();
            let mut added = false;
            for (photo, template) in embedded {
                if is_unembedded(&mut transaction, person, *photo, template.model).await? {
                    templates::insert_of_photo(&mut transaction, person, template, Some(*photo), now).await?;
                    added = true;
                }
            }
            if added {
                record(&mut transaction, version, person, ChangeKind::Enrolled).await?;
                transaction.commit().await?;
            } else {
                // The number goes back with the transaction.
                transaction.rollback().await?;
            }
            session.give_back();
            Ok(added)
        })
        .await
    }

    /// Who has templates of `model` that were made again, of photos of which another model had templates before, in order of registration.
    /// Taking those back leaves everybody known.
    ///
    /// # Errors
    /// When the database cannot answer.
    pub async fn embedded_again(&self, model: &str) -> Result<Vec<PersonId>, StoreError> {
        let sql =
            format!("SELECT DISTINCT person_id FROM templates WHERE model = $1 AND {MADE_AGAIN} ORDER BY person_id");
        self.within_limit(SNAPSHOT_LIMIT, async {
            let mut session = self.reading().await?;
            let people: Vec<i64> =
                sqlx::query_scalar(sqlx::AssertSqlSafe(sql)).bind(model).fetch_all(&mut *session).await?;
            session.give_back();
            Ok(people.into_iter().map(PersonId).collect())
        })
        .await
    }

    /// Takes those templates of one person back; says how many they were.
    ///
    /// # Errors
    /// What the database said; nothing is changed then.
    pub async fn take_back_embedded(&self, person: PersonId, model: &str) -> Result<u64, StoreError> {
        let sql = format!("DELETE FROM templates WHERE person_id = $2 AND model = $1 AND {MADE_AGAIN}");
        self.within(async {
            let mut session = self.writing().await?;
            let mut transaction = session.begin().await?;
            let version = next_version(&mut transaction).await?;
            let deleting = sqlx::query(sqlx::AssertSqlSafe(sql)).bind(model).bind(person.0);
            let gone = deleting.execute(&mut *transaction).await?.rows_affected();
            if gone > 0 {
                record(&mut transaction, version, person, ChangeKind::Updated).await?;
                transaction.commit().await?;
            } else {
                transaction.rollback().await?;
            }
            session.give_back();
            Ok(gone)
        })
        .await
    }
}

/// The template is of a photo of which a model other than $1 had a template before: it was made again, by `embed_photos`.
const MADE_AGAIN: &str = "EXISTS (SELECT 1 FROM templates AS older WHERE older.photo_id = templates.photo_id \
     AND older.model <> $1 AND older.id < templates.id)";

/// Keeps a photo of a person.
pub(crate) async fn insert(
    connection: &mut AnyConnection,
    person: PersonId,
    image: &[u8],
    now: Micros,
) -> Result<PhotoId, sqlx::Error> {
    sqlx::query_scalar("INSERT INTO photos (person_id, image, created_at) VALUES ($1, $2, $3) RETURNING id")
        .bind(person.0)
        .bind(image)
        .bind(now.0)
        .fetch_one(connection)
        .await
        .map(PhotoId)
}

/// Every photo that is kept of a person, oldest first.
pub(crate) async fn of_person(connection: &mut AnyConnection, person: PersonId) -> Result<Vec<Photo>, sqlx::Error> {
    let rows = sqlx::query("SELECT id, image FROM photos WHERE person_id = $1 ORDER BY id");
    rows.bind(person.0).fetch_all(connection).await?.iter().map(read_photo).collect()
}

async fn is_unembedded(
    connection: &mut AnyConnection,
    person: PersonId,
    photo: PhotoId,
    model: &str,
) -> Result<bool, sqlx::Error> {
    const SQL: &str = "SELECT COUNT(*) FROM photos WHERE id = $1 AND person_id = $2 AND NOT EXISTS \
         (SELECT 1 FROM templates WHERE photo_id = $1 AND model = $3)";
    let count: i64 = sqlx::query_scalar(SQL).bind(photo.0).bind(person.0).bind(model).fetch_one(connection).await?;
    Ok(count > 0)
}

fn read_photo(row: &AnyRow) -> Result<Photo, sqlx::Error> {
    Ok(Photo { id: PhotoId(row.try_get("id")?), image: row.try_get("image")? })
}

fn read_coverage(row: &AnyRow) -> Result<Coverage, sqlx::Error> {
    let count = |column| row.try_get::<i64, _>(column).map(|count| u32::try_from(count).unwrap_or(u32::MAX));
    Ok(Coverage {
        person: PersonId(row.try_get("id")?),
        name: row.try_get("name")?,
        templates: count("templates")?,
        photos: count("photos")?,
        unembedded: count("unembedded")?,
        without_photo: count("without_photo")?,
    })
}
