//! The publisher, seen by real hubs on this machine.
#![allow(clippy::unwrap_used, reason = "a test ends at the first surprise")]

mod seats;

use std::future::Future;
use std::net::SocketAddr;
use std::time::{Duration, Instant};

use events::{EventsError, Message as Said, Phase, Publisher};
use futures_util::{SinkExt, StreamExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::time::timeout;
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::tungstenite::handshake::server::{ErrorResponse, Request, Response};

/// A hub with one client.
struct Client {
    socket: WebSocketStream<TcpStream>,
    query: String,
    authorization: Option<String>,
}

impl Client {
    async fn accept(listener: &TcpListener) -> Client {
        let (stream, _) = within(listener.accept()).await.expect("a connection");
        let (mut query, mut authorization) = (String::new(), None);
        #[allow(clippy::result_large_err, reason = "the library's signature")]
        let look = |request: &Request, response: Response| -> Result<Response, ErrorResponse> {
            query = request.uri().query().unwrap_or_default().to_owned();
            authorization = request.headers().get("authorization").map(|key| key.to_str().expect("text").to_owned());
            Ok(response)
        };
        let socket = within(tokio_tungstenite::accept_hdr_async(stream, look)).await.expect("a handshake");
        Client { socket, query, authorization }
    }

    /// The next text message; `None` when the publisher has closed the connection.
    async fn next(&mut self) -> Option<String> {
        loop {
            match within(self.socket.next()).await? {
                Ok(Message::Text(text)) => return Some(text.to_string()),
                Ok(Message::Close(_)) | Err(_) => return None,
                Ok(_) => {}
            }
        }
    }

    async fn say(&mut self, text: &str) {
        self.socket.send(Message::text(text)).await.expect("sent");
    }
}

async fn within<T>(what: impl Future<Output = T>) -> T {
    timeout(Duration::from_secs(20), what).await.expect("nothing happened for 20 s")
}

async fn until(condition: impl Fn() -> bool) {
    within(async {
        while !condition() {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    })
    .await;
}

async fn listener() -> (TcpListener, SocketAddr) {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
    let address = listener.local_addr().expect("an address");
    (listener, address)
}

fn publisher(address: SocketAddr) -> Publisher {
    Publisher::start(&format!("ws://{address}/ws/face-stream"), None).expect("a publisher")
}

#[tokio::test]
async fn a_publisher_says_who_it_is_beside_what_the_address_says() {
    let (listener, address) = listener().await;
    let _publisher =
        Publisher::start(&format!("ws://{address}/ws/face-stream?site=north"), Some("s3cret")).expect("a publisher");
    let client = Client::accept(&listener).await;
    assert_eq!(client.query, "site=north&role=publisher");
    assert_eq!(client.authorization.as_deref(), Some("Bearer s3cret"));
}

#[tokio::test]
async fn an_address_or_key_that_cannot_work_is_refused_at_the_start() {
    for url in ["http://localhost:3001/", "localhost:3001", ""] {
        assert!(matches!(Publisher::start(url, None), Err(EventsError::HubAddress { .. })), "{url}");
    }
    assert!(matches!(Publisher::start("ws://localhost/", Some("a\nb")), Err(EventsError::ApiKey { .. })));
}

#[tokio::test]
async fn messages_sent_while_the_hub_is_away_are_reduced_to_the_newest() {
    let (listener, address) = listener().await;
    drop(listener);
    let publisher = publisher(address);
    for number in 0..100 {
        publisher.send(&Said::relayed(number.to_string()));
    }
    assert!(!publisher.connected());

    let listener = TcpListener::bind(address).await.expect("the port again");
    let mut client = Client::accept(&listener).await;
    let first: u64 = client.next().await.expect("a message").parse().expect("a number");
    assert!(first > 90, "message {first} of 100 is the past");
    for number in first + 1..100 {
        assert_eq!(client.next().await, Some(number.to_string()));
    }
}

#[tokio::test]
async fn a_publisher_returns_to_a_hub_that_was_restarted() {
    let (listener, address) = listener().await;
    let publisher = publisher(address);
    let mut client = Client::accept(&listener).await;
    publisher.send(&Said::relayed("before"));
    assert_eq!(client.next().await.as_deref(), Some("before"));

    drop((client, listener));
    until(|| !publisher.connected()).await;
    let listener = TcpListener::bind(address).await.expect("the port again");
    let mut client = Client::accept(&listener).await;
    until(|| publisher.connected()).await;
    publisher.send(&Said::relayed("after"));
    assert_eq!(client.next().await.as_deref(), Some("after"));
}

#[tokio::test]
async fn messages_are_wanted_while_the_hub_has_viewers_or_does_not_say() {
    let (listener, address) = listener().await;
    let publisher = publisher(address);
    assert!(!publisher.wanted(), "there is no connection yet");

    let mut client = Client::accept(&listener).await;
    until(|| publisher.wanted()).await;
    client.say(r#"{"type":"viewers","count":0}"#).await;
    until(|| !publisher.wanted()).await;
    assert!(publisher.connected());
    client.say(r#"{"type":"face_event","name":null}"#).await;
    client.say(r#"{"type":"viewers","count":2}"#).await;
    until(|| publisher.wanted()).await;

    drop((client, listener));
    until(|| !publisher.wanted()).await;
}

#[tokio::test]
async fn a_hub_whose_first_viewer_comes_when_the_camera_shows_no_more_gets_its_last_picture_once() {
    let (listener, address) = listener().await;
    let publisher = publisher(address);
    publisher.send(&seats::seen("door", 6));
    publisher.send(&seats::seen("door", 7));
    for _ in 0..2 {
        let mut client = Client::accept(&listener).await;
        client.say(r#"{"type":"viewers","count":0}"#).await;
        client.say(r#"{"type":"viewers","count":1}"#).await;
        client.say(r#"{"type":"viewers","count":2}"#).await;
        let event: serde_json::Value = serde_json::from_str(&client.next().await.expect("a frame")).expect("JSON");
        assert_eq!((&event["frame_id"], &event["late"]), (&7.into(), &true.into()));
        assert!(event["frame"].is_string());
        until(|| publisher.wanted()).await;
        publisher.send(&Said::relayed("nothing in between"));
        assert_eq!(client.next().await.as_deref(), Some("nothing in between"));
        // A hub that is started anew knows nothing.
        drop(client);
        until(|| !publisher.connected()).await;
    }
}

#[tokio::test]
async fn passages_go_only_to_a_hub_that_knows_of_them_and_none_is_lost() {
    let (listener, address) = listener().await;
    let publisher = publisher(address);
    for number in 0..100 {
        publisher.send(&seats::passage(Phase::Start, "door", &number.to_string()));
    }
    publisher.send(&Said::relayed("for everybody"));
    let mut client = Client::accept(&listener).await;
    assert_eq!(client.next().await.as_deref(), Some("for everybody"));
    client.say(r#"{"type":"viewers","count":0}"#).await;
    for number in 0..100 {
        let event: serde_json::Value = serde_json::from_str(&client.next().await.expect("a passage")).expect("JSON");
        assert_eq!((&event["phase"], &event["id"]), (&"start".into(), &number.to_string().into()));
    }
}

#[tokio::test]
async fn a_hub_that_does_not_read_never_blocks_the_sender_and_gets_the_newest_later() {
    let (listener, address) = listener().await;
    let publisher = publisher(address);
    let mut client = Client::accept(&listener).await;
    until(|| publisher.connected()).await;

    let frame = "x".repeat(100_000);
    let started = Instant::now();
    for number in 0..2_000 {
        publisher.send(&Said::relayed(format!("{number} {frame}")));
        tokio::task::yield_now().await;
    }
    assert!(started.elapsed() < Duration::from_secs(10), "sending took {:?}", started.elapsed());

    let mut received = 0;
    while let Some(message) = client.next().await {
        received += 1;
        if message.starts_with("1999 ") {
            break;
        }
    }
    assert!(received < 2_000, "nothing was dropped");
}

#[tokio::test]
async fn a_publisher_that_ends_sends_what_is_queued() {
    let (listener, address) = listener().await;
    let publisher = publisher(address);
    for message in ["one", "two", "three"] {
        publisher.send(&Said::relayed(message));
    }
    let (mut client, ()) = tokio::join!(Client::accept(&listener), publisher.shutdown());
    for message in ["one", "two", "three"] {
        assert_eq!(client.next().await.as_deref(), Some(message));
    }
    assert_eq!(client.next().await, None);
}

#[tokio::test]
async fn a_publisher_ends_within_seconds_when_the_hub_is_away() {
    let (listener, address) = listener().await;
    drop(listener);
    let publisher = publisher(address);
    publisher.send(&Said::relayed("nobody hears this"));
    within(publisher.shutdown()).await;
}

/// With a clock that jumps ahead whenever all wait, so that half a minute of silence takes no time.
#[tokio::test(start_paused = true)]
async fn a_hub_that_has_gone_silent_is_left_and_found_again() {
    let (listener, address) = listener().await;
    let publisher = Publisher::start(&format!("ws://{address}/"), None).expect("a publisher");
    let (stream, _) = listener.accept().await.expect("a connection");
    let silent = tokio_tungstenite::accept_async(stream).await.expect("a handshake");
    while !publisher.connected() {
        tokio::task::yield_now().await;
    }

    let before = tokio::time::Instant::now();
    let (stream, _) = listener.accept().await.expect("a new connection");
    let silence = before.elapsed();
    assert!(silence >= Duration::from_secs(25) && silence < Duration::from_secs(60), "it came back after {silence:?}");
    drop((silent, stream));
}
