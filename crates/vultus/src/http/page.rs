use axum::http::{HeaderName, header};
use axum::response::{Html, IntoResponse};

/// Nothing from elsewhere: the page works on a network without internet, and no other page can be put into it.
const POLICY: &str = "default-src 'none'; script-src 'unsafe-inline'; style-src 'unsafe-inline'; img-src data: blob:; \
                      connect-src 'self' ws: wss:; frame-ancestors 'none'; base-uri 'none'; form-action 'none'";

/// The live page. It holds no data and asks for the key itself, so anybody may load it.
pub(super) async fn live() -> impl IntoResponse {
    let headers: [(HeaderName, &str); 3] = [
        (header::CONTENT_SECURITY_POLICY, POLICY),
        (header::CACHE_CONTROL, "no-cache"),
        (header::REFERRER_POLICY, "no-referrer"),
    ];
    (headers, Html(include_str!("live.html")))
}
