//! The int8 form of the default embedder, made of the sample photos as the install makes it.
#![allow(clippy::unwrap_used, reason = "a test ends at the first surprise")]

mod support;

use face::Picture;
use models::onnx;
use support::{image, installed, runtime};

#[test]
fn the_int8_form_of_the_default_embedder_tells_of_faces_what_the_f32_form_does() {
    let (runtime, default) = (runtime(), installed("default"));
    let original = std::fs::read(default.embedder.with_file_name("fr_feature.onnx")).unwrap();
    let photos = ["biden.jpg", "obama.jpg", "obama3.jpg", "t1.jpg"].map(image);
    let photos: Vec<&dyn Picture> = photos.iter().map(|photo| photo as &dyn Picture).collect();
    let views = face::views_of_faces(&runtime, &default, &photos).unwrap();
    let folder = std::path::Path::new(env!("CARGO_TARGET_TMPDIR"));
    let (observable, int8) = (folder.join("observable.onnx"), folder.join("int8.onnx"));
    std::fs::write(&observable, onnx::observable(&original).unwrap()).unwrap();
    let seen = face::seen(&runtime, &default, &observable, &views).unwrap();
    std::fs::write(&int8, onnx::quantized(&original, &seen).unwrap()).unwrap();

    // Of somebody whom the ranges were not made of, too.
    let stranger = image("astronaut.png");
    let views = face::views_of_faces(&runtime, &default, &[&stranger]).unwrap();
    let trial = face::trial(&runtime, &default, &int8, &views).unwrap();
    assert!(trial.cosine > 0.93, "{trial:?}");
    assert!(!trial.refused.is_some_and(|reason| reason.contains("length")));
    assert!(onnx::quantized(&original, &seen[1..]).unwrap_err().contains("values were seen"));
}
