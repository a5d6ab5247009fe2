use std::time::Duration;

use camera::Direction;
use jiff::tz::TimeZone;
use proptest::prelude::*;
use serde_json::json;
use store::{Micros, Profile};

use super::sheet::Sheet;
use super::{Period, Schedule, Stamp, StampSource, Workday};
use crate::Calendar;

const WINDOW: Duration = Duration::from_secs(60);

/// Long after everything.
const LATER: Micros = Micros(i64::MAX / 2);

fn berlin() -> Calendar {
    Calendar::new(TimeZone::get("Europe/Berlin").unwrap(), Vec::new())
}

fn schedule(hours: &str) -> Schedule {
    let table = json!({"name": "shift", "hours": hours, "grace_minutes": 5});
    Schedule::parse(table.as_object().unwrap().clone()).unwrap()
}

fn stamp(text: &str, id: i64) -> Stamp {
    let (direction, time) = text.split_once(' ').unwrap();
    let direction = match direction {
        "in" => Some(Direction::In),
        "out" => Some(Direction::Out),
        _ => None,
    };
    let at = berlin().moment(time.replace(' ', "T").parse().unwrap()).unwrap();
    Stamp { at, direction, source: StampSource::Log { id, verify: None } }
}

fn days_until(hours: Option<&str>, stamps: Vec<Stamp>, now: Micros) -> Vec<Workday> {
    let (calendar, schedule, profile) = (berlin(), hours.map(schedule), Profile::default());
    let sheet = Sheet {
        profile: Some(&profile),
        schedule: schedule.as_ref(),
        calendar: &calendar,
        window: WINDOW,
        known_from: Micros(0),
    };
    sheet.sum_up(all(), stamps, Vec::new(), now)
}

fn all() -> Period {
    Period::new("2026-10-01".parse().unwrap(), "2026-11-30".parse().unwrap()).unwrap()
}

/// The days on which somebody came or went.
fn days(hours: Option<&str>, stamps: &[&str]) -> Vec<Workday> {
    let stamps = stamps.iter().zip(0..).map(|(text, id)| stamp(text, id)).collect();
    days_until(hours, stamps, LATER).into_iter().filter(|day| !day.absent).collect()
}

/// `day present late early complete`
fn summed(days: &[Workday]) -> Vec<String> {
    let row = |day: &Workday| {
        let minutes = day.present / 60_000_000;
        let complete = if day.complete { "complete" } else { "open" };
        format!("{} {minutes} {} {} {complete}", day.day, day.late_minutes, day.left_early_minutes)
    };
    days.iter().map(row).collect()
}

#[test]
fn without_a_schedule_a_session_over_midnight_belongs_to_the_day_on_which_it_began() {
    let found =
        days(None, &["in 2026-11-02 20:00", "out 2026-11-03 04:00", "in 2026-11-03 20:00", "out 2026-11-04 04:30"]);
    assert_eq!(summed(&found), ["2026-11-02 480 0 0 complete", "2026-11-03 510 0 0 complete"]);
    let found = days(None, &["in 2026-11-02 08:00", "out 2026-11-03 08:00"]);
    assert_eq!(summed(&found), ["2026-11-02 0 0 0 open", "2026-11-03 0 0 0 open"], "nobody works for 24 hours");
}

#[test]
fn without_directions_the_first_of_a_day_is_a_coming_and_the_last_a_leaving() {
    let found = days(None, &["? 2026-11-02 08:00", "? 2026-11-02 12:00", "? 2026-11-02 12:40", "? 2026-11-02 17:00"]);
    assert_eq!(summed(&found), ["2026-11-02 540 0 0 complete"]);
    assert_eq!(summed(&days(None, &["? 2026-11-02 08:00"])), ["2026-11-02 0 0 0 open"]);
    // Cameras without a direction between doors that have one change nothing.
    let found = days(
        None,
        &[
            "? 2026-11-02 07:59",
            "in 2026-11-02 08:00",
            "? 2026-11-02 12:00",
            "out 2026-11-02 17:00",
            "? 2026-11-02 17:02",
        ],
    );
    assert_eq!(summed(&found), ["2026-11-02 540 0 0 complete"]);
    // A leaving by hand completes a day of which a camera without a direction saw the coming.
    let found = days(None, &["? 2026-11-02 08:00", "out 2026-11-02 16:00"]);
    assert_eq!(summed(&found), ["2026-11-02 480 0 0 complete"]);
}

