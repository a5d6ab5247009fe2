use std::sync::Arc;
use std::time::Duration;

use axum::extract::State;
use axum::http::header;
use axum::response::IntoResponse;
use camera::{CameraReport, CameraState};
use events::Hub;
use gallery::{Gallery, Strictness};
use store::{Micros, Outbox, Store, Version};
use tokio::time::timeout;

use super::Health;
use super::exposition::{Kind, Page};
use crate::cameras::Cameras;
use crate::nodes::behind;

/// Whoever collects the numbers waits ten seconds as a rule; those of the database are left out before that.
const LONGEST_QUERY: Duration = Duration::from_secs(2);

/// Version 0.0.4 is the text form that every collector reads.
const TEXT_FORM: &str = "text/plain; version=0.0.4; charset=utf-8";

/// Where the numbers are read when somebody asks for them. Nothing is kept for them apart: what is gone, a camera for
/// instance, is on the next page no more.
#[derive(Clone)]
pub(super) struct Metrics {
    pub health: Arc<Health>,
    pub hub: Option<Hub>,
}

/// Numbers for operators, in Prometheus' text form.
#[utoipa::path(
    get, path = "/metrics", tag = "service",
    responses((status = 200, body = String, content_type = "text/plain"))
)]
pub(super) async fn metrics(State(metrics): State<Metrics>) -> impl IntoResponse {
    let Metrics { health, hub } = metrics;
    let mut page = Page::default();
    page.family(Kind::Gauge, "vultus_build_info", "The program's version; always 1.")
        .sample(&[("version", env!("CARGO_PKG_VERSION"))], 1);
    let here = health.cameras.as_ref().map(Cameras::here).unwrap_or_default();
    let reports: Vec<_> = here.into_iter().map(|here| (here.id, here.status.report())).collect();
    write_cameras(&mut page, &reports);
    if let Some(hub) = &hub {
        write_hub(&mut page, hub);
    }
    if let Some(gallery) = &health.gallery {
        let newest = match &health.store {
            Some(store) => timeout(LONGEST_QUERY, store.version()).await.ok().and_then(Result::ok),
            None => None,
        };
        write_gallery(&mut page, gallery, newest, health.strictness);
    }
    if let Some(store) = &health.store {
        write_database(&mut page, outbox(store).await);
    }
    write_requests(&mut page, &health);
    ([(header::CONTENT_TYPE, TEXT_FORM)], page.into_text())
}

/// `None` while the database is away.
async fn outbox(store: &Store) -> Option<Outbox> {
    timeout(LONGEST_QUERY, store.outbox()).await.ok()?.ok()
}

type Reports = [(String, CameraReport)];

fn write_cameras(page: &mut Page, cameras: &Reports) {
    write_states(page, cameras);
    write_frames(page, cameras);
    write_faces(page, cameras);
    write_spoofs(page, cameras);
    write_times(page, cameras);
}

fn write_states(page: &mut Page, cameras: &Reports) {
    let mut states =
        page.family(Kind::Gauge, "vultus_camera_state", "1 for the state that the camera is in, 0 for the others.");
    for (camera, report) in cameras {
        for state in CameraState::NAMES {
            states.sample(&[("camera", camera), ("state", state)], u8::from(report.state.name() == state));
        }
    }
    let mut restarts =
        page.family(Kind::Counter, "vultus_camera_restarts_total", "Times that the camera was opened again.");
    for (camera, report) in cameras {
        restarts.sample(&[("camera", camera)], report.restarts);
    }
    let mut ages =
        page.family(Kind::Gauge, "vultus_camera_last_frame_age_seconds", "Time since the camera's last frame.");
    for (camera, report) in cameras {
        if let Some(age) = report.last_frame {
            ages.sample(&[("camera", camera)], age.as_secs_f64());
        }
    }
}

fn write_frames(page: &mut Page, cameras: &Reports) {
    let help = "Frames a second that were looked at or passed over as still, over the last five seconds.";
    let mut fps = page.family(Kind::Gauge, "vultus_camera_fps", help);
    for (camera, report) in cameras {
        fps.sample(&[("camera", camera)], report.fps);
    }
    let mut source_fps =
        page.family(Kind::Gauge, "vultus_camera_source_fps", "Frames a second as the stream states them.");
    for (camera, report) in cameras {
        if let Some(fps) = report.source_fps {
            source_fps.sample(&[("camera", camera)], fps);
        }
    }
    let help =
        "Frames that came, by what became of them: looked at, still (nothing moved), or dropped for a newer one.";
    let mut frames = page.family(Kind::Counter, "vultus_camera_frames_total", help);
    for (camera, report) in cameras {
        for (outcome, count) in [("looked_at", report.looked_at), ("still", report.still), ("dropped", report.dropped)]
        {
            frames.sample(&[("camera", camera), ("outcome", outcome)], count);
        }
    }
}

