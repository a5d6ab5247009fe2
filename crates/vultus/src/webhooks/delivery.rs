use serde::Serialize;
use serde_json::Value;
use store::{DeliveryState, LoggedDelivery};
use utoipa::ToSchema;

/// The states of a delivery.
pub const STATES: &str = "waiting, delivered or dead";

/// A delivery as it may be shown.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct DeliveryView {
    /// What the receiver was told in `X-Vultus-Delivery`.
    pub id: String,
    /// To which webhook, by its name.
    #[schema(example = "relay")]
    webhook: String,
    /// Which camera it came from.
    camera: String,
    /// `waiting`, `delivered`, or `dead`: given up.
    state: &'static str,
    /// When it was recorded, in Unix seconds.
    created: f64,
    /// How often it was tried.
    attempts: u32,
    /// When it was delivered or given up.
    settled: Option<f64>,
    /// When it is tried next, of one that waits.
    next_attempt: Option<f64>,
    /// The HTTP status of the last answer, of one that is settled.
    status: Option<u16>,
    /// Why it was given up, or has failed last.
    #[schema(example = "it answered 422 Unprocessable Entity: no such gate")]
    reason: Option<String>,
}

/// A delivery with all that it says.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct FullDelivery {
    #[serde(flatten)]
    delivery: DeliveryView,
    /// What was sent, or is to be; empty for a request without a body.
    body: String,
    /// What its address and headers were filled with; null for the contract's webhook.
    #[schema(value_type = Option<Object>)]
    notice: Value,
}

impl DeliveryView {
    /// `delivery` to the webhook that is shown as `webhook`.
    pub fn of(delivery: &LoggedDelivery, webhook: String) -> Self {
        let is_waiting = delivery.state == DeliveryState::Waiting;
        let at = Some(delivery.at.as_seconds());
        Self {
            id: delivery.id.clone(),
            webhook,
            camera: delivery.camera.clone(),
            state: delivery.state.as_str(),
            created: delivery.created_at.as_seconds(),
            attempts: delivery.attempts,
            settled: at.filter(|_| !is_waiting),
            next_attempt: at.filter(|_| is_waiting),
            status: delivery.answer,
            reason: Some(delivery.reason.clone()).filter(|reason| !reason.is_empty()),
        }
    }

    /// One line for people.
    pub fn line(&self) -> String {
        let created = jiff::Timestamp::from_second(self.created as i64).map(|time| time.to_string());
        let mut line = format!(
            "{}  {}  {}  {}  {}  {} attempts",
            self.id,
            created.unwrap_or_default(),
            self.webhook,
            self.camera,
            self.state,
            self.attempts
        );
        if let Some(reason) = &self.reason {
            line.push_str(&format!(": {reason}"));
        }
        line
    }
}

impl FullDelivery {
    /// `delivery` to the webhook that is shown as `webhook`.
    pub fn of(delivery: &LoggedDelivery, webhook: String) -> Self {
        Self {
            delivery: DeliveryView::of(delivery, webhook),
            body: delivery.body.clone(),
            notice: serde_json::from_str(&delivery.facts).unwrap_or_default(),
        }
    }
}

/// The state of this name.
pub fn state_of(text: &str) -> Option<DeliveryState> {
    DeliveryState::ALL.into_iter().find(|state| state.as_str() == text)
}
