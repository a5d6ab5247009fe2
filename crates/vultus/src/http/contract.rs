//! The calls of the original: `/register`, `/unregister`, `/faces`.

use axum::Json;
use axum::extract::{RawQuery, Request, State};
use axum::http::StatusCode;
use gallery::{EnrolPolicy, Finding, PersonName};
use serde::Serialize;
use utoipa::ToSchema;

use super::enrolment::{self, EnrolParameters, Measures, rounded};
use super::error::ErrorBody;
use super::upload::{self, FORM_BYTES, Form};
use super::v1::events::query::Parameters;
use super::{ApiError, Server};

/// A person and a photo.
#[derive(ToSchema)]
#[allow(dead_code, reason = "describes the form in the OpenAPI document; fields are read piece by piece")]
pub(super) struct RegisterForm {
    /// The person's name.
    #[schema(example = "John")]
    name: String,
    /// JPEG, PNG, WebP or BMP.
    #[schema(value_type = String, format = Binary)]
    image: Vec<u8>,
}

/// A person's name.
#[derive(ToSchema)]
#[allow(dead_code, reason = "describes the form in the OpenAPI document; fields are read piece by piece")]
pub(super) struct UnregisterForm {
    /// The person's name.
    #[schema(example = "John")]
    name: String,
}

/// What an enrolment came to.
#[derive(Serialize, ToSchema)]
pub(super) struct Registered {
    /// Always `ok`.
    #[schema(example = "ok")]
    status: &'static str,
    /// The person's name as it is kept.
    name: String,
    /// Whether the person is new.
    created: bool,
    /// Photos that the person is known by now.
    templates: u32,
    /// The face that was taken: `[x1, y1, x2, y2]` in pixels of the photo.
    r#box: [i32; 4],
    /// Quality of the photo: below 3.4 a better one helps.
    quality: f64,
    /// All that was measured.
    measures: Measures,
    /// What a better photo would mend.
    #[schema(value_type = Vec<Object>)]
    warnings: Vec<Finding>,
    /// A sentence for people.
    message: String,
}

/// Who was removed.
#[derive(Serialize, ToSchema)]
pub(super) struct Unregistered {
    /// Always `ok`.
    #[schema(example = "ok")]
    status: &'static str,
    /// The person's name.
    name: String,
    /// A sentence for people.
    message: String,
}

/// Enrols a person from the largest face of a photo; a name that exists gets one more template. Whatever can be recognised is taken,
/// with warnings; `strict=1` refuses what `/api/v1/people/{name}/photos` does.
#[utoipa::path(
    post, path = "/register", tag = "people", params(EnrolParameters),
    request_body(content = RegisterForm, content_type = "multipart/form-data"),
    responses(
        (status = 200, body = Registered),
        (status = 400, description = "missing_field, bad_name, bad_parameter, not_an_image, damaged_image, no_face", body = ErrorBody),
        (status = 413, description = "too_large, image_too_large", body = ErrorBody),
        (status = 415, description = "unsupported_media_type, unsupported_format", body = ErrorBody),
        (status = 422, description = "face_too_small, face_too_unclear; with `strict` or without `force` any code of a finding", body = ErrorBody),
        (status = 503, description = "busy, database_unavailable", body = ErrorBody),
    )
)]
pub(super) async fn register(
    State(server): State<Server>,
    RawQuery(query): RawQuery,
    request: Request,
) -> Result<Json<Registered>, ApiError> {
    // Other parameters are passed over, as the original does.
    let policy = enrolment::policy(&mut Parameters::of(query.as_deref()), EnrolPolicy::LAX)?;
    let (photos, limit) = (server.app.photos(), server.app.settings().max_image_mb.bytes());
    let mut form = Form::of(request, limit + FORM_BYTES, Some(photos.receive()?)).await?;
    let (mut name, mut image) = (None, None);
    while let Some(part) = form.next().await? {
        match part.name() {
            Some("name") => name = Some(part.text().await?),
            Some("image") => image = Some(part.bytes(limit).await?),
            _ => part.skip().await?,
        }
    }
    let _place = photos.place()?;
    drop(form);
    let name = PersonName::parse(&name.ok_or_else(|| missing("name"))?)?;
    let image = image.filter(|image| !image.is_empty()).ok_or_else(|| missing("image"))?;

    let mut candidate = server.app.examine(image).await?;
    let Some(enrolled) = server.app.enrol(&name, &mut [&mut candidate], policy).await? else {
        return Err(enrolment::refused(&candidate.reasons(policy)));
    };
    let quality = rounded(candidate.quality.norm, 100.0);
    tracing::info!(name = name.as_str(), templates = enrolled.templates, quality, "enrolled");
    let message = match enrolled.created {
        true => format!("{name} is registered"),
        false => format!("{name} has one more photo, {} in all", enrolled.templates),
    };
    Ok(Json(Registered {
        status: "ok",
        name: name.to_string(),
        created: enrolled.created,
        templates: enrolled.templates,
        r#box: candidate.area.to_pixels(),
        quality,
        measures: Measures::from(&candidate),
        warnings: candidate.warnings(policy),
        message,
    }))
}

