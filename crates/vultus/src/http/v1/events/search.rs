//! Look-back: every event of a face.

use axum::Json;
use axum::extract::{RawQuery, Request, State};
use axum::http::StatusCode;
use events::EventView;
use face::FaceError;
use gallery::{Distance, PersonName};
use serde::{Deserialize, Serialize};
use store::{EventFilter, Store};
use utoipa::{IntoParams, ToSchema};
use uuid::Uuid;

use super::not_found;
use super::query::{self, Parameters};
use crate::http::error::ErrorBody;
use crate::http::recognize::{Photo, RecognizeForm, image_of};
use crate::http::upload;
use crate::http::v1::json::json_of;
use crate::http::{ApiError, Server};

/// A page has so many events when nobody says how many.
const USUAL_PAGE: u32 = 100;

/// The code of JSON that asks for nothing.
const BAD_SEARCH: &str = "bad_search";

/// Faces read at once: 2 MB.
const FACES: u32 = 1_000;

/// Faces looked at for one answer; then it ends with a cursor, found or not.
const MOST_FACES: usize = 200_000;

/// Events read at once.
const EVENTS: usize = 100;

/// Where to look, and how near.
#[derive(IntoParams)]
#[into_params(parameter_in = Query)]
#[allow(dead_code, reason = "describes the query in the OpenAPI document; values are read one by one")]
pub(in crate::http) struct SearchParameters {
    /// Found are faces nearer than this, on the contract's scale; `TH_ACCEPT` if not given.
    #[param(minimum = 0, maximum = 1)]
    within: Option<f64>,
}

/// Whose face.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(in crate::http) struct SearchBody {
    /// That of a visitor.
    visitor: Option<String>,
    /// That of an event.
    event: Option<String>,
    /// That of somebody who is registered.
    #[schema(example = "katya")]
    person: Option<String>,
}

/// Events of a face.
#[derive(Serialize, ToSchema)]
pub(in crate::http) struct SearchPage {
    /// The newest first.
    events: Vec<FoundEvent>,
    /// The cursor of the next page; null when all faces were looked at.
    next: Option<String>,
}

/// An event, and how near its face is.
#[derive(Serialize, ToSchema)]
pub(in crate::http) struct FoundEvent {
    event: EventView,
    /// On the contract's scale.
    #[schema(value_type = f64)]
    distance: Distance,
}

/// Whose face is looked for, and where.
struct Search {
    face: Vec<f32>,
    /// An event that is the question, not an answer.
    asked: Option<String>,
    filter: EventFilter,
    within: Distance,
    limit: usize,
    cursor: Option<String>,
}

/// Every event of a face, the newest first: of the largest face in a photo, or of a visitor, an event or a person. Only events
/// whose face was kept are found.
#[utoipa::path(
    post, path = "/api/v1/events/search", tag = "events",
    params(SearchParameters, query::FilterParameters, query::PageParameters),
    request_body(content(
        (SearchBody = "application/json"),
        (RecognizeForm = "multipart/form-data"),
        (Photo = "image/jpeg"),
        (Photo = "image/png"),
        (Photo = "image/webp"),
        (Photo = "image/bmp"),
    )),
    responses(
        (status = 200, body = SearchPage),
        (status = 400, description = "bad_parameter, bad_json, bad_name, missing_field, no_face", body = ErrorBody),
        (status = 404, description = "unknown_event, unknown_visitor, unknown_name", body = ErrorBody),
        (status = 413, description = "too_large, image_too_large", body = ErrorBody),
        (status = 415, description = "unsupported_media_type, unsupported_format", body = ErrorBody),
        (status = 422, description = "bad_search, face_too_small", body = ErrorBody),
        (status = 503, description = "busy, database_unavailable", body = ErrorBody),
    )
)]
pub(in crate::http) async fn search(
    State(server): State<Server>,
    RawQuery(query): RawQuery,
    request: Request,
) -> Result<Json<SearchPage>, ApiError> {
    let mut parameters = Parameters::of(query.as_deref());
    let filter = parameters.filter()?;
    let within = parameters.parsed("within", "a distance, 0 to 1", distance)?;
    let within = within.unwrap_or_else(|| server.app.rule().threshold);
    let (limit, cursor) = (parameters.limit(USUAL_PAGE)? as usize, parameters.cursor()?);
    parameters.end()?;
    let kind = upload::content_type(&request);
    let is_photo = ["multipart/form-data", "image/"].iter().any(|photo| kind.starts_with(photo));
    let (face, asked, _place) = if is_photo {
        let photos = server.app.photos();
        let image = image_of(request, server.app.settings().max_image_mb.bytes(), photos.receive()?).await?;
        let place = photos.place()?;
        (face_of_photo(&server, image).await?, None, place)
    } else {
        let body = json_of(request, BAD_SEARCH).await.map_err(|error| not_json(&kind, error))?;
        let place = server.app.photos().place()?;
        let (face, asked) = face_of(&server, body).await?;
        (face, asked, place)
    };
    let search = Search { face, asked, filter, within, limit, cursor };
    Ok(Json(search.page(&server).await?))
}

