use std::any::Any;
use std::fmt;
use std::time::Duration;

use axum::Json;
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use face::FaceError;
use gallery::EnrolError;
use serde::Serialize;
use store::StoreError;
use utoipa::ToSchema;

use super::occasionally::Occasionally;
use crate::bulk::Refusal;
use crate::cameras::CameraError;

/// Being busy is no fault, and comes in floods.
static BUSY_LINE: Occasionally = Occasionally::every(Duration::from_secs(5));

/// Every error of the API: a code that programs may rely on, and a sentence for people.
#[derive(Clone, Debug)]
pub struct ApiError {
    status: StatusCode,
    code: &'static str,
    message: String,
}

/// An error as JSON.
#[derive(Debug, Serialize, ToSchema)]
pub struct ErrorBody {
    /// Stable code, for instance `no_face`.
    #[schema(example = "no_face")]
    error: &'static str,
    /// What happened and what to do.
    #[schema(example = "no face found in the image: use a photo with one clearly visible face")]
    message: String,
}

impl ApiError {
    /// The code of what may be tried again in a moment.
    pub const BUSY: &'static str = "busy";

    /// The code of a camera that has no picture: no fault either.
    const NO_PICTURE: &'static str = "no_picture";

    /// An error with its HTTP status, code and sentence.
    pub fn new(status: StatusCode, code: &'static str, message: impl Into<String>) -> Self {
        Self { status, code, message: message.into() }
    }

    /// What programs know it by.
    pub fn code(&self) -> &'static str {
        self.code
    }

    /// Whether it is no fault of the caller's.
    pub fn is_ours(&self) -> bool {
        self.status.is_server_error()
    }

    /// 503: others are being served.
    pub fn busy() -> Self {
        let message = "too many requests at the same time: try again in a moment";
        Self::new(StatusCode::SERVICE_UNAVAILABLE, Self::BUSY, message)
    }

    /// 400: something is wrong with the request.
    pub fn bad_request(code: &'static str, message: impl Into<String>) -> Self {
        Self::new(StatusCode::BAD_REQUEST, code, message)
    }

    /// 503: there is no picture of a camera, at least not yet and here.
    pub fn no_picture(message: impl Into<String>) -> Self {
        Self::new(StatusCode::SERVICE_UNAVAILABLE, Self::NO_PICTURE, message)
    }
}

impl fmt::Display for ApiError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

// A body's error travels through the reader of forms as such.
impl std::error::Error for ApiError {}

impl From<ApiError> for Refusal {
    fn from(error: ApiError) -> Self {
        Self { code: error.code, message: error.message }
    }
}

impl IntoResponse for ApiError {
    fn into_response(self) -> Response {
        if self.code == Self::BUSY {
            if BUSY_LINE.is_due() {
                tracing::warn!(code = self.code, "requests are refused: there are too many at the same time");
            }
        } else if self.status.is_server_error() && self.code != Self::NO_PICTURE {
            tracing::error!(code = self.code, "{}", self.message);
        }
        let body = Json(ErrorBody { error: self.code, message: self.message });
        let mut response = (self.status, body).into_response();
        match self.status {
            StatusCode::UNAUTHORIZED => {
                response.headers_mut().insert(header::WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"));
            }
            StatusCode::SERVICE_UNAVAILABLE => {
                response.headers_mut().insert(header::RETRY_AFTER, HeaderValue::from_static("1"));
            }
            _ => {}
        }
        response
    }
}

impl From<FaceError> for ApiError {
    fn from(error: FaceError) -> Self {
        let (status, code) = match &error {
            FaceError::NotAnImage => (StatusCode::BAD_REQUEST, "not_an_image"),
            FaceError::Damaged(_) => (StatusCode::BAD_REQUEST, "damaged_image"),
            FaceError::NoFace => (StatusCode::BAD_REQUEST, "no_face"),
            FaceError::UnsupportedFormat { .. } => (StatusCode::UNSUPPORTED_MEDIA_TYPE, "unsupported_format"),
            FaceError::TooManyPixels { .. } => (StatusCode::PAYLOAD_TOO_LARGE, "image_too_large"),
            FaceError::TooSmall { .. } => (StatusCode::UNPROCESSABLE_ENTITY, "face_too_small"),
            FaceError::TooUnclear { .. } => (StatusCode::UNPROCESSABLE_ENTITY, "face_too_unclear"),
            FaceError::Runtime { .. }
            | FaceError::Model { .. }
            | FaceError::NotAsDescribed { .. }
            | FaceError::SideModel(_)
            | FaceError::Inference(_)
            | FaceError::Jpeg(_) => (StatusCode::INTERNAL_SERVER_ERROR, "engine_failed"),
        };
        Self::new(status, code, error.to_string())
    }
}

impl From<EnrolError> for ApiError {
    fn from(error: EnrolError) -> Self {
        match error {
            EnrolError::Photo(error) => error.into(),
            EnrolError::EmptyName | EnrolError::LongName { .. } | EnrolError::UnprintableName => {
                Self::bad_request("bad_name", error.to_string())
            }
            EnrolError::Store(error) => error.into(),
        }
    }
}

/// The details name files and hosts: they belong into the log, not into an answer to a stranger.
impl From<StoreError> for ApiError {
    fn from(error: StoreError) -> Self {
        tracing::error!(%error, "the database failed");
        let message = "the database cannot be used at the moment; the reason is in the log of the service";
        Self::new(StatusCode::SERVICE_UNAVAILABLE, "database_unavailable", message)
    }
}

impl From<CameraError> for ApiError {
    fn from(error: CameraError) -> Self {
        let message = error.to_string();
        let (status, code) = match error {
            CameraError::Unknown(_) => (StatusCode::NOT_FOUND, "unknown_camera"),
            CameraError::Fixed { .. } => (StatusCode::CONFLICT, "defined_elsewhere"),
            CameraError::Exists(_) => (StatusCode::CONFLICT, "camera_exists"),
            CameraError::TooMany => (StatusCode::CONFLICT, "too_many_cameras"),
            CameraError::Contended(_) => (StatusCode::CONFLICT, "changed_meanwhile"),
            CameraError::Unreadable { .. } => (StatusCode::CONFLICT, "unreadable_camera"),
            CameraError::Bad(_) => (StatusCode::UNPROCESSABLE_ENTITY, "bad_camera"),
            CameraError::NoPicture { .. } => return Self::no_picture(message),
            CameraError::Store(error) => return error.into(),
        };
        Self::new(status, code, message)
    }
}

/// The answer to a path that does not exist.
pub async fn not_found() -> ApiError {
    ApiError::new(
        StatusCode::NOT_FOUND,
        "not_found",
        "there is nothing at this address: /openapi.json lists what there is",
    )
}

/// The answer to a path that exists, asked with another method.
pub async fn method_not_allowed() -> ApiError {
    let message = "this address wants another method: /openapi.json says which";
    ApiError::new(StatusCode::METHOD_NOT_ALLOWED, "method_not_allowed", message)
}

/// The answer when a handler panicked: a defect of ours, which must not take the connection with it.
#[allow(clippy::needless_pass_by_value, reason = "the layer hands the panic over like this")]
pub fn panicked(panic: Box<dyn Any + Send>) -> Response {
    let text = panic.downcast_ref::<String>().map(String::as_str).or(panic.downcast_ref::<&str>().copied());
    tracing::error!(panic = text.unwrap_or("?"), "a request handler panicked");
    ApiError::new(
        StatusCode::INTERNAL_SERVER_ERROR,
        "internal_error",
        "an unexpected error; it is in the log of the service",
    )
    .into_response()
}
