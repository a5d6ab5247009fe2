//! `/api/v1/people`: who is enrolled, and what is known of them beside the face.

use axum::Json;
use axum::extract::{FromRequestParts, Path, Request, State};
use axum::http::StatusCode;
use axum::http::request::Parts;
use gallery::PersonName;
use serde::Serialize;
use utoipa::ToSchema;

use super::json::json_of;
use crate::http::error::ErrorBody;
use crate::http::{ApiError, Server};
use crate::people::{self, PeopleError, PersonView, ProfilePatch};

/// Which person a request is about.
pub struct NameInPath(pub PersonName);

impl<S: Send + Sync> FromRequestParts<S> for NameInPath {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, ApiError> {
        let nobody = || ApiError::from(PeopleError::Unknown("\u{FFFD}".to_owned()));
        // What is not even UTF-8, or cannot be a name, is nobody's.
        let Path(name) = Path::<String>::from_request_parts(parts, state).await.map_err(|_| nobody())?;
        PersonName::parse(&name).map(Self).map_err(|_| nobody())
    }
}

impl From<PeopleError> for ApiError {
    fn from(error: PeopleError) -> Self {
        let message = error.to_string();
        let (status, code) = match error {
            PeopleError::Unknown(_) => (StatusCode::NOT_FOUND, "unknown_name"),
            PeopleError::CodeTaken(_) => (StatusCode::CONFLICT, "code_taken"),
            PeopleError::Bad(_) | PeopleError::NeverValid => (StatusCode::UNPROCESSABLE_ENTITY, "bad_person"),
            PeopleError::Store(error) => return error.into(),
        };
        Self::new(status, code, message)
    }
}

/// Everybody who is enrolled.
#[derive(Serialize, ToSchema)]
pub struct PeopleList {
    /// In order of registration.
    people: Vec<PersonView>,
}

/// Lists everybody with groups, validity and the like.
#[utoipa::path(
    get, path = "/api/v1/people", tag = "people",
    responses(
        (status = 200, body = PeopleList),
        (status = 503, description = "database_unavailable", body = ErrorBody),
    )
)]
pub async fn list(State(server): State<Server>) -> Result<Json<PeopleList>, ApiError> {
    let app = &server.app;
    let people = people::all(app.store(), app.calendar(), app.gallery().model()).await?;
    Ok(Json(PeopleList { people }))
}

/// One person.
#[utoipa::path(
    get, path = "/api/v1/people/{name}", tag = "people", params(("name" = String, Path)),
    responses(
        (status = 200, body = PersonView),
        (status = 404, description = "unknown_name", body = ErrorBody),
        (status = 503, description = "database_unavailable", body = ErrorBody),
    )
)]
pub async fn get(State(server): State<Server>, NameInPath(name): NameInPath) -> Result<Json<PersonView>, ApiError> {
    let app = &server.app;
    Ok(Json(people::one(app.store(), app.calendar(), app.gallery().model(), name.as_str()).await?))
}

/// Changes a person by a JSON merge patch: what is left out stays, null takes away. Every running process decides by it within a
/// moment. A bare day as `valid_until` is the last one on which the person may pass.
#[utoipa::path(
    patch, path = "/api/v1/people/{name}", tag = "people", params(("name" = String, Path)),
    request_body(
        content = Object, content_type = "application/merge-patch+json",
        example = json!({"groups": ["staff"], "valid_until": "2026-12-31", "suspended": false})
    ),
    responses(
        (status = 200, body = PersonView),
        (status = 400, description = "bad_json", body = ErrorBody),
        (status = 404, description = "unknown_name", body = ErrorBody),
        (status = 409, description = "code_taken", body = ErrorBody),
        (status = 413, description = "too_large", body = ErrorBody),
        (status = 422, description = "bad_person", body = ErrorBody),
        (status = 503, description = "database_unavailable", body = ErrorBody),
    )
)]
pub async fn change(
    State(server): State<Server>,
    NameInPath(name): NameInPath,
    request: Request,
) -> Result<Json<PersonView>, ApiError> {
    let app = &server.app;
    let patch = json_of(request, "bad_person").await?;
    let patch = ProfilePatch::parse(&patch, app.calendar()).map_err(PeopleError::from)?;
    people::change(app.store(), name.as_str(), |profile| patch.apply(profile)).await?;
    tracing::info!(name = name.as_str(), "changed");
    Ok(Json(people::one(app.store(), app.calendar(), app.gallery().model(), name.as_str()).await?))
}
