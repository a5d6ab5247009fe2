//! The webhook from record to receiver: a real database, real HTTP.
#![allow(clippy::unwrap_used, reason = "a test ends at the first surprise")]

mod log;
mod receiver;

use std::collections::HashSet;
use std::net::SocketAddr;
use std::time::{Duration, Instant};

use events::{EventsError, Notice, NoticeKind, Webhook, WebhookSettings, sweep};
use log::Errors;
use receiver::{Answer, Receiver};
use sqlx::{Connection, Executor, SqliteConnection};
use store::{Micros, NewDelivery, Store};
use tempfile::TempDir;
use tokio::sync::watch;
use tokio::time::timeout;

const FIRST_SECOND: i64 = 1_736_400_000;

/// A database in a folder that goes with it.
struct Database {
    folder: TempDir,
}

impl Database {
    fn new() -> Database {
        // The binary does this at its start.
        let _ = rustls::crypto::ring::default_provider().install_default();
        Database { folder: tempfile::tempdir().expect("a folder") }
    }

    fn url(&self) -> String {
        format!("sqlite:{}", self.folder.path().join("vultus.db").display())
    }

    /// Opened anew, as another process would.
    async fn open(&self) -> Store {
        Store::open(&self.url()).await.expect("a database")
    }
}

/// Seen `number` seconds after the first.
fn pass(number: i64) -> Notice {
    let seen = Micros((FIRST_SECOND + number) * 1_000_000 + 700_000);
    Notice { name: Some("katya".into()), distance: Some(0.412_34), ..Notice::new(NoticeKind::Pass, "front door", seen) }
}

fn settings(address: SocketAddr) -> WebhookSettings {
    WebhookSettings {
        timeout: Duration::from_millis(500),
        ..WebhookSettings::new(format!("http://{address}/face-event"))
    }
}

fn webhook(store: &Store, address: SocketAddr) -> Webhook {
    Webhook::start(store.clone(), settings(address)).expect("a webhook")
}

fn any_port() -> SocketAddr {
    SocketAddr::from(([127, 0, 0, 1], 0))
}

/// An address at which nothing listens yet.
async fn closed_port() -> SocketAddr {
    Receiver::start(any_port(), ok).await.address
}

fn ok(_: usize) -> Answer {
    Answer::Status(200)
}

/// Puts an event into the outbox, as a process before this one did.
async fn push(store: &Store, id: &str, target: &str, created_at: Micros) {
    let delivery = NewDelivery {
        id: id.to_owned(),
        target: target.to_owned(),
        body: id.to_owned(),
        facts: String::new(),
        camera: String::new(),
        created_at,
    };
    store.push_delivery(&delivery).await.expect("the database answers");
}

