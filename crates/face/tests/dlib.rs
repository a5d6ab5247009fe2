//! The packs of dlib's networks against dlib itself, through Python (tests/reference/make_dlib.py), on the package photos.
#![allow(clippy::unwrap_used, reason = "a test ends at the first surprise")]

mod support;

use std::collections::BTreeMap;

use face::{Detection, FivePoints, Part, Point, Rect, RgbImage};
use serde::Deserialize;

#[derive(Deserialize)]
struct Expected {
    /// What dlib's HOG detector finds, and what its predictor and ResNet say of it.
    faces: Vec<Described>,
    /// What its CNN finds in parts of 640×480 pixels.
    parts: Vec<Looked>,
}

#[derive(Deserialize)]
struct Described {
    r#box: [f32; 4],
    descriptor: Vec<f32>,
}

#[derive(Deserialize)]
struct Looked {
    left: usize,
    top: usize,
    faces: Vec<Found>,
}

#[derive(Deserialize)]
struct Found {
    r#box: [f32; 4],
    score: f32,
}

const WIDTH: usize = 640;
const HEIGHT: usize = 480;

fn expected() -> BTreeMap<String, Expected> {
    serde_json::from_str(include_str!("reference/dlib.json")).expect("dlib.json")
}

fn rect([left, top, right, bottom]: [f32; 4]) -> Rect {
    Rect { left, top, right, bottom }
}

fn part(image: &RgbImage, left: usize, top: usize) -> RgbImage {
    let stride = image.width() as usize * 3;
    let rows = image.pixels().chunks_exact(stride).skip(top).take(HEIGHT);
    let pixels = rows.flat_map(|row| &row[left * 3..(left + WIDTH) * 3]).copied().collect();
    RgbImage::new(WIDTH as u32, HEIGHT as u32, pixels).unwrap()
}

/// Each of the 128 numbers within 1e-3 of dlib's, given its box. One pixel in one of the five points moves them by more.
#[test]
fn embeddings_are_those_of_dlib() {
    // Its boxes are taken as they are: they are dlib's own.
    let mut engine = support::engine_of("dlib-mmod");
    let (mut compared, mut worst) = (0, 0.0_f32);
    for (photo, want) in expected() {
        let image = support::image(&photo);
        // A box that goes beyond the picture would be taken for one that was clipped there.
        for face in want.faces.iter().filter(|face| face.r#box[0] >= 0.0) {
            let found = Detection { area: rect(face.r#box), score: 1.0, five: None };
            let five: FivePoints = [Point::default(); 5];
            let got = engine.embed_ungated(&image, &found, &five).unwrap().expect(&photo);
            assert_eq!(got.vector.len(), face.descriptor.len(), "{photo}");
            let off = got.vector.iter().zip(&face.descriptor).fold(0.0, |most: f32, (a, b)| most.max((a - b).abs()));
            println!("{photo} {:?}: off by {off:.6}", face.r#box);
            worst = worst.max(off);
            compared += 1;
        }
    }
    assert!(worst < 1e-3, "off by {worst}");
    assert!(compared >= 10, "only {compared} faces were compared");
}

/// Boxes within 2 pixels, scores within 0.01.
#[test]
fn the_cnn_finds_what_dlibs_finds() {
    let mut engine = support::engine_of("dlib-mmod");
    let mut compared = 0;
    for (photo, want) in expected() {
        let image = support::image(&photo);
        for looked in want.parts {
            let part = part(&image, looked.left, looked.top);
            let found = engine.detect_in(&part, 1.0, &[Part::Whole]).unwrap();
            let place = format!("{photo} at {}, {}", looked.left, looked.top);
            assert_eq!(found.len(), looked.faces.len(), "{place}: {found:?}");
            for face in looked.faces {
                // The engine's boxes end at the picture's edges.
                let [left, top, right, bottom] = face.r#box;
                let inside = [left.max(0.0), top.max(0.0), right.min(639.0), bottom.min(479.0)];
                let off = |found: &Detection| {
                    let area = found.area;
                    let edges = [area.left, area.top, area.right, area.bottom];
                    edges.iter().zip(inside).fold(0.0, |most: f32, (a, b)| most.max((a - b).abs()))
                };
                let nearest = found.iter().min_by(|a, b| off(a).total_cmp(&off(b))).unwrap();
                assert!(off(nearest) <= 2.0, "{place}: {nearest:?}, not {:?}", face.r#box);
                let score = face.score.min(1.0);
                assert!((nearest.score - score).abs() < 0.01, "{place}: {} instead of {score}", nearest.score);
                compared += 1;
            }
        }
    }
    assert!(compared >= 5, "only {compared} faces were compared");
}