#[test]
fn a_camera_without_a_direction_that_sees_somebody_after_they_came_has_not_seen_them_leave() {
    let seen = ["in 2026-11-02 09:00:00", "? 2026-11-02 09:00:10"];
    assert_eq!(summed(&days(Some("mon-fri 09:00-17:30"), &seen)), ["2026-11-02 0 0 0 open"]);
    // Nor does it make two comings of one.
    let again = [seen[0], seen[1], "in 2026-11-02 09:00:25", "out 2026-11-02 17:30"];
    assert_eq!(summed(&days(None, &again)), ["2026-11-02 510 0 0 complete"]);
    let back = ["in 2026-11-02 09:00", "out 2026-11-02 09:00:20", "in 2026-11-02 09:00:50", "out 2026-11-02 17:30"];
    assert_eq!(days(None, &back)[0].stamps.len(), 4, "who has left in between has come twice");
}

#[test]
fn a_leaving_that_does_not_count_marks_the_day_on_which_it_would_have() {
    let (calendar, profile) = (berlin(), Profile::default());
    let night = schedule("daily 14:00-22:00");
    let sheet = Sheet {
        profile: Some(&profile),
        schedule: Some(&night),
        calendar: &calendar,
        window: WINDOW,
        known_from: stamp("? 2026-11-04 00:00", 0).at,
    };
    let voids = vec![stamp("out 2026-11-05 02:30", 2)];
    let found = sheet.sum_up(all(), vec![stamp("in 2026-11-04 14:00", 1)], voids, stamp("? 2026-11-05 20:00", 0).at);
    let marks: Vec<_> = found.iter().map(|day| (day.day.day(), day.absent, day.by_hand)).collect();
    assert_eq!(marks, [(4, false, true), (5, true, false)], "and nobody is absent before they are known of");
}

#[test]
fn a_night_shift_belongs_to_the_day_on_which_it_begins_also_a_little_before_and_after() {
    let hours = Some("sun-thu 22:00-06:00");
    let found =
        days(hours, &["in 2026-11-02 21:30", "out 2026-11-03 01:55", "in 2026-11-03 02:30", "out 2026-11-03 06:40"]);
    assert_eq!(summed(&found), ["2026-11-02 515 0 0 complete"]);
    let found =
        days(hours, &["in 2026-11-02 22:20", "out 2026-11-03 05:45", "in 2026-11-03 21:55", "out 2026-11-04 11:00"]);
    assert_eq!(summed(&found), ["2026-11-02 445 20 15 complete", "2026-11-03 785 0 0 complete"], "overtime until noon");
}

#[test]
fn a_night_shift_has_nine_hours_when_clocks_are_set_back() {
    let hours = Some("daily 22:00-06:00");
    let found =
        days(hours, &["in 2026-10-24 22:00", "out 2026-10-25 06:00", "in 2026-10-25 22:00", "out 2026-10-26 06:00"]);
    assert_eq!(summed(&found), ["2026-10-24 540 0 0 complete", "2026-10-25 480 0 0 complete"]);
}

#[test]
fn who_is_seen_leaving_in_the_middle_of_the_next_shift_was_not_there_all_night() {
    let found = days(Some("mon-fri 08:00-16:00"), &["in 2026-11-02 17:00", "out 2026-11-03 08:30"]);
    assert_eq!(summed(&found), ["2026-11-02 0 480 0 open", "2026-11-03 0 0 450 open"]);
    let found = days(Some("mon-fri 08:00-16:00"), &["in 2026-11-02 16:30", "out 2026-11-03 06:30"]);
    assert_eq!(found.len(), 1, "a long night is one session");
    assert_eq!(found[0].present / 60_000_000, 14 * 60);
}

#[test]
fn lateness_begins_after_the_grace_and_counts_from_the_start() {
    let hours = Some("mon-fri 09:00-17:30");
    for (came, late) in [("08:59", 0), ("09:05:59", 0), ("09:06", 6), ("10:30", 90)] {
        let found = days(hours, &[&format!("in 2026-11-02 {came}"), "out 2026-11-02 17:30"]);
        assert_eq!(found[0].late_minutes, late, "{came}");
    }
    // Who was there long before, and left, came for the shift when they came back.
    let found =
        days(hours, &["in 2026-11-02 07:00", "out 2026-11-02 07:30", "in 2026-11-02 09:20", "out 2026-11-02 17:29:30"]);
    assert_eq!((found[0].late_minutes, found[0].left_early_minutes), (20, 0));
}

