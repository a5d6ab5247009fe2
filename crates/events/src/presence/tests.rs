//! Sequences of people who come and go; seconds since some moment stand for times.
use store::{Event, EventCorrection};

use super::follow::hear_event;
use super::*;

const ANN: PersonId = PersonId(1);
const BOB: PersonId = PersonId(2);
const FORGET_AFTER: Duration = Duration::from_hours(24);

struct House {
    shared: Arc<Shared>,
    entrance: Door,
    exit: Door,
}

fn at(second: i64) -> Micros {
    Micros((1_750_000_000 + second) * 1_000_000)
}

impl House {
    fn new() -> Self {
        let shared = Arc::new(Shared::new(FORGET_AFTER));
        shared.set_read(true);
        let door = |direction| Door::new(Arc::clone(&shared), "hq", direction);
        Self { entrance: door(Direction::In), exit: door(Direction::Out), shared }
    }

    /// Whether somebody who stands at `door` may pass as far as the door group is concerned; who may, does.
    fn try_at(&self, door: &Door, person: PersonId, second: i64) -> bool {
        let may = door.already_inside(person, None, at(second)).is_none();
        if may {
            door.passed(person, at(second));
        }
        may
    }

    fn enters(&self, person: PersonId, second: i64) -> bool {
        self.try_at(&self.entrance, person, second)
    }

    fn leaves(&self, person: PersonId, second: i64) -> bool {
        self.try_at(&self.exit, person, second)
    }

    /// Another node has seen `person` pass.
    fn hears(&self, person: PersonId, direction: &str, from: i64, to: i64) {
        self.hears_event(&event(person, direction, from, to));
    }

    fn hears_event(&self, event: &Event) -> Vec<PersonId> {
        hear_event(&self.shared, event, Micros::now())
    }
}

fn event(person: PersonId, direction: &str, from: i64, to: i64) -> Event {
    Event {
        id: String::new(),
        person_id: Some(person.0),
        person: None,
        status: "PASS".to_owned(),
        reason: None,
        camera: "door".to_owned(),
        direction: Some(direction.to_owned()),
        node: "other".to_owned(),
        track: None,
        distance: None,
        raw_distance: None,
        quality: None,
        started_at: at(from),
        passed_at: None,
        last_seen_at: at(to),
        ended: true,
        has_face: false,
        has_frame: false,
        decision: String::new(),
        door_group: Some("hq".to_owned()),
        visitor: None,
        face: None,
        correction: None,
    }
}

#[test]
fn nobody_enters_twice_without_leaving_and_each_person_and_group_counts_for_itself() {
    let house = House::new();
    assert!(house.enters(ANN, 0));
    assert!(!house.enters(ANN, 60), "Ann is inside");
    assert!(house.enters(BOB, 61));
    let lab = Door::new(Arc::clone(&house.shared), "lab", Direction::In);
    assert!(house.try_at(&lab, ANN, 70));
    assert!(house.leaves(ANN, 100) && house.enters(ANN, 200));
    assert!(!house.enters(ANN, 300) && !house.enters(BOB, 300));
    assert!(house.leaves(ANN, 310) && house.leaves(ANN, 320), "whoever leaves is never kept");
}

#[test]
fn whoever_stays_before_the_camera_is_still_on_the_same_way_in() {
    let house = House::new();
    for second in (0..60).step_by(10) {
        assert!(house.enters(ANN, second), "{second}");
    }
    assert!(!house.enters(ANN, 61), "away for eleven seconds");
    assert!(!house.enters(ANN, 65), "being refused does not make it the same way");
    assert_eq!(house.entrance.already_inside(ANN, None, at(61)), Some(at(0)));
}

#[test]
fn two_cameras_of_one_door_let_in_the_same_person() {
    let house = House::new();
    let other = Door::new(Arc::clone(&house.shared), "hq", Direction::In);
    assert!(house.enters(ANN, 0) && house.try_at(&other, ANN, 9) && house.enters(ANN, 18));
    assert!(!house.try_at(&other, ANN, 30));
}