fn write_faces(page: &mut Page, cameras: &Reports) {
    let mut faces =
        page.family(Kind::Counter, "vultus_camera_faces_total", "Faces detected, counted anew in every frame.");
    for (camera, report) in cameras {
        faces.sample(&[("camera", camera)], report.faces);
    }
    let help = "Below which distance a face is accepted there.";
    let mut thresholds = page.family(Kind::Gauge, "vultus_camera_threshold", help);
    for (camera, report) in cameras {
        if let Some(threshold) = report.threshold {
            thresholds.sample(&[("camera", camera)], f64::from(threshold.value()));
        }
    }
    let help = "Embeddings computed, and saved because the face was known from a frame before.";
    let mut embeddings = page.family(Kind::Counter, "vultus_camera_embeddings_total", help);
    for (camera, report) in cameras {
        for (outcome, count) in [("computed", report.embeddings), ("saved", report.saved)] {
            embeddings.sample(&[("camera", camera), ("outcome", outcome)], count);
        }
    }
}

fn write_spoofs(page: &mut Page, cameras: &Reports) {
    let help = "Faces that were decided to be spoofs: pictures of faces, held before the camera.";
    let mut spoofs = page.family(Kind::Counter, "vultus_camera_spoofs_total", help);
    for (camera, report) in cameras {
        spoofs.sample(&[("camera", camera)], report.spoofs);
    }
}

fn write_times(page: &mut Page, cameras: &Reports) {
    let help = "From the reading of a frame until it was known who is in it; quantiles of the last 256 frames.";
    let mut latency = page.family(Kind::Summary, "vultus_camera_latency_seconds", help);
    for (camera, report) in cameras {
        latency.timing(&[("camera", camera)], &report.latency);
    }
    let help = "Where a frame's latency went, in the frames in which the stage ran; quantiles of the last 256 of them.";
    let mut stages = page.family(Kind::Summary, "vultus_camera_stage_seconds", help);
    for (camera, report) in cameras {
        for (stage, timing) in report.stages.named() {
            stages.timing(&[("camera", camera), ("stage", stage)], &timing);
        }
    }
}

fn write_hub(page: &mut Page, hub: &Hub) {
    page.single(Kind::Gauge, "vultus_websocket_clients", "Viewers connected to the hub.", hub.viewers());
    let help = "Messages that slow viewers have lost.";
    page.single(Kind::Counter, "vultus_websocket_messages_lost_total", help, hub.dropped());
}

fn write_gallery(page: &mut Page, gallery: &Gallery, newest: Option<Version>, strictness: Option<Strictness>) {
    let index = gallery.index();
    if let Some(strictness) = strictness {
        let help = "Below which distance a face is accepted, by TH_ACCEPT and the number of people.";
        let threshold = f64::from(strictness.threshold(index.len()).value());
        page.single(Kind::Gauge, "vultus_threshold", help, threshold);
    }
    page.single(Kind::Gauge, "vultus_people", "People that can be recognised.", index.len());
    let help = "People among them who are known by embeddings of another model pack only.";
    let mut elsewhere = page.family(Kind::Gauge, "vultus_people_by_other_packs", help);
    for known in index.known_elsewhere() {
        elsewhere.sample(&[("space", &known.space)], known.people);
    }
    let help = "The gallery's version that this process recognises by.";
    page.single(Kind::Gauge, "vultus_gallery_version", help, index.version().0);
    if let Some(newest) = newest {
        let help = "Changes of the gallery that this process has not seen yet.";
        page.single(Kind::Gauge, "vultus_gallery_behind", help, behind(newest, index.version()));
    }
    let help = "Memory of the vectors that are searched.";
    page.single(Kind::Gauge, "vultus_index_vectors_bytes", help, index.vector_bytes());
}

fn write_database(page: &mut Page, outbox: Option<Outbox>) {
    let help = "1 while the database answers. While it is 0 the outbox is left out.";
    page.single(Kind::Gauge, "vultus_database_up", help, u8::from(outbox.is_some()));
    let Some(outbox) = outbox else { return };
    page.single(Kind::Gauge, "vultus_outbox_deliveries", "Webhook deliveries that wait.", outbox.depth);
    let age = outbox.oldest.map_or(0.0, |oldest| seconds_since(oldest, Micros::now()));
    let help = "Age of the oldest delivery that waits; 0 when none does.";
    page.single(Kind::Gauge, "vultus_outbox_oldest_age_seconds", help, age);
    let help = "Webhook deliveries that were given up, are kept, and can be sent again.";
    page.single(Kind::Gauge, "vultus_outbox_dead_letters", help, outbox.dead);
}

/// 0 where the other machine's clock is ahead of ours.
fn seconds_since(then: Micros, now: Micros) -> f64 {
    now.0.saturating_sub(then.0).max(0) as f64 / 1e6
}

fn write_requests(page: &mut Page, health: &Health) {
    let help = "HTTP requests answered, by method, route and status.";
    let mut requests = page.family(Kind::Counter, "vultus_http_requests_total", help);
    for (answered, count) in health.requests.all() {
        let status = answered.status.to_string();
        let labels = [("method", answered.method), ("route", answered.route.as_str()), ("status", status.as_str())];
        requests.sample(&labels, count);
    }
}
