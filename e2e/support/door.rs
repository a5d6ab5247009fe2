use std::net::SocketAddr;
use std::sync::atomic::{AtomicU16, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use axum::Router;
use axum::http::{HeaderMap, Method, StatusCode, Uri};
use tokio::net::TcpListener;
use tokio::task::JoinSet;

use super::until;

/// A device with an HTTP API: takes every request, keeps it, and answers as it is told to.
pub struct Door {
    address: SocketAddr,
    status: Arc<AtomicU16>,
    requests: Requests,
    _server: JoinSet<()>,
}

type Requests = Arc<Mutex<Vec<Asked>>>;

/// A request as it came.
#[derive(Clone, Debug)]
pub struct Asked {
    /// Method and path with query.
    pub line: String,
    pub headers: HeaderMap,
    pub body: String,
}

impl Asked {
    pub fn header(&self, name: &str) -> &str {
        self.headers.get(name).map_or("", |value| value.to_str().expect("a text"))
    }
}

impl Door {
    /// Answers 200 on a free port.
    pub async fn start() -> Self {
        Self::start_on(([127, 0, 0, 1], 0).into()).await
    }

    pub async fn start_on(address: SocketAddr) -> Self {
        let listener = TcpListener::bind(address).await.expect("a free port");
        let address = listener.local_addr().expect("an address");
        let (requests, status) = (Requests::default(), Arc::new(AtomicU16::new(200)));
        let (kept, answer) = (requests.clone(), status.clone());
        let take = async move |method: Method, uri: Uri, headers: HeaderMap, body: String| {
            let asked = Asked { line: format!("{method} {uri}"), headers, body };
            kept.lock().unwrap_or_else(PoisonError::into_inner).push(asked);
            StatusCode::from_u16(answer.load(Ordering::SeqCst)).expect("a status")
        };
        let router = Router::new().fallback(take);
        let mut server = JoinSet::new();
        server.spawn(async move { axum::serve(listener, router).await.expect("it serves") });
        Self { address, status, requests, _server: server }
    }

    /// From now on it answers so.
    pub fn answers(&self, status: u16) {
        self.status.store(status, Ordering::SeqCst);
    }

    /// Its address with this path.
    pub fn url(&self, path: &str) -> String {
        format!("http://{}{path}", self.address)
    }

    /// Waits for so many requests.
    pub async fn is_asked(&self, count: usize) -> Vec<Asked> {
        let so_far = || self.requests.lock().unwrap_or_else(PoisonError::into_inner).clone();
        until(&format!("{count} requests"), async || Some(so_far()).filter(|asked| asked.len() >= count)).await
    }
}
