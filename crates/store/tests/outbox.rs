//! Webhook deliveries: kept until delivered, in order for each address, one process at a time.
#![allow(clippy::unwrap_used, reason = "a test ends at the first surprise")]

mod common;

use common::on_each_engine;
use store::{
    Delivery, DeliveryFilter, DeliveryState, LoggedDelivery, Micros, NewDelivery, Outbox, Resent, Settlement, Store,
    Target,
};

const URL: &str = "http://gate.example/hook";
const NOW: Micros = Micros(1_000);
const LATER: Micros = Micros(2_000);

async fn push(store: &Store, id: &str, target: &str, created_at: Micros) {
    let delivery = NewDelivery {
        id: id.to_owned(),
        target: target.to_owned(),
        body: format!("{{\"id\":\"{id}\"}}"),
        facts: format!("{{\"name\":\"{id}\"}}"),
        camera: "gate".to_owned(),
        created_at,
    };
    store.push_delivery(&delivery).await.expect("pushed");
}

/// Delivered with 200 at the second attempt.
fn delivered(at: i64) -> Settlement {
    Settlement { delivered: true, attempts: 2, answer: Some(200), reason: String::new(), at: Micros(at) }
}

/// Given up after five attempts.
fn dead(at: i64) -> Settlement {
    Settlement { delivered: false, attempts: 5, answer: Some(422), reason: "no such gate".to_owned(), at: Micros(at) }
}

/// Pushes a delivery to [`URL`] and settles it; nothing else may wait there.
async fn settle(store: &Store, id: &str, created_at: i64, settlement: &Settlement) {
    push(store, id, URL, Micros(created_at)).await;
    let leased = lease(store, "a", NOW).await.expect("a delivery");
    assert_eq!(leased.id, id);
    store.settle(leased.seq, settlement).await.expect("settled");
}

fn ids(deliveries: &[LoggedDelivery]) -> Vec<&str> {
    deliveries.iter().map(|delivery| delivery.id.as_str()).collect()
}

async fn lease(store: &Store, owner: &str, now: Micros) -> Option<Delivery> {
    store.lease_delivery(URL, owner, now, Micros(now.0 + 1_000)).await.expect("leased or not")
}

