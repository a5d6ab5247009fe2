//! `/api/v1/cameras`: what is watched.

use axum::Json;
use axum::extract::{FromRequestParts, Path, Request, State};
use axum::http::request::Parts;
use axum::http::{HeaderName, StatusCode, header};
use serde::Serialize;
use utoipa::ToSchema;

use super::json::json_of;
use crate::cameras::{Camera, CameraError, Definition};
use crate::http::error::ErrorBody;
use crate::http::{ApiError, Server};

/// Which camera a request is about.
pub struct CameraId(pub String);

impl<S: Send + Sync> FromRequestParts<S> for CameraId {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, ApiError> {
        let id = Path::<String>::from_request_parts(parts, state).await;
        // What is not even UTF-8 is the id of none.
        id.map(|Path(id)| Self(id)).map_err(|_| CameraError::Unknown("\u{FFFD}".to_owned()).into())
    }
}

/// Every camera.
#[derive(Serialize, ToSchema)]
pub struct CameraList {
    /// The setting's first, then those of vultus.toml, then those of the database as they were added.
    cameras: Vec<Camera>,
}

/// Lists the cameras with how each is doing, whichever node watches it.
#[utoipa::path(
    get, path = "/api/v1/cameras", tag = "cameras",
    responses(
        (status = 200, body = CameraList),
        (status = 503, description = "database_unavailable", body = ErrorBody),
    )
)]
pub async fn list(State(server): State<Server>) -> Result<Json<CameraList>, ApiError> {
    Ok(Json(CameraList { cameras: server.cameras.all().await? }))
}

/// Adds a camera; a node that watches begins with it within a second or two. Fields that are left out are as the settings
/// say.
#[utoipa::path(
    post, path = "/api/v1/cameras", tag = "cameras", request_body = Definition,
    responses(
        (status = 201, body = Camera, headers(("Location" = String, description = "where it is"))),
        (status = 400, description = "bad_json", body = ErrorBody),
        (status = 409, description = "camera_exists, too_many_cameras", body = ErrorBody),
        (status = 413, description = "too_large", body = ErrorBody),
        (status = 422, description = "bad_camera", body = ErrorBody),
        (status = 503, description = "database_unavailable", body = ErrorBody),
    )
)]
pub async fn add(
    State(server): State<Server>,
    request: Request,
) -> Result<(StatusCode, [(HeaderName, String); 1], Json<Camera>), ApiError> {
    let camera = server.cameras.add(&json_of(request, "bad_camera").await?).await?;
    // An id that was accepted needs no escaping.
    let location = format!("/api/v1/cameras/{}", camera.id());
    Ok((StatusCode::CREATED, [(header::LOCATION, location)], Json(camera)))
}

/// One camera.
#[utoipa::path(
    get, path = "/api/v1/cameras/{id}", tag = "cameras", params(("id" = String, Path)),
    responses(
        (status = 200, body = Camera),
        (status = 404, description = "unknown_camera", body = ErrorBody),
        (status = 503, description = "database_unavailable", body = ErrorBody),
    )
)]
pub async fn get(State(server): State<Server>, CameraId(id): CameraId) -> Result<Json<Camera>, ApiError> {
    Ok(Json(server.cameras.get(&id).await?))
}

/// Changes a camera of the database by a JSON merge patch: what is left out stays, null is as the settings say. A source or
/// webhook with the mask `***`, as it is shown, keeps its secret.
#[utoipa::path(
    patch, path = "/api/v1/cameras/{id}", tag = "cameras", params(("id" = String, Path)),
    request_body(content = Object, content_type = "application/merge-patch+json", example = json!({"enabled": false})),
    responses(
        (status = 200, body = Camera),
        (status = 400, description = "bad_json", body = ErrorBody),
        (status = 404, description = "unknown_camera", body = ErrorBody),
        (status = 409, description = "defined_elsewhere, changed_meanwhile, unreadable_camera", body = ErrorBody),
        (status = 413, description = "too_large", body = ErrorBody),
        (status = 422, description = "bad_camera", body = ErrorBody),
        (status = 503, description = "database_unavailable", body = ErrorBody),
    )
)]
pub async fn change(
    State(server): State<Server>,
    CameraId(id): CameraId,
    request: Request,
) -> Result<Json<Camera>, ApiError> {
    let patch = json_of(request, "bad_camera").await?;
    Ok(Json(server.cameras.change(&id, &patch).await?))
}

/// Removes a camera of the database.
#[utoipa::path(
    delete, path = "/api/v1/cameras/{id}", tag = "cameras", params(("id" = String, Path)),
    responses(
        (status = 204, description = "it is removed"),
        (status = 404, description = "unknown_camera", body = ErrorBody),
        (status = 409, description = "defined_elsewhere", body = ErrorBody),
        (status = 503, description = "database_unavailable", body = ErrorBody),
    )
)]
pub async fn remove(State(server): State<Server>, CameraId(id): CameraId) -> Result<StatusCode, ApiError> {
    server.cameras.remove(&id).await?;
    Ok(StatusCode::NO_CONTENT)
}
