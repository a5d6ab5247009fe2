//! `/api/v1/cameras`: cameras come, change and go while the service runs, and each is watched by one node.

use std::time::{Duration, Instant};

use futures_util::StreamExt;
use reqwest::Method;
use rustix::process::Signal;
use serde_json::{Value, json};

use crate::support::{
    Answer, Home, Postgres, Receiver, Service, Viewer, client, clip, photo, processes_with, until, vanish,
};

const LIST: &str = "/api/v1/cameras";

fn path(file: &std::path::Path) -> &str {
    file.to_str().expect("UTF-8")
}

/// A clip of somebody, played again and again.
fn camera(id: &str, start: u32) -> Value {
    json!({"id": id, "source": path(&clip(start, 2)), "loop_file": true})
}

async fn send(vultus: &Service, method: Method, at: &str, body: &Value) -> Answer {
    Answer::to(client().request(method, vultus.url(at)).body(body.to_string())).await
}

async fn add(vultus: &Service, camera: &Value) -> Value {
    let answer = send(vultus, Method::POST, LIST, camera).await;
    assert_eq!(answer.status, 201, "{answer:?}");
    answer.json()
}

async fn change(vultus: &Service, id: &str, patch: &Value) -> Answer {
    send(vultus, Method::PATCH, &format!("{LIST}/{id}"), patch).await
}

async fn get(vultus: &Service, id: &str) -> Value {
    vultus.get(&format!("{LIST}/{id}")).await.ok()
}

async fn ids(vultus: &Service) -> Vec<String> {
    let listed = vultus.get(LIST).await.ok();
    listed["cameras"].as_array().expect("a list").iter().map(|c| c["id"].as_str().expect("an id").to_owned()).collect()
}

async fn is_in_state(vultus: &Service, id: &str, state: &str) -> Value {
    until(&format!("{id} being {state}"), async || {
        let camera = get(vultus, id).await;
        (camera["state"]["state"] == state).then_some(camera)
    })
    .await
}

/// The next event of `camera` in which `name` passes.
async fn passes(viewer: &mut Viewer, camera: &str, name: &str) {
    let wanted =
        |event: &Value| event["camera"] == camera && event["status"] == "PASS" && event["name"].as_str() == Some(name);
    viewer.event_where(&format!("{name} at {camera}"), wanted).await;
}

fn no_camera_of_its_own() -> Home {
    let home = Home::new();
    home.enrol("obama", "obama.jpg");
    home.enrol("biden", "biden.jpg");
    home
}

#[tokio::test]
async fn a_camera_added_over_the_api_recognises_and_can_be_changed_disabled_and_removed() {
    let receiver = Receiver::start().await;
    let vultus = no_camera_of_its_own().start(&["serve"]).await;
    let mut viewer = vultus.viewer().await;
    let mut door = camera("front-door", 3);
    door["webhook_url"] = receiver.url().into();
    let added = add(&vultus, &door).await;
    assert_eq!(
        (&added["id"], &added["name"], &added["origin"]),
        (&json!("front-door"), &json!("front-door"), &json!("database"))
    );
    passes(&mut viewer, "front-door", "obama").await;
    assert!(receiver.receives(1).await[0].contains("obama"));
    let live = is_in_state(&vultus, "front-door", "live").await;
    assert!(live["node"].is_string() && live["state"]["since_seconds"].is_u64(), "{live}");
    assert_eq!(ids(&vultus).await, ["front-door"], "the camera that nobody asked for made way");

    // Another source, and a stricter threshold that nobody passes.
    let patch = json!({"source": path(&clip(9, 2)), "name": "Front door", "cooldown": 0.5});
    assert_eq!(change(&vultus, "front-door", &patch).await.ok()["name"], "Front door");
    passes(&mut viewer, "front-door", "biden").await;
    change(&vultus, "front-door", &json!({"th_accept": 0.01, "webhook_url": ""})).await.ok();
    viewer.sees("REJECT", Some("biden")).await;
    change(&vultus, "front-door", &json!({"th_accept": null})).await.ok();
    passes(&mut viewer, "front-door", "biden").await;

    change(&vultus, "front-door", &json!({"enabled": false})).await.ok();
    let off = is_in_state(&vultus, "front-door", "off").await;
    assert_eq!(off["node"], Value::Null);
    change(&vultus, "front-door", &json!({"enabled": true})).await.ok();
    is_in_state(&vultus, "front-door", "live").await;

    let removed = send(&vultus, Method::DELETE, &format!("{LIST}/front-door"), &Value::Null).await;
    assert_eq!((removed.status, removed.text.as_str()), (204, ""));
    assert_eq!(vultus.get(&format!("{LIST}/front-door")).await.error(), "404 unknown_camera");
    until("no camera that is watched but the first of all", async || {
        let watched = vultus.get("/healthz").await.ok()["cameras"].clone();
        (watched[0]["id"] == "camera").then_some(())
    })
    .await;
}

