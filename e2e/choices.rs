//! What a client of the WebSocket chooses by its address.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use face::{DecodeLimits, decode};
use serde_json::{Value, json};

use crate::support::{Answer, Home, Viewer, client, clip, until};

/// The same frame of two clients, which may have missed different ones.
async fn same_frame<T>(
    one: &mut Viewer,
    other: &mut Viewer,
    next: impl AsyncFn(&mut Viewer) -> (Value, T),
) -> (Value, Value, T) {
    let mut json = one.event().await;
    let (mut header, mut rest) = next(other).await;
    while json["frame_id"] != header["frame_id"] {
        if json["frame_id"].as_u64() < header["frame_id"].as_u64() {
            json = one.event().await;
        } else {
            (header, rest) = next(other).await;
        }
    }
    (json, header, rest)
}

#[tokio::test]
async fn a_binary_message_says_what_the_json_says() {
    let vultus = Home::new().with("VIDEO_SOURCE", "testsrc").start(&["serve"]).await;
    let (mut json, mut binary) = (vultus.viewer().await, vultus.viewer_of("format=binary").await);
    let (mut told, header, jpeg) = same_frame(&mut json, &mut binary, Viewer::binary).await;
    assert_eq!(STANDARD.decode(told["frame"].take().as_str().unwrap()).unwrap(), jpeg);
    assert_eq!(told, header);
    let picture = decode(&jpeg, &DecodeLimits::default()).unwrap();
    assert_eq!((json!(picture.width()), json!(picture.height())), (told["width"].clone(), told["height"].clone()));

    let mut light = vultus.viewer_of("pictures=off&format=binary").await;
    let (mut told, bare, ()) = same_frame(&mut json, &mut light, async |viewer| (viewer.event().await, ())).await;
    told["frame"].take();
    assert_eq!(told, bare);
}

#[tokio::test]
async fn a_client_gets_the_cameras_that_it_names() {
    let hub = Home::new().start(&["hub"]).await;
    let mut two = hub.viewer_of("camera=gate&camera=yard,door").await;
    let (mut all, mut speaker) = (hub.viewer_of("view=all").await, hub.viewer().await);
    let frame = |camera: &str| json!({"type": "face_event", "camera": camera, "frame": "aGVsbG8="});
    let passage = json!({"type": "event", "phase": "start", "id": 1, "camera": "gate"});
    for said in [frame("lobby"), frame("gate"), passage.clone(), frame("door")] {
        speaker.say(&said.to_string()).await;
    }
    for expected in [frame("gate"), frame("door")] {
        assert_eq!(two.event().await, expected);
    }
    let mut got = Vec::new();
    for _ in 0..4 {
        got.push(all.event().await);
    }
    assert!(got.contains(&passage) && got.contains(&frame("lobby")), "{got:?}");
    // Who comes now learns of the passage that goes on.
    assert_eq!(hub.viewer_of("view=events&camera=gate").await.event().await, passage);
    let (header, picture) = hub.viewer_of("camera=door&format=binary").await.binary().await;
    assert_eq!((&header["camera"], &header["frame"], &*picture), (&json!("door"), &Value::Null, &b"hello"[..]));
}

#[tokio::test]
async fn who_comes_when_the_recording_is_over_still_gets_its_last_picture() {
    let home = Home::new().with("VIDEO_SOURCE", clip(3, 2).to_str().unwrap());
    let vultus = home.start(&["serve"]).await;
    until("the end of the recording", async || {
        (vultus.get("/healthz").await.json()["camera"]["state"] == "finished").then_some(())
    })
    .await;
    // The passage that it ends with may still be told as going on.
    let is_picture = |event: &Value| event["type"] == "face_event";
    let last = vultus.viewer_of("view=all").await.event_where("a picture", is_picture).await;
    assert!(last["frame_id"].as_u64().unwrap() > 10 && last["frame"].is_string(), "{}", last["frame_id"]);
    let (header, _) = vultus.viewer_of("camera=camera&format=binary").await.binary().await;
    assert_eq!(header["frame_id"], last["frame_id"]);
}

#[tokio::test]
async fn a_choice_that_means_nothing_is_refused_with_what_does() {
    let hub = Home::new().start(&["hub"]).await;
    let url = hub.ws_url().replace("ws://", "http://");
    let cameras = "camera=a&".repeat(1000);
    for query in ["view=everything", "format=xml", "pictures=maybe", "camera=%20,,&view=", &cameras] {
        let request =
            client().get(format!("{url}?{query}")).header("connection", "upgrade").header("upgrade", "websocket");
        let request =
            request.header("sec-websocket-version", "13").header("sec-websocket-key", "dGhlIHNhbXBsZSBub25jZQ==");
        assert_eq!(Answer::to(request).await.error(), "400 bad_parameter", "{query:.40}");
    }
    let status =
        client().get(format!("{url}?view={}", "x".repeat(1 << 20))).send().await.map(|answer| answer.status().as_u16());
    assert!(status.as_ref().is_ok_and(|status| (400..500).contains(status)) || status.is_err(), "{status:?}");
    hub.viewer().await.say("it is still there").await;
}
