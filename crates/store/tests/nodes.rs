//! How processes that share a database hear of changes and of each other.
#![allow(clippy::unwrap_used, reason = "a test ends at the first surprise")]

mod common;

use std::time::Duration;

use common::{MODEL, enrol, on_each_engine};
use sqlx::postgres::PgListener;
use store::{Engine, Micros, NodeReport, PersonId, Version};

const PATIENCE: Duration = Duration::from_secs(30);

fn report(owner: &str, node: &str, version: i64) -> NodeReport {
    NodeReport {
        owner: owner.to_owned(),
        node: node.to_owned(),
        kind: "serve".to_owned(),
        gallery_version: Version(version),
        cameras: vec!["door".to_owned(), "a \"b\"".to_owned()],
        started_at: Micros(5),
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn each_process_is_listed_with_what_it_last_said_until_it_leaves_or_comes_back_as_another() {
    on_each_engine(async |database| {
        let store = database.open().await;
        let long = Duration::from_secs(60);
        store.report_node(&report("1", "gate", 0), long).await.unwrap();
        store.report_node(&report("2", "yard", 0), long).await.unwrap();
        enrol(&store, "Ann").await;
        store.report_node(&report("1", "gate", 1), long).await.unwrap();
        let (newest, nodes) = store.nodes().await.unwrap();
        assert_eq!(newest, Version(1));
        let said: Vec<_> = nodes.iter().map(|node| node.report.clone()).collect();
        assert_eq!(said, [report("1", "gate", 1), report("2", "yard", 0)]);
        assert!(nodes.iter().all(|node| node.seen_ago < long), "{nodes:?}");

        // A new life of `gate`, whose old one has not been heard of for long.
        database.execute("UPDATE nodes SET seen_at = seen_at - 120000000").await;
        store.report_node(&report("3", "gate", 1), long).await.unwrap();
        let owners = async || {
            let (_, nodes) = store.nodes().await.unwrap();
            nodes.into_iter().map(|node| node.report.owner).collect::<Vec<_>>()
        };
        assert_eq!(owners().await, ["3", "2"]);
        assert!(store.nodes().await.unwrap().1[1].seen_ago >= long);
        store.forget_node("3").await.unwrap();
        assert_eq!(owners().await, ["2"]);
        // After a week.
        database.execute("UPDATE nodes SET seen_at = seen_at - 604800000000").await;
        store.report_node(&report("4", "hall", 1), long).await.unwrap();
        assert_eq!(owners().await, ["4"]);
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn many_people_are_read_at_once_as_each_would_be_alone() {
    on_each_engine(async |database| {
        let store = database.open().await;
        let mut ids = Vec::new();
        for number in 0..12 {
            ids.push(enrol(&store, &format!("person {number}")).await.person);
        }
        enrol(&store, "person 3").await;
        store.remove("person 5").await.unwrap();
        // More than fit into one statement.
        ids.extend((1_000_000..1_000_700).map(PersonId));
        let found = store.people_of(&ids, &[MODEL]).await.unwrap();
        assert_eq!(found.len(), 11);
        for id in &ids {
            assert_eq!(found.get(id), store.person(*id, MODEL).await.unwrap().as_ref(), "{id}");
        }
        assert!(store.people_of(&[], &[MODEL]).await.unwrap().is_empty());
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_change_is_called_out_on_postgresql_once_it_is_committed() {
    on_each_engine(async |database| {
        let store = database.open().await;
        if store.engine() == Engine::Sqlite {
            return;
        }
        let mut listener = PgListener::connect(&database.url).await.unwrap();
        listener.listen("vultus_gallery").await.unwrap();
        let enrolled = enrol(&store, "Ann").await;
        assert!(store.remove("nobody").await.unwrap().is_none(), "no change, no call");
        let removed = store.remove("Ann").await.unwrap().unwrap();
        for version in [enrolled.version, removed] {
            let call = tokio::time::timeout(PATIENCE, listener.recv()).await.expect("a call").unwrap();
            assert_eq!(call.payload(), version.to_string());
        }
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn it_is_time_to_look_again_whether_or_not_anybody_calls() {
    on_each_engine(async |database| {
        let mut wakeups = database.open().await.wakeups();
        for _ in 0..4 {
            tokio::time::timeout(PATIENCE, wakeups.next()).await.expect("it is time");
        }
    })
    .await;
}
