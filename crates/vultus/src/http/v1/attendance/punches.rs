//! What people say of comings and goings.

use axum::Json;
use axum::extract::{Path, RawQuery, Request, State};
use axum::http::{HeaderName, StatusCode, header};
use camera::Direction;
use events::{Attendance, Calendar};
use gallery::{PersonName, printable};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use store::{NewPunch, Punch, PunchSource};
use utoipa::ToSchema;
use uuid::Uuid;

use super::query;
use crate::attendance::is_to_come;
use crate::http::error::ErrorBody;
use crate::http::v1::json::json_of;
use crate::http::{ApiError, Server};
use crate::times;

/// A page has so many when nobody says how many.
const USUAL_PAGE: u32 = 100;

/// The code of what cannot be said.
const BAD_PUNCH: &str = "bad_punch";

/// Longest note, and longest name of who says so, in characters.
const LONGEST_NOTE: usize = 500;
const LONGEST_BY: usize = 100;

/// Something that is said: that a person came or went, or (`event`, `void`) that an event's coming or going does not count.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(in crate::http) struct PunchRequest {
    /// Who came or went.
    person: Option<String>,
    /// When: RFC 3339, Unix seconds, or a clock on the wall in TIME_ZONE as in `2026-11-02 17:30`.
    #[schema(value_type = Option<String>, example = "2026-11-02T17:30:00+01:00")]
    at: Option<Value>,
    /// `in` or `out`; left out, nobody knows.
    direction: Option<Direction>,
    /// The event that does not count.
    event: Option<String>,
    /// True, with `event`.
    void: Option<bool>,
    /// Why.
    note: Option<String>,
    /// Who says so.
    by: Option<String>,
}

/// What was said.
#[derive(Serialize, ToSchema)]
pub(in crate::http) struct PunchView {
    id: i64,
    person: String,
    /// On the clock of TIME_ZONE.
    at: String,
    /// `in` or `out`; null when nobody knows.
    direction: Option<String>,
    /// `hand`, or `log`: another door's.
    source: &'static str,
    /// The event that does not count; null for a coming or going.
    void: Option<String>,
    /// How another door's reader knew the person.
    verify: Option<u8>,
    note: Option<String>,
    by: Option<String>,
    /// When it was said.
    created: String,
    /// Null for what counts.
    withdrawn: Option<WithdrawalView>,
}

/// When it was taken back.
#[derive(Serialize, ToSchema)]
struct WithdrawalView {
    at: String,
    note: Option<String>,
    by: Option<String>,
}

/// A page of what was said.
#[derive(Serialize, ToSchema)]
pub(in crate::http) struct PunchPage {
    /// The newest first, by when it was said.
    punches: Vec<PunchView>,
    /// The cursor of the next page; null after the last.
    next: Option<i64>,
}

/// All that was said, also what was taken back.
#[utoipa::path(
    get, path = "/api/v1/attendance/punches", tag = "attendance",
    params(query::PunchParameters),
    responses(
        (status = 200, body = PunchPage),
        (status = 400, description = "bad_parameter", body = ErrorBody),
        (status = 503, description = "database_unavailable", body = ErrorBody),
    )
)]
pub(in crate::http) async fn list(
    State(server): State<Server>,
    RawQuery(query): RawQuery,
) -> Result<Json<PunchPage>, ApiError> {
    let (filter, limit, cursor) = query::punches(&server.attendance, query.as_deref(), USUAL_PAGE)?;
    // One more than asked for tells whether there is a next page.
    let mut found = server.attendance.store().punches(&filter, cursor, limit + 1).await?;
    let is_last = found.len() <= limit as usize;
    found.truncate(limit as usize);
    let next = found.last().filter(|_| !is_last).map(|last| last.id);
    let calendar = server.attendance.calendar();
    Ok(Json(PunchPage { punches: found.iter().map(|punch| view(punch, calendar)).collect(), next }))
}

/// Says that somebody came or went, or that an event's coming or going does not count. The same said twice is said once: 200
/// instead of 201.
#[utoipa::path(
    post, path = "/api/v1/attendance/punches", tag = "attendance", request_body = PunchRequest,
    responses(
        (status = 201, body = PunchView, headers(("Location" = String, description = "where it is taken back"))),
        (status = 200, description = "it had been said before", body = PunchView),
        (status = 400, description = "bad_json", body = ErrorBody),
        (status = 404, description = "unknown_name, unknown_event", body = ErrorBody),
        (status = 413, description = "too_large", body = ErrorBody),
        (status = 422, description = "bad_punch", body = ErrorBody),
        (status = 503, description = "database_unavailable", body = ErrorBody),
    )
)]
pub(in crate::http) async fn add(
    State(server): State<Server>,
    request: Request,
) -> Result<(StatusCode, [(HeaderName, String); 1], Json<PunchView>), ApiError> {
    let said: PunchRequest = json_of(request, BAD_PUNCH).await?;
    let (punch, is_new) = said.keep(&server.attendance).await?;
    let status = if is_new { StatusCode::CREATED } else { StatusCode::OK };
    let location = format!("/api/v1/attendance/punches/{}", punch.id);
    Ok((status, [(header::LOCATION, location)], Json(view(&punch, server.attendance.calendar()))))
}

