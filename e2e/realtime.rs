//! `vultus serve` on video: who enters is told within two seconds, and no ffmpeg outlives it.

use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use face::{DecodeLimits, decode};
use rustix::process::Signal;
use serde_json::{Value, json};

use crate::support::{Home, Service, clip, demo_video, photo, processes_with, until, vanish};

/// Frames a second of the demo video: the number of a frame tells the second.
const FPS: u64 = 25;

fn path(file: &std::path::Path) -> String {
    file.to_str().expect("UTF-8").to_owned()
}

/// Every field of the contract with its type, the frame a JPEG of the stated size, and the box inside it.
fn check_form(event: &Value) {
    assert_eq!(event["type"], "face_event");
    assert!(event["timestamp"].is_u64(), "{event}");
    assert_eq!(event["camera"], "camera");
    let jpeg = STANDARD.decode(event["frame"].as_str().unwrap()).unwrap();
    assert_eq!(jpeg[..3], [0xFF, 0xD8, 0xFF]);
    let picture = decode(&jpeg, &DecodeLimits::default()).unwrap();
    let (width, height) = (picture.width(), picture.height());
    assert_eq!((width, height), (640, 480));
    assert_eq!((&event["width"], &event["height"]), (&json!(width), &json!(height)));

    let faces = event["faces"].as_array().unwrap();
    if event["status"] == "NO_FACE" {
        assert_eq!((&event["name"], &event["distance"], &event["box"]), (&Value::Null, &Value::Null, &Value::Null));
        assert!(event.as_object().unwrap().contains_key("name") && faces.is_empty());
        return;
    }
    let [x1, y1, x2, y2]: [u32; 4] = serde_json::from_value(event["box"].clone()).unwrap();
    assert!(x1 < x2 && x2 <= width && y1 < y2 && y2 <= height, "{}", event["box"]);
    let main = faces.iter().find(|face| face["box"] == event["box"]).expect("the main face is one of the faces");
    for field in ["name", "distance", "status"] {
        assert_eq!(main[field], event[field]);
    }
    if !event["name"].is_null() {
        assert!(event["name"].is_string() && event["distance"].is_f64(), "{}", event["distance"]);
    }
}

#[tokio::test]
async fn an_enrolled_person_passes_within_two_seconds_and_a_stranger_does_not() {
    let home = Home::new().with("VIDEO_SOURCE", path(&demo_video()));
    home.enrol("obama", "obama.jpg");
    home.enrol("biden", "biden.jpg");
    let vultus = home.start(&["serve"]).await;
    let mut viewer = vultus.viewer().await;
    let mut first_frame_since_entry: Option<Instant> = None;
    let mut first_pass: Option<(u64, Duration)> = None;
    let (mut last_id, mut seen) = (0, Vec::new());
    while last_id < 17 * FPS {
        let event = viewer.event().await;
        check_form(&event);
        let id = event["frame_id"].as_u64().unwrap();
        assert!(id > last_id, "frame {id} after {last_id}");
        last_id = id;
        let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs();
        assert!(now.abs_diff(event["timestamp"].as_u64().unwrap()) <= 3, "{event}");
        if id >= 2 * FPS {
            let entry = *first_frame_since_entry.get_or_insert_with(Instant::now);
            if event["status"] == "PASS" && first_pass.is_none() {
                first_pass = Some((id, entry.elapsed()));
            }
        }
        let name = event["name"].as_str().map(str::to_owned);
        seen.push((id, event["status"].as_str().unwrap().to_owned(), name));
    }

    let (id, after) = first_pass.expect("a PASS");
    assert!(id < 4 * FPS && after < Duration::from_secs(2), "PASS in frame {id}, after {after:?}");
    // The middle of each scene, away from its seams.
    let scene = |start: u64, end: u64, status: &str, name: Option<&str>| {
        let frames: Vec<_> = seen.iter().filter(|(id, ..)| (start * FPS..end * FPS).contains(id)).collect();
        assert!(!frames.is_empty(), "no frame between second {start} and {end}");
        for (id, seen_status, seen_name) in frames {
            assert_eq!((seen_status.as_str(), seen_name.as_deref()), (status, name), "frame {id}");
        }
    };
    scene(1, 2, "NO_FACE", None);
    scene(3, 5, "PASS", Some("obama"));
    scene(7, 8, "NO_FACE", None);
    scene(9, 11, "PASS", Some("biden"));
    scene(13, 14, "NO_FACE", None);
    let stranger: Vec<_> = seen.iter().filter(|(id, ..)| (15 * FPS..17 * FPS).contains(id)).collect();
    assert!(!stranger.is_empty());
    for (id, status, name) in stranger {
        assert!(status == "REJECT" && name.is_some(), "frame {id}: {status} {name:?}");
    }
}