async fn until_empty(store: &Store) {
    let started = Instant::now();
    while store.outbox().await.expect("an outbox").depth > 0 {
        assert!(started.elapsed() < Duration::from_secs(20), "the outbox is not empty after 20 s");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

#[tokio::test]
async fn the_receiver_gets_the_contracts_body_and_the_rest_in_headers() {
    let database = Database::new();
    let store = database.open().await;
    let mut receiver = Receiver::start(any_port(), ok).await;
    let webhook = webhook(&store, receiver.address);
    webhook.record(&Notice { camera: "Tür".into(), ..pass(0) }).await;

    let received = receiver.next().await;
    assert_eq!(received.request_line, "POST /face-event HTTP/1.1");
    assert_eq!(received.body, r#"{"name":"katya","distance":0.4123,"timestamp":1736400000}"#);
    assert_eq!(received.header("content-type"), "application/json");
    assert_eq!(received.header("user-agent"), concat!("vultus/", env!("CARGO_PKG_VERSION")));
    assert_eq!(received.header("x-vultus-camera"), "T%C3%BCr");
    assert_eq!(received.header("x-vultus-attempt"), "1");
    assert!(!received.header("x-vultus-delivery").is_empty());
    until_empty(&store).await;
    webhook.shutdown().await;
}

#[tokio::test]
async fn what_was_recorded_while_the_receiver_was_down_arrives_in_order_with_its_own_time() {
    let database = Database::new();
    let store = database.open().await;
    let address = closed_port().await;
    let webhook = webhook(&store, address);
    for number in 0..5 {
        webhook.record(&pass(number)).await;
    }
    assert_eq!(store.outbox().await.expect("an outbox").depth, 5, "recorded is durable");

    let mut receiver = Receiver::start(address, ok).await;
    for number in 0..5 {
        assert_eq!(receiver.next().await.timestamp(), FIRST_SECOND + number);
    }
    until_empty(&store).await;
}

#[tokio::test]
async fn a_delivery_that_fails_three_times_is_repeated_before_any_younger_one_and_then_made_once() {
    let database = Database::new();
    let store = database.open().await;
    let mut receiver = Receiver::start(any_port(), |number| Answer::Status(if number < 3 { 500 } else { 204 })).await;
    let webhook = webhook(&store, receiver.address);
    webhook.record(&pass(0)).await;
    webhook.record(&pass(1)).await;

    let mut deliveries = HashSet::new();
    for attempt in ["1", "2", "3", "4"] {
        let received = receiver.next().await;
        assert_eq!((received.timestamp(), received.header("x-vultus-attempt")), (FIRST_SECOND, attempt));
        deliveries.insert(received.header("x-vultus-delivery").to_owned());
    }
    assert_eq!(deliveries.len(), 1, "a repeated delivery can be recognised");
    assert_eq!(receiver.next().await.timestamp(), FIRST_SECOND + 1);
    until_empty(&store).await;
    assert!(receiver.gets_nothing_for(Duration::from_secs(1)).await);
}

#[tokio::test]
async fn a_redirect_is_a_failure_and_is_not_followed() {
    let database = Database::new();
    let store = database.open().await;
    let mut receiver = Receiver::start(any_port(), |number| Answer::Status(if number == 0 { 307 } else { 200 })).await;
    let webhook = webhook(&store, receiver.address);
    webhook.record(&pass(0)).await;
    for attempt in ["1", "2"] {
        let received = receiver.next().await;
        assert_eq!(received.request_line, "POST /face-event HTTP/1.1");
        assert_eq!(received.header("x-vultus-attempt"), attempt);
    }
}

#[tokio::test]
async fn a_receiver_that_hangs_does_not_hold_up_the_recording() {
    let database = Database::new();
    let store = database.open().await;
    let hang_once = |number| if number == 0 { Answer::Hang } else { Answer::Status(200) };
    let mut receiver = Receiver::start(any_port(), hang_once).await;
    let patient = WebhookSettings { timeout: Duration::from_secs(4), ..settings(receiver.address) };
    let webhook = Webhook::start(store.clone(), patient).expect("a webhook");
    webhook.record(&pass(0)).await;
    assert_eq!(receiver.next().await.timestamp(), FIRST_SECOND);

    let started = Instant::now();
    for number in 1..10 {
        webhook.record(&pass(number)).await;
    }
    assert!(started.elapsed() < Duration::from_secs(3), "recording took {:?}", started.elapsed());
    for number in 0..10 {
        assert_eq!(receiver.next().await.timestamp(), FIRST_SECOND + number);
    }
}

#[tokio::test]
async fn two_processes_on_one_database_deliver_each_event_once() {
    let database = Database::new();
    let mut receiver = Receiver::start(any_port(), ok).await;
    let stores = [database.open().await, database.open().await];
    let webhooks = stores.each_ref().map(|store| webhook(store, receiver.address));
    let [first, second] = &webhooks;
    for number in 0..20 {
        let (even, odd) = (pass(2 * number), pass(2 * number + 1));
        tokio::join!(first.record(&even), second.record(&odd));
    }

    let mut timestamps = Vec::new();
    for _ in 0..40 {
        timestamps.push(receiver.next().await.timestamp() - FIRST_SECOND);
    }
    timestamps.sort_unstable();
    assert_eq!(timestamps, Vec::from_iter(0..40));
    until_empty(&stores[0]).await;
    assert!(receiver.gets_nothing_for(Duration::from_secs(1)).await);
}

#[tokio::test]
async fn what_a_killed_process_had_recorded_is_delivered_by_the_next() {
    let database = Database::new();
    let store = database.open().await;
    let hang_at_third = |number| if number == 2 { Answer::Hang } else { Answer::Status(200) };
    let mut receiver = Receiver::start(any_port(), hang_at_third).await;
    let killed = webhook(&store, receiver.address);
    for number in 0..6 {
        killed.record(&pass(number)).await;
    }
    for number in 0..3 {
        assert_eq!(receiver.next().await.timestamp(), FIRST_SECOND + number);
    }
    drop(killed);

    let store = database.open().await;
    let _next = webhook(&store, receiver.address);
    for number in 2..6 {
        assert_eq!(receiver.next().await.timestamp(), FIRST_SECOND + number);
    }
    until_empty(&store).await;
}

#[tokio::test]
async fn after_a_graceful_stop_another_process_goes_on_at_once() {
    let database = Database::new();
    let store = database.open().await;
    let address = closed_port().await;
    let long_lease = WebhookSettings { timeout: Duration::from_secs(60), ..settings(address) };
    let stopped = Webhook::start(store.clone(), long_lease).expect("a webhook");
    stopped.record(&pass(0)).await;
    tokio::time::sleep(Duration::from_millis(300)).await;
    stopped.shutdown().await;

    let mut receiver = Receiver::start(address, ok).await;
    let _next = webhook(&database.open().await, address);
    assert_eq!(receiver.next().await.timestamp(), FIRST_SECOND);
}

#[tokio::test]
async fn an_event_that_the_receiver_refuses_is_tried_five_times_and_then_given_up_aloud() {
    let database = Database::new();
    let store = database.open().await;
    let errors = Errors::listen();
    let refuse = |number| if number < 5 { Answer::Says(422, "no such\ngate") } else { Answer::Status(200) };
    let mut receiver = Receiver::start(any_port(), refuse).await;
    let webhook = webhook(&store, receiver.address);
    for number in 0..3 {
        webhook.record(&pass(number)).await;
    }

    let mut refused = String::new();
    for attempt in ["1", "2", "3", "4", "5"] {
        let received = receiver.next().await;
        assert_eq!((received.timestamp(), received.header("x-vultus-attempt")), (FIRST_SECOND, attempt));
        received.header("x-vultus-delivery").clone_into(&mut refused);
    }
    for number in 1..3 {
        assert_eq!(receiver.next().await.timestamp(), FIRST_SECOND + number, "the others, in order");
    }
    until_empty(&store).await;
    let lines = errors.lines();
    assert_eq!(lines.len(), 1, "{lines:?}");
    for said in [refused.as_str(), "front door", "422", "no such gate"] {
        assert!(lines[0].contains(said), "{said} is not in {lines:?}");
    }
}

#[tokio::test]
async fn a_receiver_that_refuses_for_a_moment_after_an_outage_gets_the_event() {
    let database = Database::new();
    let store = database.open().await;
    let script = |number| Answer::Status([400, 404, 400, 200].get(number).copied().unwrap_or(500));
    let mut receiver = Receiver::start(any_port(), script).await;
    let url = settings(receiver.address).target;
    push(&store, "waited", &url, Micros::now()).await;
    for _ in 0..6 {
        let now = Micros::now();
        let leased = store.lease_delivery(&url, "before", now, now).await.expect("the database answers");
        store.failed(leased.expect("it waits").seq, "away", now).await.expect("the database answers");
    }
    let _webhook = webhook(&store, receiver.address);
    for attempt in ["7", "8", "9", "10"] {
        assert_eq!(receiver.next().await.header("x-vultus-attempt"), attempt);
    }
    until_empty(&store).await;
    assert!(receiver.gets_nothing_for(Duration::from_millis(500)).await);
}

#[tokio::test]
async fn an_event_from_before_a_long_power_cut_is_delivered() {
    let database = Database::new();
    let store = database.open().await;
    let address = closed_port().await;
    push(&store, "friday", &settings(address).target, Micros(0)).await;
    let _webhook = webhook(&store, address);
    // The receiver's machine takes longer to start.
    tokio::time::sleep(Duration::from_secs(2)).await;
    let mut receiver = Receiver::start(address, ok).await;
    assert_eq!(receiver.next().await.header("x-vultus-delivery"), "friday");
    until_empty(&store).await;
}

#[tokio::test]
async fn an_event_whose_delivery_fails_for_too_long_is_given_up_aloud() {
    let database = Database::new();
    let store = database.open().await;
    let errors = Errors::listen();
    let address = closed_port().await;
    let settings = WebhookSettings { give_up_after: Duration::from_secs(2), ..settings(address) };
    let (old, day) = (Micros(0), 24 * 60 * 60 * 1_000_000);
    // As young as it stays through this test, whatever it takes.
    let young = Micros(Micros::now().0 + day);
    push(&store, "old", &settings.target, old).await;
    push(&store, "young", &settings.target, young).await;
    let _webhook = Webhook::start(store.clone(), settings).expect("a webhook");

    let started = Instant::now();
    while store.outbox().await.expect("an outbox").depth > 1 {
        assert!(started.elapsed() < Duration::from_secs(20), "it is still there after 20 s");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    let mut receiver = Receiver::start(address, ok).await;
    assert_eq!(receiver.next().await.header("x-vultus-delivery"), "young");
    let lines = errors.lines();
    assert!(lines.len() == 1 && lines[0].contains("gave up 1 events"), "{lines:?}");
}

#[tokio::test]
async fn old_events_for_addresses_that_are_no_longer_set_are_dropped_and_no_others() {
    let database = Database::new();
    let store = database.open().await;
    let (gate, door, yard) = ("http://gate.example/", "http://door.example/", "http://yard.example/");
    push(&store, "old", gate, Micros(0)).await;
    push(&store, "new", gate, Micros::now()).await;
    push(&store, "a camera's", door, Micros(0)).await;
    push(&store, "another's", yard, Micros(0)).await;
    let (_in_use, seen) = watch::channel([door, yard].map(str::to_owned).into());
    let sweeping = tokio::spawn(sweep(store.clone(), seen, None));
    let started = Instant::now();
    while store.outbox().await.expect("an outbox").depth > 3 {
        assert!(started.elapsed() < Duration::from_secs(20), "it is still there after 20 s");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    let now = Micros::now();
    for (url, id) in [(gate, "new"), (door, "a camera's"), (yard, "another's")] {
        let left = store.lease_delivery(url, "test", now, now).await.expect("the database answers");
        assert_eq!(left.expect("it is kept").id, id);
    }
    sweeping.abort();
}

#[tokio::test]
async fn a_webhook_that_is_no_longer_used_ends_when_all_is_delivered() {
    let database = Database::new();
    let store = database.open().await;
    let address = closed_port().await;
    let webhook = webhook(&store, address);
    webhook.record(&pass(0)).await;
    webhook.record(&pass(1)).await;
    push(&store, "of another", "http://gate.example/", Micros::now()).await;
    let (_stop, stopped) = watch::channel(false);
    let finishing = tokio::spawn(webhook.finish(stopped));
    tokio::time::sleep(Duration::from_millis(300)).await;
    assert!(!finishing.is_finished());
    let mut receiver = Receiver::start(address, ok).await;
    for number in 0..2 {
        assert_eq!(receiver.next().await.timestamp(), FIRST_SECOND + number);
    }
    timeout(Duration::from_secs(20), finishing).await.expect("it ends").expect("no panic");
}

#[tokio::test]
async fn a_webhook_that_is_no_longer_used_ends_at_once_when_it_is_told_to() {
    let database = Database::new();
    let store = database.open().await;
    let webhook = webhook(&store, closed_port().await);
    webhook.record(&pass(0)).await;
    let (stop, stopped) = watch::channel(false);
    let finishing = tokio::spawn(webhook.finish(stopped));
    stop.send_replace(true);
    timeout(Duration::from_secs(20), finishing).await.expect("it ends").expect("no panic");
    assert_eq!(store.outbox().await.expect("an outbox").depth, 1, "for the next start");
}

#[tokio::test]
async fn a_database_that_is_busy_delays_a_recording_by_half_a_second_and_loses_nothing() {
    let database = Database::new();
    let store = database.open().await;
    let mut receiver = Receiver::start(any_port(), ok).await;
    let webhook = webhook(&store, receiver.address);
    let mut other = SqliteConnection::connect(&database.url()).await.expect("the database answers");
    other.execute("BEGIN IMMEDIATE").await.expect("the database answers");

    for number in 0..3 {
        let started = Instant::now();
        webhook.record(&pass(number)).await;
        assert!(started.elapsed() < Duration::from_secs(3), "recording took {:?}", started.elapsed());
    }
    assert!(receiver.gets_nothing_for(Duration::from_millis(100)).await);

    other.execute("COMMIT").await.expect("the database answers");
    for number in 0..3 {
        assert_eq!(receiver.next().await.timestamp(), FIRST_SECOND + number);
    }
}

#[tokio::test]
async fn an_address_that_no_post_can_go_to_is_refused_without_its_password() {
    let database = Database::new();
    let store = database.open().await;
    let refused = Webhook::start(store, WebhookSettings::new("ftp://katya:s3cret@host/"));
    let error = refused.expect_err("ftp is no webhook");
    assert!(matches!(error, EventsError::WebhookAddress { .. }));
    assert!(!error.to_string().contains("s3cret"), "{error}");
}
