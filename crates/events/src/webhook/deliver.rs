//! The task that takes events from the outbox to the receiver.
use std::sync::Arc;
use std::time::{Duration, Instant};

use store::{Delivery, Micros, Settlement, Store, StoreError};
use tokio::sync::{Notify, watch};
use tokio::time::sleep;

use super::post::{Post, PostError};
use super::{WebhookSettings, stopping};
use crate::trouble::Trouble;

const FIRST_RETRY: Duration = Duration::from_secs(1);
const LONGEST_RETRY: Duration = Duration::from_secs(10);
/// How often to look for rows that another process wrote and did not live to deliver.
pub(super) const LOOK_AGAIN: Duration = Duration::from_secs(3);
const DATABASE_RETRY: Duration = Duration::from_secs(1);
/// Time beyond a request's own in which its outcome must be written, before another process may send the same row.
pub(super) const LEASE_MARGIN: Duration = Duration::from_secs(5);
/// So often is an event sent to a receiver that refuses it. With the waits in between that takes 15 s: one that is just
/// being replaced by its next version may refuse for a moment what it takes after it.
pub(super) const MOST_REFUSALS: u32 = 5;
/// Why an event that is to be sent once is given up when an earlier run has counted an attempt and no end.
pub(super) const UNKNOWN_END: &str =
    "it was sent, the process ended before the answer was written down, and it is to be tried once";
/// A receiver that has been away for less may still be starting, as after a power cut that stopped it too.
const PATIENCE: Duration = Duration::from_hours(1);

/// Delivers the oldest row of the outbox, then the next. Retries until it is delivered, refused for good, or too old; ends
/// between two requests when asked to stop.
pub(super) struct Worker {
    store: Store,
    post: Post,
    target: String,
    /// Of a named one.
    name: Option<String>,
    owner: String,
    lease: Duration,
    give_up_after: Duration,
    max_age: Option<Duration>,
    retry: bool,
    recorded: Arc<Notify>,
    stopped: watch::Receiver<bool>,
    refusals: Refusals,
    /// Since when the receiver has not answered an event with yes or no. Not by the wall clock, which may jump by days.
    away_since: Option<Instant>,
    receiver: Trouble,
    database: Trouble,
    /// Delivered since the receiver came back.
    caught_up: u64,
}

/// What became of an attempt, as the outbox has to know it.
enum Outcome {
    Settled(Settlement),
    Failed { error: String, pause: Duration },
}

/// How often one delivery was refused; only the oldest is ever tried.
#[derive(Default)]
struct Refusals {
    seq: i64,
    count: u32,
}

impl Refusals {
    /// Counts one more refusal of `seq`, and returns how many that makes.
    fn add(&mut self, seq: i64) -> u32 {
        let before = if self.seq == seq { self.count } else { 0 };
        *self = Refusals { seq, count: before + 1 };
        self.count
    }
}

impl Worker {
    /// `recorded` says that there is a new row.
    pub(super) fn new(
        store: Store,
        post: Post,
        owner: String,
        settings: &WebhookSettings,
        recorded: Arc<Notify>,
        stopped: watch::Receiver<bool>,
    ) -> Worker {
        Worker {
            store,
            post,
            target: settings.target.clone(),
            name: settings.request.is_named().then(|| settings.target.clone()),
            owner,
            lease: settings.timeout + LEASE_MARGIN,
            give_up_after: settings.give_up_after,
            max_age: settings.max_age,
            retry: settings.retry,
            recorded,
            stopped,
            refusals: Refusals::default(),
            away_since: None,
            receiver: Trouble::default(),
            database: Trouble::default(),
            caught_up: 0,
        }
    }

    pub(super) async fn run(mut self) {
        while !self.is_stopping() {
            if let Err(error) = self.turn().await {
                self.complain_of_database(&error);
                self.rest(DATABASE_RETRY).await;
            }
        }
    }

    /// Delivers one row, or waits until there may be one to deliver.
    async fn turn(&mut self) -> Result<(), StoreError> {
        let now = Micros::now();
        let leased = self.store.lease_delivery(&self.target, &self.owner, now, after(now, self.lease)).await?;
        self.database_works();
        match leased {
            None => self.idle().await,
            Some(delivery) if self.is_too_late(&delivery, now) => self.let_go(&delivery).await,
            // Leased anew after the wait, which may be longer than a lease.
            Some(delivery) if let Some(wait) = wait_before(&delivery, now) => self.rest(wait).await,
            Some(delivery) => self.deliver(&delivery).await?,
        }
        Ok(())
    }

