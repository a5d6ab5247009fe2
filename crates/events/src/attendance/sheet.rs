use std::collections::BTreeSet;
use std::time::Duration;

use jiff::civil::Date;
use store::{Micros, Profile};

use super::stamp::{counted, in_order};
use super::workday::Day;
use super::workdays::Workdays;
use super::{Period, Schedule, Shift, Stamp, Workday};
use crate::Calendar;

/// What one person's punches are measured by.
pub(super) struct Sheet<'a> {
    /// `None` for somebody who is no longer enrolled.
    pub profile: Option<&'a Profile>,
    pub schedule: Option<&'a Schedule>,
    pub calendar: &'a Calendar,
    /// A punch that follows one of the same direction within this time is the same.
    pub window: Duration,
    /// Of shifts that began before it is not known who was not there: the person was not enrolled yet, or events were removed.
    pub known_from: Micros,
}

impl Sheet<'_> {
    /// The working days of a period, as they are known at `now`, whatever order the punches come in. `voids`: events that do
    /// not count.
    pub fn sum_up(&self, period: Period, stamps: Vec<Stamp>, voids: Vec<Stamp>, now: Micros) -> Vec<Workday> {
        let mut workdays = Workdays::new(self.schedule, self.calendar);
        let voids = days_of(&mut workdays, &stamps, voids);
        let mut stamps = workdays.of(counted(stamps, self.window));
        let sum_up = |day| {
            let stamps = stamps.remove(&day).unwrap_or_default();
            let shift = workdays.shift(day).filter(|shift| self.is_expected(*shift));
            let grace_minutes = self.schedule.map_or(0, Schedule::grace_minutes);
            let is_unknown = shift.is_some_and(|shift| shift.from < self.known_from);
            Day { day, shift, grace_minutes, stamps, has_voids: voids.contains(&day), is_unknown }.sum_up(now)
        };
        period.days().filter_map(sum_up).collect()
    }

    /// Whether the person should have been there: not before they were valid, nor after, nor once they are gone.
    fn is_expected(&self, shift: Shift) -> bool {
        self.profile.is_some_and(|profile| {
            profile.valid_from.is_none_or(|from| from <= shift.from)
                && profile.valid_until.is_none_or(|until| shift.from < until)
        })
    }
}

/// The days on which these events would count.
fn days_of(workdays: &mut Workdays<'_>, stamps: &[Stamp], voids: Vec<Stamp>) -> BTreeSet<Date> {
    let sources: BTreeSet<_> = voids.iter().map(|void| void.source.clone()).collect();
    let all = workdays.of(in_order(stamps.iter().cloned().chain(voids).collect()));
    let has_void = |stamps: &[Stamp]| stamps.iter().any(|stamp| sources.contains(&stamp.source));
    all.into_iter().filter(|(_, stamps)| has_void(stamps)).map(|(day, _)| day).collect()
}
