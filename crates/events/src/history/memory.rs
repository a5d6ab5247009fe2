//! States of events on their way into the database.
use std::collections::{HashMap, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use store::Event;
use tokio::sync::{Notify, broadcast};

use super::pictures::Kept;
use super::view::{EventView, PassageNews, Phase};
use crate::trouble::Trouble;

/// Events that wait while the database is away.
const MOST_KEPT: usize = 10_000;

/// Passages that a slow listener may be behind before it misses some.
const LISTENERS_BEHIND: usize = 256;

/// The newest state of each event that lasts, or is not in the database yet: however often one changes while the database
/// is away, it waits once.
#[derive(Debug)]
pub(super) struct Memory {
    held: Mutex<Held>,
    added: Notify,
    news: broadcast::Sender<PassageNews>,
}

#[derive(Debug, Default)]
struct Held {
    records: HashMap<String, Record>,
    /// Ids of the records to be written, in order.
    waiting: VecDeque<String>,
    overflow: Trouble,
}

#[derive(Debug)]
struct Record {
    event: Event,
    is_waiting: bool,
    /// Pictures of it that are being made.
    pictures: u32,
}

impl Memory {
    pub fn new() -> Self {
        Self { held: Mutex::default(), added: Notify::new(), news: broadcast::Sender::new(LISTENERS_BEHIND) }
    }

    /// Hears of every state from now on.
    pub fn subscribe(&self) -> broadcast::Receiver<PassageNews> {
        self.news.subscribe()
    }

    /// Puts the newest state of an event in the place of the one before. `picture`: one is about to be made, and
    /// [`pictured`](Self::pictured) will be called.
    pub fn put(&self, mut event: Event, phase: Phase, picture: bool) -> PassageNews {
        let mut held = self.held();
        let id = event.id.clone();
        let before = held.records.remove(&id);
        let (is_waiting, pictures) = before.as_ref().map_or((false, 0), |before| (before.is_waiting, before.pictures));
        if let Some(before) = before {
            event.has_face |= before.event.has_face;
            event.has_frame |= before.event.has_frame;
        }
        let news = self.tell(phase, &event);
        held.records.insert(id.clone(), Record { event, is_waiting, pictures: pictures + u32::from(picture) });
        held.wait(&id);
        drop(held);
        self.added.notify_one();
        news
    }

    /// The pictures of an event have been made, or could not be.
    pub fn pictured(&self, id: &str, kept: Kept) {
        let mut held = self.held();
        let Some(record) = held.records.get_mut(id) else { return };
        record.pictures = record.pictures.saturating_sub(1);
        let event = &mut record.event;
        let is_news = (kept.face && !event.has_face) || (kept.frame && !event.has_frame);
        event.has_face |= kept.face;
        event.has_frame |= kept.frame;
        if is_news {
            self.tell(if event.ended { Phase::End } else { Phase::Update }, event);
            held.wait(id);
        } else {
            held.forget_if_done(id);
        }
        drop(held);
        self.added.notify_one();
    }

    /// Waits until something was added.
    pub async fn added(&self) {
        self.added.notified().await;
    }

    /// How many events wait.
    pub fn len(&self) -> usize {
        self.held().waiting.len()
    }

    /// Takes up to `most` states that are to be written, the oldest first.
    pub fn take(&self, most: usize) -> Vec<Event> {
        let held = &mut *self.held();
        let count = most.min(held.waiting.len());
        let ids = held.waiting.drain(..count);
        let records = &mut held.records;
        let take = |id: String| {
            let record = records.get_mut(&id)?;
            record.is_waiting = false;
            Some(record.event.clone())
        };
        ids.filter_map(take).collect()
    }

    /// These have been written.
    pub fn written(&self, events: &[Event]) {
        let mut held = self.held();
        events.iter().for_each(|event| held.forget_if_done(&event.id));
    }

    /// These could not be written: they wait again, before all others, unless there is a newer state.
    pub fn give_back(&self, events: Vec<Event>) {
        let mut held = self.held();
        for event in events.into_iter().rev() {
            let id = event.id.clone();
            let record = held.records.entry(id.clone()).or_insert(Record { event, is_waiting: false, pictures: 0 });
            if !record.is_waiting {
                record.is_waiting = true;
                held.waiting.push_front(id);
            }
        }
    }

    /// Nobody may be listening.
    fn tell(&self, phase: Phase, event: &Event) -> PassageNews {
        let news = PassageNews { phase, event: Arc::new(EventView::of(event)) };
        let _ = self.news.send(news.clone());
        news
    }

    fn held(&self) -> MutexGuard<'_, Held> {
        self.held.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Held {
    /// Puts a record last among those that wait, unless it waits already; if need be at the cost of the oldest.
    fn wait(&mut self, id: &str) {
        let Some(record) = self.records.get_mut(id) else { return };
        if std::mem::replace(&mut record.is_waiting, true) {
            return;
        }
        self.waiting.push_back(id.to_owned());
        if self.waiting.len() > MOST_KEPT {
            self.lose_oldest();
        }
    }

    fn lose_oldest(&mut self) {
        let Some(id) = self.waiting.pop_front() else { return };
        if let Some(record) = self.records.get_mut(&id) {
            record.is_waiting = false;
            self.forget_if_done(&id);
        }
        if self.overflow.failed() {
            tracing::error!(
                kept = MOST_KEPT,
                "events: the database has been away too long, the oldest events in memory are being lost"
            );
        }
    }

    /// Forgets a record about which nothing more is to come.
    fn forget_if_done(&mut self, id: &str) {
        let is_done = |record: &Record| record.event.ended && !record.is_waiting && record.pictures == 0;
        if self.records.get(id).is_some_and(is_done) {
            self.records.remove(id);
        }
    }
}

#[cfg(test)]
mod tests {
    use store::Micros;

    use super::*;

    fn event(id: usize, quality: f64, ended: bool) -> Event {
        Event {
            id: id.to_string(),
            person_id: None,
            person: None,
            status: "REJECT".to_owned(),
            reason: None,
            camera: "door".to_owned(),
            direction: None,
            node: "gate".to_owned(),
            track: None,
            distance: None,
            raw_distance: None,
            quality: Some(quality),
            started_at: Micros(0),
            passed_at: None,
            last_seen_at: Micros(0),
            ended,
            has_face: false,
            has_frame: false,
            decision: "{}".to_owned(),
            door_group: None,
            visitor: None,
            face: None,
            correction: None,
        }
    }

    fn taken(memory: &Memory) -> Vec<(String, f64)> {
        memory.take(10).into_iter().map(|event| (event.id, event.quality.unwrap())).collect()
    }

    #[test]
    fn an_event_that_changes_while_it_waits_is_written_once_in_its_newest_state() {
        let memory = Memory::new();
        for (id, quality) in [(1, 1.0), (2, 1.0), (1, 2.0)] {
            memory.put(event(id, quality, false), Phase::Update, false);
        }
        assert_eq!(taken(&memory), [("1".to_owned(), 2.0), ("2".to_owned(), 1.0)]);
        assert!(taken(&memory).is_empty());
    }

    #[test]
    fn what_could_not_be_written_waits_before_the_rest_and_gives_way_to_newer_states() {
        let memory = Memory::new();
        memory.put(event(1, 1.0, true), Phase::End, false);
        memory.put(event(2, 1.0, false), Phase::Start, false);
        let failed = memory.take(10);
        memory.put(event(3, 1.0, false), Phase::Start, false);
        memory.put(event(2, 2.0, false), Phase::Update, false);
        memory.give_back(failed);
        assert_eq!(taken(&memory), [("1".to_owned(), 1.0), ("3".to_owned(), 1.0), ("2".to_owned(), 2.0)]);
    }

    #[test]
    fn a_picture_that_is_made_after_the_end_is_told_and_then_the_event_is_forgotten() {
        let memory = Memory::new();
        let mut news = memory.subscribe();
        memory.put(event(1, 1.0, true), Phase::End, true);
        memory.written(&memory.take(10));
        memory.pictured("1", Kept { face: true, frame: true });
        let written = memory.take(10);
        assert!(written[0].has_face && written[0].has_frame && written[0].ended);
        memory.written(&written);
        assert!(memory.held().records.is_empty());
        assert_eq!(news.try_recv().unwrap().phase, Phase::End);
        let told = serde_json::to_value(news.try_recv().unwrap()).unwrap();
        assert_eq!((&told["phase"], &told["face"]), (&"end".into(), &"/api/v1/events/1/face.jpg".into()));
    }

    #[test]
    fn memory_is_bounded_and_loses_the_oldest() {
        let memory = Memory::new();
        for id in 0..MOST_KEPT + 5 {
            memory.put(event(id, 1.0, true), Phase::End, false);
        }
        assert_eq!((memory.len(), memory.held().records.len()), (MOST_KEPT, MOST_KEPT));
        assert_eq!(taken(&memory)[0].0, "5");
    }
}
