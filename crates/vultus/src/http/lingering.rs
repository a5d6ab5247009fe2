//! The rest of a body that nobody reads.
//!
//! An answer often comes before its request has been received: too large, no key, no place. Closing the connection then,
//! with bytes unread, resets it, and a client that is still sending sees a broken pipe instead of its answer. So the rest is
//! received and forgotten, for as long as nginx does (its `lingering_time` and `lingering_timeout`).

use std::mem::take;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use axum::body::{Body, Bytes, HttpBody};
use axum::extract::Request;
use axum::http::header;
use axum::middleware::Next;
use axum::response::Response;
use futures_util::StreamExt;
use hyper::body::{Frame, SizeHint};
use tokio::runtime::Handle;
use tokio::time::{Instant, timeout_at};

use super::listen::Stopping;

/// Longest time for the rest of a body.
const LONGEST: Duration = Duration::from_secs(30);

/// A client that sends nothing for so long has had its answer.
const SILENCE: Duration = Duration::from_secs(5);

/// Lets a client send to the end what is answered before.
pub async fn receive_the_rest(request: Request, next: Next) -> Response {
    let (head, body) = request.into_parts();
    let body = match head.extensions.get::<Stopping>() {
        Some(stopping) if !body.is_end_stream() => {
            // Who waits to be told to go on has sent nothing, and need not.
            let is_coming = !head.headers.contains_key(header::EXPECT);
            Body::new(Lingering { body, is_coming, stopping: stopping.clone() })
        }
        _ => body,
    };
    next.run(Request::from_parts(head, body)).await
}

/// A body whose rest is received when it is dropped before its end.
struct Lingering {
    body: Body,
    is_coming: bool,
    stopping: Stopping,
}

impl HttpBody for Lingering {
    type Data = Bytes;
    type Error = axum::Error;

    fn poll_frame(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, axum::Error>>> {
        self.is_coming = true;
        Pin::new(&mut self.body).poll_frame(cx)
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}

impl Drop for Lingering {
    fn drop(&mut self) {
        if self.is_coming
            && !self.body.is_end_stream()
            && let Ok(runtime) = Handle::try_current()
        {
            let (rest, stopping) = (forget(take(&mut self.body)), self.stopping.clone());
            runtime.spawn(async {
                tokio::select! {
                    () = rest => {}
                    () = stopping.come() => {}
                }
            });
        }
    }
}

/// Receives a body to its end, or until it has taken too long.
async fn forget(body: Body) {
    let (mut pieces, end) = (body.into_data_stream(), Instant::now() + LONGEST);
    while let Ok(Some(Ok(_))) = timeout_at(end.min(Instant::now() + SILENCE), pieces.next()).await {}
}

#[cfg(test)]
mod tests {
    use futures_util::stream;

    use super::*;

    #[tokio::test(start_paused = true)]
    async fn nobody_is_listened_to_for_ever() {
        let start = Instant::now();
        forget(Body::from_stream(stream::pending::<Result<Bytes, axum::Error>>())).await;
        assert_eq!(start.elapsed().as_secs(), 5);

        let endless = stream::repeat(()).then(async |()| {
            tokio::time::sleep(Duration::from_secs(1)).await;
            Ok::<_, axum::Error>(Bytes::from_static(b"more"))
        });
        forget(Body::from_stream(endless)).await;
        assert_eq!(start.elapsed().as_secs(), 35);
    }
}
