use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use camera::{CameraState, CameraStatus};
use gallery::Gallery;
use serde::Serialize;
use store::Store;

/// What this process can say about itself.
#[derive(Default)]
pub struct Health {
    /// The database, when this process uses one.
    pub store: Option<Store>,
    /// Everybody enrolled, when this process recognises.
    pub gallery: Option<Gallery>,
    /// The camera's name and state, when this process watches one.
    pub camera: Option<(String, CameraStatus)>,
}

/// The answer of `/healthz`.
#[derive(Serialize)]
pub(super) struct Report {
    status: &'static str,
    version: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    database: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    people: Option<usize>,
    #[serde(skip_serializing_if = "Option::is_none")]
    gallery_version: Option<i64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    camera: Option<CameraReport>,
}

#[derive(Serialize)]
struct CameraReport {
    name: String,
    state: &'static str,
    since_seconds: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    reason: Option<String>,
}

/// 200 while this process does its work, 503 while it cannot reach its database. A camera that is away is reported, but
/// is no reason to restart the service.
pub(super) async fn healthz(State(health): State<Arc<Health>>) -> (StatusCode, Json<Report>) {
    let database = match &health.store {
        Some(store) => Some(if store.ping().await.is_ok() { "ok" } else { "unavailable" }),
        None => None,
    };
    let index = health.gallery.as_ref().map(Gallery::index);
    let healthy = database != Some("unavailable");
    let report = Report {
        status: if healthy { "ok" } else { "degraded" },
        version: env!("CARGO_PKG_VERSION"),
        database,
        people: index.as_ref().map(|index| index.len()),
        gallery_version: index.as_ref().map(|index| index.version().0),
        camera: health.camera.as_ref().map(|(name, status)| camera_report(name, status)),
    };
    (if healthy { StatusCode::OK } else { StatusCode::SERVICE_UNAVAILABLE }, Json(report))
}

fn camera_report(name: &str, status: &CameraStatus) -> CameraReport {
    let (state, since) = status.now();
    let (state, reason) = match state {
        CameraState::Connecting => ("connecting", None),
        CameraState::Live => ("live", None),
        CameraState::Finished => ("finished", None),
        CameraState::Failed(reason) => ("failed", Some(reason)),
    };
    CameraReport { name: name.to_owned(), state, since_seconds: since.as_secs(), reason }
}
