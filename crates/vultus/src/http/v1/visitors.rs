//! `/api/v1/visitors`: unknown people, and what becomes of them.

use axum::Json;
use axum::extract::{Path, RawQuery, Request, State};
use axum::http::StatusCode;
use events::EventView;
use gallery::{PersonName, Unlike};
use serde::{Deserialize, Serialize};
use store::{EventFilter, Micros, RegisteredVisitor, Visitor, VisitorCursor};
use utoipa::{IntoParams, ToSchema};
use uuid::Uuid;

use super::events::query::Parameters;
use super::json::json_of;
use crate::http::error::ErrorBody;
use crate::http::{ApiError, Server};

/// A page has so many visitors when nobody says how many.
const USUAL_PAGE: u32 = 50;

/// Of each visitor all that is shown is looked up.
const LARGEST_PAGE: u32 = 200;

/// Events that are shown with a visitor.
const EVENTS: u32 = 100;

/// Which visitors.
#[derive(IntoParams)]
#[into_params(parameter_in = Query)]
#[allow(dead_code, reason = "describes the query in the OpenAPI document; values are read one by one")]
pub(in crate::http) struct VisitorParameters {
    /// Only those who are muted (`true`), or who are not (`false`).
    muted: Option<bool>,
    /// How many, 1–200; 50 if not given.
    #[param(minimum = 1, maximum = 200)]
    limit: Option<u32>,
    /// `next` of the page before.
    cursor: Option<String>,
}

/// An unknown person.
#[derive(Serialize, ToSchema)]
pub(in crate::http) struct VisitorView {
    /// A UUIDv7. One that turned out to be another visitor leads there.
    #[schema(example = "01943c3e-8f10-7cc1-b1d6-3a1c0de4a5f0")]
    id: String,
    /// When the person was first seen, of the events that are kept, in Unix seconds.
    first_seen: f64,
    /// When the person was last seen.
    last_seen: f64,
    /// How many events there are of the person.
    passages: u64,
    /// The cameras that saw the person.
    cameras: Vec<String>,
    /// Whether nobody is told of the person.
    muted: bool,
    /// As whom the person was registered; then the events are that person's.
    person: Option<String>,
    /// Where the best pictures of the face are.
    shots: Vec<String>,
}

/// A page of visitors.
#[derive(Serialize, ToSchema)]
pub(in crate::http) struct VisitorPage {
    /// Those seen last first.
    visitors: Vec<VisitorView>,
    /// The cursor of the next page; null after the last.
    next: Option<String>,
}

/// An unknown person, with the newest passages.
#[derive(Serialize, ToSchema)]
pub(in crate::http) struct VisitorWithEvents {
    #[serde(flatten)]
    visitor: VisitorView,
    /// The newest first, 100 at most: `/api/v1/events?visitor=` has all.
    events: Vec<EventView>,
}

/// What is to be changed of a visitor.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(in crate::http) struct VisitorChange {
    /// Whether nobody is told of the person any more.
    muted: bool,
}

/// Who a visitor is.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(in crate::http) struct VisitorName {
    /// The person's name. One that exists gets more templates, if the visitor looks like that person.
    #[schema(example = "katya")]
    name: String,
    /// Whether that person gets them although the visitor does not look like it.
    #[serde(default)]
    force: bool,
}

/// What the registration of a visitor came to.
#[derive(Serialize, ToSchema)]
pub(in crate::http) struct RegisteredVisitorView {
    /// Always `ok`.
    #[schema(example = "ok")]
    status: &'static str,
    /// The person's name as it is kept.
    name: String,
    /// Whether the person is new.
    created: bool,
    /// Faces that the person is known by now.
    templates: u32,
    /// Events that are the person's now.
    events: usize,
    /// The events whose faces were taken, the best first.
    taken: Vec<String>,
}

impl From<Visitor> for VisitorView {
    fn from(visitor: Visitor) -> Self {
        Self {
            first_seen: visitor.first_seen_at.as_seconds(),
            last_seen: visitor.last_seen_at.as_seconds(),
            passages: visitor.passages,
            cameras: visitor.cameras,
            muted: visitor.muted,
            person: visitor.person,
            shots: visitor.shots.iter().map(|event| format!("/api/v1/events/{event}/face.jpg")).collect(),
            id: visitor.id,
        }
    }
}

