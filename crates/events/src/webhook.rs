//! Tells another system of each PASS, over HTTP, at least once and in order.
mod abandoned;
mod deliver;
mod memory;
mod post;

use std::sync::Arc;
use std::time::Duration;

use serde::Serialize;
use store::{Micros, NewDelivery, Store};
use tokio::sync::{Notify, watch};
use tokio::task::JoinSet;
use tokio::time::{sleep, timeout};

use self::deliver::{LOOK_AGAIN, Worker};
use self::memory::{Memory, Writer};
use self::post::Post;
use crate::{EventsError, Notice};

pub use self::abandoned::drop_abandoned;

/// How long the recognition of a person waits for the database to keep the event.
const LONGEST_RECORD: Duration = Duration::from_millis(500);
/// Time beyond a request's own that a stopping webhook has to write down what it knows.
const LAST_WRITES: Duration = Duration::from_secs(2);

/// Where the events go, and for how long they are tried.
#[derive(Clone, Debug)]
pub struct WebhookSettings {
    /// The address that each event is posted to, `http://` or `https://`.
    pub url: String,
    /// Time for one request, from connecting to the end of the answer.
    pub timeout: Duration,
    /// Age at which an event is given up when its delivery fails. Never before it was tried, nor before the receiver has
    /// been away for an hour (or for this, if it is less).
    pub give_up_after: Duration,
}

impl WebhookSettings {
    /// The defaults for `url`: 5 s for a request, 24 h until an event is given up.
    pub fn new(url: impl Into<String>) -> WebhookSettings {
        WebhookSettings {
            url: url.into(),
            timeout: Duration::from_secs(5),
            give_up_after: Duration::from_secs(24 * 60 * 60),
        }
    }
}

/// The contract's body: these three fields, in this order, and never another.
#[derive(Serialize)]
struct Body<'a> {
    name: Option<&'a str>,
    distance: Option<f64>,
    timestamp: i64,
}

/// Delivers each recorded [`Notice`] to one address, at least once and in order, through the outbox in the database: what
/// was recorded survives a kill, and a receiver that is away gets it later, with its original timestamp.
///
/// One delivery is under way at a time, and one that fails is repeated (after 1 s, doubling to 10 s) before any
/// younger one is tried, until it is given up: for its age, or because the receiver has refused it (400, 413, 422 and their
/// like) five times. Several processes may share a database and an address: a lease on the
/// oldest row lets one of them deliver at a time.
///
/// Two tasks do the work. They retry for ever, what goes wrong is logged, and they end with [`Webhook::shutdown`].
/// A webhook that is just dropped stops at once, as in a kill: what is in the outbox is delivered by the next
/// one, as soon as the lease of an interrupted request has run out.
#[derive(Debug)]
pub struct Webhook {
    url: String,
    owner: String,
    timeout: Duration,
    store: Store,
    memory: Arc<Memory>,
    stop: watch::Sender<bool>,
    tasks: JoinSet<()>,
}

impl Webhook {
    /// Starts to deliver what the outbox of `store` holds for the address. Must be called within a tokio runtime, in a
    /// process that has installed a rustls crypto provider.
    ///
    /// # Errors
    /// [`EventsError::WebhookAddress`] for an address that is none, [`EventsError::HttpClient`] when no HTTP client can be
    /// made for it.
    pub fn start(store: Store, settings: WebhookSettings) -> Result<Webhook, EventsError> {
        let post = Post::new(&settings)?;
        let owner = format!("{}-{:016x}", std::process::id(), rand::random::<u64>());
        let memory = Arc::new(Memory::default());
        let recorded = Arc::new(Notify::new());
        let (stop, stopped) = watch::channel(false);
        let writer = Writer::new(store.clone(), Arc::clone(&memory), Arc::clone(&recorded), stopped.clone());
        let worker = Worker::new(store.clone(), post, owner.clone(), &settings, recorded, stopped);

        let mut tasks = JoinSet::new();
        tasks.spawn(writer.run());
        tasks.spawn(worker.run());
        let WebhookSettings { url, timeout, .. } = settings;
        Ok(Webhook { url, owner, timeout, store, memory, stop, tasks })
    }

