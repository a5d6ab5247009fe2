//! Named webhooks from notice to receiver: filters, templates, signatures, dead letters. A real database, real HTTP.
#![allow(clippy::unwrap_used, reason = "a test ends at the first surprise")]

mod receiver;

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};

use events::{Notice, NoticeKind, RequestForm, RequestText, Secret, Wanted, Webhook, WebhookSettings};
use hmac::{Hmac, KeyInit, Mac};
use receiver::{Answer, Received, Receiver};
use sha2::Sha256;
use sqlx::{Connection, Executor, SqliteConnection};
use store::{DeliveryFilter, DeliveryState, LoggedDelivery, Micros, NewDelivery, Resent, Store};
use tempfile::TempDir;

const HOSTILE: &str = "\"}{\r\nX-Evil: 1\u{2028}../🚪</n>&\\";

struct House {
    folder: TempDir,
    store: Store,
}

impl House {
    async fn new() -> Self {
        // The binary does this at its start.
        let _ = rustls::crypto::ring::default_provider().install_default();
        let folder = tempfile::tempdir().unwrap();
        let store = Store::open(&url(&folder)).await.unwrap();
        Self { folder, store }
    }

    fn start(&self, settings: WebhookSettings) -> Arc<Webhook> {
        Arc::new(Webhook::start(self.store.clone(), settings).unwrap())
    }

