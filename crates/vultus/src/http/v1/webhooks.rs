//! `/api/v1/webhooks`: which there are, what became of their deliveries, and those that were given up sent again.

use std::collections::BTreeMap;

use axum::Json;
use axum::extract::{Path, RawQuery, State};
use axum::http::StatusCode;
use serde::Serialize;
use store::{DeliveryFilter, LoggedDelivery, Micros, Resent};
use utoipa::{IntoParams, ToSchema};

use crate::http::error::ErrorBody;
use crate::http::{ApiError, Server};
use crate::webhooks::{DeliveryView, FullDelivery, Overview, STATES, WebhookView, state_of};

/// A page has so many deliveries when nobody says how many, and at most.
const USUAL_PAGE: u32 = 100;
const LARGEST_PAGE: u32 = 1000;

/// Every webhook.
#[derive(Serialize, ToSchema)]
pub struct WebhookList {
    /// The settings' first, then the cameras', then those of vultus.toml, then those for which only something is left.
    webhooks: Vec<WebhookView>,
}

/// A page of deliveries.
#[derive(Serialize, ToSchema)]
pub struct DeliveryPage {
    /// The newest first.
    deliveries: Vec<DeliveryView>,
    /// The cursor of the next page; null after the last.
    next: Option<String>,
}

/// Deliveries that are on their way again.
#[derive(Serialize, ToSchema)]
pub struct SentAgain {
    /// How many.
    sent: u64,
}

/// Which deliveries are wanted.
#[derive(IntoParams)]
#[into_params(parameter_in = Query)]
#[allow(dead_code, reason = "describes the query in the OpenAPI document; values are read one by one")]
pub(in crate::http) struct DeliveryParameters {
    /// `waiting`, `delivered` or `dead`.
    state: Option<String>,
    /// Those of one webhook, by its name.
    webhook: Option<String>,
    /// How many, 1–1000; 100 if not given.
    #[param(minimum = 1, maximum = 1000)]
    limit: Option<u32>,
    /// `next` of the page before.
    cursor: Option<String>,
}

/// Lists the webhooks with how each is doing.
#[utoipa::path(
    get, path = "/api/v1/webhooks", tag = "webhooks",
    responses(
        (status = 200, body = WebhookList),
        (status = 503, description = "database_unavailable", body = ErrorBody),
    )
)]
pub async fn list(State(server): State<Server>) -> Result<Json<WebhookList>, ApiError> {
    Ok(Json(WebhookList { webhooks: overview(&server).await?.views() }))
}

/// What became of deliveries, the newest first. Delivered ones are kept for 7 days, dead ones for 30, of each the newest 10,000.
#[utoipa::path(
    get, path = "/api/v1/webhooks/deliveries", tag = "webhooks", params(DeliveryParameters),
    responses(
        (status = 200, body = DeliveryPage),
        (status = 400, description = "bad_parameter", body = ErrorBody),
        (status = 404, description = "unknown_webhook", body = ErrorBody),
        (status = 503, description = "database_unavailable", body = ErrorBody),
    )
)]
pub async fn deliveries(
    State(server): State<Server>,
    RawQuery(query): RawQuery,
) -> Result<Json<DeliveryPage>, ApiError> {
    let mut query = Parameters::of(query.as_deref());
    let state = query.parsed("state", STATES, state_of)?;
    let in_range = |text: &str| text.parse().ok().filter(|limit| (1..=LARGEST_PAGE).contains(limit));
    let limit = query.parsed("limit", "a whole number, 1 to 1000", in_range)?.unwrap_or(USUAL_PAGE);
    let before = query.parsed("cursor", "`next` of the page before", cursor)?;
    let webhook = query.0.remove("webhook");
    query.end()?;
    let overview = overview(&server).await?;
    let targets = webhook.map(|webhook| targets(&overview, &webhook)).transpose()?;
    let filter = DeliveryFilter { state, targets, before };
    // One more than asked for tells whether there is a next page.
    let mut found = server.app.store().deliveries(&filter, limit + 1).await?;
    let is_last = found.len() <= limit as usize;
    found.truncate(limit as usize);
    let next = found.last().filter(|_| !is_last).map(|last| format!("{}.{}", last.created_at, last.id));
    let deliveries = found.iter().map(|delivery| DeliveryView::of(delivery, overview.name(&delivery.target))).collect();
    Ok(Json(DeliveryPage { deliveries, next }))
}

/// One delivery with its body. Its address and headers, in which secrets stand, are not kept.
#[utoipa::path(
    get, path = "/api/v1/webhooks/deliveries/{id}", tag = "webhooks", params(("id" = String, Path)),
    responses(
        (status = 200, body = FullDelivery),
        (status = 404, description = "unknown_delivery", body = ErrorBody),
        (status = 503, description = "database_unavailable", body = ErrorBody),
    )
)]
pub async fn delivery(State(server): State<Server>, Path(id): Path<String>) -> Result<Json<FullDelivery>, ApiError> {
    let found = find(&server, &id).await?;
    let name = uncounted(&server).await?.name(&found.target);
    Ok(Json(FullDelivery::of(&found, name)))
}

