use axum::Json;
use utoipa::openapi::OpenApi as Document;
use utoipa::openapi::security::{ApiKey, ApiKeyValue, SecurityScheme};
use utoipa::{Modify, OpenApi};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::v1::{attendance, cameras, events, nodes, people, photos, pictures, presence, visitors, webhooks};
use super::{Server, contract, recognize, register_faces};

/// Title and tags; the paths come from the handlers.
#[derive(OpenApi)]
#[openapi(
    paths(super::health::healthz, super::metrics::metrics),
    modifiers(&Key),
    security((), ("key" = [])),
    info(title = "vultus", description = "Face recognition for access control, attendance, gates and smart cameras."),
    tags(
        (name = "people", description = "Who is enrolled"),
        (name = "recognition", description = "Who is in a photo"),
        (name = "cameras", description = "What is watched, and what it sees"),
        (name = "events", description = "Who passed, when, and why it was decided so"),
        (name = "attendance", description = "Who was there and who was not"),
        (name = "visitors", description = "Who came and is not known"),
        (name = "webhooks", description = "Who is told of it, and what became of that"),
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
        .routes(routes!(cameras::list, cameras::add))
        .routes(routes!(cameras::get, cameras::change, cameras::remove))
        .routes(routes!(people::list))
        .routes(routes!(people::get, people::change))
        .routes(routes!(photos::add))
        .routes(routes!(presence::list))
        .routes(routes!(presence::let_out))
        .routes(routes!(pictures::snapshot))
        .routes(routes!(pictures::stream))
        .routes(routes!(events::list))
        .routes(routes!(events::export))
        .routes(routes!(events::follow))
        .routes(routes!(events::explain))
        .routes(routes!(events::face))
        .routes(routes!(events::frame))
        .routes(routes!(attendance::report))
        .routes(routes!(attendance::csv))
        .routes(routes!(attendance::attlog))
        .routes(routes!(attendance::read_attlog))
        .routes(routes!(attendance::list, attendance::add))
        .routes(routes!(attendance::withdraw))
        .routes(routes!(nodes::list))
        .routes(routes!(events::search))
        .routes(routes!(events::correct, events::take_back))
        .routes(routes!(visitors::list))
        .routes(routes!(visitors::get, visitors::change, visitors::forget))
        .routes(routes!(visitors::register))
        .routes(routes!(webhooks::list))
        .routes(routes!(webhooks::deliveries))
        .routes(routes!(webhooks::delivery))
        .routes(routes!(webhooks::send))
        .routes(routes!(webhooks::send_all))
}

/// The OpenAPI document, made from the code.
pub(super) async fn serve(document: Document) -> Json<Document> {
    Json(document)
}
