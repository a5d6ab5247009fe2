use std::sync::Arc;

use sqlx::any::AnyRow;
use sqlx::{AnyConnection, AssertSqlSafe, Row};

use crate::error::Fault;
use crate::photos::{self, PhotoId};
use crate::whom::Whom;
use crate::{Micros, PersonId, StoreError};

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

/// A stored template: what somebody is recognised by.
#[derive(Clone, Debug, PartialEq)]
pub struct Template {
    /// The model that made it.
    pub model: Arc<str>,
    /// Bit for bit as it was enrolled.
    pub embedding: Vec<f32>,
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

/// Hands the templates of these models that people have to `take`, one person's after the other's, of each model the oldest first, without
/// those that are refuted. The order is that of the index by person, so that nothing has to be sorted.
///
/// They come as one row, all embeddings in one piece: a row each costs more than twice the time in which SQLite reads them.
pub(crate) async fn of_people(
    connection: &mut AnyConnection,
    people: Whom<'_>,
    models: &[Arc<str>],
    mut take: impl FnMut(PersonId, Template),
) -> Result<(), Fault> {
    let sql = format!(
        "SELECT MIN(CASE WHEN length(embedding) <> 4 * dimensions THEN id END) AS broken, \
         string_agg(CAST(person_id AS TEXT), ' ') AS people, string_agg(CAST(dimensions AS TEXT), ' ') AS dimensions, \
         string_agg(model, '\n') AS models, {} AS embeddings \
         FROM (SELECT id, person_id, model, dimensions, embedding FROM templates WHERE {} AND {UNREFUTED} \
         ORDER BY person_id, model, id) AS in_order",
        in_one_piece(connection, "embedding"),
        people.have("person_id")
    );
    let row = people.bind(sqlx::query(AssertSqlSafe(sql))).fetch_one(&mut *connection).await?;
    if let Some(broken) = row.try_get::<Option<i64>, _>("broken")? {
        return Err(why_broken(connection, broken).await);
    }
    let Some(owners) = row.try_get::<Option<&str>, _>("people")? else { return Ok(()) };
    let (dimensions, names): (&str, &str) = (row.try_get("dimensions")?, row.try_get("models")?);
    let mut rest: &[u8] = row.try_get("embeddings")?;
    let mut names = names.split('\n');
    for ((owner, dimensions), name) in owners.split(' ').zip(dimensions.split(' ')).zip(&mut names) {
        let (owner, bytes) = template_of(owner, dimensions, &mut rest).ok_or_else(|| not_in_step(owner))?;
        let model = models.iter().find(|known| ***known == *name);
        if let (Some(model), Some(embedding)) = (model, decode_face(bytes)) {
            take(owner, Template { model: Arc::clone(model), embedding });
        }
    }
    match names.next() {
        // Of a name with a line break the rest would count as the name of the next one.
        Some(left) => Err(not_in_step(left).into()),
        None => Ok(()),
    }
}

/// The bytes of a column of many rows as those of one. SQLite joins texts, and takes bytes for one without a look at them.
fn in_one_piece(connection: &AnyConnection, column: &str) -> String {
    let joined = format!("string_agg({column}, '')");
    if connection.backend_name() == "PostgreSQL" { joined } else { format!("CAST({joined} AS BLOB)") }
}

/// Whose the next template is, and its bytes, which are taken from the `rest`.
fn template_of<'a>(owner: &str, dimensions: &str, rest: &mut &'a [u8]) -> Option<(PersonId, &'a [u8])> {
    let bytes = rest.split_off(..dimensions.parse::<usize>().ok()?.checked_mul(size_of::<f32>())?)?;
    Some((PersonId(owner.parse().ok()?), bytes))
}

fn not_in_step(at: &str) -> sqlx::Error {
    sqlx::Error::Decode(format!("templates whose parts do not fit together, at {at:?}").into())
}

/// What is wrong with a template that is.
async fn why_broken(connection: &mut AnyConnection, template: i64) -> Fault {
    let sql = "SELECT id, person_id, dimensions, embedding FROM templates WHERE id = $1";
    let row = sqlx::query(sql).bind(template).fetch_one(connection).await;
    row.map_err(Fault::from).and_then(|row| read(&row)).map_or_else(|fault| fault, |_| sqlx::Error::RowNotFound.into())
}

/// Whose template a row is, and its embedding.
pub(crate) fn read(row: &AnyRow) -> Result<(PersonId, Vec<f32>), Fault> {
    let id: i64 = row.try_get("id")?;
    let person = PersonId(row.try_get("person_id")?);
    let dimensions: i64 = row.try_get("dimensions")?;
    let bytes: &[u8] = row.try_get("embedding")?;
    let embedding = decode(bytes, dimensions).ok_or(StoreError::BrokenTemplate {
        template: id,
        person,
        bytes: bytes.len(),
        dimensions,
    })?;
    Ok((person, embedding))
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
