//! Bodies: read piece by piece, with a limit on size and time, so that nobody's upload fills memory or waits for ever.

use std::error::Error;
use std::fs::File;
use std::io::{Seek, Write};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use axum::body::{Body, BodyDataStream, Bytes, HttpBody};
use axum::extract::multipart::{Field, Multipart, MultipartError};
use axum::extract::{FromRequest, Request};
use axum::http::{StatusCode, header};
use futures_util::{Stream, StreamExt, stream};
use tokio::task::spawn_blocking;
use tokio::time::{Instant, timeout_at};

use super::ApiError;
use super::intake::Held;

/// Most bytes of a form beside its file.
pub const FORM_BYTES: u64 = 64 << 10;

/// A client that sends nothing for so long has gone.
const PATIENCE: Duration = Duration::from_secs(30);

/// Time for a body that comes at whatever pace; more has to be earned by sending.
const GRACE: Duration = Duration::from_secs(60);

/// A body may take a second more for each so many bytes that have come.
const BYTES_PER_SECOND: u64 = 250_000;

/// Most bytes of a text field.
const MAX_TEXT: u64 = 4096;

/// Most bytes that a form's reader may ask for without giving any back: the head of a part, which it keeps in
/// memory until it ends, and a few pieces that are on their way.
const MAX_UNREAD: usize = 512 << 10;

/// A file is written in pieces of about this size.
const PIECE: usize = 256 << 10;

/// A request's content type in lower case, as it is compared.
pub fn content_type(request: &Request) -> String {
    let given = request.headers().get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok());
    given.unwrap_or_default().to_ascii_lowercase()
}

/// A body on its way in.
struct Incoming {
    chunks: BodyDataStream,
    limit: u64,
    received: u64,
    started: Instant,
    held: Option<Held>,
}

impl Incoming {
    /// A body of at most `limit` bytes, counted in `held`. One that is announced to be larger is refused at once.
    fn new(body: Body, limit: u64, held: Option<Held>) -> Result<Self, ApiError> {
        if body.size_hint().lower() > limit {
            return Err(too_large("the body", limit));
        }
        Ok(Self { chunks: body.into_data_stream(), limit, received: 0, started: Instant::now(), held })
    }

    async fn next(&mut self) -> Result<Option<Bytes>, ApiError> {
        let earned = Duration::from_secs(self.received / BYTES_PER_SECOND);
        let deadline = (self.started + GRACE + earned).min(Instant::now() + PATIENCE);
        let chunk = timeout_at(deadline, self.chunks.next()).await.map_err(|_| too_slow())?;
        let Some(chunk) = chunk.transpose().map_err(|error| bad_form(&error))? else { return Ok(None) };
        self.received += chunk.len() as u64;
        if self.received > self.limit {
            return Err(too_large("the body", self.limit));
        }
        if let Some(held) = &mut self.held {
            held.grow(chunk.len() as u64)?;
        }
        Ok(Some(chunk))
    }

    fn into_stream(self) -> impl Stream<Item = Result<Bytes, ApiError>> {
        stream::unfold(self, async |mut body| body.next().await.transpose().map(|chunk| (chunk, body)))
    }
}

/// A request's whole body, of at most `limit` bytes.
pub async fn whole_body(request: Request, limit: u64, held: Option<Held>) -> Result<Vec<u8>, ApiError> {
    let mut body = Incoming::new(request.into_body(), limit, held)?;
    let mut content = Vec::new();
    while let Some(chunk) = body.next().await? {
        content.extend_from_slice(&chunk);
    }
    Ok(content)
}

/// A form of the content type `multipart/form-data`.
pub struct Form {
    parts: Multipart,
    unread: Arc<AtomicUsize>,
}

impl Form {
    /// The form of a request, of at most `limit` bytes in all.
    pub async fn of(request: Request, limit: u64, held: Option<Held>) -> Result<Self, ApiError> {
        let given = content_type(&request);
        if !given.starts_with("multipart/form-data") {
            let message =
                format!("send the fields as multipart/form-data, not as {given:?} (curl: -F \"field=value\")");
            return Err(ApiError::new(StatusCode::UNSUPPORTED_MEDIA_TYPE, "unsupported_media_type", message));
        }
        let (head, body) = request.into_parts();
        let unread = Arc::new(AtomicUsize::new(0));
        let counter = unread.clone();
        let counted = Incoming::new(body, limit, held)?.into_stream().map(move |chunk| {
            let chunk = chunk?;
            let before = counter.fetch_add(chunk.len(), Ordering::Relaxed);
            if before + chunk.len() > MAX_UNREAD { Err(long_head()) } else { Ok(chunk) }
        });
        let request = Request::from_parts(head, Body::from_stream(counted));
        let parts = Multipart::from_request(request, &()).await;
        let parts = parts.map_err(|error| ApiError::bad_request("bad_form", error.body_text()))?;
        Ok(Self { parts, unread })
    }

