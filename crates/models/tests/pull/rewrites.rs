//! What becomes of a model that is rewritten when it is installed.

use std::cell::RefCell;
use std::fs;
use std::path::Path;

use models::{Catalog, State};

use crate::place::{DETECT, EMBED, LANDMARK, Place, RECORD, REWRITTEN, sha256};

#[test]
fn the_rewritten_model_is_the_one_to_load() {
    let place = Place::new();
    let checked = RefCell::new(Vec::new());
    let check = |original: &Path, rewritten: &Path| {
        assert!(rewritten.is_file(), "it can be loaded");
        checked.borrow_mut().push(original.to_owned());
        Ok(())
    };
    place.pull_with(Some(&place.from("")), &check, &mut |_| ()).unwrap();
    assert_eq!(*checked.borrow(), [place.installed("embed.onnx")]);
    assert_eq!(place.cache().installed(&place.catalog, "tiny").unwrap().embedder, place.installed(REWRITTEN));
}

#[test]
fn a_rewritten_model_that_differs_leaves_a_warning_and_the_original() {
    let place = Place::new();
    let differs = |_: &Path, _: &Path| Err("cosine 0.7".to_owned());
    let pulled = place.pull_with(Some(&place.from("")), &differs, &mut |_| ()).unwrap();
    assert!(
        pulled.warnings[0].contains("cosine 0.7") && pulled.warnings[0].contains("embed.onnx"),
        "{:?}",
        pulled.warnings
    );
    assert_eq!(place.cache().installed(&place.catalog, "tiny").unwrap().embedder, place.installed("embed.onnx"));
    assert_eq!(place.states(), [State::Ok, State::Ok, State::Ok]);
    assert!(!place.installed(REWRITTEN).exists());
}

#[test]
fn a_model_that_cannot_be_rewritten_is_used_as_it_is() {
    let mut place = Place::new();
    let toml = place.folder.path().join("models.toml");
    let text = fs::read_to_string(&toml).unwrap();
    let landmark = format!("sha256 = \"{}\", ", sha256(LANDMARK));
    fs::write(&toml, text.replace(&landmark, &format!("{landmark}rewrite = \"faster\", "))).unwrap();
    place.catalog = Catalog::with_file(&toml).unwrap();
    let pulled = place.pull().unwrap();
    assert!(pulled.warnings[0].contains("not an ONNX model"), "{:?}", pulled.warnings);
    assert_eq!(
        place.cache().installed(&place.catalog, "tiny").unwrap().landmark,
        Some(place.installed("landmark.onnx"))
    );
}

#[test]
fn a_damaged_rewritten_model_is_found_and_made_again() {
    let place = Place::new();
    place.pull().unwrap();
    fs::write(place.installed(REWRITTEN), b"damaged").unwrap();
    assert_eq!(place.cache().installed(&place.catalog, "tiny").unwrap().embedder, place.installed("embed.onnx"));
    assert!(matches!(place.states()[3], State::Wrong { .. }));
    assert_eq!(place.pull().unwrap().installed, [place.installed(REWRITTEN)]);
    assert_eq!(place.states()[3], State::Ok);
}

#[test]
fn a_rewritten_model_of_another_original_is_not_used() {
    let place = Place::new();
    place.pull().unwrap();
    let record = fs::read_to_string(place.installed(RECORD)).unwrap();
    let other =
        record.replace(&format!("original = \"{}\"", sha256(EMBED)), &format!("original = \"{}\"", sha256(DETECT)));
    assert_ne!(record, other);
    fs::write(place.installed(RECORD), other).unwrap();
    assert_eq!(place.cache().installed(&place.catalog, "tiny").unwrap().embedder, place.installed("embed.onnx"));
}
