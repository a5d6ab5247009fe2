//! The task that gives commands: none late, each in its turn, and without the database while that is away.
use std::sync::Arc;
use std::time::Duration;

use store::{Delivery, Micros, NewDelivery, Settlement, Store, StoreError};
use tokio::sync::{Notify, watch};
use tokio::time::{sleep, timeout};

use super::deliver::{LEASE_MARGIN, LOOK_AGAIN, MOST_REFUSALS, UNKNOWN_END, after, before, settlement, wait_before};
use super::memory::Memory;
use super::post::{Post, PostError};
use super::{LONGEST_RECORD, WebhookSettings, stopping};
use crate::trouble::Trouble;

/// Between two attempts: who stands at a door does not wait for long.
const RETRY: Duration = Duration::from_secs(1);
/// The clocks of two nodes may differ by so much. What is younger than nothing by more was recorded by a clock that has been
/// set back since, and nobody knows how old it is.
const CLOCKS_DIFFER: Duration = Duration::from_secs(2);

/// Gives commands, each until it is done, refused, or too old. One that fails lets the others go first.
pub(super) struct CommandWorker {
    store: Store,
    post: Post,
    target: String,
    owner: String,
    lease: Duration,
    max_age: Duration,
    retry: bool,
    memory: Arc<Memory>,
    recorded: Arc<Notify>,
    stopped: watch::Receiver<bool>,
    /// Commands that have failed and that the database does not have, or has not been told of.
    in_hand: Vec<Delivery>,
    receiver: Trouble,
    database: Trouble,
}

/// Where a command comes from.
#[derive(Clone, Copy, PartialEq, Eq)]
enum From {
    Outbox,
    Memory,
}

impl CommandWorker {
    /// `recorded` says that there is a new row; `memory` has what is no row yet.
    pub(super) fn new(
        store: Store,
        post: Post,
        owner: String,
        settings: &WebhookSettings,
        memory: Arc<Memory>,
        recorded: Arc<Notify>,
        stopped: watch::Receiver<bool>,
    ) -> Self {
        Self {
            store,
            post,
            target: settings.target.clone(),
            owner,
            lease: settings.timeout + LEASE_MARGIN,
            max_age: settings.max_age.unwrap_or_default(),
            retry: settings.retry,
            memory,
            recorded,
            stopped,
            in_hand: Vec::new(),
            receiver: Trouble::default(),
            database: Trouble::default(),
        }
    }

    pub(super) async fn run(mut self) {
        while !*self.stopped.borrow() {
            self.turn().await;
        }
        // The next start gives those that are still young enough.
        for delivery in &self.in_hand {
            let _ = timeout(LONGEST_RECORD, self.store.push_delivery(&recorded(delivery))).await;
        }
    }

    /// Gives one command, or waits until there may be one to give.
    async fn turn(&mut self) {
        let now = Micros::now();
        self.let_go_in_hand(now);
        if let Some(delivery) = self.next_in_memory(now) {
            return self.attempt(delivery, From::Memory).await;
        }
        let except: Vec<String> =
            self.in_hand.iter().map(|delivery| delivery.id.clone()).chain(self.memory.untold()).collect();
        let lease_until = after(now, self.lease);
        let leased = tokio::select! {
            biased;
            () = self.memory.late() => return,
            () = sleep(self.pause_in_hand(now)) => return,
            () = stopping(&mut self.stopped) => return,
            leased = self.store.lease_command(&self.target, &self.owner, &except, now, lease_until) => leased,
        };
        match leased {
            Err(error) => {
                self.complain_of_database(&error);
                self.rest(RETRY).await;
            }
            Ok(None) => {
                self.database_works();
                self.rest(LOOK_AGAIN).await;
            }
            Ok(Some(delivery)) => {
                self.database_works();
                self.take_up(delivery, now).await;
            }
        }
    }

    async fn take_up(&mut self, delivery: Delivery, now: Micros) {
        if let Some(reason) = self.why_too_late(&delivery, now) {
            let dead = self.let_go(&delivery, reason);
            self.settle(&delivery, dead, From::Outbox).await;
        } else if !self.retry && delivery.attempts > 0 {
            let dead = Settlement {
                attempts: delivery.attempts,
                ..settlement(&delivery, false, None, UNKNOWN_END.to_owned())
            };
            self.settle(&delivery, dead, From::Outbox).await;
        } else if let Some(wait) = wait_before(&delivery, now) {
            // Not beyond the moment in which it is too late, and others go first.
            self.rest(wait.min(RETRY)).await;
        } else {
            self.attempt(delivery, From::Outbox).await;
        }
    }

    /// What is to be given without the database: first what nobody has tried.
    fn next_in_memory(&mut self, now: Micros) -> Option<Delivery> {
        if let Some(late) = self.memory.take_late() {
            return Some(late.into());
        }
        let due = self.in_hand.iter().enumerate().filter(|(_, delivery)| wait_before(delivery, now).is_none());
        let (at, _) = due.min_by_key(|(_, delivery)| delivery.attempts)?;
        Some(self.in_hand.remove(at))
    }

