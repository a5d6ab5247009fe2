//! `TH_ACCEPT = "fpir:…"`: the more people are enrolled, the nearer a face must be, without a restart.

use serde_json::{Value, json};

use crate::support::{Answer, Home, Service, clip, parse, photo, photo_path, until};

/// The distance below which faces are accepted with so many people enrolled, of whom strangers may be taken for with this
/// share: a third of it by the contract's scale, where 0.4755 is FMR 1e-4, 0.5437 is 1e-3, 0.6190 is 1e-2.
fn threshold(fpir: f64, people: f64) -> f64 {
    let power = (fpir / 3.0 / people).log10();
    let (from, to) = if power < -3.0 { ((0.4755, -4.0), (0.5437, -3.0)) } else { ((0.5437, -3.0), (0.6190, -2.0)) };
    from.0 + (power - from.1) * (to.0 - from.0)
}

#[track_caller]
fn is_about(shown: &Value, wanted: f64) {
    assert!(shown.as_f64().is_some_and(|shown| (shown - wanted).abs() < 0.002), "{shown}, not {wanted}");
}

async fn accept(vultus: &Service) -> Value {
    vultus.get("/healthz").await.ok()["accept"].clone()
}

#[tokio::test]
async fn the_threshold_follows_the_number_of_people_and_is_shown_wherever_it_counts() {
    let home = Home::new().with("VIDEO_SOURCE", "none").with("TH_ACCEPT", "fpir:0.001");
    let mut vultus = home.start(&["serve"]).await;
    let first = accept(&vultus).await;
    assert_eq!((&first["th_accept"], &first["measured"]), (&json!("fpir:0.001"), &json!(true)));
    is_about(&first["threshold"], threshold(0.001, 1.0));
    vultus.says("accepted are faces nearer than 0.511").await;

    for (people, name) in [(1.0, "obama"), (2.0, "biden")] {
        vultus.register(name, photo(&format!("{name}.jpg"))).await.ok();
        is_about(&accept(&vultus).await["threshold"], threshold(0.001, people));
    }
    let shown = vultus.recognize(photo("obama2.jpg")).await.ok();
    assert_eq!(shown["faces"][0]["status"], "PASS");
    is_about(&shown["threshold"], threshold(0.001, 2.0));
    let line = vultus.says("accepted are faces nearer than 0.49").await;
    assert!(line.contains("fpir:0.001"), "{line}");
    let page = parse(&vultus.get("/metrics").await.text);
    is_about(&page.value("vultus_threshold").into(), threshold(0.001, 2.0));

    vultus.unregister("biden").await.ok();
    is_about(&accept(&vultus).await["threshold"], threshold(0.001, 1.0));
}

#[tokio::test]
async fn a_camera_may_have_a_strictness_of_its_own_which_follows_the_gallery_while_it_watches() {
    let home = Home::new();
    home.enrol("obama", "obama.jpg");
    let vultus = home.start(&["serve"]).await;
    let door = json!({
        "id": "door", "source": clip(3, 2).to_str().unwrap(), "loop_file": true, "th_accept": "fpir:0.01",
    });
    let added = Answer::to(vultus.post("/api/v1/cameras").body(door.to_string())).await;
    assert_eq!(added.json()["th_accept"], "fpir:0.01", "{added:?}");

    let mut viewer = vultus.viewer().await;
    let passes = |event: &Value| event["camera"] == "door" && event["status"] == "PASS" && event["name"] == "obama";
    viewer.event_where("obama at the door", passes).await;
    let watched = || async { vultus.get("/healthz").await.ok()["cameras"][0].clone() };
    let before = watched().await;
    is_about(&before["threshold"], threshold(0.01, 1.0));
    is_about(&accept(&vultus).await["threshold"], 0.45);

    vultus.register("biden", photo("biden.jpg")).await.ok();
    let wanted = threshold(0.01, 2.0);
    let after = until("a stricter camera", async || {
        let camera = watched().await;
        camera["threshold"].as_f64().is_some_and(|shown| (shown - wanted).abs() < 0.002).then_some(camera)
    })
    .await;
    let read = |camera: &Value| camera["frames"]["read"].as_u64().unwrap();
    assert!(read(&after) >= read(&before), "it was not started again: {before} {after}");

    let event = until("an event by the stricter rule", async || {
        let listed = vultus.get("/api/v1/events?limit=1").await.ok();
        let event = vultus.get(&format!("/api/v1/events/{}", listed["events"][0]["id"].as_str()?)).await.ok();
        let decided = event["decision"]["threshold"].as_f64()?;
        ((decided - wanted).abs() < 0.002).then_some(event)
    })
    .await;
    assert_eq!((&event["person"], &event["status"]), (&json!("obama"), &json!("PASS")));
}

#[test]
fn photos_and_the_doctor_are_told_the_same_number() {
    let home = Home::new().with("TH_ACCEPT", "fpir:0.001");
    home.enrol("obama", "obama.jpg");
    home.enrol("biden", "biden.jpg");
    let photo = photo_path("obama2.jpg");
    let seen = home.run(&["recognize", "--json", photo.to_str().unwrap()]).json();
    is_about(&seen[0]["threshold"], threshold(0.001, 2.0));
    let shown = home.run(&["doctor"]);
    assert!(shown.stdout.contains("fpir:0.001 with 2 people: accepted is a distance below 0.49"), "{}", shown.stdout);
    // Two photos are one comparison, whoever is enrolled.
    let compared = home.run(&["verify", "--json", photo.to_str().unwrap(), photo.to_str().unwrap()]).json();
    is_about(&compared["threshold"], threshold(0.001, 1.0));
}