/// Unknown people, those seen last first.
#[utoipa::path(
    get, path = "/api/v1/visitors", tag = "visitors", params(VisitorParameters),
    responses(
        (status = 200, body = VisitorPage),
        (status = 400, description = "bad_parameter", body = ErrorBody),
        (status = 503, description = "database_unavailable", body = ErrorBody),
    )
)]
pub(in crate::http) async fn list(
    State(server): State<Server>,
    RawQuery(query): RawQuery,
) -> Result<Json<VisitorPage>, ApiError> {
    let mut parameters = Parameters::of(query.as_deref());
    let muted = parameters.parsed("muted", "true or false", |text| text.parse().ok())?;
    let limit = parameters.limit_of(USUAL_PAGE, LARGEST_PAGE)?;
    let before = parameters.parsed("cursor", "`next` of the page before", cursor_of)?;
    parameters.end()?;
    // One more than asked for tells whether there is a next page.
    let mut found = server.app.store().visitors(muted, before.as_ref(), limit + 1).await?;
    let is_last = found.len() <= limit as usize;
    found.truncate(limit as usize);
    let next = found.last().filter(|_| !is_last).map(|last| format!("{}.{}", last.last_seen_at, last.id));
    Ok(Json(VisitorPage { visitors: found.into_iter().map(VisitorView::from).collect(), next }))
}

/// One unknown person.
#[utoipa::path(
    get, path = "/api/v1/visitors/{id}", tag = "visitors", params(("id" = String, Path)),
    responses(
        (status = 200, body = VisitorWithEvents),
        (status = 404, description = "unknown_visitor", body = ErrorBody),
        (status = 503, description = "database_unavailable", body = ErrorBody),
    )
)]
pub(in crate::http) async fn get(
    State(server): State<Server>,
    Path(id): Path<String>,
) -> Result<Json<VisitorWithEvents>, ApiError> {
    Ok(Json(with_events(&server, &id_of(&id)?).await?))
}

/// Mutes a visitor, of whom nobody is told then, or ends that.
#[utoipa::path(
    patch, path = "/api/v1/visitors/{id}", tag = "visitors", params(("id" = String, Path)),
    request_body = VisitorChange,
    responses(
        (status = 200, body = VisitorWithEvents),
        (status = 400, description = "bad_json", body = ErrorBody),
        (status = 404, description = "unknown_visitor", body = ErrorBody),
        (status = 413, description = "too_large", body = ErrorBody),
        (status = 422, description = "bad_visitor", body = ErrorBody),
        (status = 503, description = "database_unavailable", body = ErrorBody),
    )
)]
pub(in crate::http) async fn change(
    State(server): State<Server>,
    Path(id): Path<String>,
    request: Request,
) -> Result<Json<VisitorWithEvents>, ApiError> {
    let id = id_of(&id)?;
    let VisitorChange { muted } = json_of(request, "bad_visitor").await?;
    if !server.app.store().mute_visitor(&id, muted).await? {
        return Err(unknown());
    }
    Ok(Json(with_events(&server, &id).await?))
}

/// Forgets a visitor: the faces that were kept of the person are erased. The events stay, as somebody unknown.
#[utoipa::path(
    delete, path = "/api/v1/visitors/{id}", tag = "visitors", params(("id" = String, Path)),
    responses(
        (status = 204, description = "it is forgotten"),
        (status = 404, description = "unknown_visitor", body = ErrorBody),
        (status = 503, description = "database_unavailable", body = ErrorBody),
    )
)]
pub(in crate::http) async fn forget(
    State(server): State<Server>,
    Path(id): Path<String>,
) -> Result<StatusCode, ApiError> {
    match server.app.store().forget_visitor(&id_of(&id)?).await? {
        true => Ok(StatusCode::NO_CONTENT),
        false => Err(unknown()),
    }
}

