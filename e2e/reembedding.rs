//! People are embedded by another pack from what is kept of their photos, and move from one installation to another.

use std::fs;
use std::io::{Cursor, Read};
use std::os::unix::fs::PermissionsExt;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Duration;

use serde_json::{Value, json};
use zip::ZipArchive;

use crate::several_packs::old_pack;
use crate::support::{Answer, Home, Service, archive, clip, photo, until};

/// Obama, Biden and an astronaut, enrolled by the default pack; the pack `old` has the same models and a space of its own.
fn home() -> Home {
    let home = Home::new().with("VIDEO_SOURCE", "none");
    fs::write(home.file("models.toml"), old_pack()).unwrap();
    home.enrol("obama", "obama.jpg");
    home.enrol("biden", "biden.jpg");
    home.enrol("astronaut", "astronaut.png");
    home
}

fn entries(archive: &[u8]) -> Vec<(String, Vec<u8>)> {
    let mut zip = ZipArchive::new(Cursor::new(archive)).unwrap();
    let names: Vec<String> = (0..zip.len()).map(|at| zip.by_index(at).unwrap().name().unwrap().to_string()).collect();
    let content = |name: String| {
        let mut bytes = Vec::new();
        zip.by_name(&name).unwrap().read_to_end(&mut bytes).unwrap();
        (name, bytes)
    };
    names.into_iter().map(content).collect()
}

fn packed(entries: &[(String, Vec<u8>)]) -> Vec<u8> {
    archive(&entries.iter().map(|(name, bytes)| (name.as_str(), bytes.as_slice())).collect::<Vec<_>>())
}

fn exported(home: &Home) -> Vec<u8> {
    home.run(&["people", "export", "people.zip"]).succeeded();
    fs::read(home.file("people.zip")).unwrap()
}

/// The same archive with the astronaut under so many more names.
fn crowd(of: &[u8], names: usize) -> Vec<u8> {
    let mut all = entries(of);
    let (_, astronaut) = all.iter().find(|(name, _)| name == "people/000003.json").unwrap().clone();
    let text = String::from_utf8(astronaut).unwrap();
    for number in 0..names {
        let entry = text.replace("\"astronaut\"", &format!("\"astronaut {number}\""));
        all.push((format!("people/{:06}.json", number + 4), entry.into_bytes()));
    }
    packed(&all)
}

#[test]
fn people_move_to_another_installation_with_photos_and_once() {
    let home = home();
    home.run(&["people", "set", "obama", "groups=staff", "code=44"]).succeeded();
    let said = home.run(&["people", "export", "people.zip"]).succeeded();
    assert_eq!(said, "3 people with 3 photos in people.zip\n");
    let mode = fs::metadata(home.file("people.zip")).unwrap().permissions().mode();
    assert_eq!(mode & 0o077, 0, "nobody else may read it");
    let refused = home.run(&["people", "export", "people.zip"]).failed_with(1);
    assert!(refused.contains("--force replaces it"), "{refused}");

    let other = Home::new();
    fs::copy(home.file("people.zip"), other.file("people.zip")).unwrap();
    let said = other.run(&["people", "import", "people.zip"]).succeeded();
    assert_eq!(said, "3 new, 0 got more templates, 0 unchanged, 0 failed; 3 templates in all\n");
    let again = other.run(&["people", "import", "people.zip", "--json"]).json();
    assert_eq!(again, json!({"new": 0, "extended": 0, "unchanged": 3, "templates": 0, "failed": 0}));
    assert_eq!(other.run(&["people", "list"]).succeeded(), "obama\nbiden\nastronaut\n");
    let shown = other.run(&["people", "show", "obama", "--json"]).json();
    assert_eq!((&shown["groups"], &shown["code"]), (&json!(["staff"]), &json!("44")));
    let found = other.run(&["recognize", "--json", crate::support::photo_path("obama2.jpg").to_str().unwrap()]).json();
    assert_eq!(found[0]["faces"][0]["name"], "obama");
    // The photos came along.
    fs::write(other.file("models.toml"), old_pack()).unwrap();
    let said = other.run(&["people", "reembed", "--pack", "old"]).succeeded();
    assert_eq!(said, "3 people embedded by pack old\n");
}

#[test]
fn a_bad_archive_is_told_person_by_person_and_the_others_come_in() {
    let mut all = entries(&exported(&home()));
    for (name, bytes) in &mut all {
        let text = String::from_utf8_lossy(bytes);
        match name.as_str() {
            "people/000001.json" => *bytes = text.replace("\"obama\"", "\"\\u0000\"").into_bytes(),
            "people/000002.json" => *bytes = text.replace("photos/000002-00.jpg", "../../etc/passwd").into_bytes(),
            _ => {}
        }
    }
    let other = Home::new();
    fs::write(other.file("bad.zip"), packed(&all)).unwrap();
    let done = other.run(&["people", "import", "bad.zip"]);
    assert_eq!(done.stdout, "1 new, 0 got more templates, 0 unchanged, 2 failed; 1 template in all\n", "{done:?}");
    assert_eq!(other.run(&["people", "list"]).succeeded(), "astronaut\n");

    let mut newer = all.clone();
    newer[0].1 = br#"{"form": 2, "people": 3}"#.to_vec();
    fs::write(other.file("newer.zip"), packed(&newer)).unwrap();
    let refused = other.run(&["people", "import", "newer.zip"]).failed_with(1);
    assert!(refused.contains("use a newer one"), "{refused}");
}

