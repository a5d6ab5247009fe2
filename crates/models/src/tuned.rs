//! The tuned form of a model in the cache: as the inference library lays it out for this processor. `{stem}.{what for}.tuned.onnx` beside the file that it was made
//! of, and a record beside that of what it is good for. It computes the same, sooner, and is loaded in a fraction of the time. On another processor, or with another
//! library, there is none, until models are pulled again. A file's name says what it is good for, since machines of several kinds may share a cache, and engines are opened
//! as they are needed.

use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use crate::atomic;
use crate::cache::Cache;
use crate::catalog::Catalog;
use crate::error::ModelsError;
use crate::hash;
use crate::pack::{ModelFile, Pack};
use crate::pull;
use crate::rewrite;

/// Raised when the way to make it changes, so that it is made again.
const REVISION: u32 = 1;

#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Record {
    revision: u32,
    made_of: String,
    library: String,
    processor: String,
    /// Empty where it has no tuned form.
    tuned: String,
    size: u64,
}

impl Pack {
    /// The files of models that every face goes through.
    pub fn main_path(&self) -> impl Iterator<Item = &ModelFile> {
        let landmark = self.landmark.as_ref().map(|model| &model.file);
        [Some(&self.detector.file), landmark, Some(&self.embedder.file)].into_iter().flatten()
    }
}

impl Cache {
    /// The installed file that a tuned form is made of: the rewritten one where there is one. None where nothing is installed, or it is a user's own,
    /// whose folder is not ours to write to.
    pub fn untuned(&self, file: &ModelFile) -> Option<PathBuf> {
        Some(self.source_of_tuned(file)?.0)
    }

    /// The tuned form to load, where there is one for this processor and the catalogue's library. Reads only small records.
    pub fn tuned(&self, catalog: &Catalog, file: &ModelFile) -> Option<PathBuf> {
        let (path, record) = self.record(catalog, file)?;
        (record.size > 0 && path.metadata().ok()?.len() == record.size).then_some(path)
    }

    /// Whether there is nothing to be made of this file: it has its tuned form, or was found to have none.
    pub fn is_tuned(&self, catalog: &Catalog, file: &ModelFile) -> bool {
        let has_none = self.record(catalog, file).is_some_and(|(_, record)| record.size == 0);
        has_none || self.tuned(catalog, file).is_some() || self.untuned(file).is_none()
    }

    /// The same, and the tuned form is as it was made. Reads the file.
    pub fn is_whole_tuned(&self, catalog: &Catalog, file: &ModelFile) -> bool {
        let is_whole = |(path, sha256): (PathBuf, String)| hash::matches(&path, &sha256, |_| ());
        self.is_tuned(catalog, file) && self.tuned_sha256(catalog, file).is_none_or(is_whole)
    }

    /// Keeps `model` as the tuned form of this file; none where it has no such form.
    ///
    /// # Errors
    /// The cache cannot be written, or the catalogue has no library for this machine.
    pub fn keep_tuned(&self, catalog: &Catalog, file: &ModelFile, model: Option<&[u8]>) -> Result<(), ModelsError> {
        let _alone = pull::lock(self, &mut |_| ())?;
        let Some((source, made_of)) = self.source_of_tuned(file) else { return Ok(()) };
        let library = catalog.runtime()?.sha256.clone();
        let path = place(&source, &made_of, &library);
        let record = Record {
            revision: REVISION,
            made_of,
            library,
            processor: processor(),
            tuned: model.map(hash::of_bytes).unwrap_or_default(),
            size: model.map_or(0, |model| model.len() as u64),
        };
        // The record is gone before the file changes and comes back after it: it never speaks of another file.
        let _ = std::fs::remove_file(path.with_extension("toml"));
        if let Some(model) = model {
            atomic::install(atomic::written(self, model)?, &path)?;
        }
        let text = toml::to_string(&record).expect("a record is plain text and numbers");
        atomic::install(atomic::written(self, text.as_bytes())?, &path.with_extension("toml"))
    }

    /// The tuned form of this file and its sha256 as it was made, where it was.
    pub(crate) fn tuned_sha256(&self, catalog: &Catalog, file: &ModelFile) -> Option<(PathBuf, String)> {
        Some((self.tuned(catalog, file)?, self.record(catalog, file)?.1.tuned))
    }

    /// The file it is made of, and the sha256 of that.
    fn source_of_tuned(&self, file: &ModelFile) -> Option<(PathBuf, String)> {
        if file.local.is_some() {
            return None;
        }
        if let Some(rewritten) = rewrite::ready(self, file) {
            let record = rewrite::record(&rewritten, file)?;
            return Some((rewritten, record.rewritten));
        }
        let is_of_use = file.rewrite.is_none_or(|kind| !kind.is_needed());
        let path = self.path(file);
        (is_of_use && path.metadata().ok()?.len() == file.size).then(|| (path, file.sha256.clone()))
    }

    /// Where the tuned form is, and its record, if that fits.
    fn record(&self, catalog: &Catalog, file: &ModelFile) -> Option<(PathBuf, Record)> {
        let (source, made_of) = self.source_of_tuned(file)?;
        let library = &catalog.runtime().ok()?.sha256;
        let path = place(&source, &made_of, library);
        let text = std::fs::read_to_string(path.with_extension("toml")).ok()?;
        let fits = |record: &Record| {
            record.revision == REVISION
                && record.made_of == made_of
                && record.library == *library
                && record.processor == processor()
        };
        toml::from_str(&text).ok().filter(fits).map(|record| (path, record))
    }
}

/// Where the form goes that is made of `source`, whose sha256 is `made_of`, by the library with this one, for this processor.
fn place(source: &Path, made_of: &str, library: &str) -> PathBuf {
    let what_for = hash::of_bytes(format!("{REVISION} {made_of} {library} {}", processor()).as_bytes());
    source.with_extension(format!("{}.tuned.onnx", &what_for[..8]))
}

/// What of the processor the library's layout can depend on.
fn processor() -> String {
    #[cfg(target_arch = "x86_64")]
    {
        let has = [
            ("avx", is_x86_feature_detected!("avx")),
            ("avx2", is_x86_feature_detected!("avx2")),
            ("fma", is_x86_feature_detected!("fma")),
            ("avx512f", is_x86_feature_detected!("avx512f")),
            ("avx512bw", is_x86_feature_detected!("avx512bw")),
            ("avx512dq", is_x86_feature_detected!("avx512dq")),
            ("avx512vl", is_x86_feature_detected!("avx512vl")),
        ];
        let has: Vec<&str> = has.into_iter().filter_map(|(name, is_there)| is_there.then_some(name)).collect();
        format!("x86_64 {}", has.join(" "))
    }
    #[cfg(not(target_arch = "x86_64"))]
    std::env::consts::ARCH.to_owned()
}
