//! Two fortnights of people coming and going, over a real database: one with the night in which clocks are set back, one with the
//! night in which they are set forward.
#![allow(clippy::unwrap_used, reason = "a test ends at the first surprise")]

// The same fresh databases as the store's own tests have.
#[path = "../../store/tests/common/mod.rs"]
mod common;

use std::time::Duration;

use common::{Database, on_each_engine};
use events::{Attendance, Calendar, Holiday, Period, Schedule, Workday};
use jiff::Timestamp;
use jiff::tz::TimeZone;
use serde_json::json;
use store::{Event, Micros, NewPunch, PersonId, Profile, PunchSource, Store};

fn berlin() -> Calendar {
    let holidays = ["2026-10-30", "04-03"].map(|day| Holiday::parse(day).unwrap());
    Calendar::new(TimeZone::get("Europe/Berlin").unwrap(), holidays.to_vec())
}

/// By day for most, by night for guards.
fn attendance(store: &Store) -> Attendance {
    let tables = [
        json!({"name": "night", "groups": ["guards"], "hours": "mon-sat 22:00-06:00", "grace_minutes": 5}),
        json!({"name": "office", "hours": "mon-fri 09:00-17:30", "grace_minutes": 5}),
    ];
    let schedules = tables.map(|table| Schedule::parse(table.as_object().unwrap().clone()).unwrap());
    Attendance::new(store.clone(), schedules.to_vec(), berlin(), Duration::from_secs(60), None)
}

/// `08:55` or `08:55:20` on a clock on the wall; `02:30+01:00` where it shows that twice.
fn moment(day: &str, time: &str) -> Micros {
    match time.split_once('+') {
        Some((time, offset)) => {
            Micros(format!("{day}T{time}:00+{offset}").parse::<Timestamp>().unwrap().as_microsecond())
        }
        None => berlin().moment(format!("{day}T{time}").parse().unwrap()).unwrap(),
    }
}

/// One who works there.
struct Worker {
    id: PersonId,
    name: &'static str,
}

async fn worker(store: &Store, name: &'static str, profile: &Profile) -> Worker {
    let id = store.enrol(name, &[]).await.unwrap().person;
    store.change_profile(name, |held| held.clone_from(profile)).await.unwrap();
    Worker { id, name }
}

async fn enrolled_long_ago(database: &Database) {
    database.execute("UPDATE people SET created_at = 0").await;
}

impl Worker {
    /// The passages of a log whose lines are `DAY in TIME out TIME …`.
    fn events(&self, log: &str) -> Vec<Event> {
        let mut events = Vec::new();
        for line in log.lines().map(str::trim).filter(|line| !line.is_empty()) {
            let words: Vec<&str> = line.split_whitespace().collect();
            for pair in words[1..].chunks(2) {
                events.push(self.event(pair[0], moment(words[0], pair[1]), events.len()));
            }
        }
        events
    }

    fn event(&self, direction: &str, at: Micros, number: usize) -> Event {
        let hex = format!("{:012x}", at.0 / 1000);
        Event {
            id: format!("{}-{}-7000-8000-{:06x}{number:06x}", &hex[..8], &hex[8..], self.id.0),
            person_id: Some(self.id.0),
            person: Some(self.name.to_owned()),
            status: "PASS".to_owned(),
            reason: None,
            camera: format!("door-{direction}"),
            direction: Some(direction.to_owned()).filter(|direction| direction != "seen"),
            node: "gate".to_owned(),
            track: None,
            distance: Some(0.3),
            raw_distance: None,
            quality: None,
            started_at: at,
            passed_at: None,
            last_seen_at: Micros(at.0 + 2_000_000),
            ended: true,
            has_face: false,
            has_frame: false,
            decision: "{}".to_owned(),
            door_group: None,
            visitor: None,
            face: None,
            correction: None,
        }
    }