#[tokio::test(flavor = "multi_thread")]
async fn deliveries_come_in_order_for_each_address_until_delivered() {
    on_each_engine(async |database| {
        let store = database.open().await;
        assert_eq!(store.outbox().await.expect("an outbox"), Outbox { depth: 0, oldest: None, dead: 0 });
        push(&store, "1", URL, Micros(500)).await;
        push(&store, "other", "http://elsewhere.example", Micros(510)).await;
        push(&store, "2", URL, Micros(520)).await;
        let waiting = store.outbox().await.expect("an outbox");
        assert_eq!(waiting, Outbox { depth: 3, oldest: Some(Micros(500)), dead: 0 });
        let first = lease(&store, "a", NOW).await.expect("a delivery");
        let expected = Delivery {
            seq: first.seq,
            id: "1".to_owned(),
            target: URL.to_owned(),
            body: "{\"id\":\"1\"}".to_owned(),
            facts: "{\"name\":\"1\"}".to_owned(),
            camera: "gate".to_owned(),
            created_at: Micros(500),
            queued_at: Micros(500),
            attempts: 0,
            last_error: String::new(),
            next_attempt_at: Micros(500),
        };
        assert_eq!(first, expected);
        store.settle(first.seq, &delivered(600)).await.expect("delivered");
        let second = lease(&store, "a", NOW).await.expect("a delivery");
        assert_eq!(second.id, "2");
        store.settle(second.seq, &delivered(600)).await.expect("delivered");
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
        let last_error = "connection refused".to_owned();
        assert_eq!(again, Delivery { attempts: 1, last_error, next_attempt_at: Micros(9_000), ..first });
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
            stores[1].settle(won[0].seq, &delivered(600)).await.expect("delivered");
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
        store.settle(first.seq, &dead(600)).await.expect("given up");
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
        assert_eq!(store.expire_deliveries(URL, NOW, NOW).await.expect("expired"), 0, "never tried");

        let first = lease(&store, "a", NOW).await.expect("a delivery");
        store.failed(first.seq, "connection refused", NOW).await.expect("failed");
        assert_eq!(store.expire_deliveries(URL, Micros(999), NOW).await.expect("expired"), 0, "not too old");
        assert_eq!(store.expire_deliveries(URL, NOW, NOW).await.expect("expired"), 1);
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
        assert_eq!(store.expire_deliveries(URL, NOW, NOW).await.expect("expired"), 0);
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
        assert_eq!(store.expire_deliveries("http://elsewhere.example", NOW, NOW).await.expect("expired"), 0);
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
        let waiting = async || store.deliveries_by_target().await.expect("an outbox").into_iter().collect::<Vec<_>>();
        assert_eq!(waiting().await, [(elsewhere.to_owned(), 2), (URL.to_owned(), 1)]);
        assert_eq!(store.drop_abandoned_deliveries(elsewhere, NOW).await.expect("dropped"), 1);
        assert_eq!(waiting().await, [(elsewhere.to_owned(), 1), (URL.to_owned(), 1)]);
        assert_eq!(lease(&store, "a", NOW).await.expect("a delivery").id, "mine");
        assert_eq!(store.outbox().await.expect("an outbox").depth, 2);
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_became_of_a_delivery_can_be_read_afterwards() {
    on_each_engine(async |database| {
        let store = database.open().await;
        settle(&store, "1", 500, &delivered(600)).await;
        settle(&store, "2", 510, &dead(700)).await;
        push(&store, "3", "relay", Micros(520)).await;
        let all = store.deliveries(&DeliveryFilter::default(), 10).await.expect("a list");
        assert_eq!(ids(&all), ["3", "2", "1"], "the newest first");
        let found = store.delivery("2").await.expect("an answer").expect("a delivery");
        let expected = LoggedDelivery {
            id: "2".to_owned(),
            target: URL.to_owned(),
            camera: "gate".to_owned(),
            state: DeliveryState::Dead,
            created_at: Micros(510),
            attempts: 5,
            at: Micros(700),
            answer: Some(422),
            reason: "no such gate".to_owned(),
            body: "{\"id\":\"2\"}".to_owned(),
            facts: "{\"name\":\"2\"}".to_owned(),
        };
        assert_eq!(found, expected);
        assert_eq!(all[1], LoggedDelivery { body: String::new(), facts: String::new(), ..expected });
        let waiting = store.delivery("3").await.expect("an answer").expect("a delivery");
        assert_eq!((waiting.state, waiting.attempts, waiting.answer), (DeliveryState::Waiting, 0, None));
        assert_eq!(store.delivery("4").await.expect("an answer"), None);
        assert_eq!(store.outbox().await.expect("an outbox"), Outbox { depth: 1, oldest: Some(Micros(520)), dead: 1 });
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn deliveries_are_listed_by_state_and_target_and_page_by_page() {
    on_each_engine(async |database| {
        let store = database.open().await;
        for (id, created_at) in [("1", 500), ("2", 510), ("3", 510), ("4", 520)] {
            settle(&store, id, created_at, &dead(900)).await;
        }
        push(&store, "5", "relay", Micros(530)).await;
        let list = async |filter: DeliveryFilter, limit| store.deliveries(&filter, limit).await.expect("a list");
        let of_state = |state| DeliveryFilter { state: Some(state), ..DeliveryFilter::default() };
        assert_eq!(ids(&list(of_state(DeliveryState::Dead), 10).await), ["4", "3", "2", "1"]);
        assert_eq!(ids(&list(of_state(DeliveryState::Waiting), 10).await), ["5"]);
        assert!(list(of_state(DeliveryState::Delivered), 10).await.is_empty());
        let to = |targets: &[&str]| DeliveryFilter {
            targets: Some(targets.iter().map(|target| (*target).to_owned()).collect()),
            ..DeliveryFilter::default()
        };
        assert_eq!(ids(&list(to(&["relay", "'; DROP TABLE deliveries --"]), 10).await), ["5"]);
        assert!(list(to(&[]), 10).await.is_empty());

        let mut pages = Vec::new();
        let mut before = None;
        loop {
            let page = list(DeliveryFilter { before, ..DeliveryFilter::default() }, 2).await;
            let Some(last) = page.last() else { break };
            before = Some((last.created_at, last.id.clone()));
            pages.extend(page.into_iter().map(|delivery| delivery.id));
        }
        assert_eq!(pages, ["5", "4", "3", "2", "1"]);
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_dead_delivery_that_is_sent_again_waits_at_the_end_as_it_was() {
    on_each_engine(async |database| {
        let store = database.open().await;
        settle(&store, "1", 500, &dead(900)).await;
        settle(&store, "2", 510, &delivered(900)).await;
        push(&store, "3", URL, Micros(600)).await;
        assert_eq!(store.resend("1", Micros(5_000)).await.expect("an answer"), Resent::Yes);
        assert_eq!(store.resend("1", Micros(5_000)).await.expect("an answer"), Resent::NotDead(DeliveryState::Waiting));
        assert_eq!(
            store.resend("2", Micros(5_000)).await.expect("an answer"),
            Resent::NotDead(DeliveryState::Delivered)
        );
        assert_eq!(store.resend("9", Micros(5_000)).await.expect("an answer"), Resent::Unknown);
        let first = lease(&store, "a", NOW).await.expect("a delivery");
        assert_eq!(first.id, "3");
        store.settle(first.seq, &delivered(6_000)).await.expect("settled");
        let again = lease(&store, "a", NOW).await.expect("a delivery");
        let expected = Delivery {
            seq: again.seq,
            id: "1".to_owned(),
            target: URL.to_owned(),
            body: "{\"id\":\"1\"}".to_owned(),
            facts: "{\"name\":\"1\"}".to_owned(),
            camera: "gate".to_owned(),
            created_at: Micros(500),
            queued_at: Micros(5_000),
            attempts: 0,
            last_error: String::new(),
            next_attempt_at: Micros(5_000),
        };
        assert_eq!(again, expected);
        store.failed(again.seq, "away", NOW).await.expect("failed");
        assert_eq!(store.expire_deliveries(URL, Micros(5_000), NOW).await.expect("expired"), 0, "its age counts anew");
        assert_eq!(store.expire_deliveries(URL, Micros(5_001), NOW).await.expect("expired"), 1);
        let found = store.delivery("1").await.expect("an answer").expect("a delivery");
        assert_eq!((found.state, found.attempts), (DeliveryState::Dead, 1));
        assert!(found.reason.contains("away"), "{}", found.reason);
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn all_dead_deliveries_of_one_target_are_sent_again_in_their_order() {
    on_each_engine(async |database| {
        let store = database.open().await;
        database
            .execute(
                "WITH RECURSIVE numbers(number) AS (SELECT 0 UNION ALL SELECT number + 1 FROM numbers WHERE number < 1099) \
                 INSERT INTO delivery_log (id, target, body, facts, camera, created_at, attempts, state, settled_at, answer, \
                 reason) SELECT 'd' || (3000 - number), 'http://gate.example/hook', '', '', '', number, 1, 'dead', 10, 0, '' \
                 FROM numbers",
            )
            .await;
        push(&store, "other", "relay", Micros(1)).await;
        let other = store.lease_delivery("relay", "a", NOW, LATER).await.expect("an answer").expect("a delivery");
        store.settle(other.seq, &dead(5_000)).await.expect("given up");
        assert_eq!(store.resend_all(URL, NOW).await.expect("an answer"), 1_100);
        for number in 0..3 {
            let next = lease(&store, "a", NOW).await.expect("a delivery");
            assert_eq!(next.id, format!("d{}", 3_000 - number));
            store.settle(next.seq, &delivered(6_000)).await.expect("settled");
        }
        assert_eq!(store.outbox().await.expect("an outbox").dead, 1);
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn how_each_target_is_doing_is_known() {
    on_each_engine(async |database| {
        let store = database.open().await;
        assert!(store.targets().await.expect("an answer").is_empty());
        settle(&store, "1", 500, &delivered(600)).await;
        settle(&store, "2", 510, &delivered(700)).await;
        settle(&store, "3", 510, &dead(650)).await;
        push(&store, "4", "relay", Micros(520)).await;
        push(&store, "5", "relay", Micros(530)).await;
        let first = store.lease_delivery("relay", "a", NOW, LATER).await.expect("an answer").expect("a delivery");
        store.failed(first.seq, "no answer", NOW).await.expect("failed");
        let targets = store.targets().await.expect("an answer").into_iter().collect::<Vec<_>>();
        let url =
            Target { dead: 1, last_delivered: Some(Micros(700)), last_dead: Some(Micros(650)), ..Target::default() };
        let relay = Target { waiting: 2, failing: Some((1, "no answer".to_owned())), ..Target::default() };
        assert_eq!(targets, [(URL.to_owned(), url), ("relay".to_owned(), relay)]);
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_old_or_too_much_leaves_the_log() {
    on_each_engine(async |database| {
        let store = database.open().await;
        for number in 1..=9 {
            settle(&store, &number.to_string(), number, &delivered(number * 10)).await;
        }
        settle(&store, "dead", 1, &dead(10)).await;
        let prune = async |before, most| {
            store.prune_deliveries(DeliveryState::Delivered, Micros(before), most).await.expect("pruned")
        };
        assert_eq!(prune(0, 9).await, 0);
        assert_eq!(prune(30, 100).await, 2, "the old ones");
        assert_eq!(prune(30, 4).await, 3, "the newest stay");
        let left = store.deliveries(&DeliveryFilter::default(), 10).await.expect("a list");
        assert_eq!(ids(&left), ["9", "8", "7", "6", "dead"]);
    })
    .await;
}
