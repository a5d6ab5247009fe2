use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use axum::Extension;
use axum::body::Bytes;
use axum::extract::{RawQuery, Request, State};
use axum::http::StatusCode;
use axum::response::Response;
use events::{ClientKind, Hub, Msg, Seat};
use futures_util::stream::{SplitSink, SplitStream};
use futures_util::{FutureExt, SinkExt, StreamExt};
use tokio::task::spawn_blocking;
use tokio::time::{Instant, MissedTickBehavior, interval_at, timeout};
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::tungstenite::protocol::frame::coding::CloseCode;
use tokio_tungstenite::tungstenite::protocol::{CloseFrame, WebSocketConfig};

use super::ApiError;
use super::choice::client_kind;
use super::listen::Stopping;
use super::socket::{Handshake, Said, Socket};

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

type Sink = SplitSink<Socket, Said>;
type Stream = SplitStream<Socket>;

/// Joins the hub: gets every message that it chose, and what is sent is broadcast to everybody.
pub(super) async fn join(
    State(hub): State<Hub>,
    RawQuery(query): RawQuery,
    Extension(stopping): Extension<Stopping>,
    mut request: Request,
) -> Result<Response, ApiError> {
    let (handshake, response) = Handshake::of(&mut request).map_err(|lacks| {
        let message = format!("this address is a WebSocket, open it as one (ws://…): {lacks}");
        ApiError::new(StatusCode::BAD_REQUEST, "not_a_websocket", message)
    })?;
    let kind = client_kind(&query.unwrap_or_default())?;
    // Before the client knows that it is in, so that it misses nothing from then on.
    let seat = seat(hub.clone(), kind).await?;
    let config = WebSocketConfig::default()
        .max_message_size(Some(MAX_MESSAGE))
        .max_frame_size(Some(MAX_MESSAGE))
        .read_buffer_size(READ_BUFFER);
    tokio::spawn(async move {
        match handshake.finish(config).await {
            Ok(socket) => attend(socket, hub, seat, stopping).await,
            Err(error) => tracing::debug!(%error, "a WebSocket client went before it was there"),
        }
    });
    Ok(response)
}

/// How things stand may take pictures that are still to be made.
async fn seat(hub: Hub, kind: ClientKind) -> Result<Seat, ApiError> {
    spawn_blocking(move || hub.join(kind)).await.map_err(|error| {
        let message = format!("no place could be made for a client: {error}");
        ApiError::new(StatusCode::INTERNAL_SERVER_ERROR, "internal_error", message)
    })
}

/// One client from its coming to its going.
async fn attend(socket: Socket, hub: Hub, mut seat: Seat, stopping: Stopping) {
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
        let said = tokio::select! {
            wire = seat.next() => match wire {
                Some(wire) => Said::Wire(wire),
                None => return "the hub ended",
            },
            _ = ping.tick() => Said::Control(Message::Ping(Bytes::new())),
        };
        if let Err(why) = send(sink, said, heard).await {
            return why;
        }
    }
}

/// Sends one message. A publisher of the original never reads, so that its own messages, which come back to it, fill its
/// socket: as long as it speaks it is waited for, and the hub drops what it does not take meanwhile.
async fn send(sink: &mut Sink, said: Said, heard: &LastHeard) -> Result<(), &'static str> {
    let mut sending = sink.send(said);
    loop {
        match timeout(LONGEST_SEND, &mut sending).await {
            Ok(sent) => return sent.map_err(|_| "it closed the connection"),
            Err(_) if heard.is_recent() => {}
            Err(_) => return Err("it takes nothing any more"),
        }
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
async fn broadcast(hub: Hub, text: Msg) {
    // An error is a panic, which has been reported where it happened.
    let _ = spawn_blocking(move || hub.send(&events::Message::relayed(text.as_str()))).await;
}

/// Sends what waits, and closes the connection as the protocol wants it: so that clients know at once that they have to come
/// again.
async fn say_goodbye(sink: &mut Sink, stream: &mut Stream, seat: &mut Seat) {
    while let Some(Some(wire)) = seat.next().now_or_never() {
        if sink.feed(Said::Wire(wire)).await.is_err() {
            return;
        }
    }
    let close = CloseFrame { code: CloseCode::Away, reason: Msg::from_static("the service stops") };
    if sink.send(Said::Control(Message::Close(Some(close)))).await.is_ok() {
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
