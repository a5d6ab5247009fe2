//! The webhook: who passed is told once a cooldown, in order, whatever happens in between.

use std::time::{SystemTime, UNIX_EPOCH};

use serde_json::Value;

use crate::support::{Home, Receiver, clip};

/// A second of Obama, an empty scene, a second of Biden.
fn home_with_two_people(webhook_url: String) -> Home {
    let home = Home::new()
        .with("VIDEO_SOURCE", clip(5, 4).to_str().unwrap())
        .with("LOOP_FILE", "true")
        .with("COOLDOWN", "600")
        .with("WEBHOOK_URL", webhook_url);
    home.enrol("obama", "obama.jpg");
    home.enrol("biden", "biden.jpg");
    home
}

fn now() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs()
}

/// Name and timestamp of a delivery whose body is exactly the contract's.
fn told(body: &str) -> (String, u64) {
    let value: Value = serde_json::from_str(body).unwrap();
    let (name, distance) = (value["name"].as_str().unwrap(), value["distance"].as_f64().unwrap());
    let timestamp = value["timestamp"].as_u64().unwrap();
    assert_eq!(body, format!(r#"{{"name":"{name}","distance":{distance:?},"timestamp":{timestamp}}}"#));
    assert!(distance < 0.45 && (distance * 1e4 - (distance * 1e4).round()).abs() < 1e-6, "{body}");
    (name.to_owned(), timestamp)
}

fn names(bodies: &[String]) -> Vec<String> {
    bodies.iter().map(|body| told(body).0).collect()
}

#[tokio::test]
async fn each_person_is_told_of_once_while_the_cooldown_runs() {
    let receiver = Receiver::start().await;
    let home = home_with_two_people(receiver.url());
    let started = now();
    let vultus = home.start(&["serve"]).await;
    let mut viewer = vultus.viewer().await;
    for name in ["obama", "biden", "obama", "biden"] {
        viewer.sees("PASS", Some(name)).await;
    }
    assert_eq!(names(&receiver.receives(2).await), ["obama", "biden"]);
    for body in receiver.bodies() {
        let (_, timestamp) = told(&body);
        assert!((started..=now()).contains(&timestamp), "{body}");
    }
}

#[tokio::test]
async fn a_person_who_stays_is_told_of_again_after_each_cooldown() {
    let receiver = Receiver::start().await;
    let home = Home::new()
        .with("VIDEO_SOURCE", clip(3, 2).to_str().unwrap())
        .with("LOOP_FILE", "true")
        .with("COOLDOWN", "2")
        .with("WEBHOOK_URL", receiver.url());
    home.enrol("obama", "obama.jpg");
    let _vultus = home.start(&["serve"]).await;
    let times: Vec<u64> = receiver.receives(3).await.iter().map(|body| told(body).1).collect();
    assert!(times.windows(2).all(|pair| pair[1] - pair[0] >= 2), "{times:?}");
}

#[tokio::test]
async fn what_happened_while_the_receiver_was_down_arrives_in_order_with_its_own_time() {
    let address = Receiver::nobody().await;
    let home = home_with_two_people(Receiver::url_at(address));
    let vultus = home.start(&["serve"]).await;
    let mut viewer = vultus.viewer().await;
    let mut seen = Vec::new();
    for name in ["obama", "biden"] {
        seen.push((name.to_owned(), viewer.sees("PASS", Some(name)).await["timestamp"].as_u64().unwrap()));
    }
    let receiver = Receiver::start_on(address).await;
    let delivered: Vec<_> = receiver.receives(2).await.iter().map(|body| told(body)).collect();
    for ((name, timestamp), (seen_name, seen_at)) in delivered.iter().zip(&seen) {
        assert_eq!(name, seen_name);
        assert!(timestamp.abs_diff(*seen_at) <= 1, "{name} was seen at {seen_at}, told as {timestamp}");
    }
}

#[tokio::test]
async fn what_was_not_delivered_before_a_kill_is_delivered_by_the_next_start() {
    let address = Receiver::nobody().await;
    let home = home_with_two_people(Receiver::url_at(address));
    let vultus = home.start(&["serve"]).await;
    let mut viewer = vultus.viewer().await;
    let first = viewer.sees("PASS", Some("obama")).await["timestamp"].as_u64().unwrap();
    viewer.sees("PASS", Some("biden")).await;
    vultus.kill().await;

    let receiver = Receiver::start_on(address).await;
    let _vultus = home.with("VIDEO_SOURCE", "testsrc").start(&["serve"]).await;
    let bodies = receiver.receives(2).await;
    assert_eq!(names(&bodies), ["obama", "biden"]);
    assert!(told(&bodies[0]).1.abs_diff(first) <= 1, "{bodies:?}");
}

#[tokio::test]
async fn without_an_address_nobody_is_told_and_nothing_fails() {
    let home = home_with_two_people(String::new());
    let vultus = home.start(&["serve"]).await;
    vultus.viewer().await.sees("PASS", Some("obama")).await;
    vultus.get("/healthz").await.ok();
}
