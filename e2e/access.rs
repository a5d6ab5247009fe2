//! Who may pass where and when, people's profiles, and door groups that nobody enters twice.

use std::time::Duration;

use reqwest::Method;
use serde_json::{Value, json};
use store::{Event, Micros, Store};
use uuid::{NoContext, Timestamp, Uuid};

use crate::support::{Answer, Home, Receiver, Service, Viewer, client, clip, until};

const PEOPLE: &str = "/api/v1/people";

fn path(file: &std::path::Path) -> String {
    file.to_str().expect("UTF-8").to_owned()
}

async fn send(vultus: &Service, method: Method, at: &str, body: &Value) -> Answer {
    Answer::to(client().request(method, vultus.url(at)).body(body.to_string())).await
}

async fn patch(vultus: &Service, at: &str, patch: &Value) -> Value {
    send(vultus, Method::PATCH, at, patch).await.ok()
}

/// Obama before a camera, again and again, who is known.
fn home_with_obama() -> Home {
    let home = Home::new().with("TIME_ZONE", "UTC");
    home.enrol("obama", "obama.jpg");
    home
}

/// The next event of `camera` in which Obama is refused for `reason`.
async fn refused(viewer: &mut Viewer, camera: &str, reason: &str) -> Value {
    let wanted = |event: &Value| event["camera"] == camera && event["faces"][0]["reason"] == reason;
    let event = viewer.event_where(&format!("{reason} at {camera}"), wanted).await;
    assert_eq!((&event["status"], &event["name"]), (&json!("REJECT"), &json!("obama")));
    assert!(event["distance"].as_f64().unwrap() < 0.45, "it is known who it is: {event}");
    event
}

async fn passes(viewer: &mut Viewer, camera: &str) {
    let wanted = |event: &Value| event["camera"] == camera && event["status"] == "PASS" && event["name"] == "obama";
    viewer.event_where(&format!("a PASS at {camera}"), wanted).await;
}

/// The newest event once it has this status, with why.
async fn newest_event(vultus: &Service, status: &str) -> Value {
    let id = until(&format!("an event with {status}"), async || {
        let newest = vultus.get("/api/v1/events?person=obama").await.ok()["events"][0].clone();
        (newest["status"] == status).then(|| newest["id"].as_str().unwrap().to_owned())
    })
    .await;
    vultus.get(&format!("/api/v1/events/{id}")).await.ok()
}

#[tokio::test]
async fn a_suspended_person_is_refused_at_the_door_and_passes_again_without_a_restart() {
    let receiver = Receiver::start().await;
    let home = home_with_obama()
        .with("VIDEO_SOURCE", path(&clip(3, 2)))
        .with("LOOP_FILE", "true")
        .with("COOLDOWN", "600")
        .with("WEBHOOK_URL", receiver.url());
    home.run(&["people", "set", "obama", "suspended=true"]).succeeded();
    let mut vultus = home.start(&["serve"]).await;
    let mut viewer = vultus.viewer().await;
    refused(&mut viewer, "camera", "suspended").await;
    let event = newest_event(&vultus, "REJECT").await;
    assert_eq!((&event["reason"], &event["person"]), (&json!("suspended"), &json!("obama")));
    assert!(event["decision"]["why"].as_str().unwrap().contains("obama is suspended"), "{event}");
    let line = vultus.says("REJECT of somebody who is known").await;
    assert!(line.contains("obama") && line.contains("suspended") && line.contains("camera"), "{line}");
    assert_eq!(receiver.bodies(), Vec::<String>::new());

    let shown = patch(&vultus, &format!("{PEOPLE}/obama"), &json!({"suspended": false})).await;
    assert_eq!(shown["suspended"], false);
    passes(&mut viewer, "camera").await;
    assert!(receiver.receives(1).await[0].contains("obama"));
    let now_passed = newest_event(&vultus, "PASS").await;
    assert_eq!(now_passed["id"], event["id"], "it is the same passage");

    patch(&vultus, &format!("{PEOPLE}/obama"), &json!({"suspended": true})).await;
    refused(&mut viewer, "camera", "suspended").await;
    assert_eq!(newest_event(&vultus, "PASS").await["id"], event["id"], "whoever was let in was let in");
    assert_eq!(receiver.bodies().len(), 1);
    let said = vultus.lines().into_iter().filter(|line| line.contains("REJECT of somebody")).count();
    assert_eq!(said, 2, "once a passage, not once a frame");
}

