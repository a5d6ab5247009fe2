//! `/api/v1/people/{name}/photos`: photos of one person, each measured and judged by itself.

use axum::Json;
use axum::extract::rejection::PathRejection;
use axum::extract::{Path, RawQuery, Request, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use futures_util::future::join_all;
use gallery::{Candidate, EnrolError, EnrolPolicy, Finding, PersonName, Weight};
use serde::Serialize;
use utoipa::{IntoParams, ToSchema};

use super::events::query::Parameters;
use crate::http::contract::missing;
use crate::http::enrolment::{self, EnrolParameters, Measures, rounded, what_overrides};
use crate::http::error::ErrorBody;
use crate::http::upload::{FORM_BYTES, Form};
use crate::http::{ApiError, Server};

/// Photos of one request. Each takes one of the places that there are for photos.
const MOST: usize = 10;

/// The start of a file's name that is told back.
const LONGEST_FILE: usize = 200;

/// Whether anything is done.
#[derive(IntoParams)]
#[into_params(parameter_in = Query)]
#[allow(dead_code, reason = "describes the query in the OpenAPI document; values are read one by one")]
pub(in crate::http) struct DryRunParameters {
    /// Whether the photos are only measured and judged, and nobody is enrolled.
    dry_run: Option<bool>,
}

/// Photos of a person.
#[derive(ToSchema)]
#[allow(dead_code, reason = "describes the form in the OpenAPI document; fields are read piece by piece")]
pub(in crate::http) struct PhotosForm {
    /// JPEG, PNG, WebP or BMP; up to ten fields of this name.
    #[schema(value_type = Vec<String>, format = Binary)]
    image: Vec<Vec<u8>>,
}

/// What came of photos.
#[derive(Serialize, ToSchema)]
pub(in crate::http) struct PhotosResult {
    /// `not_enrolled` when not one photo was taken, and no `error` otherwise.
    #[serde(skip_serializing_if = "Option::is_none")]
    error: Option<&'static str>,
    /// A sentence for people.
    message: String,
    /// The person's name as it is kept.
    name: String,
    /// Whether the person is new.
    created: bool,
    /// Photos that the person is known by now; null when none was added.
    templates: Option<u32>,
    /// Whether nothing was to be done.
    dry_run: bool,
    /// Photos that were enrolled; of a dry run, that would be.
    accepted: usize,
    /// Photos that were not.
    refused: usize,
    /// One for each photo, in their order.
    results: Vec<PhotoResult>,
}

/// What came of one photo.
#[derive(Serialize, ToSchema)]
struct PhotoResult {
    /// The file's name, where the form has one.
    file: Option<String>,
    /// `enrolled`, `refused`, or in a dry run `accepted`.
    status: &'static str,
    /// The face that is taken: `[x1, y1, x2, y2]` in pixels of the photo; null, as what was measured, when there is none.
    r#box: Option<[i32; 4]>,
    /// Quality of the photo: `norm` of the measures.
    quality: Option<f64>,
    /// All that was measured.
    measures: Option<Measures>,
    /// Why it is not enrolled, the gravest first: `code` and `message`.
    #[schema(value_type = Vec<Object>)]
    reasons: Vec<Finding>,
    /// What a better photo would mend.
    #[schema(value_type = Vec<Object>)]
    warnings: Vec<Finding>,
}

/// Enrols a person from one or more photos, or adds them to one who is there. Each is measured, and refused for reasons of its own; one
/// bad photo never spoils the others.
#[utoipa::path(
    post, path = "/api/v1/people/{name}/photos", tag = "people",
    params(("name" = String, Path), EnrolParameters, DryRunParameters),
    request_body(content = PhotosForm, content_type = "multipart/form-data"),
    responses(
        (status = 200, body = PhotosResult),
        (status = 400, description = "missing_field, bad_form, bad_name, bad_parameter", body = ErrorBody),
        (status = 413, description = "too_large, too_many_photos", body = ErrorBody),
        (status = 415, description = "unsupported_media_type", body = ErrorBody),
        (status = 422, description = "not_enrolled: no photo was taken, `results` say why", body = PhotosResult),
        (status = 503, description = "busy, database_unavailable", body = ErrorBody),
    )
)]
pub(in crate::http) async fn add(
    State(server): State<Server>,
    name: Result<Path<String>, PathRejection>,
    RawQuery(query): RawQuery,
    request: Request,
) -> Result<Response, ApiError> {
    let mut parameters = Parameters::of(query.as_deref());
    let policy = enrolment::policy(&mut parameters, EnrolPolicy::STRICT)?;
    let dry_run = enrolment::switch(&mut parameters, "dry_run")?.unwrap_or(false);
    parameters.end()?;
    let Path(name) = name.map_err(|error| ApiError::bad_request("bad_name", format!("the name: {error}")))?;
    let name = PersonName::parse(&name)?;
    let app = &server.app;
    let (photos, limit) = (app.photos(), app.settings().max_image_mb.bytes());
    let mut form = Form::of(request, MOST as u64 * limit + FORM_BYTES, Some(photos.receive()?)).await?;
    let mut images = Vec::new();
    while let Some(part) = form.next().await? {
        match part.name() {
            Some("image") if images.len() == MOST => return Err(too_many()),
            Some("image") => images.push((part.file_name(LONGEST_FILE), part.bytes(limit).await?)),
            _ => part.skip().await?,
        }
    }
    let _places = images.iter().map(|_| photos.place()).collect::<Result<Vec<_>, _>>()?;
    drop(form);
    if images.is_empty() {
        return Err(missing("image"));
    }

    let looked_at = join_all(images.into_iter().map(async |(file, image)| (file, app.examine(image).await))).await;
    let mut looked_at = looked_at.into_iter().map(told_apart).collect::<Result<Vec<_>, _>>()?;
    let mut faces: Vec<&mut Candidate> = looked_at.iter_mut().filter_map(|(_, face)| face.as_mut().ok()).collect();
    let enrolled = if dry_run {
        app.compare(&name, &mut faces, policy).await;
        None
    } else {
        app.enrol(&name, &mut faces, policy).await?
    };
    let accepted = faces.iter().filter(|face| !face.is_refused(policy)).count();
    let reasons: Vec<Finding> = faces.iter().flat_map(|face| face.reasons(policy)).collect();
    let refused = looked_at.len() - accepted;
    let message = message(&name, accepted, refused, &reasons, dry_run);
    let results = looked_at.into_iter().map(|(file, face)| match face {
        Ok(face) => judged(file, &face, policy, dry_run),
        Err(reason) => unusable(file, reason),
    });
    let results = results.collect();
    tracing::info!(name = name.as_str(), accepted, refused, dry_run, "photos of a person");
    let status = if accepted == 0 && !dry_run { StatusCode::UNPROCESSABLE_ENTITY } else { StatusCode::OK };
    let body = PhotosResult {
        error: (status != StatusCode::OK).then_some("not_enrolled"),
        message,
        name: name.to_string(),
        created: enrolled.as_ref().is_some_and(|enrolled| enrolled.created),
        templates: enrolled.map(|enrolled| enrolled.templates),
        dry_run,
        accepted,
        refused,
        results,
    };
    Ok((status, Json(body)).into_response())
}

