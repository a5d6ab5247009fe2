use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;
use std::time::{Duration, Instant};

use percent_encoding::percent_decode_str;
use rumqttc::{
    AsyncClient, ConnectReturnCode, ConnectionError, Event, EventLoop, LastWill, MqttOptions, Outgoing, Packet, QoS,
    TlsConfiguration, Transport,
};
use rustls::{ClientConfig, RootCertStore};
use tokio::sync::mpsc;
use tokio::task::JoinSet;

use super::settings::MqttSettings;
use crate::address::with_causes;

/// After this the broker notices that we are gone, and we that it is.
const KEEP_ALIVE: Duration = Duration::from_secs(10);

/// A broker that has acknowledged nothing for so long is given up, so that nothing waits in the network for its return.
const LONGEST_SILENCE: Duration = Duration::from_secs(5);

/// Messages that may be under way. Well below the library's 100, after which it reuses their numbers.
const UNDER_WAY: usize = 32;

/// Room for requests to the library: messages under way, and subscriptions.
const REQUESTS: usize = 64;

/// Largest message either way.
const LARGEST: usize = 1 << 20;

/// One connection to the broker, made once and never again. What is under way when it is lost is lost with it: whoever
/// wants to say it again does so on another. `T` says what a message was, when it has been delivered.
#[derive(Debug)]
pub struct Line<T> {
    client: AsyncClient,
    news: mpsc::UnboundedReceiver<Signal>,
    /// Handed to the library, in order.
    handed: VecDeque<T>,
    /// On the wire, by the library's numbers.
    sent: BTreeMap<u16, T>,
    /// When the broker last acknowledged something, or something was said to it while nothing was under way.
    heard: Instant,
    polling: JoinSet<()>,
}

/// What a line has to say.
#[derive(Debug)]
pub enum LineNews<T> {
    /// It is open.
    Open,
    /// The broker has a message.
    Delivered(T),
    /// Somebody says something that was subscribed to.
    Said(Said),
    /// It is over.
    Lost(Loss),
}

/// A message from the broker.
#[derive(Debug)]
pub struct Said {
    /// Under which topic.
    pub topic: String,
    /// What.
    pub payload: String,
    /// Whether it was said earlier, and is still to be known.
    pub retained: bool,
}

/// Why a connection is over.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Loss {
    /// The broker does not let us in.
    Refused(&'static str),
    /// It cannot be reached, or has gone.
    Away(String),
}

#[derive(Debug)]
enum Signal {
    Open,
    Sent(u16),
    Acknowledged(u16),
    Said(Said),
    Lost(Loss),
}

/// Who is connecting, and what is to be said when we are gone without a word.
#[derive(Clone, Debug)]
pub struct Caller {
    options: MqttOptions,
    /// The broker as it may be shown.
    pub broker: String,
    /// As what we are known there.
    pub client: String,
}

impl Caller {
    /// Calls the broker of `settings` as `client`; `will` is a topic at which it then says `offline`.
    pub fn new(settings: &MqttSettings, client: String, will: &str) -> Self {
        let url = &settings.url;
        let is_tls = url.scheme() == "mqtts";
        let host = url.host_str().unwrap_or("localhost");
        let port = url.port().unwrap_or(if is_tls { 8883 } else { 1883 });
        let mut options = MqttOptions::new(&client, host, port);
        options.set_keep_alive(KEEP_ALIVE);
        options.set_max_packet_size(LARGEST, LARGEST);
        options.set_last_will(LastWill::new(will, "offline", QoS::AtLeastOnce, true));
        if !url.username().is_empty() {
            let plain = |text| percent_decode_str(text).decode_utf8_lossy().into_owned();
            options.set_credentials(plain(url.username()), plain(url.password().unwrap_or_default()));
        }
        if is_tls {
            options.set_transport(Transport::tls_with_config(TlsConfiguration::Rustls(Arc::new(tls()))));
        }
        Self { options, broker: format!("{host}:{port}"), client }
    }
}

/// The system's certificates, or those of SSL_CERT_FILE.
fn tls() -> ClientConfig {
    let mut roots = RootCertStore::empty();
    roots.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
    ClientConfig::builder().with_root_certificates(roots).with_no_client_auth()
}

impl<T> Line<T> {
    /// Begins to connect. Must be called within a tokio runtime.
    pub fn open(caller: &Caller) -> Self {
        let (client, events) = AsyncClient::new(caller.options.clone(), REQUESTS);
        let (signals, news) = mpsc::unbounded_channel();
        let mut polling = JoinSet::new();
        polling.spawn(poll(events, signals));
        Self { client, news, handed: VecDeque::new(), sent: BTreeMap::new(), heard: Instant::now(), polling }
    }

    /// Whether another message may be said.
    pub fn has_room(&self) -> bool {
        self.handed.len() + self.sent.len() < UNDER_WAY
    }

    /// Whether everything that was said has been delivered.
    pub fn is_idle(&self) -> bool {
        self.handed.is_empty() && self.sent.is_empty()
    }

    /// Whether the broker no longer answers.
    pub fn is_dead(&self) -> bool {
        !self.is_idle() && self.heard.elapsed() > LONGEST_SILENCE
    }

