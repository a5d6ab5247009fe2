//! The HTTP side: routes, who may use them, and how the server starts and ends.

mod auth;
mod contract;
mod error;
mod health;
mod openapi;
mod page;
mod recognize;
mod register_faces;
mod upload;
mod websocket;

use std::net::SocketAddr;
use std::sync::Arc;

use anyhow::{Context, bail};
use axum::Router;
use axum::extract::DefaultBodyLimit;
use axum::http::{HeaderName, HeaderValue};
use axum::middleware;
use axum::routing::get;
use events::Hub;
use tokio::net::TcpListener;
use tokio::sync::watch;
use tower_http::catch_panic::CatchPanicLayer;
use tower_http::set_header::SetResponseHeaderLayer;
use tower_http::trace::TraceLayer;

pub use error::ApiError;
pub use health::Health;
pub use register_faces::{EntryResult, enrol_all};

use crate::app::App;
use crate::settings::{Auth, Settings};

/// Where the WebSocket is answered, on both ports.
pub const WEBSOCKET_PATH: &str = "/ws/face-stream";

/// What every handler may use.
#[derive(Clone)]
pub struct Server {
    /// Gallery, engines, settings.
    pub app: App,
    /// The hub of this process, when it has one.
    pub hub: Option<Hub>,
    /// What `/healthz` reports.
    pub health: Arc<Health>,
}

/// The API, the live page and (with a hub) the WebSocket.
pub fn api_router(server: Server) -> Router {
    let hub = server.hub.clone();
    let key = server.app.settings().required_key();
    let health = server.health.clone();
    let (routes, api) = openapi::routes().split_for_parts();
    let mut guarded = routes
        .route("/openapi.json", get(move || openapi::serve(api.clone())))
        .layer(DefaultBodyLimit::disable())
        .with_state(server);
    if let Some(hub) = hub {
        guarded = guarded.route(WEBSOCKET_PATH, get(websocket::join).with_state(hub));
    }
    let open = Router::new().route("/", get(page::live)).route("/healthz", get(health::healthz).with_state(health));
    finish(open.merge(guard(guarded, key)))
}

/// The WebSocket alone, for the hub's own port.
pub fn hub_router(hub: Hub, key: Option<String>, health: Arc<Health>) -> Router {
    let guarded = Router::new().route(WEBSOCKET_PATH, get(websocket::join).with_state(hub));
    let open = Router::new().route("/healthz", get(health::healthz).with_state(health));
    finish(open.merge(guard(guarded, key)))
}

fn guard(router: Router, key: Option<String>) -> Router {
    match key {
        Some(key) => router.route_layer(middleware::from_fn_with_state(Arc::<str>::from(key), auth::ask_for_key)),
        None => router,
    }
}

fn finish(router: Router) -> Router {
    let no_sniffing = (HeaderName::from_static("x-content-type-options"), HeaderValue::from_static("nosniff"));
    router
        .fallback(error::not_found)
        .method_not_allowed_fallback(error::method_not_allowed)
        .layer(CatchPanicLayer::custom(error::panicked))
        .layer(SetResponseHeaderLayer::if_not_present(no_sniffing.0, no_sniffing.1))
        .layer(TraceLayer::new_for_http())
}

/// Binds `addr`, so that a port in use is known before anything else starts.
///
/// # Errors
/// When the port is taken or not allowed, or the address is open to others without a key.
pub async fn bind(settings: &Settings, name: &str, addr: SocketAddr) -> anyhow::Result<TcpListener> {
    if !addr.ip().is_loopback() && settings.auth == Auth::On && settings.api_key.0.is_empty() {
        bail!(
            "{name} = {addr} would let everybody on the network in: set API_KEY to a secret of your own \
             (callers send it as `X-API-Key`), or AUTH=off if that is what you want"
        );
    }
    TcpListener::bind(addr).await.with_context(|| {
        format!("cannot listen on {addr}: is another program (or another vultus) using it? Set {name} to a free one")
    })
}

/// Serves until `stopping` becomes true, then lets requests in flight end.
pub async fn serve(listener: TcpListener, router: Router, mut stopping: watch::Receiver<bool>) -> anyhow::Result<()> {
    axum::serve(listener, router)
        .with_graceful_shutdown(async move {
            // An error says that whoever could stop us is gone: stop as well.
            let _ = stopping.wait_for(|stop| *stop).await;
        })
        .await
        .context("the HTTP server failed")
}
