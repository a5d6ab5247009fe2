use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use crate::catalog::{Catalog, PHOTOS};
use crate::error::ModelsError;
use crate::pack::{InstalledPack, ModelFile};
use crate::rewrite;
use crate::validate::base_name;
use crate::verify;

/// The folder that holds what was installed: `{root}/{package}/{file}`, rewritten models beside their originals, and
/// `{root}/.staging` for what is on its way. Safe to delete as a whole; `vultus models pull` brings it back.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Cache {
    root: PathBuf,
}

impl Cache {
    /// The cache in this folder, which need not exist yet.
    pub fn new(root: impl Into<PathBuf>) -> Self {
        Self { root: root.into() }
    }

    /// The cache's folder.
    pub fn root(&self) -> &Path {
        &self.root
    }

    /// The files of a pack, the tuned or rewritten ones where there are any. Cheap: looks at existence and size, and reads only local files that have a
    /// sha256. Models beside
    /// the main path may be missing: only who wants to use one needs it.
    ///
    /// # Errors
    /// No such pack, a file of it is missing or incomplete, or a local one has not the sha256 that models.toml gives it: nothing
    /// else would look at that.
    pub fn installed(&self, catalog: &Catalog, pack: &str) -> Result<InstalledPack, ModelsError> {
        let entry = catalog.pack(pack)?;
        let name = if pack == "default" { "" } else { pack };
        let place = |role: &str, file| {
            let what = format!("the {role} of pack `{pack}`");
            let path = self.present(file, &what, name)?;
            let ready = || self.tuned(catalog, file).or_else(|| rewrite::ready(self, file));
            match (ready(), file.rewrite.filter(|kind| kind.is_needed())) {
                (Some(ready), _) => Ok(ready),
                (None, None) => Ok(path),
                (None, Some(_)) => Err(ModelsError::NotConverted { what, path, name: name.to_owned() }),
            }
        };
        Ok(InstalledPack {
            detector: place("detector", &entry.detector.file)?,
            landmark: entry.landmark.as_ref().map(|model| place("landmark", &model.file)).transpose()?,
            embedder: place("embedder", &entry.embedder.file)?,
            aligner: entry.embedder.aligner.as_ref().map(|file| place("aligner", file)).transpose()?,
            side: entry.side.iter().filter_map(|(role, m)| Some((*role, place(role.key(), &m.file).ok()?))).collect(),
            pack: entry.clone(),
        })
    }

    /// The inference library for this machine. Cheap, like [`installed`](Self::installed).
    ///
    /// # Errors
    /// None is known for this machine, or it is not installed.
    pub fn runtime(&self, catalog: &Catalog) -> Result<PathBuf, ModelsError> {
        self.present(catalog.runtime()?, "the inference library", "")
    }

    /// The sample photos by file name. Cheap, like [`installed`](Self::installed).
    ///
    /// # Errors
    /// One of them is not installed.
    pub fn photos(&self, catalog: &Catalog) -> Result<BTreeMap<String, PathBuf>, ModelsError> {
        let place = |(name, file): (&String, &ModelFile)| {
            Ok((name.clone(), self.present(file, &format!("the sample photo {name}"), PHOTOS)?))
        };
        catalog.photos.iter().map(place).collect()
    }

    /// Where the original of the file lies once it is installed.
    pub(crate) fn path(&self, file: &ModelFile) -> PathBuf {
        file.local.clone().unwrap_or_else(|| self.place(&file.package, &file.path))
    }

    /// Where a file of a package is installed.
    pub(crate) fn place(&self, package: &str, path: &str) -> PathBuf {
        self.root.join(package).join(base_name(path))
    }

    /// Where a package's archive waits until everything of it is installed.
    pub(crate) fn staging(&self, package: &str) -> PathBuf {
        self.root.join(".staging").join(package)
    }

    /// Where files are written before they are renamed to their place. On the same disk as that, and emptied by every pull.
    pub(crate) fn unfinished(&self) -> PathBuf {
        self.root.join(".staging").join(".unfinished")
    }

    pub(crate) fn lock_file(&self) -> PathBuf {
        self.root.join(".lock")
    }

    fn present(&self, file: &ModelFile, what: &str, name: &str) -> Result<PathBuf, ModelsError> {
        let path = self.path(file);
        let found = path.metadata().ok().filter(std::fs::Metadata::is_file);
        match (found, &file.local) {
            (Some(_), Some(local)) => {
                verify::local(local, &file.sha256, |_| ())?;
                Ok(path)
            }
            (Some(found), None) if found.len() == file.size => Ok(path),
            (_, Some(_)) => Err(ModelsError::LocalMissing { what: what.to_owned(), path }),
            (_, None) => Err(ModelsError::NotInstalled { what: what.to_owned(), path, name: name.to_owned() }),
        }
    }
}
