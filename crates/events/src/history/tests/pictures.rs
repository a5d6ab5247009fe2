//! Pictures of people, shown before or after them, or found out late.

use super::*;

fn picture(track: TrackId, since: u64) -> Seen {
    Seen { since, ..seen(track, ANN, Verdict::Reject(Reason::Spoof)) }
}

fn unsure(track: TrackId, since: u64) -> Seen {
    Seen { since, ..seen(track, ANN, Verdict::Reject(Reason::NotSeenAlive)) }
}

/// What is known in the end of each event, in the order of their beginnings: status, reason and person.
fn events(changes: Vec<Change>, day: &mut Day) -> Vec<(String, Option<String>, Option<String>)> {
    let mut newest: Vec<Event> = Vec::new();
    for change in changes.into_iter().chain(day.passages.end()) {
        newest.retain(|event| event.id != change.event.id);
        newest.push(change.event);
    }
    newest.sort_by(|a, b| a.id.cmp(&b.id));
    newest.into_iter().map(|event| (event.status, event.reason, event.person)).collect()
}

fn passed() -> (String, Option<String>, Option<String>) {
    ("PASS".to_owned(), None, Some("Ann".to_owned()))
}

fn refused() -> (String, Option<String>, Option<String>) {
    ("REJECT".to_owned(), Some("spoof".to_owned()), None)
}

#[test]
fn a_picture_and_then_the_person_are_two_events() {
    let mut day = Day::new();
    let mut told = Vec::new();
    (0..25).for_each(|n| told.extend(day.at(n * 100, &[picture(1, 0)], &[])));
    told.extend(day.at(4_000, &[], &[picture(1, 0)]));
    (65..80).for_each(|n| told.extend(day.at(n * 100, &[Seen { since: 6_500, ..pass(2, ANN) }], &[])));
    assert_eq!(events(told, &mut day), [refused(), passed()]);
}

#[test]
fn a_picture_behind_the_person_is_an_event_and_does_not_keep_the_persons_open() {
    let mut day = Day::new();
    let mut told = Vec::new();
    (0..10).for_each(|n| told.extend(day.at(n * 100, &[pass(1, ANN)], &[])));
    told.extend(day.at(4_000, &[], &[pass(1, ANN)]));
    for n in 50..200 {
        let shown = if n < 55 { unsure(2, 5_000) } else { picture(2, 5_000) };
        told.extend(day.at(n * 100, &[shown], &[]));
    }
    let last = told.iter().rfind(|change| change.event.person.is_some()).unwrap();
    assert_eq!((last.phase, last.event.last_seen_at), (Phase::End, day.time(4_000)));
    assert_eq!(events(told, &mut day), [passed(), refused()]);
}

#[test]
fn one_that_was_taken_for_somebody_who_returns_before_it_is_found_out_is_an_event_all_the_same() {
    let mut day = Day::new();
    let mut told = Vec::new();
    told.extend(day.at(0, &[pass(1, ANN)], &[]));
    told.extend(day.at(3_000, &[], &[pass(1, ANN)]));
    // Few shots a second: it is told of before it is decided.
    (40..70).for_each(|n| told.extend(day.at(n * 100, &[unsure(2, 4_000)], &[])));
    (70..100).for_each(|n| told.extend(day.at(n * 100, &[picture(2, 4_000)], &[])));
    assert_eq!(events(told, &mut day), [passed(), refused()]);
}

#[test]
fn one_that_passed_before_it_was_found_out_is_told_of_beside_the_pass_also_when_it_passes_again() {
    let mut day = Day::new();
    let mut told = Vec::new();
    (0..3).for_each(|n| told.extend(day.at(n * 100, &[pass(1, ANN)], &[])));
    (3..40).for_each(|n| told.extend(day.at(n * 100, &[picture(1, 0)], &[])));
    (40..60).for_each(|n| told.extend(day.at(n * 100, &[pass(1, ANN)], &[])));
    told.extend(day.at(9_000, &[], &[pass(1, ANN)]));
    assert_eq!(events(told, &mut day), [passed(), refused()]);
}

#[test]
fn a_picture_that_is_taken_away_and_shown_again_is_one_event() {
    let mut day = Day::new();
    let mut told = Vec::new();
    (0..25).for_each(|n| told.extend(day.at(n * 100, &[picture(1, 0)], &[])));
    told.extend(day.at(5_500, &[], &[picture(1, 0)]));
    (60..85).for_each(|n| told.extend(day.at(n * 100, &[picture(2, 6_000)], &[])));
    assert_eq!(events(told, &mut day), [refused()]);
}