#[test]
fn an_entry_is_forgotten_in_the_end() {
    let house = House::new();
    assert!(house.enters(ANN, 0));
    let day = 24 * 3600;
    assert!(!house.enters(ANN, day - 1));
    assert!(house.enters(ANN, day));
    house.shared.forget(at(3 * day));
    assert!(house.shared.ways().is_empty());
}

#[test]
fn somebody_who_is_said_to_be_outside_may_enter_once() {
    let house = House::new();
    assert!(house.enters(ANN, 0));
    assert!(house.entrance.already_inside(ANN, Some(at(30)), at(60)).is_none());
    house.entrance.passed(ANN, at(60));
    assert!(house.entrance.already_inside(ANN, Some(at(30)), at(120)).is_some(), "and is inside again");
}

#[test]
fn what_other_nodes_saw_counts_by_its_time_in_whatever_order_it_comes() {
    let house = House::new();
    house.hears(ANN, "in", 0, 3);
    assert!(!house.enters(ANN, 60));
    house.hears(ANN, "out", 70, 72);
    house.hears(ANN, "in", 0, 4);
    assert!(house.enters(ANN, 100), "Ann has left, whatever came late");
    house.hears(ANN, "out", 70, 75);
    assert!(!house.enters(ANN, 200), "Ann has entered here since");
    // A node was cut off: both come at once, the later one first.
    house.hears(BOB, "out", 50, 52);
    house.hears(BOB, "in", 40, 42);
    assert!(house.enters(BOB, 300));
    let refused = Event { status: "REJECT".to_owned(), ..event(ANN, "out", 400, 401) };
    house.hears_event(&refused);
    assert!(!house.enters(ANN, 450), "whoever is refused at the exit has not left");
}

#[test]
fn the_own_event_that_comes_back_changes_nothing() {
    let house = House::new();
    // The passage began before the person was accepted, and its end is told later.
    assert!(house.enters(ANN, 2));
    house.hears(ANN, "in", 0, 2);
    house.hears(ANN, "in", 0, 5);
    assert!(house.enters(ANN, 12) && !house.enters(ANN, 30));
    assert!(house.leaves(ANN, 40));
    house.hears(ANN, "in", 0, 12);
    assert!(house.enters(ANN, 60));
}

#[test]
fn a_correction_puts_inside_who_it_really_was_and_leaves_open_how_the_other_passed_before() {
    let house = House::new();
    house.hears(ANN, "in", 0, 3);
    let correction = Some(EventCorrection { at: at(50), was_person_id: Some(ANN.0), was_person: None });
    assert_eq!(house.hears_event(&Event { correction, ..event(BOB, "in", 0, 3) }), [ANN]);
    assert!(!house.enters(BOB, 60));
    assert_eq!(house.hears_event(&event(ANN, "in", 0, 3)), [BOB], "taken back");
}

#[test]
fn a_way_of_a_clock_that_is_ahead_counts_neither_for_nor_against_anybody() {
    let house = House::new();
    let ahead = Micros(Micros::now().0 + 3_600_000_000);
    house.hears(ANN, "in", 0, 3);
    house.hears_event(&Event { started_at: ahead, last_seen_at: ahead, ..event(ANN, "out", 0, 0) });
    assert!(!house.enters(ANN, 60));
    // This clock was ahead, and is right by now.
    house.entrance.passed(BOB, at(7200));
    assert!(house.enters(BOB, 100) && !house.enters(BOB, 200));
}

#[test]
fn events_are_read_only_while_there_is_a_door() {
    let house = House::new();
    let doors = house.shared.doors.subscribe();
    assert_eq!(*doors.borrow(), 2);
    drop((house.entrance, house.exit));
    assert_eq!(*doors.borrow(), 0);
}

