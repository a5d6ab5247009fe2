use axum::extract::Request;
use axum::http::StatusCode;
use serde::de::DeserializeOwned;
use serde_json::error::Category;

use crate::http::ApiError;
use crate::http::upload::{self, FORM_BYTES};

/// A small body as JSON.
///
/// # Errors
/// 400 `bad_json` for what is none, and 422 with the code `wrong` for JSON that is something else than what is wanted.
pub async fn json_of<T: DeserializeOwned>(request: Request, wrong: &'static str) -> Result<T, ApiError> {
    let body = upload::whole_body(request, FORM_BYTES, None).await?;
    serde_json::from_slice(&body).map_err(|error| match error.classify() {
        Category::Data => {
            let message = format!("the body is not the JSON that is wanted: {error}");
            ApiError::new(StatusCode::UNPROCESSABLE_ENTITY, wrong, message)
        }
        _ => ApiError::bad_request("bad_json", format!("this is no JSON: {error}")),
    })
}
