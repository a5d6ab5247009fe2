//! The HTTP side: routes, who may use them, and how the server starts and ends.

mod auth;
mod camera_report;
mod choice;
mod contract;
mod enrolment;
mod error;
mod exposition;
mod follower;
mod health;
mod intake;
mod lingering;
mod listen;
mod metrics;
mod occasionally;
mod openapi;
mod origin;
mod page;
mod recognize;
mod register_faces;
mod requests;
mod socket;
mod upload;
mod v1;
mod websocket;

use std::net::SocketAddr;
use std::sync::Arc;

use anyhow::{Context, bail};
use axum::Router;
use axum::extract::{DefaultBodyLimit, Request};
use axum::http::{HeaderName, HeaderValue};
use axum::middleware;
use axum::routing::get;
use events::{Attendance, History, Hub};
use tokio::net::TcpListener;
use tower_http::catch_panic::CatchPanicLayer;
use tower_http::set_header::SetResponseHeaderLayer;
use tower_http::trace::TraceLayer;

pub use camera_report::camera_report;
pub use enrolment::{in_words, what_overrides};
pub use error::ApiError;
pub use health::{Health, Stream};
pub use intake::Intake;
pub use listen::serve;
pub use register_faces::{EntryResult, enrol_all};
pub use requests::Requests;
pub use upload::{FORM_BYTES, whole_body};

use self::metrics::Metrics;
use crate::app::App;
use crate::cameras::Cameras;
use crate::nodes::Nodes;
use crate::settings::{Admission, Auth, Settings};
use crate::webhooks::NamedWebhook;

/// Where the WebSocket is answered, on both ports.
pub const WEBSOCKET_PATH: &str = "/ws/face-stream";

/// What every handler may use.
#[derive(Clone)]
pub struct Server {
    /// Gallery, engines, settings.
    pub app: App,
    /// The cameras of this process and of all others.
    pub cameras: Cameras,
    /// The named webhooks.
    pub webhooks: Arc<[NamedWebhook]>,
    /// The hub of this process, when it has one.
    pub hub: Option<Hub>,
    /// Who passed.
    pub history: History,
    /// Who was there and who was not.
    pub attendance: Attendance,
    /// The processes that share the database.
    pub nodes: Nodes,
    /// What `/healthz` reports.
    pub health: Arc<Health>,
}

/// The API, the live page and (with a hub) the WebSocket.
pub fn api_router(server: Server) -> Router {
    let hub = server.hub.clone();
    let admission = server.app.settings().admission();
    let health = server.health.clone();
    let (routes, api) = openapi::routes().split_for_parts();
    let mut guarded = routes
        .route("/openapi.json", get(move || openapi::serve(api.clone())))
        // Each handler has its own limit, see `upload`.
        .layer(DefaultBodyLimit::disable())
        .with_state(server);
    if let Some(hub) = hub.clone() {
        guarded = guarded.route(WEBSOCKET_PATH, get(websocket::join).with_state(hub));
    }
    finish(Router::new().route("/", get(page::live)), guarded, admission, hub, health)
}

/// The WebSocket alone, for the hub's own port.
pub fn hub_router(hub: Hub, admission: Admission, health: Arc<Health>) -> Router {
    let guarded = Router::new().route(WEBSOCKET_PATH, get(websocket::join).with_state(hub.clone()));
    finish(Router::new(), guarded, admission, Some(hub), health)
}

/// Both kinds of routes, with those that every process has, behind what every request goes through; the guarded ones ask
/// for the key as well.
fn finish(open: Router, guarded: Router, admission: Admission, hub: Option<Hub>, health: Arc<Health>) -> Router {
    let (admission, requests) = (Arc::new(admission), health.requests.clone());
    let open = open.route("/healthz", get(health::healthz).with_state(health.clone()));
    let guarded = guarded.route("/metrics", get(metrics::metrics).with_state(Metrics { health, hub }));
    let guarded = guarded.route_layer(middleware::from_fn_with_state(admission.clone(), auth::ask_for_key));
    let no_sniffing = (HeaderName::from_static("x-content-type-options"), HeaderValue::from_static("nosniff"));
    open.merge(guarded)
        .fallback(error::not_found)
        .method_not_allowed_fallback(error::method_not_allowed)
        .layer(middleware::from_fn_with_state(admission, origin::ask_whence))
        .layer(CatchPanicLayer::custom(error::panicked))
        .layer(SetResponseHeaderLayer::if_not_present(no_sniffing.0, no_sniffing.1))
        // Errors are logged where they are made.
        .layer(TraceLayer::new_for_http().make_span_with(span).on_failure(()))
        .layer(middleware::from_fn_with_state(requests, requests::count))
        .layer(middleware::from_fn(lingering::receive_the_rest))
}

/// What the log says of a request: not its query, in which there may be the key.
fn span(request: &Request) -> tracing::Span {
    tracing::debug_span!("request", method = %request.method(), path = request.uri().path())
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
