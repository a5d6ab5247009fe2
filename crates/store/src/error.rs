use sqlx::migrate::MigrateError;

use crate::PersonId;

/// What can go wrong with the database. Every message names the database (its password masked) or the thing in it, and
/// says what to do.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum StoreError {
    /// `DATABASE_URL` is not one that this crate understands.
    #[error("database address `{database}`: {reason}")]
    BadUrl {
        /// The address as given, its password masked.
        database: String,
        /// What is wrong and what is allowed.
        reason: String,
    },
    /// The SQLite file or its folder could not be created.
    #[error("cannot create {path} for the database: {source}. Choose a place that this user may write to")]
    Create {
        /// The file or folder.
        path: String,
        /// What the operating system said.
        source: std::io::Error,
    },
    /// The SQLite file could not be opened.
    #[error(
        "cannot open {database} ({detail}): check that it is a file, that its folder exists, and that this user may write \
         to both"
    )]
    CannotOpen {
        /// The database.
        database: String,
        /// What SQLite said.
        detail: String,
    },
    /// The database, or the file that holds it, may be read but not written.
    #[error(
        "{database} is read-only: give this user the right to write (to the file and its folder, or to the primary server)"
    )]
    ReadOnly {
        /// The database.
        database: String,
    },
    /// No room is left for the database.
    #[error("the disk that holds {database} is full: nothing was saved; free some space and try again")]
    DiskFull {
        /// The database.
        database: String,
    },
    /// The disk failed to read or write.
    #[error("the disk that holds {database} failed ({detail}): check the disk")]
    Disk {
        /// The database.
        database: String,
        /// What the engine said.
        detail: String,
    },
    /// The file exists and is something else.
    #[error("{database} is not a database file: move it away or choose another path")]
    NotADatabase {
        /// The database.
        database: String,
    },
    /// The file is a database, and broken.
    #[error("{database} is damaged ({detail}): restore it from a backup")]
    Damaged {
        /// The database.
        database: String,
        /// What the engine said.
        detail: String,
    },
    /// The file system cannot hold SQLite's write-ahead log.
    #[error(
        "the file system of {database} cannot hold a write-ahead log (a network share?): use a local disk, or PostgreSQL"
    )]
    NoWal {
        /// The database.
        database: String,
    },
    /// The schema holds a migration that this version does not know.
    #[error(
        "{database} was made by a newer version (migration {migration}): install that version, or restore a backup"
    )]
    Newer {
        /// The database.
        database: String,
        /// The first unknown migration.
        migration: i64,
    },
    /// A migration failed.
    #[error("{database} could not be brought to the current schema: {source}")]
    Migration {
        /// The database.
        database: String,
        /// What the migrator said.
        source: Box<MigrateError>,
    },
    /// The server refused the user or the password.
    #[error("{database} refused the login ({detail}): check user and password in DATABASE_URL")]
    Login {
        /// The database.
        database: String,
        /// What the server said.
        detail: String,
    },
    /// The server's user may not do what is needed. Since version 15 PostgreSQL lets only a database's owner create tables.
    #[error(
        "{database} refuses what this user needs to do ({detail}): make the user the database's owner, or GRANT ALL ON SCHEMA \
         public TO it"
    )]
    NoRights {
        /// The database.
        database: String,
        /// What the server said.
        detail: String,
    },
    /// The server has no database of that name.
    #[error("{database} does not exist on its server: create it there (`createdb`), or correct DATABASE_URL")]
    NoSuchDatabase {
        /// The database.
        database: String,
    },
    /// The server could not be reached, went away, or is not ready.
    #[error("{database} cannot be reached ({detail}): check that the server runs and that host and port are right")]
    Unreachable {
        /// The database.
        database: String,
        /// What was tried, or what the network said.
        detail: String,
    },
    /// Others held the database longer than an operation waits.
    #[error("{database} is busy: another process held its lock for too long; try again")]
    Busy {
        /// The database.
        database: String,
    },
    /// An operation was given up. Whether a change was saved is not known.
    #[error(
        "{database} did not finish within {seconds} s: check its load and the network; a change may or may not be saved"
    )]
    TimedOut {
        /// The database.
        database: String,
        /// How long was waited.
        seconds: u64,
    },
    /// A template that must not enter the gallery.
    #[error("a template for {person} was not saved: {reason}")]
    BadTemplate {
        /// The person's name.
        person: String,
        /// What is wrong with it.
        reason: &'static str,
    },
    /// A stored template whose bytes do not fit its dimensions.
    #[error(
        "template {template} of person {person} holds {bytes} bytes where {dimensions} dimensions need {dimensions}×4: \
         remove the person and enrol again"
    )]
    BrokenTemplate {
        /// The template's row.
        template: i64,
        /// Whose it is.
        person: PersonId,
        /// How many bytes there are.
        bytes: usize,
        /// How many numbers there should be.
        dimensions: i64,
    },
    /// A stored change of a kind that this version does not know.
    #[error("change {version} of the gallery is of the unknown kind `{kind}`: install the version that wrote it")]
    UnknownChange {
        /// The change's number.
        version: i64,
        /// What stands there.
        kind: String,
    },
    /// A camera of this id is there already.
    #[error("there is a camera `{camera}` already: change that one, or choose another id")]
    CameraExists {
        /// Its id.
        camera: String,
    },
    /// Anything else that the engine reported.
    #[error("{database}: {source}")]
    Sql {
        /// The database.
        database: String,
        /// What the driver said.
        source: sqlx::Error,
    },
}

