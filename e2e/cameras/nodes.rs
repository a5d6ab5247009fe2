//! Several nodes on one database: each camera is watched by one of them.

use std::path::Path;
use std::time::{Duration, Instant};

use rustix::process::Signal;
use serde_json::{Value, json};
use sqlx::{AnyConnection, Connection, Executor};

use super::{LIST, add, camera, change, get, is_in_state, no_camera_of_its_own, passes, path};
use crate::support::{Home, Postgres, clip, photo, processes_with, until, vanish};

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

    // Whoever is asked knows who watches what.
    let listed = until("both nodes in the list", async || {
        let listed = waiting.get("/api/v1/nodes").await.ok();
        let cameras = |name: &Value| node_of(&listed, name.as_str().unwrap()).map(|node| node["cameras"].clone());
        (cameras(&camera["node"]) == Some(json!(["door"]))).then_some(listed)
    })
    .await;
    let alive: Vec<_> =
        listed["nodes"].as_array().unwrap().iter().map(|node| (&node["alive"], &node["behind"])).collect();
    assert_eq!(alive, [(&json!(true), &json!(0)), (&json!(true), &json!(0))], "{listed}");
    assert_eq!((&listed["nodes"][0]["own"], &listed["nodes"][1]["own"]), (&json!(true), &json!(false)));

    let children = processes_with(path(&source));
    watching.kill().await;
    passes(&mut viewer, "door", "obama").await;
    vanish(&children).await;
    until("the killed one counting as dead, and its camera as the other's", async || {
        let listed = waiting.get("/api/v1/nodes").await.ok();
        let killed = node_of(&listed, camera["node"].as_str().unwrap())?;
        (killed["alive"] == false && listed["nodes"][0]["cameras"] == json!(["door"])).then_some(())
    })
    .await;

    let third = home.start(&["serve"]).await;
    let mut viewer = third.viewer().await;
    assert_eq!(processes_with(path(&source)).len(), 1, "exactly one ffmpeg");
    let mut waiting = waiting;
    waiting.signal(Signal::TERM);
    passes(&mut viewer, "door", "obama").await;
    waiting.ended().await;
}

/// What is said of a node.
fn node_of<'a>(listed: &'a Value, name: &str) -> Option<&'a Value> {
    listed["nodes"].as_array().unwrap().iter().find(|node| node["node"] == name)
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

#[tokio::test]
async fn a_database_that_hangs_is_one_line_in_the_log_and_keeps_nobody_from_stopping() {
    let home = no_camera_of_its_own().with("VIDEO_SOURCE", "none");
    let mut vultus = home.start(&["serve"]).await;
    let mut lock = write_lock(&home.file("vultus.db")).await;
    for number in 0..6 {
        let definition = json!({"id": format!("door-{number}"), "source": "testsrc", "enabled": true});
        let insert = sqlx::query("INSERT INTO cameras (id, definition, created_at, updated_at) VALUES ($1, $2, 0, 0)")
            .bind(definition["id"].as_str().unwrap().to_owned())
            .bind(definition.to_string());
        insert.execute(&mut lock).await.unwrap();
    }
    // Six cameras that can be seen and not be taken.
    lock.execute("COMMIT; BEGIN IMMEDIATE").await.unwrap();
    vultus.says("the database is away").await;
    tokio::time::sleep(Duration::from_secs(5)).await;
    vultus.signal(Signal::TERM);
    // While the lock is held.
    assert_eq!(vultus.ended().await.code(), Some(0));
    drop(lock);
    let lines = vultus.lines();
    assert_eq!(lines.iter().filter(|line| line.contains("the database is away")).count(), 1, "{lines:#?}");
    assert!(!lines.iter().any(|line| line.contains("INSERT INTO")), "{lines:#?}");
}

async fn write_lock(file: &Path) -> AnyConnection {
    sqlx::any::install_default_drivers();
    let mut connection = AnyConnection::connect(&format!("sqlite:{}", file.display())).await.unwrap();
    connection.execute("BEGIN IMMEDIATE").await.unwrap();
    connection
}

#[tokio::test]
async fn a_node_that_was_frozen_lets_go_of_a_camera_that_another_has_taken_meanwhile() {
    let home = no_camera_of_its_own().with("VIDEO_SOURCE", "none");
    let source = home.file("door.mp4");
    std::fs::copy(clip(3, 2), &source).unwrap();
    let home = home.with("NODE_NAME", "one");
    let frozen = home.start(&["serve"]).await;
    add(&frozen, &json!({"id": "door", "source": path(&source), "loop_file": true})).await;
    is_in_state(&frozen, "door", "live").await;
    let home = home.with("NODE_NAME", "two");
    let other = home.start(&["serve"]).await;
    frozen.signal(Signal::STOP);
    until("the other taking over", async || (get(&other, "door").await["node"] == "two").then_some(())).await;
    is_in_state(&other, "door", "live").await;
    frozen.signal(Signal::CONT);
    until("one of two ffmpegs ending", async || (processes_with(path(&source)).len() == 1).then_some(())).await;
    until("what the frozen one says", async || (get(&frozen, "door").await["node"] == "two").then_some(())).await;
}

#[tokio::test]
async fn how_far_a_node_is_behind_is_shown_until_it_has_caught_up() {
    let home = Home::new().with("NODE_NAME", "one");
    let one = home.start(&["api"]).await;
    let home = home.with("NODE_NAME", "two");
    let two = home.start(&["api"]).await;
    let behind = async || {
        let listed = one.get("/api/v1/nodes").await.ok();
        node_of(&listed, "two").map(|two| two["behind"].clone())
    };
    until("the other being listed", async || behind().await.filter(|behind| *behind == 0)).await;
    // Who is stopped in the middle of a write holds SQLite's lock: another moment, then.
    until("a moment to stop the other", async || {
        two.signal(Signal::STOP);
        let registered = one.register("obama", photo("obama.jpg")).await;
        if registered.status == 503 {
            two.signal(Signal::CONT);
            return None;
        }
        Some(registered.ok())
    })
    .await;
    one.register("biden", photo("biden.jpg")).await.ok();
    assert_eq!(behind().await, Some(json!(2)));
    two.signal(Signal::CONT);
    until("the other catching up", async || behind().await.filter(|behind| *behind == 0)).await;
    let health = two.get("/healthz").await.ok();
    assert_eq!((&health["gallery_version"], &health["behind"]), (&json!(2), &json!(0)));
    let metrics = two.get("/metrics").await.text;
    assert!(
        metrics.contains("\nvultus_gallery_version 2\n") && metrics.contains("\nvultus_gallery_behind 0\n"),
        "{metrics}"
    );
    let lines = home.run(&["nodes"]).succeeded();
    assert!(
        lines.contains("one  api  alive") && lines.contains("two  api  alive") && !lines.contains("behind"),
        "{lines}"
    );
    let told = home.run(&["nodes", "--json"]).json();
    assert_eq!((&told["database"], told["nodes"].as_array().unwrap().len()), (&json!("ok"), 2));
}
