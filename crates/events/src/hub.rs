//! One stream of text messages, many listeners.
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Weak};

use tokio::sync::broadcast::error::RecvError;
use tokio::sync::{broadcast, watch};

use crate::Msg;
use crate::viewer_count::ViewerCount;

/// Messages kept for a viewer that is slow. Few, because what it would get later is the past: at 15 frames a second
/// four of them are a quarter of a second.
const KEPT_FOR_SLOW_VIEWERS: usize = 4;

/// Gives every message to all who listen. Knows nothing of sockets: a connection joins, and carries what its
/// [`Seat`] yields.
///
/// Clones are the same hub. When the last clone is dropped the hub has ended: every seat yields what is left to it, then
/// `None`.
#[derive(Clone, Debug)]
pub struct Hub {
    room: Arc<Room>,
}

#[derive(Debug)]
struct Room {
    messages: broadcast::Sender<Msg>,
    viewers: watch::Sender<usize>,
    dropped: AtomicU64,
}

/// What a client of the hub came for.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum ClientKind {
    /// Wants every message.
    Viewer,
    /// Sends messages and does not want its own back: it gets only the number of viewers, as
    /// `{"type":"viewers","count":N}`, when it joins and whenever that number changes.
    Publisher,
}

impl Hub {
    /// A hub with nobody in it.
    #[must_use]
    pub fn new() -> Hub {
        let room = Room {
            messages: broadcast::Sender::new(KEPT_FOR_SLOW_VIEWERS),
            viewers: watch::Sender::new(0),
            dropped: AtomicU64::new(0),
        };
        Hub { room: Arc::new(room) }
    }

    /// Gives `message` to every viewer. Never waits: a viewer that has not taken its last few messages loses the
    /// oldest of them. Without viewers the message is gone.
    pub fn broadcast(&self, message: impl Into<Msg>) {
        // The error says that nobody listens, which is no fault.
        let _ = self.room.messages.send(message.into());
    }

    /// Takes a seat. A viewer gets the messages broadcast from now on.
    #[must_use]
    pub fn join(&self, kind: ClientKind) -> Seat {
        let inbox = match kind {
            ClientKind::Viewer => {
                let messages = self.room.messages.subscribe();
                self.room.viewers.send_modify(|viewers| *viewers += 1);
                Inbox::Messages(messages)
            }
            ClientKind::Publisher => {
                let mut viewers = self.room.viewers.subscribe();
                // The count as it stands is news to who has just come.
                viewers.mark_changed();
                Inbox::Viewers(viewers)
            }
        };
        Seat { room: Arc::downgrade(&self.room), inbox }
    }

    /// How many viewers there are now; publishers are not counted.
    #[must_use]
    pub fn viewers(&self) -> usize {
        *self.room.viewers.borrow()
    }

    /// The number of viewers as it changes, for a producer that makes pictures only while somebody looks.
    #[must_use]
    pub fn watch_viewers(&self) -> watch::Receiver<usize> {
        self.room.viewers.subscribe()
    }

    /// How many messages slow viewers have lost since the hub began, all viewers together.
    #[must_use]
    pub fn dropped(&self) -> u64 {
        self.room.dropped.load(Ordering::Relaxed)
    }
}

impl Default for Hub {
    fn default() -> Self {
        Hub::new()
    }
}

/// One client's place in the [`Hub`]; it leaves when dropped.
#[derive(Debug)]
pub struct Seat {
    /// Weak, so that open connections do not keep a hub alive that its owner has dropped.
    room: Weak<Room>,
    inbox: Inbox,
}

#[derive(Debug)]
enum Inbox {
    Messages(broadcast::Receiver<Msg>),
    Viewers(watch::Receiver<usize>),
}

impl Seat {
    /// The next message for this client, `None` once the hub has ended. Cancel safe: a call given up loses nothing.
    pub async fn next(&mut self) -> Option<Msg> {
        match &mut self.inbox {
            Inbox::Messages(messages) => loop {
                match messages.recv().await {
                    Ok(message) => return Some(message),
                    Err(RecvError::Lagged(lost)) => count_dropped(&self.room, lost),
                    Err(RecvError::Closed) => return None,
                }
            },
            Inbox::Viewers(viewers) => {
                viewers.changed().await.ok()?;
                let count = *viewers.borrow_and_update();
                Some(ViewerCount(count).to_message())
            }
        }
    }
}

fn count_dropped(room: &Weak<Room>, lost: u64) {
    if let Some(room) = room.upgrade() {
        room.dropped.fetch_add(lost, Ordering::Relaxed);
    }
}

impl Drop for Seat {
    fn drop(&mut self) {
        if let (Inbox::Messages(_), Some(room)) = (&self.inbox, self.room.upgrade()) {
            room.viewers.send_modify(|viewers| *viewers -= 1);
        }
    }
}
