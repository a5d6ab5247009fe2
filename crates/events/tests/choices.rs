//! What each viewer of a hub gets of all that is said there.
#![allow(clippy::unwrap_used, reason = "a test ends at the first surprise")]

mod seats;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use events::{Form, Hub, Message, Phase, View, Wire};
use seats::{choosing, contract, next, next_binary, next_json, passage, relayed, seen, waiting, wire};
use serde_json::{Value, json};

/// What the messages are about, `type camera` each.
fn told(messages: &[Value]) -> Vec<String> {
    let word = |value: &Value| value.as_str().map(str::to_owned).unwrap_or_default();
    messages.iter().map(|message| format!("{} {}", word(&message["type"]), word(&message["camera"]))).collect()
}

#[tokio::test]
async fn every_form_of_a_frame_says_the_same() {
    let hub = Hub::new();
    let [mut json, mut bare, mut binary] =
        [Form::Json, Form::Bare, Form::Binary].map(|form| hub.join(choosing(&[], View::Frames, form)));
    for message in [seen("door", 7), relayed("gate", "katya")] {
        hub.send(&message);
        let mut told = next_json(&mut json).await;
        let picture = STANDARD.decode(told["frame"].take().as_str().expect("a picture")).expect("base64");
        assert_eq!(next_json(&mut bare).await, told);
        assert_eq!(next_binary(&mut binary).await, (told, picture));
    }
}

#[tokio::test]
async fn a_form_is_made_once_for_all_who_want_it() {
    let hub = Hub::new();
    for form in [Form::Json, Form::Binary] {
        let mut seats = [(); 3].map(|()| hub.join(choosing(&[], View::Frames, form)));
        hub.send(&seen("door", 1));
        let mut addresses = Vec::new();
        for seat in &mut seats {
            addresses.push(match wire(seat).await.unwrap() {
                Wire::Text(text) => text.as_str().as_ptr(),
                Wire::Binary(bytes) => bytes.as_ptr(),
            });
        }
        assert!(addresses.iter().all(|address| *address == addresses[0]), "{form:?}");
    }
}

#[tokio::test]
async fn a_relayed_frame_whose_picture_is_damaged_is_told_without_it() {
    let hub = Hub::new();
    let mut viewer = hub.join(choosing(&[], View::Frames, Form::Binary));
    for frame in [json!("!"), json!(7), Value::Null] {
        hub.send(&Message::relayed(json!({"type": "face_event", "name": "katya", "frame": frame}).to_string()));
        assert_eq!(next_json(&mut viewer).await, json!({"type": "face_event", "name": "katya", "frame": null}));
    }
    hub.send(&Message::relayed("no frame at all"));
    assert_eq!(next(&mut viewer).await.as_deref(), Some("no frame at all"));
}

#[tokio::test]
async fn viewers_get_the_cameras_and_the_kinds_of_messages_that_they_chose() {
    let hub = Hub::new();
    let mut everything = hub.join(choosing(&[], View::All, Form::Bare));
    let mut two_cameras = hub.join(choosing(&["door", "yard"], View::Frames, Form::Bare));
    let mut events = hub.join(choosing(&["door"], View::Events, Form::Bare));
    let mut contract = hub.join(contract());
    for camera in ["gate", "door"] {
        hub.send(&passage(Phase::Start, camera, "1"));
        hub.send(&relayed(camera, "katya"));
        hub.send(&seen(camera, 1));
    }
    hub.send(&Message::relayed("hello"));

    let [gate, door] = ["face_event gate", "face_event door"];
    assert_eq!(told(&waiting(&mut everything)), ["event gate", "event door", gate, gate, door, door, " "]);
    assert_eq!(told(&waiting(&mut two_cameras)), [door, door, " "]);
    assert_eq!(told(&waiting(&mut events)), ["event door"]);
    assert_eq!(told(&waiting(&mut contract)), [gate, gate, door, door, " "]);
}

