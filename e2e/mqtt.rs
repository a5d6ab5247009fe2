//! A real MQTT broker is told: at once or not at all of what happens, in any case and in order of every passage, and for
//! whoever comes later of how things stand; Home Assistant, and automations made for Double Take and Frigate, understand it.

use std::collections::{BTreeMap, BTreeSet};
use std::time::{SystemTime, UNIX_EPOCH};

use rustix::process::Signal;
use serde_json::{Value, json};

use crate::support::{
    Answer, Heard, Home, Listener, Mosquitto, Service, demo_video, until, what_is_wrong, within_patience,
};

/// The topics of the camera that VIDEO_SOURCE is.
const CAMERA: &str = "vultus/cameras/camera";

fn home(broker: &Mosquitto) -> Home {
    let home = Home::new().with("MQTT_URL", broker.url()).with("NODE_NAME", "gate");
    home.enrol("obama", "obama.jpg");
    home.enrol("biden", "biden.jpg");
    home
}

/// Shows three people again and again, each longer ago than a passage lasts.
fn coming_and_going(broker: &Mosquitto) -> Home {
    home(broker).with("VIDEO_SOURCE", demo_video().to_str().expect("UTF-8")).with("LOOP_FILE", "true")
}

/// Discovery messages as they stand.
async fn discovered(listener: &Listener) -> Vec<(String, String)> {
    let mut standing = BTreeMap::new();
    for Heard { topic, payload, .. } in listener.all().await {
        if topic.starts_with("homeassistant/") && topic.ends_with("/config") {
            standing.insert(topic, payload);
        }
    }
    standing.into_iter().filter(|(_, payload)| !payload.is_empty()).collect()
}

/// Waits until there are discovery messages for one camera and two people.
async fn all_discovered(listener: &Listener) -> Vec<(String, String)> {
    until("discovery messages", async || Some(discovered(listener).await).filter(|all| all.len() == 8)).await
}

async fn records(listener: &Listener) -> Vec<Value> {
    listener.under("vultus/events").await.iter().map(Heard::json).collect()
}

/// Every event that is kept, the newest first.
async fn stored(vultus: &Service) -> Vec<Value> {
    vultus.get("/api/v1/events").await.ok()["events"].as_array().expect("a list").clone()
}

fn seqs(records: &[Value]) -> Vec<i64> {
    records.iter().map(|record| record["seq"].as_i64().expect("a number")).collect()
}

fn now() -> f64 {
    SystemTime::now().duration_since(UNIX_EPOCH).expect("after 1970").as_secs_f64()
}

