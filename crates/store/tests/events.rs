//! Passages of people: kept by id, found by filters, followed in the order of their changes.
#![allow(clippy::unwrap_used, reason = "a test ends at the first surprise")]

mod common;

use common::on_each_engine;
use store::{Event, EventFilter, Micros, PersonFilter, Store};

/// An event that started `second` seconds after 2025 began.
fn event(second: i64, person: Option<&str>, camera: &str) -> Event {
    let started_at = Micros((1_735_689_600 + second) * 1_000_000);
    let hex = format!("{:012x}", started_at.0 / 1000);
    Event {
        id: format!("{}-{}-7000-8000-000000000000", &hex[..8], &hex[8..]),
        person_id: person.map(|_| 7),
        person: person.map(str::to_owned),
        status: if person.is_some() { "PASS" } else { "REJECT" }.to_owned(),
        reason: person.is_none().then(|| "below_threshold".to_owned()),
        camera: camera.to_owned(),
        direction: Some("in".to_owned()),
        node: "gate".to_owned(),
        track: Some(second),
        distance: Some(0.25),
        raw_distance: None,
        quality: Some(3.5),
        started_at,
        passed_at: None,
        last_seen_at: started_at,
        ended: false,
        has_face: false,
        has_frame: true,
        decision: "{}".to_owned(),
        door_group: None,
        visitor: None,
        face: None,
        correction: None,
    }
}

fn bare() -> Event {
    let nothing = Event { direction: None, track: None, distance: None, quality: None, ..event(9, None, "yard") };
    Event { reason: None, ..nothing }
}

