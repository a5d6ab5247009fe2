use std::collections::{BTreeSet, HashMap};
use std::sync::Arc;
use std::time::Duration;

use events::{EventsError, Secret, Webhook, WebhookSettings, sweep};
use store::Store;
use tokio::sync::watch;
use tokio::task::JoinSet;
use url::Url;

use crate::settings::Settings;
use crate::webhooks::NamedWebhook;

/// The contract's webhook once a distinct address, shared by the cameras that use it, and the named ones, which all cameras use.
pub struct Webhooks {
    store: Store,
    secret: Option<Secret>,
    /// How long what was told is kept at most.
    keep: Option<Duration>,
    /// They run as long as the process.
    named: Vec<Arc<Webhook>>,
    /// What the outbox calls them.
    targets: BTreeSet<String>,
    /// Of which cameras only they are told.
    cameras: Vec<(String, Vec<String>)>,
    running: HashMap<String, Arc<Webhook>>,
    /// Those that no camera uses any more.
    finishing: JoinSet<()>,
    stop: watch::Sender<bool>,
    /// Targets for which nothing is abandoned, and the task that drops what is; `None` before they are known.
    in_use: Option<watch::Sender<BTreeSet<String>>>,
    sweeper: JoinSet<()>,
}

impl Webhooks {
    /// Starts those of `named`; none for an address yet. Must be called within a tokio runtime.
    ///
    /// # Errors
    /// An HTTP client that cannot be made.
    pub fn start(store: Store, settings: &Settings, named: Vec<NamedWebhook>) -> Result<Self, EventsError> {
        let cameras =
            named.iter().map(|webhook| (webhook.name.clone(), webhook.settings.wanted.cameras.clone())).collect();
        let node = settings.node();
        let named: Vec<_> = named.into_iter().map(|webhook| webhook.settings.of_node(&node)).collect();
        let targets = named.iter().map(|settings| settings.target.clone()).collect();
        let start = |settings| Webhook::start(store.clone(), settings).map(Arc::new);
        let named = named.into_iter().map(start).collect::<Result<_, _>>()?;
        Ok(Self {
            store,
            secret: settings.webhook_secret.secret(),
            keep: settings.events_days.duration(),
            named,
            targets,
            cameras,
            running: HashMap::new(),
            finishing: JoinSet::new(),
            stop: watch::Sender::new(false),
            in_use: None,
            sweeper: JoinSet::new(),
        })
    }

    /// These are the addresses that anything defined has, here or on another node. What an earlier run has left for them is
    /// delivered from the first time on. Must be called within a tokio runtime.
    pub fn know(&mut self, addresses: &BTreeSet<Url>) {
        let targets = addresses.iter().map(Url::to_string).chain(self.targets.iter().cloned()).collect();
        if let Some(in_use) = &self.in_use {
            in_use.send_replace(targets);
            return;
        }
        for url in addresses {
            // Those that no camera here uses end as soon as nothing is left.
            if let Err(error) = self.of(url) {
                tracing::error!(%error, "webhook: what is left in the outbox stays there");
            }
        }
        let (in_use, seen) = watch::channel(targets);
        self.sweeper.spawn(sweep(self.store.clone(), seen, self.keep));
        self.in_use = Some(in_use);
    }

    /// The cameras of which named webhooks are to be told: each with the webhook's name first.
    pub fn cameras(&self) -> impl Iterator<Item = (&str, &str)> {
        self.cameras.iter().flat_map(|(name, cameras)| cameras.iter().map(|camera| (name.as_str(), camera.as_str())))
    }

    /// All that a camera tells whose own address is `url`; starts the webhook of that for its first user. Must be called
    /// within a tokio runtime.
    ///
    /// # Errors
    /// An address that is none, an HTTP client that cannot be made.
    pub fn for_camera(&mut self, url: Option<&Url>) -> Result<Vec<Arc<Webhook>>, EventsError> {
        let own = url.map(|url| self.of(url)).transpose()?;
        Ok(own.into_iter().chain(self.named.iter().cloned()).collect())
    }

    fn of(&mut self, url: &Url) -> Result<Arc<Webhook>, EventsError> {
        if let Some(webhook) = self.running.get(url.as_str()) {
            return Ok(Arc::clone(webhook));
        }
        // One of this address may be finishing: they take turns, as those of two processes do.
        let settings = WebhookSettings { secret: self.secret.clone(), ..WebhookSettings::new(url.as_str()) };
        let webhook = Arc::new(Webhook::start(self.store.clone(), settings)?);
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
        for webhook in std::mem::take(&mut self.named).into_iter().filter_map(Arc::into_inner) {
            self.finishing.spawn(webhook.shutdown());
        }
        self.end_unused();
        while self.finishing.join_next().await.is_some() {}
    }
}