#[tokio::test]
async fn a_broken_camera_leaves_the_other_alone() {
    let vultus = no_camera_of_its_own().with("VIDEO_SOURCE", "none").start(&["serve"]).await;
    add(&vultus, &json!({"id": "broken", "source": "rtsp://admin:secret@127.0.0.1:1/live"})).await;
    add(&vultus, &camera("door", 3)).await;
    let mut viewer = vultus.viewer().await;
    passes(&mut viewer, "door", "obama").await;
    let broken = is_in_state(&vultus, "broken", "failed").await;
    assert!(broken["state"]["reason"].as_str().unwrap().contains("refused the connection"), "{broken}");
    assert!(!broken.to_string().contains("secret"), "{broken}");
    let health = vultus.get("/healthz").await.ok();
    assert_eq!((&health["camera"]["id"], &health["cameras"][1]["id"]), (&json!("broken"), &json!("door")));
    assert_eq!(health["cameras"][1]["state"], "live");
    passes(&mut viewer, "door", "obama").await;
}

#[tokio::test]
async fn cameras_of_the_file_are_watched_and_changed_only_there() {
    let home = no_camera_of_its_own();
    let file = format!(
        "COOLDOWN = 1\n[[camera]]\nid = \"door\"\nsource = {:?}\nLOOP_FILE = true\ndirection = \"in\"\n\
         [[camera]]\nid = \"yard\"\nsource = \"testsrc\"\nfps_limit = 2\nenabled = false\n",
        path(&clip(3, 2))
    );
    std::fs::write(home.file("vultus.toml"), file).unwrap();
    let vultus = home.start(&["serve"]).await;
    passes(&mut vultus.viewer().await, "door", "obama").await;
    assert_eq!(ids(&vultus).await, ["door", "yard"]);
    let door = get(&vultus, "door").await;
    assert_eq!((&door["origin"], &door["direction"]), (&json!("file"), &json!("in")));
    let refused = change(&vultus, "door", &json!({"enabled": false})).await;
    assert_eq!(refused.error(), "409 defined_elsewhere");
    assert!(refused.text.contains("vultus.toml"), "{refused:?}");
    let refused = send(&vultus, Method::DELETE, &format!("{LIST}/yard"), &Value::Null).await;
    assert_eq!(refused.error(), "409 defined_elsewhere");
    assert_eq!(send(&vultus, Method::POST, LIST, &camera("yard", 3)).await.error(), "409 camera_exists");
}

