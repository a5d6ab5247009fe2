use std::sync::Arc;
use std::time::Duration;

use store::Store;
use tokio::sync::watch;
use tokio::time::sleep;

use super::memory::Memory;
use crate::trouble::Trouble;

/// Events that are written at once: one commit for all.
const AT_ONCE: usize = 100;

const RETRY: Duration = Duration::from_millis(500);

/// The task that moves events from memory into the database. Retries for ever; ends when asked to stop and nothing is left.
pub(super) struct Writer {
    store: Store,
    memory: Arc<Memory>,
    newest: watch::Sender<i64>,
    stopped: watch::Receiver<bool>,
    trouble: Trouble,
}

impl Writer {
    /// `newest` hears the number of each change that was written.
    pub fn new(store: Store, memory: Arc<Memory>, newest: watch::Sender<i64>, stopped: watch::Receiver<bool>) -> Self {
        Self { store, memory, newest, stopped, trouble: Trouble::default() }
    }

    pub async fn run(mut self) {
        loop {
            self.write_all().await;
            tokio::select! {
                () = self.memory.added() => {}
                // The error says that the history is gone.
                _ = self.stopped.wait_for(|stop| *stop) => break,
            }
        }
        self.write_all().await;
    }

    async fn write_all(&mut self) {
        loop {
            let events = self.memory.take(AT_ONCE);
            if events.is_empty() {
                return;
            }
            match self.store.put_events(&events).await {
                Ok(newest) => {
                    self.memory.written(&events);
                    self.newest.send_if_modified(|known| std::mem::replace(known, newest.max(*known)) < newest);
                    if self.trouble.over() {
                        tracing::info!("events are written again");
                    }
                }
                Err(error) => {
                    self.memory.give_back(events);
                    if self.trouble.failed() {
                        let waiting = self.memory.len();
                        tracing::error!(%error, waiting, "events cannot be written; they are kept in memory and would be lost if the process ended");
                    }
                    sleep(RETRY).await;
                }
            }
        }
    }
}
