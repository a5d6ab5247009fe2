use axum::Json;
use axum::extract::{Request, State};
use events::FaceView;
use gallery::Distance;
use serde::Serialize;
use utoipa::ToSchema;

use super::contract::missing;
use super::error::ErrorBody;
use super::intake::Held;
use super::upload::{self, FORM_BYTES, Form};
use super::{ApiError, Server};
use crate::app::PhotoFaces;

/// A photo.
#[derive(ToSchema)]
#[allow(dead_code, reason = "describes the form in the OpenAPI document; fields are read piece by piece")]
pub(super) struct RecognizeForm {
    /// JPEG, PNG, WebP or BMP.
    #[schema(value_type = String, format = Binary)]
    image: Vec<u8>,
}

/// A photo as the body itself.
#[derive(ToSchema)]
#[schema(value_type = String, format = Binary)]
#[allow(dead_code, reason = "describes the body in the OpenAPI document")]
pub(super) struct Photo(Vec<u8>);

/// Everybody in a photo.
#[derive(Serialize, ToSchema)]
pub(super) struct Recognized {
    /// Width of the photo in pixels, upright.
    width: u32,
    /// Height of the photo in pixels, upright.
    height: u32,
    /// Below which distance a face is accepted, by TH_ACCEPT and the number of people enrolled.
    #[schema(value_type = f64)]
    threshold: Distance,
    /// Every face, the largest first.
    faces: Vec<FaceView>,
    /// Width in pixels of the largest face that is too small to be recognised; null when there is none.
    too_small: Option<u32>,
}

/// Finds every face in a photo and names the nearest enrolled person for each. No face is an empty list, not an error.
#[utoipa::path(
    post, path = "/recognize", tag = "recognition",
    request_body(content(
        (RecognizeForm = "multipart/form-data"),
        (Photo = "image/jpeg"),
        (Photo = "image/png"),
        (Photo = "image/webp"),
        (Photo = "image/bmp"),
    )),
    responses(
        (status = 200, body = Recognized),
        (status = 400, description = "missing_field, not_an_image, damaged_image", body = ErrorBody),
        (status = 413, description = "too_large, image_too_large", body = ErrorBody),
        (status = 415, description = "unsupported_media_type, unsupported_format", body = ErrorBody),
        (status = 503, description = "busy", body = ErrorBody),
    )
)]
pub(super) async fn recognize(State(server): State<Server>, request: Request) -> Result<Json<Recognized>, ApiError> {
    let photos = server.app.photos();
    let image = image_of(request, server.app.settings().max_image_mb.bytes(), photos.receive()?).await?;
    let _place = photos.place()?;
    let PhotoFaces { width, height, seen, too_small, rule } = server.app.recognize(image).await?;
    let faces = seen.iter().map(FaceView::of).collect();
    Ok(Json(Recognized { width, height, threshold: rule.threshold, faces, too_small }))
}

/// The photo: the field `image` of a form, or the whole body when its content type is an image's.
pub(super) async fn image_of(request: Request, limit: u64, held: Held) -> Result<Vec<u8>, ApiError> {
    if upload::content_type(&request).starts_with("image/") {
        return upload::whole_body(request, limit, Some(held)).await;
    }
    let mut form = Form::of(request, limit + FORM_BYTES, Some(held)).await?;
    while let Some(part) = form.next().await? {
        if matches!(part.name(), Some("image" | "file")) {
            let image = part.bytes(limit).await?;
            return Some(image).filter(|image| !image.is_empty()).ok_or_else(|| missing("image"));
        }
        part.skip().await?;
    }
    Err(missing("image"))
}
