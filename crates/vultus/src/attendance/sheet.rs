use std::borrow::Cow;

use events::{Attendee, Calendar, Workday};
use store::Micros;

use super::json::present_minutes;
use crate::table::{self, cell};
use crate::times;

const COLUMNS: [&str; 14] = [
    "day",
    "person",
    "code",
    "schedule",
    "shift_from",
    "shift_to",
    "first_in",
    "last_out",
    "present_minutes",
    "late_minutes",
    "left_early_minutes",
    "absent",
    "complete",
    "by_hand",
];

/// The heading.
pub(super) fn write_head(text: &mut String) {
    text.push_str(&table::rows([COLUMNS.map(Cow::from)]));
}

/// A row a day.
pub(super) fn write_person(
    text: &mut String,
    attendee: &Attendee,
    schedule: Option<&str>,
    days: &[Workday],
    calendar: &Calendar,
) {
    let time = |at: Option<Micros>| at.map_or(Cow::default(), |at| times::shown_in_seconds(at, calendar).into());
    let code = attendee.code();
    let row = |day: &Workday| {
        [
            day.day.to_string().into(),
            cell(Some(&attendee.name)),
            cell(Some(&code)),
            cell(schedule),
            time(day.shift.map(|shift| shift.from)),
            time(day.shift.map(|shift| shift.to)),
            time(day.first_in),
            time(day.last_out),
            present_minutes(day).to_string().into(),
            day.late_minutes.to_string().into(),
            day.left_early_minutes.to_string().into(),
            day.absent.to_string().into(),
            day.complete.to_string().into(),
            day.by_hand.to_string().into(),
        ]
    };
    text.push_str(&table::rows(days.iter().map(row)));
}
