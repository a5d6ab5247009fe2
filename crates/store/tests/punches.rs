//! What people say of comings and goings: kept once, taken back and not forgotten.
#![allow(clippy::unwrap_used, reason = "a test ends at the first surprise")]

mod common;

use common::{enrol, on_each_engine};
use store::{Event, Micros, NewPunch, PersonId, PunchFilter, PunchSource, Store};

const HOUR: i64 = 3_600_000_000;

fn punch(person: PersonId, hour: i64, direction: &str) -> NewPunch {
    NewPunch {
        person_id: person,
        person: "Ann".to_owned(),
        at: Micros(hour * HOUR),
        direction: Some(direction.to_owned()),
        source: PunchSource::Hand,
        verify: None,
        note: Some("forgot".to_owned()),
        by: Some("HR".to_owned()),
    }
}

fn pass(number: u32, person: PersonId, hour: i64) -> Event {
    let started_at = Micros(hour * HOUR);
    let hex = format!("{:012x}", started_at.0 / 1000);
    Event {
        id: format!("{}-{}-7000-8000-{number:012x}", &hex[..8], &hex[8..]),
        person_id: Some(person.0),
        person: Some("Ann".to_owned()),
        status: "PASS".to_owned(),
        reason: None,
        camera: "door".to_owned(),
        direction: Some("in".to_owned()),
        node: "gate".to_owned(),
        track: None,
        distance: None,
        raw_distance: None,
        quality: None,
        started_at,
        passed_at: None,
        last_seen_at: started_at,
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

async fn counting(store: &Store, person: PersonId) -> Vec<i64> {
    let punches = store.punches_of(person, Micros(0), Micros(100 * HOUR)).await.unwrap();
    punches.iter().map(|punch| punch.said.at.0 / HOUR).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn the_same_said_twice_is_one_and_what_is_taken_back_is_kept_and_can_be_said_again() {
    on_each_engine(async |database| {
        let store = database.open().await;
        let ann = enrol(&store, "Ann").await.person;
        let (first, is_new) = store.add_punch(&punch(ann, 8, "in")).await.unwrap();
        assert!(is_new && first.withdrawn.is_none() && first.said == punch(ann, 8, "in"));
        let (again, is_new) = store.add_punch(&punch(ann, 8, "in")).await.unwrap();
        assert_eq!((again, is_new), (first.clone(), false));
        assert!(store.add_punch(&punch(ann, 8, "out")).await.unwrap().1, "another direction is another punch");
        let unknown = NewPunch { direction: None, ..punch(ann, 9, "in") };
        assert!(store.add_punch(&unknown).await.unwrap().1);
        let (kept, is_new) = store.add_punch(&unknown).await.unwrap();
        assert_eq!((kept.said.direction, is_new), (None, false));
        assert_eq!(counting(&store, ann).await, [8, 8, 9]);

        let withdrawn = store.withdraw_punch(first.id, Some("was not there"), Some("Bob")).await.unwrap().unwrap();
        let withdrawal = withdrawn.withdrawn.clone().unwrap();
        assert_eq!((withdrawal.note.as_deref(), withdrawal.by.as_deref()), (Some("was not there"), Some("Bob")));
        assert_eq!(
            store.withdraw_punch(first.id, None, None).await.unwrap(),
            Some(withdrawn),
            "who did it first stays"
        );
        assert_eq!(store.withdraw_punch(999, None, None).await.unwrap(), None);
        assert_eq!(counting(&store, ann).await, [8, 9]);
        assert!(store.add_punch(&punch(ann, 8, "in")).await.unwrap().1);
        let all = store.punches(&PunchFilter::default(), None, 10).await.unwrap();
        assert_eq!(all.len(), 4);
        assert_eq!(all.iter().filter(|punch| punch.withdrawn.is_some()).count(), 1);
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_log_that_is_read_twice_adds_nothing_and_does_not_say_anew_what_was_taken_back() {
    on_each_engine(async |database| {
        let store = database.open().await;
        let ann = enrol(&store, "Ann").await.person;
        let row = |hour| NewPunch { source: PunchSource::Log, verify: Some(15), ..punch(ann, hour, "in") };
        let log = [row(8), row(12), row(8)];
        assert_eq!(store.add_log(&log).await.unwrap(), [true, true, false]);
        let first = store.punches(&PunchFilter::default(), None, 10).await.unwrap().pop().unwrap();
        assert_eq!((first.said.source, first.said.verify), (PunchSource::Log, Some(15)));
        store.withdraw_punch(first.id, None, None).await.unwrap();
        assert_eq!(store.add_log(&log).await.unwrap(), [false, false, false]);
        assert_eq!(counting(&store, ann).await, [12]);
        assert_eq!(store.add_log(&[]).await.unwrap(), [] as [bool; 0]);
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn passages_are_read_page_by_page_and_those_that_do_not_count_are_marked() {
    on_each_engine(async |database| {
        let store = database.open().await;
        let (ann, bob) = (enrol(&store, "Ann").await.person, enrol(&store, "Bob").await.person);
        let refused = Event { status: "REJECT".to_owned(), person_id: None, person: None, ..pass(9, ann, 3) };
        let events =
            [pass(1, ann, 1), pass(2, ann, 2), pass(3, ann, 2), pass(4, ann, 5), pass(5, bob, 2), refused.clone()];
        store.put_events(&events).await.unwrap();
        let (void, is_new) = store.void_event(&events[1].id, Some("her twin"), None).await.unwrap().unwrap();
        assert!(is_new && void.event_id.as_ref() == Some(&events[1].id) && void.said.at == events[1].started_at);
        assert!(!store.void_event(&events[1].id, None, None).await.unwrap().unwrap().1);
        assert_eq!(store.void_event(&refused.id, None, None).await.unwrap(), None);
        assert_eq!(counting(&store, ann).await, [] as [i64; 0], "it is no coming");

        let page = async |after: Option<&str>| {
            let found = store.passes_of(ann, Micros(HOUR), Micros(5 * HOUR), after, 2).await.unwrap();
            found.into_iter().map(|pass| (pass.event, pass.is_void)).collect::<Vec<_>>()
        };
        let id = |at: usize| events[at].id.clone();
        assert_eq!(page(None).await, [(id(0), false), (id(1), true)]);
        assert_eq!(page(Some(&id(1))).await, [(id(2), false)]);
        store.withdraw_punch(void.id, None, None).await.unwrap();
        assert_eq!(page(None).await, [(id(0), false), (id(1), false)]);
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_said_is_listed_by_person_and_time_the_newest_first() {
    on_each_engine(async |database| {
        let store = database.open().await;
        let (ann, bob) = (enrol(&store, "Ann").await.person, enrol(&store, "Bob").await.person);
        for hour in 1..=5 {
            store.add_punch(&punch(ann, hour, "in")).await.unwrap();
        }
        store.add_punch(&NewPunch { person: "Bob".to_owned(), ..punch(bob, 3, "in") }).await.unwrap();
        let listed = async |filter: PunchFilter, before| {
            let found = store.punches(&filter, before, 3).await.unwrap();
            found.into_iter().map(|punch| (punch.id, punch.said.at.0 / HOUR)).collect::<Vec<_>>()
        };
        let of_ann = PunchFilter { person: Some("Ann".to_owned()), ..PunchFilter::default() };
        let first = listed(of_ann.clone(), None).await;
        assert_eq!(first.iter().map(|(_, hour)| *hour).collect::<Vec<_>>(), [5, 4, 3]);
        let second = listed(of_ann, Some(first[2].0)).await;
        assert_eq!(second.iter().map(|(_, hour)| *hour).collect::<Vec<_>>(), [2, 1]);
        let at_three = PunchFilter { from: Some(Micros(3 * HOUR)), to: Some(Micros(4 * HOUR)), person: None };
        assert_eq!(listed(at_three, None).await.len(), 2);
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn those_who_are_gone_are_known_by_what_they_left() {
    on_each_engine(async |database| {
        let store = database.open().await;
        let (ann, bob) = (enrol(&store, "Ann").await.person, enrol(&store, "Bob").await.person);
        enrol(&store, "Cem").await;
        store
            .put_events(&[pass(1, ann, 2), Event { person: Some("Bob".to_owned()), ..pass(2, bob, 2) }])
            .await
            .unwrap();
        let gone = async || store.former_people(Micros(HOUR), Micros(5 * HOUR)).await.unwrap();
        assert_eq!(gone().await, []);
        for name in ["Ann", "Cem"] {
            store.remove(name).await.unwrap();
        }
        assert_eq!(gone().await, [(ann, "Ann".to_owned())]);
        assert_eq!(store.former_people(Micros(3 * HOUR), Micros(5 * HOUR)).await.unwrap(), []);
        let roster: Vec<String> = store.everybody().await.unwrap().into_iter().map(|person| person.name).collect();
        assert_eq!(roster, ["Bob"]);
    })
    .await;
}
