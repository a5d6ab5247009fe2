//! A camera over RTSP that is killed, frozen and restarted under the service. Skipped, with a note, without an RTSP server.

use std::path::PathBuf;

use serde_json::Value;

use crate::support::{Home, RtspCamera, Service, clip, looped, photo, until};

/// Obama in front of the door for a minute.
fn a_minute() -> PathBuf {
    looped(&clip(3, 2), 30)
}

/// A service that watches `camera` and has recognised who stands there.
async fn that_recognises(camera: &RtspCamera) -> Service {
    let home = Home::new().with("VIDEO_SOURCE", camera.url()).with("CAMERA_NAME", "door");
    home.enrol("obama", "obama.jpg");
    let vultus = home.start(&["serve"]).await;
    vultus.viewer().await.sees("PASS", Some("obama")).await;
    assert_eq!(vultus.camera().await["state"], "live");
    vultus
}

/// Waits until the service has noticed that the camera is not live any more.
async fn trouble_of(vultus: &Service) -> Value {
    until("trouble with the camera", async || {
        let camera = vultus.camera().await;
        (camera["state"] != "live").then_some(camera)
    })
    .await
}

/// The trouble was noticed within ten seconds after the last frame, has a reason, and is the camera's alone.
async fn is_noticed_in_time(vultus: &Service, trouble: &Value) {
    assert!(trouble["last_frame_seconds"].as_f64().unwrap() <= 10.0, "{trouble}");
    assert!(!trouble["reason"].as_str().unwrap().is_empty(), "{trouble}");
    let seen = vultus.recognize(photo("obama.jpg")).await.ok();
    assert_eq!(seen["faces"][0]["name"], "obama");
}

async fn is_live_again(vultus: &mut Service) {
    vultus.camera_is("live").await;
    vultus.viewer().await.sees("PASS", Some("obama")).await;
    let line = vultus.says("live again after").await;
    assert!(line.contains("camera=\"door\""), "{line}");
}

#[tokio::test]
async fn a_camera_that_is_killed_is_failed_with_a_reason_and_live_again_once_it_is_back() {
    let Some(mut camera) = RtspCamera::start(&a_minute()) else { return };
    let mut vultus = that_recognises(&camera).await;
    camera.kill();
    let trouble = trouble_of(&vultus).await;
    assert_eq!(trouble["state"], "failed");
    is_noticed_in_time(&vultus, &trouble).await;

    let refused = until("a try in vain", async || {
        let camera = vultus.camera().await;
        camera["reason"].as_str().is_some_and(|reason| reason.contains("refused")).then_some(camera)
    })
    .await;
    assert_eq!(refused["state"], "failed");
    assert!(refused["since_seconds"].as_f64() <= refused["last_frame_seconds"].as_f64(), "{refused}");
    let complaints = vultus.lines().iter().filter(|line| line.contains("WARN") && line.contains("door")).count();
    assert_eq!(complaints, 1, "{:?}", vultus.lines());

    camera.start_again();
    is_live_again(&mut vultus).await;
}

#[tokio::test]
async fn a_camera_that_freezes_is_stalled_within_ten_seconds_and_live_again_once_it_thaws() {
    let Some(camera) = RtspCamera::start(&a_minute()) else { return };
    let mut vultus = that_recognises(&camera).await;
    camera.freeze();
    let trouble = trouble_of(&vultus).await;
    assert_eq!(trouble["state"], "stalled");
    is_noticed_in_time(&vultus, &trouble).await;

    let given_up = until("a try in vain", async || {
        let camera = vultus.camera().await;
        (camera["restarts"].as_u64() >= Some(1)).then_some(camera)
    })
    .await;
    assert_eq!(given_up["state"], "stalled", "{given_up}");
    assert!(given_up["last_frame_seconds"].as_f64().unwrap() <= 15.0, "{given_up}");
    assert!(given_up["reason"].as_str().unwrap().contains("has sent no frame"), "{given_up}");

    camera.thaw();
    is_live_again(&mut vultus).await;
}

#[tokio::test]
async fn a_stream_that_ends_is_opened_again() {
    let Some(camera) = RtspCamera::start(&looped(&clip(3, 2), 3)) else { return };
    let mut vultus = that_recognises(&camera).await;
    let trouble = trouble_of(&vultus).await;
    is_noticed_in_time(&vultus, &trouble).await;
    is_live_again(&mut vultus).await;
    assert!(vultus.camera().await["restarts"].as_u64() >= Some(1));
}