#[test]
fn what_is_wrong_with_a_camera_of_the_file_is_said_with_its_place() {
    let home = Home::new();
    for (table, said) in [
        (
            "[[camera]]\nid = \"a\"\nsource = \"testsrc\"\n[[camera]]\nid = \"a\"\nsource = \"testsrc\"",
            "number 2: there is a camera `a`",
        ),
        ("[[camera]]\nsource = \"testsrc\"", "number 1: a camera needs `id`"),
        ("[[camera]]\nid = \"a\"\nsource = \"testsrc\"\nthreshold_accept = 1", "no `threshold_accept`"),
        ("[[camera]]\nid = \"a\"\nsource = \"testsrc\"\nfps = 5", "did you mean `fps_limit`?"),
        ("[camera]\nid = \"a\"\nsource = \"testsrc\"", "[[camera]]"),
    ] {
        std::fs::write(home.file("vultus.toml"), table).unwrap();
        let refused = home.run(&["serve"]).failed_with(1);
        assert!(refused.contains(said), "{table}: {refused}");
    }
}

#[tokio::test]
async fn a_definition_that_is_none_is_refused_with_the_field_and_what_is_allowed() {
    let vultus = Home::new().start(&["api"]).await;
    let with = |field: &str, value: Value| {
        let mut camera = json!({"id": "door", "source": "testsrc"});
        camera[field] = value;
        camera
    };
    for (camera, said) in [
        (json!([]), "an object"),
        (json!({"id": "door"}), "needs `source`"),
        (with("id", json!("../../etc/passwd")), "small letters"),
        (with("id", json!("Door")), "small letters"),
        (with("id", json!("d".repeat(65))), "1 to 64"),
        (with("id", json!("")), "small letters"),
        (with("source", json!("ftp://camera/x")), "rtsp://"),
        (with("source", json!("none")), "camera number"),
        (with("source", json!("rtsp://***@10.0.0.5/live")), "hides a secret"),
        (with("scale", json!(0)), "above 0"),
        (with("fps_limit", json!(100)), "0.1 to 60"),
        (with("fps_limit", json!(null)), "0.1 to 60"),
        (with("region", json!([[0.0, 0.0], [2.0, 0.0], [0.0, 1.0]])), "3 to 64 corners"),
        (with("th_accept", json!("high")), "a distance"),
        (with("cooldown", json!(-1)), "seconds"),
        (with("min_face_px", json!(1.5)), "whole number"),
        (with("direction", json!("up")), "in or out"),
        (with("webhook_url", json!("localhost:3000")), "http://"),
        (with("name", json!("a\u{7}")), "printable"),
        (with("colour", json!("red")), "no `colour`"),
    ] {
        let refused = send(&vultus, Method::POST, LIST, &camera).await;
        assert_eq!(refused.error(), "422 bad_camera", "{camera}");
        assert!(refused.text.contains(said), "{camera}: {}", refused.text);
    }
    let refused = Answer::to(vultus.post(LIST).body("{")).await;
    assert_eq!(refused.error(), "400 bad_json");
    let deep = "[".repeat(50_000);
    assert_eq!(Answer::to(vultus.post(LIST).body(deep)).await.error(), "400 bad_json");
    assert_eq!(Answer::to(vultus.post(LIST).body(" ".repeat(100_000))).await.error(), "413 too_large");
    assert_eq!(vultus.get(&format!("{LIST}/..%2F..%2Fx")).await.error(), "404 unknown_camera");
    assert_eq!(vultus.get(&format!("{LIST}/..%2F..%2Fx/snapshot.jpg")).await.error(), "404 unknown_camera");
    assert_eq!(vultus.get(&format!("{LIST}/%FF")).await.error(), "404 unknown_camera");
    assert_eq!(ids(&vultus).await, Vec::<String>::new());
}

