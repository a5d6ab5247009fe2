//! Files that are whole or not there: written beside their place under another name, flushed to disk, then renamed.

use std::io::{self, Write as _};
use std::path::Path;

use tempfile::NamedTempFile;

use crate::cache::Cache;
use crate::error::ModelsError;

/// A new file on the cache's disk that vanishes unless it is [`install`]ed. `needed` is what a full disk is told to lack.
pub(crate) fn unfinished(cache: &Cache, needed: u64) -> Result<NamedTempFile, ModelsError> {
    let folder = cache.unfinished();
    let failed = |source| ModelsError::writing(&folder, needed, source);
    std::fs::create_dir_all(&folder).map_err(failed)?;
    let mut builder = tempfile::Builder::new();
    #[cfg(unix)]
    {
        // Models are no secret: whoever installs them may not be the user that runs the service.
        use std::os::unix::fs::PermissionsExt as _;
        builder.permissions(std::fs::Permissions::from_mode(0o644));
    }
    builder.suffix(".part").tempfile_in(&folder).map_err(failed)
}

/// A new file of these bytes.
pub(crate) fn written(cache: &Cache, bytes: &[u8]) -> Result<NamedTempFile, ModelsError> {
    let needed = bytes.len() as u64;
    let mut file = unfinished(cache, needed)?;
    file.write_all(bytes).map_err(|source| ModelsError::writing(cache.root(), needed, source))?;
    Ok(file)
}

/// Flushes the file to disk and gives it its place, where it replaces what was there.
pub(crate) fn install(file: NamedTempFile, place: &Path) -> Result<(), ModelsError> {
    let folder = place.parent().unwrap_or(Path::new("."));
    let size = file.as_file().metadata().map_or(0, |found| found.len());
    let failed = |source| ModelsError::writing(folder, size, source);
    std::fs::create_dir_all(folder).map_err(failed)?;
    file.as_file().sync_all().map_err(failed)?;
    file.persist(place).map_err(|error| failed(error.error))?;
    sync_folder(folder).map_err(failed)
}

/// A rename lasts through a power cut only once its folder is flushed too. Windows does that by itself.
fn sync_folder(folder: &Path) -> io::Result<()> {
    if cfg!(unix) { std::fs::File::open(folder)?.sync_all() } else { Ok(()) }
}
