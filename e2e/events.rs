//! Passages as events: one a person and passage, with the right name, pictures and reasons; listed, exported, streamed,
//! and kept for as long as is asked for.

use std::path::Path;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use face::{DecodeLimits, decode};
use serde_json::Value;
use store::{Event, Micros, Store};
use uuid::{NoContext, Timestamp, Uuid};

use crate::support::{Home, Service, client, clip, demo_video, until, within_patience};

fn path(file: &Path) -> String {
    file.to_str().expect("UTF-8").to_owned()
}

async fn events(vultus: &Service, query: &str) -> Vec<Value> {
    let page = vultus.get(&format!("/api/v1/events{query}")).await.ok();
    page["events"].as_array().expect("a list").clone()
}

fn id(event: &Value) -> &str {
    event["id"].as_str().expect("an id")
}

async fn bytes(vultus: &Service, path: &str) -> Vec<u8> {
    let answer = client().get(vultus.url(path)).send().await.unwrap();
    assert_eq!((answer.status().as_u16(), &answer.headers()["content-type"]), (200, &"image/jpeg".parse().unwrap()));
    answer.bytes().await.unwrap().to_vec()
}

/// A message of the stream: its number, its kind, its event.
#[derive(Debug)]
struct Message {
    id: i64,
    kind: String,
    event: Value,
}

/// A client of the stream, which lags behind in nothing.
struct Follower {
    answer: reqwest::Response,
    read: String,
}

impl Follower {
    async fn connect(vultus: &Service, query: &str, last_event_id: Option<i64>) -> Self {
        let mut request = client().get(vultus.url(&format!("/api/v1/events/stream{query}")));
        if let Some(id) = last_event_id {
            request = request.header("Last-Event-ID", id.to_string());
        }
        let answer = request.send().await.unwrap();
        assert_eq!(answer.headers()["content-type"], "text/event-stream");
        Self { answer, read: String::new() }
    }

    /// The next message; `None` when the stream has ended.
    async fn next(&mut self) -> Option<Message> {
        loop {
            if let Some((block, rest)) = self.read.split_once("\n\n") {
                let (block, rest) = (block.to_owned(), rest.to_owned());
                self.read = rest;
                // All else is a comment that keeps the connection alive.
                if let Some(message) = message(&block) {
                    return Some(message);
                }
                continue;
            }
            let chunk = within_patience("a message of the stream", self.answer.chunk()).await.unwrap()?;
            self.read.push_str(str::from_utf8(&chunk).unwrap());
        }
    }
}

fn message(block: &str) -> Option<Message> {
    let field = |name: &str| block.lines().find_map(|line| line.strip_prefix(name)).map(str::trim);
    let event = serde_json::from_str(field("data:")?).expect("JSON");
    Some(Message { id: field("id:")?.parse().unwrap(), kind: field("event:")?.to_owned(), event })
}

/// Every part of a decision, as it came about on a real passage.
fn check_decision(event: &Value, name: Option<&str>) {
    let decision = &event["decision"];
    for field in ["threshold", "strong", "margin_asked", "margin"] {
        assert!(decision[field].is_f64(), "{field}: {decision}");
    }
    let second = &decision["second"];
    assert!(second["name"].is_string() && second["distance"].as_f64() > decision["fused"]["distance"].as_f64());
    let shots = decision["shots"].as_array().unwrap();
    assert!(!shots.is_empty() && decision["shots_asked"] == 2, "{decision}");
    for shot in shots {
        for field in ["at", "quality", "width", "yaw", "score", "weight"] {
            assert!(shot[field].is_f64(), "{field}: {shot}");
        }
        assert!(shot["counted"].is_boolean() && shot["second"]["name"].is_string(), "{shot}");
    }
    let votes = &decision["votes"];
    let why = decision["why"].as_str().unwrap();
    match name {
        Some(name) => {
            assert!(votes["agreeing"].as_u64() >= Some(2) || votes["strong"] == true, "{votes}");
            assert_eq!((&decision["fused"]["name"], &decision["reason"]), (&name.into(), &Value::Null));
            assert!(why.contains(name), "{why}");
        }
        None => {
            assert_eq!((&votes["agreeing"], &decision["reason"]), (&0.into(), &"below_threshold".into()));
            assert!(why.contains("Nobody enrolled is near enough"), "{why}");
        }
    }
}