#[tokio::test]
async fn secrets_are_not_shown_and_survive_a_change_that_sends_back_what_was_shown() {
    let home = Home::new();
    let vultus = home.start(&["api"]).await;
    let source = "rtsp://admin:s3cret@127.0.0.1:1/live?token=t0ken";
    let camera = json!({"id": "door", "source": source, "webhook_url": "http://ann:pa55@127.0.0.1:1/x"});
    let shown = add(&vultus, &camera).await;
    for answer in [shown.to_string(), vultus.get(LIST).await.text] {
        assert!(!answer.contains("s3cret") && !answer.contains("t0ken") && !answer.contains("pa55"), "{answer}");
    }
    let again = json!({"source": shown["source"], "webhook_url": shown["webhook_url"], "name": "Door"});
    change(&vultus, "door", &again).await.ok();
    let kept = [home.file("vultus.db"), home.file("vultus.db-wal")].map(|file| std::fs::read(file).unwrap_or_default());
    let holds = |secret: &str| kept.concat().windows(secret.len()).any(|bytes| bytes == secret.as_bytes());
    assert!(!holds("***@127") && holds(source), "what is kept is the secret itself");
    let moved = change(&vultus, "door", &json!({"source": "rtsp://***@10.0.0.9/live"})).await;
    assert_eq!(moved.error(), "422 bad_camera");
    assert!(moved.text.contains("hides a secret"), "{moved:?}");
    assert_eq!(change(&vultus, "door", &json!({"id": "gate"})).await.error(), "422 bad_camera");
    assert_eq!(change(&vultus, "gate", &json!({})).await.error(), "404 unknown_camera");
    assert_eq!(send(&vultus, Method::POST, LIST, &camera).await.error(), "409 camera_exists");
}

/// Two services on one database: one watches, and the other takes over when that is killed, and when it is stopped.
async fn exactly_one_of_two_watches(url: Option<&str>) {
    let mut home = no_camera_of_its_own().with("VIDEO_SOURCE", "none");
    if let Some(url) = url {
        home = home.with("DATABASE_URL", url);
        home.enrol("obama", "obama.jpg");
    }
    let source = home.file("door.mp4");
    std::fs::copy(clip(3, 2), &source).unwrap();
    let home = home.with("NODE_NAME", "one");
    let one = home.start(&["serve"]).await;
    let home = home.with("NODE_NAME", "two");
    let two = home.start(&["serve"]).await;
    add(&two, &json!({"id": "door", "source": path(&source), "loop_file": true})).await;
    let camera = until("the same state wherever one asks", async || {
        let (here, there) = (get(&one, "door").await, get(&two, "door").await);
        let same =
            here["node"] == there["node"] && here["state"]["state"] == "live" && there["state"]["state"] == "live";
        same.then_some(here)
    })
    .await;
    assert_eq!(processes_with(path(&source)).len(), 1, "exactly one ffmpeg");
    let (watching, waiting) = if camera["node"] == "one" { (one, two) } else { (two, one) };
    let mut viewer = waiting.viewer().await;
    let refused = waiting.get(&format!("{LIST}/door/snapshot.jpg")).await;
    assert_eq!(refused.error(), "503 no_picture");
    assert!(refused.text.contains(&format!("the node {}", camera["node"].as_str().unwrap())), "{refused:?}");

    let children = processes_with(path(&source));
    watching.kill().await;
    let killed = Instant::now();
    passes(&mut viewer, "door", "obama").await;
    assert!(killed.elapsed() < Duration::from_secs(15), "{:?}", killed.elapsed());
    vanish(&children).await;

    let third = home.start(&["serve"]).await;
    let mut viewer = third.viewer().await;
    assert_eq!(processes_with(path(&source)).len(), 1, "exactly one ffmpeg");
    let mut waiting = waiting;
    waiting.signal(Signal::TERM);
    passes(&mut viewer, "door", "obama").await;
    waiting.ended().await;
}

#[tokio::test]
async fn of_two_services_on_one_sqlite_file_exactly_one_watches_and_the_other_takes_over() {
    exactly_one_of_two_watches(None).await;
}

#[tokio::test]
async fn of_two_services_on_one_postgresql_database_exactly_one_watches_and_the_other_takes_over() {
    let Some(database) = Postgres::fresh().await else { return };
    exactly_one_of_two_watches(Some(&database.url)).await;
}

