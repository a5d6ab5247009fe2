//! Connections: how many there may be, how long one may be silent, and how all of them end.

use std::io;
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use axum::{Extension, Router};
use hyper::server::conn::http1;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::service::TowerToHyperService;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{OwnedSemaphorePermit, Semaphore, watch};

use super::occasionally::Occasionally;

/// Most connections of one listener, WebSockets included.
const MAX_CONNECTIONS: u32 = 1024;

/// A client has this time to send the head of its next request. Hyper's own builder begins to count with the connection;
/// the one of hyper-util, which knows HTTP/2 as well, waits for the first bytes without end.
const LONGEST_HEAD: Duration = Duration::from_secs(10);

/// After so long without a packet the system asks a client whether it is still there.
#[cfg(unix)]
const KEEPALIVE: Duration = Duration::from_secs(60);

/// Most bytes of a connection that are read ahead of who needs them; the head of a request must fit.
const READ_AHEAD: usize = 64 << 10;

/// Files that a process may have open: the connections of two listeners, and everything else.
#[cfg(unix)]
const OPEN_FILES: u64 = 4 * MAX_CONNECTIONS as u64;

/// Serves until `stopping` becomes true, then lets requests in flight and WebSockets end.
///
/// # Errors
/// None so far: a connection that cannot be accepted is a line in the log.
pub async fn serve(listener: TcpListener, router: Router, stopping: watch::Receiver<bool>) -> anyhow::Result<()> {
    #[cfg(unix)]
    allow_open_files();
    let stopping = Stopping(stopping);
    let service = TowerToHyperService::new(router.layer(Extension(stopping.clone())));
    let places = Arc::new(Semaphore::new(MAX_CONNECTIONS as usize));
    let full = Occasionally::every(Duration::from_secs(60));
    loop {
        let stream = tokio::select! {
            stream = accept(&listener) => stream,
            () = stopping.clone().come() => break,
        };
        match places.clone().try_acquire_owned() {
            Ok(place) => {
                tokio::spawn(attend(Connection { stream, _place: place }, service.clone(), stopping.clone()));
            }
            Err(_) if full.is_due() => {
                tracing::warn!("{MAX_CONNECTIONS} connections are open: new ones are closed at once");
            }
            Err(_) => {}
        }
    }
    drop(listener);
    // Every connection has given its place back: all have ended. An error would say that the places are gone.
    let _ = places.acquire_many(MAX_CONNECTIONS).await;
    Ok(())
}

/// One connection from its first request to its last, or to its upgrade.
async fn attend(connection: Connection, service: TowerToHyperService<Router>, stopping: Stopping) {
    let mut http = http1::Builder::new();
    http.timer(TokioTimer::new()).header_read_timeout(LONGEST_HEAD).max_buf_size(READ_AHEAD);
    let mut served = pin!(http.serve_connection(TokioIo::new(connection), service).with_upgrades());
    let ended = tokio::select! {
        ended = served.as_mut() => ended,
        () = stopping.come() => {
            served.as_mut().graceful_shutdown();
            served.await
        }
    };
    if let Err(error) = ended {
        tracing::debug!(%error, "a connection broke");
    }
}

async fn accept(listener: &TcpListener) -> TcpStream {
    use io::ErrorKind::{ConnectionAborted, ConnectionRefused, ConnectionReset};
    loop {
        match listener.accept().await {
            Ok((stream, _)) => {
                // They fail only for a connection that is gone already.
                let _ = stream.set_nodelay(true);
                #[cfg(unix)]
                let _ = notice_silence(&stream);
                return stream;
            }
            Err(error) if matches!(error.kind(), ConnectionAborted | ConnectionRefused | ConnectionReset) => {}
            Err(error) => {
                // Most likely too many open files: some will be closed.
                tracing::error!(%error, "a connection cannot be accepted");
                tokio::time::sleep(Duration::from_secs(1)).await;
            }
        }
    }
}

/// A client whose machine is gone, or off the network, is noticed within about two minutes, also while nothing is sent.
#[cfg(unix)]
fn notice_silence(stream: &TcpStream) -> rustix::io::Result<()> {
    use rustix::net::sockopt::{set_socket_keepalive, set_tcp_keepcnt, set_tcp_keepidle, set_tcp_keepintvl};
    set_socket_keepalive(stream, true)?;
    set_tcp_keepidle(stream, KEEPALIVE)?;
    set_tcp_keepintvl(stream, KEEPALIVE / 4)?;
    set_tcp_keepcnt(stream, 4)
}

/// Many systems allow a process 1024 open files unless it asks for more.
#[cfg(unix)]
fn allow_open_files() {
    use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
    let Rlimit { current, maximum } = getrlimit(Resource::Nofile);
    let wanted = maximum.map_or(OPEN_FILES, |maximum| maximum.min(OPEN_FILES));
    if current.is_some_and(|current| current < wanted) {
        // What is not granted is missed only when that many clients come, and said then.
        let _ = setrlimit(Resource::Nofile, Rlimit { current: Some(wanted), maximum });
    }
}

/// Tells when the service stops.
#[derive(Clone)]
pub struct Stopping(watch::Receiver<bool>);

impl Stopping {
    /// Waits until it does.
    pub async fn come(mut self) {
        // An error says that whoever could stop us is gone: stop as well.
        let _ = self.0.wait_for(|stop| *stop).await;
    }
}

/// A socket that gives its place back when it is closed, also when it has become a WebSocket.
struct Connection {
    stream: TcpStream,
    _place: OwnedSemaphorePermit,
}

impl AsyncRead for Connection {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_read(cx, buf)
    }
}

impl AsyncWrite for Connection {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write(cx, buf)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write_vectored(cx, bufs)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(cx)
    }
}
