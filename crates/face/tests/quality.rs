//! What is measured of a face follows what was done to its photo.
#![allow(clippy::unwrap_used, reason = "a test ends at the first surprise")]

mod support;

use face::{Engine, Quality, RgbImage, by_clearness};
use support::{engine, image};

/// Each pixel through `change`.
fn altered(image: &RgbImage, change: impl Fn([u8; 3]) -> [u8; 3]) -> RgbImage {
    let pixels = image.pixels().chunks_exact(3).flat_map(|rgb| change([rgb[0], rgb[1], rgb[2]])).collect();
    RgbImage::new(image.width(), image.height(), pixels).unwrap()
}

fn mirrored(image: &RgbImage) -> RgbImage {
    let row = image.width() as usize * 3;
    let pixels = image.pixels().chunks_exact(row).flat_map(|row| row.chunks_exact(3).rev().flatten().copied());
    RgbImage::new(image.width(), image.height(), pixels.collect()).unwrap()
}

/// What is left of a photo without its columns before `first`.
fn cut(image: &RgbImage, first: usize) -> RgbImage {
    let row = image.width() as usize * 3;
    let pixels = image.pixels().chunks_exact(row).flat_map(|row| row[first * 3..].iter().copied());
    RgbImage::new(image.width() - first as u32, image.height(), pixels.collect()).unwrap()
}

fn quality(engine: &mut Engine, image: &RgbImage) -> Quality {
    let found = engine.faces(image, 1.0).unwrap();
    Quality::of(image, &found.faces[0])
}

#[test]
fn a_photo_made_darker_or_brighter_or_grey_reads_as_such() {
    let (mut engine, plain) = (engine(), image("obama.jpg"));
    let mut surface = |image: &RgbImage| quality(&mut engine, image).surface.unwrap();
    let as_is = surface(&plain);
    assert!(as_is.black < 0.01 && as_is.white < 0.01 && (120.0..170.0).contains(&as_is.brightness), "{as_is:?}");
    assert!(as_is.mouth_redness > 8.0 && as_is.nose_redness > 8.0, "{as_is:?}");
    let dark = surface(&altered(&plain, |rgb| rgb.map(|v| v / 4)));
    assert!((dark.brightness - as_is.brightness / 4.0).abs() < 4.0, "{dark:?}");
    let bright = surface(&altered(&plain, |rgb| rgb.map(|v| v.saturating_mul(2))));
    assert!(bright.white > 0.3 && bright.brightness > 210.0, "{bright:?}");
    let grey = surface(&altered(&plain, |[_, green, _]| [green; 3]));
    assert!(grey.mouth_redness.abs() < 0.1 && grey.nose_redness.abs() < 0.1, "{grey:?}");
}

#[test]
fn a_mirrored_face_is_turned_and_tilted_to_the_other_side() {
    let (mut engine, turned) = (engine(), image("obama2.jpg"));
    let [one, other] = [&turned, &mirrored(&turned)].map(|image| quality(&mut engine, image).pose);
    assert!(one.yaw > 8.0 && other.yaw < -8.0, "{one:?} {other:?}");
    assert!(one.roll > 2.0 && other.roll < -2.0, "{one:?} {other:?}");
    assert!((one.pitch - other.pitch).abs() < 6.0, "{one:?} {other:?}");
}

#[test]
fn a_face_cut_by_the_photos_edge_is_not_whole() {
    let mut engine = engine();
    let whole = quality(&mut engine, &image("obama.jpg"));
    assert!(whole.whole > 0.98 && !whole.at_edge, "{whole:?}");
    let half = quality(&mut engine, &cut(&image("obama.jpg"), 430));
    assert!(half.whole < 0.8 && half.at_edge, "{half:?}");
}

#[test]
fn of_two_shots_the_one_with_the_higher_norm_is_the_clearer() {
    assert!(by_clearness(3.9, 3.2).is_gt() && by_clearness(2.6, 3.2).is_lt() && by_clearness(3.0, 3.0).is_eq());
}