#[tokio::test]
async fn a_slow_viewer_loses_frames_of_each_camera_alike_and_no_passage() {
    let hub = Hub::new();
    let mut slow = hub.join(choosing(&[], View::All, Form::Bare));
    for number in 0..100 {
        hub.send(&seen("busy", number));
        hub.send(&passage(Phase::Update, "busy", &number.to_string()));
    }
    hub.send(&seen("quiet", 1));
    let got = waiting(&mut slow);
    let (passages, frames) = got.split_at(100);
    let ids: Vec<i32> = passages.iter().map(|passage| passage["id"].as_str().unwrap().parse().unwrap()).collect();
    assert_eq!(ids, (0..100).collect::<Vec<_>>());
    assert_eq!(frames.iter().map(|frame| frame["frame_id"].as_u64().unwrap()).collect::<Vec<_>>(), [96, 97, 98, 99, 1]);
    assert_eq!(hub.dropped(), 96);
}

#[tokio::test]
async fn who_comes_late_gets_the_newest_frame_of_each_camera_and_the_passages_that_go_on() {
    let hub = Hub::new();
    for number in [1, 2] {
        hub.send(&seen("door", number));
    }
    for number in [1, 2] {
        hub.send(&relayed("gate", &format!("katya {number}")));
    }
    hub.send(&Message::relayed("this is over"));
    hub.send(&passage(Phase::Start, "door", "first"));
    hub.send(&passage(Phase::Start, "door", "second"));
    hub.send(&passage(Phase::Update, "door", "second"));
    hub.send(&passage(Phase::End, "door", "first"));

    let mut got = waiting(&mut hub.join(choosing(&[], View::All, Form::Json)));
    let passage = got.remove(0);
    assert_eq!((&passage["id"], &passage["phase"]), (&json!("second"), &json!("update")));
    got.sort_by_key(|frame| frame["camera"].to_string());
    assert_eq!(told(&got), ["face_event door", "face_event gate"]);
    assert_eq!((&got[0]["frame_id"], &got[1]["name"]), (&json!(2), &json!("katya 2")));

    let (door, _) = next_binary(&mut hub.join(choosing(&["door"], View::Frames, Form::Binary))).await;
    assert_eq!(door["frame_id"], 2);
    hub.forget_camera("door");
    assert_eq!(waiting(&mut hub.join(choosing(&["door"], View::All, Form::Json))), [] as [Value; 0]);
}

#[tokio::test]
async fn who_chose_nothing_is_told_of_no_past_as_if_it_were_news() {
    let hub = Hub::new();
    hub.send(&relayed("door", "katya"));
    let (mut page, mut door_opener) = (hub.join(choosing(&["gate"], View::Frames, Form::Json)), hub.join(contract()));
    let late = json!({"type": "face_event", "name": "katya", "camera": "gate", "late": true});
    hub.send(&Message::relayed(late.to_string()));
    assert_eq!(waiting(&mut page), [late]);
    assert_eq!(waiting(&mut door_opener), [] as [Value; 0]);
    hub.send(&relayed("door", "katya"));
    assert_eq!(told(&waiting(&mut door_opener)), ["face_event door"]);
}

#[tokio::test]
async fn cameras_that_others_invent_are_forgotten_but_for_the_newest() {
    let hub = Hub::new();
    hub.send(&seen("door", 1));
    hub.send(&relayed("door", "an impostor"));
    for number in 0..1000 {
        hub.send(&relayed(&format!("invented {number}"), "x"));
    }
    let mut cameras = told(&waiting(&mut hub.join(choosing(&[], View::Frames, Form::Json))));
    assert!(cameras.len() <= 65 && cameras.contains(&"face_event invented 999".to_owned()), "{cameras:?}");
    cameras.retain(|camera| camera == "face_event door");
    assert_eq!(cameras.len(), 1);
    let door = waiting(&mut hub.join(choosing(&["door"], View::Frames, Form::Json)));
    assert_eq!((door.len(), &door[0]["frame_id"]), (1, &json!(1)));
}
