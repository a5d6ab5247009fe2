use std::time::Duration;

use axum::body::Bytes;
use axum::extract::ws::{Message, Utf8Bytes, WebSocket, WebSocketUpgrade};
use axum::extract::{Query, State};
use axum::response::Response;
use events::{ClientKind, Hub, Msg};
use futures_util::stream::{SplitSink, SplitStream};
use futures_util::{SinkExt, StreamExt};
use serde::Deserialize;
use tokio::time::{Instant, interval_at, timeout};

/// A ping keeps proxies from closing a quiet connection, and finds clients that are gone.
const PING_EVERY: Duration = Duration::from_secs(15);

/// A client that answers no ping for so long is gone.
const LONGEST_SILENCE: Duration = Duration::from_secs(45);

/// A client that cannot take one message in this time is as good as gone.
const LONGEST_SEND: Duration = Duration::from_secs(10);

/// Largest message that a client may send: a 4K frame as base64 fits.
const MAX_MESSAGE: usize = 16 << 20;

#[derive(Deserialize)]
pub(super) struct Wish {
    role: Option<String>,
}

/// Joins the hub: gets every message, and what is sent is broadcast to everybody.
pub(super) async fn join(State(hub): State<Hub>, Query(wish): Query<Wish>, upgrade: WebSocketUpgrade) -> Response {
    let kind = if wish.role.as_deref() == Some("publisher") { ClientKind::Publisher } else { ClientKind::Viewer };
    upgrade
        .max_message_size(MAX_MESSAGE)
        .max_frame_size(MAX_MESSAGE)
        .on_upgrade(move |socket| attend(socket, hub, kind))
}

/// One client from its coming to its going.
async fn attend(socket: WebSocket, hub: Hub, kind: ClientKind) {
    tracing::debug!(?kind, "a WebSocket client came");
    let (sink, stream) = socket.split();
    let why = tokio::select! {
        why = speak(sink, hub.join(kind)) => why,
        why = listen(stream, &hub) => why,
    };
    tracing::debug!(?kind, why, "a WebSocket client went");
}

/// Sends what the hub has, and pings in between, until the client is gone.
async fn speak(mut sink: SplitSink<WebSocket, Message>, mut seat: events::Seat) -> &'static str {
    let mut ping = interval_at(Instant::now() + PING_EVERY, PING_EVERY);
    loop {
        let message = tokio::select! {
            message = seat.next() => match message {
                Some(message) => match shared(message) {
                    Some(text) => Message::Text(text),
                    None => continue,
                },
                None => return "the hub ended",
            },
            _ = ping.tick() => Message::Ping(Bytes::new()),
        };
        match timeout(LONGEST_SEND, sink.send(message)).await {
            Ok(Ok(())) => {}
            Ok(Err(_)) => return "it closed the connection",
            Err(_) => return "it takes nothing any more",
        }
    }
}

/// The hub's text as axum's, without a copy for each client.
fn shared(message: Msg) -> Option<Utf8Bytes> {
    Utf8Bytes::try_from(Bytes::from(message)).ok()
}

/// Broadcasts what the client says, until it is gone or silent.
async fn listen(mut stream: SplitStream<WebSocket>, hub: &Hub) -> &'static str {
    loop {
        match timeout(LONGEST_SILENCE, stream.next()).await {
            Ok(Some(Ok(Message::Text(text)))) => hub.broadcast(text.as_str()),
            Ok(Some(Ok(Message::Close(_))) | None) => return "it said goodbye",
            Ok(Some(Ok(_))) => {}
            Ok(Some(Err(_))) => return "its connection broke",
            Err(_) => return "it answers no ping",
        }
    }
}
