//! The detector's side of a hub that is another process.
use std::collections::HashMap;
use std::convert::Infallible;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use futures_util::stream::{SplitSink, SplitStream};
use futures_util::{SinkExt, StreamExt};
use reqwest::Url;
use tokio::net::TcpStream;
use tokio::sync::{oneshot, watch};
use tokio::task::{JoinHandle, spawn_blocking};
use tokio::time::{Instant, MissedTickBehavior, interval_at, sleep, timeout};
use tokio_tungstenite::tungstenite::client::IntoClientRequest;
use tokio_tungstenite::tungstenite::handshake::client::Request;
use tokio_tungstenite::tungstenite::http::header::{AUTHORIZATION, HeaderValue};
use tokio_tungstenite::tungstenite::{Bytes, Error as WsError, Message as WsMessage};
use tokio_tungstenite::{MaybeTlsStream, WebSocketStream, connect_async_with_config};

use crate::EventsError;
use crate::address::{masked, masked_text, parse, with_causes};
use crate::choice::Form;
use crate::memory::KEPT_FROM_OTHERS;
use crate::message::{Message, Wire};
use crate::queue::{Queue, Take};
use crate::viewer_count::ViewerCount;

const SHORTEST_RETRY: Duration = Duration::from_millis(250);
const LONGEST_RETRY: Duration = Duration::from_secs(5);
const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);
const PING_EVERY: Duration = Duration::from_secs(10);
/// A hub answers pings, so this much silence means that it, or the way to it, is dead.
const LONGEST_SILENCE: Duration = Duration::from_secs(30);
/// How long a dropped publisher goes on to send what it holds.
const LAST_WORDS: Duration = Duration::from_secs(1);

type Socket = WebSocketStream<MaybeTlsStream<TcpStream>>;

/// Publishes what the cameras of this process see to the hub of another process, as a WebSocket client of it.
///
/// Starts a task that connects, and after each failure waits (0.25 s, doubling to 5 s) and connects again, for ever; it
/// ends when the publisher is dropped, and uses at most a second to send what is still queued. What goes wrong is
/// a log line, one for each change between connected and not, never an error to the caller.
///
/// While the hub is slow or away only the newest few frames are kept, because latency beats completeness, and the last 256 passages.
#[derive(Debug)]
pub struct Publisher {
    outbox: Arc<Outbox>,
    link: watch::Receiver<Link>,
    /// Dropped with the publisher, which tells the task.
    presence: oneshot::Sender<Infallible>,
    task: JoinHandle<()>,
}

/// What is to be sent, and what could be.
#[derive(Debug, Default)]
struct Outbox {
    queue: Queue,
    newest: Mutex<HashMap<Arc<str>, Newest>>,
}

/// A camera's newest frame, for viewers that come when the camera shows no more.
#[derive(Debug)]
struct Newest {
    message: Message,
    /// When it was handed to the hub.
    told_at: Option<Instant>,
}

/// What is known of the hub.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Link {
    Down,
    /// Connected; `viewers` is `None` while the hub has said nothing of them, as an older hub never does.
    Up {
        viewers: Option<usize>,
    },
}

impl Publisher {
    /// Starts to publish to the hub at `url` (`ws://` or `wss://`; for `wss://` the process has installed a rustls crypto
    /// provider). `role=publisher` is added to the address's query; `api_key` is sent as a bearer token.
    /// Returns at once, connected or not. Must be called within a tokio runtime.
    ///
    /// # Errors
    /// [`EventsError::HubAddress`] for an address that is none of a WebSocket, [`EventsError::ApiKey`] for a key that no
    /// header can carry.
    pub fn start(url: &str, api_key: Option<&str>) -> Result<Publisher, EventsError> {
        let request = handshake(url, api_key)?;
        let outbox = Arc::<Outbox>::default();
        let (state, link) = watch::channel(Link::Down);
        let (presence, absence) = oneshot::channel();
        let shown = masked_text(url);
        let connection = Connection { shown, request, outbox: outbox.clone(), link: state };
        let kept = outbox.clone();
        let task = tokio::spawn(async move {
            tokio::select! {
                () = connection.run() => {}
                () = linger(absence, &kept.queue) => {}
            }
        });
        Ok(Publisher { outbox, link, presence, task })
    }

    /// Queues `message` and returns at once; a frame only if it [is wanted](Self::wanted), and then it is made before, which takes
    /// milliseconds. A passage goes to no hub of an older version, which would give it to those who want frames.
    pub fn send(&self, message: &Message) {
        let is_wanted = !message.is_frame() || self.wanted();
        if message.is_frame() {
            let told_at = is_wanted.then(Instant::now);
            self.outbox.newest().insert(message.about().camera.clone(), Newest { message: message.clone(), told_at });
        }
        if is_wanted {
            self.outbox.put(message);
        }
    }

