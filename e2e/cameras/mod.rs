//! `/api/v1/cameras` and `[[camera]]`: cameras come, change and go while the service runs.

mod nodes;
mod pictures;
mod small;

use reqwest::Method;
use serde_json::{Value, json};

use crate::support::{Answer, Home, Receiver, Service, Viewer, client, clip, photo, processes_with, until, vanish};

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
async fn a_changed_camera_keeps_its_cooldowns_and_a_renamed_one_goes_on_as_it_is() {
    let receiver = Receiver::start().await;
    let home = no_camera_of_its_own().with("VIDEO_SOURCE", "none");
    let source = home.file("door.mp4");
    std::fs::copy(clip(3, 2), &source).unwrap();
    let vultus = home.start(&["serve"]).await;
    let door = json!({"id": "door", "source": path(&source), "loop_file": true, "cooldown": 600,
        "webhook_url": receiver.url()});
    add(&vultus, &door).await;
    assert!(receiver.receives(1).await[0].contains("obama"));

    let first = processes_with(path(&source));
    change(&vultus, "door", &json!({"min_face_px": 10})).await.ok();
    vanish(&first).await;
    passes(&mut vultus.viewer().await, "door", "obama").await;

    let second = processes_with(path(&source));
    change(&vultus, "door", &json!({"name": "Front door"})).await.ok();
    until("the new name", async || (vultus.camera().await["name"] == "Front door").then_some(())).await;
    passes(&mut vultus.viewer().await, "door", "obama").await;
    assert_eq!(processes_with(path(&source)), second);
    assert_eq!(receiver.bodies().len(), 1, "the cooldown has not run out");
}

/// A service whose camera has seen somebody while nobody listened at its webhook.
async fn with_somebody_left_to_be_told(home: &Home, address: std::net::SocketAddr) -> Service {
    let vultus = home.start(&["serve"]).await;
    let mut door = camera("door", 3);
    door["webhook_url"] = Receiver::url_at(address).into();
    door["cooldown"] = 600.into();
    add(&vultus, &door).await;
    passes(&mut vultus.viewer().await, "door", "obama").await;
    vultus
}

#[tokio::test]
async fn what_a_camera_saw_before_it_was_removed_is_still_told() {
    let (home, address) = (no_camera_of_its_own().with("VIDEO_SOURCE", "none"), Receiver::nobody().await);
    let vultus = with_somebody_left_to_be_told(&home, address).await;
    send(&vultus, Method::DELETE, &format!("{LIST}/door"), &Value::Null).await;
    until("no camera", async || vultus.get("/healthz").await.ok()["camera"].is_null().then_some(())).await;
    let receiver = Receiver::start_on(address).await;
    assert!(receiver.receives(1).await[0].contains("obama"));
}

#[tokio::test]
async fn what_was_left_for_a_camera_that_is_off_is_told_by_the_next_start() {
    let (home, address) = (no_camera_of_its_own().with("VIDEO_SOURCE", "none"), Receiver::nobody().await);
    let vultus = with_somebody_left_to_be_told(&home, address).await;
    change(&vultus, "door", &json!({"enabled": false})).await.ok();
    vultus.kill().await;
    let receiver = Receiver::start_on(address).await;
    let vultus = home.start(&["serve"]).await;
    assert!(receiver.receives(1).await[0].contains("obama"));
    let lines = vultus.lines();
    assert!(!lines.iter().any(|line| line.contains("events wait for")), "{lines:#?}");
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
        (with("th_accept", json!("fpir:0.5")), "up to 0.1"),
        (with("cooldown", json!(-1)), "seconds"),
        (with("min_face_px", json!(1.5)), "whole number"),
        (with("direction", json!("up")), "in or out"),
        (with("access", json!({"groups": ["staff"]})), "up to 50 rules"),
        (with("access", json!([{"groups": []}])), "left out it means everybody"),
        (with("access", json!([{"hours": "always"}])), "mon-fri"),
        (with("access", json!([{"group": ["staff"]}])), "unknown field `group`"),
        (with("access", vec![json!({}); 51].into()), "up to 50 rules"),
        (with("door_group", json!("hq")), "give `direction` as well"),
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
