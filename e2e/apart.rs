//! `vultus api`, `vultus hub` and `vultus detect` as three processes on one database, as the original runs.

use std::time::{Duration, Instant};

use crate::support::{Home, Postgres, Receiver, clip, photo};

/// Three processes that work together; `url` is the database's address, or the default's.
async fn three_processes_work_together(url: Option<&str>) {
    let port = Receiver::nobody().await;
    let mut home = Home::new()
        .with("WS_ADDR", port.to_string())
        .with("WS_URL", format!("ws://{port}/ws/face-stream"))
        .with("VIDEO_SOURCE", clip(3, 2).to_str().unwrap())
        .with("LOOP_FILE", "true");
    if let Some(url) = url {
        home = home.with("DATABASE_URL", url);
    }
    let api = home.start(&["api"]).await;
    let detector = home.start(&["detect"]).await;
    // Started after the detector: it must keep trying.
    let hub = home.start(&["hub"]).await;
    let mut viewer = hub.viewer().await;
    viewer.sees("REJECT", None).await;

    api.register("obama", photo("obama.jpg")).await.ok();
    let registered = Instant::now();
    viewer.sees("PASS", Some("obama")).await;
    assert!(registered.elapsed() < Duration::from_secs(5), "{:?}", registered.elapsed());
    api.unregister("obama").await.ok();
    viewer.sees("REJECT", None).await;

    drop(viewer);
    hub.kill().await;
    let hub = home.start(&["hub"]).await;
    let mut viewer = hub.viewer().await;
    viewer.sees("REJECT", None).await;
    api.register("obama", photo("obama.jpg")).await.ok();
    viewer.sees("PASS", Some("obama")).await;
    detector.kill().await;
}

#[tokio::test]
async fn three_processes_on_one_sqlite_file_work_together() {
    three_processes_work_together(None).await;
}

#[tokio::test]
async fn three_processes_on_one_postgresql_database_work_together() {
    let Some(database) = Postgres::fresh().await else { return };
    three_processes_work_together(Some(&database.url)).await;
}

#[tokio::test]
async fn the_command_line_and_a_running_api_share_the_people() {
    let home = Home::new();
    let api = home.start(&["api"]).await;
    home.enrol("obama", "obama.jpg");
    assert_eq!(api.faces().await, ["obama"]);
    crate::support::until("the API knows whom the command line enrolled", async || {
        let seen = api.recognize(photo("obama3.jpg")).await.ok();
        (seen["faces"][0]["name"] == "obama").then_some(())
    })
    .await;
    api.register("biden", photo("biden.jpg")).await.ok();
    assert_eq!(home.run(&["people", "list"]).succeeded(), "obama\nbiden\n");
}

#[tokio::test]
async fn a_detector_ends_by_itself_when_its_recording_is_over() {
    let home = Home::new().with("VIDEO_SOURCE", clip(3, 2).to_str().unwrap());
    let mut detector = home.start(&["detect", "--ws-enable", "false"]).await;
    assert_eq!(detector.ended().await.code(), Some(0));
}
