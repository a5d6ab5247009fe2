//! Who people are beside their faces: changed without losing anything, and who entered or left last.
#![allow(clippy::unwrap_used, reason = "a test ends at the first surprise")]

mod common;

use common::{MODEL, enrol, on_each_engine};
use store::{ChangeKind, Event, Feed, Micros, PersonId, Profile, ProfileChange, Version};

#[tokio::test(flavor = "multi_thread")]
async fn a_profile_is_read_as_it_was_written_and_readers_hear_of_its_change() {
    on_each_engine(async |database| {
        let store = database.open().await;
        let ann = enrol(&store, "Ann").await;
        let profile = Profile {
            code: Some("4711".to_owned()),
            groups: vec!["it".to_owned(), "staff, \"night\"".to_owned()],
            valid_from: Some(Micros(1)),
            valid_until: Some(Micros(i64::MAX)),
            suspended: true,
            watched: true,
            let_out_at: Some(Micros(7)),
        };
        let made = store.change_profile("Ann", |held| *held = profile.clone()).await.unwrap();
        assert_eq!(made, ProfileChange::Made(profile.clone()));
        assert_eq!(store.profile("Ann").await.unwrap(), Some((ann.person, profile.clone())));
        let Feed::Changes(changes) = store.changes_since(ann.version).await.unwrap() else { panic!("a gap") };
        assert_eq!(changes.len(), 1);
        assert_eq!((changes[0].version, changes[0].kind), (Version(2), ChangeKind::Updated));
        enrol(&store, "Bob").await;
        let roster = store.roster(MODEL).await.unwrap();
        let shown: Vec<_> = roster.iter().map(|held| (held.person.name.as_str(), held.templates)).collect();
        assert_eq!(shown, [("Ann", 1), ("Bob", 1)]);
        assert_eq!((&roster[0].person.profile, &roster[1].person.profile), (&profile, &Profile::default()));
        let other = store.enrolment("another-model", "Ann").await.unwrap().unwrap();
        assert_eq!((other.person.id, other.templates), (ann.person, 0));
        assert_eq!(store.enrolment(MODEL, "ann").await.unwrap(), None);
        // All of them at once are who each is alone, whatever they are called.
        let odd = enrol(&store, "Zoë \"Zo\" O'Neil\\\n李 👋\t").await;
        let everybody = store.people(&[MODEL]).await.unwrap().people;
        let each =
            store.people_of(&everybody.iter().map(|person| person.id).collect::<Vec<_>>(), &[MODEL]).await.unwrap();
        assert_eq!(everybody, Vec::from_iter(each.into_values()));
        assert_eq!((&everybody[0].profile, everybody.last().unwrap().id), (&profile, odd.person));
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn two_people_cannot_have_one_code_and_a_refused_change_changes_nothing() {
    on_each_engine(async |database| {
        let store = database.open().await;
        enrol(&store, "Ann").await;
        enrol(&store, "Bob").await;
        let code = |profile: &mut Profile| profile.code = Some("1".to_owned());
        assert!(matches!(store.change_profile("Ann", code).await.unwrap(), ProfileChange::Made(_)));
        assert!(matches!(store.change_profile("Ann", code).await.unwrap(), ProfileChange::Made(_)), "it is Ann's own");
        let version = store.version().await.unwrap();
        assert_eq!(store.change_profile("Bob", code).await.unwrap(), ProfileChange::CodeTaken("Ann".to_owned()));
        assert_eq!(store.change_profile("Cem", code).await.unwrap(), ProfileChange::NoSuchPerson);
        assert_eq!(store.version().await.unwrap(), version);
        assert_eq!(store.profile("Bob").await.unwrap().unwrap().1, Profile::default());
    })
    .await;
}

/// A PASS of `person` that began at `second`, and lasted for two.
fn pass(second: i64, person: PersonId, direction: &str, door_group: &str) -> Event {
    let started_at = Micros((1_735_689_600 + second) * 1_000_000);
    let hex = format!("{:012x}", started_at.0 / 1000);
    Event {
        id: format!("{}-{}-7000-8000-{:012x}", &hex[..8], &hex[8..], person.0),
        person_id: Some(person.0),
        person: Some("by any name".to_owned()),
        status: "PASS".to_owned(),
        reason: None,
        camera: "door".to_owned(),
        direction: Some(direction.to_owned()),
        node: "gate".to_owned(),
        track: None,
        distance: None,
        raw_distance: None,
        quality: None,
        started_at,
        passed_at: None,
        last_seen_at: Micros(started_at.0 + 2_000_000),
        ended: true,
        has_face: false,
        has_frame: false,
        decision: "{}".to_owned(),
        door_group: Some(door_group.to_owned()),
        visitor: None,
        face: None,
        correction: None,
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_newest_pass_in_each_door_group_says_who_is_inside_unless_somebody_has_said_otherwise() {
    on_each_engine(async |database| {
        let store = database.open().await;
        let (ann, bob) = (enrol(&store, "Ann").await.person, enrol(&store, "Bob").await.person);
        let refused = Event { status: "REJECT".to_owned(), ..pass(9, ann, "out", "hq") };
        let elsewhere = Event { door_group: None, ..pass(9, bob, "out", "hq") };
        let events = [
            pass(1, ann, "in", "hq"),
            pass(2, bob, "in", "hq"),
            pass(3, bob, "out", "hq"),
            pass(4, bob, "in", "lab"),
            refused,
            elsewhere,
            pass(5, PersonId(999), "in", "hq"),
        ];
        store.put_events(&events).await.unwrap();
        let inside = async |from: i64| {
            let movements = store.newest_movements(Micros((1_735_689_600 + from) * 1_000_000)).await.unwrap();
            let shown = movements.iter().map(|m| format!("{} {} {}", m.door_group, m.name, m.is_inside()));
            shown.collect::<Vec<_>>()
        };
        assert_eq!(inside(0).await, ["hq Ann true", "hq Bob false", "lab Bob true"]);
        assert_eq!(inside(2).await, ["hq Bob false", "lab Bob true"], "what is older is forgotten");
        // Ann was last seen three seconds after the beginning.
        for (second, is_inside) in [(2, true), (3, false), (4, false)] {
            let let_out_at = Some(Micros((1_735_689_600 + second) * 1_000_000));
            store.change_profile("Ann", |profile| profile.let_out_at = let_out_at).await.unwrap();
            assert_eq!(inside(0).await[0], format!("hq Ann {is_inside}"), "{second}");
        }
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_pass_of_a_clock_that_is_ahead_does_not_count_and_one_person_can_be_asked_for() {
    on_each_engine(async |database| {
        let store = database.open().await;
        let (ann, bob) = (enrol(&store, "Ann").await.person, enrol(&store, "Bob").await.person);
        let now = Micros::now().0 / 1_000_000 - 1_735_689_600;
        let events = [
            pass(now - 600, ann, "out", "hq"),
            pass(now + 3600, ann, "in", "hq"),
            pass(now - 500, bob, "in", "hq"),
            Event { last_seen_at: Micros(Micros::now().0 + 3_600_000_000), ..pass(now - 400, bob, "out", "hq") },
        ];
        store.put_events(&events).await.unwrap();
        let shown = |movements: Vec<store::Movement>| {
            movements.iter().map(|m| format!("{} {}", m.name, m.direction)).collect::<Vec<_>>()
        };
        assert_eq!(shown(store.newest_movements(Micros(0)).await.unwrap()), ["Ann out", "Bob in"]);
        assert_eq!(shown(store.newest_movements_of(bob, Micros(0)).await.unwrap()), ["Bob in"]);
    })
    .await;
}
