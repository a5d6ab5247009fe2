use anyhow::{Context, bail};
use events::{Attendance, Schedule};
use store::Store;

use crate::settings::{Resolved, Settings, TableKind};

/// The book of attendance by the settings and the `[[schedule]]` tables of their file.
///
/// # Errors
/// What is wrong with a table.
pub fn attendance_of(store: Store, settings: &Settings, resolved: &Resolved) -> anyhow::Result<Attendance> {
    let mut schedules: Vec<Schedule> = Vec::new();
    for (place, fields) in resolved.tables(TableKind::Schedule).fields(TableKind::Schedule)? {
        let schedule = Schedule::parse(fields).with_context(|| place.clone())?;
        if schedules.iter().any(|other| other.name == schedule.name) {
            bail!("{place}: there is a schedule `{}` before it: give each a name of its own", schedule.name);
        }
        schedules.push(schedule);
    }
    let (window, keep) = (settings.duplicate_punch.0, settings.events_days.duration());
    Ok(Attendance::new(store, schedules, settings.calendar(), window, keep))
}
