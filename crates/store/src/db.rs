use std::future::Future;
use std::ops::{Deref, DerefMut};
use std::sync::Arc;
use std::time::Duration;

use sqlx::any::{AnyArguments, AnyConnectOptions, AnyPoolOptions};
use sqlx::migrate::{MigrateError, Migrator};
use sqlx::pool::PoolConnection;
use sqlx::query::Query;
use sqlx::{Any, AnyConnection, AnyPool, Connection, Executor, Transaction};
use tokio::sync::{Mutex, OwnedMutexGuard};
use tokio::time::{Instant, sleep, timeout};

use crate::error::{Fault, explain, explain_migration};
use crate::location::{Location, create_file};
use crate::wakeups::Teller;
use crate::{Engine, StoreError};

static SQLITE_MIGRATIONS: Migrator = sqlx::migrate!("migrations/sqlite");
static POSTGRES_MIGRATIONS: Migrator = sqlx::migrate!("migrations/postgres");

/// Enough for one node: its work with the database is short, and SQLite has one writer at a time anyway.
const CONNECTIONS: u32 = 8;
/// How long a server may take to answer a new connection.
const CONNECT_LIMIT: Duration = Duration::from_secs(5);
/// How long SQLite waits for the write lock of another process (`busy_timeout` below says the same).
const BUSY_LIMIT: Duration = Duration::from_secs(10);
/// Another process may be migrating a large database meanwhile.
const MIGRATION_LIMIT: Duration = Duration::from_secs(300);
/// For reading a whole gallery, page by page.
pub(crate) const SNAPSHOT_LIMIT: Duration = Duration::from_secs(120);

/// `synchronous = FULL`: a commit returns when the log is on the disk, so that an answered registration survives a
/// power cut (WAL's usual NORMAL may lose the last ones).
const SQLITE_SESSION: &str = "PRAGMA busy_timeout = 10000; PRAGMA foreign_keys = ON; PRAGMA synchronous = FULL;";

/// A file that is new gets pages of 8 kB instead of 4; one that is there keeps its own. Three faces of 512 numbers fit into one instead of one: with
/// 100,000 people the file has 288 MB instead of 426, and is read in a tenth less time. A commit takes 0.3 ms instead of 0.25.
const SQLITE_NEW_FILE: &str = "PRAGMA page_size = 8192";

/// The server itself ends what takes too long, whatever has become of the client that asked for it.
const POSTGRES_SESSION: &str = "SET statement_timeout = '10s'; SET lock_timeout = '10s'; \
                                SET idle_in_transaction_session_timeout = '30s';";

/// The database of one deployment: people, templates, the change feed, the outbox. Cheap to clone; all clones share one
/// pool of connections. Several stores, in one process or many, may be open on one database.
///
/// Every operation ends within a bounded time, with an error when the database does not answer; the next operation
/// finds a database that came back. A dropped future leaves a change either whole or not made.
#[derive(Clone, Debug)]
pub struct Store {
    pool: AnyPool,
    engine: Engine,
    shown: Arc<str>,
    teller: Teller,
    /// Writers of this process queue here for SQLite's one write lock, rather than each at its own connection: in
    /// turn, without polling, and leaving connections for the readers, who need not wait.
    writers: Arc<Mutex<()>>,
}

impl Store {
    /// Opens the database at `url`, creates it if it is a SQLite file that does not exist (with its folder, for this
    /// user only), and brings its schema up to date. Several processes may do so at once.
    ///
    /// `url`: `sqlite:PATH` or `sqlite://PATH` (PATH as it stands, nothing escaped), `postgres://…`, `postgresql://…`.
    ///
    /// # Errors
    /// An address that is not understood, a file that cannot be created, read or written or is no database, a schema
    /// from a newer version, a server that cannot be reached or refuses the login.
    pub async fn open(url: &str) -> Result<Store, StoreError> {
        sqlx::any::install_default_drivers();
        let mut location = Location::parse(url)?;
        if let Location::Sqlite(path) = &location {
            location = Location::Sqlite(create_file(path)?);
        }
        let (engine, shown) = (location.engine(), location.shown());
        let options = location.connect_options()?;
        // Not through the pool, which keeps trying where the reason for a failure would be wanted.
        let connection = connect(&options, &shown).await?;
        bounded(MIGRATION_LIMIT, &shown, migrate(connection, engine, &shown)).await?;
        tracing::debug!(database = shown, "database open");
        let teller = location.teller();
        Ok(Store { pool: pool(options, engine), engine, shown: shown.into(), teller, writers: Arc::default() })
    }

