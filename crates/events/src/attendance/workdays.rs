use std::collections::BTreeMap;

use camera::Direction;
use jiff::ToSpan;
use jiff::civil::Date;
use store::Micros;

use super::{Schedule, Shift, Stamp};
use crate::Calendar;

const HOUR: i64 = 3_600_000_000;

/// Who leaves this long after coming has done so by the same way of working: later it is another day's leave.
const LONGEST_SESSION: i64 = 16 * HOUR;

/// Who comes or goes this long before a shift or after it does so for that shift.
const REACH: i64 = 4 * HOUR;

/// Which working day a punch belongs to.
pub(super) struct Workdays<'a> {
    schedule: Option<&'a Schedule>,
    calendar: &'a Calendar,
    /// Shifts that were looked up before: the punches of one day ask for the same few.
    shifts: BTreeMap<Date, Option<Shift>>,
}

/// Somebody who came and has not left yet.
#[derive(Clone, Copy)]
struct Inside {
    since: Micros,
    day: Date,
}

impl<'a> Workdays<'a> {
    pub fn new(schedule: Option<&'a Schedule>, calendar: &'a Calendar) -> Self {
        Self { schedule, calendar, shifts: BTreeMap::new() }
    }

    /// The shift that begins on `day`.
    pub fn shift(&mut self, day: Date) -> Option<Shift> {
        let (schedule, calendar) = (self.schedule, self.calendar);
        *self.shifts.entry(day).or_insert_with(|| schedule.and_then(|schedule| schedule.shift(day, calendar)))
    }

    /// Each stamp with its working day; they come in order of time.
    ///
    /// Who leaves does so on the day on which they came, also after midnight. Who comes does so for the nearest shift, or, far from
    /// any, on the day of the calendar.
    pub fn of(&mut self, stamps: Vec<Stamp>) -> BTreeMap<Date, Vec<Stamp>> {
        let mut days: BTreeMap<Date, Vec<Stamp>> = BTreeMap::new();
        let mut inside: Option<Inside> = None;
        for stamp in stamps {
            let together = inside.filter(|inside| self.is_one_session(*inside, stamp.at));
            let day = match (stamp.direction, together) {
                (Some(Direction::In), _) | (_, None) => self.day_of(stamp.at),
                (_, Some(inside)) => inside.day,
            };
            match stamp.direction {
                Some(Direction::In) => inside = Some(Inside { since: stamp.at, day }),
                Some(Direction::Out) => inside = None,
                None => {}
            }
            days.entry(day).or_default().push(stamp);
        }
        days
    }

    /// The working day of something that happens at `at`, by itself.
    pub fn day_of(&mut self, at: Micros) -> Date {
        let today = self.calendar.wall_clock(at).date();
        let days = [today.checked_sub(1.day()).ok(), Some(today), today.checked_add(1.day()).ok()];
        let near = days.into_iter().flatten().filter_map(|day| {
            let away = distance(self.shift(day)?, at);
            (away <= REACH).then_some((away, day))
        });
        // Of two at the same distance that of today: who comes at noon between two shifts comes for what is next.
        near.min_by_key(|(away, day)| (*away, *day != today)).map_or(today, |(_, day)| day)
    }

    /// Whether somebody who came and leaves at `at` was there all the time. Who leaves in the middle of another shift, hours after
    /// their own, has rather been seen neither leaving the first time nor coming the second.
    fn is_one_session(&mut self, inside: Inside, at: Micros) -> bool {
        if at.0 - inside.since.0 > LONGEST_SESSION {
            return false;
        }
        let own_is_over = self.shift(inside.day).is_some_and(|own| at.0 - own.to.0 > REACH);
        if !own_is_over {
            return true;
        }
        let day = self.day_of(at);
        let is_in_another = day > inside.day && self.shift(day).is_some_and(|other| other.from < at && at <= other.to);
        !is_in_another
    }
}

/// How far `at` is from the shift; 0 within it.
fn distance(shift: Shift, at: Micros) -> i64 {
    (shift.from.0 - at.0).max(at.0 - shift.to.0).max(0)
}
