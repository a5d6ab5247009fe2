//! The int8 form of an embedder in the cache: `{stem}.int8.onnx` beside the original, and a record beside that of what it was
//! made from, and of what came of trying it: how fast it is on which processor. Who uses a pack need not time anything.

use std::path::PathBuf;

use serde::{Deserialize, Serialize};

use crate::atomic;
use crate::cache::Cache;
use crate::error::ModelsError;
use crate::hash;
use crate::pack::{InstalledPack, Pack};
use crate::pull;

/// Raised when the way to make it, or what it is timed beside, changes, so that it is made again.
const REVISION: u32 = 2;

/// What came of trying an embedder's int8 form beside its f32 form.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Trial {
    /// Least cosine of the embeddings of a face that both gave.
    pub cosine: f32,
    /// Microseconds for an embedding in f32.
    pub f32_us: u32,
    /// Microseconds for an embedding in int8.
    pub int8_us: u32,
    /// Why it is not used; none where it is.
    pub refused: Option<String>,
}

#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Record {
    revision: u32,
    original: String,
    rewritten: String,
    size: u64,
    /// Timings mean nothing on another one.
    processor: String,
    trial: Trial,
}

impl Pack {
    /// Whether an int8 form of its embedder is tried. None is made of a user's own file: its folder is not ours to write to.
    pub fn may_be_int8(&self) -> bool {
        self.embedder.int8 && self.embedder.file.local.is_none()
    }
}

impl Cache {
    /// What came of the pack's int8 form on this processor; none where it was not tried, or with other files. Reads a small file.
    pub fn int8_trial(&self, pack: &Pack) -> Option<Trial> {
        Some(self.int8_record(pack)?.trial)
    }

    /// Whether the pack's int8 form was tried on this processor and its file is as it was made. Reads the file.
    pub fn has_whole_int8(&self, pack: &Pack) -> bool {
        let is_whole = |record: Record| hash::matches(&self.int8_path(pack), &record.rewritten, |_| ());
        self.int8_record(pack).is_some_and(is_whole)
    }

    /// The embedder as its package has it.
    ///
    /// # Errors
    /// It cannot be read.
    pub fn embedder_original(&self, pack: &Pack) -> Result<Vec<u8>, ModelsError> {
        let path = self.path(&pack.embedder.file);
        std::fs::read(&path).map_err(|source| ModelsError::reading(&path, source))
    }

    /// Where the pack's int8 form goes.
    pub(crate) fn int8_path(&self, pack: &Pack) -> PathBuf {
        self.path(&pack.embedder.file).with_extension("int8.onnx")
    }

    /// The pack with its int8 form for an embedder, where that was found faster here.
    pub fn in_int8(&self, installed: InstalledPack) -> InstalledPack {
        let path = self.int8_path(&installed.pack);
        match self.int8_record(&installed.pack) {
            Some(record)
                if record.trial.refused.is_none() && path.metadata().is_ok_and(|file| file.len() == record.size) =>
            {
                InstalledPack { embedder: path, ..installed }
            }
            _ => installed,
        }
    }

    /// Keeps the int8 form of the pack's embedder, and what came of trying it.
    ///
    /// # Errors
    /// The cache cannot be written.
    pub fn keep_int8(&self, pack: &Pack, model: &[u8], trial: Trial) -> Result<(), ModelsError> {
        let _alone = pull::lock(self, &mut |_| ())?;
        let path = self.int8_path(pack);
        let record = Record {
            revision: REVISION,
            original: pack.embedder.file.sha256.clone(),
            rewritten: hash::of_bytes(model),
            size: model.len() as u64,
            processor: processor(),
            trial,
        };
        // The record is gone before the file changes and comes back after it: it never speaks of another file.
        let _ = std::fs::remove_file(path.with_extension("toml"));
        atomic::install(atomic::written(self, model)?, &path)?;
        let text = toml::to_string(&record).expect("a record is plain text and numbers");
        atomic::install(atomic::written(self, text.as_bytes())?, &path.with_extension("toml"))
    }

    /// The sha256 of the pack's int8 form as it was made, where it was.
    pub(crate) fn int8_sha256(&self, pack: &Pack) -> Option<String> {
        Some(self.int8_record(pack)?.rewritten)
    }

    fn int8_record(&self, pack: &Pack) -> Option<Record> {
        let text = std::fs::read_to_string(self.int8_path(pack).with_extension("toml")).ok()?;
        let fits = |record: &Record| {
            pack.may_be_int8()
                && record.revision == REVISION
                && record.original == pack.embedder.file.sha256
                && record.processor == processor()
        };
        toml::from_str(&text).ok().filter(fits)
    }
}

/// The processor's name as Linux has it, once where there are kinds; elsewhere its architecture alone.
fn processor() -> String {
    let text = std::fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
    let names = ["model name", "CPU implementer", "CPU part"];
    let lines = text.lines().filter(|line| names.iter().any(|name| line.starts_with(name)));
    let mut values: Vec<&str> = lines.filter_map(|line| Some(line.split_once(':')?.1.trim())).collect();
    values.sort_unstable();
    values.dedup();
    [vec![std::env::consts::ARCH], values].concat().join(" ")
}
