//! What the attribute models say of the sample photos.
#![allow(clippy::unwrap_used, reason = "a test ends at the first surprise")]

mod support;

use face::{AttributeChoice, Attributes, Detection};
use support::{engine, image};

/// The attributes of the largest face of a sample photo.
fn of(photo: &str) -> Attributes {
    let (picture, mut engine) = (image(photo), engine());
    let found = engine.faces(&picture, 1.0).unwrap();
    let face = &found.faces[0];
    let detection = Detection { area: face.area, score: face.score, five: None };
    engine.attributes(&picture, &detection, &face.landmarks, AttributeChoice::ALL).unwrap()
}

/// The values of Python's onnxruntime, fed with OpenCV's chips: age, gender and "happy" before they are centred on their middles.
#[test]
fn the_estimates_are_those_of_the_reference() {
    for (photo, age, gender, happy) in REFERENCE {
        let looks = of(photo);
        let centred = |share: f32, middle: f32| {
            let share = share.clamp(0.0, 1.0);
            share * (1.0 - middle) / (share * (1.0 - middle) + (1.0 - share) * middle)
        };
        let near = |got: f32, wanted: f32, by: f32| assert!((got - wanted).abs() < by, "{photo}: {got} {wanted}");
        near(looks.age.unwrap().value, age, 0.5);
        near(looks.gender.unwrap().value, centred(gender, 0.75), 0.02);
        near(looks.smile.unwrap().value, centred(happy, 0.98), 0.02);
    }
}

const REFERENCE: [(&str, f32, f32, f32); 5] = [
    ("obama.jpg", 52.59, 1.0560, 0.99740),
    ("obama2.jpg", 35.90, 0.9704, 0.12753),
    ("biden.jpg", 79.87, 1.0419, 0.25871),
    ("astronaut.png", 27.00, 0.0962, 0.99285),
    ("t1.jpg", 26.55, 0.8407, 0.52125),
];

#[test]
fn only_what_is_wanted_is_estimated() {
    let (picture, mut engine) = (image("obama.jpg"), engine());
    let found = engine.faces(&picture, 1.0).unwrap();
    let face = &found.faces[0];
    let detection = Detection { area: face.area, score: face.score, five: None };
    let age = AttributeChoice { age: true, ..AttributeChoice::OFF };
    let looks = engine.attributes(&picture, &detection, &face.landmarks, age).unwrap();
    assert!(looks.age.is_some() && looks.gender.is_none() && looks.smile.is_none(), "{looks:?}");
    let none = engine.attributes(&picture, &detection, &face.landmarks, AttributeChoice::OFF).unwrap();
    assert_eq!(none, Attributes::default());
}
