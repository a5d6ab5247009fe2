//! A door's log, read in.

use axum::Json;
use axum::extract::{Request, State};
use axum::http::StatusCode;

use crate::attendance::{LogReport, MOST_ROWS, read_log};
use crate::http::error::ErrorBody;
use crate::http::{ApiError, Server, whole_body};

/// Largest log, in bytes.
const LARGEST: u64 = 5_000_000;

/// Reads rows of another door: id, time on a clock on the wall in TIME_ZONE, state, verify type, work code, with tabs between them. Each row
/// has a result of its own; a row that is known already changes nothing, so a log may be sent again and again.
#[utoipa::path(
    post, path = "/api/v1/attendance/attlog", tag = "attendance",
    request_body(content = String, content_type = "text/plain", example = "1007\t2026-11-02 08:58:11\t0\t15\t0"),
    responses(
        (status = 200, body = LogReport),
        (status = 413, description = "too_large, too_many_rows", body = ErrorBody),
        (status = 503, description = "busy, database_unavailable", body = ErrorBody),
    )
)]
pub(in crate::http) async fn read_attlog(
    State(server): State<Server>,
    request: Request,
) -> Result<Json<LogReport>, ApiError> {
    // Held in memory like a photo, and one of as many.
    let photos = server.app.photos();
    let log = whole_body(request, LARGEST, Some(photos.receive()?)).await?;
    let _place = photos.place()?;
    let report = read_log(&server.attendance, &log).await?.ok_or_else(|| {
        let message = format!("a log of more than {MOST_ROWS} rows: send it in parts");
        ApiError::new(StatusCode::PAYLOAD_TOO_LARGE, "too_many_rows", message)
    })?;
    Ok(Json(report))
}
