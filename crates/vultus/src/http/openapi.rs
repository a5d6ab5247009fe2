use axum::Json;
use utoipa::OpenApi;
use utoipa::openapi::OpenApi as Document;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::{Server, contract, recognize, register_faces};

/// Title and tags; the paths come from the handlers.
#[derive(OpenApi)]
#[openapi(
    info(title = "vultus", description = "Face recognition for access control, attendance, gates and smart cameras."),
    tags(
        (name = "people", description = "Who is enrolled"),
        (name = "recognition", description = "Who is in a photo"),
    )
)]
struct Base;

/// Every documented route with its handler.
pub(super) fn routes() -> OpenApiRouter<Server> {
    OpenApiRouter::with_openapi(Base::openapi())
        .routes(routes!(contract::register))
        .routes(routes!(contract::unregister))
        .routes(routes!(contract::faces))
        .routes(routes!(register_faces::register_faces))
        .routes(routes!(recognize::recognize))
}

/// The OpenAPI document, made from the code.
pub(super) async fn serve(document: Document) -> Json<Document> {
    Json(document)
}