    /// Records that `pass` is to be delivered, and returns once the database has it: whatever is shown or done after
    /// that, the webhook will tell of it, even if the process is killed.
    ///
    /// Waits no longer than 500 ms. If the database is slow or away by then, the event stays in memory, in order
    /// with those before and after it, and is written as soon as that works again (the newest 10,000 are kept).
    pub async fn record(&self, pass: &Notice) {
        let durable = self.memory.put(self.delivery(pass));
        // Neither too late nor dropped is news to the caller: both are logged where they come about.
        let _ = timeout(LONGEST_RECORD, durable).await;
    }

    /// Stops: writes what is still in memory, ends the request under way, and gives the lease back, so that another process
    /// goes on at once. Takes at most a request's timeout and a few seconds; the outbox keeps the rest.
    pub async fn shutdown(mut self) {
        self.stop.send_replace(true);
        let ended = async { while self.tasks.join_next().await.is_some() {} };
        if timeout(self.timeout + LAST_WRITES, ended).await.is_err() {
            self.tasks.abort_all();
        }
        match timeout(LAST_WRITES, self.store.release_leases(&self.owner)).await {
            Ok(Ok(())) => {}
            Ok(Err(error)) => tracing::warn!(%error, "webhook: cannot give the lease back; it runs out by itself"),
            Err(_) => tracing::warn!("webhook: no time to give the lease back; it runs out by itself"),
        }
        let lost = self.memory.len();
        if lost > 0 {
            tracing::error!(lost, "webhook: the database did not come back, events that were in memory are lost");
        }
    }

    /// Goes on until nothing waits for its address any more, since all is delivered or given up, and then stops; before that
    /// when `stopped` says so, or its sender is gone. For an address at which nothing new is recorded.
    pub async fn finish(self, mut stopped: watch::Receiver<bool>) {
        let all_done = async {
            while self.has_work().await {
                sleep(LOOK_AGAIN).await;
            }
        };
        tokio::select! {
            () = all_done => {}
            () = stopping(&mut stopped) => {}
        }
        self.shutdown().await;
    }

    async fn has_work(&self) -> bool {
        // In this order: what leaves the memory is in the database by then.
        self.memory.len() > 0
            || match self.store.deliveries_by_address().await {
                Ok(waiting) => waiting.contains_key(&self.url),
                Err(_) => true,
            }
    }

    fn delivery(&self, pass: &Notice) -> NewDelivery {
        NewDelivery {
            id: format!("{:032x}", rand::random::<u128>()),
            url: self.url.clone(),
            body: body(pass),
            camera: pass.camera.clone(),
            // Age, for giving up, counts from here: what a replayed recording shows may be years old.
            created_at: Micros::now(),
        }
    }
}

fn body(pass: &Notice) -> String {
    let body = Body {
        name: pass.name.as_deref(),
        distance: pass.distance.map(|distance| (f64::from(distance) * 10_000.0).round() / 10_000.0),
        timestamp: pass.timestamp.0.div_euclid(1_000_000),
    };
    // Strings and numbers, which always have a form in JSON.
    serde_json::to_string(&body).unwrap_or_default()
}

/// Ends when the webhook is to stop, and when it was dropped.
async fn stopping(stopped: &mut watch::Receiver<bool>) {
    // The error says that the webhook is gone.
    let _ = stopped.wait_for(|stop| *stop).await;
}

#[cfg(test)]
mod tests {
    use super::{Micros, Notice, body};
    use crate::NoticeKind;

    fn pass(name: &str, distance: f32) -> Notice {
        let seen = Notice::new(NoticeKind::Pass, "door", Micros(1_736_400_000_999_999));
        Notice { name: Some(name.into()), distance: Some(distance), ..seen }
    }

    #[test]
    fn the_body_is_the_contracts_to_the_byte() {
        let expected = r#"{"name":"katya","distance":0.4123,"timestamp":1736400000}"#;
        assert_eq!(body(&pass("katya", 0.412_34)), expected);
        assert_eq!(body(&pass("katya", 0.412_25)), expected);
    }

    #[test]
    fn a_name_with_quotes_and_umlauts_is_valid_json() {
        let expected = r#"{"name":"Jörg \"J\"","distance":0.0,"timestamp":1736400000}"#;
        assert_eq!(body(&pass("Jörg \"J\"", 0.0)), expected);
    }
}
