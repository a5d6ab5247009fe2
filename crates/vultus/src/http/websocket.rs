use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use axum::Extension;
use axum::body::Bytes;
use axum::extract::ws::rejection::WebSocketUpgradeRejection;
use axum::extract::ws::{CloseFrame, Message, Utf8Bytes, WebSocket, WebSocketUpgrade, close_code};
use axum::extract::{RawQuery, State};
use axum::http::StatusCode;
use axum::response::Response;
use events::{ClientKind, Hub, Seat, Wire};
use futures_util::stream::{SplitSink, SplitStream};
use futures_util::{FutureExt, SinkExt, StreamExt};
use tokio::task::spawn_blocking;
use tokio::time::{Instant, MissedTickBehavior, interval_at, timeout};

use super::ApiError;
use super::choice::client_kind;
use super::listen::Stopping;

/// A ping keeps proxies from closing a quiet connection, and finds clients that are gone.
const PING_EVERY: Duration = Duration::from_secs(15);

/// A client that answers no ping for so long is gone.
const LONGEST_SILENCE: Duration = Duration::from_secs(45);

/// A client that cannot take one message in this time, and says nothing either, is as good as gone.
const LONGEST_SEND: Duration = Duration::from_secs(10);

/// How long a client may take to answer the goodbye of a service that stops.
const LONGEST_GOODBYE: Duration = Duration::from_secs(1);

/// Largest message that a client may send: a 4K frame as base64 fits.
const MAX_MESSAGE: usize = 16 << 20;

/// Clients say little. The whole buffer is cleared each time a client is listened to, so that the library's 128 KiB took a third of
/// what a client cost.
const READ_BUFFER: usize = 4 << 10;

type Sink = SplitSink<WebSocket, Message>;
type Stream = SplitStream<WebSocket>;

/// Joins the hub: gets every message that it chose, and what is sent is broadcast to everybody.
pub(super) async fn join(
    State(hub): State<Hub>,
    RawQuery(query): RawQuery,
    Extension(stopping): Extension<Stopping>,
    upgrade: Result<WebSocketUpgrade, WebSocketUpgradeRejection>,
) -> Result<Response, ApiError> {
    let upgrade = upgrade.map_err(|error| {
        let message = format!("this address is a WebSocket, open it as one (ws://…): {}", error.body_text());
        ApiError::new(error.status(), "not_a_websocket", message)
    })?;
    let kind = client_kind(&query.unwrap_or_default())?;
    // Before the client knows that it is in, so that it misses nothing from then on.
    let seat = seat(hub.clone(), kind).await?;
    Ok(upgrade
        .max_message_size(MAX_MESSAGE)
        .max_frame_size(MAX_MESSAGE)
        .read_buffer_size(READ_BUFFER)
        .on_upgrade(move |socket| attend(socket, hub, seat, stopping)))
}

/// How things stand may take pictures that are still to be made.
async fn seat(hub: Hub, kind: ClientKind) -> Result<Seat, ApiError> {
    spawn_blocking(move || hub.join(kind)).await.map_err(|error| {
        let message = format!("no place could be made for a client: {error}");
        ApiError::new(StatusCode::INTERNAL_SERVER_ERROR, "internal_error", message)
    })
}

/// One client from its coming to its going.
async fn attend(socket: WebSocket, hub: Hub, mut seat: Seat, stopping: Stopping) {
    tracing::debug!("a WebSocket client came");
    let (mut sink, mut stream) = socket.split();
    let heard = LastHeard::default();
    let why = tokio::select! {
        why = speak(&mut sink, &mut seat, &heard) => why,
        why = listen(&mut stream, &hub, &heard) => why,
        () = stopping.come() => {
            // A client that does not answer is not waited for.
            let _ = timeout(LONGEST_GOODBYE, say_goodbye(&mut sink, &mut stream, &mut seat)).await;
            "the service stops"
        }
    };
    tracing::debug!(why, "a WebSocket client went");
}

/// Sends what the hub has, and pings in between, until the client is gone.
async fn speak(sink: &mut Sink, seat: &mut Seat, heard: &LastHeard) -> &'static str {
    let mut ping = interval_at(Instant::now() + PING_EVERY, PING_EVERY);
    ping.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        let message = tokio::select! {
            wire = seat.next() => match wire {
                Some(wire) => match message_of(wire) {
                    Some(message) => message,
                    None => continue,
                },
                None => return "the hub ended",
            },
            _ = ping.tick() => Message::Ping(Bytes::new()),
        };
        if let Err(why) = send(sink, message, heard).await {
            return why;
        }
    }
}

/// Sends one message. A publisher of the original never reads, so that its own messages, which come back to it, fill its
/// socket: as long as it speaks it is waited for, and the hub drops what it does not take meanwhile.
async fn send(sink: &mut Sink, message: Message, heard: &LastHeard) -> Result<(), &'static str> {
    let mut sending = sink.send(message);
    loop {
        match timeout(LONGEST_SEND, &mut sending).await {
            Ok(sent) => return sent.map_err(|_| "it closed the connection"),
            Err(_) if heard.is_recent() => {}
            Err(_) => return Err("it takes nothing any more"),
        }
    }
}

/// What the hub has as axum sends it, without a copy for each client.
fn message_of(wire: Wire) -> Option<Message> {
    match wire {
        Wire::Binary(bytes) => Some(Message::Binary(bytes)),
        Wire::Text(text) => Utf8Bytes::try_from(Bytes::from(text)).ok().map(Message::Text),
    }
}

/// Broadcasts what the client says, until it is gone or silent.
async fn listen(stream: &mut Stream, hub: &Hub, heard: &LastHeard) -> &'static str {
    loop {
        match timeout(LONGEST_SILENCE, stream.next()).await {
            Ok(Some(Ok(Message::Text(text)))) => {
                heard.now();
                broadcast(hub.clone(), text).await;
            }
            Ok(Some(Ok(Message::Close(_))) | None) => return "it said goodbye",
            Ok(Some(Ok(_))) => {}
            Ok(Some(Err(_))) => return "its connection broke",
            Err(_) => return "it answers no ping",
        }
    }
}

/// A message may be long, and may have to be brought into other forms.
async fn broadcast(hub: Hub, text: Utf8Bytes) {
    // An error is a panic, which has been reported where it happened.
    let _ = spawn_blocking(move || hub.send(&events::Message::relayed(text.as_str()))).await;
}

/// Sends what waits, and closes the connection as the protocol wants it: so that clients know at once that they have to come
/// again.
async fn say_goodbye(sink: &mut Sink, stream: &mut Stream, seat: &mut Seat) {
    while let Some(Some(wire)) = seat.next().now_or_never() {
        if let Some(message) = message_of(wire)
            && sink.feed(message).await.is_err()
        {
            return;
        }
    }
    let close = CloseFrame { code: close_code::AWAY, reason: Utf8Bytes::from_static("the service stops") };
    if sink.send(Message::Close(Some(close))).await.is_ok() {
        while let Some(Ok(_)) = stream.next().await {}
    }
}

/// When the client last said something that was broadcast.
#[derive(Default)]
struct LastHeard(Mutex<Option<Instant>>);

impl LastHeard {
    fn now(&self) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = Some(Instant::now());
    }

    fn is_recent(&self) -> bool {
        let last = *self.0.lock().unwrap_or_else(PoisonError::into_inner);
        last.is_some_and(|last| last.elapsed() < LONGEST_SILENCE)
    }
}
