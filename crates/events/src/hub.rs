//! One stream of messages, many listeners, each with a choice of its own.
use std::collections::HashMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};

use tokio::sync::watch;

use crate::choice::{Choice, Form};
use crate::memory::Memory;
use crate::message::{Message, Wire};
use crate::queue::{Queue, Take};
use crate::viewer_count::ViewerCount;

/// Gives every message to all who want it. Knows nothing of sockets: a connection joins, and carries what its
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
    state: Mutex<State>,
    /// How many viewers want frames.
    lookers: watch::Sender<usize>,
    dropped: AtomicU64,
}

#[derive(Debug, Default)]
struct State {
    /// Counts messages and viewers alike, so that it is known which came first.
    next: u64,
    viewers: HashMap<u64, Arc<Viewer>>,
    memory: Memory,
}

/// One viewer; its key says since when it is here.
#[derive(Debug)]
struct Viewer {
    choice: Choice,
    queue: Queue,
}

/// What a client of the hub came for.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum ClientKind {
    /// Wants the messages of its choice.
    Viewer(Choice),
    /// Sends messages and does not want its own back: it gets only the number of viewers that want frames, as
    /// `{"type":"viewers","count":N}`, when it joins and whenever a viewer comes or goes.
    Publisher,
}

impl Hub {
    /// A hub with nobody in it.
    #[must_use]
    pub fn new() -> Hub {
        let room = Room { state: Mutex::default(), lookers: watch::Sender::new(0), dropped: AtomicU64::new(0) };
        Hub { room: Arc::new(room) }
    }

    /// Gives `message` to every viewer that wants it, in the form that it wants, and remembers it for those who come later.
    /// Makes the forms that are wanted, which may take milliseconds. Never waits for a viewer: one that is slow loses the oldest of
    /// what waits for it.
    pub fn send(&self, message: &Message) {
        let (number, wanted) = self.room.note(message);
        // Outside the lock: one camera's picture must not hold up another's.
        for form in wanted {
            message.wire(form);
        }
        self.room.deliver(message, number);
    }

    /// Takes a seat. A viewer gets how things stand, as far as it wants to know, and then what is sent from now on. Makes
    /// pictures for that, which may take milliseconds.
    #[must_use]
    pub fn join(&self, kind: ClientKind) -> Seat {
        let room = Arc::downgrade(&self.room);
        match kind {
            ClientKind::Viewer(choice) => {
                let (number, viewer) = self.room.admit(choice);
                Seat { room, inbox: Inbox::Viewer { number, viewer } }
            }
            ClientKind::Publisher => {
                let mut lookers = self.room.lookers.subscribe();
                // The count as it stands is news to who has just come.
                lookers.mark_changed();
                Seat { room, inbox: Inbox::Publisher(lookers) }
            }
        }
    }

    /// Forgets what it remembers of a camera that is no more.
    pub fn forget_camera(&self, camera: &str) {
        self.room.state().memory.forget(camera);
    }

    /// How many viewers there are now; publishers are not counted.
    #[must_use]
    pub fn viewers(&self) -> usize {
        self.room.state().viewers.len()
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

impl Room {
    /// Remembers `message`. Returns its number, and the forms in which somebody wants it now.
    fn note(&self, message: &Message) -> (u64, Vec<Form>) {
        let mut state = self.state();
        state.memory.note(message);
        let wanted = |form: &Form| state.viewers.values().any(|v| v.choice.form == *form && v.choice.fits(message));
        let forms = Form::ALL.into_iter().filter(wanted).collect();
        (state.number(), forms)
    }

    /// Gives `message` to who was here when it came. Who has come since has it already, see [`admit`](Self::admit).
    fn deliver(&self, message: &Message, number: u64) {
        let state = self.state();
        let here = state.viewers.iter().filter(|(since, viewer)| **since < number && viewer.choice.fits(message));
        let lost: u64 =
            here.filter_map(|(_, viewer)| Some(viewer.queue.put(message, message.ready(viewer.choice.form)?))).sum();
        drop(state);
        self.dropped.fetch_add(lost, Ordering::Relaxed);
    }

    /// Lets a viewer in and gives it how things stand.
    fn admit(&self, choice: Choice) -> (u64, Arc<Viewer>) {
        let viewer = Arc::new(Viewer { choice, queue: Queue::default() });
        let choice = &viewer.choice;
        let mut state = self.state();
        let number = state.number();
        state.viewers.insert(number, viewer.clone());
        let (passages, frames) = match choice.catch_up {
            true => (state.memory.passages(choice), state.memory.frames(choice)),
            false => Default::default(),
        };
        for passage in passages {
            passage.wire(choice.form).map(|wire| viewer.queue.put(&passage, wire));
        }
        drop(state);

        if choice.wants_frames() {
            self.lookers.send_modify(|lookers| *lookers += 1);
        }
        // Outside the lock, since pictures are made. What has been delivered meanwhile is newer.
        for frame in frames {
            if let Some(wire) = frame.wire(choice.form) {
                viewer.queue.put_first(&frame, wire);
            }
        }
        (number, viewer)
    }

    fn dismiss(&self, number: u64) {
        let viewer = self.state().viewers.remove(&number);
        if viewer.is_some_and(|viewer| viewer.choice.wants_frames()) {
            self.lookers.send_modify(|lookers| *lookers -= 1);
        }
    }

    /// Whole after every statement, so a panic elsewhere does not spoil it.
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Room {
    fn drop(&mut self) {
        self.state().viewers.values().for_each(|viewer| viewer.queue.close());
    }
}

impl State {
    fn number(&mut self) -> u64 {
        self.next += 1;
        self.next
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
    Viewer { number: u64, viewer: Arc<Viewer> },
    Publisher(watch::Receiver<usize>),
}

impl Seat {
    /// The next message for this client, `None` once the hub has ended. Cancel safe: a call given up loses nothing.
    pub async fn next(&mut self) -> Option<Wire> {
        match &mut self.inbox {
            Inbox::Viewer { viewer, .. } => viewer.queue.next(Take::Everything).await,
            Inbox::Publisher(lookers) => {
                lookers.changed().await.ok()?;
                let count = *lookers.borrow_and_update();
                Some(Wire::Text(ViewerCount(count).to_message()))
            }
        }
    }
}

impl Drop for Seat {
    fn drop(&mut self) {
        if let (Inbox::Viewer { number, .. }, Some(room)) = (&self.inbox, self.room.upgrade()) {
            room.dismiss(*number);
        }
    }
}
