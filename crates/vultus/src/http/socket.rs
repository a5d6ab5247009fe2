//! A WebSocket that sends what the hub has as it lies in memory: one message for a thousand clients is not copied once.

use std::collections::VecDeque;
use std::io::{self, IoSlice};
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use axum::body::{Body, Bytes};
use axum::http::{Request, Response};
use events::Wire;
use futures_util::{Sink, Stream};
use hyper::upgrade::{OnUpgrade, Upgraded};
use hyper_util::rt::TokioIo;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::handshake::server::create_response_with_body;
use tokio_tungstenite::tungstenite::protocol::frame::FrameHeader;
use tokio_tungstenite::tungstenite::protocol::frame::coding::{Data, OpCode};
use tokio_tungstenite::tungstenite::protocol::{Role, WebSocketConfig};
use tokio_tungstenite::tungstenite::{Error, Message};

/// Pieces that may wait for a client's connection: a message, and what the protocol answers in between.
const MOST_WAITING: usize = 4;

/// Bytes of the header of an unmasked frame, at most (RFC 6455, section 5.2).
const LONGEST_HEAD: usize = 10;

/// What is said to a client.
pub(super) enum Said {
    /// What the hub has.
    Wire(Wire),
    /// What the protocol wants: a ping, a goodbye.
    Control(Message),
}

/// One client's connection, after its upgrade. As a stream it yields what the client says; as a sink it takes what is said to it.
pub(super) struct Socket(WebSocketStream<Line>);

/// A request that may become a WebSocket.
pub(super) struct Handshake(OnUpgrade);

impl Handshake {
    /// Looks whether `request` asks for a WebSocket as RFC 6455, section 4.2.1, wants it. The response is the answer that grants it.
    ///
    /// # Errors
    /// In words what it lacks.
    pub(super) fn of(request: &mut Request<Body>) -> Result<(Self, Response<Body>), String> {
        let response = create_response_with_body(request, Body::empty).map_err(|error| error.to_string())?;
        let upgrade = request.extensions_mut().remove().ok_or("this connection cannot become one")?;
        Ok((Self(upgrade), response))
    }

    /// The connection, as soon as the answer has been sent.
    ///
    /// # Errors
    /// When the connection broke before.
    pub(super) async fn finish(self, config: WebSocketConfig) -> hyper::Result<Socket> {
        let line = Line { connection: TokioIo::new(self.0.await?), waiting: VecDeque::new() };
        Ok(Socket(WebSocketStream::from_raw_socket(line, Role::Server, Some(config)).await))
    }
}

impl Stream for Socket {
    type Item = Result<Message, Error>;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        Pin::new(&mut self.0).poll_next(cx)
    }
}

impl Sink<Said> for Socket {
    type Error = Error;

    fn poll_ready(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Result<(), Error>> {
        self.0.get_mut().poll_send(cx).map_err(Error::Io)
    }

    fn start_send(mut self: Pin<&mut Self>, said: Said) -> Result<(), Error> {
        match said {
            Said::Wire(wire) => self.0.get_mut().waiting.push_back(Piece::frame(wire)?),
            Said::Control(message) => Pin::new(&mut self.0).start_send(message)?,
        }
        Ok(())
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Result<(), Error>> {
        // Ends with the flush of the line, which sends whatever waits.
        Pin::new(&mut self.0).poll_flush(cx)
    }

    fn poll_close(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Result<(), Error>> {
        Pin::new(&mut self.0).poll_close(cx)
    }
}

/// The connection under the protocol. What is to be sent waits in pieces, one behind the other, so that an answer of the protocol,
/// a pong for example, never gets into the middle of a message.
struct Line {
    connection: TokioIo<Upgraded>,
    waiting: VecDeque<Piece>,
}

/// Bytes to be sent: a frame of the hub, or what the protocol wrote.
struct Piece {
    head: [u8; LONGEST_HEAD],
    head_length: usize,
    body: Bytes,
    sent: usize,
}

impl Piece {
    /// The one frame of a message.
    fn frame(wire: Wire) -> Result<Self, Error> {
        let (kind, body) = match wire {
            Wire::Text(text) => (Data::Text, Bytes::from(text)),
            Wire::Binary(bytes) => (Data::Binary, bytes),
        };
        let header = FrameHeader { opcode: OpCode::Data(kind), ..FrameHeader::default() };
        let (length, mut head) = (body.len() as u64, [0; LONGEST_HEAD]);
        header.format(length, &mut head.as_mut_slice())?;
        Ok(Self { head, head_length: header.len(length), body, sent: 0 })
    }

    /// Bytes as they are.
    fn raw(bytes: &[u8]) -> Self {
        Self { head: [0; LONGEST_HEAD], head_length: 0, body: Bytes::copy_from_slice(bytes), sent: 0 }
    }

    fn is_sent(&self) -> bool {
        self.sent == self.head_length + self.body.len()
    }

    /// What is left of the head and of the body.
    fn rest(&self) -> [IoSlice<'_>; 2] {
        let head = &self.head[self.sent.min(self.head_length)..self.head_length];
        [IoSlice::new(head), IoSlice::new(&self.body[self.sent.saturating_sub(self.head_length)..])]
    }
}

impl Line {
    /// Sends all that waits.
    fn poll_send(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        while let Some(piece) = self.waiting.front_mut() {
            while !piece.is_sent() {
                match ready!(Pin::new(&mut self.connection).poll_write_vectored(cx, &piece.rest()))? {
                    0 => return Poll::Ready(Err(io::ErrorKind::WriteZero.into())),
                    sent => piece.sent += sent,
                }
            }
            self.waiting.pop_front();
        }
        Poll::Ready(Ok(()))
    }
}

impl AsyncRead for Line {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.connection).poll_read(cx, buf)
    }
}

impl AsyncWrite for Line {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        // A client that asks (pings) and does not read the answers waits, instead of filling the memory.
        if self.waiting.len() >= MOST_WAITING {
            ready!(self.poll_send(cx))?;
        }
        self.waiting.push_back(Piece::raw(bytes));
        Poll::Ready(Ok(bytes.len()))
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.poll_send(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        ready!(self.poll_send(cx))?;
        Pin::new(&mut self.connection).poll_shutdown(cx)
    }
}