    /// Forgets a camera that is not watched here any more.
    pub fn forget_camera(&self, camera: &str) {
        self.outbox.newest().remove(camera);
    }

    /// Whether there is a connection to the hub now.
    #[must_use]
    pub fn connected(&self) -> bool {
        *self.link.borrow() != Link::Down
    }

    /// Whether a frame would be looked at by anyone: false while there is no connection, and while the hub says
    /// that it has no viewers. A hub that says nothing of viewers is taken to have some.
    #[must_use]
    pub fn wanted(&self) -> bool {
        match *self.link.borrow() {
            Link::Down => false,
            Link::Up { viewers } => viewers != Some(0),
        }
    }

    /// Ends the publisher and waits, at most about a second, until what is queued has been sent.
    pub async fn shutdown(self) {
        let Publisher { presence, task, .. } = self;
        drop(presence);
        // An error here is a panic of the task, which has been reported where it happened.
        let _ = task.await;
    }
}

impl Outbox {
    /// Makes the message, if nobody has yet, and queues it.
    fn put(&self, message: &Message) {
        if let Some(wire) = message.wire(Form::Json) {
            self.queue.put(message, wire);
        }
    }

    /// The newest frame of each camera of which a hub that is connected since `since` does not know it, or has forgotten it.
    fn missed(&self, since: Instant) -> Vec<Message> {
        let is_known = |at: Instant| at >= since && at.elapsed() < KEPT_FROM_OTHERS.mul_f64(0.8);
        let mut newest = self.newest();
        let missed = newest.values_mut().filter(|newest| !newest.told_at.is_some_and(is_known));
        missed
            .filter_map(|newest| {
                newest.told_at = Some(Instant::now());
                newest.message.late()
            })
            .collect()
    }

    /// Whole after every statement, so a panic elsewhere does not spoil it.
    fn newest(&self) -> MutexGuard<'_, HashMap<Arc<str>, Newest>> {
        self.newest.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Ends a little after the publisher was dropped.
async fn linger(absence: oneshot::Receiver<Infallible>, queue: &Queue) {
    // The error is what is waited for.
    let _ = absence.await;
    queue.close();
    sleep(LAST_WORDS).await;
}

fn handshake(text: &str, api_key: Option<&str>) -> Result<Request, EventsError> {
    let wrong = |reason| EventsError::HubAddress { url: masked_text(text), reason };
    let url = with_role(parse(text, ["ws", "wss"]).map_err(wrong)?);
    let mut request = url.as_str().into_client_request().map_err(|error| wrong(error.to_string()))?;
    if let Some(key) = api_key {
        let bearer = HeaderValue::try_from(format!("Bearer {key}"));
        let mut bearer = bearer.map_err(|_| EventsError::ApiKey { url: masked(&url) })?;
        bearer.set_sensitive(true);
        request.headers_mut().insert(AUTHORIZATION, bearer);
    }
    Ok(request)
}

/// Tells the hub who comes, so that it does not send our own frames back.
fn with_role(mut url: Url) -> Url {
    if !url.query_pairs().any(|(name, _)| name == "role") {
        url.query_pairs_mut().append_pair("role", "publisher");
    }
    url
}

/// The task's side: one connection after another.
struct Connection {
    /// The hub's address as it may be logged.
    shown: String,
    request: Request,
    outbox: Arc<Outbox>,
    link: watch::Sender<Link>,
}

/// Why a connection is over.
enum End {
    /// The publisher was dropped and everything is sent.
    Done,
    Lost(String),
}

impl Connection {
    async fn run(self) {
        let mut retry = Retry::default();
        let mut complained = false;
        loop {
            match connect(&self.request).await {
                Ok(socket) => {
                    tracing::info!(hub = self.shown, "connected to the hub");
                    complained = true;
                    let since = Instant::now();
                    match self.carry(socket).await {
                        End::Done => return,
                        End::Lost(why) => tracing::warn!(hub = self.shown, why, "lost the hub; connecting again"),
                    }
                    // One that takes connections only to end them is not hammered.
                    if since.elapsed() > LONGEST_RETRY {
                        retry = Retry::default();
                    }
                }
                Err(why) if !complained => {
                    complained = true;
                    tracing::warn!(hub = self.shown, why, "cannot reach the hub; trying until it answers");
                }
                Err(why) => tracing::debug!(hub = self.shown, why, "still cannot reach the hub"),
            }
            sleep(retry.next_wait()).await;
        }
    }

