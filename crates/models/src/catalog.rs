use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use serde::Deserialize;

use crate::error::ModelsError;
use crate::pack::{ModelFile, Pack};
use crate::validate;

const BUILTIN: &str = include_str!("catalog.toml");
const BUILTIN_NAME: &str = "the built-in catalogue";

/// The name under which the inference library is pulled and verified.
pub const RUNTIME: &str = "runtime";
/// The name under which the sample photos are pulled and verified.
pub const PHOTOS: &str = "photos";

/// Everything that can be installed: packages with their hashes, and what is in them.
#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Catalog {
    /// What the package clients fetch, by a key that is also the name of its folder in the cache.
    pub packages: BTreeMap<String, Package>,
    /// The model packs by name.
    pub packs: BTreeMap<String, Pack>,
    /// The inference library for each `{os}-{architecture}`, in the words of [`std::env::consts`].
    pub runtimes: BTreeMap<String, ModelFile>,
    /// Sample photos for the demo and the tests, by file name.
    pub photos: BTreeMap<String, ModelFile>,
}

/// One archive of a package registry.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Package {
    /// Whose package it is.
    pub registry: Registry,
    /// Its name there.
    pub name: String,
    /// Its exact version.
    pub version: String,
    /// The file name of the archive that the client leaves.
    pub archive: String,
    /// sha256 of the archive in lowercase hexadecimal.
    pub sha256: String,
    /// Size of the archive in bytes.
    pub size: u64,
    /// The licence that the package states.
    pub licence: String,
    /// PyPI only: the source distribution instead of a wheel.
    #[serde(default)]
    pub sdist: bool,
    /// PyPI only: which of several wheels; without it, the one wheel that fits every platform.
    #[serde(default)]
    pub wheel: Option<WheelTags>,
    /// Licence texts, installed beside whatever is installed of the package.
    #[serde(default)]
    pub notices: Vec<Notice>,
}

/// A package registry, known by its ordinary client.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Registry {
    /// Fetched with `npm pack`.
    Npm,
    /// Fetched with `pip download`.
    Pypi,
}

/// What pip is asked for, so that a wheel for this platform comes whatever Python runs pip.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct WheelTags {
    /// For example `3.12`.
    pub python: String,
    /// For example `cp312`.
    pub abi: String,
    /// For example `manylinux_2_28_x86_64`.
    pub platform: String,
}

/// A licence text inside a package.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Notice {
    /// Its path inside the archive.
    pub path: String,
    /// Its sha256 in lowercase hexadecimal.
    pub sha256: String,
    /// Its size in bytes.
    pub size: u64,
}

impl Catalog {
    /// The catalogue that comes with the program.
    ///
    /// # Panics
    /// Never: a test reads the same text.
    pub fn builtin() -> Self {
        Self::default().extended(BUILTIN, Path::new(BUILTIN_NAME)).expect("the built-in catalogue is valid")
    }

    /// The built-in catalogue and what the user's `file` adds to it, in the same format. Relative `local` paths are
    /// relative to the file's folder.
    ///
    /// # Errors
    /// The file cannot be read, is not TOML, has an unknown key or lacks one, holds a value that makes no sense, or gives
    /// something a name that is taken.
    pub fn with_file(file: &Path) -> Result<Self, ModelsError> {
        let text = std::fs::read_to_string(file)
            .map_err(|source| ModelsError::CatalogUnreadable { file: file.to_owned(), source })?;
        Self::builtin().extended(&text, file)
    }

    /// The pack of this name.
    ///
    /// # Errors
    /// [`ModelsError::UnknownPack`] with the known names.
    pub fn pack(&self, name: &str) -> Result<&Pack, ModelsError> {
        self.packs
            .get(name)
            .ok_or_else(|| ModelsError::UnknownPack { name: name.to_owned(), known: listed(self.packs.keys()) })
    }

    /// The inference library for this machine.
    ///
    /// # Errors
    /// [`ModelsError::NoRuntime`] where none is known for this operating system and processor.
    pub fn runtime(&self) -> Result<&ModelFile, ModelsError> {
        let platform = format!("{}-{}", std::env::consts::OS, std::env::consts::ARCH);
        self.runtimes.get(&platform).ok_or(ModelsError::NoRuntime { platform })
    }

    /// The files of a pack, of [`RUNTIME`] or of [`PHOTOS`], each with words for what it is.
    pub(crate) fn files(&self, name: &str) -> Result<Vec<(String, &ModelFile)>, ModelsError> {
        match name {
            RUNTIME => Ok(vec![("the inference library".to_owned(), self.runtime()?)]),
            PHOTOS => Ok(self.photos.iter().map(|(name, file)| (format!("the sample photo {name}"), file)).collect()),
            _ => {
                let pack = self.packs.get(name).ok_or_else(|| self.unknown(name))?;
                let named = |(role, file)| (format!("the {role} of pack `{name}`"), file);
                Ok(pack.files().into_iter().map(named).collect())
            }
        }
    }

    fn unknown(&self, name: &str) -> ModelsError {
        let sets = [RUNTIME.to_owned(), PHOTOS.to_owned()];
        ModelsError::UnknownName { name: name.to_owned(), known: listed(self.packs.keys().chain(&sets)) }
    }

    fn extended(mut self, text: &str, file: &Path) -> Result<Self, ModelsError> {
        let mut added: Self = toml::from_str(text)
            .map_err(|error| ModelsError::CatalogSyntax { file: file.to_owned(), problem: error.to_string() })?;
        for (name, pack) in &mut added.packs {
            pack.name.clone_from(name);
            if pack.embedder.space.is_empty() {
                pack.embedder.space.clone_from(name);
            }
        }
        added.resolve_local(file.parent().unwrap_or(Path::new("")));
        let keys = self.merge(added).and_then(|()| validate::catalog(&self));
        keys.map_err(|invalid| ModelsError::CatalogValue {
            file: file.to_owned(),
            key: invalid.key,
            problem: invalid.problem,
        })?;
        Ok(self)
    }

    fn resolve_local(&mut self, folder: &Path) {
        let packs = self.packs.values_mut().flat_map(Pack::files_mut);
        for file in packs.chain(self.runtimes.values_mut()).chain(self.photos.values_mut()) {
            file.local = file.local.take().map(|local: PathBuf| folder.join(local));
        }
    }

    fn merge(&mut self, added: Self) -> Result<(), validate::Invalid> {
        add_all("packages", &mut self.packages, added.packages)?;
        add_all("packs", &mut self.packs, added.packs)?;
        add_all("runtimes", &mut self.runtimes, added.runtimes)?;
        add_all("photos", &mut self.photos, added.photos)
    }
}

fn add_all<T>(
    table: &str,
    known: &mut BTreeMap<String, T>,
    added: BTreeMap<String, T>,
) -> Result<(), validate::Invalid> {
    for (name, value) in added {
        if known.contains_key(&name) {
            return Err(validate::Invalid::new(
                format!("{table}.{name}"),
                "is in the built-in catalogue already: choose another name",
            ));
        }
        known.insert(name, value);
    }
    Ok(())
}

fn listed<'a>(names: impl Iterator<Item = &'a String>) -> String {
    names.map(|name| format!("`{name}`")).collect::<Vec<_>>().join(", ")
}
