//! The engine against the reference program in Python (tests/reference/make.py), on the package photos.
#![allow(clippy::unwrap_used, reason = "a test ends at the first surprise")]

mod support;

use std::collections::BTreeMap;

use serde::Deserialize;

#[derive(Deserialize)]
struct Expected {
    r#box: [f32; 4],
    score: f32,
    landmarks: [[f32; 2]; 5],
    norm: f32,
    embedding: Vec<f32>,
}

fn expected() -> BTreeMap<String, Vec<Expected>> {
    serde_json::from_str(include_str!("reference/photos.json")).expect("photos.json")
}

fn cosine(a: &[f32], b: &[f32]) -> f32 {
    let dot = |x: &[f32], y: &[f32]| x.iter().zip(y).map(|(p, q)| p * q).sum::<f32>();
    dot(a, b) / (dot(a, a) * dot(b, b)).sqrt()
}

/// Boxes within 1 px, landmarks within 0.5 px, cosine above 0.9999: the accuracy that the project promises.
#[test]
fn the_engine_agrees_with_the_reference_program() {
    let mut engine = support::engine();
    let gates = support::gates();
    let mut compared = 0;
    for (photo, faces) in expected() {
        let found = engine.faces(&support::image(&photo), 1.0).expect(&photo).faces;
        let usable: Vec<&Expected> = faces
            .iter()
            .filter(|face| {
                let side = (face.r#box[2] - face.r#box[0]).max(face.r#box[3] - face.r#box[1]);
                face.norm >= gates.drop_norm && side >= gates.min_recognise_px as f32
            })
            .collect();
        assert_eq!(found.len(), usable.len(), "{photo}: number of faces");
        for want in usable {
            let got = found
                .iter()
                .find(|face| {
                    (face.area.left - want.r#box[0]).abs() < 5.0 && (face.area.top - want.r#box[1]).abs() < 5.0
                })
                .unwrap_or_else(|| panic!("{photo}: no face at {:?}", want.r#box));
            let edges = [got.area.left, got.area.top, got.area.right, got.area.bottom];
            for (got, want) in edges.iter().zip(want.r#box) {
                assert!((got - want).abs() <= 1.0, "{photo}: box edge {got}, not {want}");
            }
            for (got, want) in got.landmarks.iter().zip(want.landmarks) {
                let off = (got.x - want[0]).hypot(got.y - want[1]);
                assert!(off <= 0.5, "{photo}: landmark off by {off} px");
            }
            let cosine = cosine(&got.embedding.vector, &want.embedding);
            assert!(cosine > 0.9999, "{photo}: cosine {cosine}");
            assert!((got.embedding.norm - want.norm).abs() < 0.02, "{photo}: norm {}", got.embedding.norm);
            assert!((got.score - want.score).abs() < 0.01, "{photo}: score {}", got.score);
            compared += 1;
        }
    }
    assert!(compared >= 12, "only {compared} faces were compared");
}
