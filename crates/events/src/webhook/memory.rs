//! Events on their way into the database.
use std::collections::VecDeque;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use store::{NewDelivery, Store};
use tokio::sync::{Notify, oneshot, watch};
use tokio::time::sleep;

use super::stopping;
use crate::trouble::Trouble;

/// Events kept while the database is away; at one a second it is almost three hours.
const MOST_KEPT: usize = 10_000;
const RETRY: Duration = Duration::from_millis(500);

/// A bounded queue of deliveries that are not in the database yet. All go through it, one after the other, so that
/// one that had to wait is never overtaken.
#[derive(Debug, Default)]
pub(super) struct Memory {
    waiting: Mutex<VecDeque<Waiting>>,
    added: Notify,
    overflow: Mutex<Trouble>,
}

#[derive(Debug)]
struct Waiting {
    delivery: NewDelivery,
    durable: oneshot::Sender<()>,
}

impl Memory {
    /// Adds `delivery` at the end, if need be at the cost of the oldest. The receiver hears when it is in the database.
    pub(super) fn put(&self, delivery: NewDelivery) -> oneshot::Receiver<()> {
        let (durable, heard) = oneshot::channel();
        let mut waiting = self.waiting.lock().unwrap_or_else(PoisonError::into_inner);
        if waiting.len() >= MOST_KEPT {
            waiting.pop_front();
            self.complain_of_overflow();
        }
        waiting.push_back(Waiting { delivery, durable });
        drop(waiting);
        self.added.notify_one();
        heard
    }

    pub(super) fn len(&self) -> usize {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner).len()
    }

    /// The oldest; it stays in the queue until [`Memory::written`], so that a stop in between does not lose it unseen.
    fn oldest(&self) -> Option<NewDelivery> {
        let waiting = self.waiting.lock().unwrap_or_else(PoisonError::into_inner);
        waiting.front().map(|oldest| oldest.delivery.clone())
    }

    /// Takes the delivery `id` out, unless it has been crowded out meanwhile, and tells who waits for it.
    fn written(&self, id: &str) {
        let mut waiting = self.waiting.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(written) = waiting.pop_front_if(|oldest| oldest.delivery.id == id) {
            // Who recorded it may have stopped waiting.
            let _ = written.durable.send(());
        }
    }

    fn complain_of_overflow(&self) {
        if self.overflow.lock().unwrap_or_else(PoisonError::into_inner).failed() {
            tracing::error!(
                kept = MOST_KEPT,
                "webhook: the database has been away too long, the oldest events in memory are being lost"
            );
        }
    }
}

/// The task that moves events from memory into the outbox. Retries for ever; ends when asked to stop and nothing is left.
pub(super) struct Writer {
    store: Store,
    memory: Arc<Memory>,
    recorded: Arc<Notify>,
    stopped: watch::Receiver<bool>,
    trouble: Trouble,
}

impl Writer {
    /// `recorded` is notified of each row written.
    pub(super) fn new(
        store: Store,
        memory: Arc<Memory>,
        recorded: Arc<Notify>,
        stopped: watch::Receiver<bool>,
    ) -> Writer {
        Writer { store, memory, recorded, stopped, trouble: Trouble::default() }
    }

    pub(super) async fn run(mut self) {
        loop {
            self.write_all().await;
            tokio::select! {
                () = self.memory.added.notified() => {}
                () = stopping(&mut self.stopped) => break,
            }
        }
        self.write_all().await;
    }

    async fn write_all(&mut self) {
        while let Some(delivery) = self.memory.oldest() {
            match self.store.push_delivery(&delivery).await {
                Ok(()) => self.written(&delivery.id),
                Err(error) => {
                    if self.trouble.failed() {
                        tracing::error!(
                            %error,
                            waiting = self.memory.len(),
                            "webhook: cannot record events; they are kept in memory and would be lost if the process ended"
                        );
                    }
                    sleep(RETRY).await;
                }
            }
        }
    }

    fn written(&mut self, id: &str) {
        self.memory.written(id);
        self.recorded.notify_one();
        if self.trouble.over() {
            tracing::info!("webhook: events are recorded again");
        }
    }
}