    async fn deliver(&mut self, delivery: &Delivery) -> Result<(), StoreError> {
        if !self.retry {
            if delivery.attempts > 0 {
                let dead = settlement(delivery, false, None, UNKNOWN_END.to_owned());
                let dead = Settlement { attempts: delivery.attempts, ..dead };
                self.settle(delivery, Outcome::Settled(dead)).await;
                return Ok(());
            }
            self.store.attempting(delivery.seq).await?;
        }
        match self.post.send(delivery).await {
            Ok(answer) => self.delivered(delivery, answer).await,
            Err(error @ PostError::Unsendable(_)) => self.give_up(delivery, &error, "that cannot be sent").await,
            Err(error) if !self.retry => {
                self.complain_of_receiver(delivery, &error);
                self.give_up(delivery, &error, "that failed and is to be tried once").await;
            }
            Err(error) if error.is_refusal() => self.refused(delivery, &error).await,
            Err(error) => return self.failed(delivery, &error).await,
        }
        Ok(())
    }

    async fn delivered(&mut self, delivery: &Delivery, answer: u16) {
        self.away_since = None;
        if self.receiver.is_on() {
            self.caught_up += 1;
        }
        self.settle(delivery, Outcome::Settled(settlement(delivery, true, Some(answer), String::new()))).await;
    }

    /// Whether it is worth nothing so late.
    fn is_too_late(&self, delivery: &Delivery, now: Micros) -> bool {
        self.max_age.is_some_and(|age| delivery.queued_at < before(now, age))
    }

    async fn let_go(&mut self, delivery: &Delivery) {
        let age = self.max_age.unwrap_or_default();
        tracing::error!(
            url = self.post.shown(),
            webhook = self.name,
            delivery = delivery.id,
            camera = delivery.camera,
            "webhook: gave up an event that is older than {age:?}, and is not sent so late"
        );
        let mut reason = format!("too old: it is not sent after {} s", age.as_secs_f64());
        if delivery.attempts > 0 {
            reason.push_str(&format!("; before that {}", delivery.last_error));
        }
        let dead = Settlement { attempts: delivery.attempts, ..settlement(delivery, false, None, reason) };
        self.settle(delivery, Outcome::Settled(dead)).await;
    }

    /// Before it is gone it is told of: a kill in between must not make it vanish without a word.
    async fn give_up(&mut self, delivery: &Delivery, error: &PostError, why: &str) {
        tracing::error!(
            url = self.post.shown(),
            webhook = self.name,
            delivery = delivery.id,
            camera = delivery.camera,
            %error,
            "webhook: gave up an event {why}; those after it go on"
        );
        let dead = settlement(delivery, false, error.answer(), error.to_string());
        self.settle(delivery, Outcome::Settled(dead)).await;
    }

    /// The receiver is there and does not want this event: to keep offering it would hold up all that it does want.
    async fn refused(&mut self, delivery: &Delivery, error: &PostError) {
        self.away_since = None;
        let refusals = self.refusals.add(delivery.seq);
        if refusals < MOST_REFUSALS {
            self.complain_of_receiver(delivery, error);
            let outcome = Outcome::Failed { error: error.to_string(), pause: retry_after(refusals - 1) };
            self.settle(delivery, outcome).await;
            return;
        }
        self.give_up(delivery, error, &format!("that was refused {refusals} times")).await;
    }

    /// The receiver is away, or cannot do its work: the event waits for it, unless that has gone on for too long.
    async fn failed(&mut self, delivery: &Delivery, error: &PostError) -> Result<(), StoreError> {
        self.complain_of_receiver(delivery, error);
        let outcome = Outcome::Failed { error: error.to_string(), pause: retry_after(delivery.attempts) };
        self.settle(delivery, outcome).await;
        let away = self.away_since.get_or_insert_with(Instant::now).elapsed();
        if away < PATIENCE.min(self.give_up_after) {
            return Ok(());
        }
        self.expire().await
    }

    /// Writes what became of `delivery`, however long that takes: to go on without would be to send it again.
    async fn settle(&mut self, delivery: &Delivery, outcome: Outcome) {
        loop {
            let written = match &outcome {
                Outcome::Settled(settlement) => self.store.settle(delivery.seq, settlement).await,
                Outcome::Failed { error, pause } => {
                    self.store.failed(delivery.seq, error, after(Micros::now(), *pause)).await
                }
            };
            match written {
                Ok(()) => return,
                Err(error) => self.complain_of_database(&error),
            }
            sleep(DATABASE_RETRY).await;
        }
    }

    /// Nothing to deliver: waits for a new row.
    async fn idle(&mut self) {
        if self.caught_up > 0 && self.receiver.over() {
            tracing::info!(
                url = self.post.shown(),
                webhook = self.name,
                "webhook works again: delivered {} waiting events",
                self.caught_up
            );
            self.caught_up = 0;
        }
        tokio::select! {
            () = self.recorded.notified() => {}
            () = sleep(LOOK_AGAIN) => {}
            () = stopping(&mut self.stopped) => {}
        }
    }

