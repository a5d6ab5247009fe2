use std::time::Duration;

use camera::{CameraStatus, LastError, Timing};
use gallery::Distance;
use serde::Serialize;
use utoipa::ToSchema;

/// How a camera is doing.
#[derive(Serialize, ToSchema)]
pub struct CameraReport {
    /// `connecting`, `live`, `stalled`, `finished` or `failed`.
    state: &'static str,
    since_seconds: u64,
    /// Why it has stalled or failed.
    #[serde(skip_serializing_if = "Option::is_none")]
    reason: Option<String>,
    /// Width of its picture in pixels.
    #[serde(skip_serializing_if = "Option::is_none")]
    width: Option<u32>,
    /// Height of its picture in pixels.
    #[serde(skip_serializing_if = "Option::is_none")]
    height: Option<u32>,
    /// Frames a second that were looked at or passed over as still, over the last five seconds.
    fps: f64,
    /// Frames a second as the stream states them.
    #[serde(skip_serializing_if = "Option::is_none")]
    source_fps: Option<f64>,
    /// How long ago the last frame came, in seconds.
    #[serde(skip_serializing_if = "Option::is_none")]
    last_frame_seconds: Option<f64>,
    /// From the reading of a frame until it was known who is in it, over the last few hundred frames.
    #[serde(skip_serializing_if = "Option::is_none")]
    latency_ms: Option<Percentiles>,
    frames: Frames,
    /// Below which distance its newest faces were accepted.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<f64>)]
    threshold: Option<Distance>,
    /// How often it was opened again.
    restarts: u64,
    faces: Faces,
    /// What went wrong last, also when it is over.
    #[serde(skip_serializing_if = "Option::is_none")]
    last_error: Option<ErrorReport>,
}

#[derive(Serialize, ToSchema)]
struct Percentiles {
    p50: f64,
    p95: f64,
    p99: f64,
}

/// Frames since the camera was started.
#[derive(Serialize, ToSchema)]
struct Frames {
    /// Those that came.
    read: u64,
    looked_at: u64,
    /// Passed over because nothing moved.
    still: u64,
    /// Replaced by a newer one before anybody looked.
    dropped: u64,
}

/// Faces since the camera was started, counted anew in every frame.
#[derive(Serialize, ToSchema)]
struct Faces {
    seen: u64,
    /// Embeddings computed.
    embedded: u64,
    /// Faces that needed none, because they were known from a frame before.
    embeddings_saved: u64,
}

#[derive(Serialize, ToSchema)]
struct ErrorReport {
    message: String,
    seconds_ago: u64,
}

/// How a camera is doing, in the form in which everybody is told.
pub fn camera_report(status: &CameraStatus) -> CameraReport {
    let report = status.report();
    CameraReport {
        state: report.state.name(),
        since_seconds: report.lasted.as_secs(),
        reason: report.state.reason().map(str::to_owned),
        width: report.picture.map(|(width, _)| width),
        height: report.picture.map(|(_, height)| height),
        fps: to_tenths(report.fps),
        source_fps: report.source_fps,
        last_frame_seconds: report.last_frame.map(|ago| to_tenths(ago.as_secs_f64())),
        latency_ms: (report.latency.count > 0).then(|| percentiles(&report.latency)),
        frames: Frames { read: report.read, looked_at: report.looked_at, still: report.still, dropped: report.dropped },
        threshold: report.threshold,
        restarts: report.restarts,
        faces: Faces { seen: report.faces, embedded: report.embeddings, embeddings_saved: report.saved },
        last_error: report
            .last_error
            .map(|LastError { message, ago }| ErrorReport { message, seconds_ago: ago.as_secs() }),
    }
}

fn percentiles(timing: &Timing) -> Percentiles {
    let milliseconds = |time: Duration| to_tenths(time.as_secs_f64() * 1e3);
    Percentiles { p50: milliseconds(timing.p50), p95: milliseconds(timing.p95), p99: milliseconds(timing.p99) }
}

fn to_tenths(number: f64) -> f64 {
    (number * 10.0).round() / 10.0
}
