use std::sync::Arc;

use axum::extract::{Request, State};
use axum::http::{HeaderMap, StatusCode, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use subtle::ConstantTimeEq;

use super::ApiError;
use crate::settings::Admission;

/// Lets a request through that shows the key, where one is asked for: `X-API-Key`, `Authorization: Bearer`, or `?key=`
/// for browsers, which can send no header with a WebSocket or a picture.
pub async fn ask_for_key(State(admission): State<Arc<Admission>>, request: Request, next: Next) -> Response {
    if admission.key().is_none() || shows_key(&admission, &request) {
        return next.run(request).await;
    }
    match shown_by(&request) {
        Some(_) => refusal("the API key is wrong"),
        None => refusal("an API key is needed: send it as `X-API-Key`, as `Authorization: Bearer`, or as `?key=`"),
    }
}

/// Whether a key is asked for and the request shows it.
pub(super) fn shows_key(admission: &Admission, request: &Request) -> bool {
    match (admission.key(), shown_by(request)) {
        (Some(key), Some(shown)) => shown.as_bytes().ct_eq(key.as_bytes()).into(),
        _ => false,
    }
}

fn shown_by(request: &Request) -> Option<String> {
    from_headers(request.headers()).or_else(|| from_query(request.uri().query().unwrap_or_default()))
}

fn from_headers(headers: &HeaderMap) -> Option<String> {
    let text = |name| headers.get(name).and_then(|value: &axum::http::HeaderValue| value.to_str().ok());
    let bearer = text(header::AUTHORIZATION.as_str()).and_then(|value| {
        let (scheme, key) = value.split_once(' ')?;
        scheme.eq_ignore_ascii_case("bearer").then_some(key)
    });
    text("x-api-key").or(bearer).map(|key| key.trim().to_owned())
}

fn from_query(query: &str) -> Option<String> {
    url::form_urlencoded::parse(query.as_bytes()).find(|(name, _)| name == "key").map(|(_, key)| key.into_owned())
}

fn refusal(message: &str) -> Response {
    ApiError::new(StatusCode::UNAUTHORIZED, "unauthorized", message).into_response()
}
