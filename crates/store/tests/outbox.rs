//! Webhook deliveries: kept until delivered, in order for each address, one process at a time.
#![allow(clippy::unwrap_used, reason = "a test ends at the first surprise")]

mod common;

use common::on_each_engine;
use store::{Delivery, Micros, NewDelivery, Outbox, Store};

const URL: &str = "http://gate.example/hook";
const NOW: Micros = Micros(1_000);
const LATER: Micros = Micros(2_000);

async fn push(store: &Store, id: &str, url: &str, created_at: Micros) {
    let delivery = NewDelivery {
        id: id.to_owned(),
        url: url.to_owned(),
        body: format!("{{\"id\":\"{id}\"}}"),
        camera: "gate".to_owned(),
        created_at,
    };
    store.push_delivery(&delivery).await.expect("pushed");
}

async fn lease(store: &Store, owner: &str, now: Micros) -> Option<Delivery> {
    store.lease_delivery(URL, owner, now, Micros(now.0 + 1_000)).await.expect("leased or not")
}

#[tokio::test(flavor = "multi_thread")]
async fn deliveries_come_in_order_for_each_address_until_delivered() {
    on_each_engine(async |database| {
        let store = database.open().await;
        assert_eq!(store.outbox().await.expect("an outbox"), Outbox { depth: 0, oldest: None });
        push(&store, "1", URL, Micros(500)).await;
        push(&store, "other", "http://elsewhere.example", Micros(510)).await;
        push(&store, "2", URL, Micros(520)).await;
        let waiting = store.outbox().await.expect("an outbox");
        assert_eq!(waiting, Outbox { depth: 3, oldest: Some(Micros(500)) });
        let first = lease(&store, "a", NOW).await.expect("a delivery");
        let expected = Delivery {
            seq: first.seq,
            id: "1".to_owned(),
            url: URL.to_owned(),
            body: "{\"id\":\"1\"}".to_owned(),
            camera: "gate".to_owned(),
            created_at: Micros(500),
            attempts: 0,
            next_attempt_at: Micros(500),
        };
        assert_eq!(first, expected);
        store.delivered(first.seq).await.expect("delivered");
        let second = lease(&store, "a", NOW).await.expect("a delivery");
        assert_eq!(second.id, "2");
        store.delivered(second.seq).await.expect("delivered");
        assert_eq!(lease(&store, "a", NOW).await, None);
        assert_eq!(store.outbox().await.expect("an outbox").depth, 1);
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_delivery_pushed_twice_waits_once() {
    on_each_engine(async |database| {
        let store = database.open().await;
        push(&store, "1", URL, Micros(500)).await;
        push(&store, "1", URL, Micros(600)).await;
        assert_eq!(store.outbox().await.expect("an outbox").depth, 1);
        assert_eq!(lease(&store, "a", NOW).await.expect("a delivery").created_at, Micros(500));
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_failed_delivery_stays_first_and_counts_its_attempts() {
    on_each_engine(async |database| {
        let store = database.open().await;
        push(&store, "1", URL, Micros(500)).await;
        push(&store, "2", URL, Micros(510)).await;
        let first = lease(&store, "a", NOW).await.expect("a delivery");
        store.failed(first.seq, "connection refused", Micros(9_000)).await.expect("failed");
        // The lease is free again, and the younger one does not overtake though the older is not due.
        let again = lease(&store, "b", NOW).await.expect("a delivery");
        assert_eq!(again, Delivery { attempts: 1, next_attempt_at: Micros(9_000), ..first });
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_lease_keeps_others_away_until_it_expires_or_is_released() {
    on_each_engine(async |database| {
        let store = database.open().await;
        push(&store, "1", URL, Micros(500)).await;
        push(&store, "2", URL, Micros(510)).await;
        assert!(lease(&store, "a", NOW).await.is_some());
        assert_eq!(lease(&store, "b", Micros(LATER.0 - 1)).await, None);
        assert!(lease(&store, "a", Micros(LATER.0 - 1)).await.is_some(), "an owner may renew");
        assert_eq!(lease(&store, "b", LATER).await, None, "renewed");
        assert_eq!(lease(&store, "b", Micros(LATER.0 + 999)).await.expect("expired").id, "1");
        store.release_leases("a").await.expect("released");
        assert_eq!(lease(&store, "a", NOW).await, None, "not a's to release");
        store.release_leases("b").await.expect("released");
        assert_eq!(lease(&store, "a", NOW).await.expect("released").id, "1");
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn of_many_who_lease_at_once_exactly_one_gets_the_delivery() {
    on_each_engine(async |database| {
        let stores = [database.open().await, database.open().await];
        for round in 0..10 {
            push(&stores[0], &round.to_string(), URL, Micros(500)).await;
            let leases: Vec<_> = (0..10)
                .map(|owner| {
                    let store = stores[owner % 2].clone();
                    tokio::spawn(async move { lease(&store, &owner.to_string(), NOW).await })
                })
                .collect();
            let mut won = Vec::new();
            for lease in leases {
                won.extend(lease.await.expect("no lease fails"));
            }
            assert_eq!(won.len(), 1, "round {round}");
            assert_eq!(won[0].id, round.to_string());
            stores[1].delivered(won[0].seq).await.expect("delivered");
        }
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_refused_delivery_makes_way_for_the_next() {
    on_each_engine(async |database| {
        let store = database.open().await;
        push(&store, "1", URL, Micros(500)).await;
        push(&store, "2", URL, Micros(510)).await;
        let first = lease(&store, "a", NOW).await.expect("a delivery");
        store.refused(first.seq).await.expect("refused");
        assert_eq!(lease(&store, "a", NOW).await.expect("a delivery").id, "2");
        assert_eq!(store.outbox().await.expect("an outbox").depth, 1);
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn only_a_delivery_that_failed_is_thrown_away_for_its_age() {
    on_each_engine(async |database| {
        let store = database.open().await;
        push(&store, "1", URL, Micros(999)).await;
        push(&store, "2", URL, Micros(500)).await;
        assert_eq!(store.expire_deliveries(URL, NOW).await.expect("expired"), 0, "never tried");

        let first = lease(&store, "a", NOW).await.expect("a delivery");
        store.failed(first.seq, "connection refused", NOW).await.expect("failed");
        assert_eq!(store.expire_deliveries(URL, Micros(999)).await.expect("expired"), 0, "not too old");
        assert_eq!(store.expire_deliveries(URL, NOW).await.expect("expired"), 1);
        assert_eq!(lease(&store, "a", NOW).await.expect("a delivery").id, "2");
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_delivery_that_another_is_just_trying_is_not_thrown_away() {
    on_each_engine(async |database| {
        let store = database.open().await;
        push(&store, "1", URL, Micros(500)).await;
        let first = lease(&store, "a", NOW).await.expect("a delivery");
        store.failed(first.seq, "connection refused", NOW).await.expect("failed");
        assert!(lease(&store, "b", NOW).await.is_some());
        assert_eq!(store.expire_deliveries(URL, NOW).await.expect("expired"), 0);
        assert_eq!(store.outbox().await.expect("an outbox").depth, 1);
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_failed_delivery_to_another_address_is_not_thrown_away_with_ones_own() {
    on_each_engine(async |database| {
        let store = database.open().await;
        push(&store, "1", URL, Micros(500)).await;
        let first = lease(&store, "a", NOW).await.expect("a delivery");
        store.failed(first.seq, "connection refused", NOW).await.expect("failed");
        assert_eq!(store.expire_deliveries("http://elsewhere.example", NOW).await.expect("expired"), 0);
        assert_eq!(lease(&store, "a", NOW).await.expect("a delivery").id, "1");
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn deliveries_to_an_address_that_is_no_longer_set_are_dropped_when_they_are_old() {
    on_each_engine(async |database| {
        let store = database.open().await;
        push(&store, "mine", URL, Micros(500)).await;
        push(&store, "old", "http://elsewhere.example", Micros(999)).await;
        push(&store, "new", "http://elsewhere.example", NOW).await;
        let elsewhere = "http://elsewhere.example";
        let waiting = async || store.deliveries_by_address().await.expect("an outbox").into_iter().collect::<Vec<_>>();
        assert_eq!(waiting().await, [(elsewhere.to_owned(), 2), (URL.to_owned(), 1)]);
        assert_eq!(store.drop_abandoned_deliveries(elsewhere, NOW).await.expect("dropped"), 1);
        assert_eq!(waiting().await, [(elsewhere.to_owned(), 1), (URL.to_owned(), 1)]);
        assert_eq!(lease(&store, "a", NOW).await.expect("a delivery").id, "mine");
        assert_eq!(store.outbox().await.expect("an outbox").depth, 2);
    })
    .await;
}
