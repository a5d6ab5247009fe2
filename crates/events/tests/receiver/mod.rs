//! A webhook receiver: a plain HTTP server that keeps what it was sent.
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::mpsc;
use tokio::task::JoinSet;
use tokio::time::timeout;

/// A request as it was received.
#[derive(Debug)]
pub(crate) struct Received {
    pub(crate) request_line: String,
    /// Names in lower case.
    pub(crate) headers: Vec<(String, String)>,
    pub(crate) body: String,
}

impl Received {
    pub(crate) fn header(&self, name: &str) -> &str {
        let found = self.headers.iter().find(|(header, _)| header == name);
        found.map_or("", |(_, value)| value)
    }

    /// The contract's `timestamp`.
    pub(crate) fn timestamp(&self) -> i64 {
        let body: serde_json::Value = serde_json::from_str(&self.body).expect("JSON");
        body["timestamp"].as_i64().expect("a whole number")
    }
}

/// What to do with the request of this number, from 0.
pub(crate) enum Answer {
    Status(u16),
    /// A status with this body.
    Says(u16, &'static str),
    Hang,
}

/// Listens until dropped; then every connection breaks.
pub(crate) struct Receiver {
    pub(crate) address: SocketAddr,
    requests: mpsc::UnboundedReceiver<Received>,
    _server: JoinSet<()>,
}

impl Receiver {
    /// Answers each request as `script` says for its number.
    pub(crate) async fn start(
        address: SocketAddr,
        script: impl Fn(usize) -> Answer + Send + Sync + 'static,
    ) -> Receiver {
        let listener = TcpListener::bind(address).await.expect("the port");
        let address = listener.local_addr().expect("an address");
        let (sender, requests) = mpsc::unbounded_channel();
        let mut server = JoinSet::new();
        server.spawn(serve(listener, sender, Arc::new(script)));
        Receiver { address, requests, _server: server }
    }

    pub(crate) async fn next(&mut self) -> Received {
        let received = timeout(Duration::from_secs(30), self.requests.recv()).await;
        received.expect("nothing was delivered for 30 s").expect("the server runs")
    }

    pub(crate) async fn gets_nothing_for(&mut self, time: Duration) -> bool {
        timeout(time, self.requests.recv()).await.is_err()
    }
}

type Script = Arc<dyn Fn(usize) -> Answer + Send + Sync>;

async fn serve(listener: TcpListener, sender: mpsc::UnboundedSender<Received>, script: Script) {
    let count = Arc::new(std::sync::atomic::AtomicUsize::new(0));
    let mut connections = JoinSet::new();
    while let Ok((stream, _)) = listener.accept().await {
        let (sender, script, count) = (sender.clone(), Arc::clone(&script), Arc::clone(&count));
        connections.spawn(async move {
            let mut stream = BufReader::new(stream);
            while let Some(received) = read(&mut stream).await {
                let number = count.fetch_add(1, std::sync::atomic::Ordering::SeqCst);
                let _ = sender.send(received);
                match script(number) {
                    Answer::Status(status) => answer(&mut stream, status, "ok").await,
                    Answer::Says(status, body) => answer(&mut stream, status, body).await,
                    Answer::Hang => std::future::pending().await,
                }
            }
        });
    }
}

async fn read(stream: &mut BufReader<TcpStream>) -> Option<Received> {
    let request_line = line(stream).await?;
    let mut headers = Vec::new();
    loop {
        let line = line(stream).await?;
        let Some((name, value)) = line.split_once(':') else { break };
        headers.push((name.to_lowercase(), value.trim().to_owned()));
    }
    let mut received = Received { request_line, headers, body: String::new() };
    // A GET has none.
    let length = Some(received.header("content-length")).filter(|length| !length.is_empty());
    let mut body = vec![0; length.map_or(Some(0), |length| length.parse().ok())?];
    stream.read_exact(&mut body).await.ok()?;
    received.body = String::from_utf8(body).ok()?;
    Some(received)
}

async fn line(stream: &mut BufReader<TcpStream>) -> Option<String> {
    let mut line = String::new();
    let read = stream.read_line(&mut line).await.ok()?;
    (read > 0).then(|| line.trim_end().to_owned())
}

async fn answer(stream: &mut BufReader<TcpStream>, status: u16, body: &str) {
    let length = body.len();
    let answer = format!("HTTP/1.1 {status} Test\r\nLocation: /elsewhere\r\nContent-Length: {length}\r\n\r\n{body}");
    let _ = stream.write_all(answer.as_bytes()).await;
}