fn judged(file: Option<String>, face: &Candidate, policy: EnrolPolicy, dry_run: bool) -> PhotoResult {
    let status = match face.is_refused(policy) {
        true => "refused",
        false if dry_run => "accepted",
        false => "enrolled",
    };
    PhotoResult {
        file,
        status,
        r#box: Some(face.area.to_pixels()),
        quality: Some(rounded(face.quality.norm, 100.0)),
        measures: Some(Measures::from(face)),
        reasons: face.reasons(policy),
        warnings: face.warnings(policy),
    }
}

/// A photo with its face, or with why there is nothing to measure. What failed on our side is no fault of the photo's, and the request's
/// error, before anybody is enrolled.
fn told_apart(
    (file, face): (Option<String>, Result<Candidate, EnrolError>),
) -> Result<(Option<String>, Result<Candidate, Finding>), ApiError> {
    let face = match face.map_err(ApiError::from) {
        Ok(face) => Ok(face),
        Err(error) if error.is_ours() => return Err(error),
        Err(error) => Err(Finding { code: error.code(), message: error.to_string(), weight: Weight::Poor }),
    };
    Ok((file, face))
}

fn unusable(file: Option<String>, reason: Finding) -> PhotoResult {
    PhotoResult {
        file,
        status: "refused",
        r#box: None,
        quality: None,
        measures: None,
        reasons: vec![reason],
        warnings: Vec::new(),
    }
}

fn message(name: &PersonName, accepted: usize, refused: usize, reasons: &[Finding], dry_run: bool) -> String {
    let photos = |count| if count == 1 { "1 photo".to_owned() } else { format!("{count} photos") };
    let done = match dry_run {
        true => "fit to enrol, and nothing was done",
        false => "enrolled",
    };
    match (accepted, refused) {
        (accepted, 0) => format!("{name}: {} {done}", photos(accepted)),
        (accepted, refused) => {
            let overridden = what_overrides(reasons, "`strict=0`", "`force=1`").map(|what| format!(". {what}"));
            format!(
                "{name}: {} {done}, {} refused: see the reasons in `results`{}",
                photos(accepted),
                photos(refused),
                overridden.unwrap_or_default()
            )
        }
    }
}

fn too_many() -> ApiError {
    let message = format!("at most {MOST} photos at a time: send the rest in another request");
    ApiError::new(StatusCode::PAYLOAD_TOO_LARGE, "too_many_photos", message)
}