    /// Which engine this store runs on.
    pub fn engine(&self) -> Engine {
        self.engine
    }

    /// What tells of changes of the gallery.
    pub(crate) fn teller(&self) -> &Teller {
        &self.teller
    }

    /// Asks the database for an answer.
    ///
    /// # Errors
    /// When there is none: [`StoreError::Unreachable`], [`StoreError::TimedOut`] or what the engine said.
    pub async fn ping(&self) -> Result<(), StoreError> {
        self.within(async {
            let mut session = self.reading().await?;
            session.execute("SELECT version FROM gallery").await?;
            session.give_back();
            Ok(())
        })
        .await
    }

    /// Runs one operation, bounded in time, and puts the database's name to what goes wrong.
    pub(crate) async fn within<T>(&self, operation: impl Future<Output = Result<T, Fault>>) -> Result<T, StoreError> {
        let limit = match self.engine {
            // Its turn among this process's writers, then the lock of another process, then a slow disk.
            Engine::Sqlite => Duration::from_secs(60),
            Engine::Postgres => Duration::from_secs(15),
        };
        self.within_limit(limit, operation).await
    }

    pub(crate) async fn within_limit<T>(
        &self,
        limit: Duration,
        operation: impl Future<Output = Result<T, Fault>>,
    ) -> Result<T, StoreError> {
        bounded(limit, &self.shown, async { operation.await.map_err(|fault| fault.at(&self.shown)) }).await
    }

    /// Runs one statement that changes something; returns how many rows it changed.
    pub(crate) async fn write(&self, statement: Query<'_, Any, AnyArguments>) -> Result<u64, StoreError> {
        self.within(async {
            let mut session = self.writing().await?;
            let changed = statement.execute(&mut *session).await?.rows_affected();
            session.give_back();
            Ok(changed)
        })
        .await
    }

    /// A connection for reading.
    pub(crate) async fn reading(&self) -> Result<Session, sqlx::Error> {
        let connection = self.pool.acquire().await?;
        Ok(Session { connection, begin: self.engine.begin_read(), sound: false, _turn: None })
    }

    /// A connection for writing, once it is this writer's turn.
    pub(crate) async fn writing(&self) -> Result<Session, sqlx::Error> {
        let turn = match self.engine {
            Engine::Sqlite => Some(Arc::clone(&self.writers).lock_owned().await),
            Engine::Postgres => None,
        };
        let connection = self.pool.acquire().await?;
        Ok(Session { connection, begin: self.engine.begin_write(), sound: false, _turn: turn })
    }
}

/// A connection lent to one operation. Only an operation that got to its end gives it back; after an error, a timeout
/// or a caller that went away it is closed, since the pool would keep a connection that hangs and take a new one for
/// nobody while the network is dead.
pub(crate) struct Session {
    connection: PoolConnection<Any>,
    begin: &'static str,
    sound: bool,
    _turn: Option<OwnedMutexGuard<()>>,
}

impl Session {
    pub(crate) async fn begin(&mut self) -> Result<Transaction<'_, Any>, sqlx::Error> {
        self.connection.begin_with(self.begin).await
    }

    pub(crate) fn give_back(mut self) {
        self.sound = true;
    }
}

impl Drop for Session {
    fn drop(&mut self) {
        if !self.sound {
            self.connection.close_on_drop();
        }
    }
}

impl Deref for Session {
    type Target = AnyConnection;

    fn deref(&self) -> &AnyConnection {
        &self.connection
    }
}

impl DerefMut for Session {
    fn deref_mut(&mut self) -> &mut AnyConnection {
        &mut self.connection
    }
}

