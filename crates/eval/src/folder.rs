use std::collections::HashSet;
use std::fs::{self, File};
use std::io::Read;
use std::path::{Path, PathBuf};

use crate::EvalError;

/// Files beyond this many are not looked through.
const MOST_FILES: usize = 1_000_000;

/// Folders deeper than this are not entered.
const DEEPEST: usize = 32;

/// Endings of picture files: a file with one of them that is no picture is told of, any other file is passed over.
pub(crate) const ENDINGS: [&str; 5] = ["jpg", "jpeg", "png", "webp", "bmp"];

/// A picture file below a folder.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Found {
    pub(crate) path: PathBuf,
    /// Relative to the folder, with `/` between its parts.
    pub(crate) shown: String,
}

/// All picture files below `root`, by their content, in the order of their paths. Links to folders are followed; each folder is
/// looked through once.
pub(crate) fn pictures(root: &Path) -> Result<Vec<Found>, EvalError> {
    let mut files = Files::default();
    collect(root, root, DEEPEST, &mut files)?;
    files.paths.sort();
    let found = files.paths.into_iter().filter(|path| is_picture(path)).map(|path| {
        let shown = shown(root, &path);
        Found { path, shown }
    });
    Ok(found.collect())
}

/// A path relative to `root`, as text.
pub(crate) fn shown(root: &Path, path: &Path) -> String {
    path.strip_prefix(root).unwrap_or(path).to_string_lossy().replace('\\', "/")
}

/// `root` and the folders one and two levels below it, in this order: where an archive may have put what belongs into `root`.
pub(crate) fn roots(root: &Path) -> Result<Vec<PathBuf>, EvalError> {
    let mut all = vec![root.to_owned()];
    let first = folders(root)?;
    all.extend(first.iter().cloned());
    // People's own folders hold no others; a few are enough to see that.
    for folder in first.iter().take(MOST_ROOTS) {
        all.extend(folders(folder)?.into_iter().take(MOST_ROOTS));
    }
    Ok(all)
}

const MOST_ROOTS: usize = 64;

fn folders(root: &Path) -> Result<Vec<PathBuf>, EvalError> {
    let mut all = Vec::new();
    for entry in entries(root)? {
        if entry.path().is_dir() && all.len() < MOST_FILES {
            all.push(entry.path());
        }
    }
    all.sort();
    Ok(all)
}

/// What a search through folders came to.
#[derive(Default)]
struct Files {
    paths: Vec<PathBuf>,
    /// Folders that were looked through, as they are without links: one may lead back to where we are.
    folders: HashSet<PathBuf>,
}

fn entries(folder: &Path) -> Result<Vec<fs::DirEntry>, EvalError> {
    let failed = |source| EvalError::Unreadable { path: folder.to_owned(), source };
    let mut all: Vec<fs::DirEntry> = fs::read_dir(folder).map_err(failed)?.collect::<Result<_, _>>().map_err(failed)?;
    all.sort_by_key(fs::DirEntry::file_name);
    Ok(all)
}

fn collect(root: &Path, folder: &Path, depth: usize, files: &mut Files) -> Result<(), EvalError> {
    let failed = |source| EvalError::Unreadable { path: folder.to_owned(), source };
    if !files.folders.insert(folder.canonicalize().map_err(failed)?) {
        return Ok(());
    }
    for entry in entries(folder)? {
        let path = entry.path();
        let is_hidden = entry.file_name().as_encoded_bytes().starts_with(b".") || entry.file_name() == "__MACOSX";
        let is_folder = path.is_dir();
        if is_hidden || (!is_folder && !path.is_file()) {
            continue;
        }
        if is_folder {
            if depth > 0 {
                collect(root, &path, depth - 1, files)?;
            }
        } else if files.paths.len() == MOST_FILES {
            return Err(EvalError::TooMany { path: root.to_owned(), most: MOST_FILES });
        } else {
            files.paths.push(path);
        }
    }
    Ok(())
}

fn is_picture(path: &Path) -> bool {
    let ending = path.extension().map(|ending| ending.to_string_lossy().to_lowercase());
    if ending.is_some_and(|ending| ENDINGS.contains(&ending.as_str())) {
        return true;
    }
    let mut start = Vec::new();
    let read = File::open(path).and_then(|file| file.take(64).read_to_end(&mut start));
    read.is_ok() && face::looks_like_image(&start)
}
