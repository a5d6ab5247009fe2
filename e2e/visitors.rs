//! Unknown people are visitors who can be muted, forgotten and registered; what somebody says of an event changes the next
//! decision; a face is found in the past.

use std::path::Path;

use reqwest::Method;
use reqwest::multipart::{Form, Part};
use serde_json::{Value, json};

use crate::support::{Answer, Home, Service, client, clip, photo, until};

fn path(file: &Path) -> String {
    file.to_str().expect("UTF-8").to_owned()
}

/// A service that watches two seconds of the demo video again and again, from second `start`.
fn watching(start: u32) -> Home {
    Home::new().with("VIDEO_SOURCE", path(&clip(start, 2))).with("LOOP_FILE", "true")
}

async fn send(vultus: &Service, method: Method, at: &str, body: &Value) -> Answer {
    Answer::to(client().request(method, vultus.url(at)).body(body.to_string())).await
}

async fn list(vultus: &Service, at: &str, field: &str) -> Vec<Value> {
    vultus.get(at).await.ok()[field].as_array().expect("a list").clone()
}

async fn events(vultus: &Service, query: &str) -> Vec<Value> {
    list(vultus, &format!("/api/v1/events{query}"), "events").await
}

async fn visitors(vultus: &Service, query: &str) -> Vec<Value> {
    list(vultus, &format!("/api/v1/visitors{query}"), "visitors").await
}

fn id(object: &Value) -> &str {
    object["id"].as_str().expect("an id")
}

/// Waits for the one event that these parameters find.
async fn event(vultus: &Service, query: &str) -> Value {
    until(&format!("an event {query}"), async || events(vultus, query).await.into_iter().next()).await
}

/// Status and reason of the largest face in a photo.
async fn recognized(vultus: &Service, name: &str) -> (String, Option<String>) {
    let face = vultus.recognize(photo(name)).await.ok()["faces"][0].clone();
    let text = |field: &str| face[field].as_str().map(str::to_owned);
    (text("status").expect("a status"), text("reason"))
}

async fn search(vultus: &Service, query: &str, body: &Value) -> Answer {
    send(vultus, Method::POST, &format!("/api/v1/events/search{query}"), body).await
}

/// Ids of the events that a search found.
fn found(answer: &Answer) -> Vec<String> {
    let found = answer.ok()["events"].as_array().expect("a list").clone();
    found.iter().map(|found| id(&found["event"]).to_owned()).collect()
}

#[tokio::test]
async fn an_unknown_person_of_two_cameras_is_one_visitor_and_passes_once_registered() {
    let home = watching(15).with("CAMERA_NAME", "door");
    let vultus = home.start(&["serve"]).await;
    let yard = json!({"id": "yard", "source": path(&clip(15, 2)), "loop_file": true});
    assert_eq!(send(&vultus, Method::POST, "/api/v1/cameras", &yard).await.status, 201);
    let visitor = until("a visitor whom both cameras saw, with pictures", async || {
        let all = visitors(&vultus, "").await;
        let is_whole = |visitor: &Value| visitor["passages"] == 2 && visitor["shots"].as_array().unwrap().len() == 2;
        (all.len() == 1 && is_whole(&all[0])).then(|| all[0].clone())
    })
    .await;
    assert_eq!((&visitor["cameras"], &visitor["muted"]), (&json!(["door", "yard"]), &json!(false)), "{visitor}");
    let at = format!("/api/v1/visitors/{}", id(&visitor));
    let shot = client().get(vultus.url(visitor["shots"][0].as_str().unwrap())).send().await.unwrap();
    assert_eq!(shot.headers()["content-type"], "image/jpeg");
    let seen = vultus.get(&at).await.ok();
    assert_eq!((seen["id"].as_str(), seen["events"].as_array().unwrap().len()), (Some(id(&visitor)), 2));
    let of_visitor = events(&vultus, &format!("?visitor={}", id(&visitor))).await;
    assert!(of_visitor.len() == 2 && of_visitor.iter().all(|event| event["reason"] == "nobody_enrolled"));
    assert_eq!(found(&search(&vultus, "", &json!({"visitor": id(&visitor)})).await).len(), 2);

    assert_eq!(send(&vultus, Method::PATCH, &at, &json!({"muted": true})).await.ok()["muted"], true);
    assert_eq!((visitors(&vultus, "?muted=true").await.len(), visitors(&vultus, "?muted=false").await.len()), (1, 0));

    let mut viewer = vultus.viewer().await;
    let done = send(&vultus, Method::POST, &format!("{at}/register"), &json!({"name": "katya"})).await.ok();
    assert_eq!((&done["created"], &done["events"], &done["templates"]), (&json!(true), &json!(2), &json!(2)), "{done}");
    viewer.sees("PASS", Some("katya")).await;
    let passed = until("both passages becoming hers", async || {
        let hers = events(&vultus, "?person=katya&status=PASS").await;
        (hers.len() == 2).then_some(hers)
    })
    .await;
    assert!(passed.iter().all(|event| of_visitor.iter().any(|before| id(before) == id(event))), "her past follows");
    assert!(passed.iter().all(|event| event["correction"]["was"].is_null() && event["visitor"].is_null()));
    assert_eq!((visitors(&vultus, "").await.len(), &vultus.get(&at).await.ok()["person"]), (0, &json!("katya")));
    let again = send(&vultus, Method::POST, &format!("{at}/register"), &json!({"name": "zoe"})).await;
    assert_eq!(again.error(), "409 already_registered");

    // What was kept of her face does not outlive the registration.
    let hers = json!({"event": id(&passed[0])});
    assert_eq!(found(&search(&vultus, "", &hers).await), [id(&passed[1])]);
    vultus.unregister("katya").await.ok();
    assert_eq!(search(&vultus, "", &hers).await.error(), "404 unknown_event");
}

