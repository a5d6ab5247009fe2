use std::net::SocketAddr;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::time::Duration;

use rumqttc::{AsyncClient, Event, MqttOptions, Packet, QoS};
use serde_json::Value;
use tempfile::TempDir;
use tokio::io::copy_bidirectional;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Mutex;
use tokio::task::JoinSet;
use tokio::time::sleep;

use super::until;

/// Where Debian keeps it: outside the path of users that are not root.
const PROGRAM: &str = "/usr/sbin/mosquitto";
const USER: &str = "vultus";
const PASSWORD: &str = "p@ss/word";

/// A real MQTT broker that asks for a password and keeps nothing over a restart, with a gate before it that can be shut: those
/// who listen are inside, so that they miss nothing of what comes through when it is opened. Gone with this value.
pub struct Mosquitto {
    server: Child,
    folder: TempDir,
    port: u16,
    gate: SocketAddr,
    through: JoinSet<()>,
}

impl Mosquitto {
    /// Listens on a free port. `None`, with a note, where it is not installed.
    pub async fn start() -> Option<Self> {
        if !Path::new(PROGRAM).exists() {
            println!("skipped: no mosquitto");
            return None;
        }
        let folder = tempfile::tempdir().expect("a temporary folder");
        let (passwords, config) = (folder.path().join("passwords"), folder.path().join("mosquitto.conf"));
        let port = free_port();
        let made = Command::new("mosquitto_passwd").args(["-b", "-c"]).arg(&passwords).args([USER, PASSWORD]).status();
        assert!(made.expect("mosquitto_passwd can be started").success());
        let lines = format!(
            "listener {port} 127.0.0.1\nallow_anonymous false\npassword_file {}\npersistence false\n{}",
            passwords.display(),
            if rustix::process::geteuid().is_root() { "user root\n" } else { "" },
        );
        std::fs::write(&config, lines).expect("a file");
        let gate = ([127, 0, 0, 1], free_port()).into();
        let mut broker = Self { server: serve(folder.path()), folder, port, gate, through: JoinSet::new() };
        broker.listens().await;
        broker.open().await;
        Some(broker)
    }

    /// `MQTT_URL` of somebody who may come in.
    pub fn url(&self) -> String {
        self.url_with(&PASSWORD.replace('@', "%40").replace('/', "%2F"))
    }

    /// The same with another password.
    pub fn url_with(&self, password: &str) -> String {
        format!("mqtt://{USER}:{password}@{}", self.gate)
    }

    /// Lets nobody through any more, and cuts off those who were.
    pub async fn shut(&mut self) {
        self.through.shutdown().await;
    }

    /// Lets everybody through.
    pub async fn open(&mut self) {
        let listener = TcpListener::bind(self.gate).await.expect("a free port");
        self.through.spawn(let_through(listener, self.port));
    }

    /// As when its machine is switched off: what it knew is gone.
    pub fn kill(&mut self) {
        self.server.kill().expect("it runs");
        self.server.wait().expect("a child");
    }

    /// Starts again on the same port after a kill.
    pub async fn start_again(&mut self) {
        self.server = serve(self.folder.path());
        self.listens().await;
    }

    /// Hears everything from now on, and what stands already.
    pub async fn listener(&self) -> Listener {
        Listener::connect(self.port).await
    }

    async fn listens(&mut self) {
        let port = self.port;
        let server = &mut self.server;
        until("mosquitto listens", async || {
            assert!(server.try_wait().expect("a child").is_none(), "mosquitto has ended");
            TcpStream::connect(("127.0.0.1", port)).await.ok()
        })
        .await;
    }
}

impl Drop for Mosquitto {
    fn drop(&mut self) {
        // Fails only when it has ended already.
        let _ = self.server.kill();
        let _ = self.server.wait();
    }
}

async fn let_through(listener: TcpListener, port: u16) {
    let mut connections = JoinSet::new();
    while let Ok((mut outside, _)) = listener.accept().await {
        connections.spawn(async move {
            if let Ok(mut inside) = TcpStream::connect(("127.0.0.1", port)).await {
                // Either side may end it.
                let _ = copy_bidirectional(&mut outside, &mut inside).await;
            }
        });
    }
}