/// Waits until `person` may not enter at `second`, or may.
async fn until(door: &Door, person: PersonId, second: i64, inside: bool) {
    let start = Instant::now();
    while door.already_inside(person, None, at(second)).is_some() != inside {
        assert!(start.elapsed() < Duration::from_secs(30), "{person} is not {inside}");
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
}

#[tokio::test]
async fn what_was_before_the_start_and_what_another_process_writes_is_known_by_a_door() {
    let folder = tempfile::tempdir().unwrap();
    let store = Store::open(&format!("sqlite:{}", folder.path().join("vultus.db").display())).await.unwrap();
    let template = store::NewTemplate { model: "model", embedding: &[1.0], norm: 4.0, event: None, photo: None };
    let ann = store.enrol("Ann", &[template]).await.unwrap().person;
    let now = Micros::now().0 / 1_000_000 - at(0).0 / 1_000_000;
    let write = async |direction: &str, second: i64| {
        let written = Event { id: id_at(second), ..event(ann, direction, second, second + 1) };
        store.put_events(&[written]).await.unwrap();
    };
    write("in", now - 600).await;
    let presence = Presence::start(store.clone(), FORGET_AFTER);
    let entrance = presence.door("hq", Direction::In);
    until(&entrance, ann, now, true).await;
    write("out", now - 300).await;
    until(&entrance, ann, now, false).await;
    write("in", now - 200).await;
    until(&entrance, ann, now, true).await;
}

#[tokio::test]
async fn whatever_is_corrected_or_taken_back_everybody_passed_last_as_the_events_say() {
    let folder = tempfile::tempdir().unwrap();
    let store = Store::open(&format!("sqlite:{}", folder.path().join("vultus.db").display())).await.unwrap();
    let mut people = Vec::new();
    for name in ["Ann", "Bob", "Cem"] {
        let template = store::NewTemplate { model: "model", embedding: &[1.0], norm: 4.0, event: None, photo: None };
        people.push(store.enrol(name, &[template]).await.unwrap().person);
    }
    let (ann, bob, cem) = (people[0], people[1], people[2]);
    let now = Micros::now().0 / 1_000_000 - at(0).0 / 1_000_000;
    let write = async |person, direction: &str, second: i64| {
        let written = Event { id: id_at(second), ..event(person, direction, second, second + 1) };
        store.put_events(&[written]).await.unwrap();
    };
    let presence = Presence::start(store.clone(), FORGET_AFTER);
    let mut entrance = presence.door("hq", Direction::In);
    let correct = async |second, said| store.correct_event(&id_at(second), said).await.unwrap();

    write(ann, "in", now - 600).await;
    until(&entrance, ann, now, true).await;
    correct(now - 600, Some("Bob")).await;
    until(&entrance, bob, now, true).await;
    until(&entrance, ann, now, false).await;
    correct(now - 600, Some("Cem")).await;
    until(&entrance, cem, now, true).await;
    until(&entrance, bob, now, false).await;
    store.take_back_correction(&id_at(now - 600)).await.unwrap();
    until(&entrance, ann, now, true).await;
    until(&entrance, cem, now, false).await;

    write(ann, "out", now - 300).await;
    until(&entrance, ann, now, false).await;
    correct(now - 300, None).await;
    until(&entrance, ann, now, true).await;

    // What is corrected while there is no door is known when there is one again.
    drop(entrance);
    until_idle(&presence).await;
    correct(now - 600, Some("Bob")).await;
    entrance = presence.door("hq", Direction::In);
    until(&entrance, bob, now, true).await;
    until(&entrance, ann, now, false).await;
}

/// An event's id, by when it began.
fn id_at(second: i64) -> String {
    let hex = format!("{:012x}", at(second).0 / 1000);
    format!("{}-{}-7000-8000-000000000000", &hex[..8], &hex[8..])
}

async fn until_idle(presence: &Presence) {
    let start = Instant::now();
    while *presence.shared.is_read.lock().unwrap() {
        assert!(start.elapsed() < Duration::from_secs(30), "nobody follows without a door");
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
}