async fn found(store: &Store, filter: EventFilter) -> Vec<i64> {
    let events = store.events(&filter, None, 100).await.unwrap();
    events.iter().map(|event| event.started_at.0 / 1_000_000 - 1_735_689_600).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn an_event_is_read_as_it_was_written_and_its_newest_state_replaces_the_one_before() {
    on_each_engine(async |database| {
        let store = database.open().await;
        let first = event(1, None, "door");
        store.put_events(&[first.clone(), bare()]).await.unwrap();
        assert_eq!(store.event(&first.id).await.unwrap(), Some(first.clone()));
        assert_eq!(store.event(&bare().id).await.unwrap(), Some(bare()));
        let later = Event { ended: true, has_face: true, last_seen_at: Micros(1), ..event(1, Some("Zoë"), "door") };
        store.put_events(std::slice::from_ref(&later)).await.unwrap();
        assert_eq!(store.event(&later.id).await.unwrap(), Some(later));
        assert_eq!(store.event("01900000").await.unwrap(), None);
        assert_eq!(found(&store, EventFilter::default()).await, [9, 1]);
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn each_filter_finds_its_events_and_all_together_those_that_fit_all() {
    on_each_engine(async |database| {
        let store = database.open().await;
        let out = Event { direction: Some("out".to_owned()), ..event(3, Some("Ann"), "yard") };
        let all = [event(1, Some("Ann"), "door"), event(2, None, "door"), out, event(4, Some("Bob"), "door")];
        store.put_events(&all).await.unwrap();
        let second = |second| Some(event(second, None, "").started_at);
        let cases: [(&[i64], EventFilter); 8] = [
            (&[4, 3, 2, 1], EventFilter::default()),
            (&[3, 1], EventFilter { person: Some(PersonFilter::Named("Ann".to_owned())), ..Default::default() }),
            (&[2], EventFilter { person: Some(PersonFilter::Unknown), ..Default::default() }),
            (&[4, 2, 1], EventFilter { camera: Some("door".to_owned()), ..Default::default() }),
            (&[2], EventFilter { status: Some("REJECT".to_owned()), ..Default::default() }),
            (&[3], EventFilter { direction: Some("out".to_owned()), ..Default::default() }),
            (&[3, 2], EventFilter { from: second(2), to: second(4), ..Default::default() }),
            (
                &[1],
                EventFilter {
                    person: Some(PersonFilter::Named("Ann".to_owned())),
                    camera: Some("door".to_owned()),
                    status: Some("PASS".to_owned()),
                    direction: Some("in".to_owned()),
                    visitor: None,
                    from: second(0),
                    to: second(4),
                },
            ),
        ];
        for (expected, filter) in cases {
            assert_eq!(found(&store, filter.clone()).await, expected, "{filter:?}");
            let wanted = all.iter().rev().filter(|event| filter.wants(event)).count();
            assert_eq!(wanted, expected.len(), "the same filter without the database: {filter:?}");
        }
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn pages_hold_every_event_once_while_new_ones_come() {
    on_each_engine(async |database| {
        let store = database.open().await;
        let events: Vec<Event> = (0..25).map(|second| event(second, None, "door")).collect();
        store.put_events(&events).await.unwrap();
        let (mut seen, mut cursor) = (Vec::new(), None::<String>);
        loop {
            let page = store.events(&EventFilter::default(), cursor.as_deref(), 10).await.unwrap();
            let Some(last) = page.last() else { break };
            cursor = Some(last.id.clone());
            seen.extend(page.into_iter().map(|event| event.id));
            store.put_events(&[event(100 + i64::try_from(seen.len()).unwrap(), None, "door")]).await.unwrap();
        }
        let expected: Vec<String> = events.into_iter().rev().map(|event| event.id).collect();
        assert_eq!(seen, expected);
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_follower_sees_each_change_in_order_and_can_go_on_from_any_number() {
    on_each_engine(async |database| {
        let store = database.open().await;
        assert_eq!(store.newest_event_seq().await.unwrap(), 0);
        let (ann, bob) = (event(1, Some("Ann"), "door"), event(2, Some("Bob"), "door"));
        assert_eq!(store.put_events(&[ann.clone(), bob.clone()]).await.unwrap(), 2);
        store.put_events(&[Event { ended: true, ..ann.clone() }]).await.unwrap();
        let changes = store.events_since(0, 100).await.unwrap();
        let numbers: Vec<_> = changes.iter().map(|change| (change.seq, change.opened_seq)).collect();
        assert_eq!(numbers, [(2, 2), (3, 1)], "the newest state of each");
        assert_eq!((changes[0].event.id.as_str(), changes[1].event.ended), (bob.id.as_str(), true));
        assert_eq!(store.events_since(0, 1).await.unwrap().len(), 1);
        assert_eq!(store.events_since(2, 100).await.unwrap()[0].event.id, ann.id);
        assert_eq!(store.newest_event_seq().await.unwrap(), 3);
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_follower_misses_nothing_while_many_write() {
    on_each_engine(async |database| {
        let stores = [database.open().await, database.open().await];
        let writers: Vec<_> = (0..8)
            .map(|writer| {
                let store = stores[writer % 2].clone();
                tokio::spawn(async move {
                    for n in 0..10 {
                        let second = i64::try_from(writer * 100 + n).unwrap();
                        store.put_events(&[event(second, None, "door")]).await.unwrap();
                    }
                })
            })
            .collect();
        let (mut seen, mut seq) = (0, 0);
        let patience = std::time::Instant::now() + std::time::Duration::from_secs(60);
        while seen < 80 {
            assert!(std::time::Instant::now() < patience, "only {seen} of 80 were seen");
            for change in stores[0].events_since(seq, 100).await.unwrap() {
                assert_eq!(change.seq, seq + 1, "none is skipped");
                seq = change.seq;
                seen += 1;
            }
        }
        for writer in writers {
            writer.await.unwrap();
        }
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn events_that_a_killed_process_left_open_end_when_they_were_last_seen() {
    on_each_engine(async |database| {
        let store = database.open().await;
        let elsewhere = Event { node: "yard".to_owned(), ..event(2, None, "door") };
        store.put_events(&[event(1, None, "door"), elsewhere, event(5, None, "door")]).await.unwrap();
        let at = |second| event(second, None, "").started_at;
        assert_eq!(store.end_abandoned_events("gate", at(5), at(0)).await.unwrap(), 1);
        let open = |events: Vec<Event>| events.iter().filter(|event| !event.ended).count();
        let all = store.events(&EventFilter::default(), None, 10).await.unwrap();
        assert_eq!((all[2].ended, all[2].last_seen_at), (true, at(1)));
        assert_eq!(open(all), 2, "one was seen just now, the other belongs to another node");
        assert_eq!(store.newest_event_seq().await.unwrap(), 4, "followers are told");
        assert_eq!(store.end_abandoned_events("gate", at(0), at(3)).await.unwrap(), 1, "its node never came back");
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn old_events_are_removed_unless_they_still_last() {
    on_each_engine(async |database| {
        let store = database.open().await;
        let over = |second| Event { ended: true, ..event(second, None, "door") };
        store.put_events(&[over(1), event(2, None, "door"), over(3), over(4)]).await.unwrap();
        assert_eq!(store.remove_events(over(4).started_at).await.unwrap(), 2);
        assert_eq!(found(&store, EventFilter::default()).await, [4, 2]);
    })
    .await;
}
