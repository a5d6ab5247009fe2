use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::Notify;

use crate::message::{About, Message, Subject, Wire};

/// Frames of one camera kept for a client that is slow. Few, because what it would get later is the past: at 15 frames a
/// second four of them are a quarter of a second.
const KEPT_FRAMES: usize = 4;
/// The same for all cameras together.
const KEPT_ALTOGETHER: usize = 64;
/// Bytes of frames kept for one client; one frame is kept however large.
const KEPT_BYTES: usize = 32 << 20;
/// Passages kept for a client that is slow: each of them matters, and they are small.
const KEPT_PASSAGES: usize = 256;

/// What waits for one client: the newest frames of each camera, and, ahead of them, the passages. Who puts never waits;
/// what finds no room takes the place of the oldest.
#[derive(Debug, Default)]
pub(crate) struct Queue {
    waiting: Mutex<Waiting>,
    changed: Notify,
}

#[derive(Debug, Default)]
struct Waiting {
    passages: VecDeque<Wire>,
    frames: VecDeque<(Arc<str>, Wire)>,
    is_closed: bool,
}

/// What may be taken out of a queue.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Take {
    /// Passages before frames.
    Everything,
    /// Passages stay.
    Frames,
}

impl Queue {
    /// Puts `wire`, a form of `message`, at the end. Returns how many others were lost for it.
    pub(crate) fn put(&self, message: &Message, wire: Wire) -> u64 {
        let About { camera, subject } = message.about();
        let mut waiting = self.lock();
        let lost = match subject {
            Subject::Passage { .. } => waiting.put_passage(wire),
            Subject::Frame { .. } | Subject::Other => waiting.put_frame(camera.clone(), wire),
        };
        drop(waiting);
        self.changed.notify_one();
        lost
    }

    /// Puts a camera's newest frame before all others, unless there are frames of that camera, which are newer.
    pub(crate) fn put_first(&self, message: &Message, wire: Wire) {
        let camera = &message.about().camera;
        let mut waiting = self.lock();
        if !waiting.frames.iter().any(|(other, _)| other == camera) {
            waiting.frames.push_front((camera.clone(), wire));
        }
        drop(waiting);
        self.changed.notify_one();
    }

    /// Nothing comes any more; what is there can still be taken.
    pub(crate) fn close(&self) {
        self.lock().is_closed = true;
        self.changed.notify_one();
    }

    /// Waits for what is next, `None` once the queue is closed and empty. For one taker at a time; cancel safe.
    pub(crate) async fn next(&self, take: Take) -> Option<Wire> {
        loop {
            {
                let mut waiting = self.lock();
                match waiting.take(take) {
                    Some(wire) => return Some(wire),
                    None if waiting.is_closed => return None,
                    None => {}
                }
            }
            // A change between the look and the wait is kept as a permit.
            self.changed.notified().await;
        }
    }

    /// Whole after every statement, so a panic elsewhere does not spoil it.
    fn lock(&self) -> MutexGuard<'_, Waiting> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Waiting {
    fn put_passage(&mut self, wire: Wire) -> u64 {
        let is_full = self.passages.len() >= KEPT_PASSAGES;
        if is_full {
            self.passages.pop_front();
        }
        self.passages.push_back(wire);
        is_full.into()
    }

    fn put_frame(&mut self, camera: Arc<str>, wire: Wire) -> u64 {
        let of_camera = |(other, _): &(Arc<str>, Wire)| *other == camera;
        let mut lost = 0;
        if self.frames.iter().filter(|frame| of_camera(frame)).count() >= KEPT_FRAMES
            && let Some(oldest) = self.frames.iter().position(of_camera)
        {
            self.frames.remove(oldest);
            lost += 1;
        }
        self.frames.push_back((camera, wire));
        let mut bytes: usize = self.frames.iter().map(|(_, wire)| wire.size()).sum();
        while self.frames.len() > KEPT_ALTOGETHER || (bytes > KEPT_BYTES && self.frames.len() > 1) {
            bytes -= self.frames.pop_front().map_or(0, |(_, wire)| wire.size());
            lost += 1;
        }
        lost
    }

    fn take(&mut self, take: Take) -> Option<Wire> {
        let passage = (take == Take::Everything).then(|| self.passages.pop_front()).flatten();
        passage.or_else(|| self.frames.pop_front().map(|(_, wire)| wire))
    }
}
