//! `/api/v1/presence`: who is inside the door groups.

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use serde::Serialize;
use store::{Micros, Movement};
use utoipa::ToSchema;

use super::people::NameInPath;
use crate::http::error::ErrorBody;
use crate::http::{ApiError, Server};
use crate::{people, times};

/// Who is inside.
#[derive(Serialize, ToSchema)]
pub struct PresenceList {
    /// Every door group in which anybody is, by name.
    door_groups: Vec<DoorGroup>,
}

/// Who is inside a door group.
#[derive(Serialize, ToSchema)]
struct DoorGroup {
    #[schema(example = "headquarters")]
    door_group: String,
    /// Who entered first comes first.
    inside: Vec<Present>,
}

/// Somebody who is inside.
#[derive(Serialize, ToSchema)]
struct Present {
    #[schema(example = "katya")]
    name: String,
    /// When the person entered, RFC 3339.
    #[schema(example = "2026-11-26T08:02:11.25+01:00")]
    since: String,
    /// By which camera.
    camera: String,
    /// The event of it.
    event: String,
}

/// Who is inside each door group: those who have passed a camera of it on the way in, and none on the way out since.
#[utoipa::path(
    get, path = "/api/v1/presence", tag = "people",
    responses(
        (status = 200, body = PresenceList),
        (status = 503, description = "database_unavailable", body = ErrorBody),
    )
)]
pub async fn list(State(server): State<Server>) -> Result<Json<PresenceList>, ApiError> {
    let forget_after = server.app.settings().passback_hours.duration();
    let from = Micros::now().0.saturating_sub(i64::try_from(forget_after.as_micros()).unwrap_or(i64::MAX));
    let movements = server.app.store().newest_movements(Micros(from.max(0))).await?;
    let inside: Vec<Movement> = movements.into_iter().filter(Movement::is_inside).collect();
    let groups = inside.chunk_by(|one, other| one.door_group == other.door_group);
    let door_group = |ways: &[Movement]| DoorGroup {
        door_group: ways.first().map(|way| way.door_group.clone()).unwrap_or_default(),
        inside: ways.iter().map(|way| present(way, &server)).collect(),
    };
    Ok(Json(PresenceList { door_groups: groups.map(door_group).collect() }))
}

fn present(way: &Movement, server: &Server) -> Present {
    Present {
        name: way.name.clone(),
        since: times::shown(way.started_at, server.app.calendar()),
        camera: way.camera.clone(),
        event: way.event.clone(),
    }
}

/// Says that a person is outside every door group, whatever has been seen: for somebody who left by another way. Every node
/// decides by it within a moment.
#[utoipa::path(
    delete, path = "/api/v1/presence/{name}", tag = "people", params(("name" = String, Path)),
    responses(
        (status = 204, description = "the person may enter"),
        (status = 404, description = "unknown_name", body = ErrorBody),
        (status = 409, description = "code_taken", body = ErrorBody),
        (status = 503, description = "database_unavailable", body = ErrorBody),
    )
)]
pub async fn let_out(State(server): State<Server>, NameInPath(name): NameInPath) -> Result<StatusCode, ApiError> {
    let now = Micros::now();
    people::change(server.app.store(), name.as_str(), |profile| profile.let_out_at = Some(now)).await?;
    tracing::info!(name = name.as_str(), "is said to be outside");
    Ok(StatusCode::NO_CONTENT)
}
