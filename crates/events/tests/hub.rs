//! The hub, seen by those who sit in it.
#![allow(clippy::unwrap_used, reason = "a test ends at the first surprise")]

use std::time::Duration;

use events::{ClientKind, Hub, Seat};
use tokio::time::timeout;

async fn next(seat: &mut Seat) -> Option<String> {
    let message = timeout(Duration::from_secs(10), seat.next()).await.expect("nothing came within 10 s");
    message.map(|message| message.to_string())
}

async fn has_nothing(seat: &mut Seat) -> bool {
    timeout(Duration::from_millis(50), seat.next()).await.is_err()
}

#[tokio::test]
async fn every_viewer_gets_every_message_in_order() {
    let hub = Hub::new();
    let mut seats = [hub.join(ClientKind::Viewer), hub.join(ClientKind::Viewer)];
    for message in ["one", "two", "three"] {
        hub.broadcast(message);
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
    let mut slow = hub.join(ClientKind::Viewer);
    let mut quick = hub.join(ClientKind::Viewer);
    for number in 0..100 {
        hub.broadcast(number.to_string());
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
    let mut watched = hub.watch_viewers();
    assert_eq!(hub.viewers(), 0);

    let first = hub.join(ClientKind::Viewer);
    let second = hub.clone().join(ClientKind::Viewer);
    let _publisher = hub.join(ClientKind::Publisher);
    assert_eq!(hub.viewers(), 2);
    assert_eq!(*watched.borrow_and_update(), 2);

    drop(first);
    drop(second);
    assert_eq!(hub.viewers(), 0);
    assert!(watched.has_changed().expect("the hub is alive"));
}

#[tokio::test]
async fn a_publisher_gets_the_number_of_viewers_and_no_frames() {
    let hub = Hub::new();
    let mut publisher = hub.join(ClientKind::Publisher);
    assert_eq!(next(&mut publisher).await.as_deref(), Some(r#"{"type":"viewers","count":0}"#));

    hub.broadcast("a frame");
    assert!(has_nothing(&mut publisher).await);

    let viewer = hub.join(ClientKind::Viewer);
    assert_eq!(next(&mut publisher).await.as_deref(), Some(r#"{"type":"viewers","count":1}"#));
    drop(viewer);
    assert_eq!(next(&mut publisher).await.as_deref(), Some(r#"{"type":"viewers","count":0}"#));
}

#[tokio::test]
async fn every_seat_ends_with_the_hub() {
    let hub = Hub::new();
    let mut viewer = hub.join(ClientKind::Viewer);
    let mut publisher = hub.join(ClientKind::Publisher);
    assert!(next(&mut publisher).await.is_some());
    hub.broadcast("the last word");
    drop(hub);

    assert_eq!(next(&mut viewer).await.as_deref(), Some("the last word"));
    assert_eq!(next(&mut viewer).await, None);
    assert_eq!(next(&mut publisher).await, None);
}
