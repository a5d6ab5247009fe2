use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use sqlx::ConnectOptions;
use sqlx::any::AnyConnectOptions;

use crate::StoreError;
use crate::wakeups::{ListenAddress, Teller};

/// Which database engine a store runs on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Engine {
    /// One file, in this process.
    Sqlite,
    /// A server that several nodes share.
    Postgres,
}

impl Engine {
    /// Begins a transaction whose reads all see one moment.
    pub(crate) fn begin_read(self) -> &'static str {
        match self {
            Engine::Sqlite => "BEGIN",
            Engine::Postgres => "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY",
        }
    }

    /// Begins a transaction that writes. SQLite takes the write lock at once: one that began by reading could find
    /// at its first write that another had written meanwhile, and would fail without waiting.
    pub(crate) fn begin_write(self) -> &'static str {
        match self {
            Engine::Sqlite => "BEGIN IMMEDIATE",
            Engine::Postgres => "BEGIN",
        }
    }

    /// The database's own clock, in microseconds since the Unix epoch: what several nodes agree on, whatever their clocks
    /// say.
    pub(crate) fn now(self) -> &'static str {
        match self {
            Engine::Sqlite => "CAST(unixepoch('subsec') * 1000000 AS INTEGER)",
            Engine::Postgres => "CAST(EXTRACT(EPOCH FROM clock_timestamp()) * 1000000 AS BIGINT)",
        }
    }
}

/// Where the database is: `DATABASE_URL`, understood.
#[derive(Clone, Debug)]
pub(crate) enum Location {
    /// The file, as an absolute path.
    Sqlite(PathBuf),
    /// The address, with its password.
    Postgres(String),
}

impl Location {
    pub(crate) fn parse(url: &str) -> Result<Location, StoreError> {
        let refuse = |reason: &str| StoreError::BadUrl { database: mask_password(url), reason: reason.to_owned() };
        if url.starts_with("postgres://") || url.starts_with("postgresql://") {
            return Ok(Location::Postgres(url.to_owned()));
        }
        let Some(path) = url.strip_prefix("sqlite://").or_else(|| url.strip_prefix("sqlite:")) else {
            return Err(refuse("must start with `sqlite:`, `postgres://` or `postgresql://`"));
        };
        if path.starts_with(":memory:") || path.contains("mode=memory") {
            return Err(refuse(
                "a database in memory forgets everybody at the end and other processes cannot see it: give a file, as in `sqlite:vultus.db`",
            ));
        }
        if path.contains('?') {
            return Err(refuse("options after `?` are not supported for SQLite: leave them out"));
        }
        let absolute = std::path::absolute(path).map_err(|_| refuse("the path of a file must follow `sqlite:`"))?;
        Ok(Location::Sqlite(absolute))
    }

    pub(crate) fn engine(&self) -> Engine {
        match self {
            Location::Sqlite(_) => Engine::Sqlite,
            Location::Postgres(_) => Engine::Postgres,
        }
    }

    /// The address as messages show it: any password masked.
    pub(crate) fn shown(&self) -> String {
        match self {
            Location::Sqlite(path) => format!("sqlite:{}", path.display()),
            Location::Postgres(url) => mask_password(url),
        }
    }

    /// What tells of changes.
    pub(crate) fn teller(&self) -> Teller {
        match self {
            Location::Sqlite(path) => Teller::File(path.as_path().into()),
            Location::Postgres(url) => Teller::Server(ListenAddress::new(url)),
        }
    }

    pub(crate) fn connect_options(&self) -> Result<AnyConnectOptions, StoreError> {
        let url = match self {
            Location::Sqlite(path) => format!("sqlite:{}", percent_encoded(&path.to_string_lossy())),
            Location::Postgres(url) => url.clone(),
        };
        let options: AnyConnectOptions = url.parse().map_err(|error: sqlx::Error| StoreError::BadUrl {
            database: self.shown(),
            reason: format!(
                "{error}; the form is postgres://USER:PASSWORD@HOST:PORT/DATABASE, with %XX for special characters in the password"
            ),
        })?;
        // Whoever asks says what cannot be done meanwhile; the text of each slow statement says that to nobody.
        Ok(options.disable_statement_logging())
    }
}