#[tokio::test]
async fn a_camera_lets_pass_its_groups_at_its_hours_and_everybody_without_rules() {
    let vultus = home_with_obama().with("VIDEO_SOURCE", "none").start(&["serve"]).await;
    let mut viewer = vultus.viewer().await;
    let door = "/api/v1/cameras/door";
    let camera =
        json!({"id": "door", "source": path(&clip(3, 2)), "loop_file": true, "access": [{"groups": ["staff"]}]});
    assert_eq!(send(&vultus, Method::POST, "/api/v1/cameras", &camera).await.status, 201);
    refused(&mut viewer, "door", "not_allowed_here").await;
    let why = newest_event(&vultus, "REJECT").await["decision"]["why"].clone();
    assert!(why.as_str().unwrap().contains("to no group, and here pass staff"), "{why}");
    patch(&vultus, &format!("{PEOPLE}/obama"), &json!({"groups": ["staff"]})).await;
    passes(&mut viewer, "door").await;

    // A day that is neither today nor, around midnight, the next.
    let later = jiff::Timestamp::now().to_zoned_datetime(jiff::tz::TimeZone::UTC).weekday().wrapping_add(3_i64);
    let day = format!("{later:?}").to_lowercase()[..3].to_owned();
    let hours = json!({"access": [{"groups": ["staff"], "hours": format!("{day} 00:00-24:00")}]});
    assert_eq!(patch(&vultus, door, &hours).await["access"], hours["access"]);
    refused(&mut viewer, "door", "not_allowed_now").await;
    patch(&vultus, &format!("{PEOPLE}/obama"), &json!({"valid_until": "2020-12-31"})).await;
    refused(&mut viewer, "door", "expired").await;
    patch(&vultus, &format!("{PEOPLE}/obama"), &json!({"valid_until": null, "groups": null})).await;
    patch(&vultus, door, &json!({"access": null})).await;
    passes(&mut viewer, "door").await;
}

/// What another node writes of a PASS of `person`, who was seen for a second, `ago` seconds ago.
fn pass_elsewhere(person: i64, direction: &str, ago: i64) -> Event {
    let started_at = Micros(Micros::now().0 - ago * 1_000_000);
    let (seconds, nanos) = (started_at.0 / 1_000_000, started_at.0 % 1_000_000 * 1000);
    let time = Timestamp::from_unix(NoContext, seconds.cast_unsigned(), u32::try_from(nanos).unwrap());
    Event {
        id: Uuid::new_v7(time).to_string(),
        person_id: Some(person),
        person: Some("obama".to_owned()),
        status: "PASS".to_owned(),
        reason: None,
        camera: "back".to_owned(),
        direction: Some(direction.to_owned()),
        node: "another".to_owned(),
        track: None,
        distance: None,
        raw_distance: None,
        quality: None,
        started_at,
        passed_at: None,
        last_seen_at: Micros(started_at.0 + 1_000_000),
        ended: true,
        has_face: false,
        has_frame: false,
        decision: "{}".to_owned(),
        door_group: Some("hq".to_owned()),
        visitor: None,
        face: None,
        correction: None,
    }
}