    /// Serves one connection until it ends. Reading and writing go on beside each other: neither a hub that does not
    /// read nor one that talks without pause can block the other direction.
    async fn carry(&self, socket: Socket) -> End {
        self.link.send_replace(Link::Up { viewers: None });
        let (sink, stream) = socket.split();
        let end = tokio::select! {
            end = self.speak(sink) => end,
            why = self.listen(stream) => End::Lost(why),
        };
        self.link.send_replace(Link::Down);
        end
    }

    /// Sends what is queued, and pings, until the publisher is gone and all is sent.
    async fn speak(&self, mut sink: SplitSink<Socket, WsMessage>) -> End {
        let mut link = self.link.subscribe();
        let mut ping = interval_at(Instant::now() + PING_EVERY, PING_EVERY);
        ping.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            // Only a hub that speaks of its viewers knows passages.
            let is_new = matches!(*link.borrow_and_update(), Link::Up { viewers: Some(_) });
            let message = tokio::select! {
                wire = self.outbox.queue.next(if is_new { Take::Everything } else { Take::Frames }) => match wire {
                    Some(Wire::Text(text)) => WsMessage::Text(text),
                    Some(Wire::Binary(bytes)) => WsMessage::Binary(bytes),
                    None => break,
                },
                _ = link.changed() => continue,
                _ = ping.tick() => WsMessage::Ping(Bytes::new()),
            };
            match timeout(LONGEST_SILENCE, sink.send(message)).await {
                Ok(Ok(())) => {}
                Ok(Err(error)) => return End::Lost(with_causes(&error)),
                Err(_) => return End::Lost(format!("it took nothing for {} s", LONGEST_SILENCE.as_secs())),
            }
        }
        // All is sent; a hub that does not want to hear goodbye has lost nothing.
        let _ = sink.close().await;
        End::Done
    }

    /// Reads until the connection ends, and returns why it did. Pings are answered by the library while it is read from.
    async fn listen(&self, mut stream: SplitStream<Socket>) -> String {
        let since = Instant::now();
        loop {
            match timeout(LONGEST_SILENCE, stream.next()).await {
                Ok(Some(Ok(WsMessage::Text(text)))) => self.heed(&text, since).await,
                Ok(Some(Ok(WsMessage::Close(farewell)))) => return closed(farewell.map(|frame| frame.to_string())),
                Ok(Some(Ok(_))) => {}
                Ok(Some(Err(error))) => return with_causes(&error),
                Ok(None) => return closed(None),
                Err(_) => return format!("nothing heard for {} s", LONGEST_SILENCE.as_secs()),
            }
        }
    }

    /// Somebody who has just come to look at cameras that show no more gets their last pictures.
    async fn heed(&self, text: &str, since: Instant) {
        let Some(ViewerCount(count)) = ViewerCount::from_message(text) else { return };
        self.link.send_replace(Link::Up { viewers: Some(count) });
        if count == 0 {
            return;
        }
        let missed = self.outbox.missed(since);
        if !missed.is_empty() {
            let outbox = self.outbox.clone();
            // An error is a panic of the encoder, which has been reported where it happened.
            let _ = spawn_blocking(move || missed.iter().for_each(|frame| outbox.put(frame))).await;
        }
    }
}

async fn connect(request: &Request) -> Result<Socket, String> {
    // No delay: a frame is worth most now.
    let connecting = connect_async_with_config(request.clone(), None, true);
    match timeout(CONNECT_TIMEOUT, connecting).await {
        Ok(Ok((socket, _))) => Ok(socket),
        Ok(Err(WsError::Http(answer))) if [401, 403].contains(&answer.status().as_u16()) => {
            Err(format!("it refused the API key ({}): set API_KEY to the hub's", answer.status()))
        }
        Ok(Err(error)) => Err(with_causes(&error)),
        Err(_) => Err(format!("no answer within {} s", CONNECT_TIMEOUT.as_secs())),
    }
}

fn closed(farewell: Option<String>) -> String {
    farewell.map_or_else(|| "it closed the connection".to_owned(), |said| format!("it closed the connection ({said})"))
}

/// Waits between attempts: doubling, and spread at random so that many detectors do not return to a restarted hub in step.
#[derive(Default)]
struct Retry {
    failures: u32,
}

impl Retry {
    fn next_wait(&mut self) -> Duration {
        let doubled = SHORTEST_RETRY * 2_u32.pow(self.failures.min(5));
        self.failures += 1;
        doubled.min(LONGEST_RETRY).mul_f64(rand::random_range(0.8..1.2))
    }
}