#[tokio::test]
async fn people_who_pass_are_told_of_at_once_in_any_case_and_in_the_words_of_three_other_programs() {
    let Some(broker) = Mosquitto::start().await else { return };
    let listener = broker.listener().await;
    let home = home(&broker)
        .with("VIDEO_SOURCE", demo_video().to_str().expect("UTF-8"))
        .with("MQTT_ALSO", "double-take, frigate");
    let mut vultus = home.start(&["serve"]).await;

    let pass = listener.hears(&format!("{CAMERA}/pass"), |_| true).await;
    assert!(!pass.retained);
    let told = pass.json();
    assert_eq!(
        (&told["event_type"], &told["name"], &told["camera"]),
        (&"pass".into(), &"obama".into(), &"camera".into())
    );
    assert!(told["distance"].as_f64() < Some(0.45) && (now() - told["timestamp"].as_f64().unwrap()).abs() < 30.0);
    assert_eq!(listener.hears(&format!("{CAMERA}/event"), |_| true).await.json(), told);
    listener.hears_text(&format!("{CAMERA}/state"), "live").await;
    listener.hears_text(&format!("{CAMERA}/people"), "1").await;
    listener.hears_text(&format!("{CAMERA}/last_person"), "obama").await;
    listener.hears_text("vultus/people/1/camera", "camera").await;
    let attributes = listener.hears("vultus/people/1/attributes", |_| true).await.json();
    assert_eq!((&attributes["person"], &attributes["status"]), (&"obama".into(), &"PASS".into()));

    vultus.says("the recording is over").await;
    let stranger = listener.hears("vultus/events", |heard| heard.json()["person"].is_null()).await.json();
    assert_eq!((&stranger["status"], &stranger["reason"]), (&"REJECT".into(), &"below_threshold".into()));
    let told = until("three records of an end", async || {
        let told = records(&listener).await;
        let ended: BTreeSet<String> =
            told.iter().filter(|record| record["phase"] == "end").map(|record| record["id"].to_string()).collect();
        (ended.len() == 3).then_some(told)
    })
    .await;
    assert!(seqs(&told).is_sorted_by(|before, after| before < after), "in order, each once: {told:?}");
    assert!(told.iter().any(|record| record["phase"] == "start" && record["person"] == "obama"), "{told:?}");
    listener.hears_text(&format!("{CAMERA}/state"), "finished").await;

    // In Double Take's words.
    let matched = listener.hears("double-take/matches/obama", |_| true).await.json();
    assert_eq!((&matched["camera"], &matched["match"]["match"]), (&"camera".into(), &true.into()));
    assert!(
        matched["match"]["confidence"].as_f64() > Some(60.0) && matched["match"]["box"]["width"].as_i64() > Some(20)
    );
    let unknown = listener.hears("double-take/matches/unknown", |_| true).await.json();
    assert!(unknown["unknown"]["confidence"].as_f64() < Some(50.0), "{unknown}");
    let counts = listener.hears("double-take/cameras/camera", |_| true).await.json();
    assert_eq!((&counts["counts"]["match"], &counts["matches"][0]["name"]), (&1.into(), &"obama".into()));
    listener.hears_text("double-take/cameras/camera/person", "1").await;
    listener.hears_text("double-take/available", "online").await;
    // In Frigate's.
    for kind in ["new", "end"] {
        let event = listener.hears("frigate/events", |heard| heard.json()["type"] == kind).await.json();
        assert_eq!((&event["after"]["camera"], &event["after"]["label"]), (&"camera".into(), &"person".into()));
    }
    let face = listener.hears("frigate/tracked_object_update", |heard| heard.json()["name"] == "biden").await.json();
    assert!(face["type"] == "face" && face["score"].as_f64() > Some(0.6), "{face}");
    listener.hears_text("frigate/camera/person", "0").await;
    assert!(listener.under("frigate/available").await.is_empty(), "there may be a Frigate");

    // Home Assistant's rules.
    let messages = all_discovered(&listener).await;
    let wrong = what_is_wrong("homeassistant", &messages);
    assert!(wrong.is_empty(), "{wrong:#?}");
    let door = messages.iter().find(|(topic, _)| topic.contains("/event/")).expect("an event entity");
    let door: Value = serde_json::from_str(&door.1).expect("JSON");
    assert_eq!(door["event_types"], json!(["pass", "denied", "unknown", "watched", "spoof"]));
    assert_eq!(door["state_topic"], format!("{CAMERA}/event"));
    // For a check by Home Assistant itself, where it is installed.
    if let Ok(file) = std::env::var("VULTUS_TEST_DISCOVERY") {
        let lines: Vec<String> = messages.iter().map(|(topic, payload)| format!("{topic} {payload}")).collect();
        std::fs::write(file, lines.join("\n")).expect("a file");
    }

    // Who comes later hears how things stand, and of nothing that only counted at once.
    let late = broker.listener().await;
    late.hears_text(&format!("{CAMERA}/state"), "finished").await;
    late.hears_text(&format!("{CAMERA}/people"), "0").await;
    let attributes = late.hears(&format!("{CAMERA}/attributes"), |_| true).await.json();
    assert_eq!((&attributes["node"], &attributes["state"]), (&"gate".into(), &"finished".into()));
    assert_eq!(all_discovered(&late).await, messages);
    for topic in ["vultus/status", "vultus/nodes/gate/status"] {
        assert!(late.hears_text(topic, "online").await.retained);
    }
    for topic in ["pass", "event"] {
        assert!(late.under(&format!("{CAMERA}/{topic}")).await.is_empty());
    }
    assert!(records(&late).await.is_empty());

    vultus.kill().await;
    for topic in ["vultus/status", "vultus/nodes/gate/status", "double-take/available"] {
        late.hears_text(topic, "offline").await;
    }
}

