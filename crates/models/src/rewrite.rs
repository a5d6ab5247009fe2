//! Rewritten models in the cache: `{stem}.{rewrite}.onnx` beside the original, and a record beside that of what
//! it was made from. A rewritten file without a record that fits is as good as none, and the original is used if it can be.

use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use crate::atomic;
use crate::cache::Cache;
use crate::dlib;
use crate::error::ModelsError;
use crate::hash;
use crate::onnx;
use crate::pack::{ModelFile, Rewrite};
use crate::pull::Check;

/// The folder of rewritten local files. No package may have this key.
pub(crate) const LOCAL: &str = "local";

/// Raised when the rewrite itself changes, so that installed files are made again.
const REVISION: u32 = 1;

/// What a rewritten file was made from, and what came out.
#[derive(Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Record {
    revision: u32,
    original: String,
    pub(crate) rewritten: String,
    size: u64,
}

/// The rewritten file to load instead of the original, where there is one. Reads only its small record.
pub(crate) fn ready(cache: &Cache, file: &ModelFile) -> Option<PathBuf> {
    let path = target(cache, file)?;
    let record = record(&path, file)?;
    (path.metadata().ok()?.len() == record.size).then_some(path)
}

/// Where the file's rewritten form goes, where it has one.
pub(crate) fn target(cache: &Cache, file: &ModelFile) -> Option<PathBuf> {
    let kind = file.rewrite?.key();
    let original = cache.path(file);
    let stem = original.file_stem()?.to_string_lossy();
    Some(match file.local {
        // Two local files may share a name, and their folders are not ours to write to.
        Some(_) => cache.root().join(LOCAL).join(format!("{stem}-{}.{kind}.onnx", &file.sha256[..16])),
        None => original.with_file_name(format!("{stem}.{kind}.onnx")),
    })
}

/// The record of the rewritten file at `path`, if it was made from `file` by this revision.
pub(crate) fn record(path: &Path, file: &ModelFile) -> Option<Record> {
    let text = std::fs::read_to_string(record_path(path)).ok()?;
    toml::from_str(&text).ok().filter(|record: &Record| record.revision == REVISION && record.original == file.sha256)
}

/// Makes the rewritten form of the installed original at `target`, if `check` finds both equal where both can be run.
///
/// # Errors
/// `Ok(Err(reason))` where there is none and the original has to do, if it can; an error where the cache cannot be read or written.
pub(crate) fn install(
    cache: &Cache,
    file: &ModelFile,
    kind: Rewrite,
    target: &Path,
    check: &Check<'_>,
) -> Result<Result<(), String>, ModelsError> {
    let original = cache.path(file);
    let bytes = std::fs::read(&original).map_err(|source| ModelsError::reading(&original, source))?;
    let rewritten = match kind {
        Rewrite::Faster => onnx::make_faster(&bytes),
        Rewrite::AnySize => onnx::free_sizes(&bytes),
        Rewrite::DlibOnnx => dlib::to_onnx(&bytes),
    };
    let rewritten = match rewritten {
        Ok(rewritten) => rewritten,
        Err(error) => return Ok(Err(error.to_string())),
    };
    let unfinished = atomic::written(cache, &rewritten)?;
    if !kind.is_needed()
        && let Err(reason) = check(&original, unfinished.path())
    {
        return Ok(Err(reason));
    }
    let record = Record {
        revision: REVISION,
        original: file.sha256.clone(),
        rewritten: hash::of_bytes(&rewritten),
        size: rewritten.len() as u64,
    };
    // The record is gone before the file changes and comes back after it: it never speaks of another file.
    let _ = std::fs::remove_file(record_path(target));
    atomic::install(unfinished, target)?;
    let text = toml::to_string(&record).expect("a record is plain text and numbers");
    atomic::install(atomic::written(cache, text.as_bytes())?, &record_path(target))?;
    Ok(Ok(()))
}

fn record_path(rewritten: &Path) -> PathBuf {
    rewritten.with_extension("toml")
}
