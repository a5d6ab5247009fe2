//! Which web pages may use the service. A browser sends the requests of any page to any address, this machine included,
//! and does not ask before it opens a WebSocket; but it says in `Origin` whose page it is, and in `Host` by which name
//! the page knows us.

use std::net::IpAddr;
use std::sync::Arc;

use axum::extract::{Request, State};
use axum::http::uri::Authority;
use axum::http::{HeaderValue, StatusCode, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use url::{Host, Url};

use super::{ApiError, WEBSOCKET_PATH, auth};
use crate::settings::Admission;

/// Refuses what a stranger's web page sends.
pub async fn ask_whence(State(admission): State<Arc<Admission>>, request: Request, next: Next) -> Response {
    match check_host(&admission, &request).and_then(|()| check_origin(&admission, &request)) {
        Ok(()) => next.run(request).await,
        Err(error) => error.into_response(),
    }
}

/// A stranger's page may give its own name our address (DNS rebinding), and is then its own origin in all honesty. Where
/// a key is asked for it does not get far; where only the loopback address guards us the name is looked at.
fn check_host(admission: &Admission, request: &Request) -> Result<(), ApiError> {
    let Some(given) = request.headers().get(header::HOST).filter(|_| admission.is_for_this_machine) else {
        return Ok(());
    };
    match host_of(given) {
        Some(host) if is_loopback(&host) || admission.origins.lists_host(&host) => Ok(()),
        _ => Err(forbidden("forbidden_host", "this service is not known by the name", given)),
    }
}

fn check_origin(admission: &Admission, request: &Request) -> Result<(), ApiError> {
    let Some(given) = request.headers().get(header::ORIGIN) else { return Ok(()) };
    // Whoever knows the key needs no other recommendation.
    if auth::shows_key(admission, request) || is_allowed(admission, request, given) {
        return Ok(());
    }
    Err(forbidden("forbidden_origin", "this service is not for web pages of", given))
}

fn is_allowed(admission: &Admission, request: &Request, given: &HeaderValue) -> bool {
    let allowed = &admission.origins;
    if given == "null" {
        return allowed.any || (allowed.null && request.uri().path() == WEBSOCKET_PATH);
    }
    let Some(url) = given.to_str().ok().and_then(|text| Url::parse(text).ok()) else { return allowed.any };
    let host = url.host().map(|host| host.to_owned());
    let own = request.headers().get(header::HOST).and_then(host_of);
    allowed.lists(&url.origin()) || host.is_some_and(|host| is_loopback(&host) || Some(host) == own)
}

/// The host of a `Host` header, without its port.
fn host_of(given: &HeaderValue) -> Option<Host> {
    let authority: Authority = given.to_str().ok()?.parse().ok()?;
    Host::parse(authority.host()).ok()
}

fn is_loopback(host: &Host) -> bool {
    match host {
        Host::Domain(name) => name == "localhost",
        Host::Ipv4(ip) => IpAddr::from(*ip).is_loopback(),
        Host::Ipv6(ip) => IpAddr::from(*ip).is_loopback(),
    }
}

fn forbidden(code: &'static str, what: &str, given: &HeaderValue) -> ApiError {
    let given = String::from_utf8_lossy(given.as_bytes());
    let message = format!("{what} {given}: if that is wanted, add it to the setting ALLOWED_ORIGINS (https://…)");
    ApiError::new(StatusCode::FORBIDDEN, code, message)
}