    /// Waits until so many deliveries are in this state.
    async fn until(&self, state: DeliveryState, count: usize) -> Vec<LoggedDelivery> {
        let filter = DeliveryFilter { state: Some(state), ..DeliveryFilter::default() };
        let started = Instant::now();
        loop {
            let found = self.store.deliveries(&filter, 100).await.unwrap();
            if found.len() == count {
                return found;
            }
            assert!(started.elapsed() < Duration::from_secs(30), "{found:?}");
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }

    /// Puts a command into the outbox that is so many seconds old.
    async fn push(&self, target: &str, age: i64) {
        let delivery = NewDelivery {
            id: format!("aged{age}"),
            target: target.to_owned(),
            body: String::new(),
            facts: String::new(),
            camera: "door".to_owned(),
            created_at: Micros(Micros::now().0 - age * 1_000_000),
        };
        self.store.push_delivery(&delivery).await.unwrap();
    }
}

fn url(folder: &TempDir) -> String {
    format!("sqlite:{}", folder.path().join("vultus.db").display())
}

fn any_port() -> SocketAddr {
    SocketAddr::from(([127, 0, 0, 1], 0))
}

fn ok(_: usize) -> Answer {
    Answer::Status(200)
}

fn notice(kind: NoticeKind, name: &str) -> Notice {
    let seen = Notice::new(kind, "front door", Micros(1_736_400_000_700_000));
    Notice { name: Some(name.into()), distance: Some(0.412_34), groups: vec!["staff".into()], ..seen }
}

/// A webhook called `test` at `path` of the receiver, with usual JSON.
fn settings(receiver: &Receiver, path: &str) -> WebhookSettings {
    request(&RequestText { url: format!("http://{}{path}", receiver.address), ..RequestText::default() })
}

fn request(text: &RequestText) -> WebhookSettings {
    WebhookSettings {
        timeout: Duration::from_millis(500),
        ..WebhookSettings::named("test", RequestForm::parse(text).unwrap())
    }
}

fn relay(receiver: &Receiver, path: &str) -> WebhookSettings {
    let url = format!("http://{}{path}", receiver.address);
    request(&RequestText { method: "GET".to_owned(), url, ..RequestText::default() })
}

/// The time of a signature that is right.
fn verified(received: &Received, secret: &str) -> i64 {
    let (time, hex) = received.header("x-vultus-signature").split_once(",v1=").unwrap();
    let time = time.strip_prefix("t=").unwrap();
    let mut mac = Hmac::<Sha256>::new_from_slice(secret.as_bytes()).unwrap();
    mac.update(format!("{time}.{}", received.body).as_bytes());
    let expected: String = mac.finalize().into_bytes().iter().map(|byte| format!("{byte:02x}")).collect();
    assert_eq!(hex, expected);
    time.parse().unwrap()
}

#[tokio::test]
async fn a_relay_is_switched_by_a_plain_get() {
    let house = House::new().await;
    let mut receiver = Receiver::start(any_port(), ok).await;
    let webhook = house.start(relay(&receiver, "/relay/0?turn=on&timer=3&who={{name}}"));
    webhook.record(&notice(NoticeKind::Pass, "Käte & Co")).await;
    let received = receiver.next().await;
    assert_eq!(received.request_line, "GET /relay/0?turn=on&timer=3&who=K%C3%A4te%20%26%20Co HTTP/1.1");
    assert_eq!((received.body.as_str(), received.header("content-type")), ("", ""));
    assert_eq!((received.header("x-vultus-notice"), received.header("x-vultus-attempt")), ("pass", "1"));
    let delivered = house.until(DeliveryState::Delivered, 1).await.remove(0);
    assert_eq!((delivered.target.as_str(), delivered.answer, delivered.attempts), ("test", Some(200), 1));
    assert_eq!(delivered.id, received.header("x-vultus-delivery"));
}

#[tokio::test]
async fn whatever_somebody_is_called_a_request_stays_what_was_written() {
    let house = House::new().await;
    let mut receiver = Receiver::start(any_port(), ok).await;
    let webhook = house.start(request(&RequestText {
        method: "PUT".to_owned(),
        url: format!("http://{}/who/{{{{name}}}}/at/{{{{camera}}}}", receiver.address),
        headers: vec![
            ("Authorization".to_owned(), "Bearer abc".to_owned()),
            ("X-Who".to_owned(), "{{name}}".to_owned()),
        ],
        body: Some(
            r#"{"text": "{{name}} ({{groups}})", "who": {{name}}, "d": {{distance}}, "v": {{visitor}}}"#.to_owned(),
        ),
        ..RequestText::default()
    }));
    webhook.record(&notice(NoticeKind::Pass, HOSTILE)).await;
    let received = receiver.next().await;
    assert_eq!(received.request_line.matches(' ').count(), 2, "{}", received.request_line);
    assert!(received.request_line.starts_with("PUT /who/%22%7D%7B%0D%0AX-Evil"), "{}", received.request_line);
    assert!(received.request_line.ends_with("/at/front%20door HTTP/1.1"), "{}", received.request_line);
    assert_eq!(received.header("authorization"), "Bearer abc");
    assert!(received.header("x-who").starts_with("\"}{%0D%0AX-Evil: 1%E2"), "{}", received.header("x-who"));
    assert_eq!(received.header("x-evil"), "");
    let body: serde_json::Value = serde_json::from_str(&received.body).unwrap();
    let text = format!("{HOSTILE} (staff)");
    assert_eq!(body, serde_json::json!({ "text": text, "who": HOSTILE, "d": 0.4123, "v": null }));
}

#[tokio::test]
async fn a_webhook_is_told_of_what_it_asks_for_and_of_nothing_else() {
    let house = House::new().await;
    let mut receiver = Receiver::start(any_port(), ok).await;
    let wanted = Wanted {
        kinds: [NoticeKind::Denied, NoticeKind::Watched].into(),
        cameras: vec!["front door".to_owned()],
        groups: vec!["staff".to_owned()],
        ..Wanted::default()
    };
    let webhook = house.start(WebhookSettings { wanted, ..settings(&receiver, "/") });
    let other_camera = Notice { camera: "yard".to_owned(), ..notice(NoticeKind::Denied, "1") };
    let other_group = Notice { groups: vec!["guests".to_owned()], ..notice(NoticeKind::Denied, "2") };
    for notice in [notice(NoticeKind::Pass, "0"), other_camera, other_group, notice(NoticeKind::Unknown, "3")] {
        webhook.record(&notice).await;
    }
    webhook.record(&notice(NoticeKind::Denied, "4")).await;
    webhook.record(&notice(NoticeKind::Watched, "5")).await;
    for (name, kind) in [("4", "denied"), ("5", "watched")] {
        let received = receiver.next().await;
        assert_eq!(received.body, format!(r#"{{"name":"{name}","distance":0.4123,"timestamp":1736400000}}"#));
        assert_eq!(received.header("x-vultus-notice"), kind);
    }
    assert_eq!(house.store.outbox().await.unwrap().dead, 0);
}

#[tokio::test]
async fn the_contracts_webhook_hears_of_a_pass_alone() {
    let house = House::new().await;
    let mut receiver = Receiver::start(any_port(), ok).await;
    let webhook = house.start(WebhookSettings::new(format!("http://{}/", receiver.address)));
    for (kind, name) in [(NoticeKind::Denied, "0"), (NoticeKind::Unknown, "1"), (NoticeKind::Pass, "2")] {
        webhook.record(&notice(kind, name)).await;
    }
    let received = receiver.next().await;
    assert_eq!(received.body, r#"{"name":"2","distance":0.4123,"timestamp":1736400000}"#);
    assert_eq!((received.header("x-vultus-notice"), received.header("x-vultus-signature")), ("", ""));
}

#[tokio::test]
async fn each_attempt_is_signed_with_its_own_time() {
    let house = House::new().await;
    let away_once = |number| Answer::Status(if number == 0 { 503 } else { 200 });
    let mut receiver = Receiver::start(any_port(), away_once).await;
    let secret = Secret::new("s3cret ö");
    let webhook = house.start(WebhookSettings { secret, ..settings(&receiver, "/") });
    webhook.record(&notice(NoticeKind::Pass, "Käte")).await;
    let first = receiver.next().await;
    let second = receiver.next().await;
    assert_eq!((first.timestamp(), &first.body), (1_736_400_000, &second.body));
    assert!(verified(&second, "s3cret ö") > verified(&first, "s3cret ö"));
}

#[tokio::test]
async fn a_command_that_is_too_old_is_never_sent() {
    let house = House::new().await;
    let mut receiver = Receiver::start(any_port(), ok).await;
    house.push("test", 3600).await;
    let webhook = house.start(relay(&receiver, "/relay/0?turn=on&who={{name}}"));
    webhook.record(&notice(NoticeKind::Pass, "now")).await;
    assert!(receiver.next().await.request_line.contains("who=now"));
    let dead = house.until(DeliveryState::Dead, 1).await.remove(0);
    assert_eq!((dead.id.as_str(), dead.attempts, dead.answer), ("aged3600", 0, None));
    assert!(dead.reason.contains("too old"), "{}", dead.reason);
    assert!(receiver.gets_nothing_for(Duration::from_millis(300)).await);
}

#[tokio::test]
async fn a_command_is_tried_until_it_is_too_old_and_then_given_up() {
    let house = House::new().await;
    let mut receiver = Receiver::start(any_port(), |_| Answer::Status(500)).await;
    let max_age = Some(Duration::from_secs(2));
    let webhook = house.start(WebhookSettings { max_age, ..relay(&receiver, "/relay/0") });
    webhook.record(&notice(NoticeKind::Pass, "katya")).await;
    receiver.next().await;
    let dead = house.until(DeliveryState::Dead, 1).await.remove(0);
    assert!(dead.attempts >= 1, "{dead:?}");
    assert!(dead.reason.contains("too old") && dead.reason.contains("it answered 500"), "{dead:?}");
}

#[tokio::test]
async fn what_is_to_be_tried_once_is_tried_once() {
    let house = House::new().await;
    let mut receiver = Receiver::start(any_port(), |number| Answer::Status(if number == 0 { 500 } else { 200 })).await;
    let webhook = house.start(WebhookSettings { retry: false, ..relay(&receiver, "/toggle?who={{name}}") });
    webhook.record(&notice(NoticeKind::Pass, "first")).await;
    webhook.record(&notice(NoticeKind::Pass, "second")).await;
    for name in ["first", "second"] {
        let received = receiver.next().await;
        assert!(received.request_line.contains(name) && received.header("x-vultus-attempt") == "1");
    }
    let dead = house.until(DeliveryState::Dead, 1).await.remove(0);
    assert_eq!((dead.attempts, dead.answer), (1, Some(500)));
}

#[tokio::test]
async fn an_address_that_would_lead_elsewhere_is_given_up_at_once() {
    let house = House::new().await;
    let mut receiver = Receiver::start(any_port(), ok).await;
    let webhook = house.start(relay(&receiver, "/door/{{name}}/open"));
    webhook.record(&notice(NoticeKind::Pass, "..")).await;
    webhook.record(&notice(NoticeKind::Pass, "katya")).await;
    assert_eq!(receiver.next().await.request_line, "GET /door/katya/open HTTP/1.1");
    let dead = house.until(DeliveryState::Dead, 1).await.remove(0);
    assert!(dead.reason.contains("lead elsewhere"), "{dead:?}");
}

#[tokio::test]
async fn a_refused_event_is_a_dead_letter_and_arrives_when_it_is_sent_again() {
    let house = House::new().await;
    let refuse = |number| if number < 5 { Answer::Says(422, "no such gate") } else { Answer::Status(200) };
    let mut receiver = Receiver::start(any_port(), refuse).await;
    let webhook = house.start(settings(&receiver, "/hook"));
    webhook.record(&notice(NoticeKind::Pass, "katya")).await;
    let mut refused = receiver.next().await;
    for _ in 1..5 {
        refused = receiver.next().await;
    }
    let dead = house.until(DeliveryState::Dead, 1).await.remove(0);
    assert_eq!((dead.attempts, dead.answer), (5, Some(422)));
    assert!(dead.reason.contains("no such gate"), "{dead:?}");
    assert_eq!(house.store.resend(&dead.id, Micros::now()).await.unwrap(), Resent::Yes);
    let again = receiver.next().await;
    assert_eq!(again.header("x-vultus-delivery"), refused.header("x-vultus-delivery"));
    assert_eq!((again.body.as_str(), again.header("x-vultus-attempt")), (refused.body.as_str(), "1"));
    house.until(DeliveryState::Delivered, 1).await;
    assert_eq!(house.store.outbox().await.unwrap().dead, 0);
}

#[tokio::test]
async fn a_receiver_that_hangs_holds_up_no_other_and_keeps_its_own_order() {
    let house = House::new().await;
    let mut slow =
        Receiver::start(any_port(), |number| if number == 0 { Answer::Hang } else { Answer::Status(200) }).await;
    let mut quick = Receiver::start(any_port(), ok).await;
    let hanging = WebhookSettings { timeout: Duration::from_secs(3), ..settings(&slow, "/") };
    let webhooks =
        [house.start(hanging), house.start(WebhookSettings { target: "quick".to_owned(), ..settings(&quick, "/") })];
    for name in ["0", "1", "2"] {
        Webhook::record_all(&webhooks, &notice(NoticeKind::Pass, name)).await;
    }
    for name in ["0", "1", "2"] {
        assert!(quick.next().await.body.contains(&format!("\"name\":\"{name}\"")));
    }
    for name in ["0", "0", "1", "2"] {
        assert!(slow.next().await.body.contains(&format!("\"name\":\"{name}\"")));
    }
}

#[tokio::test]
async fn a_database_that_is_busy_holds_up_all_webhooks_of_a_notice_together_by_half_a_second() {
    let house = House::new().await;
    let mut receiver = Receiver::start(any_port(), ok).await;
    let webhooks: Vec<_> = (0..10)
        .map(|number| house.start(WebhookSettings { target: format!("w{number}"), ..settings(&receiver, "/") }))
        .collect();
    let mut other = SqliteConnection::connect(&url(&house.folder)).await.unwrap();
    other.execute("BEGIN IMMEDIATE").await.unwrap();
    let started = Instant::now();
    Webhook::record_all(&webhooks, &notice(NoticeKind::Pass, "katya")).await;
    // One after the other they would take five.
    assert!(started.elapsed() < Duration::from_secs(4), "recording took {:?}", started.elapsed());
    other.execute("COMMIT").await.unwrap();
    for _ in 0..10 {
        receiver.next().await;
    }
}

#[tokio::test]
async fn what_a_killed_process_had_recorded_is_delivered_by_the_next_as_it_is_defined_then() {
    let house = House::new().await;
    let nobody = Receiver::start(any_port(), |_| Answer::Hang).await;
    let usual = |receiver: &Receiver, path: &str| WebhookSettings { max_age: None, ..relay(receiver, path) };
    let killed = house.start(usual(&nobody, "/wrong?who={{name}}"));
    killed.record(&notice(NoticeKind::Pass, "katya")).await;
    drop(killed);
    drop(nobody);
    let mut receiver = Receiver::start(any_port(), ok).await;
    let _next = house.start(usual(&receiver, "/right?who={{name}}&at={{camera}}"));
    assert_eq!(receiver.next().await.request_line, "GET /right?who=katya&at=front%20door HTTP/1.1");
}

#[tokio::test]
async fn a_relay_is_switched_once_while_the_database_is_away_and_that_is_kept_when_it_is_back() {
    let house = House::new().await;
    let mut receiver = Receiver::start(any_port(), ok).await;
    let webhook = house.start(relay(&receiver, "/relay/0?who={{name}}"));
    let mut other = SqliteConnection::connect(&url(&house.folder)).await.unwrap();
    other.execute("BEGIN IMMEDIATE").await.unwrap();
    for name in ["ann", "katya"] {
        webhook.record(&notice(NoticeKind::Pass, name)).await;
        assert!(receiver.next().await.request_line.contains(name));
    }
    other.execute("COMMIT").await.unwrap();
    let delivered = house.until(DeliveryState::Delivered, 2).await;
    assert!(delivered.iter().all(|delivery| delivery.attempts == 1 && delivery.answer == Some(200)), "{delivered:?}");
    assert!(receiver.gets_nothing_for(Duration::from_millis(300)).await);
    assert_eq!(house.store.outbox().await.unwrap().depth, 0);
}

#[tokio::test]
async fn a_command_that_fails_lets_the_younger_ones_go_first() {
    let house = House::new().await;
    let mut receiver = Receiver::start(any_port(), |number| Answer::Status(if number < 2 { 500 } else { 200 })).await;
    for name in ["first", "second", "third"] {
        // Recorded before anybody is there to send them.
        let delivery = NewDelivery {
            id: name.to_owned(),
            target: "test".to_owned(),
            body: String::new(),
            facts: String::new(),
            camera: "door".to_owned(),
            created_at: Micros::now(),
        };
        house.store.push_delivery(&delivery).await.unwrap();
    }
    let _webhook = house.start(relay(&receiver, "/relay/0"));
    for name in ["first", "second", "third", "first", "second"] {
        assert_eq!(receiver.next().await.header("x-vultus-delivery"), name);
    }
    house.until(DeliveryState::Delivered, 3).await;
}

#[tokio::test]
async fn a_command_of_a_clock_that_was_set_back_is_never_sent() {
    let house = House::new().await;
    let mut receiver = Receiver::start(any_port(), ok).await;
    house.push("test", -3600).await;
    let _webhook = house.start(relay(&receiver, "/relay/0"));
    let dead = house.until(DeliveryState::Dead, 1).await.remove(0);
    assert!(dead.reason.contains("the clock was set back"), "{dead:?}");
    assert!(receiver.gets_nothing_for(Duration::from_millis(300)).await);
}

#[tokio::test]
async fn a_node_opens_no_door_for_another_and_tells_for_another_what_happened() {
    let house = House::new().await;
    let nobody = Receiver::start(any_port(), |_| Answer::Hang).await;
    let of_b = [relay(&nobody, "/door-of-b"), WebhookSettings { target: "office".into(), ..settings(&nobody, "/") }];
    let of_b = of_b.map(|settings| house.start(settings.of_node("b")));
    Webhook::record_all(&of_b, &notice(NoticeKind::Pass, "katya")).await;
    drop((of_b, nobody));
    let mut receiver = Receiver::start(any_port(), ok).await;
    let of_a =
        [relay(&receiver, "/door-of-a"), WebhookSettings { target: "office".into(), ..settings(&receiver, "/") }];
    let _of_a = of_a.map(|settings| house.start(settings.of_node("a")));
    assert!(receiver.next().await.request_line.starts_with("POST / "), "what happened is told");
    assert!(receiver.gets_nothing_for(Duration::from_secs(1)).await);
    assert_eq!(house.until(DeliveryState::Waiting, 1).await[0].target, "test@b");
}

#[tokio::test]
async fn what_is_to_be_tried_once_and_was_sent_before_a_kill_is_not_sent_again() {
    let house = House::new().await;
    let mut hanging = Receiver::start(any_port(), |_| Answer::Hang).await;
    let once = |receiver: &Receiver| WebhookSettings {
        retry: false,
        timeout: Duration::from_secs(60),
        ..settings(receiver, "/toggle")
    };
    let killed = house.start(once(&hanging));
    killed.record(&notice(NoticeKind::Pass, "katya")).await;
    hanging.next().await;
    drop(killed);
    // As if the lease had run out.
    let mut other = SqliteConnection::connect(&url(&house.folder)).await.unwrap();
    other.execute("UPDATE deliveries SET lease_until = 0").await.unwrap();
    let mut receiver = Receiver::start(any_port(), ok).await;
    let _next = house.start(once(&receiver));
    let dead = house.until(DeliveryState::Dead, 1).await.remove(0);
    assert!(dead.reason.contains("before the answer") && dead.attempts == 1, "{dead:?}");
    assert!(receiver.gets_nothing_for(Duration::from_millis(300)).await);
}
