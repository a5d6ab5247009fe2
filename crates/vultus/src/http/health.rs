use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use gallery::{Distance, Gallery, Strictness};
use serde::Serialize;
use store::Store;
use tokio::time::timeout;
use utoipa::ToSchema;

use super::Requests;
use super::camera_report::{CameraReport, camera_report};
use crate::cameras::{Cameras, Here};
use crate::nodes::behind;

/// A database that takes longer is of no use; whoever asks waits hardly longer either.
const LONGEST_PING: Duration = Duration::from_secs(2);

/// What this process can say about itself.
#[derive(Default)]
pub struct Health {
    /// What this machine is called.
    pub node: String,
    /// The database, when this process uses one.
    pub store: Option<Store>,
    /// Everybody enrolled, when this process recognises.
    pub gallery: Option<Gallery>,
    /// The setting TH_ACCEPT, when this process recognises.
    pub strictness: Option<Strictness>,
    /// The cameras, when this process has to do with them.
    pub cameras: Option<Cameras>,
    /// Where the live page finds the frames, when this process has one.
    pub stream: Option<Stream>,
    /// What was asked of it over HTTP.
    pub requests: Requests,
}

/// Where the frames are.
#[derive(Clone, Debug)]
pub enum Stream {
    /// At the WebSocket's path of the same address.
    Here,
    /// At a hub in another process.
    At(url::Url),
    /// Nowhere: WS_ENABLE is off.
    Off,
}

impl Stream {
    /// `here`, `off`, or an address without what may be secret in it.
    fn to_text(&self) -> String {
        match self {
            Self::Here => "here".to_owned(),
            Self::Off => "off".to_owned(),
            Self::At(url) => {
                let mut shown = url.clone();
                shown.set_query(None);
                // They fail only for addresses without a host, which have neither.
                let _ = shown.set_username("");
                let _ = shown.set_password(None);
                shown.into()
            }
        }
    }
}

/// The answer of `/healthz`.
#[derive(Serialize, ToSchema)]
pub(super) struct Report {
    /// `ok`, or `degraded` while the database is away.
    status: &'static str,
    version: &'static str,
    /// What this machine is called.
    node: String,
    /// `ok` or `unavailable`.
    #[serde(skip_serializing_if = "Option::is_none")]
    database: Option<&'static str>,
    /// People that can be recognised.
    #[serde(skip_serializing_if = "Option::is_none")]
    people: Option<usize>,
    /// How many of them are known by embeddings of another pack only, by its space; nobody as a rule.
    #[serde(skip_serializing_if = "Option::is_none")]
    people_by_other_packs: Option<BTreeMap<String, usize>>,
    /// The gallery's version that this process knows.
    #[serde(skip_serializing_if = "Option::is_none")]
    gallery_version: Option<i64>,
    /// Changes of the gallery that it has not seen yet; left out while the database is away.
    #[serde(skip_serializing_if = "Option::is_none")]
    behind: Option<i64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    accept: Option<Accept>,
    #[serde(skip_serializing_if = "Option::is_none")]
    camera: Option<NamedReport>,
    /// Every camera that this process watches, the one of `camera` first.
    #[serde(skip_serializing_if = "Option::is_none")]
    cameras: Option<Vec<NamedReport>>,
    /// Where the frames are: `here` (the WebSocket of this address), the address of a hub, or `off`.
    #[serde(skip_serializing_if = "Option::is_none")]
    stream: Option<String>,
}

/// Which faces are accepted.
#[derive(Serialize, ToSchema)]
struct Accept {
    /// The setting.
    #[schema(value_type = serde_json::Value, example = "fpir:0.001")]
    th_accept: Strictness,
    /// The distance that it comes to with the people enrolled now.
    #[schema(value_type = f64)]
    threshold: Distance,
    /// False where it is stricter than anything that was measured, for the scale or for the pack: a guess.
    measured: bool,
}

/// A camera and how it is doing.
#[derive(Serialize, ToSchema)]
struct NamedReport {
    id: String,
    name: String,
    #[serde(flatten)]
    report: CameraReport,
}

/// 200 while this process does its work, 503 while it cannot reach its database. A camera that is away is reported, but
/// is no reason to restart the service.
#[utoipa::path(
    get, path = "/healthz", tag = "service", security(()),
    responses(
        (status = 200, body = Report),
        (status = 503, description = "the database cannot be reached", body = Report),
    )
)]
pub(super) async fn healthz(State(health): State<Arc<Health>>) -> (StatusCode, Json<Report>) {
    // An answer, and the one that tells how far this process is behind.
    let newest = match &health.store {
        Some(store) => timeout(LONGEST_PING, store.version()).await.ok().and_then(Result::ok),
        None => None,
    };
    let database = health.store.as_ref().map(|_| if newest.is_some() { "ok" } else { "unavailable" });
    let index = health.gallery.as_ref().map(Gallery::index);
    let cameras = health.cameras.as_ref().map(Cameras::here).unwrap_or_default();
    let healthy = database != Some("unavailable");
    let report = Report {
        status: if healthy { "ok" } else { "degraded" },
        version: env!("CARGO_PKG_VERSION"),
        node: health.node.clone(),
        database,
        people: index.as_ref().map(|index| index.len()),
        people_by_other_packs: index.as_ref().map(|index| {
            index.known_elsewhere().into_iter().map(|known| (known.space.to_string(), known.people)).collect()
        }),
        gallery_version: index.as_ref().map(|index| index.version().0),
        behind: newest.zip(index.as_ref()).map(|(newest, index)| behind(newest, index.version())),
        accept: health.strictness.zip(index.as_ref()).map(|(th_accept, index)| Accept {
            th_accept,
            threshold: th_accept.threshold(index.len()),
            measured: health
                .gallery
                .as_ref()
                .is_some_and(|gallery| th_accept.is_measured(index.len(), gallery.scale())),
        }),
        camera: cameras.first().map(named_report),
        cameras: health.cameras.as_ref().map(|_| cameras.iter().map(named_report).collect()),
        stream: health.stream.as_ref().map(Stream::to_text),
    };
    (if healthy { StatusCode::OK } else { StatusCode::SERVICE_UNAVAILABLE }, Json(report))
}

fn named_report(here: &Here) -> NamedReport {
    NamedReport { id: here.id.clone(), name: here.name.clone(), report: camera_report(&here.status) }
}
