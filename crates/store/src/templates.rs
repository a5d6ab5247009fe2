use std::sync::Arc;

use sqlx::any::AnyRow;
use sqlx::{AnyConnection, AssertSqlSafe, Row};

use crate::error::Fault;
use crate::photos::{self, PhotoId};
use crate::places::Places;
use crate::{Micros, PersonId, StoreError};

/// How many templates are read at a time: some megabytes, and well within a statement's time limit.
const PAGE: i64 = 2_000;

/// A template to be stored.
#[derive(Clone, Copy, Debug)]
pub struct NewTemplate<'a> {
    /// The model that made it. Embeddings of different models cannot be compared.
    pub model: &'a str,
    /// As its space has it: of unit length where faces are compared by their cosine, else as the model gives it.
    pub embedding: &'a [f32],
    /// The length of the model's raw output: the quality of the shot.
    pub norm: f32,
    /// The event whose face it is; `None` for one of a photo.
    pub event: Option<&'a str>,
    /// What is to be kept of the photo: an image file; `None` where nothing is.
    pub photo: Option<&'a [u8]>,
}

impl NewTemplate<'_> {
    /// One number that is not finite would make every comparison with this person meaningless.
    pub(crate) fn check(&self, person: &str) -> Result<(), StoreError> {
        let refuse = |reason| Err(StoreError::BadTemplate { person: person.to_owned(), reason });
        if self.embedding.is_empty() {
            return refuse("its embedding is empty");
        }
        if !self.norm.is_finite() || !self.embedding.iter().all(|x| x.is_finite()) {
            return refuse("its embedding or its norm holds a number that is not finite");
        }
        Ok(())
    }
}

/// A stored template.
#[derive(Clone, Debug, PartialEq)]
pub struct Template {
    /// Its number in the database.
    pub id: i64,
    /// The model that made it.
    pub model: Arc<str>,
    /// Bit for bit as it was enrolled.
    pub embedding: Vec<f32>,
    /// The length of the model's raw output: the quality of the shot.
    pub norm: f32,
    /// When it was enrolled.
    pub created_at: Micros,
}

/// Stores a template, and what is to be kept of its photo.
pub(crate) async fn insert(
    connection: &mut AnyConnection,
    person: PersonId,
    template: &NewTemplate<'_>,
    now: Micros,
) -> Result<(), sqlx::Error> {
    let photo = match template.photo {
        Some(image) => Some(photos::insert(connection, person, image, now).await?),
        None => None,
    };
    insert_of_photo(connection, person, template, photo, now).await
}

/// Stores a template of a photo that is kept already, or of none.
pub(crate) async fn insert_of_photo(
    connection: &mut AnyConnection,
    person: PersonId,
    template: &NewTemplate<'_>,
    photo: Option<PhotoId>,
    now: Micros,
) -> Result<(), sqlx::Error> {
    sqlx::query(
        "INSERT INTO templates (person_id, model, dimensions, embedding, norm, created_at, event_id, photo_id) \
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8)",
    )
    .bind(person.0)
    .bind(template.model)
    .bind(i64::try_from(template.embedding.len()).unwrap_or(i64::MAX))
    .bind(encode(template.embedding))
    .bind(f64::from(template.norm))
    .bind(now.0)
    .bind(template.event)
    .bind(photo.map(|photo| photo.0))
    .execute(connection)
    .await?;
    Ok(())
}

/// How many templates of `model` the person holds.
pub(crate) async fn count(connection: &mut AnyConnection, person: PersonId, model: &str) -> Result<u32, sqlx::Error> {
    let count: i64 = sqlx::query_scalar("SELECT COUNT(*) FROM templates WHERE person_id = $1 AND model = $2")
        .bind(person.0)
        .bind(model)
        .fetch_one(connection)
        .await?;
    Ok(u32::try_from(count).unwrap_or(u32::MAX))
}