#[tokio::test]
async fn a_visitor_is_registered_as_somebody_who_looks_different_only_if_that_is_meant() {
    let home = watching(15);
    home.enrol("obama", "obama.jpg");
    let vultus = home.start(&["serve"]).await;
    let visitor = until("a visitor", async || visitors(&vultus, "").await.into_iter().next()).await;
    let at = format!("/api/v1/visitors/{}/register", id(&visitor));
    let refused = send(&vultus, Method::POST, &at, &json!({"name": "obama"})).await;
    assert_eq!(refused.error(), "409 not_alike");
    assert!(refused.text.contains("distance 0."), "{refused:?}");
    let done = send(&vultus, Method::POST, &at, &json!({"name": "obama", "force": true})).await.ok();
    assert_eq!((&done["created"], &done["templates"]), (&json!(false), &json!(2)), "{done}");
}

#[tokio::test]
async fn a_forgotten_visitor_is_gone_with_the_faces_and_the_events_stay() {
    let home = watching(15);
    let vultus = home.start(&["serve"]).await;
    let visitor = until("a visitor", async || visitors(&vultus, "").await.into_iter().next()).await;
    let at = format!("/api/v1/visitors/{}", id(&visitor));
    let event = event(&vultus, "?unknown=true").await;
    assert_eq!(send(&vultus, Method::DELETE, &at, &Value::Null).await.status, 204);
    assert_eq!(vultus.get(&at).await.error(), "404 unknown_visitor");
    assert_eq!(send(&vultus, Method::DELETE, &at, &Value::Null).await.error(), "404 unknown_visitor");
    assert_eq!(search(&vultus, "", &json!({"event": id(&event)})).await.error(), "404 unknown_event");
    let kept = vultus.get(&format!("/api/v1/events/{}", id(&event))).await.ok();
    assert_eq!((&kept["visitor"], &kept["status"]), (&Value::Null, &json!("REJECT")));
}

