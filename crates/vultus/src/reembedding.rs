//! People who are enrolled by one model pack, embedded by another one from what is kept of their photos. Person by person: each is
//! searched by the templates of the pack before until all that the new one makes of the photos is there, so that a service that runs
//! meanwhile, with either pack, knows everybody at any moment.

use face::{DecodeLimits, Embedding, Engine, EnginePool, FaceError, Rect};
use models::Pack;
use store::{Coverage, NewTemplate, Photo, PhotoId, Store};
use tokio::task::spawn_blocking;

/// Of what a person is recognised by at least this share must be photos that the new pack can use; otherwise the person stays with the old one.
const ENOUGH: f32 = 0.5;

/// What became of a person.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// So many photos have a template of the pack now.
    Embedded(usize),
    /// Too few of the photos can be used by the pack.
    TooFew {
        /// Those that can.
        usable: usize,
        /// Those that were tried.
        tried: usize,
    },
    /// Removed, or embedded by somebody else, meanwhile.
    Gone,
}

/// Where everybody stands before it begins.
#[derive(Clone, Debug, Default)]
pub struct Plan {
    /// People with photos that the pack has not seen.
    pub to_do: Vec<Coverage>,
    /// Names of those who are unknown to the pack and have no photo: they have to be enrolled again.
    pub without_photo: Vec<String>,
    /// How many are known to the pack already, with all their photos.
    pub done: usize,
}

impl Plan {
    /// Asks the database.
    ///
    /// # Errors
    /// When it does not answer.
    pub async fn of(store: &Store, pack: &Pack) -> anyhow::Result<Self> {
        let mut plan = Self::default();
        for person in store.coverage(&pack.embedder.space).await? {
            match (person.templates, person.unembedded) {
                (0, 0) => plan.without_photo.push(person.name),
                (_, 0) => plan.done += 1,
                _ => plan.to_do.push(person),
            }
        }
        Ok(plan)
    }
}

/// Embeds the photos of one person, all at once or not at all.
///
/// # Errors
/// When the database or the models fail; a photo that is of no use is no error.
pub async fn embed(
    store: &Store,
    engines: &EnginePool,
    pack: &Pack,
    limits: DecodeLimits,
    person: &Coverage,
) -> anyhow::Result<Outcome> {
    let space = &pack.embedder.space;
    let photos = store.unembedded_photos(person.person, space).await?;
    let tried = photos.len();
    let engines = engines.clone();
    let faces = spawn_blocking(move || engines.with(|engine| faces_of(engine, &photos, limits))).await??;
    if tried == 0 {
        return Ok(Outcome::Gone);
    }
    // Who is known to the pack already only gets more.
    let known_by = if person.templates == 0 { tried as f32 + person.without_photo as f32 } else { 0.0 };
    if faces.is_empty() || (faces.len() as f32) < ENOUGH * known_by {
        return Ok(Outcome::TooFew { usable: faces.len(), tried });
    }
    let templates: Vec<_> = faces.iter().map(|(photo, face)| (*photo, template(space, face))).collect();
    Ok(if store.embed_photos(person.person, &templates).await? {
        Outcome::Embedded(faces.len())
    } else {
        Outcome::Gone
    })
}

fn template<'a>(space: &'a str, face: &'a Embedding) -> NewTemplate<'a> {
    NewTemplate { model: space, embedding: &face.vector, norm: face.norm, event: None, photo: None }
}

/// Whether a face is where the enrolled one is in what is kept of a photo, and about as large: in its middle, and a third of it.
fn is_of_photo(area: &Rect, (width, height): (u32, u32)) -> bool {
    let (x, y) = (width as f32 / 2.0, height as f32 / 2.0);
    let is_in_the_middle = (area.left..=area.right).contains(&x) && (area.top..=area.bottom).contains(&y);
    is_in_the_middle && 3 * area.longer_side() >= width.max(height)
}

/// The face that each photo is about, where the pack can use it.
fn faces_of(
    engine: &mut Engine,
    photos: &[Photo],
    limits: DecodeLimits,
) -> Result<Vec<(PhotoId, Embedding)>, FaceError> {
    let mut faces = Vec::with_capacity(photos.len());
    for photo in photos {
        let Ok(image) = engine.read(&photo.image, &limits) else { continue };
        let size = (image.width(), image.height());
        let found = engine.faces(&image, 1.0)?;
        let about = found.faces.into_iter().filter(|face| is_of_photo(&face.area, size));
        let about = about.max_by(|a, b| a.area.prominence(size).total_cmp(&b.area.prominence(size)));
        // Of a larger face that cannot be used, it is a neighbour's that can.
        let is_passed_over = |side: u32| found.unusable.is_some_and(|larger| larger.side > side);
        faces.extend(about.filter(|face| !is_passed_over(face.side())).map(|face| (photo.id, face.embedding)));
    }
    Ok(faces)
}
