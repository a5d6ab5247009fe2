use std::collections::HashMap;

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use face::{FaceError, JpegEncoder, Picture, Point, RgbImage, Similarity};
use models::{Channels, EmbedderModel, Input};

use crate::dataset::Dataset;
use crate::measures::Worst;
use crate::shots::{Looking, MainFace, Shot, read};

/// JPEG quality of the pictures: two dozen pairs make some two hundred kilobytes.
const QUALITY: u8 = 85;

/// The aligned faces of the worst pairs as data URIs, by their place among the readable photos. A photo that has gone meanwhile has none.
///
/// # Errors
/// When the JPEG encoder fails.
pub(super) fn of_worst(
    worst: &Worst,
    set: &Dataset,
    shots: &[Shot],
    embedder: &EmbedderModel,
    looking: &Looking,
) -> Result<HashMap<usize, String>, FaceError> {
    let readable = set.photos.iter().zip(shots).filter(|(_, shot)| !matches!(shot, Shot::Unreadable(_)));
    let readable: Vec<_> = readable.collect();
    let mut encoder = JpegEncoder::new(QUALITY)?;
    let mut pictures = HashMap::new();
    for place in worst.genuine.iter().chain(&worst.impostor).flat_map(|pair| pair.places) {
        let Some((photo, Shot::Face(face))) = readable.get(place).filter(|_| !pictures.contains_key(&place)) else {
            continue;
        };
        let chip = read(&photo.path, looking).ok().and_then(|image| chip(&image, face, embedder));
        if let Some(chip) = chip {
            let jpeg = encoder.encode_rgb(&chip)?;
            pictures.insert(place, format!("data:image/jpeg;base64,{}", BASE64_STANDARD.encode(jpeg)));
        }
    }
    Ok(pictures)
}

/// What the embedder has seen; of a large photo, in all its detail.
fn chip(image: &RgbImage, face: &MainFace, embedder: &EmbedderModel) -> Option<RgbImage> {
    let input = Input {
        channels: Channels::Rgb,
        mean: models::PerChannel::All(0.0),
        scale: models::PerChannel::All(1.0),
        ..embedder.input
    };
    let to_chip = Similarity::between(&face.landmarks, &embedder.template.map(|[x, y]| Point { x, y }))?;
    let mut planes = Vec::new();
    image.warp_into(&to_chip.inverse(), &input, &mut planes);
    let plane = planes.len() / 3;
    let pixels = (0..planes.len()).map(|at| planes[at % 3 * plane + at / 3] as u8).collect();
    RgbImage::new(input.width, input.height, pixels)
}
