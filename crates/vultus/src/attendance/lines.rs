use events::{Attendee, Calendar, Workday};
use jiff::ToSpan;
use store::Micros;

use super::json::present_minutes;

/// Over the columns.
pub(super) fn write_head(text: &mut String, name_width: usize) {
    text.push_str(&format!("{:<10}  {:<name_width$}  {:<7}  {:<7}  {:>7}\n", "day", "person", "in", "out", "present"));
}

/// A line a day, and one for all of them.
pub(super) fn write_person(
    text: &mut String,
    attendee: &Attendee,
    days: &[Workday],
    calendar: &Calendar,
    name_width: usize,
) {
    let name = &attendee.name;
    for day in days {
        let time = |at: Option<Micros>| at.map_or_else(|| "-".to_owned(), |at| clock(at, day, calendar));
        let (came, left, present) = (time(day.first_in), time(day.last_out), hours(present_minutes(day)));
        let remarks = remarks(day);
        let line =
            format!("{}  {name:<name_width$}  {came:<7}  {left:<7}  {present:>7}  {}", day.day, remarks.join(", "));
        text.push_str(line.trim_end());
        text.push('\n');
    }
    if days.len() > 1 {
        let all = hours(days.iter().map(present_minutes).sum());
        text.push_str(&format!("{:<10}  {name:<name_width$}  {:<7}  {:<7}  {all:>7}\n", "together", "", ""));
    }
}

/// `08:58`, and `06:10+1` for the next day.
fn clock(at: Micros, day: &Workday, calendar: &Calendar) -> String {
    let clock = calendar.wall_clock(at);
    let is_next = day.day.checked_add(1.day()).is_ok_and(|next| clock.date() == next);
    format!("{}{}", clock.strftime("%H:%M"), if is_next { "+1" } else { "" })
}

fn hours(minutes: i64) -> String {
    format!("{}:{:02}", minutes / 60, minutes % 60)
}

fn remarks(day: &Workday) -> Vec<String> {
    let mut remarks = Vec::new();
    if day.absent {
        remarks.push("absent".to_owned());
    }
    if day.late_minutes > 0 {
        remarks.push(format!("late {} min", day.late_minutes));
    }
    if day.left_early_minutes > 0 {
        remarks.push(format!("left {} min early", day.left_early_minutes));
    }
    if !day.absent && !day.complete {
        remarks.push("a coming or leaving is missing".to_owned());
    }
    if day.by_hand {
        remarks.push("by hand".to_owned());
    }
    remarks
}