#[test]
fn who_is_still_there_has_not_left_early_and_who_is_out_for_lunch_has_not_either() {
    let hours = Some("mon-fri 09:00-17:30");
    let stamps = || vec![stamp("in 2026-11-02 09:00", 1), stamp("out 2026-11-02 12:00", 2)];
    let early_at = |now: &str, more: &[Stamp]| {
        let found = days_until(hours, [stamps(), more.to_vec()].concat(), stamp(now, 0).at);
        found.last().unwrap().left_early_minutes
    };
    assert_eq!(early_at("? 2026-11-02 12:30", &[]), 0);
    assert_eq!(early_at("? 2026-11-02 17:30", &[]), 330);
    assert_eq!(early_at("? 2026-11-02 20:00", &[stamp("in 2026-11-02 13:00", 3)]), 0, "nobody saw them leave");
}

#[test]
fn nobody_is_absent_before_the_shift_has_begun() {
    let hours = Some("mon-fri 09:00-17:30");
    let absent = |now: &str| {
        let found = days_until(hours, Vec::new(), stamp(now, 0).at);
        found.into_iter().filter(|day| day.absent).map(|day| day.day.to_string()).next_back()
    };
    assert_eq!(absent("? 2026-11-03 09:05").as_deref(), Some("2026-11-02"), "within the grace");
    assert_eq!(absent("? 2026-11-03 09:05:01").as_deref(), Some("2026-11-03"));
}

fn any_stamps() -> impl Strategy<Value = Vec<Stamp>> {
    let one = (0_i64..14 * 24 * 3600, 0..3_u8).prop_map(|(second, way)| {
        let start = stamp("? 2026-10-19 00:00", 0).at;
        let direction = [Some(Direction::In), Some(Direction::Out), None][usize::from(way)];
        Stamp {
            at: Micros(start.0 + second * 1_000_000),
            direction,
            source: StampSource::Log { id: second, verify: None },
        }
    });
    prop::collection::vec(one, 0..40)
}

fn any_hours() -> impl Strategy<Value = Option<&'static str>> {
    prop::sample::select(vec![None, Some("mon-fri 09:00-17:30"), Some("daily 22:00-06:00"), Some("daily 00:00-24:00")])
}

proptest! {
    #[test]
    fn any_order_gives_the_same(stamps in any_stamps().prop_shuffle(), hours in any_hours()) {
        let mut sorted = stamps.clone();
        sorted.sort_by_key(|stamp| (stamp.at, stamp.source.clone()));
        prop_assert_eq!(days_until(hours, stamps, LATER), days_until(hours, sorted, LATER));
    }

    #[test]
    fn nobody_is_present_for_longer_than_from_the_first_to_the_last(stamps in any_stamps(), hours in any_hours()) {
        for day in days_until(hours, stamps, LATER).iter().filter(|day| !day.absent) {
            let (first, last) = (&day.stamps[0].stamp, &day.stamps[day.stamps.len() - 1].stamp);
            prop_assert!((0..=last.at.0 - first.at.0).contains(&day.present), "{:?}", day);
            prop_assert!(day.late_minutes >= 0 && day.left_early_minutes >= 0);
        }
    }

    #[test]
    fn each_punch_that_counts_is_on_one_day(stamps in any_stamps(), hours in any_hours()) {
        let counted = super::stamp::counted(stamps.clone(), WINDOW);
        let mut found: Vec<_> =
            days_until(hours, stamps, LATER).into_iter().flat_map(|day| day.stamps).map(|stamp| stamp.stamp).collect();
        found.sort_by_key(|stamp| (stamp.at, stamp.source.clone()));
        let mut counted_sorted = counted;
        counted_sorted.sort_by_key(|stamp| (stamp.at, stamp.source.clone()));
        prop_assert_eq!(found, counted_sorted);
    }

    #[test]
    fn duplicates_change_nothing(
        stamps in any_stamps(),
        hours in any_hours(),
        again in prop::collection::vec((any::<prop::sample::Index>(), 0..=60_i64), 0..20),
    ) {
        let before = days_until(hours, stamps.clone(), LATER);
        let counted = super::stamp::counted(stamps.clone(), WINDOW);
        let mut more = stamps;
        for (at, seconds) in again.iter().filter(|_| !counted.is_empty()) {
            let at = at.index(counted.len());
            let (one, next) = (&counted[at], counted.get(at + 1));
            let again = Micros(one.at.0 + seconds * 1_000_000);
            // Not after the next has come or gone: then it is one more.
            if next.is_none_or(|next| again < next.at) {
                let source = StampSource::Hand { id: 1_000_000 + seconds };
                more.push(Stamp { at: again, direction: one.direction, source });
            }
        }
        prop_assert_eq!(summed(&days_until(hours, more, LATER)), summed(&before));
    }
}