/// A template does not count while it stands that its event was of somebody else.
pub(crate) const UNREFUTED: &str = "NOT EXISTS (SELECT 1 FROM corrections WHERE corrections.event_id = templates.event_id \
                         AND wrong_person_id = templates.person_id AND taken_back_at IS NULL)";

/// Hands the templates of `model` that these people have to `take`, one person's after the other's, oldest first, without those that are
/// refuted. `people`: the list of their ids as SQL places, bound from $1 on. In order of the templates alone SQLite would read all of the
/// model.
pub(crate) async fn of_people(
    connection: &mut AnyConnection,
    people: &Places<'_>,
    model: &Arc<str>,
    mut take: impl FnMut(PersonId, Template),
) -> Result<(), Fault> {
    let sql = format!(
        "SELECT id, person_id, dimensions, embedding, norm, created_at FROM templates \
         WHERE person_id IN ({people}) AND model = {} AND {UNREFUTED} ORDER BY person_id, id",
        people.next()
    );
    for row in &people.bind(sqlx::query(AssertSqlSafe(sql))).bind(&**model).fetch_all(connection).await? {
        let (person, template) = read(row, model)?;
        take(person, template);
    }
    Ok(())
}

/// Hands every template of `model` to `take`, oldest first, without those that are refuted.
///
/// Page by page: a gallery of 100,000 people must not be in memory twice, and no single statement may take so long
/// that the server cuts it off.
pub(crate) async fn each_of_model(
    connection: &mut AnyConnection,
    model: &Arc<str>,
    mut take: impl FnMut(PersonId, Template),
) -> Result<(), Fault> {
    let sql = format!(
        "SELECT id, person_id, dimensions, embedding, norm, created_at FROM templates \
         WHERE model = $1 AND id > $2 AND {UNREFUTED} ORDER BY id LIMIT $3"
    );
    let mut last = 0_i64;
    loop {
        let page = sqlx::query(AssertSqlSafe(sql.clone()))
            .bind(&**model)
            .bind(last)
            .bind(PAGE)
            .fetch_all(&mut *connection)
            .await?;
        if page.is_empty() {
            return Ok(());
        }
        for row in &page {
            let (person, template) = read(row, model)?;
            last = template.id;
            take(person, template);
        }
    }
}

pub(crate) fn read(row: &AnyRow, model: &Arc<str>) -> Result<(PersonId, Template), Fault> {
    let id: i64 = row.try_get("id")?;
    let person = PersonId(row.try_get("person_id")?);
    let dimensions: i64 = row.try_get("dimensions")?;
    let bytes: &[u8] = row.try_get("embedding")?;
    let norm: f64 = row.try_get("norm")?;
    let created_at = Micros(row.try_get("created_at")?);
    let embedding = decode(bytes, dimensions).ok_or(StoreError::BrokenTemplate {
        template: id,
        person,
        bytes: bytes.len(),
        dimensions,
    })?;
    #[expect(clippy::cast_possible_truncation, reason = "it was an f32 when it was written")]
    let norm = norm as f32;
    Ok((person, Template { id, model: Arc::clone(model), embedding, norm, created_at }))
}

/// Little-endian numbers.
pub(crate) fn encode(embedding: &[f32]) -> Vec<u8> {
    embedding.iter().flat_map(|number| number.to_le_bytes()).collect()
}

/// The little-endian numbers, if there are exactly `dimensions` of them.
fn decode(bytes: &[u8], dimensions: i64) -> Option<Vec<f32>> {
    decode_face(bytes).filter(|numbers| usize::try_from(dimensions) == Ok(numbers.len()))
}

/// The little-endian numbers, however many, if they are whole.
pub(crate) fn decode_face(bytes: &[u8]) -> Option<Vec<f32>> {
    let (numbers, rest) = bytes.as_chunks::<4>();
    rest.is_empty().then(|| numbers.iter().map(|number| f32::from_le_bytes(*number)).collect())
}
