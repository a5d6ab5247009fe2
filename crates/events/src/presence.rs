//! Who is inside each door group.
mod follow;

#[cfg(test)]
mod tests;

use std::collections::HashMap;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, OnceLock, PoisonError};
use std::time::{Duration, Instant};

use camera::Direction;
use store::{Micros, Movement, PersonId, Store};
use tokio::sync::watch;
use tokio::task::JoinSet;

use self::follow::follow;

/// Whoever is seen again within this time is still on the same way in: before the same camera, or another one of the door.
/// The same time after which a passage is over.
const SAME_WAY: Duration = Duration::from_secs(10);

/// A door that is asked for the first time waits so long for what was before.
const LONGEST_WAIT: Duration = Duration::from_millis(500);

/// Who is inside each door group, as far as this process knows: by what its own cameras let pass, at once, and by the events of
/// others. Cheap to clone; all clones are one.
///
/// A task reads the events, as long as any [`Door`] is there: at its start how everybody has passed last, then what is new,
/// twice a second. While the database is away it retries, and what is in memory counts. It ends with the last clone.
#[derive(Clone, Debug)]
pub struct Presence {
    shared: Arc<Shared>,
    _follower: Arc<JoinSet<()>>,
}

/// A camera at which people enter a door group, or leave it.
#[derive(Debug)]
pub struct Door {
    shared: Arc<Shared>,
    group: Arc<str>,
    direction: Direction,
    /// When it was asked first.
    asked: OnceLock<Instant>,
}

#[derive(Debug)]
struct Shared {
    forget_after: Duration,
    ways: Mutex<HashMap<(Arc<str>, PersonId), Way>>,
    /// How many doors there are.
    doors: watch::Sender<usize>,
    /// Whether it is known what was before.
    is_read: Mutex<bool>,
    read: Condvar,
}

/// The newest way of a person, into a door group or out of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Way {
    direction: Direction,
    /// When it began.
    began: Micros,
    /// The last sight.
    seen: Micros,
}

impl Way {
    /// Whether a clock that is wrong says so: it counts no more than if it had never been seen.
    fn is_ahead(&self, now: Micros) -> bool {
        self.began.max(self.seen) > Movement::latest(now)
    }

    /// Whether it is the way of which an event says that it went on from `began` to `seen`.
    fn is_of(&self, Way { direction, began, seen }: Way) -> bool {
        self.direction == direction && began <= self.began && self.began <= seen
    }
}

impl Presence {
    /// Follows the events of `store` as soon as there is a door. Who entered longer than `forget_after` ago is outside again.
    /// Must be called within a tokio runtime.
    pub fn start(store: Store, forget_after: Duration) -> Self {
        let shared = Arc::new(Shared::new(forget_after));
        let mut follower = JoinSet::new();
        follower.spawn(follow(Arc::clone(&shared), store));
        Self { shared, _follower: Arc::new(follower) }
    }

    /// A camera of `group`.
    pub fn door(&self, group: &str, direction: Direction) -> Door {
        Door::new(Arc::clone(&self.shared), group, direction)
    }
}

impl Door {
    fn new(shared: Arc<Shared>, group: &str, direction: Direction) -> Self {
        shared.doors.send_modify(|doors| *doors += 1);
        Self { shared, group: group.into(), direction, asked: OnceLock::new() }
    }

    /// Since when somebody has been inside who is about to enter again; `None` for everybody who may pass. Until `let_out_at`
    /// the person was outside, whatever has been seen. Blocks for half a second at most, and only when it is asked first.
    pub(crate) fn already_inside(&self, person: PersonId, let_out_at: Option<Micros>, now: Micros) -> Option<Micros> {
        if self.direction == Direction::Out {
            return None;
        }
        let asked = self.asked.get_or_init(Instant::now);
        self.shared.wait_until_read(LONGEST_WAIT.saturating_sub(asked.elapsed()));
        let ways = self.shared.ways();
        let way = ways.get(&(Arc::clone(&self.group), person))?;
        let is_inside = way.direction == Direction::In
            && !way.is_ahead(now)
            && let_out_at.is_none_or(|out| out < way.seen)
            && now.0.saturating_sub(way.began.0) < micros(self.shared.forget_after)
            && apart(now, way.seen) > micros(SAME_WAY);
        is_inside.then_some(way.began)
    }

