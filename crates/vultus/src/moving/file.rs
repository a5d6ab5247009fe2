use std::fs::File;
use std::io::{self, Read, Seek, SeekFrom};
use std::path::Path;

use anyhow::{Context, ensure};
use tempfile::NamedTempFile;

/// Whether a file is a pickle, by its content.
///
/// # Errors
/// When it cannot be read.
pub fn is_pickle(path: &Path) -> io::Result<bool> {
    let mut file = File::open(path)?;
    if file.metadata()?.len() == 0 {
        return Ok(false);
    }
    let (mut start, mut last) = (Vec::new(), [0]);
    file.by_ref().take(2).read_to_end(&mut start)?;
    file.seek(SeekFrom::End(-1))?;
    file.read_exact(&mut last)?;
    Ok(moving::looks_like_pickle(&start, last[0]))
}

/// Whether a file is a `.env`: its values have no quotes, so that it cannot be told from Python by what is in it.
pub fn is_dotenv(path: &Path) -> bool {
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    name.ends_with(".env") || name.starts_with(".env")
}

/// A file without a name of its own yet in the folder of `target`, readable by its owner only, to be put there when it is whole.
///
/// # Errors
/// When nothing can be written there.
pub fn begun_for(target: &Path) -> anyhow::Result<NamedTempFile> {
    let folder = target.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let file = tempfile::Builder::new().prefix(".vultus-new-").tempfile_in(folder);
    file.with_context(|| format!("cannot write to {}", folder.display()))
}

/// A file's content.
///
/// # Errors
/// When it cannot be read, or is larger than `megabytes`.
pub fn read_bounded(path: &Path, megabytes: u64) -> anyhow::Result<Vec<u8>> {
    let shown = path.display();
    let file = File::open(path).with_context(|| format!("cannot open {shown}"))?;
    let mut bytes = Vec::new();
    // One byte more than allowed tells that there is more, whatever size the file claims to have.
    let limit = megabytes * 1_000_000;
    file.take(limit + 1).read_to_end(&mut bytes).with_context(|| format!("cannot read {shown}"))?;
    ensure!(bytes.len() as u64 <= limit, "{shown} is larger than the {megabytes} MB that are read");
    Ok(bytes)
}
