use std::sync::Arc;
use std::time::Duration;

use serde_json::Value;
use store::{NumberedEvent, Publishing, Store, StoreError};
use tokio::sync::{mpsc, watch};
use tokio::time::{sleep, timeout};

use super::presence::client_id;
use super::settings::MqttSettings;
use super::told_to_stop;
use super::topics::Topics;
use crate::trouble::Trouble;
use crate::{EventView, EventsError, Phase};

/// Events read at once.
const PAGE: u32 = 100;

/// While a process lives it has the lease; of one that was killed another kind of process of the node takes over after this
/// time, and its own successor at once.
const LEASE: Duration = Duration::from_secs(60);

/// How often the lease is renewed: seldom enough for a disk that wears.
const RENEW_EVERY: Duration = Duration::from_secs(20);

/// How long the database may take to renew it.
const RENEWING: Duration = Duration::from_secs(3);

/// A pause after the database could not answer, or while another process has the lease.
const RETRY: Duration = Duration::from_secs(2);

/// Time to give the lease back.
const LEAVING: Duration = Duration::from_secs(1);

/// A state of a passage that the broker is told of in any case.
#[derive(Debug)]
pub struct Record {
    /// Its number.
    pub seq: i64,
    /// Where it goes.
    pub topic: String,
    /// What it says.
    pub payload: String,
}

/// The way between who reads records and who sends them.
#[derive(Debug)]
pub struct Published {
    /// Records, page by page; the next comes when all of one have been delivered.
    pub pages: mpsc::Receiver<Vec<Record>>,
    /// The number of the last that was delivered.
    pub delivered: watch::Sender<i64>,
}

/// Reads what this node's cameras have seen from the database, from where it was published last, and remembers how far the
/// broker has got it. A task: while the database is away it tries again for ever.
#[derive(Debug)]
pub struct Records {
    store: Store,
    publishing: Publishing,
    written: watch::Receiver<i64>,
    node: String,
    topic: String,
    pages: mpsc::Sender<Vec<Record>>,
    delivered: watch::Receiver<i64>,
    trouble: Trouble,
}

/// Why following ends.
enum Interrupted {
    /// Nobody sends any more.
    Ended,
    /// Another process has the lease.
    Overtaken,
    Database(StoreError),
}

impl From<StoreError> for Interrupted {
    fn from(error: StoreError) -> Self {
        Self::Database(error)
    }
}

impl Records {
    /// Of the node of `settings`, from where they were published last; if they never were, from now on.
    ///
    /// # Errors
    /// When the database cannot say.
    pub async fn new(
        store: &Store,
        written: watch::Receiver<i64>,
        settings: &Arc<MqttSettings>,
        topics: &Topics,
    ) -> Result<(Self, Published), EventsError> {
        let publishing = store.publishing(&settings.node, &settings.prefix, &client_id(settings), LEASE).await?;
        let (pages, receiver) = mpsc::channel(1);
        let (sender, delivered) = watch::channel(0);
        let records = Self {
            store: store.clone(),
            publishing,
            written,
            node: settings.node.clone(),
            topic: topics.events(),
            pages,
            delivered,
            trouble: Trouble::default(),
        };
        Ok((records, Published { pages: receiver, delivered: sender }))
    }

    /// Runs until `stopped`.
    pub async fn run(mut self, mut stopped: watch::Receiver<bool>) {
        tokio::select! {
            () = self.follow_for_ever() => {}
            () = told_to_stop(&mut stopped) => {}
        }
        // What was delivered meanwhile would be told again.
        let delivered = *self.delivered.borrow();
        let leave = async {
            if delivered > 0 {
                self.publishing.advance(delivered).await?;
            }
            self.publishing.leave().await
        };
        let _ = timeout(LEAVING, leave).await;
    }

    async fn follow_for_ever(&mut self) {
        loop {
            match self.lead_and_follow().await {
                Interrupted::Ended => return,
                Interrupted::Overtaken => {}
                Interrupted::Database(error) => {
                    if self.trouble.failed() {
                        tracing::warn!(%error, "MQTT: events wait for the database");
                    }
                }
            }
            sleep(RETRY).await;
        }
    }

    async fn lead_and_follow(&mut self) -> Interrupted {
        match self.publishing.lead().await {
            Ok(Some(seq)) => self.follow(seq).await.err().unwrap_or(Interrupted::Overtaken),
            Ok(None) => Interrupted::Overtaken,
            Err(error) => error.into(),
        }
    }

    /// Never ends well.
    async fn follow(&mut self, mut seq: i64) -> Result<(), Interrupted> {
        // Events that were opened later are new to whoever listens.
        let mut known = seq;
        loop {
            self.written.mark_unchanged();
            let changes = self.store.events_since(seq, PAGE).await?;
            if self.trouble.over() {
                tracing::info!("MQTT: the database is back, events are told again");
            }
            let Some(last) = changes.last().map(|change| change.seq) else {
                known = seq;
                self.wait_for_more().await?;
                continue;
            };
            let page: Vec<Record> = changes
                .iter()
                .filter(|change| change.event.node == self.node)
                .map(|change| self.record(change, known))
                .collect();
            if let Some(end) = page.last().map(|record| record.seq) {
                self.pages.send(page).await.map_err(|_| Interrupted::Ended)?;
                self.wait_for_delivery(end).await?;
            }
            self.lead_on(self.publishing.advance(last).await?)?;
            seq = last;
        }
    }

    async fn wait_for_more(&mut self) -> Result<(), Interrupted> {
        match timeout(RENEW_EVERY, self.written.changed()).await {
            Ok(Ok(())) => Ok(()),
            Ok(Err(_)) => Err(Interrupted::Ended),
            Err(_) => self.lead_on(self.publishing.lead().await?.is_some()),
        }
    }

    async fn wait_for_delivery(&mut self, end: i64) -> Result<(), Interrupted> {
        loop {
            let delivered = timeout(RENEW_EVERY, self.delivered.wait_for(|delivered| *delivered >= end)).await;
            match delivered.map(|waited| waited.map(|_| ())) {
                Ok(Ok(())) => return Ok(()),
                Ok(Err(_)) => return Err(Interrupted::Ended),
                Err(_) => {}
            }
            // The lease is not given up while the broker is away: nobody else of this node would reach it either. A
            // database that is away meanwhile is no reason to read the page again.
            if let Ok(Ok(false)) = timeout(RENEWING, self.still_lead()).await {
                return Err(Interrupted::Overtaken);
            }
        }
    }

    async fn still_lead(&self) -> Result<bool, StoreError> {
        Ok(self.publishing.lead().await?.is_some())
    }

    fn lead_on(&self, leads: bool) -> Result<(), Interrupted> {
        if leads { Ok(()) } else { Err(Interrupted::Overtaken) }
    }

    fn record(&self, change: &NumberedEvent, known: i64) -> Record {
        let phase = match change.event.ended {
            true => Phase::End,
            false if change.opened_seq > known => Phase::Start,
            false => Phase::Update,
        };
        // Strings and numbers, which always have a form in JSON.
        let mut object = serde_json::to_value(EventView::of(&change.event)).unwrap_or_default();
        if let Value::Object(fields) = &mut object {
            fields.insert("phase".to_owned(), phase.as_str().into());
            fields.insert("seq".to_owned(), change.seq.into());
        }
        Record { seq: change.seq, topic: self.topic.clone(), payload: object.to_string() }
    }
}
