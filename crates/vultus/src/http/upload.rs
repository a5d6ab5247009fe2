//! Forms with files: read piece by piece, with a limit on each, so that nobody's upload fills memory or waits for ever.

use std::io::{Seek, Write};
use std::time::Duration;

use axum::body::Bytes;
use axum::extract::multipart::{Field, Multipart, MultipartError};
use axum::extract::{FromRequest, Request};
use axum::http::{StatusCode, header};
use tokio::time::timeout;

use super::ApiError;

/// A client that sends nothing for so long has gone.
const PATIENCE: Duration = Duration::from_secs(30);

/// Most bytes of a text field.
const MAX_TEXT: u64 = 4096;

/// The form of a request whose content type must be `multipart/form-data`.
pub async fn multipart_of(request: Request) -> Result<Multipart, ApiError> {
    let given = request.headers().get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or_default();
    if !given.starts_with("multipart/form-data") {
        let message = format!("send the fields as multipart/form-data, not as {given:?} (curl: -F \"field=value\")");
        return Err(ApiError::new(StatusCode::UNSUPPORTED_MEDIA_TYPE, "unsupported_media_type", message));
    }
    Multipart::from_request(request, &()).await.map_err(|error| ApiError::bad_request("bad_form", error.body_text()))
}

/// The next field of a form.
pub async fn next_field(form: &mut Multipart) -> Result<Option<Field<'_>>, ApiError> {
    timeout(PATIENCE, form.next_field()).await.map_err(|_| too_slow())?.map_err(|error| broken(&error))
}

/// A field's text.
pub async fn text(field: Field<'_>) -> Result<String, ApiError> {
    let bytes = bytes(field, MAX_TEXT).await?;
    String::from_utf8(bytes).map_err(|_| ApiError::bad_request("bad_form", "a text field is not valid UTF-8"))
}

/// A field's content, in memory.
pub async fn bytes(mut field: Field<'_>, limit: u64) -> Result<Vec<u8>, ApiError> {
    let mut content = Vec::new();
    while let Some(chunk) = next_chunk(&mut field).await? {
        check(content.len() as u64 + chunk.len() as u64, limit, &field)?;
        content.extend_from_slice(&chunk);
    }
    Ok(content)
}

/// A field's content in a private temporary file without a name, read from its start.
pub async fn temporary_file(mut field: Field<'_>, limit: u64) -> Result<std::fs::File, ApiError> {
    let mut file = tempfile::tempfile().map_err(|error| no_room(&error))?;
    let mut length = 0;
    while let Some(chunk) = next_chunk(&mut field).await? {
        length += chunk.len() as u64;
        check(length, limit, &field)?;
        file.write_all(&chunk).map_err(|error| no_room(&error))?;
    }
    file.rewind().map_err(|error| no_room(&error))?;
    Ok(file)
}

async fn next_chunk(field: &mut Field<'_>) -> Result<Option<Bytes>, ApiError> {
    timeout(PATIENCE, field.chunk()).await.map_err(|_| too_slow())?.map_err(|error| broken(&error))
}

fn check(length: u64, limit: u64, field: &Field<'_>) -> Result<(), ApiError> {
    if length <= limit {
        return Ok(());
    }
    let name = field.name().unwrap_or("field");
    let message = match limit {
        MAX_TEXT => format!("{name} is longer than {MAX_TEXT} bytes"),
        _ => format!("{name} is larger than the {} MB allowed", limit / 1_000_000),
    };
    Err(ApiError::new(StatusCode::PAYLOAD_TOO_LARGE, "too_large", message))
}

fn broken(error: &MultipartError) -> ApiError {
    ApiError::bad_request("bad_form", format!("the form cannot be read: {}", error.body_text()))
}

fn too_slow() -> ApiError {
    let message = format!("nothing was received for {} s", PATIENCE.as_secs());
    ApiError::new(StatusCode::REQUEST_TIMEOUT, "too_slow", message)
}

fn no_room(error: &std::io::Error) -> ApiError {
    tracing::error!(%error, folder = %std::env::temp_dir().display(), "an upload cannot be kept");
    let message = "there is no room to keep the upload; the reason is in the log of the service";
    ApiError::new(StatusCode::INSUFFICIENT_STORAGE, "no_room", message)
}