/// Why an operation stopped, before the database's name is put to it.
pub(crate) enum Fault {
    Sql(sqlx::Error),
    Store(StoreError),
}

impl From<sqlx::Error> for Fault {
    fn from(error: sqlx::Error) -> Self {
        Fault::Sql(error)
    }
}

impl From<StoreError> for Fault {
    fn from(error: StoreError) -> Self {
        Fault::Store(error)
    }
}

impl Fault {
    /// Puts the database's name to what happened.
    pub(crate) fn at(self, database: &str) -> StoreError {
        match self {
            Fault::Store(error) => error,
            Fault::Sql(error) => explain(database, error),
        }
    }
}

/// Says in the user's terms what a failed migration run means.
pub(crate) fn explain_migration(database: &str, error: MigrateError) -> StoreError {
    match error {
        MigrateError::Execute(error) | MigrateError::ExecuteMigration(error, _) => explain(database, error),
        MigrateError::VersionMissing(migration) => StoreError::Newer { database: database.to_owned(), migration },
        other => StoreError::Migration { database: database.to_owned(), source: Box::new(other) },
    }
}

/// Says in the user's terms what the driver's error means.
pub(crate) fn explain(database: &str, error: sqlx::Error) -> StoreError {
    let code = error.as_database_error().and_then(sqlx::error::DatabaseError::code).unwrap_or_default().into_owned();
    let detail = error.as_database_error().map_or_else(|| error.to_string(), |e| e.message().to_owned());
    let database = database.to_owned();
    match error {
        sqlx::Error::Io(_) | sqlx::Error::Tls(_) | sqlx::Error::WorkerCrashed => {
            StoreError::Unreachable { database, detail }
        }
        sqlx::Error::PoolTimedOut => StoreError::Unreachable {
            database,
            detail: "no free connection in time: it does not answer, or all connections are busy".to_owned(),
        },
        other => match code.parse() {
            // PostgreSQL's codes have five characters, SQLite's numbers at most four digits.
            Ok(number) if code.len() < 5 => explain_sqlite(database, number, detail, other),
            _ => explain_postgres(database, &code, detail, other),
        },
    }
}

/// By SQLite's extended result code, whose low byte is the primary one.
fn explain_sqlite(database: String, code: i32, detail: String, source: sqlx::Error) -> StoreError {
    const BUSY: i32 = 5;
    const LOCKED: i32 = 6;
    const READONLY: i32 = 8;
    const IOERR: i32 = 10;
    const CORRUPT: i32 = 11;
    const FULL: i32 = 13;
    const CANTOPEN: i32 = 14;
    const NOTADB: i32 = 26;
    match code & 0xff {
        BUSY | LOCKED => StoreError::Busy { database },
        READONLY => StoreError::ReadOnly { database },
        IOERR => StoreError::Disk { database, detail },
        CORRUPT => StoreError::Damaged { database, detail },
        FULL => StoreError::DiskFull { database },
        CANTOPEN => StoreError::CannotOpen { database, detail },
        NOTADB => StoreError::NotADatabase { database },
        _ => StoreError::Sql { database, source },
    }
}

/// By SQLSTATE (PostgreSQL manual, appendix A).
fn explain_postgres(database: String, code: &str, detail: String, source: sqlx::Error) -> StoreError {
    match code {
        "28P01" | "28000" => StoreError::Login { database, detail },
        "3D000" => StoreError::NoSuchDatabase { database },
        "42501" => StoreError::NoRights { database, detail },
        // read_only_sql_transaction: a standby, or a server set to read-only.
        "25006" => StoreError::ReadOnly { database },
        "53100" => StoreError::DiskFull { database },
        // lock_not_available, query_canceled (our own lock and statement timeouts).
        "55P03" | "57014" => StoreError::Busy { database },
        // too_many_connections, and the server starting up or shutting down.
        "53300" | "57P01" | "57P02" | "57P03" => StoreError::Unreachable { database, detail },
        "58030" => StoreError::Disk { database, detail },
        "XX001" | "XX002" => StoreError::Damaged { database, detail },
        _ => StoreError::Sql { database, source },
    }
}