    /// The person was let pass here.
    pub(crate) fn passed(&self, person: PersonId, now: Micros) {
        let mut ways = self.shared.ways();
        let key = (Arc::clone(&self.group), person);
        match ways.get_mut(&key) {
            Some(way) if way.direction == self.direction && apart(now, way.seen) <= micros(SAME_WAY) => way.seen = now,
            // What is seen here and now is true, whatever a clock said before.
            _ => drop(ways.insert(key, Way { direction: self.direction, began: now, seen: now })),
        }
    }
}

#[cfg(test)]
impl Door {
    /// A door through which nobody has passed yet, and of which nobody else tells.
    pub(crate) fn alone(group: &str, direction: Direction) -> Self {
        let shared = Arc::new(Shared::new(Duration::from_hours(24)));
        shared.set_read(true);
        Self::new(shared, group, direction)
    }
}

impl Drop for Door {
    fn drop(&mut self) {
        self.shared.doors.send_modify(|doors| *doors -= 1);
    }
}

impl Shared {
    fn new(forget_after: Duration) -> Self {
        Self {
            forget_after,
            ways: Mutex::default(),
            doors: watch::Sender::new(0),
            is_read: Mutex::new(false),
            read: Condvar::new(),
        }
    }

    /// What was before is known now, or is not.
    fn set_read(&self, is_read: bool) {
        *self.is_read.lock().unwrap_or_else(PoisonError::into_inner) = is_read;
        self.read.notify_all();
    }

    fn wait_until_read(&self, longest: Duration) {
        let is_read = self.is_read.lock().unwrap_or_else(PoisonError::into_inner);
        // Whoever has waited in vain goes on with what is known.
        let _ = self.read.wait_timeout_while(is_read, longest, |is_read| !*is_read);
    }

    fn ways(&self) -> MutexGuard<'_, HashMap<(Arc<str>, PersonId), Way>> {
        // Whole after every statement, so a panic elsewhere does not spoil it.
        self.ways.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// An event says that somebody has passed. It counts unless what is known began later: events of other nodes come late,
    /// and in any order. What is ahead of this clock never counts: it would be the newest for as long as it is.
    fn heard(&self, group: &str, person: PersonId, heard: Way, now: Micros) {
        if heard.is_ahead(now) {
            return;
        }
        let mut ways = self.ways();
        match ways.get_mut(&(group.into(), person)) {
            Some(way) if way.is_ahead(now) => *way = heard,
            Some(way) if way.began > heard.began => {
                let is_same_way = way.direction == heard.direction && way.began <= heard.seen;
                if is_same_way {
                    way.seen = way.seen.max(heard.seen);
                }
            }
            Some(way) if way.direction == heard.direction && apart(heard.began, way.seen) <= micros(SAME_WAY) => {
                way.seen = way.seen.max(heard.seen);
            }
            _ => drop(ways.insert((group.into(), person), heard)),
        }
    }

    /// Whose ways rest on an event that has said before that they passed from `began` to `seen`, and says something else now:
    /// that it was `person`, and not `was`. What is right for them is to be read anew.
    fn doubtful(&self, group: &str, person: Option<PersonId>, was: Option<PersonId>, heard: Way) -> Vec<PersonId> {
        let ways = self.ways();
        // A way that is known from an event begins with it to the microsecond.
        let rests_on_it = |other: PersonId, way: &Way| {
            Some(other) != person && way.is_of(heard) && (Some(other) == was || way.began == heard.began)
        };
        let of_group = ways.iter().filter(|((of, _), _)| **of == *group);
        of_group.filter(|((_, other), way)| rests_on_it(*other, way)).map(|((_, other), _)| *other).collect()
    }

    /// Forgets how a person passed until `until`: it is read anew.
    fn forget_way_of(&self, group: &str, person: PersonId, until: Micros) {
        let mut ways = self.ways();
        let key = (Arc::from(group), person);
        if ways.get(&key).is_some_and(|way| way.began <= until) {
            ways.remove(&key);
        }
    }

    /// Forgets what began until `until`: it is read anew.
    fn forget_until(&self, until: Micros) {
        self.ways().retain(|_, way| way.began > until);
    }

    /// Forgets what counts no more.
    fn forget(&self, now: Micros) {
        let longest = micros(self.forget_after);
        self.ways().retain(|_, way| now.0.saturating_sub(way.seen.0) < longest);
    }
}

fn micros(time: Duration) -> i64 {
    i64::try_from(time.as_micros()).unwrap_or(i64::MAX)
}

/// Time between two moments, in microseconds.
fn apart(one: Micros, two: Micros) -> i64 {
    i64::try_from(one.0.abs_diff(two.0)).unwrap_or(i64::MAX)
}