#[tokio::test]
async fn each_passage_of_a_recording_is_one_event_with_who_when_and_why() {
    let home = Home::new().with("VIDEO_SOURCE", path(&demo_video())).with("NODE_NAME", "gate");
    home.enrol("obama", "obama.jpg");
    home.enrol("biden", "biden.jpg");
    let mut vultus = home.start(&["serve"]).await;
    let mut follower = Follower::connect(&vultus, "", None).await;
    let first = follower.next().await.unwrap();
    assert_eq!((first.kind.as_str(), &first.event["person"]), ("start", &"obama".into()));
    assert!(first.event["end"].is_null(), "it lasts: {}", first.event);
    vultus.says("the recording is over").await;
    let all = until("three passages that are over", async || {
        let all = events(&vultus, "").await;
        (all.len() == 3 && all.iter().all(|event| event["end"].is_f64() && event["face"].is_string())).then_some(all)
    })
    .await;

    let [stranger, biden, obama] = &all[..] else { panic!("{all:?}") };
    assert_eq!(id(obama), id(&first.event));
    for (event, person, status) in
        [(obama, Some("obama"), "PASS"), (biden, Some("biden"), "PASS"), (stranger, None, "REJECT")]
    {
        assert_eq!((event["person"].as_str(), event["status"].as_str()), (person, Some(status)), "{event}");
        assert_eq!((&event["camera"], &event["node"]), (&"camera".into(), &"gate".into()));
        let lasted = event["end"].as_f64().unwrap() - event["start"].as_f64().unwrap();
        assert!((2.0..6.0).contains(&lasted), "each is there for four seconds: {event}");
        let explained = vultus.get(&format!("/api/v1/events/{}", id(event))).await.ok();
        check_decision(&explained, person);
        let face = decode(&bytes(&vultus, event["face"].as_str().unwrap()).await, &DecodeLimits::default()).unwrap();
        let frame = decode(&bytes(&vultus, event["frame"].as_str().unwrap()).await, &DecodeLimits::default()).unwrap();
        assert_eq!((frame.width(), frame.height()), (640, 480));
        assert!(face.width() > 50 && face.width() < 640, "{}", face.width());
    }
    assert_eq!(stranger["reason"], "below_threshold");

    for (query, expected) in [
        ("?person=obama", vec![obama]),
        ("?unknown=true", vec![stranger]),
        ("?status=PASS", vec![biden, obama]),
        ("?camera=nowhere", vec![]),
        (&format!("?from={}", biden["start"]), vec![stranger, biden]),
        (&format!("?to={}&status=pass", biden["start"]), vec![obama]),
    ] {
        assert_eq!(events(&vultus, query).await.iter().collect::<Vec<_>>(), expected, "{query}");
    }
    let mut paged = Vec::new();
    let mut query = "?limit=1".to_owned();
    loop {
        let page = vultus.get(&format!("/api/v1/events{query}")).await.ok();
        paged.extend(page["events"].as_array().unwrap().clone());
        let Some(next) = page["next"].as_str() else { break };
        query = format!("?limit=1&cursor={next}");
    }
    assert_eq!(paged, all);

    let csv = vultus.get("/api/v1/events.csv?status=PASS").await;
    let rows: Vec<&str> = csv.text.lines().collect();
    assert_eq!(rows.len(), 3, "{csv:?}");
    assert!(
        rows[0].starts_with("id,person,status") && rows[1].contains(",biden,PASS,") && rows[2].starts_with(id(obama))
    );

    vultus.signal(rustix::process::Signal::TERM);
    let mut last = first.id;
    while let Some(message) = follower.next().await {
        assert!(message.id > last, "in order");
        last = message.id;
    }
    vultus.ended().await;

    // Another process on the same database tells what came after a message that was received.
    let api = home.start(&["api"]).await;
    for mut resumed in [
        Follower::connect(&api, "", Some(first.id)).await,
        Follower::connect(&api, &format!("?last_event_id={}", first.id), None).await,
    ] {
        let told = [resumed.next().await.unwrap(), resumed.next().await.unwrap(), resumed.next().await.unwrap()];
        assert!(told.iter().all(|message| message.kind == "end"), "{told:?}");
        let mut people: Vec<_> = told.iter().map(|message| message.event["person"].as_str()).collect();
        people.sort_unstable();
        assert_eq!(people, [None, Some("biden"), Some("obama")]);
    }
}

