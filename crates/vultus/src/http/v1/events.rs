//! Passages: listed, exported, streamed, explained, and their pictures.

mod correction;
mod export;
mod follow;
pub(in crate::http) mod query;
mod search;

use axum::Json;
use axum::extract::{Path, RawQuery, State};
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use events::{Decision, EventView, Picture};
use serde::Serialize;
use serde_json::Value;
use store::Event;
use utoipa::ToSchema;
use uuid::Uuid;

use self::query::Parameters;
use crate::http::error::ErrorBody;
use crate::http::{ApiError, Server};

pub(in crate::http) use correction::{__path_correct, __path_take_back, correct, take_back};
pub(in crate::http) use export::{__path_export, export};
pub(in crate::http) use follow::{__path_follow, follow};
pub(in crate::http) use search::{__path_search, search};

/// A page has so many events when nobody says how many.
const USUAL_PAGE: u32 = 100;

/// A picture may become better while its passage lasts.
const PICTURE_CACHE: &str = "private, max-age=60";

/// A page of events.
#[derive(Serialize, ToSchema)]
pub(in crate::http) struct EventPage {
    /// The newest first.
    events: Vec<EventView>,
    /// The cursor of the next page; null after the last.
    next: Option<String>,
}

/// An event, and why it was decided so.
#[derive(Serialize, ToSchema)]
pub(in crate::http) struct ExplainedEvent {
    #[serde(flatten)]
    event: EventView,
    #[schema(value_type = Decision)]
    decision: Value,
}

/// Passages, the newest first: one event a person and passage.
#[utoipa::path(
    get, path = "/api/v1/events", tag = "events",
    params(query::FilterParameters, query::PageParameters),
    responses(
        (status = 200, body = EventPage),
        (status = 400, description = "bad_parameter", body = ErrorBody),
        (status = 503, description = "database_unavailable", body = ErrorBody),
    )
)]
pub(in crate::http) async fn list(
    State(server): State<Server>,
    RawQuery(query): RawQuery,
) -> Result<Json<EventPage>, ApiError> {
    let mut parameters = Parameters::of(query.as_deref());
    let (filter, limit, cursor) = (parameters.filter()?, parameters.limit(USUAL_PAGE)?, parameters.cursor()?);
    parameters.end()?;
    // One more than asked for tells whether there is a next page.
    let mut found = server.app.store().events(&filter, cursor.as_deref(), limit + 1).await?;
    let is_last = found.len() <= limit as usize;
    found.truncate(limit as usize);
    let next = found.last().filter(|_| !is_last).map(|last| last.id.clone());
    Ok(Json(EventPage { events: found.iter().map(EventView::of).collect(), next }))
}

/// One passage with all that its decision rests on.
#[utoipa::path(
    get, path = "/api/v1/events/{id}", tag = "events",
    params(("id" = String, Path, description = "the event's id")),
    responses(
        (status = 200, body = ExplainedEvent),
        (status = 404, description = "unknown_event", body = ErrorBody),
        (status = 503, description = "database_unavailable", body = ErrorBody),
    )
)]
pub(in crate::http) async fn explain(
    State(server): State<Server>,
    Path(id): Path<String>,
) -> Result<Json<ExplainedEvent>, ApiError> {
    let (_, event) = find(&server, &id).await?;
    // It was written as JSON.
    let decision = serde_json::from_str(&event.decision).unwrap_or_default();
    Ok(Json(ExplainedEvent { event: EventView::of(&event), decision }))
}

/// The face, with some of its surroundings.
#[utoipa::path(
    get, path = "/api/v1/events/{id}/face.jpg", tag = "events",
    params(("id" = String, Path, description = "the event's id")),
    responses(
        (status = 200, content_type = "image/jpeg"),
        (status = 404, description = "unknown_event, no_picture, picture_elsewhere, picture_expired", body = ErrorBody),
        (status = 503, description = "database_unavailable", body = ErrorBody),
    )
)]
pub(in crate::http) async fn face(State(server): State<Server>, Path(id): Path<String>) -> Result<Response, ApiError> {
    picture(&server, &id, Picture::Face).await
}

/// The whole frame in which the face was seen best.
#[utoipa::path(
    get, path = "/api/v1/events/{id}/frame.jpg", tag = "events",
    params(("id" = String, Path, description = "the event's id")),
    responses(
        (status = 200, content_type = "image/jpeg"),
        (status = 404, description = "unknown_event, no_picture, picture_elsewhere, picture_expired", body = ErrorBody),
        (status = 503, description = "database_unavailable", body = ErrorBody),
    )
)]
pub(in crate::http) async fn frame(State(server): State<Server>, Path(id): Path<String>) -> Result<Response, ApiError> {
    picture(&server, &id, Picture::Frame).await
}

async fn picture(server: &Server, id: &str, picture: Picture) -> Result<Response, ApiError> {
    let (id, event) = find(server, id).await?;
    let there = match picture {
        Picture::Face => event.has_face,
        Picture::Frame => event.has_frame,
    };
    if !there {
        return Err(not_found("no_picture", "there is no such picture of this event (yet)"));
    }
    let read = server.history.media().read(id, picture).await.map_err(|error| {
        tracing::error!(%error, %id, "a picture cannot be read");
        let message = "the picture cannot be read; the reason is in the log of the service";
        ApiError::new(StatusCode::INTERNAL_SERVER_ERROR, "unreadable_picture", message)
    })?;
    match read {
        Some(jpeg) => {
            let headers = [(header::CONTENT_TYPE, "image/jpeg"), (header::CACHE_CONTROL, PICTURE_CACHE)];
            Ok((headers, jpeg).into_response())
        }
        None if event.node != server.history.node() => {
            let message =
                format!("the picture lies on the node {}: ask there, or let the nodes share a MEDIA_DIR", event.node);
            Err(not_found("picture_elsewhere", message))
        }
        None => Err(not_found("picture_expired", "the picture was removed by MEDIA_DAYS or MEDIA_MAX_MB")),
    }
}

async fn find(server: &Server, id: &str) -> Result<(Uuid, Event), ApiError> {
    let id = id_of(id)?;
    let found = server.app.store().event(&id.to_string()).await?;
    Ok((id, found.ok_or_else(unknown_event)?))
}

/// What is not even a UUID is the id of none.
fn id_of(text: &str) -> Result<Uuid, ApiError> {
    Uuid::try_parse(text).map_err(|_| unknown_event())
}

fn unknown_event() -> ApiError {
    not_found("unknown_event", "there is no such event, or EVENTS_DAYS are over for it")
}

fn not_found(code: &'static str, message: impl Into<String>) -> ApiError {
    ApiError::new(StatusCode::NOT_FOUND, code, message)
}
