//! The WebSocket: many clients, each as fast as it can be, none at the cost of another.

use std::collections::HashMap;
use std::time::{Duration, Instant};

use futures_util::StreamExt;
use tokio::net::TcpSocket;
use tokio_tungstenite::tungstenite::Message;

use crate::support::{Answer, Home, Viewer, client};

#[tokio::test]
async fn several_clients_get_the_same_frames_on_both_ports() {
    let home = Home::new().with("VIDEO_SOURCE", "testsrc");
    let vultus = home.start(&["serve"]).await;
    let mut on_hub = vultus.viewer().await;
    let mut another = vultus.viewer().await;
    let mut on_http = Viewer::connect(format!("ws://{}/ws/face-stream", vultus.http())).await;
    let mut frames: [HashMap<u64, String>; 3] = Default::default();
    for _ in 0..30 {
        for (viewer, frames) in [&mut on_hub, &mut another, &mut on_http].into_iter().zip(&mut frames) {
            let text = viewer.text().await;
            frames.insert(id_of(&text), text);
        }
    }
    let common: Vec<_> =
        frames[0].keys().filter(|id| frames[1].contains_key(id) && frames[2].contains_key(id)).collect();
    assert!(common.len() >= 10, "{common:?}");
    for id in common {
        assert!(frames[0][id] == frames[1][id] && frames[0][id] == frames[2][id], "frame {id} differs");
    }
}

#[tokio::test]
async fn what_a_client_says_is_broadcast_to_all_the_others_word_for_word() {
    let home = Home::new();
    let hub = home.start(&["hub"]).await;
    let (mut speaker, mut near, mut far) = (hub.viewer().await, hub.viewer().await, hub.viewer().await);
    for said in [r#"{"type":"face_event","name":"катя"}"#, "not even JSON", ""] {
        speaker.say(said).await;
        assert_eq!(near.text().await, said);
        assert_eq!(far.text().await, said);
    }
}

#[tokio::test]
async fn a_client_that_leaves_or_breaks_off_disturbs_nobody() {
    let home = Home::new();
    let hub = home.start(&["hub"]).await;
    let (mut speaker, mut listener) = (hub.viewer().await, hub.viewer().await);
    for round in 0..20 {
        drop(hub.viewer().await);
        speaker.say(&round.to_string()).await;
        assert_eq!(listener.text().await, round.to_string());
    }
}

#[tokio::test]
async fn a_client_that_never_reads_does_not_slow_the_others() {
    let home = Home::new().with("VIDEO_SOURCE", "testsrc").with("WS_JPEG_QUALITY", "100");
    let vultus = home.start(&["serve"]).await;
    let url = vultus.ws_url();
    let address = url.trim_start_matches("ws://").split('/').next().unwrap().parse().unwrap();
    let mut asleep = Vec::new();
    for _ in 0..3 {
        let socket = TcpSocket::new_v4().unwrap();
        socket.set_recv_buffer_size(4096).unwrap();
        let stream = socket.connect(address).await.unwrap();
        asleep.push(tokio_tungstenite::client_async(url.as_str(), stream).await.unwrap());
    }
    let mut viewer = vultus.viewer().await;
    // More than the system keeps for clients that do not read.
    let (mut received, mut longest, mut last, mut last_id) = (0, Duration::ZERO, Instant::now(), 0);
    while received < 12_000_000 {
        let text = viewer.text().await;
        received += text.len();
        longest = longest.max(last.elapsed());
        last = Instant::now();
        last_id = id_of(&text);
    }
    assert!(longest < Duration::from_secs(2), "{longest:?} without a frame");

    // It wakes up, finds what the system had kept for it, and then what happens now: the rest was dropped.
    let (mut sleeper, _) = asleep.pop().unwrap();
    let (mut got, mut id) = (0, 0);
    while id < last_id {
        match sleeper.next().await.unwrap().unwrap() {
            Message::Text(text) => (got, id) = (got + 1, id_of(&text)),
            _ => continue,
        }
    }
    assert!(got < last_id / 2, "{got} frames were kept for it, up to {id}");
}

fn id_of(text: &str) -> u64 {
    let event: serde_json::Value = serde_json::from_str(text).unwrap();
    event["frame_id"].as_u64().unwrap()
}

#[tokio::test]
async fn with_ws_enable_off_there_is_no_websocket() {
    let home = Home::new().with("VIDEO_SOURCE", "testsrc").with("WS_ENABLE", "False");
    let vultus = home.start(&["serve"]).await;
    assert_eq!(vultus.get("/ws/face-stream").await.error(), "404 not_found");
}

#[tokio::test]
async fn the_hubs_port_answers_what_it_does_not_know_in_json() {
    let home = Home::new();
    let hub = home.start(&["hub"]).await;
    let url = hub.ws_url().replace("ws://", "http://");
    let health = Answer::to(client().get(url.replace("/ws/face-stream", "/healthz"))).await.ok();
    assert_eq!(health["status"], "ok");
    assert_eq!(Answer::to(client().get(url.replace("/ws/face-stream", "/faces"))).await.error(), "404 not_found");
}
