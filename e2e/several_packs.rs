//! People who are known by another model pack than the one in use: nobody is locked out by a change of `MODEL_PACK`.

use std::fs;

use serde_json::{Value, json};

use crate::support::{Answer, Home, Service, clip, embedder_path, parse, photo, photo_path, until};

/// A second pack of the default pack's models, whose embeddings are said to lie in a space of their own.
pub fn old_pack() -> String {
    let builtin = include_str!("../crates/models/src/catalog.toml");
    let from = builtin.find("[packs.default]").expect("the default pack");
    let to = builtin.find("[packs.default.side.liveness]").expect("its side models");
    builtin[from..to].replace("packs.default", "packs.old")
}

/// The same with an embedder that is still to come.
fn without_embedder() -> String {
    let pack = old_pack();
    let (others, embedder) = pack.split_once("[packs.old.embedder]").expect("an embedder");
    let file = embedder.lines().find(|line| line.starts_with("file = ")).expect("its file");
    format!("{others}[packs.old.embedder]{}", embedder.replace(file, "file = { local = \"still-to-come.onnx\" }"))
}

/// Obama is known by the old pack, Biden by the one that is used from then on.
fn home() -> Home {
    let home = Home::new().with("MODEL_PACK", "old").with("VIDEO_SOURCE", "none");
    fs::write(home.file("models.toml"), old_pack()).unwrap();
    home.enrol("obama", "obama.jpg");
    let home = home.with("MODEL_PACK", "default");
    home.enrol("biden", "biden.jpg");
    home
}

async fn seen(vultus: &Service, name: &str) -> Value {
    vultus.recognize(photo(name)).await.ok()["faces"][0].clone()
}

#[tokio::test]
async fn who_is_known_by_the_old_pack_passes_after_a_change_of_the_pack_and_moves_to_the_new_one() {
    let home = home();
    let mut vultus = home.start(&["serve"]).await;
    vultus.says("known by the model pack old only: 1").await;
    let health = vultus.get("/healthz").await.ok();
    assert_eq!((&health["people"], &health["people_by_other_packs"]), (&json!(2), &json!({ "old": 1 })));
    let page = parse(&vultus.get("/metrics").await.text);
    assert_eq!(page.value("vultus_people_by_other_packs{space=\"old\"}"), 1.0);

    let obama = seen(&vultus, "obama2.jpg").await;
    assert_eq!((&obama["status"], &obama["name"]), (&json!("PASS"), &json!("obama")));
    let before = obama["distance"].as_f64().unwrap();
    assert_eq!(seen(&vultus, "biden.jpg").await["name"], "biden");
    vultus.says("the model pack old is used as well").await;

    let door = json!({ "id": "door", "source": clip(3, 2).to_str().unwrap(), "loop_file": true });
    assert_eq!(Answer::to(vultus.post("/api/v1/cameras").body(door.to_string())).await.json()["id"], "door");
    let mut viewer = vultus.viewer().await;
    let passes = |event: &Value| event["camera"] == "door" && event["status"] == "PASS" && event["name"] == "obama";
    viewer.event_where("obama at the door", passes).await;

    let shown = vultus.get("/api/v1/people/obama").await.ok();
    assert_eq!((&shown["photos"], &shown["photos_by_other_packs"]), (&json!(0), &json!(1)));
    // A photo more, by the new pack: he counts once, and is known by that one from now on.
    vultus.register("obama", photo("obama.jpg")).await.ok();
    let health = vultus.get("/healthz").await.ok();
    assert_eq!((&health["people"], &health["people_by_other_packs"]), (&json!(2), &json!({})));
    let after = seen(&vultus, "obama2.jpg").await;
    assert_eq!((&after["status"], &after["name"]), (&json!("PASS"), &json!("obama")));
    let change = (after["distance"].as_f64().unwrap() - before).abs();
    assert!(change < 1e-3, "the same models: {after} instead of {before}");
    let shown = home.run(&["people", "show", "obama"]).succeeded();
    assert!(shown.contains("photos: 1\n") && shown.contains("photos_by_other_packs: 1\n"), "{shown}");
}

#[tokio::test]
async fn a_pack_that_is_missing_is_told_once_and_used_as_soon_as_it_is_there() {
    let home = home();
    fs::write(home.file("models.toml"), without_embedder()).unwrap();
    let mut vultus = home.start(&["serve"]).await;
    for _ in 0..3 {
        assert_eq!(seen(&vultus, "biden.jpg").await["status"], "PASS", "everybody else is recognised");
    }
    assert_eq!(seen(&vultus, "obama2.jpg").await["status"], "REJECT");
    let warning = vultus.says("since they are known by the model pack old only: 1").await;
    assert!(warning.contains("still-to-come.onnx"), "{warning}");

    fs::copy(embedder_path(), home.file("still-to-come.onnx")).unwrap();
    until("obama to be recognised", async || (seen(&vultus, "obama2.jpg").await["status"] == "PASS").then_some(()))
        .await;
    let told = vultus.lines().iter().filter(|line| line.contains("cannot be recognised")).count();
    assert_eq!(told, 1, "{:?}", vultus.lines());
}

#[test]
fn photos_on_the_command_line_are_compared_with_people_of_both_packs() {
    let home = home();
    let photo = photo_path("obama2.jpg");
    let photo = photo.to_str().unwrap();
    let found = home.run(&["recognize", "--json", photo]).json();
    assert_eq!(found[0]["faces"][0]["name"], "obama");
    // He must not be enrolled under another name by the new pack.
    let refused = home.run(&["people", "add", "barack", photo]).failed_with(1);
    assert!(refused.contains("looks like obama"), "{refused}");
}
