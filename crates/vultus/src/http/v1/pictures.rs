//! `/api/v1/cameras/{id}/snapshot.jpg` and `/stream.mjpg`: what a camera sees.

use std::time::Duration;

use axum::Extension;
use axum::body::{Body, Bytes};
use axum::extract::rejection::QueryRejection;
use axum::extract::{Query, State};
use axum::http::{HeaderName, header};
use axum::response::{IntoResponse, Response};
use camera::Pooled;
use events::{Live, LiveFrame};
use futures_util::stream::unfold;
use serde::Deserialize;
use tokio::sync::watch;
use tokio::task::spawn_blocking;
use tokio::time::{Instant, sleep_until};
use utoipa::IntoParams;

use super::cameras::CameraId;
use crate::http::error::ErrorBody;
use crate::http::follower::{self, Place};
use crate::http::listen::Stopping;
use crate::http::{ApiError, Server};

const NO_STORE: (HeaderName, &str) = (header::CACHE_CONTROL, "no-store");

/// Between two pictures of a stream. A JPEG may hold anything, but none of ours holds this.
const BOUNDARY: &str = "vultus-next-picture";

/// How a picture is wanted.
#[derive(Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub struct Wish {
    /// With boxes and names drawn into it.
    #[serde(default)]
    annotated: bool,
    /// For a stream: most pictures a second, 0.1 to 60; as many as there are without it.
    fps: Option<f64>,
}

/// The newest picture of a camera. `Age` says how many seconds old it is.
#[utoipa::path(
    get, path = "/api/v1/cameras/{id}/snapshot.jpg", tag = "cameras", params(("id" = String, Path), Wish),
    responses(
        (status = 200, content_type = "image/jpeg", body = Vec<u8>),
        (status = 400, description = "bad_parameter", body = ErrorBody),
        (status = 404, description = "unknown_camera", body = ErrorBody),
        (status = 503, description = "no_picture (yet, or here), database_unavailable", body = ErrorBody),
    )
)]
pub async fn snapshot(
    State(server): State<Server>,
    CameraId(id): CameraId,
    wish: Result<Query<Wish>, QueryRejection>,
) -> Result<Response, ApiError> {
    let wish = checked(wish)?;
    let live = server.cameras.live(&id).await?;
    let Some(frame) = live.newest() else {
        return Err(ApiError::no_picture(format!("the camera `{id}` has not sent a picture yet: see its state")));
    };
    let age = frame.sighting().frame.read_at.elapsed().as_secs();
    let jpeg = encoded(frame, wish.annotated).await?;
    Ok(([NO_STORE, (header::CONTENT_TYPE, "image/jpeg")], [(header::AGE, age.to_string())], jpeg).into_response())
}

/// The pictures of a camera as they come (MJPEG), for an `<img>` or a recorder. A client that is slow gets fewer. It ends with
/// the service, and when the camera is changed or no longer watched here.
#[utoipa::path(
    get, path = "/api/v1/cameras/{id}/stream.mjpg", tag = "cameras", params(("id" = String, Path), Wish),
    responses(
        (status = 200, content_type = "multipart/x-mixed-replace", body = Vec<u8>),
        (status = 400, description = "bad_parameter", body = ErrorBody),
        (status = 404, description = "unknown_camera", body = ErrorBody),
        (status = 503, description = "no_picture (here), busy, database_unavailable", body = ErrorBody),
    )
)]
pub async fn stream(
    State(server): State<Server>,
    CameraId(id): CameraId,
    Extension(stopping): Extension<Stopping>,
    wish: Result<Query<Wish>, QueryRejection>,
) -> Result<Response, ApiError> {
    let wish = checked(wish)?;
    let place = follower::place()?;
    let parts = Parts::of(&server.cameras.live(&id).await?, &wish, stopping, place);
    let body = Body::from_stream(unfold(parts, Parts::next));
    let content_type = format!("multipart/x-mixed-replace; boundary={BOUNDARY}");
    Ok(([NO_STORE], [(header::CONTENT_TYPE, content_type)], body).into_response())
}

fn checked(wish: Result<Query<Wish>, QueryRejection>) -> Result<Wish, ApiError> {
    let Query(wish) = wish.map_err(|error| ApiError::bad_request("bad_parameter", error.body_text()))?;
    if wish.fps.is_some_and(|fps| !(0.1..=60.0).contains(&fps)) {
        return Err(ApiError::bad_request(
            "bad_parameter",
            "`fps` is the most pictures a second, a number from 0.1 to 60",
        ));
    }
    Ok(wish)
}

async fn encoded(frame: Pooled<LiveFrame>, annotated: bool) -> Result<Bytes, ApiError> {
    let failed = |error| face::FaceError::Inference(format!("{error}"));
    let made = spawn_blocking(move || frame.jpeg(annotated)).await.map_err(failed);
    Ok(made.flatten()?)
}

/// A stream's pictures on their way to one client. The next one is made when the client has taken the one before, so what
/// waits for a client that reads nothing is one picture, as JPEG.
struct Parts {
    frames: watch::Receiver<Option<Pooled<LiveFrame>>>,
    annotated: bool,
    pause: Duration,
    not_before: Instant,
    is_first: bool,
    stopping: Stopping,
    _place: Place,
}

impl Parts {
    /// Does not hold on to `live`: when the camera goes, its frames end.
    fn of(live: &Live, wish: &Wish, stopping: Stopping, place: Place) -> Self {
        let mut frames = live.follow();
        // What is there already is news to who has just come.
        frames.mark_changed();
        let pause = wish.fps.map_or(Duration::ZERO, |fps| Duration::from_secs_f64(1.0 / fps));
        let (annotated, not_before) = (wish.annotated, Instant::now());
        Self { frames, annotated, pause, not_before, is_first: true, stopping, _place: place }
    }

    async fn next(mut self) -> Option<(Result<Bytes, ApiError>, Self)> {
        let stopping = self.stopping.clone();
        let frame = tokio::select! {
            frame = self.newest() => frame?,
            () = stopping.come() => return None,
        };
        self.not_before = Instant::now() + self.pause;
        let part = encoded(frame, self.annotated).await.map(|jpeg| self.part(&jpeg));
        Some((part, self))
    }

    /// The newest picture once there is one that was not sent, and it is time for it.
    async fn newest(&mut self) -> Option<Pooled<LiveFrame>> {
        sleep_until(self.not_before).await;
        loop {
            self.frames.changed().await.ok()?;
            if let Some(frame) = &*self.frames.borrow_and_update() {
                return Some(frame.clone());
            }
        }
    }

    /// A picture with the boundary after it: a browser shows it when it has seen its end.
    fn part(&mut self, jpeg: &[u8]) -> Bytes {
        let start = if std::mem::take(&mut self.is_first) { format!("--{BOUNDARY}\r\n") } else { String::new() };
        let head = format!("{start}Content-Type: image/jpeg\r\nContent-Length: {}\r\n\r\n", jpeg.len());
        [head.as_bytes(), jpeg, format!("\r\n--{BOUNDARY}\r\n").as_bytes()].concat().into()
    }
}
