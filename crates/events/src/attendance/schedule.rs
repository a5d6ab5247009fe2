use gallery::printable;
use jiff::civil::Date;
use serde::Deserialize;
use serde_json::{Map, Value};
use store::{Micros, Profile};

use crate::{Calendar, GROUP, WeeklyHours, group_name};

/// Longest name of a schedule, in characters, and most groups of one.
const LONGEST_NAME: usize = 64;
const MOST_GROUPS: usize = 50;

/// Half a day late is absent by any measure.
const MOST_GRACE: u32 = 720;

/// When people should be there.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Schedule {
    /// What it is called.
    pub name: String,
    /// Whom it is for: everybody, or those who belong to one of these groups.
    #[serde(default)]
    groups: Option<Vec<String>>,
    /// The hours of a week, on a clock on the wall. All that begin on one day are one shift, with a break between them.
    hours: WeeklyHours,
    /// Who comes this many minutes after the shift's start is not late yet.
    #[serde(default)]
    grace_minutes: u32,
}

/// A table `[[schedule]]` is none.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "{reason}; a schedule is `name`, `hours` (such as \"mon-fri 09:00-17:30\"), and if need be `groups` (a list of names) and \
     `grace_minutes` (0 to {MOST_GRACE})"
)]
pub struct NotASchedule {
    reason: String,
}

/// When somebody should be there on one day.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Shift {
    /// From then on.
    pub from: Micros,
    /// Until then, perhaps on the next day.
    pub to: Micros,
}

impl Schedule {
    /// Reads the fields of a table.
    ///
    /// # Errors
    /// A field that there is not, is missing, or is not allowed.
    pub fn parse(fields: Map<String, Value>) -> Result<Self, NotASchedule> {
        let refuse = |reason: String| NotASchedule { reason };
        let mut schedule: Self = serde_json::from_value(fields.into()).map_err(|error| refuse(error.to_string()))?;
        schedule.name = printable(&schedule.name, LONGEST_NAME)
            .ok_or_else(|| refuse(format!("`name` has 1 to {LONGEST_NAME} printable characters")))?;
        if let Some(groups) = &mut schedule.groups {
            let named = groups.iter().map(|group| group_name(group)).collect::<Option<Vec<_>>>();
            *groups = named.filter(|groups| (1..=MOST_GROUPS).contains(&groups.len())).ok_or_else(|| {
                refuse(format!(
                    "`groups` are 1 to {MOST_GROUPS} names, each with {GROUP}; left out, the schedule is for everybody"
                ))
            })?;
        }
        if schedule.grace_minutes > MOST_GRACE {
            return Err(refuse(format!("`grace_minutes` = {} is not allowed", schedule.grace_minutes)));
        }
        Ok(schedule)
    }

    /// Whether it is for somebody with this profile, or (without one) for somebody who is no longer enrolled.
    pub fn fits(&self, profile: Option<&Profile>) -> bool {
        let is_in = |group: &String| profile.is_some_and(|profile| profile.groups.contains(group));
        self.groups.as_ref().is_none_or(|groups| groups.iter().any(is_in))
    }

    /// Minutes after a shift's start at which nobody is late yet.
    pub fn grace_minutes(&self) -> u32 {
        self.grace_minutes
    }

    /// The shift that begins on `day`. In the night in which clocks are set back or forward it is an hour longer or shorter.
    pub fn shift(&self, day: Date, calendar: &Calendar) -> Option<Shift> {
        let hours: Vec<_> = self.hours.on(day, calendar).collect();
        let from = hours.iter().map(|(from, _)| *from).min()?;
        let to = hours.iter().map(|(_, to)| *to).max()?;
        let shift = Shift { from: calendar.moment(from)?, to: calendar.moment(to)? };
        (shift.from < shift.to).then_some(shift)
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn parse(table: &Value) -> Result<Schedule, String> {
        Schedule::parse(table.as_object().unwrap().clone()).map_err(|error| error.to_string())
    }

    #[test]
    fn a_table_that_is_no_schedule_is_refused_with_what_is_wrong_and_what_is_allowed() {
        assert!(parse(&json!({"name": "office", "hours": "mon-fri 09:00-17:30"})).is_ok());
        for (table, reason) in [
            (json!({"hours": "mon-fri 09:00-17:30"}), "name"),
            (json!({"name": "office"}), "hours"),
            (json!({"name": "office", "hours": "mon 9-17"}), "mon 9-17"),
            (json!({"name": "office", "hours": "mon 09:00-17:00", "grace": 5}), "grace"),
            (json!({"name": "office", "hours": "mon 09:00-17:00", "grace_minutes": -5}), "-5"),
            (json!({"name": "office", "hours": "mon 09:00-17:00", "grace_minutes": 999}), "999"),
            (json!({"name": "office", "hours": "mon 09:00-17:00", "groups": []}), "`groups`"),
            (json!({"name": "", "hours": "mon 09:00-17:00"}), "`name`"),
            (json!({"name": "a\tb", "hours": "mon 09:00-17:00"}), "`name`"),
        ] {
            let message = parse(&table).unwrap_err();
            assert!(message.contains(reason) && message.contains("grace_minutes"), "{table}: {message}");
        }
    }

    #[test]
    fn a_schedule_with_groups_is_for_those_and_one_without_for_everybody() {
        let of = |groups: &[&str]| {
            let groups = groups.iter().map(|group| (*group).to_owned()).collect();
            Profile { groups, ..Profile::default() }
        };
        let night =
            parse(&json!({"name": "night", "groups": ["guards", " la\u{62} "], "hours": "sun-thu 22:00-06:00"}))
                .unwrap();
        assert!(night.fits(Some(&of(&["it", "lab"]))) && !night.fits(Some(&of(&["it"]))) && !night.fits(None));
        let office = parse(&json!({"name": "office", "hours": "mon-fri 09:00-17:30"})).unwrap();
        assert!(office.fits(Some(&of(&[]))) && office.fits(None));
    }
}
