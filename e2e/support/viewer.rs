use futures_util::{SinkExt, StreamExt};
use serde_json::Value;
use tokio::net::TcpStream;
use tokio_tungstenite::tungstenite::client::IntoClientRequest;
use tokio_tungstenite::tungstenite::{Error, Message};
use tokio_tungstenite::{MaybeTlsStream, WebSocketStream, connect_async};

use super::within_patience;

/// A client of the WebSocket.
pub struct Viewer {
    socket: WebSocketStream<MaybeTlsStream<TcpStream>>,
}

impl Viewer {
    pub async fn connect(request: impl IntoClientRequest + Unpin) -> Self {
        let (socket, _) = within_patience("a WebSocket", connect_async(request)).await.expect("a WebSocket");
        Self { socket }
    }

    /// The next message, word for word.
    pub async fn text(&mut self) -> String {
        within_patience("a message", async {
            loop {
                match self.socket.next().await.expect("an open WebSocket").expect("an open WebSocket") {
                    Message::Text(text) => return text.to_string(),
                    Message::Close(_) => panic!("the WebSocket was closed"),
                    _ => {}
                }
            }
        })
        .await
    }

    /// The JSON and the picture of the next message that is binary.
    pub async fn binary(&mut self) -> (Value, Vec<u8>) {
        within_patience("a binary message", async {
            loop {
                if let Message::Binary(bytes) =
                    self.socket.next().await.expect("an open WebSocket").expect("an open WebSocket")
                {
                    let (length, rest) = bytes.split_first_chunk().expect("a length");
                    let (header, picture) = rest.split_at(u32::from_be_bytes(*length) as usize);
                    return (serde_json::from_slice(header).expect("JSON"), picture.to_vec());
                }
            }
        })
        .await
    }

    /// The next event.
    pub async fn event(&mut self) -> Value {
        serde_json::from_str(&self.text().await).expect("JSON")
    }

    /// The next event of which `wanted` is true.
    pub async fn event_where(&mut self, what: &str, wanted: impl Fn(&Value) -> bool) -> Value {
        within_patience(what, async {
            loop {
                let event = self.event().await;
                if wanted(&event) {
                    return event;
                }
            }
        })
        .await
    }

    /// The next event with this status, for a name or for nobody.
    pub async fn sees(&mut self, status: &str, name: Option<&str>) -> Value {
        let what = format!("{status} of {name:?}");
        self.event_where(&what, |event| event["status"] == status && event["name"].as_str() == name).await
    }

    pub async fn say(&mut self, text: &str) {
        self.socket.send(Message::text(text)).await.expect("an open WebSocket");
    }
}

/// The HTTP status with which a WebSocket is refused.
pub async fn status_of_refused(request: impl IntoClientRequest + Unpin) -> u16 {
    match connect_async(request).await {
        Err(Error::Http(response)) => response.status().as_u16(),
        other => panic!("no refusal: {other:?}"),
    }
}
