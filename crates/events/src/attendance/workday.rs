use camera::Direction;
use jiff::civil::Date;
use store::Micros;

use super::{Shift, Stamp};

const MINUTE: i64 = 60_000_000;

/// What a person's working day came to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Workday {
    /// The day on which it began.
    pub day: Date,
    /// When the person should have been there.
    pub shift: Option<Shift>,
    /// When they came first.
    pub first_in: Option<Micros>,
    /// When they left last.
    pub last_out: Option<Micros>,
    /// Microseconds between each coming and the leaving after it.
    pub present: i64,
    /// Whole minutes between the shift's start and their coming; 0 within its grace.
    pub late_minutes: i64,
    /// Whole minutes between their leaving and the shift's end; 0 before that.
    pub left_early_minutes: i64,
    /// The shift has begun and they have not come, nor gone.
    pub absent: bool,
    /// Each coming has a leaving, and each leaving a coming.
    pub complete: bool,
    /// It rests on something that somebody said.
    pub by_hand: bool,
    /// The comings and goings of the day, in order of time.
    pub stamps: Vec<CountedStamp>,
}

/// A punch of a working day.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CountedStamp {
    /// The punch.
    pub stamp: Stamp,
    /// For what it counts: the first of a day without directions for a coming, the last for a leaving, and others for nothing.
    pub counts_as: Option<Direction>,
}

/// Somebody was there, from then on, until then if that is known.
#[derive(Clone, Copy)]
struct Session {
    from: Micros,
    to: Option<Micros>,
}

/// What a working day is made of.
pub(super) struct Day {
    pub day: Date,
    pub shift: Option<Shift>,
    /// As in the schedule.
    pub grace_minutes: u32,
    /// In order of time, each once.
    pub stamps: Vec<Stamp>,
    /// An event of the day does not count.
    pub has_voids: bool,
    /// Nobody was looking for the person yet when the shift began, or nobody knows any more: who was not seen may have been there.
    pub is_unknown: bool,
}

impl Day {
    /// As it is known at `now`. `None` for a day of which nothing is to be said: nobody came, and nobody should have, or not yet.
    pub fn sum_up(self, now: Micros) -> Option<Workday> {
        let Self { day, shift, grace_minutes, stamps, has_voids, is_unknown } = self;
        let has_begun = |shift: &Shift| now.0 > shift.from.0 + i64::from(grace_minutes) * MINUTE;
        let absent = stamps.is_empty() && !is_unknown && shift.as_ref().is_some_and(has_begun);
        if stamps.is_empty() && !absent {
            return None;
        }
        let by_hand = has_voids || stamps.iter().any(Stamp::is_by_hand);
        let stamps = with_directions(stamps);
        let (sessions, orphans) = sessions(&stamps);
        let is_open = |session: &Session| session.to.is_none();
        let of = |direction| {
            let is_it = move |stamp: &&CountedStamp| stamp.counts_as == Some(direction);
            stamps.iter().filter(is_it).map(|stamp| stamp.stamp.at)
        };
        let (first_in, last_out) = (of(Direction::In).next(), of(Direction::Out).next_back());
        let late = shift.map_or(0, |shift| late_minutes(shift, &sessions));
        let over = shift.filter(|shift| shift.to <= now);
        let stayed = sessions.last().is_some_and(|last| is_open(last) && last_out.is_none_or(|out| out < last.from));
        let early = match (over, last_out) {
            (Some(shift), Some(out)) if !stayed => whole_minutes(shift.to.0 - out.0.max(shift.from.0)),
            _ => 0,
        };
        Some(Workday {
            day,
            shift,
            first_in,
            last_out,
            present: sessions.iter().filter_map(|session| Some(session.to?.0 - session.from.0)).sum(),
            late_minutes: if late > i64::from(grace_minutes) { late } else { 0 },
            left_early_minutes: early,
            absent,
            complete: orphans == 0 && !sessions.iter().any(is_open),
            by_hand,
            stamps,
        })
    }
}

/// The first of a day is a coming, unless one with a direction says better, and the last a leaving where none has a direction: a
/// camera in the hall that sees somebody after they came has not seen them leave.
fn with_directions(stamps: Vec<Stamp>) -> Vec<CountedStamp> {
    let directions: Vec<Option<Direction>> = stamps.iter().map(|stamp| stamp.direction).collect();
    let first_known = directions.iter().flatten().next().copied();
    let last = stamps.len().saturating_sub(1);
    let counts_as = |at: usize, direction: Option<Direction>| {
        direction.or_else(|| {
            if at == 0 && first_known != Some(Direction::In) {
                Some(Direction::In)
            } else if at == last && at > 0 && first_known.is_none() {
                Some(Direction::Out)
            } else {
                None
            }
        })
    };
    let stamps = stamps.into_iter().enumerate();
    stamps.map(|(at, stamp)| CountedStamp { counts_as: counts_as(at, stamp.direction), stamp }).collect()
}

/// Each coming with the leaving that follows it, and how many leavings follow none.
fn sessions(stamps: &[CountedStamp]) -> (Vec<Session>, usize) {
    let (mut sessions, mut orphans) = (Vec::<Session>::new(), 0);
    for CountedStamp { stamp, counts_as } in stamps {
        match (counts_as, sessions.last_mut()) {
            (Some(Direction::In), _) => sessions.push(Session { from: stamp.at, to: None }),
            (Some(Direction::Out), Some(last @ Session { to: None, .. })) => last.to = Some(stamp.at),
            (Some(Direction::Out), _) => orphans += 1,
            (None, _) => {}
        }
    }
    (sessions, orphans)
}

/// From the shift's start until the first moment of it at which the person was there. Who came and left before it has not come
/// for it.
fn late_minutes(shift: Shift, sessions: &[Session]) -> i64 {
    let first = sessions.iter().find(|session| session.to.is_none_or(|to| to > shift.from));
    first.map_or(0, |first| whole_minutes(first.from.0.min(shift.to.0) - shift.from.0))
}

fn whole_minutes(micros: i64) -> i64 {
    micros.max(0) / MINUTE
}
