use std::io;
use std::path::{Path, PathBuf};

use crate::cache::Cache;
use crate::catalog::Catalog;
use crate::error::ModelsError;
use crate::hash;
use crate::pack::ModelFile;
use crate::rewrite;

/// One file of the cache and whether it is the right one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FileState {
    /// Where it lies, or should.
    pub path: PathBuf,
    /// What it is for, in words.
    pub what: String,
    /// Whether it is the right one.
    pub state: State,
}

/// What was found where a file should be.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum State {
    /// The right file.
    Ok,
    /// Nothing.
    Missing,
    /// A file of another content; both sha256 in lowercase hexadecimal.
    Wrong {
        /// The sha256 of the right file.
        expected: String,
        /// The sha256 of what is there.
        found: String,
    },
}

/// Reads every file of the named packs (or [`crate::RUNTIME`], [`crate::PHOTOS`]) and compares its sha256 with the
/// catalogue's, that of a rewritten model with the one noted when it was made. A model that only runs rewritten is missing where it was
/// not. Licence texts are not looked at. Changes nothing.
///
/// # Errors
/// An unknown name, no inference library for this machine, or a file that is there and cannot be read.
pub fn verify(catalog: &Catalog, cache: &Cache, names: &[&str]) -> Result<Vec<FileState>, ModelsError> {
    let mut states = Vec::new();
    for name in names {
        for (what, file) in catalog.files(name)? {
            verify_file(cache, file, &what, &mut states)?;
            if let Some((path, sha256)) = cache.tuned_sha256(catalog, file) {
                states.push(FileState { state: state_of(&path, &sha256)?, path, what: format!("{what}, tuned") });
            }
        }
        if let Some(pack) = catalog.packs.get(*name)
            && let Some(sha256) = cache.int8_sha256(pack)
        {
            let path = cache.int8_path(pack);
            let what = format!("the embedder of pack `{name}`, in int8");
            states.push(FileState { state: state_of(&path, &sha256)?, path, what });
        }
    }
    Ok(states)
}

fn verify_file(cache: &Cache, file: &ModelFile, what: &str, states: &mut Vec<FileState>) -> Result<(), ModelsError> {
    let original = cache.path(file);
    states.push(FileState { state: state_of(&original, &file.sha256)?, path: original, what: what.to_owned() });
    let Some((kind, path)) = file.rewrite.zip(rewrite::target(cache, file)) else { return Ok(()) };
    let state = match rewrite::record(&path, file) {
        Some(record) => state_of(&path, &record.rewritten)?,
        None if kind.is_needed() => State::Missing,
        None => return Ok(()),
    };
    states.push(FileState { path, what: format!("{what}, rewritten"), state });
    Ok(())
}

/// That a user's own file is the one that models.toml means, where that gives its sha256. `progress` is told of bytes read.
///
/// # Errors
/// Another file, or one that cannot be read.
pub(crate) fn local(path: &Path, expected: &str, progress: impl FnMut(u64)) -> Result<(), ModelsError> {
    if expected.is_empty() {
        return Ok(());
    }
    let found = hash::of_file(path, progress).map_err(|source| ModelsError::reading(path, source))?;
    let expected = expected.to_owned();
    if found == expected { Ok(()) } else { Err(ModelsError::WrongLocal { path: path.to_owned(), expected, found }) }
}

/// A local file for which the catalogue has no sha256 only needs to be there.
fn state_of(path: &Path, expected: &str) -> Result<State, ModelsError> {
    match hash::of_file(path, |_| ()) {
        Ok(found) if found == expected || expected.is_empty() => Ok(State::Ok),
        Ok(found) => Ok(State::Wrong { expected: expected.to_owned(), found }),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(State::Missing),
        Err(source) => Err(ModelsError::reading(path, source)),
    }
}
