//! How far a node's events were published: kept for each node and prefix, and moved by one process at a time.
#![allow(clippy::unwrap_used, reason = "a test ends at the first surprise")]

mod common;

use std::time::Duration;

use common::on_each_engine;

const LONG: Duration = Duration::from_secs(600);

#[tokio::test(flavor = "multi_thread")]
async fn publishing_goes_on_from_where_it_was_and_one_process_does_it_at_a_time() {
    on_each_engine(async |database| {
        let store = database.open().await;
        let first = store.publishing("gate", "vultus", "one", LONG).await.unwrap();
        assert_eq!(first.lead().await.unwrap(), Some(0), "nothing has happened yet");
        assert!(first.advance(7).await.unwrap());
        let second = store.publishing("gate", "vultus", "two", LONG).await.unwrap();
        assert_eq!(second.lead().await.unwrap(), None, "another process has the lease");
        assert!(!second.advance(9).await.unwrap());
        assert_eq!(first.lead().await.unwrap(), Some(7));
        first.leave().await.unwrap();
        assert_eq!(second.lead().await.unwrap(), Some(7));

        for (node, prefix) in [("yard", "vultus"), ("gate", "other")] {
            let apart = store.publishing(node, prefix, "three", LONG).await.unwrap();
            assert_eq!(apart.lead().await.unwrap(), Some(0), "{node} {prefix}");
        }
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_process_that_was_killed_is_followed_by_another_when_its_lease_is_over() {
    on_each_engine(async |database| {
        let store = database.open().await;
        let killed = store.publishing("gate", "vultus", "one", Duration::ZERO).await.unwrap();
        assert_eq!(killed.lead().await.unwrap(), Some(0));
        assert!(killed.advance(3).await.unwrap());
        let next = store.publishing("gate", "vultus", "two", LONG).await.unwrap();
        assert_eq!(next.lead().await.unwrap(), Some(3));
        assert!(!killed.advance(4).await.unwrap(), "it has lost the lease");
    })
    .await;
}