/// Takes back what was said. It is kept, marked as withdrawn, and counts no more.
#[utoipa::path(
    delete, path = "/api/v1/attendance/punches/{id}", tag = "attendance",
    params(("id" = i64, Path), query::RemarkParameters),
    responses(
        (status = 200, body = PunchView),
        (status = 400, description = "bad_parameter", body = ErrorBody),
        (status = 404, description = "unknown_punch", body = ErrorBody),
        (status = 422, description = "bad_punch", body = ErrorBody),
        (status = 503, description = "database_unavailable", body = ErrorBody),
    )
)]
pub(in crate::http) async fn withdraw(
    State(server): State<Server>,
    Path(id): Path<String>,
    RawQuery(query): RawQuery,
) -> Result<Json<PunchView>, ApiError> {
    let (note, by) = query::remark(query.as_deref())?;
    let (note, by) = remark(note, by)?;
    let withdrawn = match id.parse() {
        Ok(id) => server.attendance.store().withdraw_punch(id, note.as_deref(), by.as_deref()).await?,
        Err(_) => None,
    };
    let punch = withdrawn.ok_or_else(|| {
        let message = "nothing has this number: /api/v1/attendance/punches lists what there is";
        ApiError::new(StatusCode::NOT_FOUND, "unknown_punch", message)
    })?;
    Ok(Json(view(&punch, server.attendance.calendar())))
}

impl PunchRequest {
    /// Whether that is new.
    async fn keep(self, attendance: &Attendance) -> Result<(Punch, bool), ApiError> {
        let (note, by) = remark(self.note.clone(), self.by.clone())?;
        match &self {
            Self { event: Some(event), void: Some(true), person: None, at: None, direction: None, .. } => {
                let id = Uuid::try_parse(event).map_err(|_| bad("`event` is an event's id, a UUID"))?.to_string();
                let kept = attendance.store().void_event(&id, note.as_deref(), by.as_deref()).await?;
                kept.ok_or_else(|| {
                    let message = "there is no such event, or it is no PASS of somebody known: it counts for nobody";
                    ApiError::new(StatusCode::NOT_FOUND, "unknown_event", message)
                })
            }
            Self { person: Some(person), at: Some(at), event: None, void: None | Some(false), .. } => {
                let at = times::of_json(at, attendance.calendar());
                let at = at.ok_or_else(|| bad(format!("`at` must be {}", times::FORMS)))?;
                if is_to_come(at) {
                    return Err(bad("`at` is still to come: say it when it has happened"));
                }
                let unknown = || {
                    let message = "nobody of this name is registered; /faces lists who is";
                    ApiError::new(StatusCode::NOT_FOUND, "unknown_name", message)
                };
                let name = PersonName::parse(person).map_err(|_| unknown())?;
                let (person_id, _) = attendance.store().profile(name.as_str()).await?.ok_or_else(unknown)?;
                let direction = self.direction.map(|direction| direction.as_str().to_owned());
                let (person, source) = (name.to_string(), PunchSource::Hand);
                let punch = NewPunch { person_id, person, at, direction, source, verify: None, note, by };
                Ok(attendance.store().add_punch(&punch).await?)
            }
            _ => Err(bad("give `person` and `at` (and `direction`), or `event` and `\"void\": true`")),
        }
    }
}

/// Note and name as they are kept; empty ones are none.
fn remark(note: Option<String>, by: Option<String>) -> Result<(Option<String>, Option<String>), ApiError> {
    let kept = |name: &str, text: Option<String>, longest: usize| {
        let text = text.filter(|text| !text.trim().is_empty());
        let refused = || bad(format!("`{name}` has at most {longest} printable characters, on one line"));
        text.map(|text| printable(&text, longest).ok_or_else(refused)).transpose()
    };
    Ok((kept("note", note, LONGEST_NOTE)?, kept("by", by, LONGEST_BY)?))
}

fn bad(message: impl Into<String>) -> ApiError {
    ApiError::new(StatusCode::UNPROCESSABLE_ENTITY, BAD_PUNCH, message)
}

fn view(punch: &Punch, calendar: &Calendar) -> PunchView {
    let Punch { id, said, event_id, created_at, withdrawn } = punch;
    PunchView {
        id: *id,
        person: said.person.clone(),
        at: times::shown_in_seconds(said.at, calendar),
        direction: said.direction.clone(),
        source: said.source.as_str(),
        void: event_id.clone(),
        verify: said.verify,
        note: said.note.clone(),
        by: said.by.clone(),
        created: times::shown_in_seconds(*created_at, calendar),
        withdrawn: withdrawn.as_ref().map(|withdrawal| WithdrawalView {
            at: times::shown_in_seconds(withdrawal.at, calendar),
            note: withdrawal.note.clone(),
            by: withdrawal.by.clone(),
        }),
    }
}