/// What is no JSON and does not say so is taken for a photo whose content type was left to curl.
fn not_json(kind: &str, error: ApiError) -> ApiError {
    if kind.is_empty() || kind.contains("json") || !["bad_json", "too_large"].contains(&error.code()) {
        return error;
    }
    let message = "send JSON, a photo as multipart/form-data, or the photo itself with its type, as in `Content-Type: image/jpeg`";
    ApiError::new(StatusCode::UNSUPPORTED_MEDIA_TYPE, "unsupported_media_type", message)
}

impl Search {
    async fn page(self, server: &Server) -> Result<SearchPage, ApiError> {
        let (store, gallery) = (server.app.store(), server.app.gallery());
        let mut near: Vec<(String, Distance)> = Vec::new();
        let (mut before, mut looked_at, mut next) = (self.cursor.clone(), 0, None);
        'pages: loop {
            let faces = store.faces(gallery.model(), &self.filter, before.as_deref(), FACES).await?;
            let is_last = faces.len() < FACES as usize;
            looked_at += faces.len();
            before = faces.last().map(|face| face.event.clone()).or(before);
            for found in faces {
                let distance = gallery.scale().between(&found.embedding, &self.face);
                if distance < self.within && self.asked.as_ref() != Some(&found.event) {
                    near.push((found.event, distance));
                }
                if near.len() > self.limit {
                    near.pop();
                    next = near.last().map(|(event, _)| event.clone());
                    break 'pages;
                }
            }
            if is_last {
                break;
            }
            if looked_at >= MOST_FACES {
                next = before;
                break;
            }
        }
        Ok(SearchPage { events: events_of(store, near).await?, next })
    }
}

/// Those that are still there.
async fn events_of(store: &Store, near: Vec<(String, Distance)>) -> Result<Vec<FoundEvent>, ApiError> {
    let mut found = Vec::with_capacity(near.len());
    for part in near.chunks(EVENTS) {
        let ids: Vec<String> = part.iter().map(|(event, _)| event.clone()).collect();
        for event in store.events_of(&ids).await? {
            let Some((_, distance)) = part.iter().find(|(id, _)| *id == event.id) else { continue };
            found.push(FoundEvent { event: EventView::of(&event), distance: *distance });
        }
    }
    Ok(found)
}

/// The largest face of a photo.
async fn face_of_photo(server: &Server, photo: Vec<u8>) -> Result<Vec<f32>, ApiError> {
    let faces = server.app.recognize(photo).await?;
    let largest = faces.seen.into_iter().find_map(|seen| seen.embedding);
    match (largest, faces.too_small) {
        (Some(embedding), _) => Ok(embedding.vector),
        (None, Some(width)) => {
            let message = format!("the largest face is {width} pixels wide, which is too small: use a closer photo");
            Err(ApiError::new(StatusCode::UNPROCESSABLE_ENTITY, "face_too_small", message))
        }
        (None, None) => Err(FaceError::NoFace.into()),
    }
}

/// A face that is known here, and the event that it is of, if it is one's.
async fn face_of(server: &Server, body: SearchBody) -> Result<(Vec<f32>, Option<String>), ApiError> {
    let (store, gallery) = (server.app.store(), server.app.gallery());
    match body {
        SearchBody { visitor: Some(id), event: None, person: None } => {
            let id = id_in_body(&id)?;
            let face = store.visitor_face(&id, gallery.model()).await?;
            let missing = || not_found("unknown_visitor", "there is no such visitor (any more)");
            Ok((face.ok_or_else(missing)?, None))
        }
        SearchBody { visitor: None, event: Some(id), person: None } => {
            let id = id_in_body(&id)?;
            let face = store.event_face(&id, gallery.model()).await?;
            let missing = || not_found("unknown_event", "there is no such event, or no face was kept with it");
            Ok((face.ok_or_else(missing)?, Some(id)))
        }
        SearchBody { visitor: None, event: None, person: Some(name) } => {
            let name = PersonName::parse(&name)?;
            let index = gallery.index();
            let face = index.face_of(name.as_str());
            let is_known = || index.people().any(|(_, known)| **known == *name.as_str());
            let missing = || match is_known() {
                true => format!("{name} is known by another model pack only: search by a photo or an event"),
                false => format!("nobody is registered as {name}"),
            };
            let missing = || not_found("unknown_name", missing());
            Ok((face.ok_or_else(missing)?, None))
        }
        _ => Err(bad("give one of `visitor`, `event` and `person`, or a photo as multipart/form-data")),
    }
}

fn id_in_body(text: &str) -> Result<String, ApiError> {
    let id = Uuid::try_parse(text);
    id.map(|id| id.to_string()).map_err(|_| bad("the id of a visitor, and that of an event, is a UUID"))
}

fn bad(message: &str) -> ApiError {
    ApiError::new(StatusCode::UNPROCESSABLE_ENTITY, BAD_SEARCH, message)
}

fn distance(text: &str) -> Option<Distance> {
    let value: f32 = text.parse().ok()?;
    (0.0..=1.0).contains(&value).then(|| Distance::new(value))
}
