//! Which tuned form of a model is used, and when it is as good as none.
#![allow(clippy::unwrap_used, reason = "a test ends at the first surprise")]

use models::{Cache, Catalog, ModelFile, verify};

/// A cache with something of the right size in the place of the default pack's detector.
fn cache_with_detector(folder: &tempfile::TempDir) -> (Catalog, Cache, ModelFile) {
    let (catalog, cache) = (Catalog::builtin(), Cache::new(folder.path()));
    let file = catalog.pack("default").unwrap().detector.file.clone();
    let place = folder.path().join(&file.package).join("fr_detect.onnx");
    std::fs::create_dir_all(place.parent().unwrap()).unwrap();
    std::fs::write(place, vec![0; file.size as usize]).unwrap();
    (catalog, cache, file)
}

#[test]
fn a_tuned_form_is_used_until_it_or_what_it_was_made_of_changes() {
    let folder = tempfile::tempdir().unwrap();
    let (catalog, cache, file) = cache_with_detector(&folder);
    assert!(cache.tuned(&catalog, &file).is_none() && !cache.is_tuned(&catalog, &file));
    cache.keep_tuned(&catalog, &file, Some(b"tuned")).unwrap();
    let tuned = cache.tuned(&catalog, &file).unwrap();
    assert_eq!(std::fs::read(&tuned).unwrap(), b"tuned");

    // Another version of the model, another processor, half a file.
    let other = ModelFile { sha256: "0".repeat(64), ..file.clone() };
    assert_eq!(cache.tuned(&catalog, &other), None);
    let record = tuned.with_extension("toml");
    let text = std::fs::read_to_string(&record).unwrap();
    std::fs::write(&record, text.replace("processor = \"", "processor = \"another ")).unwrap();
    assert_eq!(cache.tuned(&catalog, &file), None);
    std::fs::write(&record, text).unwrap();
    std::fs::write(&tuned, b"tun").unwrap();
    assert!(cache.tuned(&catalog, &file).is_none() && !cache.is_tuned(&catalog, &file));
    cache.keep_tuned(&catalog, &file, None).unwrap();
    assert!(cache.tuned(&catalog, &file).is_none() && cache.is_tuned(&catalog, &file), "it was found to have none");
}

#[test]
fn a_damaged_tuned_form_is_found_by_verify_and_none_is_made_of_a_users_own_file() {
    let folder = tempfile::tempdir().unwrap();
    let (catalog, cache, file) = cache_with_detector(&folder);
    cache.keep_tuned(&catalog, &file, Some(b"tuned")).unwrap();
    let tuned = cache.tuned(&catalog, &file).unwrap();
    std::fs::write(&tuned, b"tunes").unwrap();
    let states = verify(&catalog, &cache, &["default"]).unwrap();
    let found = states.iter().find(|found| found.path == tuned).unwrap();
    assert!(matches!(found.state, models::State::Wrong { .. }), "{found:?}");

    let own = ModelFile { local: Some(folder.path().join("own.onnx")), ..file };
    assert_eq!(cache.untuned(&own), None);
}
