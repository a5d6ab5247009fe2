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

/// What was seen within this time before doors returned may be on its way into the database: what is read does not replace it.
const ON_ITS_WAY: Duration = Duration::from_secs(60);

/// Keeps `shared` in step with the events in `store`, for ever; sleeps while there is no door.
pub(super) async fn follow(shared: Arc<Shared>, store: Store) {
    let (mut doors, mut trouble) = (shared.doors.subscribe(), Trouble::default());
    let (mut seen, mut woken) = (None, Micros::now());
    loop {
        if *doors.borrow() == 0 {
            // What happens meanwhile is read again, instead of event by event.
            seen = None;
            shared.set_read(false);
            // Never an error: the sender is in `shared`.
            let _ = doors.wait_for(|doors| *doors > 0).await;
            woken = Micros::now();
        }
        match catch_up(&shared, &store, seen, woken).await {
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

/// Reads what is newer than the event with the number `seen`, or how everybody has passed last, for doors that are there since
/// `woken`; returns the newest number.
async fn catch_up(shared: &Shared, store: &Store, seen: Option<i64>, woken: Micros) -> Result<i64, StoreError> {
    let now = Micros::now();
    let from = Micros(now.0.saturating_sub(micros(shared.forget_after)).max(0));
    let Some(mut seen) = seen else {
        // The number first: what is written meanwhile is read twice rather than not at all.
        let newest = store.newest_event_seq().await?;
        let movements = store.newest_movements(from).await?;
        // What was corrected while nobody followed is not to be heard of any more.
        shared.forget_until(Micros(woken.0.saturating_sub(micros(ON_ITS_WAY))));
        movements.iter().for_each(|movement| hear_movement(shared, movement, now));
        return Ok(newest);
    };
    loop {
        let events = store.events_since(seen, AT_ONCE).await?;
        for numbered in &events {
            let event = &numbered.event;
            for person in hear_event(shared, event, now) {
                let movements = store.newest_movements_of(person, from).await?;
                shared.forget_way_of(event.door_group.as_deref().unwrap_or_default(), person, event.last_seen_at);
                movements.iter().for_each(|movement| hear_movement(shared, movement, now));
            }
            seen = numbered.seq;
        }
        if events.len() < AT_ONCE as usize {
            return Ok(seen);
        }
    }
}

fn hear_movement(shared: &Shared, movement: &Movement, now: Micros) {
    if let Some(direction) = direction_of(&movement.direction) {
        let way = Way { direction, began: movement.started_at, seen: movement.last_seen_at };
        shared.heard(&movement.door_group, movement.person, way, now);
    }
}

/// Returns those of whom it is not certain any more how they passed last: the event says otherwise now.
#[must_use]
pub(super) fn hear_event(shared: &Shared, event: &Event, now: Micros) -> Vec<PersonId> {
    let (Some(group), Some(direction)) = (&event.door_group, event.direction.as_deref().and_then(direction_of)) else {
        return Vec::new();
    };
    if event.status != "PASS" {
        return Vec::new();
    }
    let way = Way { direction, began: event.started_at, seen: event.last_seen_at };
    let was = event.correction.as_ref().and_then(|correction| correction.was_person_id).map(PersonId);
    let person = event.person_id.map(PersonId);
    let doubtful = shared.doubtful(group, person, was, way);
    if let Some(person) = person {
        shared.heard(group, person, way, now);
    }
    doubtful
}

fn direction_of(text: &str) -> Option<Direction> {
    [Direction::In, Direction::Out].into_iter().find(|direction| direction.as_str() == text)
}