/// By which camera Obama is inside, if he is.
async fn inside_by(vultus: &Service) -> Option<String> {
    let groups = vultus.get("/api/v1/presence").await.ok()["door_groups"].clone();
    let inside = &groups[0]["inside"][0];
    (!groups[0].is_null()).then(|| {
        assert_eq!((&groups[0]["door_group"], &inside["name"]), (&json!("hq"), &json!("obama")));
        assert!(inside["since"].as_str().unwrap().ends_with("+00:00") && inside["event"].is_string(), "{groups}");
        inside["camera"].as_str().unwrap().to_owned()
    })
}

#[tokio::test]
async fn nobody_enters_a_door_group_twice_whichever_node_saw_the_first_time() {
    let home = home_with_obama().with("VIDEO_SOURCE", "none");
    let store = Store::open(&format!("sqlite:{}", home.file("vultus.db").display())).await.unwrap();
    let obama = store.profile("obama").await.unwrap().unwrap().0.0;
    store.put_events(&[pass_elsewhere(obama, "in", 600)]).await.unwrap();
    let vultus = home.start(&["serve"]).await;
    let mut viewer = vultus.viewer().await;
    let camera = |id: &str| json!({"id": id, "source": path(&clip(3, 2)), "loop_file": true, "direction": "in", "door_group": "hq"});
    send(&vultus, Method::POST, "/api/v1/cameras", &camera("front")).await;
    refused(&mut viewer, "front", "already_inside").await;
    assert_eq!(inside_by(&vultus).await.as_deref(), Some("back"));

    store.put_events(&[pass_elsewhere(obama, "out", 300)]).await.unwrap();
    passes(&mut viewer, "front").await;
    until("Obama inside by the front door", async || (inside_by(&vultus).await? == "front").then_some(())).await;
    // Another camera of the same door sees the same person at the same time.
    send(&vultus, Method::POST, "/api/v1/cameras", &camera("beside")).await;
    passes(&mut viewer, "beside").await;

    // Away for longer than one passage lasts; while nobody watches it does not matter for how much longer.
    for id in ["front", "beside"] {
        patch(&vultus, &format!("/api/v1/cameras/{id}"), &json!({"enabled": false})).await;
    }
    until("no camera", async || vultus.get("/healthz").await.ok()["camera"].is_null().then_some(())).await;
    tokio::time::sleep(Duration::from_secs(11)).await;
    patch(&vultus, "/api/v1/cameras/beside", &json!({"enabled": true})).await;
    refused(&mut viewer, "beside", "already_inside").await;
    let why = newest_event(&vultus, "REJECT").await["decision"]["why"].clone();
    assert!(why.as_str().unwrap().contains("was not seen to leave"), "{why}");

    assert_eq!(send(&vultus, Method::DELETE, "/api/v1/presence/biden", &Value::Null).await.error(), "404 unknown_name");
    let let_out = send(&vultus, Method::DELETE, "/api/v1/presence/obama", &Value::Null).await;
    assert_eq!((let_out.status, let_out.text.as_str()), (204, ""));
    passes(&mut viewer, "beside").await;
    until("Obama inside again", async || (inside_by(&vultus).await? == "beside").then_some(())).await;
}