/// Makes a visitor a person: enrolled from the best faces that were kept, and recognised from the next frame on. The past events
/// become that person's, and the visitor's id leads to the person.
#[utoipa::path(
    post, path = "/api/v1/visitors/{id}/register", tag = "visitors", params(("id" = String, Path)),
    request_body = VisitorName,
    responses(
        (status = 200, body = RegisteredVisitorView),
        (status = 400, description = "bad_json, bad_name", body = ErrorBody),
        (status = 404, description = "unknown_visitor", body = ErrorBody),
        (status = 409, description = "already_registered, no_kept_face, not_alike", body = ErrorBody),
        (status = 413, description = "too_large", body = ErrorBody),
        (status = 422, description = "bad_visitor", body = ErrorBody),
        (status = 503, description = "database_unavailable", body = ErrorBody),
    )
)]
pub(in crate::http) async fn register(
    State(server): State<Server>,
    Path(id): Path<String>,
    request: Request,
) -> Result<Json<RegisteredVisitorView>, ApiError> {
    let id = id_of(&id)?;
    let VisitorName { name, force } = json_of(request, "bad_visitor").await?;
    let name = PersonName::parse(&name)?;
    if !force && let Some(unlike) = server.app.gallery().unlike(&id, &name).await? {
        return Err(not_alike(&name, unlike));
    }
    match server.app.gallery().register_visitor(&id, &name).await? {
        RegisteredVisitor::Done { enrolled, events, faces } => {
            tracing::info!(visitor = id, name = name.as_str(), events, "a visitor is registered");
            Ok(Json(RegisteredVisitorView {
                status: "ok",
                name: name.to_string(),
                created: enrolled.created,
                templates: enrolled.templates,
                events,
                taken: faces,
            }))
        }
        RegisteredVisitor::Unknown => Err(unknown()),
        RegisteredVisitor::Already(person) => {
            let message = format!("this visitor is registered already, as {person}");
            Err(ApiError::new(StatusCode::CONFLICT, "already_registered", message))
        }
        RegisteredVisitor::NoFace => {
            let message = format!(
                "no face of this visitor was kept that may be enrolled for {name}: each is too unclear, or stands \
                 corrected as not being {name}. Register {name} from a photo instead"
            );
            Err(ApiError::new(StatusCode::CONFLICT, "no_kept_face", message))
        }
    }
}

async fn with_events(server: &Server, id: &str) -> Result<VisitorWithEvents, ApiError> {
    let store = server.app.store();
    let visitor = store.visitor(id).await?.ok_or_else(unknown)?;
    let filter = EventFilter { visitor: Some(visitor.id.clone()), ..EventFilter::default() };
    let events = store.events(&filter, None, EVENTS).await?;
    Ok(VisitorWithEvents { visitor: visitor.into(), events: events.iter().map(EventView::of).collect() })
}

/// What is not even a UUID is the id of none.
fn id_of(text: &str) -> Result<String, ApiError> {
    Uuid::try_parse(text).map(|id| id.to_string()).map_err(|_| unknown())
}

fn cursor_of(text: &str) -> Option<VisitorCursor> {
    let (last_seen_at, id) = text.split_once('.')?;
    Some(VisitorCursor { last_seen_at: Micros(last_seen_at.parse().ok()?), id: Uuid::try_parse(id).ok()?.to_string() })
}

fn not_alike(name: &PersonName, unlike: Unlike) -> ApiError {
    let why = match unlike {
        Unlike::Far(distance) => format!("somebody is registered as {name}, who looks different (distance {distance})"),
        Unlike::Refuted => format!("this face is too much like one that stands corrected as not being {name}"),
        Unlike::Incomparable => {
            format!("somebody is registered as {name}, by another model pack with which this face cannot be compared")
        }
    };
    let message = format!(
        "{why}, and whoever this visitor is would pass as {name}. Choose another name; if it is {name} all the same, say \
         `\"force\": true`"
    );
    ApiError::new(StatusCode::CONFLICT, "not_alike", message)
}

fn unknown() -> ApiError {
    let message = "there is no such visitor: it was forgotten, or EVENTS_DAYS are over for it";
    ApiError::new(StatusCode::NOT_FOUND, "unknown_visitor", message)
}