    /// Says something, at least once. `stays`: also to those who come later.
    pub fn say(&mut self, topic: &str, payload: String, stays: bool, what: T) {
        if self.is_idle() {
            self.heard = Instant::now();
        }
        match self.client.try_publish(topic, QoS::AtLeastOnce, stays, payload) {
            Ok(()) => self.handed.push_back(what),
            // There is room: what is refused is a topic that is none, which would never be delivered.
            Err(error) => tracing::error!(topic, %error, "MQTT: a message cannot be sent"),
        }
    }

    /// Wants to hear what is said under `topics`.
    pub fn listen(&self, topics: impl IntoIterator<Item = String>) {
        for topic in topics {
            if let Err(error) = self.client.try_subscribe(&topic, QoS::AtLeastOnce) {
                tracing::error!(topic, %error, "MQTT: cannot subscribe");
            }
        }
    }

    /// What happens next. May be cut off wherever it waits.
    pub async fn next(&mut self) -> LineNews<T> {
        loop {
            match self.news.recv().await {
                Some(Signal::Open) => return LineNews::Open,
                Some(Signal::Sent(number)) => {
                    if let Some(what) = self.handed.pop_front() {
                        self.sent.insert(number, what);
                    }
                }
                Some(Signal::Acknowledged(number)) => {
                    self.heard = Instant::now();
                    if let Some(what) = self.sent.remove(&number) {
                        return LineNews::Delivered(what);
                    }
                }
                Some(Signal::Said(said)) => return LineNews::Said(said),
                Some(Signal::Lost(loss)) => return LineNews::Lost(loss),
                None => return LineNews::Lost(Loss::Away("the connection was closed".to_owned())),
            }
        }
    }

    /// Says good-bye, so that the broker does not say the last will, and waits until that is sent.
    pub async fn close(mut self) {
        if self.client.try_disconnect().is_ok() {
            while self.polling.join_next().await.is_some() {}
        }
    }
}

/// Moves the connection on until it is lost.
async fn poll(mut events: EventLoop, signals: mpsc::UnboundedSender<Signal>) {
    loop {
        let signal = match events.poll().await {
            Ok(Event::Incoming(Packet::ConnAck(_))) => Signal::Open,
            Ok(Event::Incoming(Packet::PubAck(ack))) => Signal::Acknowledged(ack.pkid),
            Ok(Event::Incoming(Packet::Publish(said))) => Signal::Said(Said {
                topic: said.topic,
                payload: String::from_utf8_lossy(&said.payload).into_owned(),
                retained: said.retain,
            }),
            Ok(Event::Outgoing(Outgoing::Publish(number))) => Signal::Sent(number),
            Ok(Event::Outgoing(Outgoing::Disconnect)) => return,
            Ok(_) => continue,
            Err(error) => {
                let _ = signals.send(Signal::Lost(loss(&error)));
                return;
            }
        };
        if signals.send(signal).is_err() {
            return;
        }
    }
}

fn loss(error: &ConnectionError) -> Loss {
    let ConnectionError::ConnectionRefused(code) = error else { return Loss::Away(with_causes(error)) };
    match code {
        ConnectReturnCode::BadUserNamePassword | ConnectReturnCode::NotAuthorized => {
            Loss::Refused("it does not accept the user name and password: check those in MQTT_URL")
        }
        ConnectReturnCode::BadClientId => Loss::Refused("it does not accept our client id: choose another NODE_NAME"),
        ConnectReturnCode::RefusedProtocolVersion => Loss::Refused("it does not speak MQTT 3.1.1"),
        ConnectReturnCode::ServiceUnavailable | ConnectReturnCode::Success => {
            Loss::Away("it says that it is not available".to_owned())
        }
    }
}

/// Waits longer and longer between calls that fail.
#[derive(Debug)]
pub struct Patience {
    wait: Duration,
    opened: Option<Instant>,
    short: u32,
}

impl Patience {
    const SHORTEST: Duration = Duration::from_millis(500);
    const LONGEST: Duration = Duration::from_secs(10);
    /// So many connections in a row that are lost as soon as they are made are no accident.
    const ODD: u32 = 3;

    /// None needed yet.
    pub fn new() -> Self {
        Self { wait: Self::SHORTEST, opened: None, short: 0 }
    }

    /// A call was answered.
    pub fn opened(&mut self) {
        self.opened = Some(Instant::now());
    }

    /// A call failed, or its connection was lost: how long to wait before the next. A connection that lasted for some
    /// time was a good one.
    pub fn lost(&mut self) -> Duration {
        if let Some(opened) = self.opened.take() {
            self.short = if opened.elapsed() < Duration::from_secs(2) { self.short + 1 } else { 0 };
            if opened.elapsed() > Self::LONGEST {
                self.wait = Self::SHORTEST;
            }
        }
        let wait = self.wait;
        self.wait = (wait * 2).min(Self::LONGEST);
        wait
    }

    /// Whether it has just become clear that somebody ends the connections.
    pub fn is_odd(&self) -> bool {
        self.short == Self::ODD
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn calls_that_fail_are_repeated_less_and_less_often() {
        let mut patience = Patience::new();
        let waits: Vec<u64> = (0..7).map(|_| patience.lost().as_millis() as u64).collect();
        assert_eq!(waits, [500, 1000, 2000, 4000, 8000, 10_000, 10_000]);
        assert!(!patience.is_odd(), "nobody answered");
        for _ in 0..Patience::ODD {
            patience.opened();
            assert_eq!(patience.lost(), Patience::LONGEST, "such a connection is no good one");
        }
        assert!(patience.is_odd());
    }
}
