//! Tells other systems of what happens, over HTTP, at least once and in order.
mod abandoned;
mod command;
mod deliver;
mod facts;
mod memory;
mod post;
mod request;
mod settings;
mod signature;
mod template;
mod trial;
mod wanted;

use std::sync::Arc;
use std::time::Duration;

use futures_util::future::join_all;
use store::{Micros, NewDelivery, Store};
use tokio::sync::{Notify, oneshot, watch};
use tokio::task::JoinSet;
use tokio::time::{sleep, timeout};

use self::command::CommandWorker;
use self::deliver::{LOOK_AGAIN, Worker};
use self::facts::Facts;
use self::memory::{Memory, Writer};
use self::post::Post;
use crate::{EventsError, Notice};

pub use self::abandoned::sweep;
pub use self::facts::{EXTRAS, PLACES};
pub use self::request::{NotARequest, RequestForm, RequestText};
pub use self::settings::WebhookSettings;
pub use self::signature::Secret;
pub use self::trial::{Trial, try_webhook};
pub use self::wanted::Wanted;

/// How long the recognition of a person waits for the database to keep the event.
const LONGEST_RECORD: Duration = Duration::from_millis(500);
/// Time beyond a request's own that a stopping webhook has to write down what it knows.
const LAST_WRITES: Duration = Duration::from_secs(2);

/// Delivers each recorded [`Notice`] to one receiver, at least once and in order, through the outbox in the database: what
/// was recorded survives a kill, and a receiver that is away gets it later, with its original timestamp.
///
/// One delivery is under way at a time, and one that fails is repeated (after 1 s, doubling to 10 s) before any
/// younger one is tried, until it is given up: for its age, or because the receiver has refused it (400, 413, 422 and their
/// like) five times. What was given up is kept, and can be sent again. Several processes may share a database and a target: a
/// lease on the oldest row lets one of them deliver at a time.
///
/// Commands ([`WebhookSettings::is_command`]) are another matter: none is sent late, one that fails lets the younger ones go
/// first, and one that the database has not got in time is sent from memory and written down later.
///
/// Two tasks do the work. They retry for ever, what goes wrong is logged, and they end with [`Webhook::shutdown`].
/// A webhook that is just dropped stops at once, as in a kill: what is in the outbox is delivered by the next
/// one, as soon as the lease of an interrupted request has run out.
#[derive(Debug)]
pub struct Webhook {
    target: String,
    owner: String,
    request: RequestForm,
    wanted: Wanted,
    timeout: Duration,
    store: Store,
    memory: Arc<Memory>,
    stop: watch::Sender<bool>,
    tasks: JoinSet<()>,
}

impl Webhook {
    /// Starts to deliver what the outbox of `store` holds for the target. Must be called within a tokio runtime, in a
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

        let mut tasks = JoinSet::new();
        tasks.spawn(writer.run());
        if settings.is_command() {
            let (store, memory, owner) = (store.clone(), Arc::clone(&memory), owner.clone());
            tasks.spawn(CommandWorker::new(store, post, owner, &settings, memory, recorded, stopped).run());
        } else {
            tasks.spawn(Worker::new(store.clone(), post, owner.clone(), &settings, recorded, stopped).run());
        }
        let WebhookSettings { target, request, wanted, timeout, .. } = settings;
        Ok(Webhook { target, owner, request, wanted, timeout, store, memory, stop, tasks })
    }

    /// Records that each of `webhooks` that wants `notice` is to deliver it, and returns once the database has it: whatever is
    /// shown or done after that, the webhooks will tell of it, even if the process is killed.
    ///
    /// Waits no longer than 500 ms for all of them together. If the database is slow or away by then, the event stays in
    /// memory, in order with those before and after it, and is written as soon as that works again (the newest 10,000 are
    /// kept, for each webhook, and 64 MiB for all of them). A command is sent from there.
    pub async fn record_all(webhooks: &[Arc<Webhook>], notice: &Notice) {
        let durable: Vec<_> = webhooks.iter().filter_map(|webhook| webhook.put(notice)).collect();
        if !durable.is_empty() {
            // Neither too late nor dropped is news to the caller: both are logged where they come about.
            let _ = timeout(LONGEST_RECORD, join_all(durable)).await;
        }
    }

    /// [`Webhook::record_all`] for one.
    pub async fn record(&self, notice: &Notice) {
        if let Some(durable) = self.put(notice) {
            let _ = timeout(LONGEST_RECORD, durable).await;
        }
    }

    fn put(&self, notice: &Notice) -> Option<oneshot::Receiver<()>> {
        self.wanted.wants(notice).then(|| self.memory.put(self.delivery(notice)))
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

    /// Goes on until nothing waits for its target any more, since all is delivered or given up, and then stops; before that
    /// when `stopped` says so, or its sender is gone. For one for which nothing new is recorded.
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
            || match self.store.deliveries_by_target().await {
                Ok(waiting) => waiting.contains_key(&self.target),
                Err(_) => true,
            }
    }

    fn delivery(&self, notice: &Notice) -> NewDelivery {
        new_delivery(&self.target, &self.request, notice)
    }
}

fn new_delivery(target: &str, request: &RequestForm, notice: &Notice) -> NewDelivery {
    let id = format!("{:032x}", rand::random::<u128>());
    let facts = Facts::of(notice).with_delivery(&id);
    NewDelivery {
        body: request.body(notice, &facts),
        // The address and the headers are filled in when it is sent: what is secret of them stays in the settings, and what
        // was wrong with them and is mended counts for what waits.
        facts: if request.is_named() { facts.to_json() } else { String::new() },
        id,
        target: target.to_owned(),
        camera: notice.camera.clone(),
        // Age, for giving up, counts from here: what a replayed recording shows may be years old.
        created_at: Micros::now(),
    }
}

/// Ends when the webhook is to stop, and when it was dropped.
async fn stopping(stopped: &mut watch::Receiver<bool>) {
    // The error says that the webhook is gone.
    let _ = stopped.wait_for(|stop| *stop).await;
}
