//! A `models.toml` that somebody brings: read or refused.
#![no_main]

use libfuzzer_sys::fuzz_target;

fuzz_target!(|text: &str| {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("models.toml");
    std::fs::write(&file, text).unwrap();
    let _ = models::Catalog::with_file(&file);
});