    async fn rest(&mut self, time: Duration) {
        tokio::select! {
            () = sleep(time) => {}
            () = stopping(&mut self.stopped) => {}
        }
    }

    /// Gives up what is too old. Only after a failure: what waited while this machine was off, or looks old because its
    /// clock has jumped, is tried first.
    async fn expire(&mut self) -> Result<(), StoreError> {
        let now = Micros::now();
        let expired = self.store.expire_deliveries(&self.target, before(now, self.give_up_after), now).await?;
        if expired > 0 {
            tracing::error!(
                url = self.post.shown(),
                webhook = self.name,
                "webhook: gave up {expired} events that could not be delivered and are older than {:?}",
                self.give_up_after
            );
        }
        Ok(())
    }

    fn is_stopping(&self) -> bool {
        // A webhook that is gone aborts its tasks, so that only its word counts here.
        *self.stopped.borrow()
    }

    fn complain_of_receiver(&mut self, delivery: &Delivery, error: &PostError) {
        if self.receiver.failed() {
            let attempt = delivery.attempts.saturating_add(1);
            tracing::warn!(
                url = self.post.shown(),
                webhook = self.name,
                attempt,
                %error,
                "webhook failed; the event stays in the outbox"
            );
        }
    }

    fn complain_of_database(&mut self, error: &StoreError) {
        if self.database.failed() {
            tracing::error!(%error, "webhook: cannot use the outbox; trying until it works");
        }
    }

    fn database_works(&mut self) {
        if self.database.over() {
            tracing::info!("webhook: the outbox works again");
        }
    }
}

/// How `delivery` ends with the attempt that was made just now.
pub(super) fn settlement(delivery: &Delivery, delivered: bool, answer: Option<u16>, reason: String) -> Settlement {
    let attempts = delivery.attempts.saturating_add(1);
    Settlement { delivered, attempts, answer, reason, at: Micros::now() }
}

/// How long `delivery` has to wait at `now`; `None` if it is due. A wait that no failure can have asked for comes of a
/// clock that was set back, and is none.
pub(super) fn wait_before(delivery: &Delivery, now: Micros) -> Option<Duration> {
    let wait = u64::try_from(delivery.next_attempt_at.0 - now.0).ok().filter(|micros| *micros > 0)?;
    Some(Duration::from_micros(wait)).filter(|wait| *wait <= LONGEST_RETRY)
}

/// 1 s after the first failure, doubling to 10 s. `attempts` is the number of failures before this one.
fn retry_after(attempts: u32) -> Duration {
    FIRST_RETRY.saturating_mul(2_u32.saturating_pow(attempts)).min(LONGEST_RETRY)
}

pub(super) fn after(time: Micros, span: Duration) -> Micros {
    Micros(time.0.saturating_add(micros(span)))
}

/// `span` before `time`.
pub(super) fn before(time: Micros, span: Duration) -> Micros {
    Micros(time.0.saturating_sub(micros(span)))
}

fn micros(span: Duration) -> i64 {
    i64::try_from(span.as_micros()).unwrap_or(i64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn delivery(next_attempt_at: i64) -> Delivery {
        Delivery {
            seq: 1,
            id: "a".into(),
            target: "http://localhost/".into(),
            body: "{}".into(),
            facts: String::new(),
            camera: "door".into(),
            created_at: Micros(0),
            queued_at: Micros(0),
            attempts: 0,
            last_error: String::new(),
            next_attempt_at: Micros(next_attempt_at),
        }
    }

    #[test]
    fn waits_double_from_one_second_to_ten() {
        let waits: Vec<u64> = (0..8).map(|failures| retry_after(failures).as_secs()).collect();
        assert_eq!(waits, [1, 2, 4, 8, 10, 10, 10, 10]);
        assert_eq!(retry_after(u32::MAX), LONGEST_RETRY);
    }

    #[test]
    fn refusals_are_counted_for_one_delivery_at_a_time() {
        let mut refusals = Refusals::default();
        assert_eq!([1, 1, 2, 2, 2].map(|seq| refusals.add(seq)), [1, 2, 1, 2, 3]);
    }

    #[test]
    fn a_delivery_waits_for_its_time_but_not_for_a_clock_that_was_set_back() {
        let now = Micros(1_000_000_000);
        assert_eq!(wait_before(&delivery(1_000_000_000), now), None);
        assert_eq!(wait_before(&delivery(1_002_000_000), now), Some(Duration::from_secs(2)));
        assert_eq!(wait_before(&delivery(90_000_000_000), now), None);
    }
}