    fn said(&self, direction: &str, at: Micros) -> NewPunch {
        NewPunch {
            person_id: self.id,
            person: self.name.to_owned(),
            at,
            direction: Some(direction.to_owned()),
            source: PunchSource::Hand,
            verify: None,
            note: None,
            by: None,
        }
    }
}

/// `2026-10-20 09:12-17:30 498 late 12`
fn row(day: &Workday) -> String {
    let clock = |at: Option<Micros>| {
        at.map_or_else(|| "?".to_owned(), |at| berlin().wall_clock(at).strftime("%H:%M").to_string())
    };
    let mut row = if day.absent {
        format!("{} absent", day.day)
    } else {
        format!("{} {}-{} {}", day.day, clock(day.first_in), clock(day.last_out), day.present / 60_000_000)
    };
    let marks = [("late", day.late_minutes), ("early", day.left_early_minutes)];
    marks
        .iter()
        .filter(|(_, minutes)| *minutes > 0)
        .for_each(|(mark, minutes)| row.push_str(&format!(" {mark} {minutes}")));
    let marks = [("open", !day.absent && !day.complete), ("hand", day.by_hand)];
    marks.iter().filter(|(_, is_so)| *is_so).for_each(|(mark, _)| row.push_str(&format!(" {mark}")));
    row
}

/// Everybody's rows, as seen some days after.
async fn rows(store: &Store, from: &str, to: &str) -> Vec<(String, Vec<String>)> {
    let book = attendance(store);
    let period = Period::new(from.parse().unwrap(), to.parse().unwrap()).unwrap();
    let now = Micros(moment(to, "12:00").0 + 3 * 24 * 3_600_000_000);
    let mut rows = Vec::new();
    for person in book.people(period).await.unwrap() {
        let days = book.days(&person, period, now).await.unwrap();
        rows.push((person.name, days.iter().map(row).collect()));
    }
    rows
}

fn table(expected: &str) -> Vec<String> {
    expected.lines().map(|line| line.trim().to_owned()).filter(|line| !line.is_empty()).collect()
}

