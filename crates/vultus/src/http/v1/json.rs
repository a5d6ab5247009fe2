use axum::extract::Request;
use serde::de::DeserializeOwned;

use crate::http::ApiError;
use crate::http::upload::{self, FORM_BYTES};

/// A small body as JSON.
///
/// # Errors
/// 400 `bad_json` says what is wrong where.
pub async fn json_of<T: DeserializeOwned>(request: Request) -> Result<T, ApiError> {
    let body = upload::whole_body(request, FORM_BYTES, None).await?;
    serde_json::from_slice(&body)
        .map_err(|error| ApiError::bad_request("bad_json", format!("the body is not the JSON that is wanted: {error}")))
}
