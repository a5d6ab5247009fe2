use std::collections::HashMap;
use std::sync::Arc;

use events::{EventsError, Webhook, WebhookSettings};
use store::Store;
use tokio::task::JoinSet;

/// One webhook a distinct address, shared by the cameras that use it.
pub struct Webhooks {
    store: Store,
    running: HashMap<String, Arc<Webhook>>,
    ending: JoinSet<()>,
}

impl Webhooks {
    /// None yet.
    pub fn new(store: Store) -> Self {
        Self { store, running: HashMap::new(), ending: JoinSet::new() }
    }

    /// The webhook of this address; starts it for its first user. Must be called within a tokio runtime.
    ///
    /// # Errors
    /// An address that is none, an HTTP client that cannot be made.
    pub fn of(&mut self, url: &url::Url) -> Result<Arc<Webhook>, EventsError> {
        if let Some(webhook) = self.running.get(url.as_str()) {
            return Ok(Arc::clone(webhook));
        }
        let webhook = Arc::new(Webhook::start(self.store.clone(), WebhookSettings::new(url.as_str()))?);
        self.running.insert(url.to_string(), Arc::clone(&webhook));
        Ok(webhook)
    }

    /// Ends, in the background, those that no camera uses any more.
    pub fn end_unused(&mut self) {
        let unused = self.running.extract_if(|_, webhook| Arc::strong_count(webhook) == 1);
        for webhook in unused.filter_map(|(_, webhook)| Arc::into_inner(webhook)) {
            self.ending.spawn(webhook.shutdown());
        }
        while self.ending.try_join_next().is_some() {}
    }

    /// Ends all of them, once their cameras have ended, and waits for it.
    pub async fn end(mut self) {
        self.end_unused();
        while self.ending.join_next().await.is_some() {}
    }
}