#[tokio::test]
async fn a_passage_seen_by_another_process_is_streamed_by_the_api_and_ends_though_that_process_is_killed() {
    let home = Home::new().with("VIDEO_SOURCE", path(&clip(3, 2))).with("LOOP_FILE", "true").with("WS_ENABLE", "false");
    home.enrol("obama", "obama.jpg");
    let api = home.start(&["api"]).await;
    let mut follower = Follower::connect(&api, "?person=obama", None).await;
    let detector = home.start(&["detect"]).await;
    let start = follower.next().await.unwrap();
    assert_eq!((start.kind.as_str(), &start.event["person"]), ("start", &"obama".into()));
    detector.kill().await;
    let ended = until("the end of the passage", async || {
        let event = events(&api, "").await.remove(0);
        event["end"].is_f64().then_some(event)
    })
    .await;
    assert_eq!((id(&ended), &ended["end"]), (id(&start.event), &ended["last_seen"]));
}

#[tokio::test]
async fn who_follows_refusals_hears_when_one_becomes_a_pass_and_of_no_other_pass() {
    let home = Home::new();
    let api = home.start(&["api"]).await;
    let store = Store::open(&format!("sqlite:{}", home.file("vultus.db").display())).await.unwrap();
    let mut follower = Follower::connect(&api, "?status=REJECT", None).await;
    let lasting = |days| Event { ended: false, last_seen_at: Micros::now(), ..old_event(days) };
    let (other, known) = (lasting(2), lasting(1));
    let refused = Event { status: "REJECT".to_owned(), person: None, ..known.clone() };
    store.put_events(&[other, refused.clone()]).await.unwrap();
    let start = follower.next().await.unwrap();
    assert_eq!((start.kind.as_str(), id(&start.event)), ("start", refused.id.as_str()));
    store.put_events(std::slice::from_ref(&known)).await.unwrap();
    let update = follower.next().await.unwrap();
    assert_eq!((update.kind.as_str(), id(&update.event)), ("update", refused.id.as_str()));
    assert_eq!(update.event["status"], "PASS");
    store.put_events(&[Event { ended: true, ..known }]).await.unwrap();
    let mut again = Follower::connect(&api, "?status=REJECT", Some(start.id)).await;
    for follower in [&mut follower, &mut again] {
        let end = follower.next().await.unwrap();
        assert_eq!((end.kind.as_str(), id(&end.event)), ("end", refused.id.as_str()));
    }
}

fn old_event(days: u64) -> Event {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap();
    let started = now - Duration::from_secs(days * 24 * 60 * 60);
    Event {
        id: Uuid::new_v7(Timestamp::from_unix(NoContext, started.as_secs(), 0)).to_string(),
        person_id: None,
        person: Some("=1+1".to_owned()),
        status: "PASS".to_owned(),
        reason: None,
        camera: "door".to_owned(),
        direction: None,
        node: "elsewhere".to_owned(),
        track: None,
        distance: None,
        raw_distance: None,
        quality: None,
        started_at: Micros(i64::try_from(started.as_micros()).unwrap()),
        passed_at: None,
        last_seen_at: Micros(i64::try_from(started.as_micros()).unwrap()),
        ended: true,
        has_face: true,
        has_frame: false,
        decision: "{}".to_owned(),
        door_group: None,
        visitor: None,
        face: None,
        correction: None,
    }
}

