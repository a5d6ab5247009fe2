//! Models as ONNX Runtime lays them out for this processor, made as the install makes them.
#![allow(clippy::unwrap_used, reason = "a test ends at the first surprise")]

mod support;

use std::path::{Path, PathBuf};

use face::Engine;
use models::{InstalledPack, onnx};
use support::{image, installed, runtime};

/// Of the default pack, the files that tuned forms are made of.
fn untuned() -> InstalledPack {
    let installed = installed("default");
    let plain = |path: &Path, name: &str| path.with_file_name(name);
    InstalledPack {
        detector: plain(&installed.detector, "fr_detect.onnx"),
        landmark: installed.landmark.as_deref().map(|path| plain(path, "fr_landmark.faster.onnx")),
        embedder: plain(&installed.embedder, "fr_feature.faster.onnx"),
        ..installed
    }
}

fn folder_for(test: &str) -> PathBuf {
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join("tuned").join(test);
    std::fs::create_dir_all(&folder).unwrap();
    folder
}

#[test]
fn the_tuned_form_of_each_model_finds_and_tells_apart_faces_as_the_model_does() {
    let (runtime, plain) = (runtime(), untuned());
    let tuned = |path: &Path| -> PathBuf {
        let folder = folder_for("each");
        let model = face::tuned(&runtime, path, &folder).unwrap().unwrap();
        let has = |operator: &str| model.windows(operator.len()).any(|bytes| bytes == operator.as_bytes());
        match path.file_name().unwrap().to_str().unwrap() {
            "fr_detect.onnx" => assert!(has(onnx::SHARES) && has(onnx::CORNERS)),
            // Blocks of channels are known to be there on these processors.
            "fr_feature.faster.onnx" if cfg!(target_arch = "x86_64") => assert!(has(onnx::KINK)),
            _ => {}
        }
        let place = folder.join(path.file_name().unwrap());
        std::fs::write(&place, model).unwrap();
        place
    };
    let tuned = InstalledPack {
        detector: tuned(&plain.detector),
        landmark: plain.landmark.as_deref().map(tuned),
        embedder: tuned(&plain.embedder),
        ..plain.clone()
    };
    let photo = image("t1.jpg");
    let faces = |installed| Engine::open(&runtime, installed).unwrap().faces(&photo, 1.0).unwrap().faces;
    let (want, found) = (faces(&plain), faces(&tuned));
    assert_eq!((want.len(), found.len()), (6, 6));
    for (want, found) in want.iter().zip(&found) {
        let cosine: f32 = want.embedding.vector.iter().zip(&found.embedding.vector).map(|(a, b)| a * b).sum();
        assert!(want.area.iou(&found.area) > 0.98 && cosine > 0.9999, "{:?} {:?} {cosine}", want.area, found.area);
    }
}

#[test]
fn a_model_for_pictures_of_any_size_has_no_tuned_form() {
    let detector = installed("centerface").detector;
    assert!(face::tuned(&runtime(), &detector, &folder_for("none")).unwrap().is_none());
}