#[tokio::test]
async fn somebody_suspended_is_no_match_for_automations_that_were_made_for_other_programs() {
    let Some(broker) = Mosquitto::start().await else { return };
    let listener = broker.listener().await;
    let home = home(&broker)
        .with("VIDEO_SOURCE", demo_video().to_str().expect("UTF-8"))
        .with("MQTT_ALSO", "double-take, frigate");
    home.run(&["people", "set", "obama", "suspended=true"]).succeeded();
    let mut vultus = home.start(&["serve"]).await;
    vultus.says("the recording is over").await;
    listener.hears("double-take/matches/biden", |_| true).await;
    let denied = listener.hears(&format!("{CAMERA}/denied"), |_| true).await.json();
    assert_eq!((&denied["name"], &denied["reason"]), (&"obama".into(), &"suspended".into()));
    let missed = listener.hears("double-take/cameras/camera", |heard| heard.json()["counts"]["miss"] == 1).await.json();
    assert_eq!((&missed["misses"][0]["name"], &missed["misses"][0]["match"]), (&"obama".into(), &false.into()));
    listener.hears("frigate/tracked_object_update", |heard| heard.json()["name"] == "biden").await;
    for Heard { topic, payload, .. } in listener.all().await {
        let is_named =
            topic == "double-take/matches/obama" || topic.starts_with("frigate/") && payload.contains("obama");
        assert!(!is_named, "{topic} {payload}");
    }
}

#[tokio::test]
async fn a_broker_that_was_restarted_is_told_again_how_things_stand_and_of_every_passage_meanwhile() {
    let Some(mut broker) = Mosquitto::start().await else { return };
    let before = broker.listener().await;
    let home = coming_and_going(&broker);
    let mut vultus = home.start(&["serve"]).await;
    before.hears(&format!("{CAMERA}/pass"), |_| true).await;
    let last_before = before.hears("vultus/events", |_| true).await.json()["seq"].as_i64().unwrap();

    broker.shut().await;
    broker.kill();
    vultus.says("MQTT: the broker at").await;
    vultus.says("is away").await;
    let known = stored(&vultus).await.len();
    until("two passages that nobody hears of", async || (stored(&vultus).await.len() >= known + 2).then_some(())).await;
    broker.start_again().await;
    let after = broker.listener().await;
    let opened = now();
    broker.open().await;

    after.hears_text("vultus/nodes/gate/status", "online").await;
    after.hears_text("vultus/status", "online").await;
    after.hears_text(&format!("{CAMERA}/state"), "live").await;
    all_discovered(&after).await;
    let wanted = stored(&vultus).await;
    let told = until("a record of every passage", async || {
        let told = records(&after).await;
        let all =
            wanted[..wanted.len() - known].iter().all(|event| told.iter().any(|record| record["id"] == event["id"]));
        all.then_some(told)
    })
    .await;
    let seqs = seqs(&told);
    assert!(seqs.is_sorted_by(|before, after| before < after) && seqs[0] >= last_before, "{last_before}, {seqs:?}");
    // A pass that happened long before may open no door.
    after.hears(&format!("{CAMERA}/pass"), |_| true).await;
    for pass in after.under(&format!("{CAMERA}/pass")).await {
        assert!(pass.json()["timestamp"].as_f64().unwrap() > opened - 7.0, "{pass:?}");
    }
    let outages = vultus.lines().iter().filter(|line| line.contains("is away")).count();
    assert_eq!(outages, 1, "{:?}", vultus.lines());
    assert!(vultus.lines().iter().any(|line| line.contains("is back")));

    // It listens again: Home Assistant has started, and hears of everything again.
    after.forget().await;
    after.say("homeassistant/status", "online").await;
    all_discovered(&after).await;

    // The last will of a connection before, said late, is contradicted.
    after.forget().await;
    after.say("vultus/nodes/gate/status", "offline").await;
    after.hears_text("vultus/nodes/gate/status", "online").await;
}

#[tokio::test]
async fn passages_that_no_broker_heard_of_are_told_by_the_next_run() {
    let Some(mut broker) = Mosquitto::start().await else { return };
    let listener = broker.listener().await;
    broker.shut().await;
    let home = coming_and_going(&broker);
    let mut vultus = home.start(&["serve"]).await;
    vultus.says("is away").await;
    until("two passages", async || (stored(&vultus).await.len() >= 2).then_some(())).await;
    vultus.signal(Signal::TERM);
    assert!(within_patience("its end", vultus.ended()).await.success());
    assert!(listener.all().await.is_empty(), "nobody came through");

    broker.open().await;
    let vultus = home.with("VIDEO_SOURCE", "none").start(&["serve"]).await;
    let wanted = stored(&vultus).await;
    let told = until("a record of every passage", async || {
        Some(records(&listener).await).filter(|told| told.len() >= wanted.len())
    })
    .await;
    assert_eq!(told.len(), wanted.len(), "the newest state of each, once: {told:?}");
    assert!(seqs(&told).is_sorted_by(|before, after| before < after), "{told:?}");
    assert!(
        told.iter().all(|record| record["phase"] == "end" && wanted.iter().any(|event| event["id"] == record["id"]))
    );
    assert!(listener.under(&format!("{CAMERA}/pass")).await.is_empty(), "they are of the past");
}

