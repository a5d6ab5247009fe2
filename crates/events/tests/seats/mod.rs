//! Who sits in a hub, and what is said there.
#![allow(dead_code, reason = "each test uses a part")]

use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use camera::{Acceptance, Attention, Buffers, Frame, Pooled, Sighting, SightingTimes, Work};
use events::{Choice, ClientKind, Form, Live, LiveFrame, Message, MessagePool, Phase, Seat, View, Wire};
use face::YuvImage;
use futures_util::FutureExt;
use gallery::{Distance, Strictness};
use serde_json::{Value, json};
use tokio::time::timeout;

pub async fn wire(seat: &mut Seat) -> Option<Wire> {
    timeout(Duration::from_secs(10), seat.next()).await.expect("nothing came within 10 s")
}

pub async fn next(seat: &mut Seat) -> Option<String> {
    wire(seat).await.map(|wire| match wire {
        Wire::Text(text) => text.to_string(),
        Wire::Binary(_) => panic!("a binary message"),
    })
}

pub async fn next_json(seat: &mut Seat) -> Value {
    serde_json::from_str(&next(seat).await.expect("a message")).expect("JSON")
}

/// The JSON and the picture of a binary message.
pub async fn next_binary(seat: &mut Seat) -> (Value, Vec<u8>) {
    let Some(Wire::Binary(bytes)) = wire(seat).await else { panic!("no binary message") };
    let (length, rest) = bytes.split_first_chunk().expect("a length");
    let (header, jpeg) = rest.split_at(u32::from_be_bytes(*length) as usize);
    (serde_json::from_slice(header).expect("JSON"), jpeg.to_vec())
}

/// A client of the original: it chooses nothing.
pub fn contract() -> ClientKind {
    ClientKind::Viewer(Choice::default())
}

pub fn choosing(cameras: &[&str], view: View, form: Form) -> ClientKind {
    let cameras = cameras.iter().map(|&camera| camera.into()).collect();
    ClientKind::Viewer(Choice { cameras, view, form, catch_up: true })
}

/// A frame of a camera of this process.
pub fn seen(camera: &str, id: u64) -> Message {
    MessagePool::default().seen(shown(camera, id), false)
}

/// A frame in which nobody is, with its pictures.
pub fn shown(camera: &str, id: u64) -> Pooled<LiveFrame> {
    let picture = YuvImage::new(64, 48, vec![128; YuvImage::len_for(64, 48)]).expect("a picture");
    let frame = Frame::new(picture, id, Duration::ZERO, &Buffers::new());
    let (frame, times) = (frame.shared(), SightingTimes::default());
    let (camera, rule) =
        (camera.into(), Acceptance { strictness: Strictness::Below(Distance::new(0.45)), shots: 2 }.rule(0));
    let sighting = Sighting { camera, frame, faces: vec![].into(), ended: vec![], rule, times, work: Work::default() };
    Live::new(70, Attention::default()).expect("an encoder").show(sighting)
}

/// A frame of a camera of another process.
pub fn relayed(camera: &str, name: &str) -> Message {
    Message::relayed(
        json!({"type": "face_event", "name": name, "camera": camera, "frame": STANDARD.encode("a picture")})
            .to_string(),
    )
}

pub fn passage(phase: Phase, camera: &str, id: &str) -> Message {
    Message::passage(&json!({"phase": phase, "id": id, "camera": camera, "person": "katya"})).expect("an object")
}

/// Everything that waits for it now, as JSON where it is that.
pub fn waiting(seat: &mut Seat) -> Vec<Value> {
    let mut waiting = Vec::new();
    while let Some(Some(Wire::Text(text))) = seat.next().now_or_never() {
        waiting.push(serde_json::from_str(&text).unwrap_or_else(|_| json!(text.as_str())));
    }
    waiting
}

pub async fn has_nothing(seat: &mut Seat) -> bool {
    timeout(Duration::from_millis(50), seat.next()).await.is_err()
}
