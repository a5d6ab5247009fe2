use std::borrow::Cow;

use events::{Attendee, Calendar, Workday};
use store::Micros;

use super::json::{present_minutes, time_text};
use crate::http::cell;

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
    write(text, [COLUMNS.map(Cow::from)].into_iter());
}

/// A row a day.
pub(super) fn write_person(
    text: &mut String,
    attendee: &Attendee,
    schedule: Option<&str>,
    days: &[Workday],
    calendar: &Calendar,
) {
    let time = |at: Option<Micros>| at.map_or(Cow::default(), |at| time_text(at, calendar).into());
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
    write(text, days.iter().map(row));
}

/// Rows as RFC 4180 has them. Into memory nothing fails to be written.
fn write<'a>(text: &mut String, rows: impl Iterator<Item = [Cow<'a, str>; COLUMNS.len()]>) {
    let mut table = csv::WriterBuilder::new().terminator(csv::Terminator::CRLF).from_writer(Vec::new());
    let written = rows.into_iter().try_for_each(|row| table.write_record(row.iter().map(|cell| &**cell)));
    if let (Ok(()), Ok(bytes)) = (written, table.into_inner()) {
        text.push_str(&String::from_utf8_lossy(&bytes));
    }
}