#[tokio::test]
async fn old_events_and_pictures_are_removed_and_nothing_else() {
    let home = Home::new().with("EVENTS_DAYS", "5").with("MEDIA_DAYS", "3").with("MEDIA_MAX_MB", "1");
    let store = Store::open(&format!("sqlite:{}", home.file("vultus.db").display())).await.unwrap();
    let [old, recent] = [old_event(7), old_event(4)];
    store.put_events(&[old.clone(), recent.clone()]).await.unwrap();
    let day = home.file("media/2026-01-09");
    std::fs::create_dir_all(&day).unwrap();
    let picture = |days, name: &str| day.join(format!("{}-{name}.jpg", old_event(days).id));
    let (too_old, first, second, mine) =
        (picture(4, "face"), picture(2, "face"), picture(1, "frame"), day.join("me.jpg"));
    for file in [&too_old, &first, &second, &mine] {
        std::fs::write(file, vec![0; 700_000]).unwrap();
    }
    let mut vultus = home.start(&["api"]).await;
    vultus.says("events removed").await;
    let left = events(&vultus, "").await;
    assert_eq!((left.len(), id(&left[0])), (1, recent.id.as_str()));
    let there = [&too_old, &first, &second, &mine].map(|file| file.exists());
    assert_eq!(there, [false, false, true, true], "by age, then by size, the oldest first");

    let face = vultus.get(&format!("/api/v1/events/{}/face.jpg", recent.id)).await;
    assert_eq!(face.error(), "404 picture_elsewhere");
    assert!(face.text.contains("elsewhere"));
    assert_eq!(vultus.get(&format!("/api/v1/events/{}/frame.jpg", recent.id)).await.error(), "404 no_picture");
    assert_eq!(vultus.get(&format!("/api/v1/events/{}", old.id)).await.error(), "404 unknown_event");
    let csv = vultus.get("/api/v1/events.csv").await.text;
    assert!(csv.contains(",'=1+1,"), "no formula: {csv}");
}

#[tokio::test]
async fn hostile_ids_and_parameters_are_refused_in_words() {
    let home = Home::new();
    let vultus = home.start(&["api"]).await;
    for id in ["..%2F..%2Fvultus.db", "x", "%00", "01943c3e-8f10-7cc1-b1d6-3a1c0de4a5f0'--", &"9".repeat(5_000)] {
        for rest in ["", "/face.jpg", "/frame.jpg"] {
            let answer = vultus.get(&format!("/api/v1/events/{id}{rest}")).await;
            assert_eq!(answer.error(), "404 unknown_event", "{id}{rest}");
        }
    }
    let unknown = "/api/v1/events/01943c3e-8f10-7cc1-b1d6-3a1c0de4a5f0";
    assert_eq!(vultus.get(unknown).await.error(), "404 unknown_event");
    assert_eq!(vultus.get(&format!("{unknown}/face.jpg")).await.error(), "404 unknown_event");
    for (path, reason) in [
        ("/api/v1/events?limit=0", "1 to 1000"),
        ("/api/v1/events?limit=1001", "1 to 1000"),
        ("/api/v1/events?cursor=..", "next"),
        ("/api/v1/events?status=OPEN", "PASS or REJECT"),
        ("/api/v1/events?from=soon", "Unix seconds"),
        ("/api/v1/events?perzon=obama", "perzon"),
        ("/api/v1/events.csv?limit=5", "limit"),
        ("/api/v1/events/stream?last_event_id=-1", "last_event_id"),
        ("/api/v1/events/stream?direction=up", "in or out"),
    ] {
        let answer = vultus.get(path).await;
        assert_eq!(answer.error(), "400 bad_parameter", "{path}");
        assert!(answer.text.contains(reason), "{path}: {answer:?}");
    }
    let injection = "/api/v1/events?person=%27%20OR%201%3D1%20--&camera=%22%3B%20DROP%20TABLE%20events";
    assert_eq!(vultus.get(injection).await.ok(), serde_json::json!({"events": [], "next": null}));
}
