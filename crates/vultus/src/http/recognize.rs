use axum::Json;
use axum::body::Bytes;
use axum::extract::{Request, State};
use axum::http::header;
use events::FaceView;
use serde::Serialize;
use utoipa::ToSchema;

use super::contract::missing;
use super::error::ErrorBody;
use super::{ApiError, Server, upload};
use crate::app::PhotoFaces;

/// A photo.
#[derive(ToSchema)]
#[allow(dead_code, reason = "describes the form in the OpenAPI document; fields are read piece by piece")]
pub(super) struct RecognizeForm {
    /// JPEG, PNG, WebP or BMP.
    #[schema(value_type = String, format = Binary)]
    image: Vec<u8>,
}

/// Everybody in a photo.
#[derive(Serialize, ToSchema)]
pub(super) struct Recognized {
    /// Width of the photo in pixels, upright.
    width: u32,
    /// Height of the photo in pixels, upright.
    height: u32,
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
        (Vec<u8> = "image/jpeg"),
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
    let _place = server.app.place_for_upload()?;
    let image = image_of(request, server.app.settings().max_image_mb.bytes()).await?;
    let PhotoFaces { width, height, seen, too_small } = server.app.recognize(image).await?;
    let policy = server.app.policy();
    let faces = seen.iter().map(|face| FaceView::of(face, &policy)).collect();
    Ok(Json(Recognized { width, height, faces, too_small }))
}

/// The photo: the field `image` of a form, or the whole body when its content type is an image's.
async fn image_of(request: Request, limit: u64) -> Result<Vec<u8>, ApiError> {
    let content_type = request.headers().get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok());
    if content_type.is_some_and(|given| given.starts_with("image/")) {
        return whole_body(request, limit).await;
    }
    let mut form = upload::multipart_of(request).await?;
    while let Some(field) = upload::next_field(&mut form).await? {
        if matches!(field.name(), Some("image" | "file")) {
            let image = upload::bytes(field, limit).await?;
            return Some(image).filter(|image| !image.is_empty()).ok_or_else(|| missing("image"));
        }
    }
    Err(missing("image"))
}

async fn whole_body(request: Request, limit: u64) -> Result<Vec<u8>, ApiError> {
    let read = axum::body::to_bytes(request.into_body(), limit as usize);
    let body: Bytes = read.await.map_err(|_| {
        let message = format!("the image is larger than the {} MB allowed, or broke off", limit / 1_000_000);
        ApiError::new(axum::http::StatusCode::PAYLOAD_TOO_LARGE, "too_large", message)
    })?;
    Ok(body.into())
}