#[tokio::test]
async fn people_are_listed_shown_and_changed_over_the_api() {
    let home = home_with_obama().with("TIME_ZONE", "Europe/Berlin");
    home.enrol("biden", "biden.jpg");
    let vultus = home.start(&["api"]).await;
    let changed = json!({
        "code": "4711", "groups": ["staff", " it ", "it"], "valid_from": "2026-12-01", "valid_until": "2026-12-31", "watched": true
    });
    let obama = patch(&vultus, &format!("{PEOPLE}/obama"), &changed).await;
    let created = obama["created"].as_str().unwrap();
    assert!(created.parse::<jiff::Timestamp>().is_ok(), "{created}");
    let expected = json!({
        "name": "obama", "id": obama["id"], "code": "4711", "groups": ["it", "staff"], "valid_from": "2026-12-01T00:00:00+01:00",
        "valid_until": "2027-01-01T00:00:00+01:00", "suspended": false, "watched": true, "photos": 1,
        "photos_by_other_packs": 0, "created": created
    });
    assert_eq!(obama, expected);
    assert_eq!(vultus.get(&format!("{PEOPLE}/obama")).await.ok(), expected);
    // What is shown can be sent back.
    let again =
        json!({"valid_from": obama["valid_from"], "valid_until": obama["valid_until"], "groups": obama["groups"]});
    assert_eq!(patch(&vultus, &format!("{PEOPLE}/obama"), &again).await, expected);
    let listed = vultus.get(PEOPLE).await.ok();
    assert_eq!((&listed["people"][0], &listed["people"][1]["name"]), (&expected, &json!("biden")));
    assert_eq!(listed["people"][1]["groups"], json!([]));

    let biden = format!("{PEOPLE}/biden");
    let taken = send(&vultus, Method::PATCH, &biden, &json!({"code": "4711"})).await;
    assert_eq!(taken.error(), "409 code_taken");
    assert!(taken.text.contains("obama"), "{taken:?}");
    for (body, error) in [
        (json!({"groups": [""]}), "422 bad_person"),
        (json!({"valid_until": "soon"}), "422 bad_person"),
        (json!({"valid_from": "20270101"}), "422 bad_person"),
        (json!({"valid_from": "2026-12-31", "valid_until": "2026-12-30"}), "422 bad_person"),
        (json!({"code": "#1"}), "422 bad_person"),
        (json!({"name": "joe"}), "422 bad_person"),
        (json!(7), "422 bad_person"),
    ] {
        assert_eq!(send(&vultus, Method::PATCH, &biden, &body).await.error(), error, "{body}");
    }
    let unread = Answer::to(client().patch(vultus.url(&biden)).body("{")).await;
    assert_eq!(unread.error(), "400 bad_json");
    let endless = Answer::to(client().patch(vultus.url(&biden)).body(" ".repeat(100_000))).await;
    assert_eq!(endless.error(), "413 too_large");
    for nobody in ["joe", "%FF", "a%00b", "..%2F..%2Fx"] {
        assert_eq!(vultus.get(&format!("{PEOPLE}/{nobody}")).await.error(), "404 unknown_name", "{nobody}");
    }
    assert_eq!(send(&vultus, Method::PATCH, &format!("{PEOPLE}/joe"), &json!({})).await.error(), "404 unknown_name");
}

#[test]
fn the_command_line_shows_and_changes_people() {
    let home = home_with_obama();
    let change = ["people", "set", "obama", "groups=staff, it", "valid_until=2026-12-31", "code=7", "watched=yes"];
    let said = home.run(&change).succeeded();
    assert!(
        said.starts_with("obama is changed\n") && said.contains("\nvalid_until: 2027-01-01T00:00:00+00:00\n"),
        "{said}"
    );
    let shown = home.run(&["people", "show", "obama"]).succeeded();
    for line in ["groups: it, staff\n", "valid_until: 2027-01-01T00:00:00+00:00\n", "code: 7\n", "photos: 1\n"] {
        assert!(shown.contains(line), "{shown}");
    }
    home.run(&["people", "set", "obama", "groups=", "valid_until=", "code="]).succeeded();
    let shown = home.run(&["people", "show", "obama", "--json"]).json();
    assert_eq!((&shown["groups"], &shown["valid_until"], &shown["watched"]), (&json!([]), &Value::Null, &json!(true)));
    for (arguments, said) in [
        (["people", "set", "obama", "suspended=perhaps"], "true, yes, on"),
        (["people", "set", "obama", "valid_from=20270101"], "a day such as 2026-12-31"),
        (["people", "set", "obama", "group=staff"], "did you mean `groups`?"),
        (["people", "set", "joe", "suspended=true"], "nobody named joe"),
    ] {
        let refused = home.run(&arguments).failed_with(1);
        assert!(refused.contains(said), "{refused}");
    }
    assert_eq!(home.run(&["people", "list", "--json"]).json(), json!(["obama"]));
}