#[tokio::test]
async fn a_wrong_password_is_said_once_with_what_to_do_and_keeps_nothing_else_from_working() {
    let Some(broker) = Mosquitto::start().await else { return };
    let home = Home::new().with("VIDEO_SOURCE", "none").with("MQTT_URL", broker.url_with("wrong-secret"));
    let mut vultus = home.start(&["serve"]).await;
    let line = vultus.says("MQTT: the broker at").await;
    assert!(line.contains("user name and password") && line.contains("MQTT_URL"), "{line}");
    vultus.get("/healthz").await.ok();
    let shown = home.run(&["config"]).succeeded();
    assert!(shown.contains("mqtt://***@127.0.0.1"), "{shown}");
    let said = format!("{}{shown}", vultus.lines().join("\n"));
    assert!(!said.contains("wrong-secret"), "{said}");
}

#[tokio::test]
async fn who_is_unregistered_and_a_camera_that_is_removed_leave_nothing_behind() {
    let Some(broker) = Mosquitto::start().await else { return };
    let listener = broker.listener().await;
    let home = home(&broker).with("VIDEO_SOURCE", "none");
    let vultus = home.start(&["serve"]).await;
    let definition = json!({"id": "yard", "name": "The yard", "source": "testsrc=320x240@5"});
    Answer::to(vultus.post("/api/v1/cameras").json(&definition)).await;
    listener.hears_text("vultus/cameras/yard/state", "live").await;
    let all = all_discovered(&listener).await;
    let yard = "homeassistant/sensor/vultus/camera_yard_state/config";
    let described = all.iter().find(|(topic, _)| topic == yard).expect("the camera's state");
    assert_eq!(serde_json::from_str::<Value>(&described.1).unwrap()["device"]["name"], "The yard");

    Answer::to(crate::support::client().delete(vultus.url("/api/v1/cameras/yard"))).await;
    for topic in ["vultus/cameras/yard/state", "vultus/cameras/yard/people", yard] {
        listener.hears_text(topic, "").await;
    }
    vultus.unregister("obama").await.ok();
    listener.hears_text("homeassistant/sensor/vultus/person_1_last_camera/config", "").await;

    // While nobody is there to tell the broker.
    vultus.kill().await;
    home.run(&["people", "remove", "biden"]).succeeded();
    let _vultus = home.start(&["serve"]).await;
    listener.hears_text("homeassistant/sensor/vultus/person_2_last_camera/config", "").await;
    let late = broker.listener().await;
    late.hears_text("vultus/nodes/gate/status", "online").await;
    assert_eq!(discovered(&late).await, []);
}

#[tokio::test]
async fn one_node_of_two_that_ends_is_offline_and_the_service_as_a_whole_is_not() {
    let Some(broker) = Mosquitto::start().await else { return };
    let listener = broker.listener().await;
    let home = home(&broker).with("VIDEO_SOURCE", "none");
    let gate = home.start(&["serve"]).await;
    listener.hears_text("vultus/nodes/gate/status", "online").await;
    let yard = home.with("NODE_NAME", "the yard").start(&["serve"]).await;
    let status = "vultus/nodes/the_yard_48fe867c/status";
    listener.hears(status, |heard| heard.payload == "online").await;
    yard.kill().await;
    listener.hears_text(status, "offline").await;
    until("a contradiction of the whole service's end", async || {
        let said = listener.under("vultus/status").await;
        let offline = said.iter().position(|heard| heard.payload == "offline")?;
        said[offline..].iter().any(|heard| heard.payload == "online").then_some(())
    })
    .await;
    drop(gate);
    listener.hears_text("vultus/nodes/gate/status", "offline").await;
}
