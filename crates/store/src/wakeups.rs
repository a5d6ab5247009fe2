use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use sqlx::postgres::PgListener;
use tokio::sync::Notify;
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep, sleep_until, timeout};

use crate::Store;

/// Where a change of the gallery is called out on PostgreSQL.
pub(crate) const CHANNEL: &str = "vultus_gallery";

/// Until the next look at the database while nobody calls.
const LOOK_EVERY: Duration = Duration::from_millis(250);

/// Until the next look while changes are called out: a call may be lost, and the table is the truth.
const LOOK_EVERY_WHILE_LISTENING: Duration = Duration::from_secs(1);

/// Between two looks, however many calls there are: a bulk enrolment calls for every photo, and each look makes a new index.
const LEAST_PAUSE: Duration = Duration::from_millis(100);

/// Until a connection that was lost, or could not be made, is tried again.
const RETRY: Duration = Duration::from_secs(1);

/// How long a server may take to answer.
const CONNECT_LIMIT: Duration = Duration::from_secs(5);

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
/// which it opens again whenever it is lost; it ends with this value. Calls only hasten what happens anyway: without
/// one, and while nobody listens, it is time after a moment all the same.
#[derive(Debug)]
pub struct Wakeups {
    ear: Arc<Ear>,
    looked: Instant,
    _listener: JoinSet<()>,
}

#[derive(Debug, Default)]
struct Ear {
    heard: Notify,
    listens: AtomicBool,
}

impl Store {
    /// Begins to listen for changes of the gallery. Must be called within a tokio runtime.
    pub fn wakeups(&self) -> Wakeups {
        let ear = Arc::new(Ear::default());
        let mut listener = JoinSet::new();
        if let Some(address) = self.listen_address() {
            listener.spawn(listen(address.clone(), Arc::clone(&ear)));
        }
        Wakeups { ear, looked: Instant::now(), _listener: listener }
    }
}

impl Wakeups {
    /// Waits until it is time to look again.
    pub async fn next(&mut self) {
        let listens = self.ear.listens.load(Ordering::Relaxed);
        let longest = if listens { LOOK_EVERY_WHILE_LISTENING } else { LOOK_EVERY };
        // Too late is no error: then it is time.
        let _ = timeout(longest, self.ear.heard.notified()).await;
        sleep_until(self.looked + LEAST_PAUSE).await;
        self.looked = Instant::now();
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
