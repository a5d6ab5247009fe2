//! How readers of the gallery learn what changed.
#![allow(clippy::unwrap_used, reason = "a test ends at the first surprise")]

mod common;

use std::time::{Duration, Instant};

use common::{Database, MODEL, enrol, on_each_engine};
use store::{Change, ChangeKind, Feed, Snapshot, Store, Version};

/// Two stores on one database, as two processes would have.
async fn two_stores(database: &Database) -> [Store; 2] {
    [database.open().await, database.open().await]
}

async fn changes(store: &Store, seen: Version) -> Vec<Change> {
    match store.changes_since(seen).await.expect("changes") {
        Feed::Changes(changes) => changes,
        Feed::Reload => panic!("told to reload at {seen}"),
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_change_made_through_one_store_is_seen_through_another() {
    on_each_engine(async |database| {
        let [one, other] = two_stores(database).await;
        assert_eq!(other.changes_since(Version(0)).await.expect("changes"), Feed::Changes(vec![]));
        let enrolled = enrol(&one, "Ann").await;
        assert_eq!(other.version().await.expect("version"), enrolled.version);
        let removed = one.remove("Ann").await.expect("removed").expect("Ann was there");
        let expected = [
            Change { version: enrolled.version, person: enrolled.person, kind: ChangeKind::Enrolled },
            Change { version: removed, person: enrolled.person, kind: ChangeKind::Removed },
        ];
        assert_eq!(changes(&other, Version(0)).await, expected);
        assert_eq!(changes(&other, enrolled.version).await, expected[1..]);
        assert_eq!(changes(&other, removed).await, []);
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_reader_too_far_behind_or_ahead_of_the_gallery_is_told_to_reload() {
    on_each_engine(async |database| {
        let store = database.open().await;
        enrol(&store, "Ann").await;
        assert_eq!(store.changes_since(Version(2)).await.expect("feed"), Feed::Reload);
        assert_eq!(store.changes_since(Version(i64::MAX)).await.expect("feed"), Feed::Reload);

        // As if 100,500 changes had been made, the newest 100,000 of which are kept.
        database.execute("UPDATE gallery SET version = 100500").await;
        database.execute("UPDATE changes SET version = 500").await;
        assert_eq!(enrol(&store, "Bob").await.version, Version(100_501));
        assert_eq!(store.changes_since(Version(0)).await.expect("feed"), Feed::Reload);
        assert_eq!(store.changes_since(Version(499)).await.expect("feed"), Feed::Reload);
        assert_eq!(changes(&store, Version(100_500)).await.len(), 1);
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn everybody_is_read_as_of_one_moment_though_several_read_at_once_and_people_come_meanwhile() {
    const MANY: usize = 2_048;
    on_each_engine(async |database| {
        let [writer, reader] = two_stores(database).await;
        enrol(&writer, "Ann").await;
        // As many again each time, and then everybody's face: one by one each would wait for the disk.
        for round in 0..MANY.ilog2() {
            let again =
                format!("INSERT INTO people (name, created_at) SELECT name || '-{round}', created_at FROM people");
            database.execute(&again).await;
        }
        database
            .execute(
                "INSERT INTO templates (person_id, model, dimensions, embedding, norm, created_at) \
                 SELECT people.id, model, dimensions, embedding, norm, t.created_at \
                 FROM people CROSS JOIN templates AS t WHERE people.id <> t.person_id",
            )
            .await;
        let writing = tokio::spawn(async move {
            for n in 0..40 {
                enrol(&writer, &format!("new {n}")).await;
            }
        });
        let mut is_last = false;
        while !is_last {
            is_last = writing.is_finished();
            let Snapshot { version, people } = reader.people(&[MODEL]).await.expect("people");
            assert_eq!(people.len() + 1, MANY + usize::try_from(version.0).expect("a version"), "no one moment");
            assert!(people.iter().all(|person| person.templates.len() == 1));
            assert!(people.windows(2).all(|two| two[0].id < two[1].id), "in order of registration");
        }
        writing.await.expect("no write fails");
        let pages = reader.people_by_page(&[MODEL], |page| page.len()).await.expect("people").people;
        assert!(pages.len() > 1 && pages.iter().sum::<usize>() == MANY + 40, "{pages:?}");
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn no_change_is_missed_and_no_write_fails_while_many_write_through_two_stores() {
    const WRITERS: i64 = 12;
    const EACH: i64 = 15;
    on_each_engine(async |database| {
        let stores = two_stores(database).await;
        let writers: Vec<_> = (0..WRITERS)
            .map(|writer| {
                let store = stores[usize::from(writer % 2 == 0)].clone();
                tokio::spawn(async move {
                    for n in 0..EACH {
                        enrol(&store, &format!("{writer}-{n}")).await;
                    }
                })
            })
            .collect();

        let reader = database.open().await;
        let mut seen = Version(0);
        let patience = Instant::now() + Duration::from_secs(120);
        while seen < Version(WRITERS * EACH) {
            assert!(Instant::now() < patience, "stuck at {seen}");
            for change in changes(&reader, seen).await {
                assert_eq!(change.version.0, seen.0 + 1);
                seen = change.version;
            }
            let snapshot = reader.people(&[MODEL]).await.expect("people");
            let templates: usize = snapshot.people.iter().map(|person| person.templates.len()).sum();
            assert_eq!(usize::try_from(snapshot.version.0), Ok(templates), "a snapshot of no one moment");
        }
        for writer in writers {
            writer.await.expect("no write fails");
        }
        assert_eq!(reader.version().await.expect("version"), seen);
    })
    .await;
}