#[tokio::test]
async fn this_was_somebody_else_changes_the_next_decision_until_it_is_taken_back() {
    // In these seconds obama2.jpg walks up to the camera.
    let home = watching(4);
    home.enrol("zero", "obama.jpg");
    let vultus = home.start(&["serve"]).await;
    let mut viewer = vultus.viewer().await;
    viewer.sees("PASS", Some("zero")).await;
    let event = event(&vultus, "?person=zero").await;
    let at = format!("/api/v1/events/{}/correction", id(&event));
    assert_eq!(recognized(&vultus, "obama2.jpg").await, ("PASS".to_owned(), None));

    let correct = async |person: Value| send(&vultus, Method::POST, &at, &json!({"person": person})).await;
    assert_eq!(correct(json!("zero")).await.error(), "409 same_person");
    assert_eq!(correct(json!("biden")).await.error(), "404 unknown_name");
    assert_eq!(send(&vultus, Method::POST, &at, &json!({})).await.error(), "422 bad_correction");
    assert_eq!(send(&vultus, Method::DELETE, &at, &Value::Null).await.error(), "404 not_corrected");
    let done = correct(Value::Null).await.ok();
    assert_eq!((&done["evidence"], &done["event"]["person"]), (&json!(true), &Value::Null), "{done}");
    assert_eq!(done["event"]["correction"]["was"], "zero");

    viewer
        .event_where("a refusal", |event| event["status"] == "REJECT" && event["faces"][0]["reason"] == "refuted")
        .await;
    assert_eq!(recognized(&vultus, "obama2.jpg").await, ("REJECT".to_owned(), Some("refuted".to_owned())));
    assert_eq!(recognized(&vultus, "obama.jpg").await.0, "PASS", "who is clearly the person passes");
    assert_eq!(correct(json!("zero")).await.error(), "409 recognised_so");
    let after = events(&vultus, "?person=zero").await;
    assert!(after.iter().all(|later| id(later) != id(&event)), "while the passage lasts it stays said: {after:?}");

    let back = send(&vultus, Method::DELETE, &at, &Value::Null).await.ok();
    assert_eq!((&back["person"], &back["correction"]), (&json!("zero"), &Value::Null));
    viewer.sees("PASS", Some("zero")).await;
    assert_eq!(recognized(&vultus, "obama2.jpg").await.0, "PASS");
}

#[tokio::test]
async fn a_photo_finds_every_earlier_event_of_that_face() {
    // Obama, then Biden, then a stranger.
    let home = Home::new().with("VIDEO_SOURCE", path(&crate::support::demo_video())).with("NODE_NAME", "gate");
    home.enrol("biden", "biden.jpg");
    let mut vultus = home.start(&["serve"]).await;
    vultus.says("the recording is over").await;
    let [stranger, biden, obama] = &until("three passages that are over", async || {
        let all = events(&vultus, "").await;
        (all.len() == 3 && all.iter().all(|event| event["end"].is_f64())).then_some(all)
    })
    .await[..] else {
        panic!("three")
    };
    assert_eq!(biden["person"], "biden");
    let by_photo = async |name: &str, query: &str| {
        let form = Form::new().part("image", Part::bytes(photo(name)).file_name("photo.jpg"));
        vultus.post_form(&format!("/api/v1/events/search{query}"), form).await
    };
    assert_eq!(found(&by_photo("obama.jpg", "").await), [id(obama)], "nobody of that name is needed");
    assert_eq!(found(&by_photo("biden.jpg", "").await), [id(biden)]);
    assert_eq!(found(&by_photo("biden.jpg", "?camera=elsewhere").await), [""; 0]);
    assert_eq!(found(&search(&vultus, "", &json!({"person": "biden"})).await), [id(biden)]);
    let near = by_photo("obama.jpg", "?within=1").await.ok();
    let all: Vec<_> = near["events"].as_array().unwrap().iter().map(|found| id(&found["event"]).to_owned()).collect();
    assert_eq!(all, [id(stranger), id(biden), id(obama)], "the newest first");
    assert!(near["events"][2]["distance"].as_f64() < near["events"][0]["distance"].as_f64());
    let first = by_photo("obama.jpg", "?within=1&limit=2").await.ok();
    let next = first["next"].as_str().expect("a next page");
    assert_eq!(found(&by_photo("obama.jpg", &format!("?within=1&limit=2&cursor={next}")).await), [id(obama)]);
    let two = visitors(&vultus, "").await;
    assert_eq!(two.len(), 2, "Obama and the stranger: {two:?}");

    let blank = Form::new().part("image", Part::bytes(crate::support::blank()).file_name("photo.jpg"));
    assert_eq!(vultus.post_form("/api/v1/events/search", blank).await.error(), "400 no_face");
}

