use axum::Json;
use utoipa::openapi::OpenApi as Document;
use utoipa::openapi::security::{ApiKey, ApiKeyValue, SecurityScheme};
use utoipa::{Modify, OpenApi};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::{Server, contract, recognize, register_faces, v1};

/// Title and tags; the paths come from the handlers.
#[derive(OpenApi)]
#[openapi(
    paths(super::health::healthz),
    modifiers(&Key),
    security((), ("key" = [])),
    info(title = "vultus", description = "Face recognition for access control, attendance, gates and smart cameras."),
    tags(
        (name = "people", description = "Who is enrolled"),
        (name = "recognition", description = "Who is in a photo"),
        (name = "events", description = "Who passed, when, and why it was decided so"),
        (name = "service", description = "How the service is doing"),
    )
)]
struct Base;

/// The key that is asked for when API_KEY is set.
struct Key;

impl Modify for Key {
    fn modify(&self, document: &mut Document) {
        let description = "Needed when API_KEY is set; also as `Authorization: Bearer` or `?key=`";
        let header = ApiKeyValue::with_description("X-API-Key", description);
        let schemes = document.components.get_or_insert_default();
        schemes.add_security_scheme("key", SecurityScheme::ApiKey(ApiKey::Header(header)));
    }
}

/// Every documented route with its handler.
pub(super) fn routes() -> OpenApiRouter<Server> {
    OpenApiRouter::with_openapi(Base::openapi())
        .routes(routes!(contract::register))
        .routes(routes!(contract::unregister))
        .routes(routes!(contract::faces))
        .routes(routes!(register_faces::register_faces))
        .routes(routes!(recognize::recognize))
        .routes(routes!(v1::events::list))
        .routes(routes!(v1::events::export))
        .routes(routes!(v1::events::follow))
        .routes(routes!(v1::events::explain))
        .routes(routes!(v1::events::face))
        .routes(routes!(v1::events::frame))
}

/// The OpenAPI document, made from the code.
pub(super) async fn serve(document: Document) -> Json<Document> {
    Json(document)
}
