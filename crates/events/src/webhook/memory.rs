//! Events on their way into the database.
use std::collections::VecDeque;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use store::{NewDelivery, Settlement, Store};
use tokio::sync::{Notify, oneshot, watch};
use tokio::time::{Instant, sleep, sleep_until};

use super::{LONGEST_RECORD, stopping};
use crate::trouble::Trouble;

/// Events kept while the database is away; at one a second it is almost three hours.
const MOST_KEPT: usize = 10_000;
/// Bytes of all webhooks' events together.
const MOST_BYTES: usize = 64 * 1024 * 1024;
const RETRY: Duration = Duration::from_millis(500);

/// Bytes that wait in this process.
static BYTES: AtomicUsize = AtomicUsize::new(0);

/// A bounded queue of deliveries that are not in the database yet. All go through it, one after the other, so that
/// one that had to wait is never overtaken.
#[derive(Debug, Default)]
pub(super) struct Memory {
    waiting: Mutex<VecDeque<Waiting>>,
    /// Sent without the database, which is to be told of it.
    ended: Mutex<VecDeque<Ended>>,
    added: Notify,
    /// The same as `added`, for who sends commands that the database does not get in time.
    arrived: Notify,
    overflow: Mutex<Trouble>,
}

#[derive(Debug)]
struct Waiting {
    delivery: NewDelivery,
    since: Instant,
    durable: oneshot::Sender<()>,
    _room: Room,
}

#[derive(Debug)]
struct Ended {
    delivery: NewDelivery,
    settlement: Settlement,
    _room: Room,
}

/// What a delivery takes of the room for all, given back when it is dropped.
#[derive(Debug)]
struct Room(usize);

impl Room {
    fn of(delivery: &NewDelivery) -> Self {
        let bytes = delivery.body.len() + delivery.facts.len() + 200;
        BYTES.fetch_add(bytes, Ordering::Relaxed);
        Self(bytes)
    }

    fn is_short() -> bool {
        BYTES.load(Ordering::Relaxed) > MOST_BYTES
    }
}

impl Drop for Room {
    fn drop(&mut self) {
        BYTES.fetch_sub(self.0, Ordering::Relaxed);
    }
}

impl Memory {
    /// Adds `delivery` at the end, if need be at the cost of the oldest. The receiver hears when it is in the database.
    pub(super) fn put(&self, delivery: NewDelivery) -> oneshot::Receiver<()> {
        let (durable, heard) = oneshot::channel();
        let room = Room::of(&delivery);
        let mut waiting = lock(&self.waiting);
        while waiting.len() >= MOST_KEPT || (Room::is_short() && !waiting.is_empty()) {
            waiting.pop_front();
            self.complain_of_overflow();
        }
        waiting.push_back(Waiting { delivery, since: Instant::now(), durable, _room: room });
        drop(waiting);
        self.added.notify_one();
        self.arrived.notify_one();
        heard
    }

    pub(super) fn len(&self) -> usize {
        lock(&self.waiting).len() + lock(&self.ended).len()
    }

    /// Waits until the oldest has waited for the database for so long that it is not to wait any longer.
    pub(super) async fn late(&self) {
        loop {
            let late_at = lock(&self.waiting).front().map(|oldest| oldest.since + LONGEST_RECORD);
            match late_at {
                Some(at) if at <= Instant::now() => return,
                Some(at) => sleep_until(at).await,
                None => self.arrived.notified().await,
            }
        }
    }

    /// Takes the oldest, if it has waited for so long; the database is told with [`Memory::end`] what came of it.
    pub(super) fn take_late(&self) -> Option<NewDelivery> {
        let mut waiting = lock(&self.waiting);
        waiting.pop_front_if(|oldest| oldest.since + LONGEST_RECORD <= Instant::now()).map(|oldest| oldest.delivery)
    }

    /// The database is to be told that this came of `delivery`, when it can be.
    pub(super) fn end(&self, delivery: NewDelivery, settlement: Settlement) {
        let room = Room::of(&delivery);
        let mut ended = lock(&self.ended);
        while ended.len() >= MOST_KEPT || (Room::is_short() && !ended.is_empty()) {
            ended.pop_front();
            self.complain_of_overflow();
        }
        ended.push_back(Ended { delivery, settlement, _room: room });
        drop(ended);
        self.added.notify_one();
    }

    /// The ids of what has ended, and of which the database has not been told.
    pub(super) fn untold(&self) -> Vec<String> {
        lock(&self.ended).iter().map(|ended| ended.delivery.id.clone()).collect()
    }

    fn oldest_ended(&self) -> Option<(NewDelivery, Settlement)> {
        lock(&self.ended).front().map(|ended| (ended.delivery.clone(), ended.settlement.clone()))
    }

    fn told(&self, id: &str) {
        lock(&self.ended).pop_front_if(|ended| ended.delivery.id == id);
    }

    /// The oldest; it stays in the queue until [`Memory::written`], so that a stop in between does not lose it unseen.
    fn oldest(&self) -> Option<NewDelivery> {
        let waiting = lock(&self.waiting);
        waiting.front().map(|oldest| oldest.delivery.clone())
    }

    /// Takes the delivery `id` out, unless it has been crowded out meanwhile, and tells who waits for it.
    fn written(&self, id: &str) {
        let mut waiting = lock(&self.waiting);
        if let Some(written) = waiting.pop_front_if(|oldest| oldest.delivery.id == id) {
            // Who recorded it may have stopped waiting.
            let _ = written.durable.send(());
        }
    }

    fn complain_of_overflow(&self) {
        if lock(&self.overflow).failed() {
            tracing::error!(
                kept = MOST_KEPT,
                bytes = MOST_BYTES,
                "webhook: the database has been away too long, the oldest events in memory are being lost"
            );
        }
    }
}

/// What is behind these locks is whole after every statement, so a panic elsewhere does not spoil it.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
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
        loop {
            let written = if let Some((delivery, settlement)) = self.memory.oldest_ended() {
                let logged = self.store.log_delivery(&delivery, &settlement).await;
                logged.map(|()| self.memory.told(&delivery.id))
            } else if let Some(delivery) = self.memory.oldest() {
                self.store.push_delivery(&delivery).await.map(|()| self.memory.written(&delivery.id))
            } else {
                return;
            };
            match written {
                Ok(()) => self.written(),
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

    fn written(&mut self) {
        self.recorded.notify_one();
        if self.trouble.over() {
            tracing::info!("webhook: events are recorded again");
        }
    }
}

#[cfg(test)]
mod tests {
    use store::Micros;

    use super::*;

    fn delivery(bytes: usize) -> NewDelivery {
        NewDelivery {
            id: format!("{bytes}"),
            target: "office".to_owned(),
            body: "x".repeat(bytes),
            facts: String::new(),
            camera: "door".to_owned(),
            created_at: Micros(0),
        }
    }

    #[tokio::test]
    async fn all_webhooks_together_keep_so_much_and_each_keeps_its_newest() {
        let (one, other) = (Memory::default(), Memory::default());
        for _ in 0..100 {
            drop(one.put(delivery(1024 * 1024)));
        }
        assert!((1..=64).contains(&one.len()), "{}", one.len());
        drop(other.put(delivery(1)));
        drop(other.put(delivery(2 * 1024 * 1024)));
        assert_eq!(other.oldest().unwrap().id, "2097152");
        drop(one);
        drop(other.put(delivery(2)));
        assert_eq!(other.len(), 2, "there is room again");
    }
}