    /// When the next of those in hand is due.
    fn pause_in_hand(&self, now: Micros) -> Duration {
        let waits = self.in_hand.iter().map(|delivery| wait_before(delivery, now).unwrap_or_default());
        waits.min().unwrap_or(Duration::MAX)
    }

    fn let_go_in_hand(&mut self, now: Micros) {
        for delivery in std::mem::take(&mut self.in_hand) {
            match self.why_too_late(&delivery, now) {
                Some(reason) => {
                    let dead = self.let_go(&delivery, reason);
                    self.memory.end(recorded(&delivery), dead);
                }
                None => self.in_hand.push(delivery),
            }
        }
    }

    async fn attempt(&mut self, delivery: Delivery, from: From) {
        if let Some(reason) = self.why_too_late(&delivery, Micros::now()) {
            let dead = self.let_go(&delivery, reason);
            return self.settle(&delivery, dead, from).await;
        }
        if !self.retry && from == From::Outbox {
            // A database that does not take it keeps no door shut.
            let _ = timeout(LONGEST_RECORD, self.store.attempting(delivery.seq)).await;
        }
        let error = match self.post.send(&delivery).await {
            Ok(answer) => {
                if self.receiver.over() {
                    tracing::info!(url = self.post.shown(), webhook = self.target, "webhook works again");
                }
                let done = settlement(&delivery, true, Some(answer), String::new());
                return self.settle(&delivery, done, from).await;
            }
            Err(error) => error,
        };
        self.complain_of_receiver(&delivery, &error);
        let attempts = delivery.attempts.saturating_add(1);
        let is_refused = error.is_refusal() && attempts >= MOST_REFUSALS;
        if !self.retry || is_refused || matches!(error, PostError::Unsendable(_)) {
            tracing::error!(
                url = self.post.shown(),
                webhook = self.target,
                delivery = delivery.id,
                camera = delivery.camera,
                attempts,
                %error,
                "webhook: gave up a command; those after it go on"
            );
            let dead = settlement(&delivery, false, error.answer(), error.to_string());
            return self.settle(&delivery, dead, from).await;
        }
        self.failed(delivery, &error, from).await;
    }

    /// It is tried again, after the others.
    async fn failed(&mut self, delivery: Delivery, error: &PostError, from: From) {
        let next_attempt_at = after(Micros::now(), RETRY);
        let last_error = error.to_string();
        if from == From::Outbox {
            let told = self.store.failed(delivery.seq, &last_error, next_attempt_at);
            if let Ok(Ok(())) = timeout(LONGEST_RECORD, told).await {
                return;
            }
        }
        let attempts = delivery.attempts.saturating_add(1);
        self.in_hand.push(Delivery { attempts, last_error, next_attempt_at, ..delivery });
    }

    /// Has written how `delivery` ended, now or when the database is back: the next command does not wait for that.
    async fn settle(&mut self, delivery: &Delivery, settlement: Settlement, from: From) {
        if from == From::Outbox {
            let told = timeout(LONGEST_RECORD, self.store.settle(delivery.seq, &settlement)).await;
            if let Ok(Ok(())) = told {
                return;
            }
        }
        self.memory.end(recorded(delivery), settlement);
    }

    fn why_too_late(&self, delivery: &Delivery, now: Micros) -> Option<String> {
        if delivery.queued_at > after(now, CLOCKS_DIFFER) {
            return Some("it is of the future: the clock was set back, and nobody knows how old it is".to_owned());
        }
        let is_old = delivery.queued_at < before(now, self.max_age);
        is_old.then(|| format!("too old: it is not sent after {} s", self.max_age.as_secs_f64()))
    }

    fn let_go(&self, delivery: &Delivery, mut reason: String) -> Settlement {
        tracing::error!(
            url = self.post.shown(),
            webhook = self.target,
            delivery = delivery.id,
            camera = delivery.camera,
            reason,
            "webhook: gave up a command that is not sent so late"
        );
        if delivery.attempts > 0 {
            reason.push_str(&format!("; before that {}", delivery.last_error));
        }
        Settlement { attempts: delivery.attempts, ..settlement(delivery, false, None, reason) }
    }

    async fn rest(&mut self, time: Duration) {
        let time = time.min(self.pause_in_hand(Micros::now()));
        tokio::select! {
            () = sleep(time) => {}
            () = self.recorded.notified() => {}
            () = self.memory.late() => {}
            () = stopping(&mut self.stopped) => {}
        }
    }

    fn complain_of_receiver(&mut self, delivery: &Delivery, error: &PostError) {
        if self.receiver.failed() {
            let attempt = delivery.attempts.saturating_add(1);
            tracing::warn!(url = self.post.shown(), webhook = self.target, attempt, %error, "webhook failed: a command waits");
        }
    }

    fn complain_of_database(&mut self, error: &StoreError) {
        if self.database.failed() {
            tracing::error!(%error, "webhook: cannot use the outbox; commands are given from memory");
        }
    }

    fn database_works(&mut self) {
        if self.database.over() {
            tracing::info!("webhook: the outbox works again");
        }
    }
}

/// As it was recorded.
fn recorded(delivery: &Delivery) -> NewDelivery {
    let Delivery { id, target, body, facts, camera, created_at, .. } = delivery.clone();
    NewDelivery { id, target, body, facts, camera, created_at }
}