/// Sends a dead delivery again: it waits at the end of the outbox with its own id, body and time, as young as a new one.
#[utoipa::path(
    post, path = "/api/v1/webhooks/deliveries/{id}/send", tag = "webhooks", params(("id" = String, Path)),
    responses(
        (status = 202, body = SentAgain),
        (status = 404, description = "unknown_delivery", body = ErrorBody),
        (status = 409, description = "not_dead, webhook_gone", body = ErrorBody),
        (status = 503, description = "database_unavailable", body = ErrorBody),
    )
)]
pub async fn send(
    State(server): State<Server>,
    Path(id): Path<String>,
) -> Result<(StatusCode, Json<SentAgain>), ApiError> {
    let found = find(&server, &id).await?;
    check_in_use(&uncounted(&server).await?, &found.target)?;
    match server.app.store().resend(&id, Micros::now()).await? {
        Resent::Yes => Ok((StatusCode::ACCEPTED, Json(SentAgain { sent: 1 }))),
        Resent::Unknown => Err(unknown_delivery()),
        Resent::NotDead(state) => {
            let message = format!("this delivery is {}: only one that was given up can be sent again", state.as_str());
            Err(ApiError::new(StatusCode::CONFLICT, "not_dead", message))
        }
    }
}

/// Sends all dead deliveries of one webhook again, in the order of their time.
#[utoipa::path(
    post, path = "/api/v1/webhooks/dead/send", tag = "webhooks",
    params(("webhook" = String, Query, description = "the webhook's name")),
    responses(
        (status = 202, body = SentAgain),
        (status = 400, description = "bad_parameter", body = ErrorBody),
        (status = 404, description = "unknown_webhook", body = ErrorBody),
        (status = 409, description = "webhook_gone", body = ErrorBody),
        (status = 503, description = "database_unavailable", body = ErrorBody),
    )
)]
pub async fn send_all(
    State(server): State<Server>,
    RawQuery(query): RawQuery,
) -> Result<(StatusCode, Json<SentAgain>), ApiError> {
    let mut query = Parameters::of(query.as_deref());
    let missing = || ApiError::bad_request("bad_parameter", "say which webhook's, as in ?webhook=relay");
    let webhook = query.0.remove("webhook").ok_or_else(missing)?;
    query.end()?;
    let overview = overview(&server).await?;
    let mut sent = 0;
    for target in targets(&overview, &webhook)? {
        check_in_use(&overview, &target)?;
        sent += server.app.store().resend_all(&target, Micros::now()).await?;
    }
    Ok((StatusCode::ACCEPTED, Json(SentAgain { sent })))
}

async fn overview(server: &Server) -> Result<Overview, ApiError> {
    let settings = server.app.settings();
    let addresses = server.cameras.webhook_addresses(settings).await?;
    Ok(Overview::read(server.app.store(), settings, &addresses, &server.webhooks).await?)
}

/// For what is asked of one delivery, the others need not be counted.
async fn uncounted(server: &Server) -> Result<Overview, ApiError> {
    let settings = server.app.settings();
    let addresses = server.cameras.webhook_addresses(settings).await?;
    Ok(Overview::uncounted(settings, &addresses, &server.webhooks))
}

fn targets(overview: &Overview, webhook: &str) -> Result<Vec<String>, ApiError> {
    let targets = overview.targets(webhook);
    if targets.is_empty() {
        let message = format!("there is no webhook `{}`: /api/v1/webhooks lists those there are", shown(webhook));
        return Err(ApiError::new(StatusCode::NOT_FOUND, "unknown_webhook", message));
    }
    Ok(targets)
}

fn check_in_use(overview: &Overview, target: &str) -> Result<(), ApiError> {
    if overview.is_in_use(target) {
        return Ok(());
    }
    let message = "its webhook is not defined any more, so nobody would send it: define it again first";
    Err(ApiError::new(StatusCode::CONFLICT, "webhook_gone", message))
}

async fn find(server: &Server, id: &str) -> Result<LoggedDelivery, ApiError> {
    // Not every database takes every text.
    let found = if is_id(id) { server.app.store().delivery(id).await? } else { None };
    found.ok_or_else(unknown_delivery)
}

fn is_id(text: &str) -> bool {
    !text.is_empty() && text.len() <= 64 && text.bytes().all(|byte| byte.is_ascii_alphanumeric())
}

fn unknown_delivery() -> ApiError {
    let message = "there is no such delivery, or it is no longer kept";
    ApiError::new(StatusCode::NOT_FOUND, "unknown_delivery", message)
}

/// Time and id of the last delivery of a page.
fn cursor(text: &str) -> Option<(Micros, String)> {
    let (at, id) = text.split_once('.')?;
    Some((Micros(at.parse().ok()?), is_id(id).then(|| id.to_owned())?))
}

/// The query of a request: what nobody takes is refused, since a misspelt filter would find everything.
struct Parameters(BTreeMap<String, String>);

impl Parameters {
    fn of(query: Option<&str>) -> Self {
        let pairs = url::form_urlencoded::parse(query.unwrap_or_default().as_bytes());
        // The key was asked for on the way in.
        let given = pairs.filter(|(name, value)| name != "key" && !value.is_empty());
        Self(given.map(|(name, value)| (name.into_owned(), value.into_owned())).collect())
    }

    fn parsed<T>(
        &mut self,
        name: &str,
        allowed: &str,
        parse: impl FnOnce(&str) -> Option<T>,
    ) -> Result<Option<T>, ApiError> {
        let Some(text) = self.0.remove(name) else { return Ok(None) };
        let refused = || {
            let message = format!("`{name}` cannot be `{}`: it is {allowed}", shown(&text));
            ApiError::bad_request("bad_parameter", message)
        };
        parse(&text).ok_or_else(refused).map(Some)
    }

    fn end(self) -> Result<(), ApiError> {
        match self.0.keys().next() {
            None => Ok(()),
            Some(name) => {
                let message =
                    format!("there is no parameter `{}` here: /openapi.json lists those there are", shown(name));
                Err(ApiError::bad_request("bad_parameter", message))
            }
        }
    }
}

/// The start of what a caller sent.
fn shown(text: &str) -> String {
    text.chars().take(40).collect()
}