#[tokio::test]
async fn a_snapshot_is_the_newest_picture_plain_or_annotated() {
    let vultus = no_camera_of_its_own().start(&["serve"]).await;
    add(&vultus, &camera("door", 3)).await;
    passes(&mut vultus.viewer().await, "door", "obama").await;
    let mut pictures = Vec::new();
    for wish in ["", "?annotated=true"] {
        let answer = client().get(vultus.url(&format!("{LIST}/door/snapshot.jpg{wish}"))).send().await.unwrap();
        assert_eq!(answer.status(), 200);
        assert_eq!(answer.headers()["content-type"], "image/jpeg");
        assert_eq!(answer.headers()["cache-control"], "no-store");
        let jpeg = answer.bytes().await.unwrap();
        let picture = face::decode(&jpeg, &face::DecodeLimits::default()).unwrap();
        assert_eq!((picture.width(), picture.height()), (640, 480));
        pictures.push(jpeg);
    }
    assert_ne!(pictures[0], pictures[1]);
    assert_eq!(vultus.get(&format!("{LIST}/gate/snapshot.jpg")).await.error(), "404 unknown_camera");
    assert_eq!(vultus.get(&format!("{LIST}/door/snapshot.jpg?annotated=perhaps")).await.error(), "400 bad_query");
    add(&vultus, &json!({"id": "dark", "source": "missing.mp4"})).await;
    assert_eq!(vultus.get(&format!("{LIST}/dark/snapshot.jpg")).await.error(), "503 no_picture");
}

#[tokio::test]
async fn a_stream_sends_picture_after_picture_and_ends_when_the_camera_goes() {
    let vultus = no_camera_of_its_own().start(&["serve"]).await;
    add(&vultus, &camera("door", 3)).await;
    is_in_state(&vultus, "door", "live").await;
    assert_eq!(vultus.get(&format!("{LIST}/door/stream.mjpg?fps=0")).await.error(), "400 bad_query");
    let at = vultus.url(&format!("{LIST}/door/stream.mjpg?fps=5&annotated=true"));
    let answer = client().get(at).send().await.unwrap();
    let content_type = answer.headers()["content-type"].to_str().unwrap().to_owned();
    let (kind, boundary) = content_type.split_once("; boundary=").unwrap();
    assert_eq!(kind, "multipart/x-mixed-replace");
    let (mut chunks, mut received, start) = (answer.bytes_stream(), Vec::new(), Instant::now());
    let boundary = format!("--{boundary}\r\n");
    let pictures = |received: &[u8]| String::from_utf8_lossy(received).matches(&boundary).count();
    while pictures(&received) < 5 {
        received.extend(chunks.next().await.expect("more").unwrap());
    }
    assert!(start.elapsed() > Duration::from_millis(500), "{:?}", start.elapsed());
    let text = String::from_utf8_lossy(&received);
    assert!(text.starts_with(&format!("{boundary}Content-Type: image/jpeg\r\nContent-Length: ")), "{}", &text[..100]);
    change(&vultus, "door", &json!({"enabled": false})).await.ok();
    until("the end of the stream", async || chunks.next().await.is_none().then_some(())).await;
}

#[tokio::test]
async fn a_client_of_a_stream_that_reads_nothing_does_not_keep_the_service_from_ending() {
    let mut vultus = no_camera_of_its_own().start(&["serve"]).await;
    add(&vultus, &camera("door", 3)).await;
    is_in_state(&vultus, "door", "live").await;
    let at = vultus.url(&format!("{LIST}/door/stream.mjpg"));
    let silent: Vec<_> = futures_util::future::join_all((0..20).map(|_| client().get(&at).send())).await;
    passes(&mut vultus.viewer().await, "door", "obama").await;
    vultus.signal(Signal::TERM);
    assert_eq!(vultus.ended().await.code(), Some(0));
    drop(silent);
}

