//! `/api/v1/nodes`: the processes that share the database.

use axum::Json;
use axum::extract::State;

use crate::http::Server;
use crate::nodes::NodeList;

/// Every process with a gallery: by which version it decides, how far it is behind, and what it watches. Also while the database is
/// away, when only the process that is asked knows of itself.
#[utoipa::path(get, path = "/api/v1/nodes", tag = "service", responses((status = 200, body = NodeList)))]
pub async fn list(State(server): State<Server>) -> Json<NodeList> {
    Json(server.nodes.list().await)
}
