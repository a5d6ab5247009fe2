use std::net::SocketAddr;
use std::sync::{Arc, Mutex, PoisonError};

use axum::Router;
use axum::http::HeaderMap;
use axum::routing::post;
use tokio::net::TcpListener;
use tokio::task::JoinSet;

use super::until;

/// A webhook receiver that keeps what it was sent, in order.
pub struct Receiver {
    address: SocketAddr,
    bodies: Arc<Mutex<Vec<String>>>,
    _server: JoinSet<()>,
}

impl Receiver {
    /// Listens on a free port.
    pub async fn start() -> Self {
        Self::start_on(([127, 0, 0, 1], 0).into()).await
    }

    pub async fn start_on(address: SocketAddr) -> Self {
        let listener = TcpListener::bind(address).await.expect("a free port");
        let address = listener.local_addr().expect("an address");
        let bodies = Arc::<Mutex<Vec<String>>>::default();
        let kept = bodies.clone();
        let receive = async move |headers: HeaderMap, body: String| {
            assert_eq!(headers["content-type"], "application/json");
            kept.lock().unwrap_or_else(PoisonError::into_inner).push(body);
        };
        let router = Router::new().route("/face-event", post(receive));
        let mut server = JoinSet::new();
        server.spawn(async move { axum::serve(listener, router).await.expect("it serves") });
        Self { address, bodies, _server: server }
    }

    /// An address at which nobody listens yet.
    pub async fn nobody() -> SocketAddr {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
        listener.local_addr().expect("an address")
    }

    /// `WEBHOOK_URL` for a receiver at this address.
    pub fn url_at(address: SocketAddr) -> String {
        format!("http://{address}/face-event")
    }

    pub fn url(&self) -> String {
        Self::url_at(self.address)
    }

    /// Everything received so far.
    pub fn bodies(&self) -> Vec<String> {
        self.bodies.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Waits for `count` deliveries.
    pub async fn receives(&self, count: usize) -> Vec<String> {
        until(&format!("{count} deliveries"), async || Some(self.bodies()).filter(|bodies| bodies.len() >= count)).await
    }
}
