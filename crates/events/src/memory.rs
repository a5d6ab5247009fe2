use std::collections::{HashMap, VecDeque};
use std::sync::Arc;
use std::time::{Duration, Instant};

use crate::choice::{Choice, Form};
use crate::message::{About, Message, Subject};

/// What others' cameras have shown is forgotten after this: who publishes says so again while somebody looks.
pub(crate) const KEPT_FROM_OTHERS: Duration = Duration::from_secs(60);
/// Others' cameras that are remembered, and how many bytes of their frames.
const CAMERAS_OF_OTHERS: usize = 64;
const BYTES_OF_OTHERS: usize = 32 << 20;
/// Passages that may go on at the same time.
const PASSAGES: usize = 256;
/// A passage is told of every few seconds while it goes on; when nothing was heard for so long, whoever told of it is gone.
const LONGEST_PASSAGE: Duration = Duration::from_secs(30);

/// How things stand, for viewers that come later: the newest frame of each camera, and the passages that go on.
#[derive(Debug, Default)]
pub(crate) struct Memory {
    newest: HashMap<Arc<str>, Remembered>,
    passages: VecDeque<Remembered>,
}

#[derive(Debug)]
struct Remembered {
    message: Message,
    at: Instant,
}

impl Memory {
    /// Takes note of `message`.
    pub(crate) fn note(&mut self, message: &Message) {
        match &message.about().subject {
            Subject::Frame { .. } => self.note_frame(message),
            Subject::Passage { id, is_over } => self.note_passage(message, id, *is_over),
            Subject::Other => {}
        }
    }

    /// Forgets a camera that is no more.
    pub(crate) fn forget(&mut self, camera: &str) {
        self.newest.remove(camera);
        self.passages.retain(|passage| *passage.message.about().camera != *camera);
    }

    /// The newest frames that a viewer of this choice wants to see.
    pub(crate) fn frames(&self, choice: &Choice) -> Vec<Message> {
        let frames = self.newest.values().filter(|kept| kept.is_remembered());
        frames.map(|kept| kept.message.clone()).filter(|message| choice.fits(message)).collect()
    }

    /// The passages going on that a viewer of this choice wants to know of, the oldest first.
    pub(crate) fn passages(&self, choice: &Choice) -> Vec<Message> {
        let passages = self.passages.iter().filter(|passage| passage.at.elapsed() < LONGEST_PASSAGE);
        passages.map(|passage| passage.message.clone()).filter(|message| choice.fits(message)).collect()
    }

    fn note_frame(&mut self, message: &Message) {
        let camera = &message.about().camera;
        // Nobody else speaks for a camera of this process.
        if !message.is_seen_here() && self.newest.get(camera).is_some_and(|kept| kept.message.is_seen_here()) {
            return;
        }
        self.newest.insert(camera.clone(), Remembered { message: message.clone(), at: Instant::now() });
        if !message.is_seen_here() {
            self.bound_others();
        }
    }

    fn bound_others(&mut self) {
        self.newest.retain(|_, kept| kept.is_remembered());
        loop {
            let others = || self.newest.iter().filter(|(_, kept)| !kept.message.is_seen_here());
            let bytes: usize = others().map(|(_, kept)| kept.size()).sum();
            if others().count() <= CAMERAS_OF_OTHERS && bytes <= BYTES_OF_OTHERS {
                return;
            }
            let Some(oldest) = others().min_by_key(|(_, kept)| kept.at).map(|(camera, _)| camera.clone()) else {
                return;
            };
            self.newest.remove(&oldest);
        }
    }

    fn note_passage(&mut self, message: &Message, id: &str, is_over: bool) {
        let camera = &message.about().camera;
        self.passages.retain(|kept| match kept.message.about() {
            About { camera: other, subject: Subject::Passage { id: other_id, .. } } => {
                other != camera || other_id != id
            }
            _ => false,
        });
        if is_over {
            return;
        }
        if self.passages.len() >= PASSAGES {
            self.passages.pop_front();
        }
        self.passages.push_back(Remembered { message: message.clone(), at: Instant::now() });
    }
}

impl Remembered {
    /// A camera of this process is remembered until it is no more.
    fn is_remembered(&self) -> bool {
        self.message.is_seen_here() || self.at.elapsed() < KEPT_FROM_OTHERS
    }

    /// Bytes of a text.
    fn size(&self) -> usize {
        self.message.ready(Form::Json).map_or(0, |wire| wire.size())
    }
}
