use std::collections::BTreeSet;
use std::time::Duration;

use jiff::civil::Date;
use store::{Micros, Profile};

use super::stamp::counted;
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
}

impl Sheet<'_> {
    /// The working days of a period, as they are known at `now`, whatever order the punches come in. `voids`: when events were
    /// that do not count.
    pub fn sum_up(&self, period: Period, stamps: Vec<Stamp>, voids: &[Micros], now: Micros) -> Vec<Workday> {
        let mut workdays = Workdays::new(self.schedule, self.calendar);
        let voids: BTreeSet<Date> = voids.iter().map(|at| workdays.day_of(*at)).collect();
        let mut stamps = workdays.of(counted(stamps, self.window));
        let sum_up = |day| {
            let stamps = stamps.remove(&day).unwrap_or_default();
            let shift = workdays.shift(day).filter(|shift| self.is_expected(*shift));
            let grace_minutes = self.schedule.map_or(0, Schedule::grace_minutes);
            Day { day, shift, grace_minutes, stamps, has_voids: voids.contains(&day) }.sum_up(now)
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
