use std::sync::Arc;
use std::time::Duration;

use camera::Direction;
use store::{Event, Micros, Movement, PersonId, Store, StoreError};
use tokio::time::sleep;

use super::{Shared, Way, micros};
use crate::trouble::Trouble;

/// How often other processes' events are looked for.
const LOOK_EVERY: Duration = Duration::from_millis(500);

/// Events that are read at a time.
const AT_ONCE: u32 = 500;

/// Keeps `shared` in step with the events in `store`, for ever; sleeps while there is no door.
pub(super) async fn follow(shared: Arc<Shared>, store: Store) {
    let (mut doors, mut trouble) = (shared.doors.subscribe(), Trouble::default());
    let mut seen = None;
    loop {
        if *doors.borrow() == 0 {
            // What happens meanwhile is read again, instead of event by event.
            seen = None;
            shared.set_read(false);
            // Never an error: the sender is in `shared`.
            let _ = doors.wait_for(|doors| *doors > 0).await;
        }
        match catch_up(&shared, &store, seen).await {
            Ok(newest) => {
                seen = Some(newest);
                shared.set_read(true);
                if trouble.over() {
                    tracing::info!("the events of other nodes are read again: who is inside is up to date");
                }
            }
            Err(error) => {
                if trouble.failed() {
                    tracing::warn!(%error, "who is inside is known from memory: the database is away");
                }
            }
        }
        shared.forget(Micros::now());
        sleep(LOOK_EVERY).await;
    }
}

/// Reads what is newer than the event with the number `seen`, or how everybody has passed last; returns the newest number.
async fn catch_up(shared: &Shared, store: &Store, seen: Option<i64>) -> Result<i64, StoreError> {
    let Some(mut seen) = seen else {
        // The number first: what is written meanwhile is read twice rather than not at all.
        let newest = store.newest_event_seq().await?;
        let from = Micros(Micros::now().0.saturating_sub(micros(shared.forget_after)).max(0));
        store.newest_movements(from).await?.iter().for_each(|movement| hear_movement(shared, movement));
        return Ok(newest);
    };
    loop {
        let events = store.events_since(seen, AT_ONCE).await?;
        for numbered in &events {
            hear_event(shared, &numbered.event);
            seen = numbered.seq;
        }
        if events.len() < AT_ONCE as usize {
            return Ok(seen);
        }
    }
}

fn hear_movement(shared: &Shared, movement: &Movement) {
    if let Some(direction) = direction_of(&movement.direction) {
        let way = Way { direction, began: movement.started_at, seen: movement.last_seen_at };
        shared.heard(&movement.door_group, movement.person, way);
    }
}

pub(super) fn hear_event(shared: &Shared, event: &Event) {
    let (Some(group), Some(direction)) = (&event.door_group, event.direction.as_deref().and_then(direction_of)) else {
        return;
    };
    if event.status != "PASS" {
        return;
    }
    let way = Way { direction, began: event.started_at, seen: event.last_seen_at };
    if let Some(was) = event.correction.as_ref().and_then(|correction| correction.was_person_id)
        && Some(was) != event.person_id
    {
        shared.taken_back(group, PersonId(was), way);
    }
    if let Some(person) = event.person_id {
        shared.heard(group, PersonId(person), way);
    }
}

fn direction_of(text: &str) -> Option<Direction> {
    [Direction::In, Direction::Out].into_iter().find(|direction| direction.as_str() == text)
}
