use std::sync::Arc;

use axum::extract::{Request, State};
use axum::http::{HeaderMap, StatusCode, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use subtle::ConstantTimeEq;

use super::ApiError;

/// Lets a request through that shows the key: `X-API-Key`, `Authorization: Bearer`, or `?key=` for browsers, which can
/// send no header with a WebSocket or a picture.
pub async fn ask_for_key(State(key): State<Arc<str>>, request: Request, next: Next) -> Response {
    let shown = from_headers(request.headers()).or_else(|| from_query(request.uri().query().unwrap_or_default()));
    match shown {
        Some(shown) if shown.as_bytes().ct_eq(key.as_bytes()).into() => next.run(request).await,
        Some(_) => refusal("the API key is wrong"),
        None => refusal("an API key is needed: send it as `X-API-Key`, as `Authorization: Bearer`, or as `?key=`"),
    }
}

fn from_headers(headers: &HeaderMap) -> Option<String> {
    let text = |name| headers.get(name).and_then(|value: &axum::http::HeaderValue| value.to_str().ok());
    let bearer = text(header::AUTHORIZATION.as_str()).and_then(|value| value.strip_prefix("Bearer "));
    text("x-api-key").or(bearer).map(|key| key.trim().to_owned())
}

fn from_query(query: &str) -> Option<String> {
    url::form_urlencoded::parse(query.as_bytes()).find(|(name, _)| name == "key").map(|(_, key)| key.into_owned())
}

fn refusal(message: &str) -> Response {
    ApiError::new(StatusCode::UNAUTHORIZED, "unauthorized", message).into_response()
}