fn pool(options: AnyConnectOptions, engine: Engine) -> AnyPool {
    let (session, acquire_limit) = match engine {
        Engine::Sqlite => (SQLITE_SESSION, Duration::from_secs(30)),
        Engine::Postgres => (POSTGRES_SESSION, CONNECT_LIMIT),
    };
    AnyPoolOptions::new()
        .max_connections(CONNECTIONS)
        .acquire_timeout(acquire_limit)
        // A file does not go away between two statements.
        .test_before_acquire(engine == Engine::Postgres)
        .after_connect(move |connection, _| {
            Box::pin(async move {
                connection.execute(session).await?;
                Ok(())
            })
        })
        .connect_lazy_with(options)
}

async fn connect(options: &AnyConnectOptions, shown: &str) -> Result<AnyConnection, StoreError> {
    let connected = timeout(CONNECT_LIMIT, AnyConnection::connect_with(options)).await;
    let unanswered = |_| StoreError::Unreachable {
        database: shown.to_owned(),
        detail: format!("no answer within {} s", CONNECT_LIMIT.as_secs()),
    };
    connected.map_err(unanswered)?.map_err(|error| explain(shown, error))
}

async fn migrate(mut connection: AnyConnection, engine: Engine, shown: &str) -> Result<(), StoreError> {
    match engine {
        Engine::Sqlite => migrate_sqlite(&mut connection, shown).await?,
        // The migrator takes an advisory lock, so that processes which start at once migrate one after the other.
        Engine::Postgres => {
            run(&POSTGRES_MIGRATIONS, &mut connection).await.map_err(|error| explain_migration(shown, error))?;
        }
    }
    connection.close().await.map_err(|error| explain(shown, error))
}

/// `Migrator::run` makes a future that the compiler cannot prove to be `Send`; sqlx keeps `run_direct`, which `run`
/// itself calls, as the way around, though hidden from its documentation.
async fn run(migrations: &Migrator, connection: &mut AnyConnection) -> Result<(), MigrateError> {
    migrations.run_direct(None, connection, false).await
}

/// The migrator has no lock for SQLite: one transaction around all of it is that lock.
async fn migrate_sqlite(connection: &mut AnyConnection, shown: &str) -> Result<(), StoreError> {
    let sql = |error| explain(shown, error);
    connection.execute(SQLITE_SESSION).await.map_err(sql)?;
    connection.execute(SQLITE_NEW_FILE).await.map_err(sql)?;
    switch_to_wal(connection, shown).await?;
    let mut transaction = connection.begin_with(Engine::Sqlite.begin_write()).await.map_err(sql)?;
    run(&SQLITE_MIGRATIONS, &mut transaction).await.map_err(|error| explain_migration(shown, error))?;
    transaction.commit().await.map_err(sql)?;
    try_to_write(connection).await.map_err(sql)
}

/// SQLite opens a file that may only be read without a word, and says so at the first write: rather now than at the
/// first registration. Rolled back, so that a full disk does not keep the gallery from being read.
async fn try_to_write(connection: &mut AnyConnection) -> Result<(), sqlx::Error> {
    let mut transaction = connection.begin_with(Engine::Sqlite.begin_write()).await?;
    transaction.execute("UPDATE gallery SET version = version").await?;
    transaction.rollback().await
}

/// The file remembers its journal mode. Changing it is the one lock for which SQLite does not wait by itself.
async fn switch_to_wal(connection: &mut AnyConnection, shown: &str) -> Result<(), StoreError> {
    let give_up = Instant::now() + BUSY_LIMIT;
    loop {
        let mode = sqlx::query_scalar::<_, String>("PRAGMA journal_mode = WAL").fetch_one(&mut *connection).await;
        match mode.map_err(|error| explain(shown, error)) {
            Ok(mode) if mode == "wal" => return Ok(()),
            Ok(_) => return Err(StoreError::NoWal { database: shown.to_owned() }),
            Err(StoreError::Busy { .. }) if Instant::now() < give_up => sleep(Duration::from_millis(20)).await,
            Err(error) => return Err(error),
        }
    }
}

async fn bounded<T>(
    limit: Duration,
    shown: &str,
    operation: impl Future<Output = Result<T, StoreError>>,
) -> Result<T, StoreError> {
    let overdue = |_| StoreError::TimedOut { database: shown.to_owned(), seconds: limit.as_secs() };
    timeout(limit, operation).await.map_err(overdue)?
}