/// Creates the database's file, and its folder, unless they are there; only this user may look into what is created.
/// Returns the file's path with links and `..` resolved, so that what is opened is what was created.
pub(crate) fn create_file(path: &Path) -> Result<PathBuf, StoreError> {
    let fail = |path: &Path, source| StoreError::Create { path: path.display().to_string(), source };
    let (Some(folder), Some(name)) = (path.parent(), path.file_name()) else {
        return Err(fail(path, io::ErrorKind::IsADirectory.into()));
    };
    create_private_folder(folder).map_err(|error| fail(folder, error))?;
    let path = folder.canonicalize().map_err(|error| fail(folder, error))?.join(name);
    match create_private_file(&path) {
        Err(error) if error.kind() != io::ErrorKind::AlreadyExists => Err(fail(&path, error)),
        _ => Ok(path),
    }
}

fn create_private_folder(folder: &Path) -> io::Result<()> {
    let mut builder = fs::DirBuilder::new();
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
    builder.recursive(true).create(folder)
}

/// Never opens a file that exists: closing it again would drop the locks that SQLite holds on it in this process.
fn create_private_file(path: &Path) -> io::Result<()> {
    let mut options = fs::OpenOptions::new();
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    options.write(true).create_new(true).open(path).map(drop)
}

/// sqlx takes the path out of a URL; whatever has a meaning in a URL (`?`, `#`, `%`) must not have one in a path.
fn percent_encoded(path: &str) -> String {
    path.bytes()
        .map(|byte| match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'/' | b'-' | b'_' | b'.' => char::from(byte).to_string(),
            _ => format!("%{byte:02X}"),
        })
        .collect()
}

/// Works on the text, because an address that cannot be parsed has a password too. Masks rather too much than too
/// little: a password may hold `/`, `?` and `@` that its owner forgot to escape.
fn mask_password(url: &str) -> String {
    let Some((scheme, rest)) = url.split_once("://") else { return url.to_owned() };
    let rest = match (rest.find(':'), rest.rfind('@')) {
        (Some(colon), Some(at)) if colon < at => format!("{}:***{}", &rest[..colon], &rest[at..]),
        _ => rest.to_owned(),
    };
    let rest = match rest.split_once("password=") {
        Some((before, value)) => {
            format!("{before}password=***{}", value.find('&').map_or("", |end| &value[end..]))
        }
        None => rest,
    };
    format!("{scheme}://{rest}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_form_of_address_shows_its_password() {
        for url in [
            "postgres://ann:secret@db.example/vultus",
            "postgres://ann:se/cret@db.example:5432/vultus",
            "postgres://ann:s@ecret@db.example/vultus",
            "postgres://ann@db.example/vultus?sslmode=disable&password=secret&application_name=v",
            "mysql://ann:secret@db.example/vultus",
        ] {
            let shown = mask_password(url);
            assert!(!shown.contains("cret"), "{shown}");
            assert!(shown.contains("***") && shown.contains("db.example"), "{shown}");
        }
        assert_eq!(mask_password("postgres://db.example:5432/vultus"), "postgres://db.example:5432/vultus");
    }

    #[test]
    fn a_file_is_found_with_one_slash_with_three_and_without() {
        for (url, path) in [("sqlite:/var/v.db", "/var/v.db"), ("sqlite:///var/v.db", "/var/v.db")] {
            assert_eq!(Location::parse(url).expect("a path").shown(), format!("sqlite:{path}"));
        }
        let here = std::path::absolute("v.db").expect("a current folder");
        for url in ["sqlite:v.db", "sqlite://v.db", "sqlite:./v.db"] {
            assert_eq!(Location::parse(url).expect("a path").shown(), format!("sqlite:{}", here.display()));
        }
    }
}
