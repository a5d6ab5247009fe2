use std::collections::{BTreeSet, HashMap};
use std::sync::Arc;

use events::{EventsError, Webhook, WebhookSettings, drop_abandoned};
use store::Store;
use tokio::sync::watch;
use tokio::task::JoinSet;
use url::Url;

/// One webhook a distinct address, shared by the cameras that use it.
pub struct Webhooks {
    store: Store,
    running: HashMap<String, Arc<Webhook>>,
    /// Those that no camera uses any more.
    finishing: JoinSet<()>,
    stop: watch::Sender<bool>,
    /// Addresses for which nothing is abandoned, and the task that drops what is; `None` before they are known.
    in_use: Option<watch::Sender<BTreeSet<String>>>,
    sweeper: JoinSet<()>,
}

impl Webhooks {
    /// None yet.
    pub fn new(store: Store) -> Self {
        Self {
            store,
            running: HashMap::new(),
            finishing: JoinSet::new(),
            stop: watch::Sender::new(false),
            in_use: None,
            sweeper: JoinSet::new(),
        }
    }

    /// These are the addresses that anything defined has, here or on another node. What an earlier run has left for them is
    /// delivered from the first time on. Must be called within a tokio runtime.
    pub fn know(&mut self, addresses: &BTreeSet<Url>) {
        let texts = addresses.iter().map(Url::to_string).collect();
        if let Some(in_use) = &self.in_use {
            in_use.send_replace(texts);
            return;
        }
        for url in addresses {
            // Those that no camera here uses end as soon as nothing is left.
            if let Err(error) = self.of(url) {
                tracing::error!(%error, "webhook: what is left in the outbox stays there");
            }
        }
        let (in_use, seen) = watch::channel(texts);
        self.sweeper.spawn(drop_abandoned(self.store.clone(), seen));
        self.in_use = Some(in_use);
    }

    /// The webhook of this address; starts it for its first user. Must be called within a tokio runtime.
    ///
    /// # Errors
    /// An address that is none, an HTTP client that cannot be made.
    pub fn of(&mut self, url: &Url) -> Result<Arc<Webhook>, EventsError> {
        if let Some(webhook) = self.running.get(url.as_str()) {
            return Ok(Arc::clone(webhook));
        }
        // One of this address may be finishing: they take turns, as those of two processes do.
        let webhook = Arc::new(Webhook::start(self.store.clone(), WebhookSettings::new(url.as_str()))?);
        self.running.insert(url.to_string(), Arc::clone(&webhook));
        Ok(webhook)
    }

    /// Lets those that no camera uses any more end in the background, once they have delivered what waits.
    pub fn end_unused(&mut self) {
        let unused = self.running.extract_if(|_, webhook| Arc::strong_count(webhook) == 1);
        for webhook in unused.filter_map(|(_, webhook)| Arc::into_inner(webhook)) {
            self.finishing.spawn(webhook.finish(self.stop.subscribe()));
        }
        while self.finishing.try_join_next().is_some() {}
    }

    /// Ends all of them, once their cameras have ended, and waits for it. The outbox keeps what they have not delivered.
    pub async fn end(mut self) {
        self.stop.send_replace(true);
        self.end_unused();
        while self.finishing.join_next().await.is_some() {}
    }
}
