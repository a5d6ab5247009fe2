use std::time::Duration;

use camera::Direction;
use store::{Micros, Pass, Punch, PunchSource};

/// Somebody came or went.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Stamp {
    /// When.
    pub at: Micros,
    /// Which way, where that is known.
    pub direction: Option<Direction>,
    /// How that is known.
    pub source: StampSource,
}

/// How it is known that somebody came or went.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum StampSource {
    /// A camera saw it.
    Event {
        /// The event's id.
        id: String,
        /// The camera's id.
        camera: String,
        /// Somebody said that it was this person, who had not been recognised.
        corrected: bool,
    },
    /// Another door's log says so.
    Log {
        /// The number under which that is kept.
        id: i64,
        /// How the door's reader knew the person, in its own numbers.
        verify: Option<u8>,
    },
    /// Somebody said so.
    Hand {
        /// The number under which that is kept.
        id: i64,
    },
}

impl Stamp {
    pub(super) fn of_pass(pass: Pass) -> Self {
        let source = StampSource::Event { id: pass.event, camera: pass.camera, corrected: pass.is_corrected };
        Self { at: pass.at, direction: pass.direction.as_deref().and_then(Direction::parse), source }
    }

    pub(super) fn of_punch(punch: &Punch) -> Self {
        let said = &punch.said;
        let source = match said.source {
            PunchSource::Hand => StampSource::Hand { id: punch.id },
            PunchSource::Log => StampSource::Log { id: punch.id, verify: said.verify },
        };
        Self { at: said.at, direction: said.direction.as_deref().and_then(Direction::parse), source }
    }

    /// Whether somebody said so.
    pub fn is_by_hand(&self) -> bool {
        matches!(self.source, StampSource::Hand { .. } | StampSource::Event { corrected: true, .. })
    }
}

/// In order of time, whatever order they come in.
pub(super) fn in_order(mut stamps: Vec<Stamp>) -> Vec<Stamp> {
    // Who is said to go and to come at the same moment was inside before and is after.
    let place = |stamp: &Stamp| match stamp.direction {
        Some(Direction::Out) => 0,
        Some(Direction::In) => 1,
        None => 2,
    };
    stamps.sort_by(|a, b| (a.at, place(a), &a.source).cmp(&(b.at, place(b), &b.source)));
    stamps
}

/// Those that count, in order of time: one that goes the same way as one that counts, within `window` after it, is the same coming or
/// going seen twice, unless the person has gone the other way in between.
pub(super) fn counted(stamps: Vec<Stamp>, window: Duration) -> Vec<Stamp> {
    let window = i64::try_from(window.as_micros()).unwrap_or(i64::MAX);
    let mut counted: Vec<Stamp> = Vec::with_capacity(stamps.len());
    for stamp in in_order(stamps) {
        let goes_back = |last: &Stamp| matches!((last.direction, stamp.direction), (Some(a), Some(b)) if a != b);
        let lately = counted.iter().rev().take_while(|last| stamp.at.0 - last.at.0 <= window && !goes_back(last));
        let is_again = lately.into_iter().any(|last| last.direction == stamp.direction);
        if !is_again {
            counted.push(stamp);
        }
    }
    counted
}
