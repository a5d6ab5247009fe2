use std::fmt;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, SystemTime};

use sqlx::postgres::PgListener;
use tokio::sync::Notify;
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep, sleep_until, timeout};

use crate::Store;

/// Where a change of the gallery is called out on PostgreSQL.
pub(crate) const CHANNEL: &str = "vultus_gallery";

/// Until the next look at the database while nobody calls.
const LOOK_EVERY: Duration = Duration::from_millis(250);

/// Until the next look while changes are called out, or seen in a file's time: either may be missed, and the table is the truth.
const LOOK_EVERY_WHILE_TOLD: Duration = Duration::from_secs(1);

/// Between two looks, however many calls there are: a bulk enrolment calls for every photo, and each look makes a new index.
const LEAST_PAUSE: Duration = Duration::from_millis(100);

/// Until a connection that was lost, or could not be made, is tried again.
const RETRY: Duration = Duration::from_secs(1);

/// How long a server may take to answer.
const CONNECT_LIMIT: Duration = Duration::from_secs(5);

/// What tells of changes, where anything does.
#[derive(Clone, Debug)]
pub(crate) enum Teller {
    /// The database, as an absolute path, by its time.
    File(Arc<Path>),
    /// The server.
    Server(ListenAddress),
}

/// The server's address, for a connection apart from the pool.
#[derive(Clone)]
pub(crate) struct ListenAddress(Arc<str>);

impl ListenAddress {
    pub(crate) fn new(url: &str) -> Self {
        Self(url.into())
    }
}

impl fmt::Debug for ListenAddress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // There may be a password in it.
        f.write_str("ListenAddress(…)")
    }
}

/// Tells when it is time to look whether the gallery has changed. On PostgreSQL a task listens on a connection of its own,
/// which it opens again whenever it is lost; it ends with this value. On SQLite the times of the database's files tell. Both only hasten what
/// happens anyway: without a word it is time after a moment all the same.
#[derive(Debug)]
pub struct Wakeups {
    news: News,
    looked: Instant,
}

/// Where word of a change comes from.
#[derive(Debug)]
enum News {
    Called { ear: Arc<Ear>, _listener: JoinSet<()> },
    Written(Files),
}

#[derive(Debug, Default)]
struct Ear {
    heard: Notify,
    listens: AtomicBool,
}

impl Store {
    /// Begins to listen for changes of the gallery. Must be called within a tokio runtime.
    pub fn wakeups(&self) -> Wakeups {
        let news = match self.teller() {
            Teller::File(database) => News::Written(Files::new(database)),
            Teller::Server(address) => {
                let ear = Arc::new(Ear::default());
                let mut listener = JoinSet::new();
                listener.spawn(listen(address.clone(), Arc::clone(&ear)));
                News::Called { ear, _listener: listener }
            }
        };
        Wakeups { news, looked: Instant::now() }
    }
}

impl Wakeups {
    /// Waits until it is time to look again.
    pub async fn next(&mut self) {
        match &mut self.news {
            News::Called { ear, .. } => {
                let listens = ear.listens.load(Ordering::Relaxed);
                let longest = if listens { LOOK_EVERY_WHILE_TOLD } else { LOOK_EVERY };
                // Too late is no error: then it is time.
                let _ = timeout(longest, ear.heard.notified()).await;
                sleep_until(self.looked + LEAST_PAUSE).await;
            }
            News::Written(files) => {
                let latest = self.looked + LOOK_EVERY_WHILE_TOLD;
                sleep(LOOK_EVERY).await;
                while !files.have_changed() && Instant::now() < latest {
                    sleep(LOOK_EVERY).await;
                }
            }
        }
        self.looked = Instant::now();
    }
}

/// A database's file and its log, into which every change is written first. To ask for their times takes two calls of the system; a query wakes
/// a thread of the driver, and that one this one.
#[derive(Debug)]
struct Files {
    paths: [PathBuf; 2],
    seen: [Option<(SystemTime, u64)>; 2],
}

impl Files {
    fn new(database: &Path) -> Self {
        let mut log = database.as_os_str().to_owned();
        log.push("-wal");
        Self { paths: [database.to_owned(), log.into()], seen: [None; 2] }
    }

    /// Whether anything was written since the last time that this was asked.
    fn have_changed(&mut self) -> bool {
        let written = |path: &PathBuf| {
            let about = fs::metadata(path).ok()?;
            Some((about.modified().ok()?, about.len()))
        };
        let now = self.paths.each_ref().map(written);
        std::mem::replace(&mut self.seen, now) != now
    }
}

async fn listen(ListenAddress(address): ListenAddress, ear: Arc<Ear>) {
    loop {
        if let Ok(Ok(mut listener)) = timeout(CONNECT_LIMIT, connect(&address)).await {
            tracing::debug!("listening for changes of the gallery");
            ear.listens.store(true, Ordering::Relaxed);
            // What was called out before is not repeated.
            ear.heard.notify_one();
            // `None` is a connection that was lost.
            while let Ok(Some(_)) = listener.try_recv().await {
                ear.heard.notify_one();
            }
            tracing::debug!("the connection that listens for changes of the gallery is lost");
            ear.listens.store(false, Ordering::Relaxed);
            ear.heard.notify_one();
        }
        sleep(RETRY).await;
    }
}

async fn connect(address: &str) -> Result<PgListener, sqlx::Error> {
    let mut listener = PgListener::connect(address).await?;
    // We open it again ourselves, and look more often meanwhile.
    listener.eager_reconnect(false);
    listener.listen(CHANNEL).await?;
    Ok(listener)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::NewTemplate;

    #[tokio::test(flavor = "multi_thread")]
    async fn the_times_of_its_files_tell_of_a_change_of_a_database() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("vultus.db");
        let store = Store::open(&format!("sqlite:{}", file.display())).await.unwrap();
        let other_process = Store::open(&format!("sqlite:{}", file.display())).await.unwrap();
        let mut files = Files::new(&file);
        let template = NewTemplate { model: "made", embedding: &[1.0], norm: 4.0, event: None, photo: None };
        assert!(files.have_changed(), "nothing is known of them yet");
        for _ in 0..3 {
            assert!(!files.have_changed());
            // A file's time goes in steps of some milliseconds.
            tokio::time::sleep(Duration::from_millis(20)).await;
            other_process.enrol("Ann", &[template]).await.unwrap();
            store.names().await.unwrap();
            assert!(files.have_changed());
        }
    }
}