#[test]
fn without_keep_photos_nobody_can_be_embedded_again_and_that_is_said() {
    let home = Home::new().with("KEEP_PHOTOS", "false");
    fs::write(home.file("models.toml"), old_pack()).unwrap();
    home.enrol("obama", "obama.jpg");
    let done = home.run(&["people", "reembed", "--pack", "old"]);
    assert!(done.stderr.contains("1 person left as before, since no photo of them is kept"), "{done:?}");
    assert_eq!(done.succeeded(), "0 people embedded by pack old\n");
}

#[tokio::test]
async fn who_was_embedded_by_a_new_pack_is_known_by_it_and_undone_by_the_one_before() {
    let home = home();
    assert_eq!(
        home.run(&["people", "reembed", "--pack", "old", "--dry-run"]).succeeded(),
        "3 people with 3 photos to embed by pack old; 0 done\n"
    );
    assert_eq!(home.run(&["people", "reembed", "--pack", "old"]).succeeded(), "3 people embedded by pack old\n");
    assert_eq!(home.run(&["people", "reembed", "--pack", "old"]).succeeded(), "0 people embedded by pack old\n");
    let home = home.with("MODEL_PACK", "old");
    let vultus = home.start(&["serve"]).await;
    let health = vultus.get("/healthz").await.ok();
    assert_eq!((&health["people"], &health["people_by_other_packs"]), (&json!(3), &json!({})));
    let undone = home.run(&["people", "reembed", "--undo"]).succeeded();
    assert_eq!(undone, "3 templates of 3 people taken back from pack old\n");
    until("everybody to be known by the pack before", async || {
        let health = vultus.get("/healthz").await.ok();
        (health["people_by_other_packs"] == json!({"default": 3})).then_some(())
    })
    .await;
    let face = vultus.recognize(photo("obama2.jpg")).await.ok()["faces"][0].clone();
    assert_eq!((&face["name"], &face["status"]), (&json!("obama"), &json!("PASS")));
}

/// Asks who is in a photo of Obama until told to stop; counts the answers, and keeps the first that was no PASS.
async fn watch(vultus: &Service, stop: &AtomicBool, asked: &AtomicUsize) -> Option<Value> {
    let mut failed = None;
    while !stop.load(Ordering::Relaxed) {
        let answer = vultus.recognize(photo("obama2.jpg")).await.ok();
        asked.fetch_add(1, Ordering::Relaxed);
        let face = &answer["faces"][0];
        if face["status"] != "PASS" || face["name"] != "obama" {
            failed.get_or_insert(answer.clone());
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    failed
}

#[tokio::test(flavor = "multi_thread")]
async fn five_hundred_people_change_their_pack_while_a_camera_runs_and_nobody_fails_to_pass() {
    let home = home();
    let archive = crowd(&exported(&home), 497);
    fs::write(home.file("crowd.zip"), archive).unwrap();
    home.run(&["people", "import", "crowd.zip"]).succeeded();
    let home = home.with("MODEL_PACK", "old");
    let vultus = Arc::new(home.start(&["serve"]).await);
    let door = json!({ "id": "door", "source": clip(3, 2).to_str().unwrap(), "loop_file": true });
    assert_eq!(Answer::to(vultus.post("/api/v1/cameras").body(door.to_string())).await.json()["id"], "door");
    let mut viewer = vultus.viewer().await;

    let (stop, asked) = (Arc::new(AtomicBool::new(false)), Arc::new(AtomicUsize::new(0)));
    let watching = tokio::spawn({
        let (vultus, stop, asked) = (vultus.clone(), stop.clone(), asked.clone());
        async move { watch(&vultus, &stop, &asked).await }
    });
    let left = || home.run(&["people", "reembed", "--dry-run"]).succeeded();
    assert!(left().starts_with("500 people with 500 photos to embed"), "{}", left());

    // Killed half way, with SIGKILL.
    let mut running = home.command(&["people", "reembed"]).spawn().unwrap();
    let moved = async || vultus.get("/healthz").await.ok()["people_by_other_packs"]["default"].as_u64().unwrap_or(0);
    for left in [450, 400, 350, 300, 250] {
        until("fifty more to be moved", async || (moved().await < left).then_some(())).await;
    }
    running.kill().unwrap();
    running.wait().unwrap();
    assert!(moved().await > 0, "it was killed too late");

    let said = home.run(&["people", "reembed"]).succeeded();
    assert!(!said.starts_with("0 ") && !said.starts_with("500 "), "{said}");
    until("all of them to be moved", async || (moved().await == 0).then_some(())).await;
    home.run(&["people", "reembed", "--undo"]).succeeded();
    until("all of them to be back", async || (moved().await == 500).then_some(())).await;
    let passes = |event: &Value| event["camera"] == "door" && event["status"] == "PASS" && event["name"] == "obama";
    viewer.event_where("obama at the door", passes).await;
    tokio::time::sleep(Duration::from_millis(200)).await;

    stop.store(true, Ordering::Relaxed);
    let failed = watching.await.unwrap();
    assert_eq!(failed, None, "obama failed to pass");
    assert!(asked.load(Ordering::Relaxed) > 10, "{asked:?}");
}