#[tokio::test]
async fn somebody_seen_while_nobody_is_enrolled_has_no_name_and_is_known_once_registered() {
    let home = Home::new().with("VIDEO_SOURCE", path(&clip(3, 2))).with("LOOP_FILE", "true");
    let vultus = home.start(&["serve"]).await;
    let mut viewer = vultus.viewer().await;
    let event = viewer.sees("REJECT", None).await;
    check_form(&event);
    assert!(event["distance"].is_null());
    vultus.register("obama", photo("obama.jpg")).await.ok();
    check_form(&viewer.sees("PASS", Some("obama")).await);
    assert_eq!(vultus.get("/healthz").await.ok()["camera"]["state"], "live");
}

#[tokio::test]
async fn a_stricter_threshold_refuses_and_names_the_nearest() {
    let source = path(&clip(3, 2));
    let home = Home::new().with("VIDEO_SOURCE", source).with("LOOP_FILE", "on").with("TH_ACCEPT", "0.01");
    home.enrol("obama", "obama.jpg");
    let vultus = home.start(&["serve"]).await;
    check_form(&vultus.viewer().await.sees("REJECT", Some("obama")).await);
}

#[tokio::test]
async fn a_source_that_is_not_there_is_a_state_with_a_reason_and_the_service_stays() {
    let home = Home::new().with("VIDEO_SOURCE", "missing.mp4");
    let vultus = home.start(&["serve"]).await;
    let camera = until("a failed camera", async || {
        let camera = vultus.get("/healthz").await.ok()["camera"].clone();
        (camera["state"] == "failed").then_some(camera)
    })
    .await;
    assert!(camera["reason"].as_str().unwrap().contains("missing.mp4"), "{camera}");

    vultus.register("obama", photo("obama.jpg")).await.ok();
    // The camera is plugged in.
    std::fs::copy(clip(3, 2), home.file("missing.mp4")).unwrap();
    let mut viewer = vultus.viewer().await;
    viewer.sees("PASS", Some("obama")).await;
}

/// A running service whose ffmpeg can be told from all others by its source, which lies in the service's own folder.
async fn with_a_source_of_its_own() -> (Home, Service, Vec<std::path::PathBuf>) {
    let home = Home::new().with("LOOP_FILE", "true");
    let source = home.file("door.mp4");
    std::fs::copy(clip(3, 2), &source).unwrap();
    let source = path(&source);
    let home = home.with("VIDEO_SOURCE", source.as_str());
    let vultus = home.start(&["serve"]).await;
    vultus.viewer().await.event().await;
    let children = processes_with(&source);
    assert_eq!(children.len(), 1, "{children:?}");
    (home, vultus, children)
}

#[tokio::test]
async fn sigterm_and_ctrl_c_end_it_with_success_and_leave_no_ffmpeg() {
    for signal in [Signal::TERM, Signal::INT] {
        let (_home, mut vultus, children) = with_a_source_of_its_own().await;
        let mut viewer = vultus.viewer().await;
        viewer.event().await;
        let asked = Instant::now();
        vultus.signal(signal);
        assert_eq!(vultus.ended().await.code(), Some(0), "{signal:?}");
        assert!(asked.elapsed() < Duration::from_secs(8), "{:?}", asked.elapsed());
        vanish(&children).await;
    }
}

#[tokio::test]
async fn a_viewer_hears_how_passages_end_when_the_service_stops() {
    let (_home, mut vultus, _) = with_a_source_of_its_own().await;
    let mut viewer = vultus.viewer_of("view=events").await;
    let begun = viewer.event().await;
    vultus.signal(Signal::TERM);
    viewer.event_where("its end", |event| event["phase"] == "end" && event["id"] == begun["id"]).await;
    assert_eq!(vultus.ended().await.code(), Some(0));
}

#[tokio::test]
async fn sigkill_leaves_no_ffmpeg() {
    let (_home, vultus, children) = with_a_source_of_its_own().await;
    vultus.kill().await;
    vanish(&children).await;
}

#[tokio::test]
async fn an_ffmpeg_that_dies_is_started_again() {
    let (home, vultus, children) = with_a_source_of_its_own().await;
    let pid = children[0].file_name().unwrap().to_str().unwrap().parse().unwrap();
    rustix::process::kill_process(rustix::process::Pid::from_raw(pid).unwrap(), Signal::KILL).unwrap();
    vanish(&children).await;
    // A frame of the one that died may still be on its way, and the state be an old one: what counts is the next ffmpeg.
    until("another ffmpeg that is live", async || {
        let another = !processes_with(&path(&home.file("door.mp4"))).is_empty();
        let state = vultus.get("/healthz").await.ok()["camera"]["state"].clone();
        (another && state == "live").then_some(())
    })
    .await;
    vultus.viewer().await.sees("REJECT", None).await;
}

#[tokio::test]
async fn a_recording_that_is_over_leaves_the_api_running() {
    let home = Home::new().with("VIDEO_SOURCE", path(&clip(3, 2)));
    let vultus = home.start(&["serve"]).await;
    until("the end of the recording", async || {
        (vultus.get("/healthz").await.ok()["camera"]["state"] == "finished").then_some(())
    })
    .await;
    vultus.register("obama", photo("obama.jpg")).await.ok();
}
