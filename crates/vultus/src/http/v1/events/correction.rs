//! "This was somebody else."

use axum::Json;
use axum::extract::{Path, Request, State};
use axum::http::StatusCode;
use events::EventView;
use gallery::PersonName;
use serde::{Deserialize, Serialize};
use store::{Corrected, TakenBack};
use utoipa::ToSchema;

use super::{id_of, not_found, unknown_event};
use crate::http::error::ErrorBody;
use crate::http::v1::json::json_of;
use crate::http::{ApiError, Server};

/// Who an event was of.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(in crate::http) struct CorrectionBody {
    /// The name of somebody who is registered; null for nobody who is.
    // So that an empty object is not a correction.
    #[serde(deserialize_with = "Option::deserialize")]
    #[schema(required = true, example = "zero")]
    person: Option<String>,
}

/// What a correction came to.
#[derive(Serialize, ToSchema)]
pub(in crate::http) struct CorrectionResult {
    /// The event as it is now.
    event: EventView,
    /// Whether the face counts against the person who was named, so that decisions change. Not without a kept face, nor where
    /// nobody was named.
    evidence: bool,
    /// A sentence for people.
    message: String,
}

/// Says that an event was of somebody else. Its face counts against the person who was named: a face that is too much like it
/// does not pass as that person. Can be taken back.
#[utoipa::path(
    post, path = "/api/v1/events/{id}/correction", tag = "events",
    params(("id" = String, Path, description = "the event's id")), request_body = CorrectionBody,
    responses(
        (status = 200, body = CorrectionResult),
        (status = 400, description = "bad_json, bad_name", body = ErrorBody),
        (status = 404, description = "unknown_event, unknown_name", body = ErrorBody),
        (status = 409, description = "same_person, recognised_so", body = ErrorBody),
        (status = 413, description = "too_large", body = ErrorBody),
        (status = 422, description = "bad_correction", body = ErrorBody),
        (status = 503, description = "database_unavailable", body = ErrorBody),
    )
)]
pub(in crate::http) async fn correct(
    State(server): State<Server>,
    Path(id): Path<String>,
    request: Request,
) -> Result<Json<CorrectionResult>, ApiError> {
    let id = id_of(&id)?.to_string();
    let CorrectionBody { person } = json_of(request, "bad_correction").await?;
    let said = person.as_deref().map(PersonName::parse).transpose()?;
    let conflict = |code, message: String| Err(ApiError::new(StatusCode::CONFLICT, code, message));
    let said_to_be = said.as_ref().map_or("nobody known", PersonName::as_str);
    match server.app.gallery().correct_event(&id, said.as_ref()).await? {
        Corrected::Done(correction) => {
            let wrong = correction.wrong_person.as_deref().unwrap_or("nobody known");
            tracing::info!(event = id, wrong, said = said_to_be, evidence = correction.is_evidence, "corrected");
            let message = match (correction.is_evidence, &correction.wrong_person) {
                (true, Some(wrong)) => format!("a face too much like this one does not pass as {wrong} any more"),
                (false, Some(_)) => {
                    "decisions do not change: no face was kept with this event (it was too unclear, or VISITORS was off)"
                        .to_owned()
                }
                (_, None) => "nobody had been named, so decisions do not change".to_owned(),
            };
            let (event, evidence) = (EventView::of(&correction.event), correction.is_evidence);
            Ok(Json(CorrectionResult { event, evidence, message }))
        }
        Corrected::UnknownEvent => Err(unknown_event()),
        Corrected::UnknownPerson => {
            Err(not_found("unknown_name", format!("nobody is registered as {said_to_be}: `null` says nobody known")))
        }
        Corrected::Same => conflict("same_person", format!("the event is of {said_to_be} already")),
        Corrected::WasRecognised => {
            let message =
                format!("{said_to_be} is what had been recognised: take the correction back instead, with DELETE");
            conflict("recognised_so", message)
        }
    }
}

/// Takes a correction back: the event is of who it was before, and the face does not count against anybody any more.
#[utoipa::path(
    delete, path = "/api/v1/events/{id}/correction", tag = "events",
    params(("id" = String, Path, description = "the event's id")),
    responses(
        (status = 200, body = EventView),
        (status = 404, description = "unknown_event, not_corrected", body = ErrorBody),
        (status = 503, description = "database_unavailable", body = ErrorBody),
    )
)]
pub(in crate::http) async fn take_back(
    State(server): State<Server>,
    Path(id): Path<String>,
) -> Result<Json<EventView>, ApiError> {
    let id = id_of(&id)?.to_string();
    match server.app.gallery().take_back_correction(&id).await? {
        TakenBack::Done(event) => {
            tracing::info!(event = id, "a correction was taken back");
            Ok(Json(EventView::of(&event)))
        }
        TakenBack::UnknownEvent => Err(unknown_event()),
        TakenBack::Uncorrected => Err(not_found("not_corrected", "no correction of this event stands")),
    }
}
