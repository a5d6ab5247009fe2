use camera::Direction;
use events::{Attendee, Calendar, CountedStamp, Period, StampSource, Workday};
use serde::Serialize;
use store::Micros;
use utoipa::ToSchema;

use crate::times;

const MINUTE: i64 = 60_000_000;

/// Who was there and who was not.
#[derive(Serialize, ToSchema)]
pub struct AttendanceReport {
    /// The first day.
    #[schema(example = "2026-11-01")]
    from: String,
    /// The last day, which belongs to it.
    #[schema(example = "2026-11-30")]
    to: String,
    /// In which days begin at midnight, and in which all times are given.
    #[schema(example = "Europe/Berlin")]
    time_zone: String,
    /// In order of registration.
    people: Vec<PersonAttendance>,
}

/// One person's days.
#[derive(Serialize, ToSchema)]
pub struct PersonAttendance {
    /// The name.
    person: String,
    /// The person's number.
    id: i64,
    /// By which other systems know the person: the person's code, or else `#` and the number.
    code: String,
    /// Whether the person is still enrolled. Of somebody who is not it is not known when they should have come.
    enrolled: bool,
    groups: Vec<String>,
    /// The name of the schedule that is for them.
    schedule: Option<String>,
    /// Of all days together.
    present_minutes: i64,
    /// Those of which there is something to say.
    days: Vec<DayAttendance>,
}

/// One person's working day.
#[derive(Serialize, ToSchema)]
pub struct DayAttendance {
    /// The day on which it began.
    #[schema(example = "2026-11-02")]
    day: String,
    /// When the person should have been there.
    shift: Option<ShiftTimes>,
    /// When the person came first.
    #[schema(example = "2026-11-02T08:58:11+01:00")]
    first_in: Option<String>,
    /// When the person left last.
    last_out: Option<String>,
    /// Whole minutes of real time between each coming and the leaving after it.
    present_minutes: i64,
    /// Whole minutes after the shift's start; 0 within the grace.
    late_minutes: i64,
    /// Whole minutes before the shift's end; 0 until then.
    left_early_minutes: i64,
    /// The shift has begun, and nobody has seen the person.
    absent: bool,
    /// Each coming has a leaving, and each leaving a coming.
    complete: bool,
    /// The day rests on something that somebody said.
    by_hand: bool,
    punches: Vec<PunchOfDay>,
}

/// When somebody should be there.
#[derive(Serialize, ToSchema)]
pub struct ShiftTimes {
    from: String,
    to: String,
}

/// A coming or going.
#[derive(Serialize, ToSchema)]
pub struct PunchOfDay {
    at: String,
    /// As it was seen or said; null where nobody knows.
    direction: Option<Direction>,
    /// For what it counts; null for nothing.
    counts_as: Option<Direction>,
    /// `event`, `log` or `hand`.
    source: &'static str,
    /// The event's id.
    #[serde(skip_serializing_if = "Option::is_none")]
    event: Option<String>,
    /// The event's camera.
    #[serde(skip_serializing_if = "Option::is_none")]
    camera: Option<String>,
    /// The punch's number in `/api/v1/attendance/punches`.
    #[serde(skip_serializing_if = "Option::is_none")]
    punch: Option<i64>,
}

/// Whole minutes.
pub(super) fn present_minutes(day: &Workday) -> i64 {
    day.present / MINUTE
}

/// Everything before the first person.
pub(super) fn write_head(text: &mut String, period: Period, calendar: &Calendar) {
    let zone = calendar.zone().iana_name().unwrap_or("local").to_owned();
    let empty = AttendanceReport {
        from: period.first().to_string(),
        to: period.last().to_string(),
        time_zone: zone,
        people: Vec::new(),
    };
    let head = as_text(&empty);
    text.push_str(head.strip_suffix("]}").unwrap_or(&head));
}

/// One of the people.
pub(super) fn write_person(
    text: &mut String,
    attendee: &Attendee,
    schedule: Option<&str>,
    days: &[Workday],
    calendar: &Calendar,
) {
    text.push_str(&as_text(&PersonAttendance {
        person: attendee.name.clone(),
        id: attendee.id.0,
        code: attendee.code(),
        enrolled: attendee.profile.is_some(),
        groups: attendee.profile.as_ref().map(|profile| profile.groups.clone()).unwrap_or_default(),
        schedule: schedule.map(str::to_owned),
        present_minutes: days.iter().map(present_minutes).sum(),
        days: days.iter().map(|day| day_of(day, calendar)).collect(),
    }));
}

fn day_of(day: &Workday, calendar: &Calendar) -> DayAttendance {
    let time = |at: Micros| times::shown_in_seconds(at, calendar);
    DayAttendance {
        day: day.day.to_string(),
        shift: day.shift.map(|shift| ShiftTimes { from: time(shift.from), to: time(shift.to) }),
        first_in: day.first_in.map(time),
        last_out: day.last_out.map(time),
        present_minutes: present_minutes(day),
        late_minutes: day.late_minutes,
        left_early_minutes: day.left_early_minutes,
        absent: day.absent,
        complete: day.complete,
        by_hand: day.by_hand,
        punches: day.stamps.iter().map(|stamp| punch_of(stamp, calendar)).collect(),
    }
}

fn punch_of(CountedStamp { stamp, counts_as }: &CountedStamp, calendar: &Calendar) -> PunchOfDay {
    let (source, event, camera, punch) = match &stamp.source {
        StampSource::Event { id, camera, .. } => ("event", Some(id.clone()), Some(camera.clone()), None),
        StampSource::Log { id, .. } => ("log", None, None, Some(*id)),
        StampSource::Hand { id } => ("hand", None, None, Some(*id)),
    };
    let (at, direction) = (times::shown_in_seconds(stamp.at, calendar), stamp.direction);
    PunchOfDay { at, direction, counts_as: *counts_as, source, event, camera, punch }
}

/// Strings and numbers, which always have a form in JSON.
fn as_text(value: &impl Serialize) -> String {
    serde_json::to_string(value).unwrap_or_default()
}