#[tokio::test]
async fn without_visitors_no_face_is_kept_and_a_correction_says_that_it_changes_no_decision() {
    let home = watching(4).with("VISITORS", "false");
    home.enrol("zero", "obama.jpg");
    let vultus = home.start(&["serve"]).await;
    let event = event(&vultus, "?person=zero").await;
    assert_eq!(search(&vultus, "", &json!({"event": id(&event)})).await.error(), "404 unknown_event");
    let at = format!("/api/v1/events/{}/correction", id(&event));
    let done = send(&vultus, Method::POST, &at, &json!({"person": null})).await.ok();
    assert_eq!((&done["evidence"], &done["event"]["person"]), (&json!(false), &Value::Null), "{done}");
    assert_eq!(recognized(&vultus, "obama2.jpg").await.0, "PASS");
}

#[tokio::test]
async fn hostile_ids_and_bodies_are_refused_in_words() {
    let home = Home::new();
    let vultus = home.start(&["api"]).await;
    let unknown = "01943c3e-8f10-7cc1-b1d6-3a1c0de4a5f0";
    let name = json!({"name": "katya"});
    for (id, code) in
        [("x", "404 unknown_visitor"), ("..%2F..", "404 unknown_visitor"), (unknown, "404 unknown_visitor")]
    {
        let at = format!("/api/v1/visitors/{id}");
        assert_eq!(vultus.get(&at).await.error(), code);
        assert_eq!(send(&vultus, Method::PATCH, &at, &json!({"muted": true})).await.error(), code);
        assert_eq!(send(&vultus, Method::DELETE, &at, &Value::Null).await.error(), code);
        assert_eq!(send(&vultus, Method::POST, &format!("{at}/register"), &name).await.error(), code);
    }
    let at = format!("/api/v1/visitors/{unknown}");
    for body in [json!({}), json!({"muted": 1}), json!({"muted": true, "more": 1}), json!([])] {
        assert_eq!(send(&vultus, Method::PATCH, &at, &body).await.error(), "422 bad_visitor", "{body}");
    }
    let register = format!("{at}/register");
    assert_eq!(send(&vultus, Method::POST, &register, &json!({"name": "\u{202e}x"})).await.error(), "400 bad_name");
    for query in ["?limit=0", "?limit=201", "?muted=perhaps", "?cursor=1.x", "?perzon=1"] {
        assert_eq!(vultus.get(&format!("/api/v1/visitors{query}")).await.error(), "400 bad_parameter", "{query}");
    }
    assert_eq!(vultus.get("/api/v1/events?visitor=x").await.error(), "400 bad_parameter");
    for (query, body, code) in [
        ("", json!({}), "422 bad_search"),
        ("", json!({"visitor": unknown, "event": unknown}), "422 bad_search"),
        ("", json!({"visitor": unknown}), "404 unknown_visitor"),
        ("", json!({"visitor": "x"}), "422 bad_search"),
        ("", json!({"event": unknown}), "404 unknown_event"),
        ("", json!({"person": "katya"}), "404 unknown_name"),
        ("", json!({"person": ""}), "400 bad_name"),
        ("?within=-1", json!({"person": "katya"}), "400 bad_parameter"),
        ("?within=nan", json!({"person": "katya"}), "400 bad_parameter"),
    ] {
        assert_eq!(search(&vultus, query, &body).await.error(), code, "{query} {body}");
    }
    // As curl sends a photo whose type nobody gave, with --data-binary.
    let untyped = client().post(vultus.url("/api/v1/events/search"));
    let untyped = untyped.header("Content-Type", "application/x-www-form-urlencoded").body(vec![0x89; 100_000]);
    assert_eq!(Answer::to(untyped).await.error(), "415 unsupported_media_type");
    for (id, code) in [("x", "404 unknown_event"), (unknown, "404 unknown_event")] {
        let at = format!("/api/v1/events/{id}/correction");
        assert_eq!(send(&vultus, Method::POST, &at, &json!({"person": null})).await.error(), code);
        assert_eq!(send(&vultus, Method::DELETE, &at, &Value::Null).await.error(), code);
    }
}