#[track_caller]
fn assert_rows(found: &[(String, Vec<String>)], name: &str, expected: &str) {
    let (_, rows) = found.iter().find(|(person, _)| person == name).unwrap();
    assert_eq!(*rows, table(expected), "{name}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_fortnight_in_which_clocks_are_set_back_comes_out_right_to_the_minute() {
    on_each_engine(async |database| {
        let store = database.open().await;
        let anna = worker(&store, "anna", &Profile::default()).await;
        let guard = Profile { groups: vec!["guards".to_owned()], ..Profile::default() };
        let bela = worker(&store, "bela", &guard).await;
        let midnight = |day| Some(moment(day, "00:00"));
        let three_days =
            Profile { valid_from: midnight("2026-10-20"), valid_until: midnight("2026-10-23"), ..Profile::default() };
        let cem = worker(&store, "cem", &three_days).await;
        let dora = worker(&store, "dora", &Profile { valid_from: midnight("2026-10-29"), ..Profile::default() }).await;
        let emil = worker(&store, "emil", &Profile::default()).await;

        let mut log = anna.events(
            "2026-10-19 in 08:55 in 08:55:20 in 08:55:50 out 12:00 in 12:30 out 17:35 out 17:35:59
             2026-10-20 in 09:12 out 17:30
             2026-10-21 in 09:05 out 16:45
             2026-10-23 in 08:00 out 12:15 in 13:00 out 17:30
             2026-10-24 in 10:00 out 11:30
             2026-10-26 in 09:00 out 17:30
             2026-10-27 in 09:00
             2026-10-28 in 09:00 out 12:00 out 17:30
             2026-10-29 in 08:59 out 17:31
             2026-11-01 in 23:30
             2026-11-02 out 01:00",
        );
        log.extend(bela.events(
            "2026-10-19 in 21:30
             2026-10-20 out 06:40 in 22:20
             2026-10-21 out 02:00 in 02:30 out 05:50 in 21:58:30
             2026-10-22 out 06:01
             2026-10-23 in 22:00
             2026-10-24 out 06:00 in 22:00
             2026-10-25 out 02:30+02:00 in 02:30+01:00 out 06:00
             2026-10-26 in 22:00
             2026-10-27 in 22:00
             2026-10-28 out 06:00
             2026-10-31 in 21:55
             2026-11-01 out 06:05",
        ));
        let of_cem = cem.events(
            "2026-10-20 in 09:00
             2026-10-21 in 09:00 out 17:30
             2026-10-22 in 08:58 out 17:32",
        );
        let his_twin = of_cem[2].id.clone();
        log.extend(of_cem);
        log.extend(dora.events("2026-10-29 seen 08:50 seen 12:00 seen 17:31\n2026-10-30 seen 10:00 seen 11:00"));
        log.extend(emil.events("2026-10-20 in 09:30 out 12:00"));
        store.put_events(&log).await.unwrap();
        store.remove("emil").await.unwrap();
        enrolled_long_ago(database).await;

        // What was forgotten, what was somebody else, and what was taken back again.
        store.add_punch(&cem.said("out", moment("2026-10-20", "17:45"))).await.unwrap();
        store.void_event(&his_twin, Some("his twin"), Some("HR")).await.unwrap().unwrap();
        store.add_punch(&cem.said("out", moment("2026-10-21", "15:00"))).await.unwrap();
        let (wrong, _) = store.add_punch(&cem.said("out", moment("2026-10-22", "20:00"))).await.unwrap();
        store.withdraw_punch(wrong.id, None, None).await.unwrap();

        let found = rows(&store, "2026-10-19", "2026-11-01").await;
        let names: Vec<&str> = found.iter().map(|(name, _)| name.as_str()).collect();
        assert_eq!(names, ["anna", "bela", "cem", "dora", "emil"]);
        assert_rows(
            &found,
            "anna",
            "2026-10-19 08:55-17:35 490
             2026-10-20 09:12-17:30 498 late 12
             2026-10-21 09:05-16:45 460 early 45
             2026-10-22 absent
             2026-10-23 08:00-17:30 525
             2026-10-24 10:00-11:30 90
             2026-10-26 09:00-17:30 510
             2026-10-27 09:00-? 0 open
             2026-10-28 09:00-17:30 180 open
             2026-10-29 08:59-17:31 512
             2026-11-01 23:30-01:00 90",
        );
        assert_rows(
            &found,
            "bela",
            "2026-10-19 21:30-06:40 550
             2026-10-20 22:20-05:50 420 late 20 early 10
             2026-10-21 21:58-06:01 482
             2026-10-22 absent
             2026-10-23 22:00-06:00 480
             2026-10-24 22:00-06:00 480
             2026-10-26 22:00-? 0 open
             2026-10-27 22:00-06:00 480
             2026-10-28 absent
             2026-10-29 absent
             2026-10-31 21:55-06:05 490",
        );
        assert_rows(
            &found,
            "cem",
            "2026-10-20 09:00-17:45 525 hand
             2026-10-21 09:00-15:00 360 early 150 hand
             2026-10-22 08:58-17:32 514",
        );
        assert_rows(&found, "dora", "2026-10-29 08:50-17:31 521\n2026-10-30 10:00-11:00 60");
        assert_rows(&found, "emil", "2026-10-20 09:30-12:00 150");

        // The same again, from the last to the first.
        log.reverse();
        store.put_events(&log).await.unwrap();
        let again = NewPunch { source: PunchSource::Log, ..cem.said("out", moment("2026-10-20", "17:45")) };
        assert_eq!(store.add_log(&[again]).await.unwrap(), [false]);
        assert_eq!(rows(&store, "2026-10-19", "2026-11-01").await, found);

        // A day by itself is as it is among the others.
        for day in ["2026-10-20", "2026-10-24", "2026-11-01"] {
            let alone = rows(&store, day, day).await;
            for (name, rows) in &alone {
                let (_, all) = found.iter().find(|(other, _)| other == name).unwrap();
                let of_day: Vec<&String> = all.iter().filter(|row| row.starts_with(day)).collect();
                assert_eq!(rows.iter().collect::<Vec<_>>(), of_day, "{name} on {day}");
            }
        }
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_fortnight_in_which_clocks_are_set_forward_comes_out_right_to_the_minute() {
    on_each_engine(async |database| {
        let store = database.open().await;
        let from = Some(moment("2026-03-26", "00:00"));
        let guard = Profile { groups: vec!["guards".to_owned()], valid_from: from, ..Profile::default() };
        let bela = worker(&store, "bela", &guard).await;
        let log = bela.events(
            "2026-03-26 in 22:00
             2026-03-27 out 06:00 in 22:00
             2026-03-28 out 05:40 in 22:00
             2026-03-29 out 06:00
             2026-03-30 in 22:05
             2026-03-31 out 06:00 in 21:59
             2026-04-01 out 01:30 in 01:45 out 06:00
             2026-04-04 in 22:06
             2026-04-05 out 06:00",
        );
        store.put_events(&log).await.unwrap();
        enrolled_long_ago(database).await;
        let found = rows(&store, "2026-03-23", "2026-04-05").await;
        assert_rows(
            &found,
            "bela",
            "2026-03-26 22:00-06:00 480
             2026-03-27 22:00-05:40 460 early 20
             2026-03-28 22:00-06:00 420
             2026-03-30 22:05-06:00 475
             2026-03-31 21:59-06:00 466
             2026-04-01 absent
             2026-04-02 absent
             2026-04-04 22:06-06:00 474 late 6",
        );
        // The same fortnight by other clocks.
        let book = attendance(&store).in_zone(TimeZone::UTC);
        let period = Period::new("2026-03-28".parse().unwrap(), "2026-03-28".parse().unwrap()).unwrap();
        let people = book.people(period).await.unwrap();
        let days = book.days(&people[0], period, Micros(i64::MAX / 2)).await.unwrap();
        assert_eq!(days[0].left_early_minutes, 120, "22:00 to 06:00 of UTC, and they left at 04:00");
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn who_was_refused_first_came_when_they_passed_and_who_was_taken_for_another_is_marked() {
    on_each_engine(async |database| {
        let store = database.open().await;
        let anna = worker(&store, "anna", &Profile::default()).await;
        let twin = worker(&store, "twin", &Profile::default()).await;
        let mut came = anna.event("in", moment("2026-10-20", "08:50"), 1);
        came.passed_at = Some(moment("2026-10-20", "09:10"));
        let left = anna.event("out", moment("2026-10-20", "17:30"), 2);
        store.put_events(&[came.clone(), left.clone()]).await.unwrap();
        let by = |name: &str, rows: &[(String, Vec<String>)]| {
            rows.iter().find(|(person, _)| person == name).map(|(_, rows)| rows.clone()).unwrap()
        };
        let found = rows(&store, "2026-10-20", "2026-10-20").await;
        assert_eq!(by("anna", &found), ["2026-10-20 09:10-17:30 500 late 10"]);
        assert!(by("twin", &found).is_empty(), "nobody is absent before they were enrolled");
        let (void, _) = store.void_event(&came.id, None, None).await.unwrap().unwrap();
        assert_eq!(void.said.at, moment("2026-10-20", "09:10"));
        store.withdraw_punch(void.id, None, None).await.unwrap();

        store.correct_event(&left.id, Some(twin.name)).await.unwrap();
        let found = rows(&store, "2026-10-20", "2026-10-20").await;
        assert_eq!(by("anna", &found), ["2026-10-20 09:10-? 0 late 10 open hand"]);
        assert_eq!(by("twin", &found), ["2026-10-20 ?-17:30 0 open hand"]);
    })
    .await;
}
