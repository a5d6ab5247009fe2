//! Several nodes on one database: each camera is watched by one of them.

use std::path::Path;
use std::time::{Duration, Instant};

use rustix::process::Signal;
use serde_json::json;
use sqlx::{AnyConnection, Connection, Executor};

use super::{LIST, add, camera, change, get, is_in_state, no_camera_of_its_own, passes, path};
use crate::support::{Postgres, clip, processes_with, until, vanish};

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
    let asked = Instant::now();
    assert_eq!(vultus.ended().await.code(), Some(0));
    assert!(asked.elapsed() < Duration::from_secs(8), "{:?}", asked.elapsed());
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
