//! What is kept of the photos of people who are enrolled.
#![allow(clippy::unwrap_used, reason = "a test ends at the first surprise")]

use std::path::PathBuf;

use face::{DecodeLimits, Engine, JpegEncoder, RgbImage, Runtime};
use gallery::Candidate;
use models::{Cache, Catalog};

/// The picture in the middle of a grey one of 12 megapixels.
fn far_away(picture: &RgbImage) -> RgbImage {
    let (width, height) = (4000, 3000);
    let mut pixels = vec![128; width * height * 3];
    let row = picture.width() as usize * 3;
    for (number, line) in picture.pixels().chunks_exact(row).enumerate() {
        let start = ((number + 900) * width + 1500) * 3;
        pixels[start..start + row].copy_from_slice(line);
    }
    RgbImage::new(width as u32, height as u32, pixels).unwrap()
}

#[test]
fn a_small_face_in_a_large_photo_is_kept_in_all_its_detail() {
    let cache = std::env::var_os("MODELS_DIR").map(PathBuf::from).or_else(|| Some(dirs::cache_dir()?.join("vultus")));
    let (cache, catalog) = (Cache::new(cache.unwrap()), Catalog::builtin());
    let installed = cache.installed(&catalog, "default").unwrap();
    let mut engine = Engine::open(&Runtime::load(&cache.runtime(&catalog).unwrap()).unwrap(), &installed).unwrap();
    let limits = DecodeLimits::default();
    let obama = face::decode(&std::fs::read(&cache.photos(&catalog).unwrap()["obama.jpg"]).unwrap(), &limits).unwrap();
    let photo = JpegEncoder::new(95).unwrap().encode_rgb(&far_away(&obama)).unwrap();

    let gates = installed.pack.embedder.gates;
    let candidate = Candidate::from_photo(&mut engine, &gates, &photo, &limits, true).unwrap();
    let middle = candidate.area.centre();
    assert!((1500.0..2410.0).contains(&middle.x) && (900.0..2037.0).contains(&middle.y), "{:?}", candidate.area);
    let whole = face::decode(&photo, &limits).unwrap().around(&candidate.area, 2.2, 512);
    assert!(candidate.kept == Some(JpegEncoder::new(92).unwrap().encode_rgb(&whole).unwrap()));
}