#[tokio::test]
async fn vultus_api_edits_cameras_that_vultus_detect_watches() {
    let home = no_camera_of_its_own().with("VIDEO_SOURCE", "none").with("WS_ENABLE", "false");
    let api = home.start(&["api"]).await;
    let _detector = home.start(&["detect"]).await;
    add(&api, &camera("door", 3)).await;
    let live = is_in_state(&api, "door", "live").await;
    assert!(live["node"].is_string(), "{live}");
    assert_eq!(api.get(&format!("{LIST}/door/snapshot.jpg")).await.error(), "503 no_picture");
    change(&api, "door", &json!({"enabled": false})).await.ok();
    is_in_state(&api, "door", "off").await;
}

#[tokio::test]
async fn the_command_line_adds_disables_and_removes_cameras() {
    let home = Home::new();
    let api = home.start(&["api"]).await;
    let source = "rtsp://admin:s3cret@127.0.0.1:1/live";
    let region = "region=[[0,0],[1,0],[1,1]]";
    home.run(&["cameras", "add", "door", source, "fps_limit=5", "direction=in", region]).succeeded();
    let door = get(&api, "door").await;
    assert_eq!((&door["fps_limit"], &door["direction"]), (&json!(5.0), &json!("in")));
    assert_eq!(home.run(&["cameras", "list"]).succeeded(), "door  rtsp://***@127.0.0.1:1/live  waiting\n");
    home.run(&["cameras", "disable", "door"]).succeeded();
    assert_eq!(home.run(&["cameras", "list", "--json"]).json()[0]["state"]["state"], "off");
    let refused = home.run(&["cameras", "add", "door", "testsrc"]).failed_with(1);
    assert!(refused.contains("there is a camera `door` already"), "{refused}");
    home.run(&["cameras", "remove", "door"]).succeeded();
    assert_eq!(ids(&api).await, Vec::<String>::new());
}

#[tokio::test]
async fn a_camera_goes_on_while_the_database_is_away() {
    let home = no_camera_of_its_own();
    let vultus = home.start(&["serve"]).await;
    add(&vultus, &camera("door", 3)).await;
    let mut viewer = vultus.viewer().await;
    passes(&mut viewer, "door", "obama").await;
    // Another process holds the write lock for longer than a lease lasts.
    let lock = write_lock(&home.file("vultus.db")).await;
    let held = Instant::now();
    while held.elapsed() < Duration::from_secs(8) {
        passes(&mut viewer, "door", "obama").await;
    }
    drop(lock);
    is_in_state(&vultus, "door", "live").await;
}

async fn write_lock(file: &std::path::Path) -> sqlx::AnyConnection {
    use sqlx::{Connection, Executor};
    sqlx::any::install_default_drivers();
    let mut connection = sqlx::AnyConnection::connect(&format!("sqlite:{}", file.display())).await.unwrap();
    connection.execute("BEGIN IMMEDIATE").await.unwrap();
    connection
}

#[tokio::test]
async fn somebody_registered_later_is_known_to_every_camera() {
    let vultus = Home::new().with("VIDEO_SOURCE", path(&clip(3, 2))).with("LOOP_FILE", "true").start(&["serve"]).await;
    add(&vultus, &camera("door", 9)).await;
    vultus.register("obama", photo("obama.jpg")).await.ok();
    vultus.register("biden", photo("biden.jpg")).await.ok();
    let mut viewer = vultus.viewer().await;
    passes(&mut viewer, "camera", "obama").await;
    passes(&mut viewer, "door", "biden").await;
    let own = get(&vultus, "camera").await;
    assert_eq!((&own["origin"], &own["state"]["state"]), (&json!("setting"), &json!("live")));
    assert_eq!(change(&vultus, "camera", &json!({"enabled": false})).await.error(), "409 defined_elsewhere");
}