/// Removes a person and all photos of that person.
#[utoipa::path(
    post, path = "/unregister", tag = "people",
    request_body(content(
        (UnregisterForm = "multipart/form-data"),
        (UnregisterForm = "application/x-www-form-urlencoded"),
    )),
    responses(
        (status = 200, body = Unregistered),
        (status = 400, description = "missing_field, bad_name", body = ErrorBody),
        (status = 404, description = "unknown_name", body = ErrorBody),
        (status = 413, description = "too_large", body = ErrorBody),
        (status = 415, description = "unsupported_media_type", body = ErrorBody),
        (status = 503, description = "database_unavailable", body = ErrorBody),
    )
)]
pub(super) async fn unregister(State(server): State<Server>, request: Request) -> Result<Json<Unregistered>, ApiError> {
    let name = PersonName::parse(&name_of(request).await?)?;
    if !server.app.gallery().remove(&name).await? {
        return Err(ApiError::new(StatusCode::NOT_FOUND, "unknown_name", format!("nobody named {name} is registered")));
    }
    tracing::info!(name = name.as_str(), "removed");
    Ok(Json(Unregistered { status: "ok", message: format!("{name} is removed"), name: name.to_string() }))
}

/// Names of everybody enrolled, in order of registration.
#[utoipa::path(
    get, path = "/faces", tag = "people",
    responses(
        (status = 200, body = Vec<String>, example = json!(["katya", "zero", "ema"])),
        (status = 503, description = "database_unavailable", body = ErrorBody),
    )
)]
pub(super) async fn faces(State(server): State<Server>) -> Result<Json<Vec<String>>, ApiError> {
    Ok(Json(server.app.gallery().names().await?))
}

/// The field `name` of a multipart or urlencoded form.
async fn name_of(request: Request) -> Result<String, ApiError> {
    if upload::content_type(&request).starts_with("application/x-www-form-urlencoded") {
        let form = upload::whole_body(request, FORM_BYTES, None).await?;
        let mut fields = url::form_urlencoded::parse(&form);
        return fields.find(|(key, _)| key == "name").map(|(_, name)| name.into_owned()).ok_or_else(|| missing("name"));
    }
    let mut form = Form::of(request, FORM_BYTES, None).await?;
    while let Some(part) = form.next().await? {
        if part.name() == Some("name") {
            return part.text().await;
        }
        part.skip().await?;
    }
    Err(missing("name"))
}

/// The error for a form without a field that it needs.
pub(super) fn missing(field: &str) -> ApiError {
    ApiError::bad_request("missing_field", format!("the form has no field `{field}`, or it is empty"))
}
