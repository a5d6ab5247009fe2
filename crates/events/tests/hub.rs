//! The hub, seen by those who sit in it.
#![allow(clippy::unwrap_used, reason = "a test ends at the first surprise")]

mod seats;

use events::{ClientKind, Hub, Message};
use seats::{contract, has_nothing, next, shown};

#[tokio::test]
async fn every_viewer_gets_every_message_in_order() {
    let hub = Hub::new();
    let mut seats = [hub.join(contract()), hub.join(contract())];
    for message in ["one", "two", "three"] {
        hub.send(&Message::relayed(message));
    }
    for seat in &mut seats {
        for message in ["one", "two", "three"] {
            assert_eq!(next(seat).await.as_deref(), Some(message));
        }
        assert!(has_nothing(seat).await);
    }
    assert_eq!(hub.dropped(), 0);
}

#[tokio::test]
async fn a_slow_viewer_loses_the_oldest_messages_and_the_others_get_all() {
    let hub = Hub::new();
    let mut slow = hub.join(contract());
    let mut quick = hub.join(contract());
    for number in 0..100 {
        hub.send(&Message::relayed(number.to_string()));
        assert_eq!(next(&mut quick).await, Some(number.to_string()));
    }

    let first: u64 = next(&mut slow).await.expect("a message").parse().expect("a number");
    assert!(first > 90, "a slow viewer got message {first} of 100: that is the past");
    assert_eq!(hub.dropped(), first, "those before the first one that it got");
    for number in first + 1..100 {
        assert_eq!(next(&mut slow).await, Some(number.to_string()));
    }
    assert!(has_nothing(&mut slow).await);
}

#[tokio::test]
async fn the_number_of_viewers_follows_who_comes_and_goes() {
    let hub = Hub::new();
    assert_eq!(hub.viewers(), 0);

    let first = hub.join(contract());
    let second = hub.clone().join(contract());
    let _publisher = hub.join(ClientKind::Publisher);
    assert_eq!(hub.viewers(), 2);

    drop(first);
    drop(second);
    assert_eq!(hub.viewers(), 0);
}

#[tokio::test]
async fn a_publisher_gets_the_number_of_viewers_and_no_frames() {
    let hub = Hub::new();
    let mut publisher = hub.join(ClientKind::Publisher);
    assert_eq!(next(&mut publisher).await.as_deref(), Some(r#"{"type":"viewers","count":0}"#));

    hub.send(&Message::relayed("a frame"));
    assert!(has_nothing(&mut publisher).await);

    let viewer = hub.join(contract());
    assert_eq!(next(&mut publisher).await.as_deref(), Some(r#"{"type":"viewers","count":1}"#));
    drop(viewer);
    assert_eq!(next(&mut publisher).await.as_deref(), Some(r#"{"type":"viewers","count":0}"#));
}

#[tokio::test]
async fn every_seat_ends_with_the_hub() {
    let hub = Hub::new();
    let mut viewer = hub.join(contract());
    let mut publisher = hub.join(ClientKind::Publisher);
    assert!(next(&mut publisher).await.is_some());
    hub.send(&Message::relayed("the last word"));
    drop(hub);

    assert_eq!(next(&mut viewer).await.as_deref(), Some("the last word"));
    assert_eq!(next(&mut viewer).await, None);
    assert_eq!(next(&mut publisher).await, None);
}

#[test]
fn a_frame_in_which_nobody_is_has_one_picture_with_boxes_or_without() {
    let frame = shown("gate", 1);
    let (drawn, plain) = (frame.jpeg(true).unwrap(), frame.jpeg(false).unwrap());
    assert!(!drawn.is_empty());
    assert_eq!(drawn.as_ptr(), plain.as_ptr(), "encoded twice");
}
