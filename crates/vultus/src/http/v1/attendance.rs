//! `/api/v1/attendance`: who was there and who was not, and what people said of it.

mod log;
mod punches;
mod query;

use axum::body::{Body, Bytes};
use axum::extract::{RawQuery, State};
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use futures_util::{StreamExt, stream};

use self::query::wanted;
use crate::attendance::{AttendanceReport, Form, Report};
use crate::http::error::ErrorBody;
use crate::http::{ApiError, Server};

pub(in crate::http) use log::{__path_read_attlog, read_attlog};
pub(in crate::http) use punches::{__path_add, __path_list, __path_withdraw, add, list, withdraw};

/// Each person's working days.
#[utoipa::path(
    get, path = "/api/v1/attendance", tag = "attendance",
    params(query::WantedParameters),
    responses(
        (status = 200, body = AttendanceReport),
        (status = 400, description = "bad_parameter", body = ErrorBody),
        (status = 404, description = "unknown_name", body = ErrorBody),
        (status = 503, description = "database_unavailable", body = ErrorBody),
    )
)]
pub(in crate::http) async fn report(
    State(server): State<Server>,
    RawQuery(query): RawQuery,
) -> Result<Response, ApiError> {
    respond(&server, query.as_deref(), Form::Json).await
}

/// The same as a table: a row a person and day.
#[utoipa::path(
    get, path = "/api/v1/attendance.csv", tag = "attendance",
    params(query::WantedParameters),
    responses(
        (status = 200, body = String, content_type = "text/csv"),
        (status = 400, description = "bad_parameter", body = ErrorBody),
        (status = 404, description = "unknown_name", body = ErrorBody),
        (status = 503, description = "database_unavailable", body = ErrorBody),
    )
)]
pub(in crate::http) async fn csv(
    State(server): State<Server>,
    RawQuery(query): RawQuery,
) -> Result<Response, ApiError> {
    respond(&server, query.as_deref(), Form::Csv).await
}

/// The punches that count, as the rows that attendance software reads: id, time, 0 for in and 1 for out, how the person was known
/// (15: by the face), work code, with tabs between them.
#[utoipa::path(
    get, path = "/api/v1/attendance.attlog", tag = "attendance",
    params(query::WantedParameters),
    responses(
        (status = 200, body = String, content_type = "text/plain"),
        (status = 400, description = "bad_parameter", body = ErrorBody),
        (status = 404, description = "unknown_name", body = ErrorBody),
        (status = 503, description = "database_unavailable", body = ErrorBody),
    )
)]
pub(in crate::http) async fn attlog(
    State(server): State<Server>,
    RawQuery(query): RawQuery,
) -> Result<Response, ApiError> {
    respond(&server, query.as_deref(), Form::Attlog).await
}

async fn respond(server: &Server, query: Option<&str>, form: Form) -> Result<Response, ApiError> {
    let (attendance, wanted) = wanted(server.attendance.clone(), query)?;
    let unknown = || {
        let message = "nobody of this name is enrolled, or came or went in these days; /faces lists who is";
        ApiError::new(StatusCode::NOT_FOUND, "unknown_name", message)
    };
    let mut report = Report::begin(attendance, wanted, form).await?.ok_or_else(unknown)?;
    // Before the answer begins, so that a database which is away is an error and not a torn text.
    let first = report.part().await?.unwrap_or_default();
    let rest = stream::try_unfold(report, async |mut report| {
        let part = report.part().await.map_err(ApiError::from)?;
        Ok::<_, ApiError>(part.map(|part| (Bytes::from(part), report)))
    });
    let body = Body::from_stream(stream::iter([Ok(Bytes::from(first))]).chain(rest));
    let (content_type, name) = match form {
        Form::Csv => ("text/csv; charset=utf-8; header=present", Some("attendance.csv")),
        Form::Attlog => ("text/plain; charset=utf-8", Some("attlog.dat")),
        Form::Json | Form::Lines => ("application/json", None),
    };
    let mut response = ([(header::CONTENT_TYPE, content_type)], body).into_response();
    if let Some(name) = name {
        let disposition = format!("attachment; filename=\"{name}\"");
        if let Ok(disposition) = disposition.parse() {
            response.headers_mut().insert(header::CONTENT_DISPOSITION, disposition);
        }
    }
    Ok(response)
}
