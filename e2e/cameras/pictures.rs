//! What a camera sees, over HTTP.

use std::time::{Duration, Instant};

use futures_util::StreamExt;
use rustix::process::Signal;
use serde_json::json;

use super::{LIST, add, camera, change, is_in_state, no_camera_of_its_own, passes};
use crate::support::{client, until};

#[tokio::test]
async fn a_snapshot_is_the_newest_picture_plain_or_annotated() {
    let vultus = no_camera_of_its_own().start(&["serve"]).await;
    add(&vultus, &camera("door", 3)).await;
    passes(&mut vultus.viewer().await, "door", "obama").await;
    let mut pictures = Vec::new();
    for wish in ["", "?annotated=true"] {
        let answer = client().get(vultus.url(&format!("{LIST}/door/snapshot.jpg{wish}"))).send().await.unwrap();
        assert_eq!(answer.status(), 200);
        assert_eq!(answer.headers()["content-type"], "image/jpeg");
        assert_eq!(answer.headers()["cache-control"], "no-store");
        let jpeg = answer.bytes().await.unwrap();
        let picture = face::decode(&jpeg, &face::DecodeLimits::default()).unwrap();
        assert_eq!((picture.width(), picture.height()), (640, 480));
        pictures.push(jpeg);
    }
    assert_ne!(pictures[0], pictures[1]);
    assert_eq!(vultus.get(&format!("{LIST}/gate/snapshot.jpg")).await.error(), "404 unknown_camera");
    assert_eq!(vultus.get(&format!("{LIST}/door/snapshot.jpg?annotated=perhaps")).await.error(), "400 bad_parameter");
    add(&vultus, &json!({"id": "dark", "source": "missing.mp4"})).await;
    assert_eq!(vultus.get(&format!("{LIST}/dark/snapshot.jpg")).await.error(), "503 no_picture");
}

#[tokio::test]
async fn a_stream_sends_picture_after_picture_and_ends_when_the_camera_goes() {
    let vultus = no_camera_of_its_own().start(&["serve"]).await;
    add(&vultus, &camera("door", 3)).await;
    is_in_state(&vultus, "door", "live").await;
    assert_eq!(vultus.get(&format!("{LIST}/door/stream.mjpg?fps=0")).await.error(), "400 bad_parameter");
    let at = vultus.url(&format!("{LIST}/door/stream.mjpg?fps=5&annotated=true"));
    let answer = client().get(at).send().await.unwrap();
    let content_type = answer.headers()["content-type"].to_str().unwrap().to_owned();
    let (kind, boundary) = content_type.split_once("; boundary=").unwrap();
    assert_eq!(kind, "multipart/x-mixed-replace");
    let (mut chunks, mut received, start) = (answer.bytes_stream(), Vec::new(), Instant::now());
    let boundary = format!("--{boundary}\r\n");
    let pictures = |received: &[u8]| String::from_utf8_lossy(received).matches(&boundary).count();
    while pictures(&received) < 5 {
        received.extend(chunks.next().await.expect("more").unwrap());
    }
    assert!(start.elapsed() > Duration::from_millis(500), "{:?}", start.elapsed());
    let text = String::from_utf8_lossy(&received);
    assert!(text.starts_with(&format!("{boundary}Content-Type: image/jpeg\r\nContent-Length: ")), "{}", &text[..100]);
    change(&vultus, "door", &json!({"enabled": false})).await.ok();
    until("the end of the stream", async || chunks.next().await.is_none().then_some(())).await;
}

#[tokio::test]
async fn a_client_of_a_stream_that_reads_nothing_does_not_keep_the_service_from_ending() {
    let mut vultus = no_camera_of_its_own().start(&["serve"]).await;
    add(&vultus, &camera("door", 3)).await;
    is_in_state(&vultus, "door", "live").await;
    let at = vultus.url(&format!("{LIST}/door/stream.mjpg"));
    let silent: Vec<_> = futures_util::future::join_all((0..20).map(|_| client().get(&at).send())).await;
    passes(&mut vultus.viewer().await, "door", "obama").await;
    vultus.signal(Signal::TERM);
    assert_eq!(vultus.ended().await.code(), Some(0));
    drop(silent);
}