    /// The next part. The one before must have been read, or skipped.
    pub async fn next(&mut self) -> Result<Option<Part<'_>>, ApiError> {
        let field = self.parts.next_field().await.map_err(|error| broken(&error))?;
        self.unread.store(0, Ordering::Relaxed);
        Ok(field.map(|field| Part { field, unread: &self.unread }))
    }
}

/// One field of a form.
pub struct Part<'a> {
    field: Field<'a>,
    unread: &'a AtomicUsize,
}

impl Part<'_> {
    /// The field's name.
    pub fn name(&self) -> Option<&str> {
        self.field.name()
    }

    /// The start of the file's name as the sender has it.
    pub fn file_name(&self, longest: usize) -> Option<String> {
        self.field.file_name().map(|name| name.chars().take(longest).collect())
    }

    /// A text.
    pub async fn text(self) -> Result<String, ApiError> {
        let bytes = self.bytes(MAX_TEXT).await?;
        String::from_utf8(bytes).map_err(|_| ApiError::bad_request("bad_form", "a text field is not valid UTF-8"))
    }

    /// The content, in memory.
    pub async fn bytes(mut self, limit: u64) -> Result<Vec<u8>, ApiError> {
        let mut content = Vec::new();
        while let Some(chunk) = self.chunk().await? {
            self.check(content.len() as u64 + chunk.len() as u64, limit)?;
            content.extend_from_slice(&chunk);
        }
        Ok(content)
    }

    /// The content in a private temporary file without a name, read from its start. The disk is waited for on threads
    /// that may block, and on none while the client is.
    pub async fn temporary_file(mut self, limit: u64) -> Result<File, ApiError> {
        let mut file = on_disk(tempfile::tempfile).await?;
        let (mut length, mut piece) = (0, Vec::new());
        while let Some(chunk) = self.chunk().await? {
            length += chunk.len() as u64;
            self.check(length, limit)?;
            piece.extend_from_slice(&chunk);
            if piece.len() >= PIECE {
                let full = std::mem::take(&mut piece);
                file = on_disk(move || file.write_all(&full).map(|()| file)).await?;
            }
        }
        on_disk(move || file.write_all(&piece).and_then(|()| file.rewind()).map(|()| file)).await
    }

    /// Passes over a field that nobody asked for.
    pub async fn skip(mut self) -> Result<(), ApiError> {
        while self.chunk().await?.is_some() {}
        Ok(())
    }

    async fn chunk(&mut self) -> Result<Option<Bytes>, ApiError> {
        let chunk = self.field.chunk().await.map_err(|error| broken(&error))?;
        self.unread.store(0, Ordering::Relaxed);
        Ok(chunk)
    }

    fn check(&self, length: u64, limit: u64) -> Result<(), ApiError> {
        if length <= limit { Ok(()) } else { Err(too_large(self.name().unwrap_or("a field"), limit)) }
    }
}

async fn on_disk<T: Send + 'static>(work: impl FnOnce() -> std::io::Result<T> + Send + 'static) -> Result<T, ApiError> {
    spawn_blocking(work).await.map_err(std::io::Error::other).flatten().map_err(|error| no_room(&error))
}

fn too_large(what: &str, limit: u64) -> ApiError {
    let limit = match limit {
        MAX_TEXT => format!("{MAX_TEXT} bytes"),
        FORM_BYTES => format!("{} KB", FORM_BYTES >> 10),
        _ => format!("{} MB", limit / 1_000_000),
    };
    ApiError::new(StatusCode::PAYLOAD_TOO_LARGE, "too_large", format!("{what} is larger than the {limit} allowed"))
}

/// Our own error, where one came up through the form's reader, or else what the reader has to say.
fn broken(error: &MultipartError) -> ApiError {
    let first: &(dyn Error + 'static) = error;
    let mut causes = std::iter::successors(Some(first), |cause| (*cause).source());
    match causes.find_map(|cause| cause.downcast_ref::<ApiError>()) {
        Some(own) => own.clone(),
        None => bad_form(&error.body_text()),
    }
}

fn bad_form(error: &dyn std::fmt::Display) -> ApiError {
    ApiError::bad_request("bad_form", format!("the body cannot be read: {error}"))
}

fn long_head() -> ApiError {
    ApiError::bad_request("bad_form", "a part of the form has a head without an end")
}

fn too_slow() -> ApiError {
    let message = format!(
        "the body came too slowly: nothing for {} s, or less than {} KB a second after the first {} s",
        PATIENCE.as_secs(),
        BYTES_PER_SECOND / 1000,
        GRACE.as_secs()
    );
    ApiError::new(StatusCode::REQUEST_TIMEOUT, "too_slow", message)
}

fn no_room(error: &std::io::Error) -> ApiError {
    tracing::error!(%error, folder = %std::env::temp_dir().display(), "an upload cannot be kept");
    let message = "there is no room to keep the upload; the reason is in the log of the service";
    ApiError::new(StatusCode::INSUFFICIENT_STORAGE, "no_room", message)
}