fn serve(folder: &Path) -> Child {
    let mut mosquitto = Command::new(PROGRAM);
    mosquitto.arg("-c").arg(folder.join("mosquitto.conf")).stdin(Stdio::null()).stdout(Stdio::null());
    mosquitto.stderr(Stdio::null()).spawn().expect("mosquitto can be started")
}

fn free_port() -> u16 {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").expect("a free port");
    listener.local_addr().expect("an address").port()
}

/// A message as a client of the broker got it.
#[derive(Clone, Debug, PartialEq)]
pub struct Heard {
    pub topic: String,
    pub payload: String,
    pub retained: bool,
}

impl Heard {
    /// Its payload as JSON.
    #[track_caller]
    pub fn json(&self) -> Value {
        serde_json::from_str(&self.payload).unwrap_or_else(|error| panic!("{error}: {self:?}"))
    }
}

/// A client of the broker that keeps all that it hears.
pub struct Listener {
    client: AsyncClient,
    heard: Arc<Mutex<Vec<Heard>>>,
    _polling: JoinSet<()>,
}

impl Listener {
    async fn connect(port: u16) -> Self {
        let name = format!("listener-{:016x}", rand::random::<u64>());
        let mut options = MqttOptions::new(name, "127.0.0.1", port);
        options.set_credentials(USER, PASSWORD);
        options.set_max_packet_size(1 << 20, 1 << 20);
        let (client, mut events) = AsyncClient::new(options, 64);
        let heard = Arc::<Mutex<Vec<Heard>>>::default();
        let (kept, subscribed) = (heard.clone(), Arc::new(tokio::sync::Notify::new()));
        let mut polling = JoinSet::new();
        let (subscriber, ready) = (client.clone(), subscribed.clone());
        polling.spawn(async move {
            loop {
                match events.poll().await {
                    // A broker that was restarted has forgotten it.
                    Ok(Event::Incoming(Packet::ConnAck(_))) => {
                        subscriber.try_subscribe("#", QoS::AtLeastOnce).expect("a request");
                    }
                    Ok(Event::Incoming(Packet::SubAck(_))) => ready.notify_one(),
                    Ok(Event::Incoming(Packet::Publish(said))) => kept.lock().await.push(Heard {
                        topic: said.topic.clone(),
                        payload: String::from_utf8(said.payload.to_vec()).expect("UTF-8"),
                        retained: said.retain,
                    }),
                    Ok(_) => {}
                    Err(_) => sleep(Duration::from_millis(50)).await,
                }
            }
        });
        super::within_patience("a subscription", subscribed.notified()).await;
        Self { client, heard, _polling: polling }
    }

    /// Says something, as another program would.
    pub async fn say(&self, topic: &str, payload: &str) {
        self.client.publish(topic, QoS::AtLeastOnce, false, payload).await.expect("a request");
    }

    /// Everything heard so far, in order.
    pub async fn all(&self) -> Vec<Heard> {
        self.heard.lock().await.clone()
    }

    /// Everything heard so far under `topic`.
    pub async fn under(&self, topic: &str) -> Vec<Heard> {
        self.all().await.into_iter().filter(|heard| heard.topic == topic).collect()
    }

    /// Forgets what was heard so far.
    pub async fn forget(&self) {
        self.heard.lock().await.clear();
    }

    /// Waits for a message under `topic` of which `is_meant` says that it is the one.
    pub async fn hears(&self, topic: &str, is_meant: impl Fn(&Heard) -> bool) -> Heard {
        until(&format!("a message under {topic}"), async || self.under(topic).await.into_iter().find(&is_meant)).await
    }

    /// Waits for `payload` under `topic`.
    pub async fn hears_text(&self, topic: &str, payload: &str) -> Heard {
        until(&format!("{payload:?} under {topic}"), async || {
            self.under(topic).await.into_iter().find(|heard| heard.payload == payload)
        })
        .await
    }
}
